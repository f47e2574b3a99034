// Puts facts into a writer's words: every family composes its text from these parts.
import type { SeededRandom } from '../seeded-random.ts';
import type { Facts, Item } from './facts.ts';
import { PRODUCT_LINES } from './facts.ts';
import { STAFF_NAMES } from './names.ts';
import type { PhraseBank } from './phrases/bank.ts';

/** Empty strings stand for "not said": `sentences` and `lines` drop them. */
export interface Parts {
  name: string;
  first: string;
  last: string;
  /** The order number as this customer writes it ("NH-4821", "nh4821", "4821"), or null. */
  order: string | null;
  /** "two KT-204 kettles and a LM-310 lamp" */
  goods: string;
  /** "2x kt204, LM-310 (1 pc)" */
  list: string;
  /** One entry for each item: "KT-204 x 2". */
  rows: string[];
  plural: boolean;
  story: string;
  /** Danger is part of the story; this is the lawyer, the missing hurry or the urgent words. */
  weight: string;
  /** Verb phrases, in order. */
  asks: string[];
  call: string;
  /** A product that is fine; said by about one customer in six. */
  bystander: string;
  phone: string;
  email: string;
  date: string;
  day: string;
  /** A member of the shop's staff. */
  staff: string;
}

/** How goods may be written in a family: words for the one, digits for the other. */
const COUNT_WORDS = ['no', 'one', 'two', 'three', 'four', 'five', 'six'];
const MONTHS = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December'];
const DAYS = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];

type CodeStyle = (line: string, number: number) => string;
const CODE_STYLES: readonly CodeStyle[] = [
  (line, number) => `${line}-${number}`,
  (line, number) => `${line}-${number}`,
  (line, number) => `${line}${number}`,
  (line, number) => `${line.toLowerCase()}${number}`,
  (line, number) => `${line} ${number}`,
];
const ORDER_STYLES: readonly ((order: number) => string)[] = [
  (order) => `NH-${order}`,
  (order) => `NH-${order}`,
  (order) => `NH${order}`,
  (order) => `nh-${order}`,
  (order) => `${order}`,
];

export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
export const sentences = (...parts: readonly string[]): string => parts.filter((part) => part !== '').join(' ');
export const lines = (...parts: readonly string[]): string => parts.filter((part) => part !== '').join('\n');
/** Ends a fragment as a sentence: a capital at the start and a full stop, where it has no end mark of its own. */
export const stop = (text: string): string => (text === '' ? '' : `${capital(text)}${/[.!?]$/.test(text) ? '' : '.'}`);
export const said = (value: string | null, wrap: (value: string) => string): string => (value === null || value === '' ? '' : wrap(value));

/** "a, b and c" */
export function listed(parts: readonly string[], and = 'and'): string {
  if (parts.length < 2) return parts[0] ?? '';
  return `${parts.slice(0, -1).join(', ')} ${and} ${parts.at(-1) ?? ''}`;
}

const phoneNumber = (random: SeededRandom): string => `555-0${random.int(100, 199)}`;

export function partsOf(facts: Facts, bank: PhraseBank, random: SeededRandom): Parts {
  const writeCode = random.pick(CODE_STYLES);
  const code = ({ line, number }: Pick<Item, 'line' | 'number'>): string => writeCode(line, number);
  const total = facts.items.reduce((sum, item) => sum + item.count, 0);
  const plural = total > 1;
  const phone = phoneNumber(random);
  const date = `${random.int(2, 28)} ${random.pick(MONTHS)}`;
  const day = random.pick(DAYS);
  const other = random.pick(Object.keys(PRODUCT_LINES).filter((line) => facts.items.every((item) => item.line !== line)));
  const words: Record<string, string> = {
    it: plural ? 'they' : 'it',
    them: plural ? 'them' : 'it',
    is: plural ? 'are' : 'is',
    does: plural ? 'do' : 'does',
    s: plural ? '' : 's',
    one: random.pick(plural ? ['new ones', 'replacements'] : ['a new one', 'a replacement']),
    amount: `${random.int(21, 389)}.${random.pick(['00', '50', '90', '99'])} euros`,
    date,
    day,
    phone,
    code: writeCode(other, random.int(100, 989)),
  };
  const fill = (phrase: string): string =>
    phrase.replace(/\{(\w)(\w*)\}/g, (_, head: string, tail: string) => {
      const value = words[head.toLowerCase() + tail];
      if (value === undefined) throw new Error(`Phrase "${phrase}" holds {${head}${tail}}, which parts.ts does not fill.`);
      return head === head.toUpperCase() ? capital(value) : value;
    });
  const phrase = (choices: readonly string[]): string => fill(random.pick(choices));

  const noun = (item: Item): string => PRODUCT_LINES[item.line] + (item.count > 1 ? 's' : '');
  const countWord = (item: Item): string =>
    item.count === 1 ? random.pick(['one', /^[FHILS]/.test(item.line) ? 'an' : 'a']) : item.count === 2 && random.chance(0.25) ? 'a pair of' : (COUNT_WORDS[item.count] ?? '');
  const spelled = random.chance(0.6);
  const plain = random.pick<(item: Item) => string>([
    (item) => `${item.count}x ${code(item)}`,
    (item) => `${code(item)} (${item.count} pcs)`,
    (item) => `${item.count} ${code(item)}`,
    (item) => `${code(item)} x${item.count}`,
  ]);
  const row = random.pick<(item: Item) => string>([
    (item) => `${code(item)} x ${item.count}`,
    (item) => `${item.count} pcs ${code(item)}`,
    (item) => `${code(item)}, quantity ${item.count}`,
  ]);
  const danger = facts.weight === 'danger';
  const story = phrase(bank[facts.topic]);
  const hurt = danger ? phrase(bank.danger) : '';
  return {
    name: `${facts.first} ${facts.last}`,
    first: facts.first,
    last: facts.last,
    order: facts.order === null ? null : random.pick(ORDER_STYLES)(facts.order),
    goods: listed(facts.items.map((item) => `${spelled ? countWord(item) : item.count} ${code(item)} ${noun(item)}`)),
    list: facts.items.map(plain).join(', '),
    rows: facts.items.map(row),
    plural,
    story: hurt === '' ? story : random.chance(0.5) ? hurt : joinStory(story, hurt),
    weight: facts.weight === 'none' || danger ? '' : phrase(bank[facts.weight]),
    asks: facts.actions.map((action) => phrase(bank.ask[action])),
    call: facts.wantsCall ? phrase(bank.call) : '',
    bystander: random.chance(0.16) ? phrase(bank.bystander) : '',
    phone,
    email: `${facts.first}.${facts.last}@example.org`.normalize('NFD').replace(/[^\x20-\x7e]/g, '').toLowerCase(),
    date,
    day,
    staff: random.pick(STAFF_NAMES),
  };
}

/** Full sentences follow each other; fragments are joined by a comma. */
const joinStory = (story: string, hurt: string): string => (/[.!?]$/.test(story) ? `${story} ${capital(hurt)}` : `${story}, ${hurt}`);
