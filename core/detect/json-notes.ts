// What is odd about JSON that parses, for people who look closer; never a failure.
import type { Evidence } from '../contracts/index.ts';
import type { JsonVerdict } from './json.ts';
import { scanValue } from './json-scanner.ts';

const MAX_NOTES = 50;

const ESCAPED_SURROGATES = /\\(?:u(d[89ab][0-9a-f]{2})(\\ud[c-f][0-9a-f]{2})?|u(d[c-f][0-9a-f]{2})|[\s\S])/gi;

function hasLoneSurrogate(text: string): boolean {
  if (!text.isWellFormed()) return true;
  if (!/\\ud/i.test(text)) return false;
  for (const [, high, low, lone] of text.matchAll(ESCAPED_SURROGATES)) if ((high !== undefined && low === undefined) || lone !== undefined) return true;
  return false;
}

/** A number that a double does not hold as it is written, so that programs disagree on what it is. */
function isUnsafe(written: string): boolean {
  const value = Number(written);
  if (!Number.isFinite(value)) return true;
  if (value === 0) return /[1-9]/.test(written.split(/e/i, 1)[0] as string);
  return Number.isInteger(value) && !Number.isSafeInteger(value);
}

/** An envelope other than bare, keys that repeat, numbers beyond exact doubles, halves of surrogate pairs, JSON as a string. */
export function notesOnJson(text: string, verdict: JsonVerdict): Evidence[] {
  if (verdict.kind !== 'json') return [];
  const notes: Evidence[] = [];
  const note = (evidence: Evidence): void => {
    if (notes.length < MAX_NOTES) notes.push(evidence);
  };
  if (verdict.envelope !== 'bare') note({ rule: verdict.envelope, start: verdict.start, end: verdict.end });
  if (typeof verdict.value === 'string' && /^\s*[{[]/.test(verdict.value)) note({ rule: 'json_in_string', start: verdict.start, end: verdict.end });
  const scopes: (Set<string> | null)[] = [];
  scanValue(text, verdict.start, {
    open: (isObject) => scopes.push(isObject ? new Set() : null),
    close: () => scopes.pop(),
    key: (start, end) => {
      const keys = scopes.at(-1);
      const key = JSON.parse(text.slice(start, end)) as string;
      if (keys?.has(key)) note({ rule: 'duplicate_key', start, end });
      keys?.add(key);
    },
    number: (start, end) => {
      if (isUnsafe(text.slice(start, end))) note({ rule: 'unsafe_number', start, end });
    },
  });
  if (hasLoneSurrogate(text.slice(verdict.start, verdict.end))) note({ rule: 'lone_surrogate' });
  return notes;
}
