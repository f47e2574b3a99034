// Replaces personal data and secrets by surrogates of the same format, so that what is stored can still be learned from.
import type { Interaction } from '../contracts/index.ts';
import { unescaped } from './escapes.ts';
import { findSpans } from './find.ts';
import { Keyed } from './keyed.ts';
import type { Kind, Span } from './kinds.ts';
import type { Edit, OffsetMap } from './offsets.ts';
import type { Recogniser } from './recogniser.ts';
import { compact, hashOf, isNumber, replaceReplaced, type ReplacedValue } from './replaced.ts';
import { surrogateFor } from './surrogate.ts';
import { crossing, mapInteraction, type TextMap } from './texts.ts';

export { mapRange, type OffsetMap } from './offsets.ts';
export { names } from './names.ts';
export type { NamedSpan, Recogniser } from './recogniser.ts';
export type { ReplacedValue } from './replaced.ts';
export { textsOf } from './texts.ts';

export const REDACTOR_VERSION = 'redactor@2';

export interface RedactedInteraction {
  interaction: Interaction;
  /** Stretches of text that changed. */
  replaced: number;
  /** From the raw text of the answer to the redacted one. */
  answerOffsets: OffsetMap;
  /** What only the words around it gave away: a correction may carry it without them. */
  values: ReplacedValue[];
}

export interface Redactor {
  /** Of the patterns, and of the recogniser where there is one. */
  readonly version: string;
  /** The text with every value replaced that is found in it. JSON stays JSON, and redacting twice changes nothing more. */
  redactText(text: string): string;
  /** The same, and where each place of the raw text now lies. */
  redactWithOffsets(text: string): { text: string; offsets: OffsetMap };
  /** Every string and property name of a value of any shape; a property's name counts as the words before its value. */
  redactJson(value: unknown): unknown;
  /** Every text of an interaction; a value found anywhere is replaced everywhere, and by the same surrogate. */
  redactInteraction(interaction: Interaction): RedactedInteraction;
  /**
   * Another answer to an interaction: a correction, a truth.
   * @param values as the interaction was kept with; its surrogates then stand in the answer, too, whatever words are left there
   */
  redactAnswer(answer: string, values: readonly ReplacedValue[]): string;
}

/** What one text or one interaction has shown so far. */
interface Session {
  replaced: number;
  /** Surrogates by kind and value. */
  surrogates: Map<string, string>;
  /** Those made here: they need no second look. */
  made: Set<string>;
  /** Values as they stood in the text, looked for again where no word gives them away. */
  known: Map<string, string>;
  values: Map<string, ReplacedValue>;
}

const newSession = (): Session => ({ replaced: 0, surrogates: new Map(), made: new Set(), known: new Map(), values: new Map() });

/** Passes over one text: where numbers touch, one may only be seen once its neighbour is a surrogate. */
const MAX_PASSES = 4;
/** Values that are looked for again; a record with more of them is a list, where each stands with its like. */
const MAX_KNOWN = 100;
const MAX_VALUES = 50;

/**
 * @param tenantKey the same key gives the same surrogate for the same value; another key gives another one
 * @param recogniser finds names and addresses; without one they stay
 */
