// The built-in recogniser of names and addresses: lists of names, and the words and forms around them. No model, no download.
import { FAMILY_NAMES, GIVEN_NAMES, NOT_NAMES, STREET_WORDS, WORD_NAMES } from './name-lists.ts';
import type { NamedSpan, Recogniser } from './recogniser.ts';

const WORD = String.raw`[\p{L}][\p{L}\p{M}'’-]{0,30}`;
const CAPITAL = String.raw`\p{Lu}[\p{L}\p{M}'’-]{0,30}`;
const PARTICLE = String.raw`(?:van|von|der|den|de|del|della|di|da|dos|la|le|bin|al|el|ten|ter|zu)`;
const FULL_NAME = String.raw`${CAPITAL}(?:[ \t](?:${PARTICLE}[ \t]){0,2}${CAPITAL}){0,2}`;

const words = (source: string): RegExp => new RegExp(source, 'gu');

/** "Mr Smith", "ms. wijtze", "Dr. Eva Novak". */
const TITLED = words(String.raw`(?<![\p{L}\p{N}])(?:[Mm]rs?|[Mm]s|[Mm]iss|[Dd]r|[Pp]rof|[Hh]err|[Ff]rau|[Mm]me|[Ss]eñora?|[Ss]ra|MR|MRS|MS|DR)(?:\.[ \t]?|[ \t])(${FULL_NAME}|(?<=\.[ \t]?)\p{Ll}{3,20}(?![\p{L}'’]))`);
/** Words that only a name follows. */
const ANNOUNCED = words(String.raw`(?<![\p{L}\p{N}])(?:[Mm]y (?:full |last |first )?name is|[Nn]ame['’]s|[Ii]ch heiße|[Mm]ein Name ist|[Jj]e m['’]appelle|[Mm]e llamo|[Mm]i chiamo|[Ss]igned,?|[Aa]ttn:?|[Cc]ontact person:?|(?:[Ff]irst|[Ll]ast|[Ff]ull|[Cc]ustomer|[Cc]lient|[Pp]atient|[Cc]ontact|[Ff]amily) ?[Nn]ame:|[Ss]urname:)[ \t]{1,2}(${FULL_NAME})`);
/** Words that names often follow, and others as well: the first word must be a known name. */
const GREETED = words(String.raw`(?<![\p{L}\p{N}])(?:[Dd]ear|[Hh]i|[Hh]ello|[Hh]ey|[Ii] am|[Ii]['’]m|[Tt]his is|[Rr]egards,?|[Ss]incerely,?|[Tt]hanks,?|[Ll]iebe[r]?|[Hh]allo|[Bb]onjour|[Hh]ola|[Ff]rom:|[Tt]o:|[Nn]ame:|[Cc]ustomer|[Aa]uthor:|[Bb]y)[ \t\n]{1,2}(${FULL_NAME}|\p{Ll}{3,20}(?![\p{L}'’]))`);
const CAPITALS = words(String.raw`(?<![\p{L}\p{N}@._/-])${CAPITAL}(?:[ \t]${PARTICLE}(?=[ \t]))?`);
/** Properties of JSON, forms and logs. */
const FIELD = words(String.raw`"?(?<![\p{L}])((?:[a-z]{2,12}[_-]?)?(?:[Ff]ull|[Ff]irst|[Ll]ast|[Ff]amily|[Gg]iven|[Cc]ustomer|[Cc]lient|[Cc]ontact|[Rr]ecipient|[Ss]ender|[Pp]atient|[Hh]older|[Uu]ser)[_-]?[Nn]ame|surname|author|recipient|[Nn]ame|(?:[a-z]{2,12}[_-]?)?(?:[Aa]ddress|[Ss]treet)(?:[_-]?[Ll]ine[_-]?\d)?)"[ \t]{0,2}:[ \t]{0,2}"([^"\n]{2,120})"`);

