// Which language a piece of prose is in: its script, and for the Latin script its most frequent words.

/** Function words, greetings and a few verbs of each language; words of several languages count for each of them. */
const WORDS: Record<string, string> = {
  en: 'the of and to in is that it for you was with on are as be at this have from or by not but what all were we when your can there an which their if will each about how up out them then she many some so these would other into has more two him see could no make than been its who now did get may had this they i my here yes please thank',
  de: 'der die das und ist nicht ein eine einen einem einer zu den dem des mit von auf für im in es ich sie wir er sich auch als an nach wie bei oder aber aus wird werden war sind hat haben kann können muss bis zum zur über durch nur noch mehr sehr wenn dass diese dieser dieses bitte danke hallo guten tag ja nein ihr ihre ihnen unter beträgt lautet',
  fr: 'le la les de des du un une et est que qui dans pour pas ne ce cette ces il elle nous vous je on se sur avec au aux par plus mais ou son sa ses leur leurs sont été être avoir a ont fait peut comme très bien tout tous aussi bonjour merci oui non voici votre vos notre d l c qu jusqu en où si',
  es: 'el la los las de del un una y es que en por para con no se su sus lo al como más pero este esta estos estas son ser ha han fue muy también ya hay le les nos yo usted ustedes me mi si sí cuando donde porque hasta sobre entre hola gracias buenos días está están puede pueden tiene tienen antes qué cómo',
  it: 'il lo la i gli le di del della dei delle un una uno e è che in per con non si su da dal al alla come più ma questo questa sono essere ha hanno è stato molto anche già c ci mi ti noi voi io lui lei se quando dove perché fino tra ciao grazie buongiorno sì può possono deve oggi nel nella',
  pt: 'o a os as de do da dos das um uma e é que em para com não se no na nos nas por mais mas como este esta são ser foi muito também já há lhe eu você vocês nós ele ela me seu sua se quando onde porque até sobre entre olá obrigado obrigada sim está estão pode tem têm ao à isso',
  nl: 'de het een en van is dat in op te zijn met voor niet aan er die dit ook als om bij naar door uit maar of wordt worden was heeft hebben kan kunnen moet tot over nog meer zeer wanneer deze hallo dank ja nee uw je jij u wij we ik hij zij het',
  sv: 'och att det som en ett är på för med av den till inte om har de jag vi du han hon var kan ska från eller men när så vid under efter även mycket detta dessa hej tack ja nej finns blir mot innan',
  da: 'og at det som en et er på for med af den til ikke om har de jeg vi du han hun var kan skal fra eller men når så ved under efter også meget dette disse hej tak ja nej findes bliver mod før',
  no: 'og at det som en et er på for med av den til ikke om har de jeg vi du han hun var kan skal fra eller men når så ved under etter også mye dette disse hei takk ja nei finnes blir mot før',
  fi: 'ja on ei se että oli hän olen joka mutta ovat kun niin tai myös voi kuin sekä sen tämä tämän nämä minä sinä me te he ole hei kiitos kyllä mikä jos vain jo vielä ennen mukaan asti noin',
  pl: 'i w na z do nie się że to jest jak o po ale za od są tak co dla już przez przy może tylko być był była ten ta te tego tym ich jego jej mnie ja ty my wy oraz lub czy dzień dobry dziękuję proszę tak które który która',
  cs: 'a v na se je že to s z do o i jak ale za od jsou tak co pro již by může jen být byl byla ten ta tento tato které který která jeho její mě já ty my vy nebo dobrý den děkuji prosím ano ne při podle',
  tr: 've bir bu da de için ile çok olarak daha en ne gibi kadar sonra olan var yok ama ben sen biz siz onlar o şu her değil mi mı ise veya merhaba teşekkürler evet hayır olduğu tarafından göre ancak',
  ro: 'și de la în cu nu este pe o un să că care din pentru mai sunt se al a ai ale dar sau după până ce acest această fi fost era au are bună mulțumesc da foarte când unde aceasta lui ei prin',
  hu: 'a az és hogy nem is egy van ez meg csak de ha már mint én te mi ti ők volt lesz vagy még nagyon ami aki kell lehet után előtt szia köszönöm igen ezt azt között',
  id: 'yang dan di ini itu dengan untuk tidak dari ke pada adalah akan atau juga saya anda kami kita mereka dia ada bisa sudah telah dapat oleh sebagai karena jika lebih sangat halo terima kasih ya sebelum',
  vi: 'và là của có không được cho một các trong này với những người để khi đã từ đến như về tôi bạn cũng ra vào nhưng thì sẽ rất xin chào cảm ơn ngày trên',
  tl: 'ang ng sa na ay mga at ito para hindi ko mo si ni kung may po ako ikaw siya kami tayo sila isang wala dahil kaya salamat oo ngunit din rin',
  sw: 'na ya wa kwa ni katika la za cha kuwa hii hiyo huo yake yako yangu si lakini au kama pia sana habari asante ndiyo hapana kabla baada',
  la: 'et in est non ad cum ut sed quod qui quae ex si de per a ab sunt esse hoc haec ille atque enim nec autem salve gratias',
};

const LATIN = new Map<string, string[]>();
for (const [language, words] of Object.entries(WORDS)) for (const word of new Set(words.split(' '))) LATIN.set(word, [...(LATIN.get(word) ?? []), language]);

/** Letters that next to no other language has. */
const LETTERS: readonly [string, RegExp][] = [['es', /[ñ¿¡]/gi], ['de', /ß/g], ['pt', /[ãõ]/gi], ['pl', /[łżźąęśń]/gi], ['cs', /[řěů]/gi], ['tr', /[ğış]/g], ['hu', /[őű]/gi], ['ro', /[țș]/gi], ['vi', /[ơưđ]/gi]];

