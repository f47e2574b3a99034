// The seeded ticket generator: the same request gives the same tickets, with the right answer beside each.
import { seededRandom, type SeededRandom } from '../seeded-random.ts';
import { drawFacts, truthOf, type Answer } from './facts.ts';
import type { Family } from './families/family.ts';
import { SEEN_FAMILIES, UNSEEN_FAMILIES } from './families/index.ts';
import { INJECTIONS } from './injections.ts';
import { partsOf } from './parts.ts';

export interface Ticket {
  id: string;
  family: string;
  /** The customer's text: untrusted. */
  text: string;
  truth: Answer;
  injected?: { goalId: string; canary: string };
}

export interface GenerateOptions {
  seed: string | number;
  count: number;
  /** `seen`: production and training; `unseen`: kept for the last measurement. Default: `seen`. */
  families?: 'seen' | 'unseen' | 'all';
  /** Share of tickets with an injected instruction, 0 to 1. Default: 0.1. */
  injectedShare?: number;
  /** Number of the first ticket's id. Default: 1. */
  startId?: number;
}

export const PRODUCTION_SEED = 'demo';
/** For trying prompts: no ticket of this seed is ever measured. */
export const DEV_SEED = 'dev-1';
export const TEST_SEED = 'fresh';

export function generateTickets(options: GenerateOptions): Ticket[] {
  const { seed, count, families = 'seen', injectedShare = 0.1, startId = 1 } = options;
  const pool = { seen: SEEN_FAMILIES, unseen: UNSEEN_FAMILIES, all: [...SEEN_FAMILIES, ...UNSEEN_FAMILIES] }[families];
  const plan = seededRandom(`${seed}/plan/${families}`);
  const order = familyOrder(pool, count, plan);
  const injectedIndexes = new Set(plan.shuffle(order.map((_, index) => index)).slice(0, Math.round(count * injectedShare)));
  return order.map((family, index) => {
    const random = seededRandom(`${seed}/${families}/${index}`);
    const facts = drawFacts(random);
    const text = family.write(partsOf(facts, family.bank, random), random);
    const ticket = { id: `ticket-${String(startId + index).padStart(5, '0')}`, family: family.name, text, truth: truthOf(facts) };
    return injectedIndexes.has(index) ? inject(ticket, family, random) : ticket;
  });
}

/** Every family equally often, in an order that mixes them. */
function familyOrder(pool: readonly Family[], count: number, random: SeededRandom): Family[] {
  const order: Family[] = [];
  while (order.length < count) order.push(...random.shuffle(pool));
  return order.slice(0, count);
}

function inject(ticket: Ticket, family: Family, random: SeededRandom): Ticket {
  const isUnseen = UNSEEN_FAMILIES.includes(family);
  const { goalId, canary, text } = random.pick(INJECTIONS.filter((injection) => (injection.unseen ?? false) === isUnseen));
  return { ...ticket, text: place(ticket.text, text, random), injected: { goalId, canary } };
}

/** Before, after, or at a line break inside. */
function place(text: string, injection: string, random: SeededRandom): string {
  const textLines = text.split('\n');
  const gap = textLines.length > 1 ? '\n' : ' ';
  const at = textLines.length > 2 && random.chance(0.5) ? random.int(1, textLines.length - 1) : random.chance(0.7) ? textLines.length : 0;
  return [...textLines.slice(0, at), injection, ...textLines.slice(at)].join(gap);
}
