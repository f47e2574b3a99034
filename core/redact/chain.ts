// Digits in groups, as they stand in a text: "4111 1111 1111 1111", "(415) 555-2671".

const MAX_GROUPS = 12;

/** Groups of digits with at most three separators between two of them. One object is used for all: read it before the next `readChain`. */
export interface Chain {
  count: number;
  starts: Int32Array;
  ends: Int32Array;
}

const scratch: Chain = { count: 0, starts: new Int32Array(MAX_GROUPS), ends: new Int32Array(MAX_GROUPS) };

export const isDigitCode = (code: number): boolean => code >= 48 && code <= 57;
/** Space, ( ) - . / and the spaces and hyphens that typesetters use. */
const isSeparator = (code: number): boolean => code === 32 || (code >= 45 && code <= 47) || code === 40 || code === 41 || code === 0xa0 || code === 0x202f || code === 0x2010 || code === 0x2011;
const MAX_SEPARATORS = 3;
/** A longer run is no number that we look for; its digits need not be counted. */
const MAX_RUN = 40;

export function readChain(text: string, start: number): Chain {
  let i = start;
  let count = 0;
  while (count < MAX_GROUPS) {
    scratch.starts[count] = i;
    while (isDigitCode(text.charCodeAt(i)) && i - (scratch.starts[count] as number) < MAX_RUN) i += 1;
    scratch.ends[count] = i;
    count += 1;
    let next = i;
    while (next - i < MAX_SEPARATORS && isSeparator(text.charCodeAt(next))) next += 1;
    if (next === i || !isDigitCode(text.charCodeAt(next))) break;
    i = next;
  }
  scratch.count = count;
  return scratch;
}

/** Digits of all groups together. */
export function countDigits(chain: Chain): number {
  let count = 0;
  for (let i = 0; i < chain.count; i += 1) count += (chain.ends[i] as number) - (chain.starts[i] as number);
  return count;
}

export const groupLength = (chain: Chain, index: number): number => (index < chain.count ? (chain.ends[index] as number) - (chain.starts[index] as number) : 0);

/** Text between group `index` and the next. */
export const separatorAfter = (text: string, chain: Chain, index: number): string => (index + 1 < chain.count ? text.slice(chain.ends[index], chain.starts[index + 1]) : '');

/** The groups have these lengths, with one and the same separator of one character between all of them. */
export function hasGroups(text: string, chain: Chain, lengths: readonly number[]): boolean {
  if (chain.count < lengths.length) return false;
  for (let i = 0; i < lengths.length; i += 1) {
    if (groupLength(chain, i) !== lengths[i]) return false;
    if (i > 0 && ((chain.starts[i] as number) - (chain.ends[i - 1] as number) !== 1 || text.charCodeAt(chain.ends[i - 1] as number) !== text.charCodeAt(chain.ends[0] as number))) return false;
  }
  return true;
}

/** Digits from `start` to `end`, without what stands between them. */
export function digitsBetween(text: string, start: number, end: number): string {
  let digits = '';
  for (let i = start; i < end; i += 1) if (isDigitCode(text.charCodeAt(i))) digits += text[i];
  return digits;
}

/** The separator by which another digit is tied to the one at `start` from the left, or ''. */
export const tiedLeft = (text: string, start: number): string => (start >= 2 && isSeparator(text.charCodeAt(start - 1)) && isDigitCode(text.charCodeAt(start - 2)) ? (text[start - 1] as string) : '');
export const tiedRight = (text: string, end: number): string => (isSeparator(text.charCodeAt(end)) && isDigitCode(text.charCodeAt(end + 1)) ? (text[end] as string) : '');

/** A letter, a digit or _ at that offset. */
export function isWordAt(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return isDigitCode(code) || ((code | 32) >= 97 && (code | 32) <= 122) || code === 95 || (code >= 0xaa && /\p{L}/u.test(text[at] as string));
}
