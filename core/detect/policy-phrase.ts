// The syntax of a phrase: words, `guarantee*`, `*garantie`, `…` for words in between, `#` for a number.
import { folded, joinsWord, KIND, kindOf } from './policy-text.ts';

export interface PhraseWord {
  /** Folded; empty with `any: 'number'`. */
  text: string;
  any: 'ending' | 'beginning' | 'number' | null;
  /** Words that may stand between this one and the one before, in the same sentence; 0: they touch. */
  gap: number;
}

/** Words that `…` stands for at most. */
export const GAP_WORDS = 8;
const MAX_WORDS = 24;

/** A phrase cannot be read; the message says why. */
export class PhraseMistake extends Error {}

/** @throws PhraseMistake */
export function parsePhrase(phrase: string): PhraseWord[] {
  const words: PhraseWord[] = [];
  let gap = 0;
  const add = (text: string, any: PhraseWord['any']): void => {
    words.push({ text, any, gap });
    gap = 0;
  };
  for (const piece of phrase.trim().replaceAll('...', '…').replaceAll('…', ' … ').split(/\s+/u)) {
    if (piece === '…') {
      if (words.length === 0) throw new PhraseMistake('… needs a word before it');
      gap = GAP_WORDS;
    } else if (piece === '#') add('', 'number');
    else if (piece !== '') addPiece(piece, add);
  }
  if (gap > 0) throw new PhraseMistake('… needs a word after it');
  if (words.length === 0) throw new PhraseMistake('has no word in it');
  if (words.length > MAX_WORDS) throw new PhraseMistake(`has more than ${MAX_WORDS} words and marks`);
  return words;
}

function addPiece(piece: string, add: (text: string, any: PhraseWord['any']) => void): void {
  const beginning = piece.startsWith('*');
  const ending = piece.endsWith('*') && piece.length > 1;
  const bare = piece.slice(beginning ? 1 : 0, ending ? -1 : undefined);
  if (bare.includes('*') || (beginning && ending)) throw new PhraseMistake('takes one * in a word, at its beginning or its end');
  if (bare.includes('#')) throw new PhraseMistake('takes # as a word of its own only');
  const parts = wordsOf(bare);
  if (parts.length === 0 && (beginning || ending)) throw new PhraseMistake('has a * without a word');
  const isWord = (part: string | undefined): boolean => part !== undefined && /^[\p{L}\p{N}]/u.test(part);
  if ((beginning && !isWord(parts[0])) || (ending && !isWord(parts.at(-1)))) throw new PhraseMistake('takes * beside a letter or digit only');
  parts.forEach((part, index) => add(part, beginning && index === 0 ? 'beginning' : ending && index === parts.length - 1 ? 'ending' : null));
}

/** Words and marks of a piece of text without white space, folded. The scanner reads answers by the same rules. */
function wordsOf(piece: string): string[] {
  const words: string[] = [];
  let word = '';
  const end = (): void => {
    if (word !== '') words.push(word);
    word = '';
  };
  for (let at = 0; at < piece.length; ) {
    const character = String.fromCodePoint(piece.codePointAt(at) as number);
    const kind = kindOf(character);
    if (kind === KIND.letter || kind === KIND.digit || (word !== '' && joinsWord(piece, at, kind))) word += folded(character, kind);
    else if (kind !== KIND.skip) {
      end();
      if (kind === KIND.single || kind === KIND.symbol || kind === KIND.apostrophe || kind === KIND.emoji) words.push(folded(character, kind));
    }
    at += character.length;
  }
  end();
  return words;
}
