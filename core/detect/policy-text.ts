// How rules read characters: case, width, composed or decomposed accents, hyphens and the style of quotes make no difference.

/** What a character does to the words around it. `single`: a word of its own, in scripts that put no space between words. */
export const KIND = { space: 0, newline: 1, letter: 2, digit: 3, single: 4, skip: 5, apostrophe: 6, symbol: 7, emoji: 8 } as const;
export type Kind = (typeof KIND)[keyof typeof KIND];

const SPACE = /[\p{Z}\p{Cc}*_~`#\u2010-\u2013-]/u;
const SKIP = /[\p{Cf}\ufe00-\ufe0f™®©]/u;
const APOSTROPHE = /['’‘‛ʼ＇´]/u;
const NO_SPACES = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;

/** Markdown emphasis and hyphens count as space: "no **refund**" says "no refund", "money-back" says "money back". */
export function kindOf(character: string): Kind {
  if (character === '\n' || character === '\r' || character === '\u2028' || character === '\u2029') return KIND.newline;
  if (SKIP.test(character)) return KIND.skip;
  if (SPACE.test(character)) return KIND.space;
  if (APOSTROPHE.test(character)) return KIND.apostrophe;
  if (NO_SPACES.test(character)) return KIND.single;
  if (/[\p{L}\p{M}]/u.test(character)) return KIND.letter;
  if (/\p{N}/u.test(character)) return KIND.digit;
  return /\p{Extended_Pictographic}/u.test(character) ? KIND.emoji : KIND.symbol;
}

/** Characters that are read as one, besides case and compatibility forms. */
export function folded(character: string, kind: Kind): string {
  switch (kind) {
    case KIND.apostrophe:
      return "'";
    case KIND.letter:
    case KIND.digit:
      // Upper case first: ß and ẞ are ss, final and inner sigma are one.
      return character.normalize('NFKD').toUpperCase().replace(/./gsu, (one) => one.toLowerCase()).normalize('NFKD');
    case KIND.symbol:
      if (/["“”„‟«»‹›「」]/u.test(character)) return '"';
      return /\p{Pd}/u.test(character) ? '-' : character.normalize('NFKD');
    default:
      return character.normalize('NFKD');
  }
}

const isAsciiDigit = (code: number): boolean => code >= 48 && code <= 57;
const isT = (code: number): boolean => code === 116 || code === 84;
const isN = (code: number): boolean => code === 110 || code === 78;

/**
 * Whether the symbol at `at` belongs to the word around it: the apostrophe of "don't", the point and the comma of "1.5" and "1,000".
 * Any other apostrophe parts words, so that "Acme" is found in "Acme's".
 */
export function joinsWord(text: string, at: number, kind: Kind): boolean {
  const before = text.charCodeAt(at - 1);
  const after = text.charCodeAt(at + 1);
  if (kind === KIND.apostrophe) return isN(before) && isT(after) && !/[\p{L}\p{N}]/u.test(text.charAt(at + 2));
  const code = text.charCodeAt(at);
  return (code === 46 || code === 44) && isAsciiDigit(before) && isAsciiDigit(after);
}
