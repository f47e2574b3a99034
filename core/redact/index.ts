// Replaces personal data and secrets by surrogates of the same format, so that what is stored can still be learned from.
import type { Interaction } from '../contracts/index.ts';
import { rewritten, unescaped } from './escapes.ts';
import { remembered } from '../remembered.ts';
import { findSpans } from './find.ts';
import { Keyed } from './keyed.ts';
import type { Span } from './kinds.ts';
import type { Edit, OffsetMap } from './offsets.ts';
import type { Recogniser } from './recogniser.ts';
import { replaceReplaced, type ReplacedValue } from './replaced.ts';
import { newSession, remember, replaceKnown, type Session } from './session.ts';
import { surrogateFor } from './surrogate.ts';
import { crossing, mapInteraction, mapStrings, MAX_DEPTH, type TextMap } from './texts.ts';

export { mapRange, type OffsetMap } from './offsets.ts';
export { names } from './names.ts';
export type { NamedSpan, Recogniser } from './recogniser.ts';
export type { ReplacedValue } from './replaced.ts';
export { textsOf } from './texts.ts';

export const REDACTOR_VERSION = 'redactor@3';

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

/** Where values stand does not depend on the tenant: one memory for all. */
const patterns = remembered((text): readonly Span[] => findSpans(text));
const finders = new WeakMap<Recogniser, typeof patterns>();

function finderOf(recogniser: Recogniser | undefined): typeof patterns {
  if (recogniser === undefined) return patterns;
  let finder = finders.get(recogniser);
  if (finder === undefined) finders.set(recogniser, (finder = remembered((text) => findSpans(text, recogniser))));
  return finder;
}

/** Passes over one text: where numbers touch, one may only be seen once its neighbour is a surrogate. */
const MAX_PASSES = 4;
/**
 * @param tenantKey the same key gives the same surrogate for the same value; another key gives another one
 * @param recogniser finds names and addresses; without one they stay
 */
export function createRedactor(tenantKey: string, recogniser?: Recogniser): Redactor {
  const keyed = new Keyed(tenantKey);
  const spansIn = finderOf(recogniser);

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
      if (surrogate !== value) remember(session, keyed, kind, value, surrogate, cued);
    }
    return surrogate;
  };

  const redactOnce = (written: string, session: Session, edits: Edit[]): string => {
    const { text, offsets } = unescaped(written);
    const spans = spansIn(text);
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
  const isClean = (value: object): boolean => {
    const text = JSON.stringify(value);
    return text === '{}' || spansIn(unescaped(text).text).length === 0;
  };

  const redactNumber = (name: string, value: number, session: Session): number => {
    if (!Number.isSafeInteger(value) || value < LEAST_NUMBER) return value;
    const redacted = Number(redactNamed(name, String(value), session));
    return Number.isSafeInteger(redacted) ? redacted : value;
  };

  const textMap = (session: Session, passes: Edit[][]): TextMap => ({
    text: (text) => redact(text, session),
    answer: (text) => redact(text, session, passes),
    json: (value) => (typeof value === 'object' && value !== null && isClean(value) ? value : redactJson(value, session)),
    across: (texts) => crossing(texts, spansIn, recogniser === undefined, (span, value) => {
      const surrogate = surrogateOf(span, value, session);
      if (surrogate !== value) session.replaced += 1;
      return surrogate;
    }),
  });

  /** The second look, for the values that the first one found. */
  const knownMap = (session: Session, passes: Edit[][]): TextMap => {
    const again = (text: string): string => replaceKnown(text, session);
    const json = (value: unknown): unknown => mapStrings(value, again);
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

/** A number with fewer digits is no number of a person. */
const LEAST_NUMBER = 1_000_000;

/**
 * Nothing beside the surrogate can be one value with it: space, a quote, a bracket or the end of a sentence is next to it, and no
 * digit within reach of a number's separators. Most do, and need no second pass.
 */
const standsApart = (text: string, { storedFrom, storedTo }: Edit): boolean =>
  /(?:^|[\s"<[{,:])$/.test(text.slice(Math.max(storedFrom - 1, 0), storedFrom)) && !/\d[^\p{L}\p{N}]{1,3}$/u.test(text.slice(Math.max(storedFrom - 4, 0), storedFrom)) &&
  /^(?:[.,;:!?]?(?:[\s"<>\]},;]|$))(?![^\p{L}\p{N}]{0,2}\d)/u.test(text.slice(storedTo, storedTo + 5));
