// POST /v1/chat/completions: its messages and tools.
import type { Message, Tool, ToolCall } from '../core/contracts/index.ts';
import type { UntrustedSpan } from './headers.ts';
import { badRequest } from './refusal.ts';
import { assertSpansFit, isObject, readCommon, splitParts, type Ask } from './request.ts';

/** OpenAI's older `function` role is a tool's result by another name. */
const ROLES: Readonly<Record<string, Message['role']>> = { system: 'system', developer: 'developer', user: 'user', assistant: 'assistant', tool: 'tool', function: 'tool' };

/**
 * @param parsed the parsed body
 * @param untrusted ranges from the header; offsets count over a message's text parts joined
 * @throws Refusal 400 with the place (a JSON pointer into the body, or into the header)
 */
export function readChatRequest(parsed: unknown, untrusted: readonly UntrustedSpan[]): Ask {
  const { body, common } = readCommon(parsed);
  const list = body['messages'];
  if (!Array.isArray(list) || list.length === 0) throw badRequest('/messages: must be an array with at least one message', 'messages');
  assertSpansFit(untrusted, list.length);
  return { ...common, prompts: [list.map((message: unknown, index) => readMessage(message, index, untrusted))], tools: readTools(body['tools']) };
}

function readMessage(message: unknown, index: number, untrusted: readonly UntrustedSpan[]): Message {
  const at = (place = ''): string => `/messages/${index}${place}`;
  if (!isObject(message)) throw badRequest(`${at()}: must be an object`, at());
  const role = typeof message['role'] === 'string' && Object.hasOwn(ROLES, message['role']) ? ROLES[message['role']] : undefined;
  if (role === undefined) throw badRequest(`${at('/role')}: must be one of ${Object.keys(ROLES).join(', ')}`, at('/role'));
  // A tool's result came from outside; what the header marks did too.
  const read: Message = { role, parts: splitParts(textsOf(message['content'], at), role !== 'tool', index, untrusted) };
  if (typeof message['name'] === 'string') read.name = message['name'];
  if (typeof message['tool_call_id'] === 'string') read.toolCallId = message['tool_call_id'];
  const toolCalls = readToolCalls(message['tool_calls']);
  if (toolCalls.length > 0) read.toolCalls = toolCalls;
  return read;
}

/** What is no text (an image, a sound) is named in its place, so that a reader sees that something was there. */
function textsOf(content: unknown, at: (place: string) => string): string[] {
  if (typeof content === 'string') return [content];
  if (content === null || content === undefined) return [];
  if (!Array.isArray(content)) throw badRequest(`${at('/content')}: must be a string or an array of parts`, at('/content'));
  return content.map((part: unknown, index) => {
    if (!isObject(part) || typeof part['type'] !== 'string') throw badRequest(`${at(`/content/${index}`)}: must be a part with a type`, at(`/content/${index}`));
    return typeof part['text'] === 'string' ? part['text'] : `[${part['type']}]`;
  });
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
