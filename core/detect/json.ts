// Whether an answer is JSON, in which envelope, and if not: why not, by name and place.
import type { Envelope, Evidence } from '../contracts/index.ts';
import { nameAfter, nameBefore, nameFault, nameText, type JsonCause } from './json-cause.ts';
import { scanValue, skipSpace, type ScanFault } from './json-scanner.ts';
import { findWrittenCalls, readWrittenCalls, type WrittenCalls } from './written-calls.ts';

export const JSON_DETECTOR = 'json@2';

/** Longer answers are not judged: no model wrote them, and nobody could read the evidence. */
export const MAX_ANSWER_LENGTH = 32 * 1024 * 1024;
/** Opening brackets in prose that are tried as the start of the JSON that the prose surrounds. */
const MAX_EMBEDDED_TRIES = 24;

export type JsonVerdict =
  | { kind: 'json'; value: unknown; envelope: Envelope; /** Of the value, in the text. */ start: number; end: number }
  | { kind: 'malformed'; cause: JsonCause; evidence: Evidence[]; /** The text only ends too early. */ cut: boolean };

export interface JsonSettings {
  envelopes: readonly Envelope[];
}

/**
 * Judges a text that should be one JSON value. The verdict on the value itself is JSON.parse's (RFC 8259, which lets a
 * parser refuse a byte order mark); offsets count UTF-16 code units of `text`.
 */
export function judgeJson(text: string, settings: JsonSettings): JsonVerdict {
  if (!hasJsonEnds(text)) return explain(text, settings);
  let value: unknown;
  try {
    value = JSON.parse(text) as unknown;
  } catch {
    return explain(text, settings);
  }
  return allowed({ kind: 'json', value, envelope: 'bare', start: 0, end: text.length }, settings);
}

/** First and last character of a JSON text. */
const ENDS = /^(?:\{\}|\[\]|""|[-\d]\d|[tf]e|nl)$/;

/** Most texts that are no JSON show it there, and an exception takes as long as reading a long one. */
function hasJsonEnds(text: string): boolean {
  let end = text.length - 1;
  while (end > 0 && text.charCodeAt(end) <= 0x20) end -= 1;
  return ENDS.test(text.charAt(skipSpace(text, 0)) + text.charAt(end));
}

type Json = JsonVerdict & { kind: 'json' };
type Malformed = JsonVerdict & { kind: 'malformed' };

const malformed = (cause: JsonCause, evidence: Omit<Evidence, 'rule'>, cut = false): Malformed => ({ kind: 'malformed', cause, cut, evidence: [{ rule: cause, ...evidence }] });

const allowed = (json: Json, { envelopes }: JsonSettings): JsonVerdict => (envelopes.includes(json.envelope) ? json : malformed('envelope_not_allowed', { start: json.start, end: json.end, detail: json.envelope }));

/** JSON with something around it: right or wrong by the settings. What is wrong inside is told in either case. */
function inProse(inner: JsonVerdict, around: Malformed, { envelopes }: JsonSettings): JsonVerdict {
  const isAllowed = envelopes.includes('prose');
  if (inner.kind === 'json') return isAllowed ? { ...inner, envelope: 'prose' } : around;
  return isAllowed ? inner : { ...around, evidence: [...around.evidence, ...inner.evidence] };
}

function explain(text: string, settings: JsonSettings): JsonVerdict {
  const start = skipSpace(text, 0);
  if (start >= text.length) return malformed('empty', { start: 0, end: text.length }, true);
  if (text.startsWith('\ufeff')) return malformed('byte_order_mark', { start: 0, end: 1 });
  return explainAt(text, start, settings);
}

