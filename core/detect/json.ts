// Whether an answer is JSON, in which envelope, and if not: why not, by name and place.
import type { Evidence } from '../contracts/index.ts';
import { scanValue, skipSpace, type ScanFault } from './json-scanner.ts';

export const JSON_DETECTOR = 'json@1';

/** Longer answers are not judged: no model wrote them, and nobody could read the evidence. */
export const MAX_ANSWER_LENGTH = 32 * 1024 * 1024;
/** Opening brackets in prose that are tried as the start of the JSON that the prose surrounds. */
const MAX_EMBEDDED_TRIES = 24;

/** Why a text is not JSON. The first evidence of a `malformed_json` finding carries one of these as its rule. */
export type JsonCause =
  | 'empty'
  | 'no_json'
  | 'prose_around_json'
  | 'fence_not_allowed'
  | 'fence_not_closed'
  | 'more_than_one_value'
  | 'byte_order_mark'
  | 'python_literal'
  | 'call_syntax'
  | 'nan_or_infinity'
  | 'undefined_value'
  | 'comment'
  | 'ellipsis'
  | 'trailing_comma'
  | 'missing_comma'
  | 'missing_colon'
  | 'missing_value'
  | 'missing_braces'
  | 'unquoted_key'
  | 'unquoted_value'
  | 'smart_quotes'
  | 'unescaped_quote'
  | 'unexpected_bracket'
  | 'control_character'
  | 'bad_escape'
  | 'bad_number'
  | 'unexpected_end'
  | 'unexpected_token';

export type JsonVerdict =
  | { kind: 'json'; value: unknown; envelope: 'bare' | 'fenced'; start: number; end: number }
  | { kind: 'malformed'; cause: JsonCause; evidence: Evidence[]; /** The text only ends too early. */ cut: boolean };

export interface JsonSettings {
  allowFence: boolean;
}

/**
 * Judges a text that should be one JSON value. The verdict on the value itself is JSON.parse's (RFC 8259, which lets a
 * parser refuse a byte order mark); offsets count UTF-16 code units of `text`.
 */
export function judgeJson(text: string, settings: JsonSettings): JsonVerdict {
  try {
    return { kind: 'json', value: JSON.parse(text) as unknown, envelope: 'bare', start: 0, end: text.length };
  } catch {
    return explain(text, settings);
  }
}

const FENCE = /```[\w+.-]*\s*/y;

function explain(text: string, settings: JsonSettings): JsonVerdict {
  const start = skipSpace(text, 0);
  if (start >= text.length) return malformed('empty', { start: 0, end: text.length }, true);
  if (text.startsWith('\ufeff')) return malformed('byte_order_mark', { start: 0, end: 1 });
  FENCE.lastIndex = start;
  const fence = FENCE.exec(text);
  if (fence) return explainFenced(text, start + fence[0].length, settings);
  const first = text[start];
  // "[Note] here it is" is prose.
  if (first === '{' || (first === '[' && !/^\[[^\]"'{}[\n]{1,80}\]\s*[^\s,\]}]/.test(text.slice(start, start + 100)))) return explainBare(text, start);
  return explainProse(text, start);
}

function explainFenced(text: string, bodyStart: number, { allowFence }: JsonSettings): JsonVerdict {
  const scanned = scanValue(text, bodyStart);
  if (scanned.fault) {
    const { fault } = scanned;
    // JSON that stops at the closing fence ends too early, but was not cut off: the model closed the fence itself.
    if (text.startsWith('```', fault.offset)) return malformed('unexpected_end', { ...place(fault), detail: expecting(fault) });
    const isProse = fault.expected === 'value' && fault.offset === skipSpace(text, bodyStart) && !fault.atEnd;
    return isProse ? explainProse(text, bodyStart) : faulty(text, fault);
  }
  const closing = skipSpace(text, scanned.end);
  if (closing >= text.length) return malformed('fence_not_closed', { start: text.length, detail: 'expected closing fence' }, true);
  if (!text.startsWith('```', closing)) return trailing(text, closing);
  const after = skipSpace(text, closing + 3);
  if (after < text.length) return malformed('prose_around_json', { start: after, end: text.length, detail: 'text after the fence' });
  if (!allowFence) return malformed('fence_not_allowed', { start: 0, end: bodyStart });
  return { kind: 'json', value: JSON.parse(text.slice(bodyStart, scanned.end)) as unknown, envelope: 'fenced', start: bodyStart, end: scanned.end };
}