export function createRedactor(tenantKey: string, recogniser?: Recogniser): Redactor {
  const keyed = new Keyed(tenantKey);

  const redact = (written: string, session: Session, passes?: Edit[][]): string => {
    let result = written;
    for (let pass = 0; pass < MAX_PASSES; pass += 1) {
      const before = result;
      const edits: Edit[] = [];
      result = redactOnce(before, session, edits);
      if (result === before) break;
      passes?.push(edits);
      if (edits.every((edit) => standsApart(result, edit))) break;
    }
    return result;
  };

  const surrogateOf = ({ kind, prefix, cued }: Span, value: string, session: Session): string => {
    if (session.made.has(value)) return value;
    const name = `${kind} ${value}`;
    let surrogate = session.surrogates.get(name);
    if (surrogate === undefined) {
      surrogate = surrogateFor(keyed, kind, value, prefix, (text) => redact(text, session));
      session.surrogates.set(name, surrogate);
      session.made.add(surrogate);
      if (surrogate !== value) remember(session, kind, value, surrogate, cued);
    }
    return surrogate;
  };

  const remember = (session: Session, kind: Kind, value: string, surrogate: string, cued: boolean): void => {
    if (session.known.size < MAX_KNOWN && (cued || isNumber(kind))) {
      session.known.set(value, surrogate);
      if (isNumber(kind)) session.known.set(compact(value), compact(surrogate));
    }
    if (!cued || session.values.size >= MAX_VALUES) return;
    const plain = isNumber(kind) ? compact(value) : value;
    const hash = hashOf(keyed, kind, plain);
    session.values.set(hash, { kind, hash, length: plain.length, surrogate: isNumber(kind) ? compact(surrogate) : surrogate });
  };

  const redactOnce = (written: string, session: Session, edits: Edit[]): string => {
    const { text, offsets } = unescaped(written);
    const spans = findSpans(text, recogniser);
    if (spans.length === 0) return written;
    let result = '';
    let from = 0;
    for (const span of spans) {
      const { start, end } = span;
      const value = text.slice(start, end);
      const surrogate = surrogateOf(span, value, session);
      if (surrogate === value) continue;
      session.replaced += 1;
      const writtenStart = offsets ? (offsets[start] as number) : start;
      const writtenEnd = offsets ? (offsets[end] as number) : end;
      result += written.slice(from, writtenStart);
      const stands = rewritten(written, offsets, start, value, surrogate);
      edits.push({ from: writtenStart, to: writtenEnd, storedFrom: result.length, storedTo: result.length + stands.length });
      result += stands;
      from = writtenEnd;
    }
    return result + written.slice(from);
  };

  /** With the name of its property in front, where that tells what the text is. */
  const redactNamed = (name: string, text: string, session: Session): string => {
    const before = `${name}: `;
    const whole = redact(before + text, session);
    return whole.startsWith(before) ? whole.slice(before.length) : redact(text, session);
  };

  const redactJson = (value: unknown, session: Session, depth = 0, name = ''): unknown => {
    if (typeof value === 'string') return name === '' ? redact(value, session) : redactNamed(name, value, session);
    if (typeof value === 'number') return redactNumber(name, value, session);
    if (typeof value !== 'object' || value === null) return value;
    // Deeper than any field that we know of: dropped rather than kept unread.
    if (depth > MAX_DEPTH) return null;
    if (Array.isArray(value)) return value.map((item) => redactJson(item, session, depth + 1, name));
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [redact(key, session), redactJson(item, session, depth + 1, key)]));
  };

  /** Tools and schemas come with every record and hold nothing to replace: they are read as one text. */
  const isClean = (value: object): boolean => findSpans(unescaped(JSON.stringify(value)).text, recogniser).length === 0;

  const redactNumber = (name: string, value: number, session: Session): number => {
    if (!Number.isSafeInteger(value) || value < LEAST_NUMBER) return value;
    const redacted = Number(redactNamed(name, String(value), session));
    return Number.isSafeInteger(redacted) ? redacted : value;
  };

  const textMap = (session: Session, passes: Edit[][]): TextMap => ({
    text: (text) => redact(text, session),
    answer: (text) => redact(text, session, passes),
    json: (value) => (typeof value === 'object' && value !== null && isClean(value) ? value : redactJson(value, session)),
    across: (texts) => crossing(texts, (text) => findSpans(text, recogniser), (span, value) => {
      const surrogate = surrogateOf(span, value, session);
      if (surrogate !== value) session.replaced += 1;
      return surrogate;
    }),
  });

  /** A number that only the words around it gave away in one place stands without them in another. */
  const knownMap = (session: Session, passes: Edit[][]): TextMap => {
    const again = (text: string): string => replaceKnown(text, session);
    const json = (value: unknown): unknown => mapStrings(value, again, 0);
    return { text: again, answer: (text) => replaceKnown(text, session, passes), json, across: (texts) => [...texts] };
  };

  return {
    version: recogniser ? `${REDACTOR_VERSION}+${recogniser.version}` : REDACTOR_VERSION,
    redactText: (text) => redact(text, newSession()),

    redactWithOffsets(text) {
      const offsets: Edit[][] = [];
      return { text: redact(text, newSession(), offsets), offsets };
    },

    redactJson: (value) => redactJson(value, newSession()),

    redactInteraction(raw) {
      const session = newSession();
      const answerOffsets: Edit[][] = [];
      const once = mapInteraction(raw, textMap(session, answerOffsets));
      const interaction = session.known.size > 0 ? mapInteraction(once, knownMap(session, answerOffsets)) : once;
      return { interaction, replaced: session.replaced, answerOffsets, values: [...session.values.values()] };
    },

    // First what the interaction knew: the words left here might tell less of it, or something else.
    redactAnswer: (answer, values) => redact(values.length === 0 ? answer : replaceReplaced(keyed, answer, values), newSession()),
  };
}

const MAX_DEPTH = 64;
/** A number with fewer digits is no number of a person. */
const LEAST_NUMBER = 1_000_000;

/** Unchanged characters stay as they were written: a key block keeps its escaped line breaks. Surrogates need no escape. */
function rewritten(written: string, offsets: Int32Array | null, start: number, value: string, surrogate: string): string {
  if (offsets === null || surrogate.length !== value.length) return surrogate;
  let result = '';
  for (let i = 0; i < value.length; i += 1) result += value[i] === surrogate[i] ? written.slice(offsets[start + i], offsets[start + i + 1]) : surrogate[i];
  return result;
}

/**
 * Nothing beside the surrogate can be one value with it: space, a quote, a bracket or the end of a sentence is next to it, and no
 * digit within reach of a number's separators. Most do, and need no second pass.
 */
const standsApart = (text: string, { storedFrom, storedTo }: Edit): boolean =>
  /(?:^|[\s"<[{,:])$/.test(text.slice(Math.max(storedFrom - 1, 0), storedFrom)) && !/\d[^\p{L}\p{N}]{1,3}$/u.test(text.slice(Math.max(storedFrom - 4, 0), storedFrom)) &&
  /^(?:[.,;:!?]?(?:[\s"<>\]},;]|$))(?![^\p{L}\p{N}]{0,2}\d)/u.test(text.slice(storedTo, storedTo + 5));

function replaceKnown(text: string, session: Session, passes?: Edit[][]): string {
  let result = text;
  for (const [value, surrogate] of session.known) {
    if (value.length < 7 || value === surrogate || !result.includes(value)) continue;
    const whole = new RegExp(`(?<![\\p{L}\\p{N}])${value.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')}(?![\\p{L}\\p{N}])`, 'gu');
    const edits: Edit[] = [];
    let shift = 0;
    result = result.replace(whole, (found: string, at: number) => {
      edits.push({ from: at, to: at + found.length, storedFrom: at + shift, storedTo: at + shift + surrogate.length });
      shift += surrogate.length - found.length;
      session.replaced += 1;
      return surrogate;
    });
    if (edits.length > 0) passes?.push(edits);
  }
  return result;
}

function mapStrings(value: unknown, map: (text: string) => string, depth: number): unknown {
  if (typeof value === 'string') return map(value);
  if (typeof value !== 'object' || value === null || depth > MAX_DEPTH) return value;
  if (Array.isArray(value)) return value.map((item) => mapStrings(item, map, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [map(name), mapStrings(item, map, depth + 1)]));
}
