// Which interactions are the same task in other words: the cluster, the unit that the train/eval split holds apart for life.
import type { Digest, Message, Side } from '../contracts/index.ts';
import { digestOfJson, keyedUnit } from '../digest.ts';

/** Name and version of the function below. A change of any mask is a new version: the ledger says which one decided. */
export const CLUSTER_FUNCTION = 'masked-final-turn@1';

const MONTH = '(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\\.?';
const CURRENCY = '(?:usd|eur|gbp|chf|jpy|cad|aud|sek|nok|dkk|pln|czk|inr|cny)';
const AMOUNT = "\\d{1,12}(?:[.,']\\d{1,12}){0,4}";
/** Words that open a sentence right after a greeting, and are no name. */
const NO_NAME = "(?!(?:I|My|We|Our|The|It|This|That|There|Please|Can|Could|Would|Will|You|Your|What|Where|When|Why|How|In|On|A|An|If|Is|Are|Do|Does)(?![\\p{L}]))";
const NAME_WORD = "(?:\\p{Lu}\\.|\\p{Lu}[\\p{L}'-]{0,40})";
const NAME = `${NO_NAME}${NAME_WORD}(?: ${NAME_WORD}){0,3}`;
/** A first and a last name: two capitalised words, and no third on either side (a headline in capitals is no name). */
const FULL_NAME = "(?<!\\p{Lu}[\\p{L}'-]{0,40} )\\p{Lu}\\p{Ll}[\\p{L}'-]{0,40} \\p{Lu}\\p{Ll}[\\p{L}'-]{0,40}(?![\\p{L}\\p{N}]| \\p{Lu})";

/**
 * Masks that need more than one word to see, in the order in which they apply. Every repetition is bounded, so that a
 * hostile text cannot make them slow. Quoted text is not masked: a tool's result is JSON, and masking its strings would
 * make one cluster of everything. A capital alone is not masked either: German writes every noun with one, and every
 * sentence begins with one. The third of an entry stands in every text that the mask finds something in.
 */
