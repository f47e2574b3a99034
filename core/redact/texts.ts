// Where an interaction carries text, and how each such place is rewritten.
import type { Interaction, Message, TextPart, ToolCall } from '../contracts/index.ts';
import { unescaped } from './escapes.ts';
import type { Span } from './kinds.ts';
import { endsInKeyBlock, keyBodyLength } from './secrets.ts';

export interface TextMap {
  text(text: string): string;
  /** The answer's text, whose offsets evidence points at. */
  answer(text: string): string;
  /** A field of any shape. */
  json(value: unknown): unknown;
  /** The parts of one message, each rewritten alone before: values that begin in one and end in another. */
  across(texts: readonly string[]): string[];
}

/** Fields of a record that name things of ours, and none that a person wrote; all others are read, also those that no contract names. */
const OURS: ReadonlySet<string> = new Set(
  'schemaVersion source id time workload channel adapterDigest generation baseModel engineBuild promptVersion tenant session subject consentBasis retentionDays sampling finishReason usage traceparent redaction'.split(' '),
);

export function mapInteraction(interaction: Interaction, map: TextMap): Interaction {
  const mapped = { ...interaction };
  const { messages, answer, tools, outputSchema } = interaction;
  mapOthers(mapped, map);
  mapped.messages = messages.map((message) => mapMessage(message, map));
  if (tools !== undefined) mapped.tools = map.json(tools) as NonNullable<Interaction['tools']>;
  if (outputSchema !== undefined) mapped.outputSchema = map.json(outputSchema) as NonNullable<Interaction['outputSchema']>;
  mapped.answer = mapAnswer(answer, map);
  return mapped;
}

function mapAnswer({ toolCalls, text, ...said }: Interaction['answer'], map: TextMap): Interaction['answer'] {
  return { ...(map.json(said) as object), text: map.answer(text), ...(toolCalls === undefined ? {} : { toolCalls: toolCalls.map((call) => mapCall(call, map)) }) };
}

/** The fields that `mapInteraction` reads one by one. */
const READ: ReadonlySet<string> = new Set(['messages', 'answer', 'tools', 'outputSchema']);

function mapOthers(mapped: Record<string, unknown>, map: TextMap): void {
  for (const name of Object.keys(mapped)) if (!OURS.has(name) && !READ.has(name)) mapped[name] = (map.json({ [name]: mapped[name] }) as Record<string, unknown>)[name];
}

function mapMessage(message: Message, map: TextMap): Message {
  const { role, parts, toolCallId, toolCalls, ...others } = message;
  const mapped = parts.map(({ text, ...more }): TextPart => ({ ...(map.json(more) as Omit<TextPart, 'text'>), text: map.text(text) }) as TextPart);
  const texts = mapped.length < 2 ? null : map.across(mapped.map((part) => part.text));
  return {
    ...(map.json(others) as object),
    role,
    parts: texts === null ? mapped : mapped.map((part, index) => ({ ...part, text: texts[index] as string })),
    ...(toolCallId === undefined ? {} : { toolCallId: map.text(toolCallId) }),
    ...(toolCalls === undefined ? {} : { toolCalls: toolCalls.map((call) => mapCall(call, map)) }),
  };
}

/** Ids pair calls with their results: the same rewriting on both sides keeps the pair. */
const mapCall = ({ id, name, arguments: given, ...others }: ToolCall, map: TextMap): ToolCall => ({ ...(map.json(others) as object), name: map.text(name), arguments: map.text(given), ...(id === undefined ? {} : { id: map.text(id) }) });

/** Every text of an interaction that is searched, as a recogniser gets it: escapes are seen through. */
export function textsOf(interaction: Interaction): string[] {
  const texts = new Set<string>();
  const text = (written: string): string => {
    texts.add(unescaped(written).text);
    return written;
  };
  const json = (value: unknown): unknown => {
    if (typeof value === 'string') text(value);
    else if (typeof value === 'object' && value !== null) Object.values(value).forEach(json);
    return value;
  };
  mapInteraction(interaction, { text, answer: text, json, across: (parts) => [...parts] });
  return [...texts];
}

/** Characters on either side of a border that are looked at: no value is longer. */
const REACH = 400;

/** A line break ends every value that a pattern finds, but for a telephone number with its extension on the next line (and the block of a key, which is looked for apart). */
const endsAtBreak = (left: string, right: string): boolean =>
  (left.endsWith('\n') || right.startsWith('\n')) && !/^\s?(?:x|ext|durchwahl|poste)/i.test(right);

/**
 * Replaces values that reach over the border between two texts, and leaves those alone that one of the texts shows whole.
 * A surrogate is parted where the value was; one of another length stands in the first text. What goes on with a private key of the
 * text before is a secret of its own.
 * @param byPatterns patterns alone find values, no recogniser
 */
export function crossing(texts: readonly string[], find: (text: string) => readonly Span[], byPatterns: boolean, surrogateOf: (span: Span, value: string) => string): string[] {
  const result = [...texts];
  /** A private key goes on through whole texts. */
  let inKey = false;
  for (let i = 0; i + 1 < result.length; i += 1) {
    if (inKey || endsInKeyBlock(result[i] as string)) {
      const next = result[i + 1] as string;
      const length = keyBodyLength(next);
      inKey = length > 0 && length >= next.trimEnd().length;
      if (length > 0) result[i + 1] = surrogateOf({ kind: 'secret', start: 0, end: length, prefix: 0, cued: false }, next.slice(0, length)) + next.slice(length);
      continue;
    }
    const left = (result[i] as string).slice(-REACH);
    const right = (result[i + 1] as string).slice(0, REACH);
    if (byPatterns && endsAtBreak(left, right)) continue;
    if (!/[\p{L}\p{N}"._+/@:-]\s?$/u.test(left) || !/^\s?[\p{L}\p{N}@._+/=:()-]/u.test(right)) continue;
    const border = left.length;
    const span = find(left + right).find(({ start, end }) => start < border && end > border);
    if (span === undefined || find(left).some(({ end }) => end > span.start) || find(right).some(({ start }) => border + start < span.end)) continue;
    const value = (left + right).slice(span.start, span.end);
    const surrogate = surrogateOf(span, value);
    if (surrogate === value) continue;
    const split = surrogate.length === value.length ? border - span.start : surrogate.length;
    result[i] = (result[i] as string).slice(0, (result[i] as string).length - (border - span.start)) + surrogate.slice(0, split);
    result[i + 1] = surrogate.slice(split) + (result[i + 1] as string).slice(span.end - border);
  }
  return result;
}

/** Nesting of a field, as far as it is read. */
export const MAX_DEPTH = 64;

/** Every string and property name of a value, one by one. */
export function mapStrings(value: unknown, map: (text: string) => string, depth = 0): unknown {
  if (typeof value === 'string') return map(value);
  if (typeof value !== 'object' || value === null || depth > MAX_DEPTH) return value;
  if (Array.isArray(value)) return value.map((item) => mapStrings(item, map, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [map(name), mapStrings(item, map, depth + 1)]));
}
