// Finds telephone numbers: international, North American, with a trunk zero, with an area code in parentheses, or after a word that says so.
import { digitsBetween, groupLength, hasGroups, isDigitCode, isWordAt, separatorAfter, tiedLeft, tiedRight, type Chain } from './chain.ts';
import { isIsbn } from './checksums.ts';
import type { Cue } from './cues.ts';
import type { Span } from './kinds.ts';

/** Country calling codes (ITU-T E.164) of one and two digits; every other code has three. */
const SHORT_CODES: ReadonlySet<string> = new Set('1 7 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98'.split(' '));
const LONG_CODE = /^(?:2[1-69]\d|3[578]\d|42\d|50\d|59\d|6[789]\d|80\d|8[578]\d|9[679]\d)$/;
/** Fewest and most digits of a national number where they are fixed; elsewhere 5 to 12. */
const LENGTHS: ReadonlyMap<string, readonly [number, number]> = new Map(
  '1:10-10 7:10-10 27:9-9 31:9-9 32:8-9 33:9-9 34:9-9 39:6-11 41:9-9 44:9-10 45:8-8 46:7-9 47:8-8 48:9-9 49:6-11 52:10-10 55:10-11 61:9-9 64:8-10 65:8-8 81:9-10 82:8-10 86:10-11 90:10-10 91:10-10 351:9-9 353:7-9 358:5-11 380:9-9 852:8-8 971:8-9 972:8-9'
    .split(' ')
    .map((entry): [string, readonly [number, number]] => {
      const [code = '', least, most] = entry.split(/[:-]/);
      return [code, [Number(least), Number(most)]];
    }),
);
const ANY_LENGTH = [5, 12] as const;

/** The calling code at the start of an international number without its prefix; '' when there is none. */
export function callingCode(digits: string): string {
  for (const length of [1, 2]) if (SHORT_CODES.has(digits.slice(0, length))) return digits.slice(0, length);
  return LONG_CODE.test(digits.slice(0, 3)) ? digits.slice(0, 3) : '';
}

const DATE_LIKE = /^(?:\d{1,2}[./-]\d{1,2}[./-](?:19|20)\d{2}|(?:19|20)\d{2}[./ -](?:0[1-9]|1[0-2])[./ -](?:0[1-9]|[12]\d|3[01]))(?!\d)/;
const EXTENSION = /\s?(?:x|ext\.?|extension|durchwahl|poste)\s?\d{1,6}(?!\w)/iy;

/** @param cue read only where the form alone does not decide */
export function phoneAt(text: string, chain: Chain, cue: () => Cue | null): Span | null {
  const start = chain.starts[0] as number;
  const found = international(text, chain, start, cue) ?? (isFree(text, start) ? national(text, chain, start, cue) : null);
  if (!found) return null;
  EXTENSION.lastIndex = found.end;
  const extension = EXTENSION.exec(text);
  const end = extension ? found.end + extension[0].length : found.end;
  if (isWordAt(text, end) || text[end] === '%' || text[end] === '°') return null;
  return { ...found, end };
}

const spanOf = (start: number, end: number, cued = false): Span => ({ kind: 'phone', start, end, prefix: 0, cued });

/** Whether a number may begin here: not inside a word, a decimal, a price or a path. */
function isFree(text: string, start: number): boolean {
  const before = text[start - 1] ?? ' ';
  if (before === '(') return !isWordAt(text, start - 2);
  if (isWordAt(text, start - 1) || '.+#$€£¥@\\%&^*~'.includes(before)) return false;
  return (before !== '-' && before !== '/') || !isWordAt(text, start - 2);
}

/** Index of the last group with which the number has at most `most` digits, and how many it then has; -1 when the first has more. */
function takeGroups(text: string, chain: Chain, from: number, taken: number, least: number, most: number): { last: number; digits: number } {
  let digits = taken;
  let last = -1;
  for (let i = from; i < chain.count; i += 1) {
    if (i > 0 && i > from && DATE_LIKE.test(text.slice(chain.starts[i], (chain.starts[i] as number) + 11))) break;
    // A wide gap is a list's; within a number only parentheses, and dashes or slashes between spaces, take two characters.
    const gap = i > from ? separatorAfter(text, chain, i - 1) : '';
    if (gap.length > 1 && !/[()]| [-/] /.test(gap)) break;
    // "(0)" is dialled only within the country.
    if (groupLength(chain, i) === 1 && text[chain.starts[i] as number] === '0' && gap.endsWith('(')) continue;
    if (digits + groupLength(chain, i) > most) break;
    digits += groupLength(chain, i);
    last = i;
    // Long enough, and what follows stands apart from it.
    if (digits >= least && gap !== '' && i + 1 < chain.count && digits + groupLength(chain, i + 1) > most) break;
  }
  return { last, digits };
}