const PHRASE_MASKS: readonly (readonly [RegExp, string, RegExp?])[] = [
  [/\b(?:https?|ftp):\/\/[^\s<>"']{1,2048}|\bwww\.[^\s<>"']{1,2048}/giu, ' <url> '],
  [/(?<![\p{L}\p{N}._%+-])[\p{L}\p{N}._%+-]{1,64}@[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63}){1,8}/gu, ' <email> ', /@/],
  // Names only where the words around them say that one stands here. The cue ignores case, the name must have a capital.
  [new RegExp(`(\\b(?:[Dd]ear|DEAR|[Hh]i|[Hh]ello|[Hh]ey|[Mm]rs?|[Mm]s|[Mm]iss|[Dd]r|[Pp]rof|[Ss]ir|[Mm]adam)\\.?,?\\s)\\s{0,8}${NAME}`, 'gu'), '$1<name>'],
  [new RegExp(`(\\b(?:[Mm]y (?:full )?name is|[Nn]ame[’']?s|[Tt]his is|[Ii] am|[Ii]['’]m|[Nn]ame:|[Ff]rom:|[Ss]igned:?)\\s)\\s{0,8}${NAME}`, 'gu'), '$1<name>'],
  [
    new RegExp(
      `(\\b(?:[Rr]egards|[Ss]incerely|[Ff]aithfully|[Tt]ruly|[Yy]ours|[Tt]hanks|[Tt]hank [Yy]ou|[Cc]heers|[Bb]est|[Ww]ishes|[Gg]reetings)[,.!]?(?:[ \\t]*\\n\\s{0,16}|,\\s{1,8}|\\s{0,8}[-–—]\\s{0,8}))${NAME}`,
      'gu',
    ),
    '$1<name>',
  ],
  // Inside a sentence, or alone on a line after the first.
  [new RegExp(`(?<=[\\p{Ll}\\p{N},:=(/*-] ?)${FULL_NAME}|(?<=\\n[ \\t]{0,8})${FULL_NAME}(?=[ \\t]{0,8}(?:\\n|$))`, 'gu'), '<name>'],
  [new RegExp(`[$€£¥₹]\\s?${AMOUNT}|(?<![\\p{L}\\p{N}])(?:${CURRENCY}\\s?${AMOUNT}|${AMOUNT}\\s?(?:[$€£¥₹]|(?:${CURRENCY}|dollars?|euros?|pounds?|francs?|cents?)(?![\\p{L}\\p{N}])))`, 'giu'), ' <money> ', /\d/],
  [
    new RegExp(
      `(?<![\\p{L}\\p{N}])(?:\\d{4}-\\d{2}-\\d{2}(?:[T ]\\d{2}:\\d{2}(?::\\d{2}(?:\\.\\d{1,9})?)?(?:Z|[+-]\\d{2}:?\\d{2})?)?|\\d{1,2}([./-])\\d{1,2}\\1\\d{2,4}|\\d{1,2}(?:st|nd|rd|th)?\\.?\\s(?:of\\s)?${MONTH}(?:,?\\s\\d{4})?|${MONTH}\\s\\d{1,2}(?:st|nd|rd|th)?(?:,?\\s\\d{4})?|${MONTH}\\s\\d{4})(?![\\p{L}\\p{N}])`,
      'giu',
    ),
    ' <date> ',
    /\d/,
  ],
  [/(?<![\p{L}\p{N}])(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day)(?![\p{L}\p{N}])/giu, '<date>'],
  [/(?<![\p{L}\p{N}])(?:\d{1,2}:\d{2}(?::\d{2})?(?:\s?[ap]\.?m\b\.?)?|\d{1,2}\s?[ap]\.?m\b\.?)(?![\p{L}\p{N}])/giu, '<time>', /\d/],
];

const WORD = /[\p{L}\p{N}]+(?:(?:[-_/]|(?<=\p{N})[.,:'](?=\p{N}))[\p{L}\p{N}]+)*/gu;
const NUMBER_WORDS = new Set('two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty hundred thousand'.split(' '));

/** One word that may be a number (with or without a unit) or a code: letters and digits together. */
function maskWord(word: string): string {
  const lower = word.toLowerCase();
  if (!/\p{N}/u.test(word)) return NUMBER_WORDS.has(lower) ? '<number>' : lower;
  if (!/\p{L}/u.test(word)) return '<number>';
  if (/^\p{N}{1,9}(?:st|nd|rd|th)$/u.test(lower)) return '<number>';
  // "24-hour", "30days", "1.5kg": the unit says what the text is about, the amount does not.
  const amount = /^[\p{N}.,]{1,12}(-\p{Ll}{3,}|kg|g|mg|gb|mb|kb|tb|km|cm|mm|m|l|ml|min|mins|h|hr|hrs|days?|weeks?|x)$/u.exec(lower);
  return amount ? `<number>${amount[1]}` : '<code>';
}

const isLetter = (code: number): boolean => (code | 32) >= 97 && (code | 32) <= 122;
const isDigit = (code: number): boolean => code >= 48 && code <= 57;

/** What `WORD` and `maskWord` make of a text of ASCII alone: one pass, which looks closer only at words with a digit and at those that may be numbers. */
function maskAsciiWords(text: string): string {
  const lower = text.toLowerCase();
  const at = (index: number): number => lower.charCodeAt(index);
  let masked = '';
  let from = 0;
  let i = 0;
  while (i < lower.length) {
    if (!isLetter(at(i)) && !isDigit(at(i))) {
      i += 1;
      continue;
    }
    const start = i;
    let hasDigit = false;
    for (;;) {
      for (; isLetter(at(i)) || isDigit(at(i)); i += 1) hasDigit ||= isDigit(at(i));
      const joint = at(i);
      const joins = joint === 45 || joint === 95 || joint === 47 ? isLetter(at(i + 1)) || isDigit(at(i + 1)) : (joint === 46 || joint === 44 || joint === 58 || joint === 39) && isDigit(at(i - 1)) && isDigit(at(i + 1));
      if (!joins) break;
      i += 1;
    }
    if (!hasDigit && (i - start < 3 || i - start > 8 || !NUMBER_WORDS.has(lower.slice(start, i)))) continue;
    masked += lower.slice(from, start) + maskWord(lower.slice(start, i));
    from = i;
  }
  return masked + lower.slice(from);
}

/** NFKC writes some characters as 18: a text made of such alone is taken as it stands. No language unfolds this far. */
const MAX_UNFOLDING = 4;

/**
 * Text with everything masked that differs between two uses of one template: names, numbers, codes, dates, money, e-mail
 * and web addresses; lower-case, NFKC, one space between words. A surrogate of the same format (as the redactor writes)
 * gives the same masked text as the value it stands for.
 */
export function maskedText(text: string): string {
  const isAscii = !/[^\x00-\x7f]/.test(text);
  let masked = isAscii ? text : unified(text);
  for (const [pattern, mask, needed] of PHRASE_MASKS) if (needed === undefined || needed.test(masked)) masked = masked.replace(pattern, mask);
  masked = isAscii ? maskAsciiWords(masked) : masked.replace(WORD, maskWord);
  return (
    masked
      .replace(/[#+]+(?=<(?:number|code)>)/g, '')
      // A card, an IBAN or a telephone number is one value, however it is grouped.
      .replace(/<(?:number|code)>(?:[\s()./-]{1,4}<number>){1,16}/g, (run) => run.slice(0, run.indexOf('>') + 1))
      // All white space is one space; a space that is one already stays.
      .replace(/\s{2,}|[^\S ]/g, ' ')
      .trim()
  );
}

/** NFKC, no invisible characters, one kind of each quotation mark and dash. */
function unified(text: string): string {
  const unfolded = text.normalize('NFKC');
  return (unfolded.length > MAX_UNFOLDING * text.length ? text : unfolded).replace(/[\u200b-\u200d\u2060\ufeff]/g, '').replace(/[‘’]/g, "'").replace(/[“”„]/g, '"').replace(/[‐-―]/g, '-');
}

/** Lower-case words and numbers without punctuation: two prompts that agree here are the same prompt typed twice. */
export const plainText = (text: string): string => text.normalize('NFKC').toLowerCase().replace(/[^\p{L}\p{N}]+/gu, ' ').trim();

/** Parts only mark what is trusted: together they are the text as it was sent. */
export const textOf = (message: Message): string => message.parts.map((part) => part.text).join('');

/** What the agent was asked last: all messages after the last answered assistant message, instructions excluded. */
export function finalTurn(messages: readonly Message[]): Message[] {
  let end = messages.length;
  // A prefilled answer at the end is not a turn of its own.
  while (end > 0 && messages[end - 1]?.role === 'assistant') end -= 1;
  let start = end;
  while (start > 0 && messages[start - 1]?.role !== 'assistant') start -= 1;
  const turn = messages.slice(start, end).filter((message) => message.role !== 'system' && message.role !== 'developer');
  // An agent that is called with instructions alone is asked by its instructions.
  return turn.length > 0 ? turn : [...messages];
}

/** The final turn's text, before masking. */
export const finalTurnText = (messages: readonly Message[]): string => finalTurn(messages).map(textOf).join('\n');

/** Digest that names the cluster of a prompt. Depends on the final turn alone: earlier turns and prompt versions do not part a cluster. */
export function clusterIdOf(messages: readonly Message[]): Digest {
  // Half a surrogate pair has no canonical JSON.
  const turns = finalTurn(messages).map((message) => ({ role: message.role, text: maskedText(textOf(message)).toWellFormed() }));
  return digestOfJson({ clusterFunction: CLUSTER_FUNCTION, turns });
}

/**
 * The side of a cluster that the ledger does not know yet. Asked once per cluster: the ledger, not this function,
 * is the truth afterwards (the share may change, sides may not).
 * @param evalShare share of clusters held out, 0 to 1
 */
export const sideOf = (clusterId: Digest, splitKey: string, evalShare: number): Side =>
  keyedUnit(splitKey, `side:${clusterId}`) < evalShare ? 'eval' : 'train';
