// Finds personal data and secrets in running text: one pass notes where to look, then each rule looks there and nowhere else.
import { cardAt, ibanAt, nationalIdAt, ssnAt } from './accounts.ts';
import { countDigits, hasGroups, isDigitCode, isWordAt, readChain } from './chain.ts';
import { coinAt } from './coins.ts';
import { cueBefore, type Cue } from './cues.ts';
import { emailAt } from './emails.ts';
import { encodedAt } from './encoded.ts';
import { ipv4At, ipv6In } from './ip.ts';
import type { Span } from './kinds.ts';
import { phoneAt } from './phones.ts';
import type { Recogniser } from './recogniser.ts';
import { HAS_SAID, assignedAt, jwtsIn, keyBlocksIn, saidIn, secretsInToken, urlPassword } from './secrets.ts';
import { survey } from './survey.ts';

/** Base64 within base64 is looked into no further. */
const MAX_NESTING = 1;

const LEAST_DIGITS = 6;

/**
 * All values to be replaced, in order and without overlap: where two claim the same characters, the rule tried first wins.
 * Time and memory grow with the length of the text and with nothing else, whatever is in it.
 * @param recogniser finds names and addresses as well, where patterns leave the text free
 */
export function findSpans(text: string, recogniser?: Recogniser, nesting = 0): Span[] {
  const spans: Span[] = [];
  const taken = new Taken(text.length);
  const claim = (span: Span | null): boolean => {
    if (span === null || taken.overlaps(span.start, span.end)) return false;
    taken.add(span.start, span.end);
    spans.push(span);
    return true;
  };

  const { digits, ats, assignments, tokens, hexColons } = survey(text);
  if (text.includes('-----BEGIN')) keyBlocksIn(text, claim);
  if (tokens.length > 0 && text.includes('eyJ')) jwtsIn(text, claim);
  for (let i = 0; i < tokens.length; i += 2) {
    const [start, end] = [tokens[i] as number, tokens[i + 1] as number];
    secretsInToken(text, start, end, claim);
    claim(coinAt(text, start, end));
    if (nesting < MAX_NESTING) claim(encodedAt(text, start, end, (decoded) => findSpans(decoded, recogniser, nesting + 1).length > 0));
  }
  for (const at of assignments) {
    if (text.charCodeAt(at + 1) === 47 && text.charCodeAt(at + 2) === 47) claim(urlPassword(text, at));
    else claim(assignedAt(text, at));
  }
  if (text.length > 10 && HAS_SAID.test(text)) saidIn(text, claim);
  for (const at of ats) claim(emailAt(text, at));
  for (let i = 0; i < hexColons.length; i += 2) claim(ipv6In(text, hexColons[i] as number, hexColons[i + 1] as number));
  findNumbers(text, digits, claim, taken);
  if (recogniser) for (const { kind, start, end } of recogniser.find(text)) if (start >= 0 && start < end && end <= text.length) claim({ kind, start, end, prefix: 0, cued: true });
  return spans.length > 1 ? spans.sort((a, b) => a.start - b.start) : spans;
}

/** The stretches that spans have claimed: a short list, or one mark per character where there are many. */
class Taken {
  readonly #length: number;
  readonly #places: number[] = [];
  #marks: Uint8Array | null = null;
  constructor(length: number) {
    this.#length = length;
  }
  overlaps(start: number, end: number): boolean {
    const marks = this.#marks;
    if (marks !== null) {
      for (let i = start; i < end; i += 1) if (marks[i] === 1) return true;
      return false;
    }
    for (let i = 0; i < this.#places.length; i += 2) if (start < (this.#places[i + 1] as number) && (this.#places[i] as number) < end) return true;
    return false;
  }
  /** Where the last stretch before `at` ends, as far as words before a value are read. */
  endBefore(at: number): number {
    let last = 0;
    if (this.#marks === null) for (let i = 1; i < this.#places.length; i += 2) last = Math.max(last, (this.#places[i] as number) <= at ? (this.#places[i] as number) : 0);
    else for (let i = at; i > Math.max(at - FURTHEST_WORD, 0) && last === 0; i -= 1) if (this.#marks[i - 1] === 1) last = i;
    return last;
  }
  add(start: number, end: number): void {
    this.#places.push(start, end);
    if (this.#marks === null && this.#places.length > MOST_LISTED) {
      this.#marks = new Uint8Array(this.#length);
      for (let i = 0; i < this.#places.length; i += 2) this.#marks.fill(1, this.#places[i], this.#places[i + 1]);
    } else this.#marks?.fill(1, start, end);
  }
}
const MOST_LISTED = 32;
const FURTHEST_WORD = 120;

function findNumbers(text: string, digits: readonly number[], claim: (span: Span | null) => boolean, taken: Taken): void {
  for (const start of digits) {
    if (taken.overlaps(start, start + 1)) continue;
    if (claim(ibanAt(text, start))) continue;
    const chain = readChain(text, start);
    // Nothing below has fewer digits but an address in dots.
    if (countDigits(chain) < LEAST_DIGITS && chain.count < 4) continue;
    const isInWord = isWordAt(text, start - 1);
    let cue: Cue | null | undefined;
    const readCue = (): Cue | null => (cue === undefined ? (cue = cueBefore(text, start, taken.endBefore(start))) : cue);
    if (claim(nationalIdAt(text, chain, readCue)) || isInWord) continue;
    // 51.51.25.72 may be either: the word before decides.
    if (chain.count > 3 && text.charCodeAt(chain.ends[0] as number) === 46 && !(hasGroups(text, chain, [2, 2, 2, 2]) && readCue() === 'phone')) {
      const address = ipv4At(text, start, readCue);
      // An address that stays as it is, a surrogate above all, must not become a part of a telephone number beside it.
      if (address?.keep) taken.add(address.span.start, address.span.end);
      else if (address && claim(address.span)) continue;
      if (address) continue;
    }
    if (isDecimalPart(text, start)) continue;
    if (claim(cardAt(text, chain, readCue)) || claim(ssnAt(text, chain, readCue))) continue;
    claim(phoneAt(text, chain, readCue));
  }
}

/** Behind the point or comma of another number. */
const isDecimalPart = (text: string, start: number): boolean => (text.charCodeAt(start - 1) === 46 || text.charCodeAt(start - 1) === 44) && isDigitCode(text.charCodeAt(start - 2));
