// One pass over a text: its words, and every place where one of the phrases stands. Time grows with the text, not with the number of phrases.
import { parsePhrase, type PhraseWord } from './policy-phrase.ts';
import { folded, joinsWord, KIND, kindOf, type Kind } from './policy-text.ts';
import { ROOT, step, WordSetBuilder, type WordSet } from './policy-words.ts';

/** What stands before a token, and what it is. */
export const TOKEN = { word: 1, number: 2, emoji: 4, newLine: 8, newParagraph: 16, negator: 32, apart: 64 } as const;

/** Longer texts are read to here; nothing is called missing from them. */
export const MAX_SCANNED = 1_000_000;
/** Characters beyond U+FFFF that are remembered. */
const MAX_OTHERS = 10_000;
/** Hits of one text that are kept: more come only from a text that repeats itself on purpose. */
const MAX_HITS = 50_000;

/** The tokens of the text scanned last: words, numbers, marks. Offsets are UTF-16 units of the text as it was. */
export interface Tokens {
  count: number;
  start: Int32Array;
  end: Int32Array;
  flags: Uint8Array;
  /** Where the sentences end, once somebody has asked. */
  sentenceEnds: number[] | undefined;
}

export interface Hit {
  phrase: number;
  /** First and last token. */
  from: number;
  to: number;
}

export interface Scanner {
  readonly tokens: Tokens;
  /** Reads the text; the answer and `tokens` hold until the next call. Hits come in the order of their last token. */
  scan(text: string): readonly Hit[];
}

