// Numbers about a text that was scanned: words, sentences, characters, marks; and where its sentences end.
import { ABBREVIATIONS } from './policy-lexicon.ts';
import { TOKEN, type Tokens } from './policy-scanner.ts';

export const countWords = ({ count, flags }: Tokens): number => {
  let words = 0;
  for (let token = 0; token < count; token += 1) words += (flags[token] as number) & TOKEN.word;
  return words;
};

/** Code points: an emoji of one code point counts once, however many UTF-16 units it has. */
export const countCharacters = (text: string): number => text.length - (text.match(/[\ud800-\udbff]/g)?.length ?? 0);

export function countTokens({ count, flags }: Tokens, flag: number): number {
  let found = 0;
  for (let token = 0; token < count; token += 1) if (((flags[token] as number) & flag) !== 0) found += 1;
  return found;
}

/** Marks in a row count once each: "!!!" is three. */
export function countExclamations(text: string, { count, start, flags }: Tokens): number {
  let found = 0;
  for (let token = 0; token < count; token += 1) {
    if (((flags[token] as number) & TOKEN.word) !== 0) continue;
    const code = text.charCodeAt(start[token] as number);
    if (code === 33 || code === 0xff01 || code === 0x203c) found += 1;
  }
  return found;
}

/** Words of three letters or more, all capitals, that are not in `allowed`. */
export function countCapitals(text: string, { count, start, end, flags }: Tokens, allowed: ReadonlySet<string>): number {
  let found = 0;
  for (let token = 0; token < count; token += 1) {
    const [from, to] = [start[token] as number, end[token] as number];
    const first = text.charCodeAt(from);
    if (((flags[token] as number) & TOKEN.word) === 0 || to - from < 3 || (first >= 97 && first <= 122)) continue;
    const word = text.slice(from, to);
    if (/^\p{Lu}{3,}$/u.test(word) && !allowed.has(word)) found += 1;
  }
  return found;
}

/**
 * The token after the last one of each sentence. A sentence ends at . ! ? or … before white space or the end (not after an abbreviation, a
 * single letter, nor before a small letter), and at a line break.
 */
export const sentenceEnds = (text: string, tokens: Tokens): number[] => (tokens.sentenceEnds ??= findSentenceEnds(text, tokens));

function findSentenceEnds(text: string, { count, start, end, flags }: Tokens): number[] {
  const ends: number[] = [];
  let hasWord = false;
  for (let token = 0; token < count; token += 1) {
    const flag = flags[token] as number;
    if (hasWord && (flag & TOKEN.newLine) !== 0) {
      ends.push(token);
      hasWord = false;
    }
    if ((flag & TOKEN.word) !== 0) {
      hasWord = true;
      continue;
    }
    if (hasWord && endsSentence(text, start, end, flags, token, count)) {
      ends.push(token + 1);
      hasWord = false;
    }
  }
  if (hasWord) ends.push(count);
  return ends;
}

function endsSentence(text: string, start: Int32Array, end: Int32Array, flags: Uint8Array, token: number, count: number): boolean {
  const mark = text.charCodeAt(start[token] as number);
  // The full stops of Chinese and Japanese need no space after them.
  if (mark === 0x3002 || mark === 0xff01 || mark === 0xff1f) return true;
  if (mark !== 46 && mark !== 33 && mark !== 63 && mark !== 0x2026) return false;
  if (token + 1 === count) return true;
  const after = text.charAt(end[token] as number);
  if (/[.!?…]/.test(after)) return false;
  if (!/[\s"”“»«)\]*_'’]/.test(after)) return false;
  if (mark === 33 || mark === 63) return true;
  const next = text.slice(start[token + 1], (start[token + 1] as number) + 2);
  if (/^\p{Ll}/u.test(next)) return false;
  if (token === 0 || ((flags[token - 1] as number) & TOKEN.word) === 0) return true;
  const [from, to] = [start[token - 1] as number, end[token - 1] as number];
  return to - from > 1 && !ABBREVIATIONS.has(text.slice(from, to).toLowerCase());
}

/** The sentence or paragraph that a token is in, as the number of ends before it. */
export function indexIn(ends: readonly number[], token: number): number {
  let low = 0;
  let high = ends.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ends[middle] as number) <= token) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function paragraphEnds({ count, flags }: Tokens): number[] {
  const ends: number[] = [];
  for (let token = 1; token < count; token += 1) if (((flags[token] as number) & TOKEN.newParagraph) !== 0) ends.push(token);
  return ends;
}