const HOUSE = String.raw`\d{1,5}[A-Za-z]?(?:[-/]\d{1,4}[A-Za-z]?)?`;
const UNIT = String.raw`(?:,?[ \t\n]{1,3}(?:[Aa]pt|[Aa]partment|[Ss]uite|[Ss]te|[Uu]nit|[Ff]lat|[Ff]loor)\.?[ \t]#?[\dA-Za-z-]{1,6}(?![\p{L}\p{N}]))?`;
const NAMED = String.raw`[\p{L}\p{N}][\p{L}\p{M}\p{N}'’.-]{0,30}`;
const ADDRESSES: readonly RegExp[] = [
  // 12 Old Mill Road, Apt. 4
  new RegExp(String.raw`(?<![\p{L}\p{N}.,$€£#-])${HOUSE}(?:[ \t]${NAMED}){1,4}[ \t](?:${STREET_WORDS})\.?(?![\p{L}\p{N}])${UNIT}`, 'giu'),
  // Hauptstraße 5, Nassaustraat 123, Musterweg 7a
  words(String.raw`(?<![\p{L}\p{N}])[\p{L}][\p{L}-]{1,30}(?:straße|strasse|straat|str\.|weg|gasse|allee|platz|laan|gatan|vägen|vej|veien|gade|tie|katu|utca|ulica)[ \t]${HOUSE}(?![\p{L}\p{N}])${UNIT}`),
  // 12 rue de la Paix, 5 Rua Augusta
  words(String.raw`(?<![\p{L}\p{N}.,$€£#-])(?:${HOUSE},?[ \t])(?:[Rr]ue|[Aa]venue|[Cc]hemin|[Rr]ua|[Cc]alle|[Vv]ia|[Pp]lace|[Bb]oulevard|[Qq]uai|[Aa]llée)(?:[ \t]${NAMED}){1,4}${UNIT}`),
  // Calle Mayor 5, Via Roma 1, ul. Długa 3
  words(String.raw`(?<![\p{L}\p{N}])(?:Calle|Via|Viale|Piazza|Plaza|Avenida|Rua|Rue|ul\.|Ulica|Strada|Carrer|Corso)(?:[ \t]${NAMED}){1,4},?[ \t]${HOUSE}(?![\p{L}\p{N}])${UNIT}`),
  words(String.raw`(?<![\p{L}\p{N}])P\.?[ \t]?O\.?[ \t][Bb]ox[ \t]\d{1,7}`),
  // Springfield, IL 62704; ZIP: 11164; SW1A 1AA
  words(String.raw`(?<![\p{L}\p{N}])(?:${CAPITAL}(?:[ \t]${CAPITAL}){0,2},?[ \t])(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|RI|S[CD]|T[NX]|UT|V[AT]|W[AIVY])[ \t]\d{5}(?:-\d{4})?(?!\d)`),
  words(String.raw`(?<=(?<![\p{L}])(?:[Zz][Ii][Pp](?:[ \t][Cc]ode)?|PLZ|[Pp]ost(?:al)?[ \t]?[Cc]ode)(?:[ \t]is)?:?[ \t])(?:\d{5}(?:-\d{4})?|[A-Z]{1,2}\d[A-Z\d]?[ \t]\d[A-Z]{2})(?![\p{L}\p{N}])`),
];

