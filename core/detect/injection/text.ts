// Text as the injection checks compare it: flattened against disguises, cut into sentences, reduced to content stems.
import { remembered } from '../../remembered.ts';

const INVISIBLE = /[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\u{e0000}-\u{e007f}]/gu;
const ACCENTS = /[\u0300-\u036f]/g;

/** Cyrillic and Greek letters that look like a Latin one (a selection of Unicode's confusables.txt). */
const LOOK_ALIKES: Readonly<Record<string, string>> = { '\u0430': 'a', '\u0435': 'e', '\u043e': 'o', '\u0440': 'p', '\u0441': 'c', '\u0443': 'y', '\u0445': 'x', '\u0456': 'i', '\u0458': 'j', '\u0455': 's', '\u04bb': 'h', '\u0501': 'd', '\u051b': 'q', '\u051d': 'w', '\u043a': 'k', '\u043c': 'm', '\u0442': 't', '\u043d': 'h', '\u0432': 'b', '\u03b1': 'a', '\u03b5': 'e', '\u03bf': 'o', '\u03c1': 'p', '\u03bd': 'v', '\u03c4': 't', '\u03b9': 'i', '\u03ba': 'k', '\u03c5': 'u', '\u03c7': 'x', '\u03b7': 'n', '\u03c9': 'w' };

/** Lower-case, NFKC, without accents and invisible characters; everything but letters, digits, underscores and pictographs is one space. */
function flattenedWhole(text: string): string {
  const flat = text.normalize('NFKD').replace(ACCENTS, '').replace(INVISIBLE, '').normalize('NFC');
  return flat.toLowerCase().replace(/[^\p{L}\p{N}\p{M}_\p{Extended_Pictographic}]+/gu, ' ').trim();
}

/** What becomes of a character in a flat text, beside the characters of Latin-1; 0: not looked up yet. */
const NOTHING = 1;
const BY_CONTEXT = 2;
const SPACE = 32;
const flatBytes = Buffer.alloc(0x10000);

/**
 * Flattens what `prepare` makes of a text. Most characters give the same wherever they stand: a text of them goes by a table.
 * @param prepare works character by character
 */
export function flattener(prepare: (text: string) => string): (text: string) => string {
  const table = new Uint8Array(0x10000);
  const lookUp = (code: number): number => {
    const inside = flattenedWhole(`a${prepare(String.fromCharCode(code))}b`).slice(1, -1);
    const isFixed = inside.length <= 1 && inside.charCodeAt(0) < 0x100 && (code < 0xd800 || code > 0xdfff);
    return (table[code] = inside === '' ? NOTHING : isFixed ? inside.charCodeAt(0) : BY_CONTEXT);
  };
  const byTable = (text: string): string | null => {
    let length = 0;
    for (let at = 0; at < text.length; at += 1) {
      const code = text.charCodeAt(at);
      const sign = table[code] || lookUp(code);
      if (sign === BY_CONTEXT) return null;
      if (sign > SPACE || (sign === SPACE && length > 0 && flatBytes[length - 1] !== SPACE)) flatBytes[length++] = sign;
    }
    return flatBytes.toString('latin1', 0, length > 0 && flatBytes[length - 1] === SPACE ? length - 1 : length);
  };
  return (text) => (text.length <= flatBytes.length ? byTable(text) : null) ?? flattenedWhole(prepare(text));
}

/** The text as most checks compare it. */
export const flattened = flattener((text) => text);

/** The same, for texts that are asked for again and again. */
export const normalised = remembered(flattened);

export const isAscii = (text: string): boolean => !/[^\x00-\x7f]/.test(text);

/** As `normalised`, but punctuation is kept: for values that are mostly signs, such as `[::-1]`. */
export const squeezed = (text: string): string => text.normalize('NFKC').replace(INVISIBLE, '').toLowerCase().replace(/\s+/g, ' ').trim();

/** Look-alike letters as the Latin ones; null where there are none. */
export function latinised(flat: string): string | null {
  if (!/[\u0370-\u052f]/.test(flat)) return null;
  return flat.replace(/[\u0370-\u052f]/g, (letter) => LOOK_ALIKES[letter] ?? letter);
}

