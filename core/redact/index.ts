// Replaces personal data and secrets by surrogates of the same format, so that what is stored can still be learned from.
import type { Interaction, Message, TextPart, ToolCall } from '../contracts/index.ts';
import { unescaped } from './escapes.ts';
import { findSpans } from './find.ts';
import { surrogateFor, type Kind } from './surrogate.ts';

export const REDACTOR_VERSION = 'redactor@1';

export interface Redactor {
  /** The text with every value replaced that is found in it. JSON stays JSON, and redacting twice changes nothing more. */
  redactText(text: string): string;
  /**
   * Messages, answer and tool calls redacted; a value found anywhere is replaced everywhere, and by the same surrogate.
   * @returns `replaced` counts the stretches of text that changed
   */
  redactInteraction(interaction: Interaction): { interaction: Interaction; replaced: number };
}

/** What one text or one interaction has shown so far. */
interface Session {
  replaced: number;
  /** Surrogates by kind and value. */
  surrogates: Map<string, string>;
  /** Values as they stood in the text, looked for again where no word gives them away. */
  known: Map<string, string>;
}

const newSession = (): Session => ({ replaced: 0, surrogates: new Map(), known: new Map() });

/** Passes over one text: where numbers touch, one may only be seen once its neighbour is a surrogate. */
const MAX_PASSES = 4;

/** @param tenantKey the same key gives the same surrogate for the same value; another key gives another one */
export function createRedactor(tenantKey: string): Redactor {
  const redact = (written: string, session: Session): string => {
    let result = written;
    for (let pass = 0; pass < MAX_PASSES; pass += 1) {
      const before = result;
      result = redactOnce(before, session);
      if (result === before) break;
    }
    return result;
  };

  const redactOnce = (written: string, session: Session): string => {
    const { text, offsets } = unescaped(written);
    const spans = findSpans(text);
    if (spans.length === 0) return written;
    let result = '';
    let from = 0;
    for (const { kind, start, end, prefix } of spans) {
      const value = text.slice(start, end);
      const name = `${kind} ${value}`;
      let surrogate = session.surrogates.get(name);
      if (surrogate === undefined) session.surrogates.set(name, (surrogate = surrogateFor(tenantKey, kind, value, prefix)));
      if (surrogate === value) continue;
      remember(session.known, kind, value, surrogate);
      session.replaced += 1;
      const writtenStart = offsets ? (offsets[start] as number) : start;
      const writtenEnd = offsets ? (offsets[end] as number) : end;
      result += written.slice(from, writtenStart) + rewritten(written, offsets, start, value, surrogate);
      from = writtenEnd;
    }
    return result + written.slice(from);
  };

  return {
    redactText: (text) => redact(text, newSession()),

    redactInteraction(interaction) {
      const session = newSession();
      const once = mapTexts(interaction, (text) => redact(text, session));
      // A number that only the words around it gave away in one place stands without them in another.
      const redacted = session.known.size > 0 ? mapTexts(once, (text) => replaceKnown(text, session)) : once;
      return { interaction: redacted, replaced: session.replaced };
    },
  };
}

/** Unchanged characters stay as they were written: a key block keeps its escaped line breaks. Surrogates need no escape. */
function rewritten(written: string, offsets: Int32Array | null, start: number, value: string, surrogate: string): string {
  if (offsets === null || surrogate.length !== value.length) return surrogate;
  let result = '';
  for (let i = 0; i < value.length; i += 1) result += value[i] === surrogate[i] ? written.slice(offsets[start + i], offsets[start + i + 1]) : surrogate[i];
  return result;
}

const NUMBERS: ReadonlySet<Kind> = new Set(['card', 'iban', 'phone', 'ssn']);
/** Values that are looked for again; a record with more of them is a list, where each stands with its like. */
const MAX_KNOWN = 300;
const compact = (text: string): string => text.replace(/[^A-Za-z0-9]/g, '');

function remember(known: Map<string, string>, kind: Kind, value: string, surrogate: string): void {
  if (known.size >= MAX_KNOWN) return;
  known.set(value, surrogate);
  if (NUMBERS.has(kind)) known.set(compact(value), compact(surrogate));
}

function replaceKnown(text: string, session: Session): string {
  let result = text;
  for (const [value, surrogate] of session.known) {
    if (value.length < 7 || !result.includes(value)) continue;
    const whole = new RegExp(`(?<![\\p{L}\\p{N}])${value.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')}(?![\\p{L}\\p{N}])`, 'gu');
    result = result.replace(whole, () => {
      session.replaced += 1;
      return surrogate;
    });
  }
  return result;
}

type MapText = (text: string) => string;

function mapTexts(interaction: Interaction, map: MapText): Interaction {
  const { messages, answer } = interaction;
  const { toolCalls, ...said } = answer;
  return {
    ...interaction,
    messages: messages.map((message) => mapMessage(message, map)),
    answer: { ...mapFields(said, map), ...(toolCalls === undefined ? {} : { toolCalls: toolCalls.map((call) => mapCall(call, map)) }) },
  };
}

function mapMessage(message: Message, map: MapText): Message {
  const { role, parts, toolCalls, toolCallId, ...others } = message;
  return {
    ...mapFields(others, map),
    role,
    parts: parts.map((part): TextPart => mapFields(part, map)),
    ...(toolCallId === undefined ? {} : { toolCallId }),
    ...(toolCalls === undefined ? {} : { toolCalls: toolCalls.map((call) => mapCall(call, map)) }),
  };
}

/** The name is the tool's, not a person's. */
const mapCall = (call: ToolCall, map: MapText): ToolCall => ({ ...mapFields({ ...call, name: '' }, map), name: call.name, ...(call.id === undefined ? {} : { id: call.id }) });

/** Every string of a small object, also in fields that no contract names. */
function mapFields<T extends object>(fields: T, map: MapText): T {
  const mapped: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) mapped[name] = mapValue(value, map, 0);
  return mapped as T;
}

const MAX_DEPTH = 64;

function mapValue(value: unknown, map: MapText, depth: number): unknown {
  if (typeof value === 'string') return map(value);
  if (typeof value !== 'object' || value === null) return value;
  // Deeper than any field that we know of: dropped rather than kept unread.
  if (depth > MAX_DEPTH) return null;
  if (Array.isArray(value)) return value.map((item) => mapValue(item, map, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, mapValue(item, map, depth + 1)]));
}