function explainBare(text: string, start: number): JsonVerdict {
  const scanned = scanValue(text, start);
  return scanned.fault ? faulty(text, scanned.fault) : trailing(text, skipSpace(text, scanned.end));
}

/** A whole value is there, and then something else. */
function trailing(text: string, offset: number): JsonVerdict {
  const rest = text.slice(offset, offset + 64);
  if (/^[}\]]/.test(rest)) return malformed('unexpected_bracket', { start: offset, end: offset + 1, detail: 'expected end of text' });
  if (/^(?:[,;]\s*)?[{[]/.test(rest)) return malformed('more_than_one_value', { start: offset, end: text.length, detail: 'expected end of text' });
  if (/^(?:\/\/|\/\*|#)/.test(rest)) return malformed('comment', { start: offset, end: text.length, detail: 'expected end of text' });
  return malformed('prose_around_json', { start: offset, end: text.length, detail: 'text after the JSON' });
}

/** The text does not start like an object, an array or a fence. */
function explainProse(text: string, start: number): JsonVerdict {
  const head = text.slice(start, start + 200);
  const tail = text.slice(Math.max(start, text.length - 20));
  const whole = { start, end: text.length };
  if (/^[+-]?(?:NaN|Infinity)\s*$/.test(head)) return malformed('nan_or_infinity', whole);
  if (/^(?:None|True|False)\s*$/.test(head) || (/^[('].*,|^'/s.test(head) && /[)']\s*$/.test(tail))) return malformed('python_literal', whole);
  if (/^[A-Za-z_][\w.]*\(/.test(head) && /\)\s*;?\s*$/.test(tail)) return malformed('call_syntax', whole);
  // A scalar with a fault inside it, or prose that happens to start like one.
  const scalar = scanValue(text, start);
  if (!scalar.fault && text[start] === '"' && /^\s*:/.test(text.slice(scalar.end, scalar.end + 20))) return malformed('missing_braces', { start, end: scalar.end, detail: 'expected {' });
  if (scalar.fault && (text[start] === '"' || /^[+-]?[\d.][\d.eE+-]*\s*$/.test(head))) return faulty(text, scalar.fault);
  return embedded(text, start) ?? (scalar.fault?.atEnd === true ? faulty(text, scalar.fault) : malformed('no_json', { ...whole, detail: 'expected value' }));
}

/** Looks for the JSON that prose surrounds. */
function embedded(text: string, start: number): JsonVerdict | null {
  let candidate = start;
  let firstFault: ScanFault | null = null;
  for (let tries = 0; tries < MAX_EMBEDDED_TRIES; tries += 1) {
    candidate = nextBracket(text, candidate);
    if (candidate < 0) break;
    const scanned = scanValue(text, candidate);
    if (!scanned.fault) {
      // "[1]" in prose is a footnote.
      if (text[candidate] === '{' || /^\[\s*[{["]/.test(text.slice(candidate, candidate + 40))) {
        return malformed('prose_around_json', { start: candidate, end: scanned.end, detail: 'text before the JSON' });
      }
      candidate = scanned.end;
      continue;
    }
    if (firstFault === null && /^[{[]\s*(?:["'{[]|[A-Za-z_]\w*\s*:)/.test(text.slice(candidate, candidate + 80))) firstFault = scanned.fault;
    // What lies before the fault was read already; a start inside it would be a part of the same broken value.
    candidate = Math.max(scanned.fault.offset, candidate + 1);
  }
  if (firstFault === null) return null;
  const inner = faulty(text, firstFault);
  return malformed('prose_around_json', { start, detail: 'text before the JSON' }, false, inner.kind === 'malformed' ? inner.evidence : []);
}

function nextBracket(text: string, from: number): number {
  const brace = text.indexOf('{', from);
  const bracket = text.indexOf('[', from);
  return brace < 0 ? bracket : bracket < 0 ? brace : Math.min(brace, bracket);
}

const malformed = (cause: JsonCause, evidence: Omit<Evidence, 'rule'>, cut = false, more: Evidence[] = []): JsonVerdict => ({ kind: 'malformed', cause, cut, evidence: [{ rule: cause, ...evidence }, ...more] });

const expecting = (fault: ScanFault): string => `expected ${fault.expected}`;
const place = (fault: ScanFault): { start: number; end: number } => ({ start: fault.offset, end: fault.offset + (fault.atEnd ? 0 : 1) });

const faulty = (text: string, fault: ScanFault): JsonVerdict => malformed(nameFault(text, fault), { ...place(fault), detail: expecting(fault) }, fault.atEnd);

/** Names what somebody would have to change at the fault. */
function nameFault(text: string, { offset, expected, atEnd }: ScanFault): JsonCause {
  if (atEnd) return 'unexpected_end';
  const rest = text.slice(offset, offset + 80);
  switch (expected) {
    case 'string without control characters':
      return 'control_character';
    case 'escape':
    case 'four hex digits':
      return 'bad_escape';
    case 'closing quote':
      return 'unexpected_end';
    case 'digit':
      return /^Infinity/.test(rest) ? 'nan_or_infinity' : 'bad_number';
    default:
  }
  if (/^(?:None|True|False)\b|^'|^\(/.test(rest)) return 'python_literal';
  if (/^(?:NaN|Infinity)\b/.test(rest)) return 'nan_or_infinity';
  if (/^undefined\b/.test(rest)) return 'undefined_value';
  if (/^(?:\/[/*]|#)/.test(rest)) return 'comment';
  if (/^(?:\.\.\.|…)/.test(rest)) return 'ellipsis';
  if (/^[“”„‘’`]/.test(rest)) return 'smart_quotes';
  const before = text[offset - 1] ?? '';
  const isBracket = /^[}\]]/.test(rest);
  switch (expected) {
    case 'colon':
      return 'missing_colon';
    case 'key':
    case 'key or }':
      if (isBracket) return expected === 'key' ? 'trailing_comma' : 'unexpected_bracket';
      return /^[\p{L}_$]/u.test(rest) ? 'unquoted_key' : 'unexpected_token';
    case 'value':
    case 'value or ]':
      if (isBracket) return lastInk(text, offset) === ',' ? 'trailing_comma' : expected === 'value' ? 'missing_value' : 'unexpected_bracket';
      if (rest.startsWith(',')) return 'missing_value';
      if (/^[A-Za-z_][\w.]*\(/.test(rest)) return 'call_syntax';
      if (/^[+.]\d/.test(rest)) return 'bad_number';
      return /^[\p{L}_$]/u.test(rest) ? 'unquoted_value' : 'unexpected_token';
    default:
      // A comma or the end of the container was expected.
      if (isBracket) return 'unexpected_bracket';
      if (/\d/.test(before) && /^[\d.xXeE]/.test(rest)) return 'bad_number';
      if (lastInk(text, offset) === '"' && /^[^\s"{[]/.test(rest) && !/^(?:\d|-\d|true\b|false\b|null\b)/.test(rest)) return 'unescaped_quote';
      if (/^["{[\d-]|^(?:true|false|null)\b/.test(rest)) return 'missing_comma';
      return 'unexpected_token';
  }
}

/** The last character before `offset` that is not white space. */
function lastInk(text: string, offset: number): string | undefined {
  let i = offset - 1;
  while (i >= 0 && /\s/.test(text[i] as string)) i -= 1;
  return text[i];
}

const ESCAPED_SURROGATES = /\\(?:u(d[89ab][0-9a-f]{2})(\\ud[c-f][0-9a-f]{2})?|u(d[c-f][0-9a-f]{2})|[\s\S])/gi;

function hasLoneSurrogate(text: string): boolean {
  if (!text.isWellFormed()) return true;
  if (!/\\ud/i.test(text)) return false;
  for (const [, high, low, lone] of text.matchAll(ESCAPED_SURROGATES)) if ((high !== undefined && low === undefined) || lone !== undefined) return true;
  return false;
}

/**
 * What is odd about JSON that parses, for people who look closer; never a failure: a fence, keys that repeat, numbers
 * beyond exact doubles, halves of surrogate pairs.
 */
export function notesOnJson(text: string, verdict: JsonVerdict): Evidence[] {
  if (verdict.kind !== 'json') return [];
  const notes: Evidence[] = [];
  if (verdict.envelope === 'fenced') notes.push({ rule: 'fenced', start: 0, end: verdict.start });
  const scopes: (Set<string> | null)[] = [];
  scanValue(text, verdict.start, {
    open: (isObject) => scopes.push(isObject ? new Set() : null),
    close: () => scopes.pop(),
    key: (start, end) => {
      const keys = scopes.at(-1);
      const key = JSON.parse(text.slice(start, end)) as string;
      if (keys?.has(key)) notes.push({ rule: 'duplicate_key', start, end });
      keys?.add(key);
    },
    number: (start, end) => {
      const value = Number(text.slice(start, end));
      if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value))) notes.push({ rule: 'unsafe_number', start, end });
    },
  });
  if (hasLoneSurrogate(text.slice(verdict.start, verdict.end))) notes.push({ rule: 'lone_surrogate' });
  return notes;
}
