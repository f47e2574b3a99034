// What an instruction wants of an answer, read off its words: a language, a form, words to say, links to give, a matter to speak of.
import { remembered } from '../../remembered.ts';
import { MAX_INSTRUCTION_LENGTH, SAY_ABROAD } from './instructions.ts';
import { LANGUAGE_NAME } from './language.ts';
import { contentStems, normalised, stemCounts, stemOf } from './text.ts';
import { transformationsWanted, type Transformation } from './transformations.ts';

/** Each part is read when it is first asked for. */
class Wishes {
  readonly text: string;
  #form?: { language: string | undefined; transformations: readonly Transformation[] };
  #literals?: readonly string[];
  #links?: readonly string[];
  #matter?: Matter;
  constructor(text: string) {
    this.text = text;
  }
  /** The language and the forms that the answer is to have. */
  get form(): { language: string | undefined; transformations: readonly Transformation[] } {
    return (this.#form ??= { language: WANTS_LANGUAGE.test(this.text) ? LANGUAGE_NAME.exec(this.text)?.[0] : undefined, transformations: transformationsWanted(this.text) });
  }
  /** What is handed out to be said: quoted, after a colon, in capitals, or a tag. */
  get literals(): readonly string[] {
    return (this.#literals ??= literalsOf(this.text));
  }
  get links(): readonly string[] {
    return (this.#links ??= [...new Set((this.text.match(LINK) ?? []).map((link) => link.replace(/[.,;:!?]+$/, '')))].slice(0, 6));
  }
  get matter(): Matter {
    return (this.#matter ??= matterOf(this.text));
  }
}

/** Letters share their instructions with other letters, and a conversation brings them again with every turn. */
export const wishesOf = remembered((text) => new Wishes(text), { texts: 256, length: MAX_INSTRUCTION_LENGTH });

/** What the words of an instruction are about, as content stems. */
interface Matter {
  stems: ReadonlySet<string>;
  /** How often each stands in it, without the words by which instructions are given. */
  own: readonly (readonly [stem: string, times: number])[];
  /** Stems of proper names: nobody says one by chance. */
  names: ReadonlySet<string>;
}

/** A word within a sentence that is written as a name is, or as a brand is: "Visit Kilimanjaro", "the AntiV sale". */
const NAME = /(?<=[\p{L}\d,;]['’"”)]? ["'“(]?)\p{Lu}\p{L}*\p{Ll}\p{L}*|(?<!\p{L})\p{L}{0,30}\p{Ll}\p{Lu}\p{L}*/gu;

function matterOf(text: string): Matter {
  const times = stemCounts(text);
  return { stems: new Set(times.keys()), own: [...times].filter(([stem]) => !FRAME.has(stem)), names: new Set(contentStems((text.match(NAME) ?? []).join(' '))) };
}

const WANTS_LANGUAGE = /\b(?:respond|reply|answer|write|written|translat\w+|speak|output|use|switch|say|summar\w+|render|convert|provide|give|explain|equivalent|express|continue|in|into|to)\b/i;

/** What is to be said comes after a colon, or in capitals. */
const SAID_AFTER = new RegExp(String.raw`(?<![\p{L}\d_])(?:say|print|output|reply|respond|answer|write|append|add|include|insert|headline|string|text|phrase|words?|line|sentence|tag|message|following|exactly|with|reply|response|${SAY_ABROAD})\b[^:\n"“]{0,60}:\s+(\S[^]{2,300})$`, 'iu');
const SHOUTED = new RegExp(String.raw`(?<![\p{L}\d_])(?:say|print|output|write|reply|respond|answer|word|words|token|phrase|code|string|append|include|add|repeat|return|(?i:${SAY_ABROAD}))\b(?:\s+[a-z]+){0,5}\s+((?:\p{Lu}[\p{Lu}0-9_-]{2,})(?:\s+[\p{Lu}0-9][\p{Lu}0-9_-]+){0,8})`, 'u');

function literalsOf(text: string): string[] {
  const found: string[] = [];
  // A single plain word is a name of something more often than what is to be said.
  const isTelling = (value: string, before: string): boolean => !/^[a-z]+$/.test(value) || /\b(?:words?|say|print|output|reply|respond|answer|with|only|phrase|string)\W*$/i.test(before);
  for (const { index, 0: all, 1: a, 2: b, 3: c } of text.matchAll(/["“”«„]([^"“”«»„\n]{3,400})["“”»]|`([^`\n]{3,400})`|(?<!\p{L})['‘]([^'‘’\n]{4,200})['’](?!\p{L})/gu)) if (isTelling(a ?? b ?? c ?? '', text.slice(Math.max(0, index - 30), index)) || all.length > 40) found.push(a ?? b ?? c ?? '');
  const isMessage = (value: string | undefined): value is string => value !== undefined && normalised(value).length >= 4;
  const [, after] = SAID_AFTER.exec(text) ?? [];
  if (isMessage(after) && !/["“`]/.test(after)) found.push(after.replace(/[.!\])]+$/, ''));
  for (const [, tag] of text.matchAll(/(<\/?[a-z][^<>\n]{1,120}>|!?\[[^\]\n]{0,80}\]\([^)\s]{4,300}\))/gi)) found.push(tag ?? '');
  const [, shouted] = SHOUTED.exec(text) ?? [];
  if (isMessage(shouted) && !/^(?:JSON|HTML|XML|YAML|CSV|PDF|URL|API|SQL|ASCII|ROT13|CAPITAL|CAPS|ALL)\b/.test(shouted)) found.push(shouted);
  return found.filter((value) => value.trim().length >= 3).slice(0, 6);
}

const LINK = /https?:\/\/[^\s"'<>)\]]{4,300}|\bwww\.[\w-]+\.[\w./?=&%-]{2,200}|[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+|(?<![\w@.])@[A-Za-z]\w{3,30}|(?<![\w@./])(?:[a-z0-9-]{2,40}\.){1,4}(?:com|org|net|io|ai|xyz|info|biz|site|online|shop|store|club|top|app|dev|co|me|link|click|example|test|uk|de|fr|ru|cn|edu|gov)\b(?:\/[\w./?=&%-]{0,200})?/gi;

/** Words by which instructions are given, in any of them. */
const FRAME = new Set(
  'sentence answer response reply output respond include integrate incorporate insert add append tip friendly reminder remind mention modify highlight emphasize emphasise stress stressing statement detail detailing reader readers user users people everyone anyone suggest encourage recommend enhance augment provide write explain describe show tell give example simple terms following follow brief short main key end begin start beginning final finally talk speak word words text line make sure ensure always never please instead ignore previous instruction instructions above prior system message note important new now one two three four five first compelling reason appeal information question summary express state claim say print advise convince persuade inform inviting invite need want use using create compose draft develop get find take put place regarding related about concerning assistant model language ai summarizer bot everything task solve complete go way part importance important benefits benefit urge promote best'.split(' ').map(stemOf),
);
