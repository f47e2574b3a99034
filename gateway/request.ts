// What the event needs out of a request, whichever of the two APIs it came by; the request itself goes upstream as the client wrote it.
import type { Message, Sampling, TextPart, Tool } from '../core/contracts/index.ts';
import type { UntrustedSpan } from './headers.ts';
import { badRequest } from './refusal.ts';

export interface Ask {
  model: string;
  stream: boolean;
  /** As it was sent; `undefined` where it was not. */
  streamOptions: unknown;
  /** What the model reads: the conversation, or each prompt of a text completion. */
  prompts: Message[][];
  /** How many answers to each prompt were asked for. */
  n: number;
  tools: Tool[] | undefined;
  sampling: Sampling;
  /** Schema that the decoding is bound to, when the request gives one. */
  outputSchema: Record<string, unknown> | undefined;
  /** The decoding constraint in `response_format`'s words. */
  responseFormat: Record<string, unknown> | undefined;
  user: string | undefined;
}

/** @throws Refusal 400 with the place (a JSON pointer into the body) */
export function readCommon(body: unknown): { body: Record<string, unknown>; common: Omit<Ask, 'prompts' | 'tools'> } {
  if (!isObject(body)) throw badRequest('the body must be a JSON object');
  if (typeof body['model'] !== 'string') throw badRequest('/model: must be a string', 'model');
  const n = body['n'] ?? 1;
  const common = {
    model: body['model'],
    stream: body['stream'] === true,
    streamOptions: body['stream_options'],
    // What is of the wrong type is the engine's to refuse.
    n: typeof n === 'number' && Number.isSafeInteger(n) && n > 0 ? n : 1,
    sampling: readSampling(body),
    ...readConstraint(body),
    user: typeof body['user'] === 'string' && body['user'] !== '' ? body['user'] : undefined,
  };
  return { body, common };
}

function readSampling(body: Record<string, unknown>): Sampling {
  const sampling: Sampling = {};
  const { temperature, top_p: topP, seed } = body;
  if (typeof temperature === 'number') sampling.temperature = temperature;
  if (typeof topP === 'number') sampling.topP = topP;
  for (const limit of [body['max_completion_tokens'], body['max_tokens']]) {
    if (sampling.maxTokens === undefined && isWhole(limit)) sampling.maxTokens = limit;
  }
  if (isWhole(seed)) sampling.seed = seed;
  return sampling;
}

/** OpenAI's `response_format`, or vLLM's own `structured_outputs.json` and `guided_json` told in its words: evaluation asks under the same. */
function readConstraint(body: Record<string, unknown>): Pick<Ask, 'outputSchema' | 'responseFormat'> {
  const format = body['response_format'];
  if (isObject(format)) {
    const schema = format['type'] === 'json_schema' && isObject(format['json_schema']) ? format['json_schema']['schema'] : undefined;
    return { outputSchema: isObject(schema) ? schema : undefined, responseFormat: format };
  }
  const own = isObject(body['structured_outputs']) ? body['structured_outputs']['json'] : body['guided_json'];
  const schema = typeof own === 'string' ? parsed(own) : own;
  if (!isObject(schema)) return { outputSchema: undefined, responseFormat: undefined };
  return { outputSchema: schema, responseFormat: { type: 'json_schema', json_schema: { name: 'structured_outputs', schema } } };
}

/** Cuts a message's texts at the borders of its untrusted ranges; offsets count over the texts joined. */
export function splitParts(texts: readonly string[], trusted: boolean, message: number, untrusted: readonly UntrustedSpan[]): TextPart[] {
  if (untrusted.length === 0) return texts.map((text) => ({ text, trusted }));
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

/** @throws Refusal 400 when a range names a message (or prompt) that is not there */
export function assertSpansFit(untrusted: readonly UntrustedSpan[], count: number): void {
  untrusted.forEach((span, index) => {
    if (span.message >= count) throw badRequest(`header x-ratchet-untrusted/${index}/message: there are ${count} messages`, 'x-ratchet-untrusted');
  });
}

export const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
const isWhole = (value: unknown): value is number => Number.isSafeInteger(value);

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
