// What excuses a phrase that a rule does not want: a longer phrase around it, a negation before it, quotation marks.
import { LATE_NEGATORS } from './policy-lexicon.ts';
import { TOKEN, type Hit, type Tokens } from './policy-scanner.ts';

/** Words between a negation and what it negates, at most. */
const NEGATION_REACH = 5;
/** Not a negation of what follows: "not only guaranteed". */
const NOT_NEGATING = /^(?:only|just|merely|nur|bloß|seulement|doubt)$/i;

/** A negation stands before the hit in its clause ("we give no guarantee"), or ends the clause after it ("das garantieren wir nicht"). */
export function isNegated(text: string, tokens: Tokens, hit: Hit): boolean {
  const word = (token: number): string => text.slice(tokens.start[token], tokens.end[token]);
  const isWord = (token: number): boolean => ((tokens.flags[token] as number) & TOKEN.word) !== 0;
  const startsParagraph = (token: number): boolean => ((tokens.flags[token] as number) & TOKEN.newParagraph) !== 0;
  for (let token = hit.from - 1; token >= 0 && token >= hit.from - 1 - NEGATION_REACH; token -= 1) {
    if (startsParagraph(token + 1)) break;
    if (((tokens.flags[token] as number) & TOKEN.negator) !== 0 && !NOT_NEGATING.test(word(token + 1))) return true;
    if (!isWord(token) && !/^["“”„«»'’]$/.test(word(token))) break;
  }
  for (let token = hit.to + 1; token < tokens.count && token <= hit.to + 1 + NEGATION_REACH && isWord(token); token += 1) {
    if (LATE_NEGATORS.has(word(token).toLowerCase())) return token + 1 === tokens.count || !isWord(token + 1) || startsParagraph(token + 1);
  }
  return false;
}

export type Range = readonly [start: number, end: number];

// Every alternative stops at the next mark of its kind: no stretch of text is read twice.
const QUOTATIONS = /"[^"\n]{1,1000}"|“[^“”\n]{1,1000}”|„[^„“”\n]{1,1000}[“”]|«[^«»\n]{1,1000}»|»[^«»\n]{1,1000}«|^[ \t]{0,3}>[^\n]*$/gm;

/** What stands in quotation marks or in a quoted line. */
export const quotationsIn = (text: string): Range[] => Array.from(text.matchAll(QUOTATIONS), (found): Range => [found.index, found.index + found[0].length]);

/** Whether one of the ranges, which are in order and do not overlap, holds the span. */
export function isInside(ranges: readonly Range[], start: number, end: number): boolean {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ranges[middle] as Range)[0] <= start) low = middle + 1;
    else high = middle;
  }
  const range = ranges[low - 1];
  return range !== undefined && end <= range[1];
}

/** Hits inside a longer hit, asked for in the order of their last tokens. */
export class Covers {
  readonly #covers: readonly Hit[];
  readonly #longest: number;
  #next = 0;
  /** @param covers in the order of their last tokens */
  constructor(covers: readonly Hit[]) {
    this.#covers = covers;
    this.#longest = covers.reduce((longest, { from, to }) => Math.max(longest, to - from), 0);
  }
  holds(hit: Hit): boolean {
    while (this.#next < this.#covers.length && (this.#covers[this.#next] as Hit).to < hit.to) this.#next += 1;
    for (let index = this.#next; index < this.#covers.length; index += 1) {
      const cover = this.#covers[index] as Hit;
      if (cover.to > hit.from + this.#longest) return false;
      if (cover.from <= hit.from) return true;
    }
    return false;
  }
}