const isWordChar = (text: string | undefined): boolean => text !== undefined && /[\p{L}\p{N}_]/u.test(text);

/** Offset of a needle that is not a part of a longer word, or -1. */
export function findWhole(haystack: string, needle: string, from = 0): number {
  for (let at = haystack.indexOf(needle, from), tries = 0; at >= 0 && tries < 1_000; at = haystack.indexOf(needle, at + 1), tries += 1) {
    const cutsBefore = isWordChar(needle[0]) && isWordChar(haystack[at - 1]);
    const cutsAfter = isWordChar(needle.at(-1)) && isWordChar(haystack[at + needle.length]);
    if (!cutsBefore && !cutsAfter) return at;
  }
  return -1;
}

export interface Sentence {
  text: string;
  start: number;
}

/** More are not told apart. */
const MAX_SENTENCES = 4_000;
/** Ends of sentences and lines, also of those inside JSON text and table cells. */
/** A quotation that ends within a sentence goes on in lower case. */
const BOUNDARY = /(?<!(?:^|\n)\s{0,4}\d{1,2})[.!?。！？]+(?:["'”’)\]*_]{1,6}(?=\s{1,8}[^\s\p{Ll}]|\s{0,8}$|\\n|<)|(?=\s|$|\\n|<))|[。！？]|\n+|\\n|"\s*[:,]\s*"|\s\|\s/gu;

export function sentencesIn(text: string): readonly Sentence[] {
  const found: Sentence[] = [];
  let from = 0;
  const push = (to: number): void => {
    const piece = text.slice(from, to);
    const lead = piece.length - piece.trimStart().length;
    if (piece.length > lead) found.push({ text: piece.trim(), start: from + lead });
    from = to;
  };
  BOUNDARY.lastIndex = 0;
  for (let match = BOUNDARY.exec(text); match && found.length < MAX_SENTENCES; match = BOUNDARY.exec(text)) push(match.index + match[0].length);
  push(text.length);
  return found;
}

const STOP_WORDS = new Set(
  'a an the and or but if so as of at by for from in into on onto to with without within over under about up down out off than then that this these those there here it its is are was were be been being am do does did done have has had having will would can could shall should may might must not no nor yes you your yours we our us i me my he she him her his they them their who whom whose what which when where why how all any each every some more most many much few other another such only own same too very just also again once both either neither because while during before after until since through between among against per via s t re ve ll d m don doesn didn won isn aren wasn let please'.split(' '),
);

/** Rough English stem: endings off, at most six letters, so that "donate" and "donations" meet. */
export function stemOf(word: string): string {
  let stem = word;
  if (stem.length > 4) stem = stem.replace(/(?:ies|ied)$/, 'y').replace(/(?:'s|ings?|ers?|ed|es|ly|s)$/, '');
  if (stem.length > 3) stem = stem.replace(/e$/, '');
  return stem.slice(0, 6);
}

/** The stem of a word of a flat text; '' where the word carries no content. */
const contentStem = remembered((word) => (word.length > 1 && !STOP_WORDS.has(word) ? stemOf(word) : ''), { texts: 2_048, length: 40 });

/** Stems of the words of a flat text that carry content, in order, repeated ones too. */
export function stemsOfFlat(flat: string): readonly string[] {
  const words = isAscii(flat) ? flat.split(' ') : (flat.match(/[\p{L}\p{N}\p{M}_]+/gu) ?? []);
  const stems: string[] = [];
  for (const word of words) {
    const stem = contentStem(word);
    if (stem !== '') stems.push(stem);
  }
  return stems;
}

export const contentStems = remembered((text) => stemsOfFlat(normalised(text)));

/** How often each content stem stands in a text. */
export function stemCounts(text: string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const stem of contentStems(text)) counts.set(stem, (counts.get(stem) ?? 0) + 1);
  return counts;
}

export const stemSet = remembered((text): ReadonlySet<string> => new Set(contentStems(text)));