const lower = (word: string): string => word.toLowerCase().replace(/['’]s$/, '');
const isGiven = (word: string): boolean => GIVEN_NAMES.has(lower(word));

export const names: Recogniser = {
  version: 'names@1',
  find(text) {
    if (!/\p{L}/u.test(text)) return [];
    const spans: NamedSpan[] = [];
    const add = (kind: NamedSpan['kind'], start: number, value: string): void => {
      // "Eva's" is Eva.
      const end = start + value.length - (/['’]s$/.exec(value)?.[0].length ?? 0);
      spans.push({ kind, start, end });
    };
    if (/\d/.test(text)) for (const pattern of ADDRESSES) for (const found of text.matchAll(pattern)) add('address', found.index, found[0]);
    if (text.includes('":') || text.includes('" :')) for (const found of text.matchAll(FIELD)) addField(add, found[1] as string, found[2] as string, found.index + found[0].length - 1 - (found[2] as string).length);
    for (const pattern of [TITLED, ANNOUNCED, GREETED]) {
      for (const found of text.matchAll(pattern)) {
        const name = withoutTail(found[1] as string);
        const [first = ''] = name.split(/[ \t]/);
        const isKnown = isGiven(first) || (WORD_NAMES.has(lower(first)) && /^\p{Lu}/u.test(first));
        if (name !== '' && (pattern === TITLED || pattern === ANNOUNCED || isKnown)) add('person', found.index + found[0].length - (found[1] as string).length, name);
      }
    }
    addRuns(text, add);
    return spans;
  },
};

type Add = (kind: NamedSpan['kind'], start: number, value: string) => void;

/** A property that is only called "name" may be that of a thing. */
function addField(add: Add, field: string, value: string, start: number): void {
  if (/address|street/i.test(field)) {
    if (/\p{L}{2}/u.test(value) && /[\d ]/.test(value) && !/[@:{[]/.test(value)) add('address', start, value);
    return;
  }
  const isPlain = new RegExp(String.raw`^${WORD}(?:[ ,.]{1,2}${WORD}){0,3}\.?$`, 'u').test(value);
  const [first = ''] = value.split(/[ ,]/);
  if (isPlain && (!/^(?:name|author|user_?name)$/i.test(field) || (isGiven(first) && value.split(' ').length <= 4))) add('person', start, value);
}

/** Cut where a word is none of a name: "Anna Smith The". */
function withoutTail(name: string): string {
  const parts = name.split(/([ \t])/);
  for (let i = 0; i < parts.length; i += 2) if (NOT_NAMES.has(lower(parts[i] as string)) && !isGiven(parts[i] as string)) return parts.slice(0, Math.max(i - 1, 0)).join('');
  return name;
}

/** Runs of capitalised words with a known given name first, or a known family name last; a given name may stand alone. */
function addRuns(text: string, add: Add): void {
  let run: { start: number; end: number; words: string[] } | null = null;
  const close = (): void => {
    if (run !== null) addRun(run, text, add);
    run = null;
  };
  for (const found of text.matchAll(CAPITALS)) {
    const end = found.index + found[0].length;
    const isNext = run !== null && /^[ \t]$/.test(text.slice((run as { end: number }).end, found.index));
    const word = (found[0].split(/[ \t]/)[0] as string);
    if (NOT_NAMES.has(lower(word)) && !isGiven(word)) {
      close();
      continue;
    }
    if (!isNext) close();
    if (run === null) run = { start: found.index, end, words: [word] };
    else {
      (run as { words: string[] }).words.push(word);
      (run as { end: number }).end = end;
    }
  }
  close();
}

function addRun({ start, end, words: parts }: { start: number; end: number; words: string[] }, text: string, add: Add): void {
  const first = parts.findIndex((part) => isGiven(part) || (WORD_NAMES.has(lower(part)) && parts.length > 1));
  const isFamily = parts.length > 1 && FAMILY_NAMES.has(lower(parts.at(-1) as string));
  if (first < 0 && !isFamily) return;
  if (first >= 0 && WORD_NAMES.has(lower(parts[first] as string)) && !isGiven(parts[first] as string) && !isFamily) return;
  // "Please Anna Smith": what stands before the given name is not hers, what follows it is, up to three words.
  const skipped = Math.max(first, 0);
  if (parts.length - skipped > 4) return;
  let from = start;
  for (let i = 0; i < skipped; i += 1) from = text.indexOf(parts[i + 1] as string, from + (parts[i] as string).length);
  add('person', from, text.slice(from, end).replace(new RegExp(String.raw`[ \t]${PARTICLE}$`, 'u'), ''));
}