function international(text: string, chain: Chain, start: number, cue: () => Cue | null): Span | null {
  let open = start;
  if (text[open - 1] === '(') open -= 1;
  if (text[open - 1] === ' ' && text[open - 2] === '+') open -= 1;
  const isPlus = text[open - 1] === '+';
  const isDoubleZero = !isPlus && text.startsWith('00', start) && text[start + 2] !== '0' && tiedLeft(text, start) === '' && isFree(text, start);
  if (!isPlus && !isDoubleZero) return null;
  const begin = isPlus ? open - 1 : start;
  if (isPlus && (isWordAt(text, begin - 1) || /[+.\-/]/.test(text[begin - 1] ?? ' '))) return null;
  const prefix = isDoubleZero ? 2 : 0;
  const head = digitsBetween(text, start + prefix, Math.min(start + prefix + 6, chain.ends[chain.count - 1] as number));
  const code = callingCode(head);
  if (code === '') return null;
  const [least, most] = LENGTHS.get(code) ?? ANY_LENGTH;
  // In one run with the code the trunk zero may be written as well.
  const { last, digits } = takeGroups(text, chain, 0, -prefix - code.length, least, most + (head[code.length] === '0' ? 1 : 0));
  if (last < 0 || digits < least) return null;
  const end = chain.ends[last] as number;
  // Zeros before an order number are no country prefix.
  if (isDoubleZero && (['other', 'id'].includes(cue() as string) || (last === 0 && digits + code.length < 10))) return null;
  return isDigitCode(text.charCodeAt(end)) || tiedRight(text, end) === '-' ? null : spanOf(begin, end);
}

function national(text: string, chain: Chain, start: number, cue: () => Cue | null): Span | null {
  const isOpen = text[start - 1] === '(' && text[chain.ends[0] as number] === ')';
  const first = groupLength(chain, 0);
  if (DATE_LIKE.test(text.slice(start, start + 11))) return null;
  const announced = cue();
  if (announced === 'phone') {
    const named = afterCue(text, chain, start, isOpen);
    if (named) return named;
  }
  if (announced === 'other' || announced === 'id' || announced === 'version' || announced === 'tax_id') return null;
  if (isOpen) return areaInParentheses(text, chain, start);
  const american = northAmerican(text, chain, start);
  if (american !== null) return american;
  if (text[start] !== '0' || text[start + 1] === '0' || first < 2 || first > 6 || chain.count < 2) return null;
  // 0151-23456789, 030/123 45 67; "0.1234567" is a decimal, "01 02 2026" a date.
  const { last, digits } = takeGroups(text, chain, 0, 0, 9, 12);
  if (last < 1 || digits < 9 || tiedLeft(text, start) !== '') return null;
  const end = chain.ends[last] as number;
  if ((last === 1 && first < 3 && text[chain.ends[0] as number] === '.') || tiedRight(text, end) === '-' || (!/[./]/.test(text.slice(start, end)) && isIsbn(digitsBetween(text, start, end))) || /^0[\d -]{10}[ -]X/.test(text.slice(start, start + 13))) return null;
  return spanOf(start, end);
}

/** Any grouping of 7 to 12 digits; more have a country's code in front, and a form of their own. */
function afterCue(text: string, chain: Chain, start: number, isOpen: boolean): Span | null {
  const { last, digits } = takeGroups(text, chain, 0, 0, 7, 12);
  if (last < 0 || digits < 7) return null;
  const end = chain.ends[last] as number;
  if (isDigitCode(text.charCodeAt(end))) return null;
  const value = digitsBetween(text, start, end);
  // Nobody's number: one digit again and again.
  return new Set(value).size === 1 ? null : spanOf(isOpen ? start - 1 : start, end, true);
}

/** (020) 7946 0958, (415) 555-2671; "(2019) 123-145" is a volume and its pages. */
function areaInParentheses(text: string, chain: Chain, start: number): Span | null {
  const first = groupLength(chain, 0);
  if (first < 2 || first > 5 || text[chain.ends[0] as number] !== ')' || /^(?:19|20)\d{2}\)/.test(text.slice(start, start + 5))) return null;
  const most = first === 3 && text[start] !== '0' ? 10 : 12;
  const { last, digits } = takeGroups(text, chain, 0, 0, 7, most);
  return last < 1 || digits < 7 || tiedRight(text, chain.ends[last] as number) === '-' ? null : spanOf(start - 1, chain.ends[last] as number);
}

/** 415-555-2671, 1.415.555.2671, 1 (415) 555-2671: area and exchange start with 2 to 9. */
function northAmerican(text: string, chain: Chain, start: number): Span | null {
  const lead = groupLength(chain, 0) === 1 && text[start] === '1' ? 1 : 0;
  const isGrouped = lead === 1 ? groupLength(chain, 1) === 3 && groupLength(chain, 2) === 3 && groupLength(chain, 3) === 4 : hasGroups(text, chain, [3, 3, 4]);
  if (!isGrouped || !/[2-9]/.test(text[chain.starts[lead] as number] as string) || !/[2-9]/.test(text[chain.starts[lead + 1] as number] as string)) return null;
  const end = chain.ends[lead + 2] as number;
  const separator = text[chain.ends[lead] as number] as string;
  if (separator === '/' || tiedLeft(text, start) === separator || tiedRight(text, end) === '-' || tiedRight(text, end) === '.' || (separator === ' ' && tiedRight(text, end) === ' ')) return null;
  return spanOf(start, end);
}
