// What an interaction's redaction replaced, kept as keyed hashes: another answer to it can be checked against them, and no value is stored.
import { readChain } from './chain.ts';
import type { Keyed } from './keyed.ts';
import type { Kind } from './kinds.ts';

/**
 * One replaced value. The hash is keyed with the tenant's key: without that key it tells nothing; with it a short number can
 * be found by trying all, as it could by the surrogate itself.
 */
export interface ReplacedValue {
  kind: string;
  /** 64 bits, as 16 hex digits. */
  hash: string;
  /** Characters of the value; of a number, without what groups it. */
  length: number;
  /** Of a number, without what groups it. */
  surrogate: string;
}

const NUMBERS: ReadonlySet<string> = new Set<Kind>(['card', 'iban', 'phone', 'ssn', 'national_id']);
export const isNumber = (kind: string): boolean => NUMBERS.has(kind);
export const compact = (text: string): string => text.replace(/[^A-Za-z0-9]/g, '');

/** @param plain the value; of a number, without what groups it */
export const hashOf = (keyed: Keyed, kind: string, plain: string): string => keyed.hex(`replaced ${isNumber(kind) ? 'number' : 'text'} ${plain}`).slice(0, 16);

/** Hashes tried on one text: enough for any answer that people write, and a bound for those they do not. */
const MAX_TRIES = 20_000;
const WORD_START = /(?<![\p{L}\p{N}])[\p{L}\p{N}]/gu;
const NUMBER_START = /(?<![\p{L}\p{N}])\d/gu;

/** The text with every value replaced that the interaction had shown, in whatever grouping it stands. */
export function replaceReplaced(keyed: Keyed, text: string, values: readonly ReplacedValue[]): string {
  const known = new Map(values.map((value) => [value.hash, value]));
  const lengths = (isOf: boolean): number[] => [...new Set(values.filter((value) => isNumber(value.kind) === isOf).map((value) => value.length))];
  const [numberLengths, textLengths] = [lengths(true), lengths(false)];
  let tries = 0;
  let result = '';
  let from = 0;
  const lookUp = (kind: 'phone' | 'secret', plain: string): ReplacedValue | undefined => ((tries += 1) > MAX_TRIES ? undefined : known.get(hashOf(keyed, kind, plain)));
  const replace = (start: number, end: number, by: string): void => {
    result += text.slice(from, start) + by;
    from = end;
  };

  if (numberLengths.length > 0) {
    for (const { index: start } of text.matchAll(NUMBER_START)) {
      if (start < from) continue;
      const { count, ends } = readChain(text, start);
      const stops = Array.from(ends.subarray(0, count));
      for (const end of stops) {
        const plain = compact(text.slice(start, end));
        const value = numberLengths.includes(plain.length) ? lookUp('phone', plain) : undefined;
        if (value === undefined) continue;
        let next = 0;
        replace(start, end, text.slice(start, end).replace(/[A-Za-z0-9]/g, () => value.surrogate[next++] as string));
        break;
      }
    }
    text = result + text.slice(from);
    result = '';
    from = 0;
  }
  if (textLengths.length > 0) {
    for (const { index: start } of text.matchAll(WORD_START)) {
      if (start < from) continue;
      for (const length of textLengths) {
        const value = start + length <= text.length ? lookUp('secret', text.slice(start, start + length)) : undefined;
        if (value === undefined) continue;
        replace(start, start + length, value.surrogate);
        break;
      }
    }
  }
  return result + text.slice(from);
}
