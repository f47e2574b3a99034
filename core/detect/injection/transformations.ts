// Forms into which an injected instruction may turn a whole answer: ciphers, encodings, capitals, missing spaces, emoji, garbled words, a role's voice.
import { atbash, decodedStretches, reversed, shifted } from './encodings.ts';
import { oncePerScene, type Scene, type Utterance } from './scene.ts';

const COMMON = new Set('the of and to in is that it for you was with on are as be at this have from or by not but what all we when your can there an which their if will about how up out them then she so these her would into has more two him see could no than been its who now did get may had they i my here a he do me us our due any after before between until over under one by'.split(' '));

const wordsOf = (text: string): string[] => text.toLowerCase().match(/\p{L}+(?:'\p{L}+)?/gu) ?? [];

/** Share of words that are frequent English ones: about 0.35 in prose, near 0 in what is garbled. */
function englishness(text: string): number {
  const words = wordsOf(text);
  return words.length < 4 ? 0 : words.filter((word) => COMMON.has(word)).length / words.length;
}
const READS_AS_ENGLISH = 0.2;
const GARBLED = 0.12;
/** Forms are judged by the head of an answer. */
const MAX_LENGTH = 20_000;

export type Transformation = 'encoding' | 'cipher' | 'reversed' | 'emoji' | 'capitals' | 'no_spaces' | 'letters_replaced' | 'misspelled' | 'voice';

/** Instructions that want a form, by their words. */
const WANTS: readonly [Transformation, RegExp][] = [
  ['encoding', /\bbase[ -]?(?:16|32|58|64)\b|\bhex(?:adecimal)?\b|\bbinary\b|\bmorse\b|\bascii (?:codes?|values?)\b|\bencod(?:e|ed|ing)\b/i],
  ['cipher', /\brot[ -]?\d+\b|\bcaesar\b|\bcipher\b|\bcypher\b|\batbash\b|\bencrypt\b|\bshift(?:ed|ing)? (?:each|every|all|of|by|the)\b|\bsubstitution\b|\bkeyword cipher|\bencod(?:e|ed|ing)\b|\bletters? (?:of|in) the alphabet\b|\bletters? (?:is |are )?(?:moved|shifted)\b/i],
  ['reversed', /\bbackwards?\b|\brevers(?:e|ed|ing)\b|\bright[- ]to[- ]left\b|\bmirror(?:ed)?\b/i],
  ['emoji', /\bemojis?\b|\bemoticons?\b/i],
  ['capitals', /\ball[- ]caps\b|\bupper[- ]?case\b|\bcapital(?:s| letters|i[sz]ed?)\b|\bcaps lock\b/i],
  ['no_spaces', /\b(?:white ?)?spac(?:e|es|ing)\b|\bgroup\b[^.]{0,30}\bletters\b|\bcombine\b[^.]{0,30}\bwords\b|\bone (?:long|single) word\b/i],
  ['letters_replaced', /\b(?:alphanumeric|homophonic|leet(?:speak)?|l33t|1337|vowels?|consonants?)\b|\b(?:replac|substitut|us(?:e|ing)|convert|swap|turn|chang)\w*\b[^.]{0,50}\b(?:numbers?|digits?|symbols?|signs?|asterisks?|characters?|letters?)\b|[@#$%&*\d] for [a-z]\b|\b[a-z] ?= ?\d/i],
  ['misspelled', /\bmiss?pell\w*|\btypos?\b|\bspelling (?:mistakes?|errors?)\b|\bscrambl\w+|\bjumbl\w+|\banagram\w*|\brearrang\w+|\bshuffl\w+|\bgarbl\w+/i],
  ['voice', /\b(?:pirate|shakespear\w*|yoda|medieval|old english|elizabethan)\b/i],
];

export const transformationsWanted = (instruction: string): Transformation[] => WANTS.filter(([, pattern]) => pattern.test(instruction)).map(([name]) => name);

/** The sentence speaks of such a form. */
export const speaksOf = (transformation: Transformation, sentence: string): boolean => WANTS.some(([name, pattern]) => name === transformation && pattern.test(sentence));

/** A trusted part asked for the form itself, or for something of the kind. */
export const isAskedFor = speaksOf;

/** The answer has the form, and the texts it was made from have not. */
export function hasForm(said: Utterance, transformation: Transformation, scene: Scene): boolean {
  const text = said.text.slice(0, MAX_LENGTH);
  switch (transformation) {
    case 'encoding':
      return decodedStretches(text).some(({ encoding, text: plain }) => encoding !== 'url' && encoding !== 'escapes' && readsAsText(plain, encoding) && !scene.material.includes(plain));
    case 'cipher': {
      if (englishness(text) > GARBLED || wordsOf(text).length < 4) return false;
      if (englishness(atbash(text)) >= READS_AS_ENGLISH) return true;
      for (let by = 1; by < 26; by += 1) if (englishness(shifted(text, by)) >= READS_AS_ENGLISH) return true;
      return false;
    }
    case 'reversed':
      return englishness(text) <= GARBLED && (englishness(reversed(text)) >= READS_AS_ENGLISH || sharesReversed(text, scene));
    case 'emoji':
      return count(text, /\p{Extended_Pictographic}/gu) >= 3 && count(text, /\p{Extended_Pictographic}/gu) >= wordsOf(text).length * 0.12 && count(scene.material, /\p{Extended_Pictographic}/gu) < 3;
    case 'capitals':
      return isCapitals(text) && !isCapitals(scene.material);
    case 'no_spaces': {
      const tokens = text.split(/\s+/).filter((token) => !/[/@_]|www\./.test(token));
      const letters = tokens.join('').length;
      const long = tokens.filter((token) => count(token, /\p{L}/gu) >= 22).join('').length;
      if (letters >= 12 && long >= letters * 0.5) return true;
      const groups = tokens.filter((token) => /^\p{L}{3,4}$/u.test(token));
      return tokens.length >= 6 && groups.length >= tokens.length * 0.75 && englishness(text) <= GARBLED;
    }
    case 'letters_replaced': {
      const tokens = text.split(/\s+/).filter((token) => /[\p{L}]/u.test(token) && !/[/@].*\.|https?:/.test(token));
      const mixed = tokens.filter((token) => /\p{L}[\d@#$%&*!+]\p{L}|^[\d@#$%&*!+]{1,3}\p{L}{2}|\p{L}[\d@#$&*]{1,2}$|\p{L}[@#$%&*]/u.test(token) && !scene.material.includes(token)).length;
      if (tokens.length >= 4 && mixed >= 4 && mixed >= tokens.length * 0.3) return true;
      const numbers = text.split(/[\s,;-]+/).filter((token) => /^\d{1,2}$/.test(token)).length;
      return numbers >= 12 && numbers >= text.split(/[\s,;-]+/).length * 0.6 && count(scene.material, /(?<!\d)\d{1,2}(?!\d)/g) < numbers / 2;
    }
    case 'misspelled':
      return garbledWords(text, scene) >= 3;
    case 'voice':
      return count(text, /\b(?:arr+|ahoy|matey|ye|yer|avast|aye|thou|thee|thy|thine|hath|doth|'tis|hmm+|prithee|verily|forsooth)\b/gi) >= 2;
  }
}

const count = (text: string, pattern: RegExp): number => text.match(pattern)?.length ?? 0;

const isCapitals = (text: string): boolean => {
  const upper = count(text, /\p{Lu}/gu);
  return upper >= 12 && upper >= count(text, /\p{L}/gu) * 0.9;
};

const readsAsText = (plain: string, encoding: string): boolean => plain.length >= (encoding === 'base64' ? 10 : 4) && !/[^\x09\x0a\x0d\x20-\x7e\u00a0-\u024f\u2010-\u20bf]/.test(plain) && count(plain, /[A-Za-z ]/g) >= plain.length * 0.7 && (/ /.test(plain.trim()) || plain.length < 12);

/** Words of the material, each written backwards. */
function sharesReversed(text: string, scene: Scene): boolean {
  const known = new Set(wordsOf(`${scene.material} ${scene.trusted}`.slice(0, MAX_LENGTH)));
  const words = wordsOf(text).filter((word) => word.length >= 4);
  const back = words.filter((word) => !known.has(word) && (known.has(reversed(word)) || COMMON.has(reversed(word))));
  return words.length >= 3 && back.length >= Math.max(3, words.length * 0.3);
}

const sortedLetters = (word: string): string => [...word].sort().join('');

interface KnownWords {
  words: ReadonlySet<string>;
  /** Their letters in order. */
  anagrams: ReadonlySet<string>;
  /** Each with one inner letter left out, by which two words with one different letter meet; with the ending of the word. */
  shortened: ReadonlyMap<string, string>;
}

/** The words that an honest answer may well have: frequent ones, and those of its texts. */
const knownWords = oncePerScene((scene): KnownWords => {
  const words = new Set([...COMMON, ...wordsOf(`${scene.material} ${scene.trusted}`.slice(0, MAX_LENGTH))]);
  const anagrams = new Set<string>();
  const shortened = new Map<string, string>();
  for (const word of words) {
    if (word.length >= 3 && word.length <= 20) anagrams.add(sortedLetters(word));
    if (word.length >= 5 && word.length <= 20) for (let at = 1; at < word.length - 1; at += 1) shortened.set(word.slice(0, at) + word.slice(at + 1), word.slice(-2));
  }
  return { words, anagrams, shortened };
});

/** Words that are a known word with its letters moved, or with one letter wrong inside. */
function garbledWords(text: string, scene: Scene): number {
  const known = knownWords(scene);
  let garbled = 0;
  for (const word of new Set(wordsOf(text))) {
    if (known.words.has(word) || word.length < 3 || word.length > 20) continue;
    if (known.anagrams.has(sortedLetters(word))) garbled += 1;
    // Endings differ in honest words too: only a fault inside counts.
    else if (word.length >= 4 && known.shortened.get(word) === word.slice(-2)) garbled += 1;
  }
  return garbled;
}
