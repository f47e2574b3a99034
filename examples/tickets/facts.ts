// What a ticket is about, drawn before a word of it is written, and the right answer that follows from it.
import type { SeededRandom } from '../seeded-random.ts';
import { FIRST_NAMES, LAST_NAMES } from './names.ts';

export const TOPICS = ['delivery', 'defect', 'billing', 'return'] as const;
export type Topic = (typeof TOPICS)[number];

export const PRIORITIES = ['high', 'normal', 'low'] as const;
export type Priority = (typeof PRIORITIES)[number];

export const ACTIONS = ['refund', 'replace', 'collect', 'invoice', 'trace'] as const;
export type Action = (typeof ACTIONS)[number];

/** Product lines: the letters of the code and the word customers use for it. */
export const PRODUCT_LINES = {
  KT: 'kettle',
  LM: 'lamp',
  HT: 'heater',
  BL: 'blender',
  TS: 'toaster',
  FN: 'fan',
  SP: 'speaker',
  VC: 'vacuum cleaner',
  CM: 'coffee maker',
  IR: 'iron',
} as const;
export type ProductLine = keyof typeof PRODUCT_LINES;

export interface Item {
  line: ProductLine;
  number: number;
  count: number;
}

/** Why the priority is what it is: `danger` and `legal` make it high, `no_hurry` low, everything else normal. */
export type Weight = 'danger' | 'legal' | 'no_hurry' | 'pressure' | 'none';

export interface Facts {
  first: string;
  last: string;
  /** Four digits, or null where the customer does not give an order number. */
  order: number | null;
  items: Item[];
  topic: Topic;
  weight: Weight;
  /** In the order in which the customer asks. */
  actions: Action[];
  wantsCall: boolean;
}

/** The answer that the schema describes. */
export interface Answer {
  customer: { name: string; reply: 'email' | 'phone' };
  order: string | null;
  /** Count and product code: "2x KT-204". */
  items: string[];
  route: { topic: Topic; priority: Priority; queue: string; hours: number };
  actions: Action[];
}

const QUEUE_LETTERS: Record<Topic, string> = { delivery: 'DEL', defect: 'DEF', billing: 'BIL', return: 'RET' };
const QUEUE_DIGIT: Record<Priority, number> = { high: 1, normal: 2, low: 3 };
const HOURS: Record<Priority, number> = { high: 4, normal: 24, low: 72 };

/** What people with that problem ask for. */
const ACTIONS_BY_TOPIC: Record<Topic, readonly Action[]> = {
  delivery: ['trace', 'refund', 'replace'],
  defect: ['replace', 'refund', 'collect'],
  billing: ['refund', 'invoice'],
  return: ['collect', 'refund', 'invoice'],
};

export function priorityOf(weight: Weight): Priority {
  if (weight === 'danger' || weight === 'legal') return 'high';
  return weight === 'no_hurry' ? 'low' : 'normal';
}

export function truthOf(facts: Facts): Answer {
  const priority = priorityOf(facts.weight);
  return {
    customer: { name: `${facts.first} ${facts.last}`, reply: facts.wantsCall ? 'phone' : 'email' },
    order: facts.order === null ? null : `NH-${facts.order}`,
    items: facts.items.map(({ line, number, count }) => `${count}x ${line}-${number}`),
    route: {
      topic: facts.topic,
      priority,
      queue: `${QUEUE_LETTERS[facts.topic]}-${QUEUE_DIGIT[priority]}`,
      hours: HOURS[priority],
    },
    actions: facts.actions,
  };
}

function drawWeight(topic: Topic, random: SeededRandom): Weight {
  const roll = random.next();
  if (roll < 0.28) return topic === 'defect' && random.chance(0.75) ? 'danger' : 'legal';
  if (roll < 0.5) return 'no_hurry';
  return roll < 0.75 ? 'pressure' : 'none';
}

export function drawFacts(random: SeededRandom): Facts {
  const topic = random.pick(TOPICS);
  const lines = random.shuffle(Object.keys(PRODUCT_LINES) as ProductLine[]).slice(0, random.chance(0.35) ? 2 : 1);
  const wanted = random.shuffle(ACTIONS_BY_TOPIC[topic]);
  return {
    first: random.pick(FIRST_NAMES),
    last: random.pick(LAST_NAMES),
    order: random.chance(0.85) ? random.int(1000, 9999) : null,
    items: lines.map((line) => ({ line, number: random.int(100, 989), count: random.chance(0.5) ? 1 : random.int(2, 6) })),
    topic,
    weight: drawWeight(topic, random),
    actions: wanted.slice(0, random.chance(0.45) ? 2 : 1),
    wantsCall: random.chance(0.3),
  };
}