function explainAt(text: string, start: number, settings: JsonSettings): JsonVerdict {
  const fence = fenceAt(text, start);
  if (fence !== null) return explainFenced(text, fence, settings);
  const tagged = readWrittenCalls(text, start);
  if (tagged) return explainTagged(text, tagged, settings);
  const first = text[start];
  // "[Note] here it is" is prose.
  if (first === '{' || (first === '[' && !/^\[[^\]"'{}[\n]{1,80}\]\s*[^\s,\]}]/.test(text.slice(start, start + 100)))) return explainBare(text, start, settings);
  return explainProse(text, start, settings);
}

const FENCE = /(?:`{3,}|~{3,})[^\S\n]*/y;
/** What may stand after the backticks: a language, and where its line says more (`json title="x"`), the rest of the line. */
const INFO = /[\w.+-]*(?:[^\S\n]+[^\s{["\d-][^\n`]*\n)?\s*/y;

/** Offset of what the fence holds; null where no fence opens. */
function fenceAt(text: string, offset: number): number | null {
  FENCE.lastIndex = offset;
  const fence = FENCE.exec(text);
  if (!fence) return null;
  INFO.lastIndex = offset + fence[0].length;
  return INFO.exec(text) ? INFO.lastIndex : null;
}

const closesFence = (text: string, offset: number): boolean => text.startsWith('```', offset) || text.startsWith('~~~', offset);

function explainFenced(text: string, bodyStart: number, settings: JsonSettings): JsonVerdict {
  // Some models put their tag into a fence.
  const tagged = readWrittenCalls(text, bodyStart);
  if (tagged) return explainTagged(text, tagged, settings);
  const scanned = scanValue(text, bodyStart);
  if (scanned.fault) {
    const { fault } = scanned;
    const isClosed = closesFence(text, fault.offset);
    if (isClosed && fault.offset === skipSpace(text, bodyStart)) return malformed('empty', { start: bodyStart, end: fault.offset });
    // JSON that stops at the closing fence ends too early, but was not cut off: the model closed the fence itself.
    if (isClosed) return malformed(nameFault(text, fault, bodyStart, true), { start: fault.offset, end: fault.offset, detail: expecting(fault) });
    const isProse = fault.expected === 'value' && fault.offset === skipSpace(text, bodyStart) && !fault.atEnd;
    return isProse ? explainProse(text, bodyStart, settings) : faulty(text, bodyStart, fault);
  }
  const closing = skipSpace(text, scanned.end);
  if (closing >= text.length) return malformed('fence_not_closed', { start: text.length, end: text.length, detail: 'expected closing fence' }, true);
  const value = parsed(text, bodyStart, scanned.end, 'fenced');
  if (!closesFence(text, closing)) {
    const cause = nameAfter(text, closing);
    return malformed(cause === 'fence_not_opened' ? 'unexpected_token' : cause, { start: closing, end: text.length, detail: 'expected closing fence' });
  }
  const after = skipSpace(text, closing + /^[`~]*/.exec(text.slice(closing, closing + 100))![0].length);
  if (after >= text.length) return allowed(value, settings);
  if (fenceAt(text, after) !== null) return malformed('more_than_one_value', { start: after, end: text.length, detail: 'a second fence' });
  return inProse(value, malformed(nameAfter(text, after) === 'special_token' ? 'special_token' : 'prose_around_json', { start: after, end: text.length, detail: 'text after the fence' }), settings);
}

function explainTagged(text: string, { pieces, stop, end }: WrittenCalls, settings: JsonSettings): JsonVerdict {
  if (stop?.why === 'fault') {
    const { fault, start, closed } = stop;
    return closed ? malformed(nameFault(text, fault, start, true), { start: fault.offset, end: fault.offset, detail: expecting(fault) }) : faulty(text, start, fault);
  }
  if (stop?.why === 'call_syntax') return malformed('call_syntax', { start: stop.start, end: text.length });
  if (stop?.why === 'not_closed') return malformed('tag_not_closed', { start: text.length, end: text.length, detail: 'expected closing tag' }, true);
  const [first, ...others] = pieces;
  if (!first) return malformed('empty', { start: end, end }, end >= text.length);
  // Parameters as XML are no JSON.
  if (pieces.some((piece) => piece.kind !== 'json')) return malformed('xml', { start: first.start, end });
  const values = pieces.map((piece) => (piece.kind === 'json' ? piece.value : null));
  const json: Json = { kind: 'json', value: others.length === 0 ? values[0] : values, envelope: 'tool_call_tag', start: first.start, end: first.end };
  const after = skipSpace(text, end);
  if (after >= text.length || (closesFence(text, after) && skipSpace(text, after + 3) >= text.length)) return allowed(json, settings);
  return inProse(json, malformed('prose_around_json', { start: after, end: text.length, detail: 'text after the tag' }), settings);
}

const parsed = (text: string, start: number, end: number, envelope: Envelope): Json => ({ kind: 'json', value: JSON.parse(text.slice(start, end)) as unknown, envelope, start, end });

function explainBare(text: string, start: number, settings: JsonSettings): JsonVerdict {
  const scanned = scanValue(text, start);
  if (scanned.fault) return faulty(text, start, scanned.fault);
  const after = skipSpace(text, scanned.end);
  const cause = nameAfter(text, after);
  const around = malformed(cause, { start: after, end: cause === 'extra_bracket' ? after + 1 : text.length, detail: cause === 'prose_around_json' ? 'text after the JSON' : 'expected end of text' });
  return AROUND.has(cause) ? inProse(parsed(text, start, scanned.end, 'bare'), around, settings) : around;
}

/** Causes that leave the JSON itself whole, for whoever takes it out of what is around it. */
const AROUND: ReadonlySet<JsonCause> = new Set(['prose_around_json', 'reasoning_around_json', 'language_word', 'assignment', 'tag_around_json', 'special_token', 'trailing_semicolon', 'inline_code', 'triple_quotes', 'fence_not_opened']);

/** The text does not start like an object, an array, a fence or a tag. */
function explainProse(text: string, start: number, settings: JsonSettings): JsonVerdict {
  const head = text.slice(start, start + 200);
  const tail = text.slice(Math.max(start, text.length - 20));
  const whole = { start, end: text.length };
  if (/^[+-]?(?:nan|inf(?:inity)?)\s*$/i.test(head)) return malformed('nan_or_infinity', whole);
  if (/^(?:None|True|False)\s*$/.test(head) || (/^[('].*,|^'(?!'')/s.test(head) && /[)']\s*$/.test(tail))) return malformed('python_literal', whole);
  if (/^(?:print\()?(?:await )?[A-Za-z_][\w.]*\(/.test(head) && /\)\s*;?\s*$/.test(tail)) return malformed('call_syntax', whole);
  const thinking = /^<think(?:ing)?>/.exec(head);
  if (thinking && !/<\/think(?:ing)?>/.test(text)) return malformed('reasoning_around_json', { ...whole, detail: 'it never ends' }, true);
  // A scalar with a fault inside it, or prose that happens to start like one.
  const scalar = scanValue(text, start);
  if (!scalar.fault && text[start] === '"' && /^\s*:/.test(text.slice(scalar.end, scalar.end + 20))) return malformed('missing_braces', { start, end: scalar.end, detail: 'expected {' });
  if (scalar.fault && (/^"(?!"")/.test(head) || /^[+-]?[\d.][\d.eE+-]*\s*$/.test(head))) return faulty(text, start, scalar.fault);
  return embedded(text, start, settings) ?? (scalar.fault?.atEnd === true ? faulty(text, start, scalar.fault) : malformed(nameText(text, start), { ...whole, detail: 'expected value' }));
}

const FENCE_LINE = /\n[^\S\n]*(?:```|~~~)/g;

/** Looks for the JSON that prose surrounds: in a fence, in a tag, or on its own. */
function embedded(text: string, start: number, settings: JsonSettings): JsonVerdict | null {
  const around = (at: number, end?: number): Malformed => {
    const cause = nameBefore(text.slice(start, at));
    return malformed(cause, { start: at, ...(end === undefined ? {} : { end }), detail: 'text before the JSON' });
  };
  const lenient = { envelopes: ['bare', 'fenced', 'tool_call_tag', 'prose'] as const };
  FENCE_LINE.lastIndex = start;
  const line = FENCE_LINE.exec(text);
  if (line) {
    const opening = line.index + line[0].length - 3;
    const inner = explainFenced(text, fenceAt(text, opening) as number, lenient);
    if (inner.kind === 'json') return inProse(inner, around(inner.start, inner.end), settings);
    if (inner.cause !== 'no_json' && /^\s*[{[]/.test(text.slice(fenceAt(text, opening) as number))) return inProse(inner, around(opening), settings);
  }
  const tagged = findWrittenCalls(text, start);
  if (tagged) {
    const inner = explainTagged(text, tagged, lenient);
    return inProse(inner, inner.kind === 'json' ? around(inner.start, inner.end) : around(tagged.start), settings);
  }
  let candidate = start;
  let firstFault: { start: number; fault: ScanFault } | null = null;
  for (let tries = 0; tries < MAX_EMBEDDED_TRIES; tries += 1) {
    candidate = nextBracket(text, candidate);
    if (candidate < 0) break;
    const scanned = scanValue(text, candidate);
    if (!scanned.fault) {
      // "[1]" in prose is a footnote.
      if (text[candidate] === '{' || /^\[\s*[{["]/.test(text.slice(candidate, candidate + 40))) return inProse(parsed(text, candidate, scanned.end, 'bare'), around(candidate, scanned.end), settings);
      candidate = scanned.end;
      continue;
    }
    if (firstFault === null && /^[{[]\s*(?:["'{[“]|[A-Za-z_]\w*\s*:)/.test(text.slice(candidate, candidate + 80))) firstFault = { start: candidate, fault: scanned.fault };
    // What lies before the fault was read already; a start inside it would be a part of the same broken value.
    candidate = Math.max(scanned.fault.offset, candidate + 1);
  }
  return firstFault === null ? null : inProse(faulty(text, firstFault.start, firstFault.fault), around(firstFault.start), settings);
}

function nextBracket(text: string, from: number): number {
  const brace = text.indexOf('{', from);
  const bracket = text.indexOf('[', from);
  return brace < 0 ? bracket : bracket < 0 ? brace : Math.min(brace, bracket);
}

const expecting = (fault: ScanFault): string => `expected ${fault.expected}`;

const faulty = (text: string, start: number, fault: ScanFault): Malformed =>
  malformed(nameFault(text, fault, start, fault.atEnd), { start: fault.offset, end: fault.offset + (fault.atEnd ? 0 : 1), detail: expecting(fault) }, fault.atEnd);