/** Classes of characters: each folded character that occurs in a phrase has a number, all others share 0. */
class Alphabet {
  readonly #classes = new Map<string, number>();
  get size(): number {
    return this.#classes.size + 1;
  }
  add(text: string): number[] {
    return [...text].map((character) => {
      const known = this.#classes.get(character) ?? this.#classes.size + 1;
      this.#classes.set(character, known);
      return known;
    });
  }
  classesOf(text: string): number[] {
    return [...text].map((character) => this.#classes.get(character) ?? 0);
  }
}

/** Kind and class of a code point in one number, never 0. `MANY`: it folds to several characters, listed apart. */
const MANY = 0x1ff_ffff;
const KIND_BITS = 15;
/** A letter or digit that folds to one character; and of these the letters. */
const PLAIN = 16;
const LETTER = 32;
const CLASS_SHIFT = 6;
function packed(kind: Kind, characterClass: number): number {
  const isPlain = (kind === KIND.letter || kind === KIND.digit) && characterClass !== MANY;
  return (characterClass << CLASS_SHIFT) | (isPlain ? PLAIN : 0) | (kind === KIND.letter ? LETTER : 0) | (kind + 1);
}

/**
 * @param phrases each a phrase's text
 * @param negators numbers of the phrases, each of one word, whose hits only mark their token
 * @throws PhraseMistake, TooManyWords
 */
export function createScanner(phrases: readonly string[], negators: ReadonlySet<number>): Scanner {
  const alphabet = new Alphabet();
  const forward = new WordSetBuilder();
  const backward = new WordSetBuilder();
  let hasBackward = false;
  const parsed = phrases.map(parsePhrase);
  // One position for each word of each phrase.
  const size = parsed.reduce((sum, words) => sum + words.length, 0);
  const gapAt = new Int32Array(size);
  const isFirst = new Uint8Array(size);
  const phraseAt = new Int32Array(size).fill(-1);
  const numberPositions: number[] = [];
  let position = 0;
  parsed.forEach((words, phrase) => {
    words.forEach((word: PhraseWord, index) => {
      gapAt[position] = word.gap;
      isFirst[position] = index === 0 ? 1 : 0;
      if (index === words.length - 1) phraseAt[position] = phrase;
      if (word.any === 'number') numberPositions.push(position);
      else if (word.any === 'beginning') {
        hasBackward = true;
        backward.add(alphabet.add(word.text).reverse(), position, true);
      } else forward.add(alphabet.add(word.text), position, word.any === 'ending');
      position += 1;
    });
  });
  const words = forward.build(alphabet.size);
  const endings: WordSet | null = hasBackward ? backward.build(alphabet.size) : null;
  const numbers = Int32Array.from(numberPositions);

  const table = new Int32Array(0x10000);
  const others = new Map<number, number>();
  const severalClasses = new Map<number, number[]>();
  function lookUp(codePoint: number): number {
    if (others.size >= MAX_OTHERS) {
      for (const known of others.keys()) severalClasses.delete(known);
      others.clear();
    }
    const character = String.fromCodePoint(codePoint);
    const kind = kindOf(character);
    const classes = alphabet.classesOf(folded(character, kind));
    const value = packed(kind, classes.length === 1 ? (classes[0] as number) : MANY);
    if (classes.length !== 1) severalClasses.set(codePoint, classes);
    if (codePoint < 0x10000) table[codePoint] = value;
    else others.set(codePoint, value);
    return value;
  }
  const infoOf = (codePoint: number): number => (codePoint < 0x10000 ? table[codePoint] : others.get(codePoint)) || lookUp(codePoint);
  function stepThrough(set: WordSet, state: number, info: number, codePoint: number, isBackward: boolean): number {
    if (info >> CLASS_SHIFT !== MANY) return step(set, state, info >> CLASS_SHIFT);
    const classes = severalClasses.get(codePoint) as number[];
    return (isBackward ? classes.toReversed() : classes).reduce((at, characterClass) => (at === 0 ? 0 : step(set, at, characterClass)), state);
  }

  const tokens: Tokens = { count: 0, start: new Int32Array(1_024), end: new Int32Array(1_024), flags: new Uint8Array(1_024), sentenceEnds: undefined };
  function grow(): void {
    const larger = tokens.start.length * 2;
    const start = new Int32Array(larger);
    const end = new Int32Array(larger);
    const flags = new Uint8Array(larger);
    start.set(tokens.start);
    end.set(tokens.end);
    flags.set(tokens.flags);
    Object.assign(tokens, { start, end, flags });
  }

  // How far each phrase has come: the token at which a position was reached last and, before the present token overwrote it, the time before.
  // Token numbers go on from text to text, so that nothing has to be cleared.
  const reached = new Float64Array(size).fill(-1);
  const reachedFrom = new Int32Array(size);
  const reachedBefore = new Float64Array(size).fill(-1);
  const reachedBeforeFrom = new Int32Array(size);
  let clock = 0;
  let sentenceStart = 0;
  let paragraphStart = 0;
  let hits: Hit[] = [];

  function visit(positions: Int32Array, token: number): void {
    const now = clock + token;
    for (const at of positions) {
      let from = token;
      if (isFirst[at] === 0) {
        let previous = reached[at - 1] as number;
        from = reachedFrom[at - 1] as number;
        if (previous === now) {
          previous = reachedBefore[at - 1] as number;
          from = reachedBeforeFrom[at - 1] as number;
        }
        if (previous < clock) continue;
        const gap = gapAt[at] as number;
        if (now - previous - 1 > gap || previous - clock < (gap > 0 ? sentenceStart : paragraphStart)) continue;
      }
      const phrase = phraseAt[at] as number;
      if (phrase >= 0) {
        if (negators.has(phrase)) tokens.flags[token] = (tokens.flags[token] ?? 0) | TOKEN.negator;
        else if (hits.length < MAX_HITS) hits.push({ phrase, from, to: token });
      } else {
        if (reached[at] !== now) {
          reachedBefore[at] = reached[at] as number;
          reachedBeforeFrom[at] = reachedFrom[at] as number;
        }
        reached[at] = now;
        reachedFrom[at] = from;
      }
    }
  }

  function addToken(text: string, start: number, end: number, state: number, flags: number): void {
    const token = tokens.count;
    if (token === tokens.start.length) grow();
    tokens.start[token] = start;
    tokens.end[token] = end;
    tokens.flags[token] = flags;
    tokens.count += 1;
    if ((flags & TOKEN.newParagraph) !== 0) sentenceStart = paragraphStart = token;
    const found = state === 0 ? undefined : words.values[state];
    if (found) visit(found, token);
    if ((flags & TOKEN.number) !== 0 && numbers.length > 0) visit(numbers, token);
    // Most words end in a letter that ends no ending.
    if (endings && (flags & TOKEN.word) !== 0 && !isForeign(endings, text.charCodeAt(end - 1))) {
      const foundEndings = endings.values[endingState(endings, text, start, end)];
      if (foundEndings) visit(foundEndings, token);
    }
    if ((flags & TOKEN.word) === 0 && isBreak(text.charCodeAt(start))) sentenceStart = token + 1;
  }

  /** A plain character with which no beginning of the set starts. */
  function isForeign(set: WordSet, unit: number): boolean {
    const info = table[unit] as number;
    return (info & PLAIN) !== 0 && set.fromRoot[info >> CLASS_SHIFT] === 0;
  }

  function endingState(set: WordSet, text: string, start: number, end: number): number {
    let state = ROOT;
    for (let at = end; at > start && state !== 0; ) {
      let codePoint = text.charCodeAt(at - 1);
      if (codePoint >= 0xdc00 && codePoint < 0xe000 && at - 2 >= start) codePoint = text.codePointAt(at - 2) as number;
      at -= codePoint > 0xffff ? 2 : 1;
      const info = infoOf(codePoint);
      if ((info & KIND_BITS) - 1 !== KIND.skip) state = stepThrough(set, state, info, codePoint, true);
    }
    return state;
  }

  function scan(text: string): readonly Hit[] {
    clock += tokens.count + 1;
    tokens.count = 0;
    tokens.sentenceEnds = undefined;
    sentenceStart = 0;
    paragraphStart = 0;
    hits = [];
    const length = Math.min(text.length, MAX_SCANNED);
    let start = -1;
    let state = 0;
    /** Not 0 once the word has a letter: else it is a number. */
    let letters = 0;
    let before = 0;
    scanning: for (let at = 0; at < length; at += 1) {
      let unit = text.charCodeAt(at);
      let plain = table[unit] as number;
      // Plain letters and digits, nearly all of a text: nothing but the walk through the words. What ends the run is looked at below.
      if ((plain & PLAIN) !== 0) {
        if (start < 0) {
          start = at;
          state = ROOT;
          letters = 0;
        }
        do {
          letters |= plain & LETTER;
          if (state !== 0) state = step(words, state, plain >> CLASS_SHIFT);
          at += 1;
          if (at >= length) break scanning;
          unit = text.charCodeAt(at);
          plain = table[unit] as number;
        } while ((plain & PLAIN) !== 0);
      }
      if (unit === 32) {
        if (start >= 0) {
          addToken(text, start, at, state, TOKEN.word | (letters === 0 ? TOKEN.number : 0) | before);
          start = -1;
          before = 0;
        }
        before |= TOKEN.apart;
        continue;
      }
      const codePoint = unit >= 0xd800 && unit < 0xdc00 ? (text.codePointAt(at) as number) : unit;
      const info = table[codePoint] || infoOf(codePoint);
      const kind = ((info & KIND_BITS) - 1) as Kind;
      if (kind === KIND.letter || kind === KIND.digit || (start >= 0 && kind >= KIND.apostrophe && joinsWord(text, at, kind))) {
        if (start < 0) {
          start = at;
          state = ROOT;
          letters = 0;
        }
        letters |= info & LETTER;
        if (state !== 0) state = stepThrough(words, state, info, codePoint, false);
      } else if (kind !== KIND.skip) {
        if (start >= 0) {
          addToken(text, start, at, state, TOKEN.word | (letters === 0 ? TOKEN.number : 0) | before);
          start = -1;
          before = 0;
        }
        if (kind === KIND.space) before |= TOKEN.apart;
        else if (kind === KIND.newline) {
          // \r\n is one line break.
          if (!(unit === 10 && at > 0 && text.charCodeAt(at - 1) === 13)) before |= (before & TOKEN.newLine) !== 0 ? TOKEN.newParagraph : TOKEN.newLine;
        } else {
          const flags = kind === KIND.single ? TOKEN.word : kind === KIND.emoji ? TOKEN.emoji : 0;
          addToken(text, at, at + (codePoint > 0xffff ? 2 : 1), stepThrough(words, ROOT, info, codePoint, false), flags | before);
          before = 0;
        }
      }
      if (codePoint > 0xffff) at += 1;
    }
    if (start >= 0) addToken(text, start, length, state, TOKEN.word | (letters === 0 ? TOKEN.number : 0) | before);
    return hits;
  }

  return { tokens, scan };
}

/** Ends a sentence as far as `…` is concerned: it does not reach across. */
const isBreak = (code: number): boolean => code === 46 || code === 33 || code === 63 || code === 0x3002 || code === 0xff01 || code === 0xff1f;
