// Reads what the event needs out of an OpenAI chat request; the request itself goes upstream as the client wrote it.
import type { Message, Sampling, TextPart, Tool, ToolCall } from '../core/contracts/index.ts';
import type { UntrustedSpan } from './headers.ts';
import { badRequest } from './refusal.ts';

export interface ChatFields {
  model: string;
  stream: boolean;
  messages: Message[];
  tools: Tool[] | undefined;
  sampling: Sampling;
  /** Schema of `response_format`, when it gives one. */
  outputSchema: Record<string, unknown> | undefined;
  /** `response_format` as it was sent. */
  responseFormat: Record<string, unknown> | undefined;
  user: string | undefined;
}

/** OpenAI's older `function` role is a tool's result by another name. */
const ROLES: Readonly<Record<string, Message['role']>> = { system: 'system', developer: 'developer', user: 'user', assistant: 'assistant', tool: 'tool', function: 'tool' };

/**
 * @param body the parsed body
 * @param untrusted ranges from the header; offsets count over a message's text parts joined
 * @throws Refusal 400 with the place (a JSON pointer into the body, or into the header)
 */
export function readChatRequest(body: unknown, untrusted: readonly UntrustedSpan[]): ChatFields {
  if (!isObject(body)) throw badRequest('the body must be a JSON object');
  if (typeof body['model'] !== 'string') throw badRequest('/model: must be a string', 'model');
  const list = body['messages'];
  if (!Array.isArray(list) || list.length === 0) throw badRequest('/messages: must be an array with at least one message', 'messages');
  untrusted.forEach((span, index) => {
    if (span.message >= list.length) throw badRequest(`header x-ratchet-untrusted/${index}/message: there are ${list.length} messages`, 'x-ratchet-untrusted');
  });
  return {
    model: body['model'],
    stream: body['stream'] === true,
    messages: list.map((message: unknown, index) => readMessage(message, index, untrusted)),
    tools: readTools(body['tools']),
    sampling: readSampling(body),
    outputSchema: schemaOf(body['response_format']),
    responseFormat: isObject(body['response_format']) ? body['response_format'] : undefined,
    user: typeof body['user'] === 'string' && body['user'] !== '' ? body['user'] : undefined,
  };
}

function readMessage(message: unknown, index: number, untrusted: readonly UntrustedSpan[]): Message {
  const at = `/messages/${index}`;
  if (!isObject(message)) throw badRequest(`${at}: must be an object`, at);
  const role = typeof message['role'] === 'string' && Object.hasOwn(ROLES, message['role']) ? ROLES[message['role']] : undefined;
  if (role === undefined) throw badRequest(`${at}/role: must be one of ${Object.keys(ROLES).join(', ')}`, `${at}/role`);
  const toolCalls = readToolCalls(message['tool_calls']);
  return {
    role,
    parts: splitParts(textsOf(message['content'], at), role !== 'tool', index, untrusted),
    ...(typeof message['name'] === 'string' ? { name: message['name'] } : {}),
    ...(typeof message['tool_call_id'] === 'string' ? { toolCallId: message['tool_call_id'] } : {}),
    ...(toolCalls.length > 0 ? { toolCalls } : {}),
  };
}

/** What is no text (an image, a sound) is named in its place, so that a reader sees that something was there. */
function textsOf(content: unknown, at: string): string[] {
  if (typeof content === 'string') return [content];
  if (content === null || content === undefined) return [];
  if (!Array.isArray(content)) throw badRequest(`${at}/content: must be a string or an array of parts`, `${at}/content`);
  return content.map((part: unknown, index) => {
    if (!isObject(part) || typeof part['type'] !== 'string') throw badRequest(`${at}/content/${index}: must be a part with a type`, `${at}/content/${index}`);
    return typeof part['text'] === 'string' ? part['text'] : `[${part['type']}]`;
  });
}

/** Cuts the texts at the borders of the message's untrusted ranges. */
function splitParts(texts: readonly string[], trusted: boolean, message: number, untrusted: readonly UntrustedSpan[]): TextPart[] {
  const length = texts.reduce((sum, text) => sum + text.length, 0);
  untrusted.forEach((span, index) => {
    if (span.message === message && span.end > length) {
      throw badRequest(`header x-ratchet-untrusted/${index}/end: message ${message} has ${length} UTF-16 code units of text`, 'x-ratchet-untrusted');
    }
  });
  const spans = untrusted.filter((span) => span.message === message);
  const parts: TextPart[] = [];
  let offset = 0;
  for (const text of texts) {
    const end = offset + text.length;
    const cuts = new Set([offset, end, ...spans.flatMap((span) => [span.start, span.end]).filter((cut) => cut > offset && cut < end)]);
    const borders = [...cuts].sort((a, b) => a - b);
    for (const [index, from] of borders.entries()) {
      const to = borders[index + 1];
      if (to === undefined) break;
      const inside = spans.some((span) => span.start <= from && to <= span.end);
      const last = parts.at(-1);
      const piece = { text: text.slice(from - offset, to - offset), trusted: trusted && !inside };
      // Touching or overlapping ranges make one part.
      if (last && index > 0 && last.trusted === piece.trusted) last.text += piece.text;
      else parts.push(piece);
    }
    offset = end;
  }
  return parts;
}

export function readToolCalls(value: unknown): ToolCall[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((call: unknown): ToolCall[] => {
    const fn = isObject(call) ? call['function'] : undefined;
    if (!isObject(call) || !isObject(fn) || typeof fn['name'] !== 'string') return [];
    return [{ ...(typeof call['id'] === 'string' ? { id: call['id'] } : {}), name: fn['name'], arguments: typeof fn['arguments'] === 'string' ? fn['arguments'] : '' }];
  });
}

function readTools(value: unknown): Tool[] | undefined {
  if (!Array.isArray(value) || value.length === 0) return undefined;
  return value.flatMap((tool: unknown): Tool[] => {
    const fn = isObject(tool) ? tool['function'] : undefined;
    if (!isObject(fn) || typeof fn['name'] !== 'string') return [];
    return [{
      name: fn['name'],
      ...(typeof fn['description'] === 'string' ? { description: fn['description'] } : {}),
      ...(isObject(fn['parameters']) ? { parameters: fn['parameters'] } : {}),
    }];
  });
}

function readSampling(body: Record<string, unknown>): Sampling {
  const number = (name: string): number | undefined => (typeof body[name] === 'number' ? body[name] : undefined);
  const whole = (name: string): number | undefined => (Number.isSafeInteger(body[name]) ? (body[name] as number) : undefined);
  const sampling: Sampling = { temperature: number('temperature'), topP: number('top_p'), maxTokens: whole('max_completion_tokens') ?? whole('max_tokens'), seed: whole('seed') };
  return Object.fromEntries(Object.entries(sampling).filter(([, value]) => value !== undefined));
}

function schemaOf(format: unknown): Record<string, unknown> | undefined {
  if (!isObject(format) || format['type'] !== 'json_schema' || !isObject(format['json_schema'])) return undefined;
  const schema = format['json_schema']['schema'];
  return isObject(schema) ? schema : undefined;
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
