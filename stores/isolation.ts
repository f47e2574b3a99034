// The isolation check: does a replica give each request the adapter it asked for, also in a mixed batch?
import { randomUUID } from 'node:crypto';
import type { Digest } from '../core/contracts/index.ts';
import { RatchetError } from '../core/errors.ts';

/**
 * Batching changes the order of floating-point sums, so greedy answers vary a little: a token's log-probability may move by this
 * much (natural logarithm), and two tokens closer than this may swap places.
 */
export const TOLERANCE = 0.75;

/** Two arms are told apart by a prompt when their log-probabilities differ by more than this on average. */
const CLEARLY_APART = 0.3;

const TOKENS = 8;
/** Each arm's prompts are in a batch this many times; in the mixed one in an order that changes an arm's neighbours. */
const ROUNDS = 2;
const TOP = 5;

/** Unlike one another in form and language, so that an adapter of whatever task moves the answer to some of them. */
const PROMPTS = [
  'Name the capital of France.',
  'Answer with one JSON object that has the keys "name" and "priority": the printer on floor 3 does not print, this is urgent.',
  'Continue this list: Monday, Tuesday,',
  'My order 4711 arrived broken and I want my money back. What do you answer?',
] as const;

/** One generated position: the token chosen and the likeliest tokens with their log-probabilities. */
export interface Position {
  token: string;
  logprobs: ReadonlyMap<string, number>;
}

/** Asks one replica; `adapter: null` is the base. Returns the engine's answer body. */
export type Ask = (adapter: Digest | null, body: Record<string, unknown>) => Promise<unknown>;

/**
 * Asks the prompts of each arm (the base and every adapter) with no other arm in the batch, then those of all arms together. An
 * answer of the mixed batch is wrong when it is further than the tolerance from its arm's own answer, or nearer to another arm's
 * answer where the two arms are clearly apart: the second rule finds adapters that change little.
 * @throws ISOLATION_BROKEN naming the replica and the arms with wrong answers
 */
export async function checkReplica(replica: string, adapters: readonly Digest[], ask: Ask): Promise<{ replica: string; prompts: number; arms: number }> {
  const arms: (Digest | null)[] = [null, ...new Set(adapters)];
  const alone: Position[][][] = [];
  for (const arm of arms) {
    // As many at once as in the mixed batch's share: the engine's kernels differ by batch size.
    const rounds = await Promise.all(Array.from({ length: ROUNDS }, () => Promise.all(PROMPTS.map((prompt) => positions(arm, prompt, ask)))));
    alone.push(rounds[0] ?? []);
  }
  const order = [...arms.keys()];
  const mixed = await Promise.all(
    Array.from({ length: ROUNDS }, (_, round) =>
      [...PROMPTS.entries()].flatMap(([prompt, text]) =>
        (round % 2 === 0 ? order : order.toReversed()).map(async (arm) => ({ arm, prompt, answer: await positions(arms[arm] ?? null, text, ask) })),
      ),
    ).flat(),
  );
  const name = (arm: number): string => arms[arm] ?? 'base';
  const wrong = new Map<string, string>();
  for (const { arm, prompt, answer } of mixed) {
    const references = alone.map((answers) => answers[prompt] ?? []);
    const finding = judge(arm, references, answer);
    if (finding === null) continue;
    wrong.set(name(arm), finding.like === undefined ? `differs by ${finding.by.toFixed(2)}` : `answers like ${name(finding.like)}`);
  }
  if (wrong.size > 0) {
    const list = [...wrong].map(([arm, how]) => `${arm} ${how}`).join('; ');
    throw new RatchetError('ISOLATION_BROKEN', `${replica}: in a mixed batch of ${arms.length} arms, compared with each arm alone (tolerance ${TOLERANCE} in log-probability): ${list}`);
  }
  return { replica, prompts: PROMPTS.length, arms: arms.length };
}

/**
 * @param own index of the arm that was asked
 * @param references the same prompt's answer of each arm alone
 * @returns null when the answer is the arm's own; else by how much it differs, and the arm that it is nearer to, if there is one
 */
export function judge(own: number, references: readonly (readonly Position[])[], answer: readonly Position[]): { by: number; like?: number } | null {
  const reference = references[own] ?? [];
  const { largest, mean } = distance(reference, answer);
  let like: number | undefined;
  let nearest = mean;
  for (const [arm, other] of references.entries()) {
    if (arm === own || distance(reference, other).mean <= CLEARLY_APART) continue;
    const toOther = distance(other, answer).mean;
    if (toOther >= nearest) continue;
    nearest = toOther;
    like = arm;
  }
  if (like !== undefined) return { by: largest, like };
  return largest > TOLERANCE ? { by: largest } : null;
}

/**
 * How far two greedy answers to one prompt are apart, over the positions up to and with the first where their tokens part: the
 * largest and the mean difference of a log-probability. A token that only one answer lists counts with the least difference that
 * the other's list allows. Where the tokens part, so does the distance between the two as the first answer saw them.
 */
export function distance(before: readonly Position[], after: readonly Position[]): { largest: number; mean: number } {
  let largest = 0;
  let sum = 0;
  let count = 0;
  for (const [index, one] of before.entries()) {
    const other = after[index];
    if (other === undefined) return { largest: Infinity, mean: Infinity };
    const leastOfOne = Math.min(...one.logprobs.values());
    const leastOfOther = Math.min(...other.logprobs.values());
    for (const token of new Set([...one.logprobs.keys(), ...other.logprobs.keys()])) {
      const [a, b] = [one.logprobs.get(token), other.logprobs.get(token)];
      const difference = a === undefined ? Math.max(0, (b ?? 0) - leastOfOne) : b === undefined ? Math.max(0, a - leastOfOther) : Math.abs(a - b);
      largest = Math.max(largest, difference);
      sum += difference;
      count += 1;
    }
    if (one.token === other.token) continue;
    const chosen = one.logprobs.get(one.token) ?? 0;
    largest = Math.max(largest, chosen - (one.logprobs.get(other.token) ?? leastOfOne));
    break;
  }
  return { largest, mean: count === 0 ? Infinity : sum / count };
}

async function positions(arm: Digest | null, prompt: string, ask: Ask): Promise<Position[]> {
  const body = await ask(arm, {
    messages: [{ role: 'user', content: prompt }],
    temperature: 0,
    max_tokens: TOKENS,
    // All requests of the batch stay in it to the end, and none is answered from the prefix cache of another.
    ignore_eos: true,
    cache_salt: randomUUID(),
    logprobs: true,
    top_logprobs: TOP,
  });
  const content = (body as Completion).choices?.[0]?.logprobs?.content ?? [];
  if (content.length === 0) throw new RatchetError('SERVING_UNAVAILABLE', 'an answer came without log-probabilities, which the isolation check needs');
  return content.map(({ token, logprob, top_logprobs = [] }) => ({ token, logprobs: new Map([[token, logprob], ...top_logprobs.map((top): [string, number] => [top.token, top.logprob])]) }));
}

interface Completion {
  choices?: { logprobs?: { content?: { token: string; logprob: number; top_logprobs?: { token: string; logprob: number }[] }[] } }[];
}