/** Scripts that say the language, or nearly. */
const SCRIPTS: readonly [string, RegExp][] = [
  ['ja', /[\u3041-\u30ff]/gu],
  ['ko', /[\uac00-\ud7af\u1100-\u11ff]/gu],
  ['zh', /\p{Script=Han}/gu],
  ['ar', /\p{Script=Arabic}/gu],
  ['he', /\p{Script=Hebrew}/gu],
  ['el', /\p{Script=Greek}/gu],
  ['hi', /\p{Script=Devanagari}/gu],
  ['bn', /\p{Script=Bengali}/gu],
  ['ta', /\p{Script=Tamil}/gu],
  ['te', /\p{Script=Telugu}/gu],
  ['th', /\p{Script=Thai}/gu],
  ['ka', /\p{Script=Georgian}/gu],
  ['hy', /\p{Script=Armenian}/gu],
  ['ru', /\p{Script=Cyrillic}/gu],
];

const NAMES: Record<string, string> = {
  en: 'english|englisch|anglais|inglés|ingles', de: 'german|deutsch|allemand|alemán', fr: 'french|français|francais|französisch', es: 'spanish|español|espanol|castilian|castellano|spanisch|espagnol',
  it: 'italian|italiano|italienisch', pt: 'portuguese|português|portugues', nl: 'dutch|nederlands', sv: 'swedish|svenska', da: 'danish|dansk', no: 'norwegian|norsk', fi: 'finnish|suomi', pl: 'polish|polski',
  cs: 'czech|čeština', tr: 'turkish|türkçe', ro: 'romanian|română', hu: 'hungarian|magyar', id: 'indonesian|malay|bahasa', vi: 'vietnamese', tl: 'tagalog|filipino', sw: 'swahili', la: 'latin',
  ja: 'japanese|nihongo|日本語', ko: 'korean|한국어', zh: 'chinese|mandarin|cantonese|中文', ar: 'arabic|persian|farsi|urdu', he: 'hebrew', el: 'greek', hi: 'hindi|nepali|marathi|sanskrit', bn: 'bengali|bangla', ta: 'tamil', te: 'telugu', th: 'thai', ka: 'georgian', hy: 'armenian',
  ru: 'russian|ukrainian|bulgarian|serbian|русский',
};
const CODE_OF_NAME = new Map(Object.entries(NAMES).flatMap(([code, names]) => names.split('|').map((name): [string, string] => [name, code])));
const CODES_OF_KIN: Record<string, string> = { uk: 'ru', bg: 'ru', sr: 'ru', fa: 'ar', ur: 'ar', nb: 'no', nn: 'no', ms: 'id', mr: 'hi', ne: 'hi', fil: 'tl', zho: 'zh', deu: 'de', ger: 'de', fra: 'fr', fre: 'fr', spa: 'es', ita: 'it', por: 'pt', rus: 'ru', jpn: 'ja', kor: 'ko', eng: 'en' };
/** A language by its name, in English or its own. */
export const LANGUAGE_NAME = new RegExp(`(?<!\\p{L})(?:${[...CODE_OF_NAME.keys()].join('|')})(?!\\p{L})`, 'iu');

/** The code used here for a language given by name, ISO code or locale ("French", "fr", "fr-CA"), or null. */
export function languageCode(value: string): string | null {
  const name = value.trim().toLowerCase();
  const code = name.split(/[-_]/)[0] ?? '';
  if (code in NAMES) return code;
  return CODE_OF_NAME.get(name) ?? CODES_OF_KIN[code] ?? CODE_OF_NAME.get(LANGUAGE_NAME.exec(name)?.[0] ?? '') ?? null;
}

/** The text names the language. */
export function namesLanguage(text: string, code: string): boolean {
  const names = NAMES[code];
  return names !== undefined && new RegExp(`(?<!\\p{L})(?:${names})(?!\\p{L})`, 'iu').test(text);
}

/** Scandinavian languages and the Iberian ones share most short words: told apart no further than that. */
const KIN: Record<string, string> = { da: 'no', no: 'da' };
/** Enough of a text to know its language. */
const MAX_LENGTH = 20_000;

/** The language of a piece of prose; null where it is too short or has too few known words. */
export function languageOf(text: string): string | null {
  const slice = text.slice(0, MAX_LENGTH);
  const letters = slice.match(/\p{L}/gu)?.length ?? 0;
  if (letters < 4) return null;
  if (/[^\u0000-\u024f\u1e00-\u1eff]/.test(slice)) {
    for (const [language, pattern] of SCRIPTS) if ((slice.match(pattern)?.length ?? 0) >= letters * (language === 'ja' ? 0.2 : 0.5)) return language;
  }
  const scores = new Map<string, number>();
  let words = 0;
  for (const [word] of slice.toLowerCase().matchAll(/\p{L}+/gu)) {
    words += 1;
    const languages = LATIN.get(word);
    // A word of one language alone says more than one of many.
    for (const language of languages ?? []) scores.set(language, (scores.get(language) ?? 0) + 1 + 1 / (languages?.length ?? 1));
  }
  if (words < 3) return null;
  for (const [language, pattern] of LETTERS) if (scores.has(language)) scores.set(language, (scores.get(language) ?? 0) + (slice.match(pattern)?.length ?? 0));
  const [first, second] = [...scores].sort(([, a], [, b]) => b - a).filter(([language], index, all) => index === 0 || KIN[language] !== all[0]?.[0]);
  if (!first || first[1] < 2.5 || first[1] < words * 0.22) return null;
  return first[1] >= (second?.[1] ?? 0) * 1.15 ? first[0] : null;
}

export const isSameLanguage = (a: string | null, b: string): boolean => a === b || (a !== null && KIN[a] === b);
