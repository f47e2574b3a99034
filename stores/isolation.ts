// The isolation check: does a replica give each request the adapter it asked for, also in a mixed batch?
import { randomUUID } from 'node:crypto';
import type { Digest } from '../core/contracts/index.ts';
import { RatchetError } from '../core/errors.ts';

/**
 * Batching changes the order of floating-point sums, so greedy answers vary a little: a token's log-probability may move by this
 * much (natural logarithm), and two tokens closer than this may swap places. Measured on the CPU build in bfloat16: up to 0.3 with
 * every request right, 2 to 20 where a request got another's adapter (docs/log.md).
 */
export const TOLERANCE = 0.75;

const TOKENS = 16;
/** Each arm's prompts are in the mixed batch this many times, in an order that changes an arm's neighbours. */
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
 * Asks every prompt of every arm (the base and each adapter) alone, then all of them together, several of each.
 * @throws ISOLATION_BROKEN naming the replica and the arms whose answers differ by more than the tolerance.
 */
export async function checkReplica(replica: string, adapters: readonly Digest[], ask: Ask): Promise<{ replica: string; prompts: number; arms: number }> {
  const arms: (Digest | null)[] = [null, ...new Set(adapters)];
  const alone = new Map<string, Position[]>();
  for (const [armIndex, arm] of arms.entries()) {
    for (const [promptIndex, prompt] of PROMPTS.entries()) alone.set(`${armIndex}/${promptIndex}`, await positions(arm, prompt, ask));
  }
  const mixed = Array.from({ length: ROUNDS }, (_, round) =>
    PROMPTS.flatMap((prompt, promptIndex) => {
      const order = arms.map((_arm, index) => (round % 2 === 0 ? index : arms.length - 1 - index));
      return order.map(async (armIndex) => {
        const answer = await positions(arms[armIndex] ?? null, prompt, ask);
        return { armIndex, deviation: deviation(alone.get(`${armIndex}/${promptIndex}`) ?? [], answer) };
      });
    }),
  ).flat();
  const worst = new Map<number, number>();
  for (const { armIndex, deviation: found } of await Promise.all(mixed)) worst.set(armIndex, Math.max(found, worst.get(armIndex) ?? 0));
  const broken = [...worst].filter(([, found]) => found > TOLERANCE);
  if (broken.length > 0) {
    const named = broken.map(([armIndex, found]) => `${arms[armIndex] ?? 'base'} (by ${Number.isFinite(found) ? found.toFixed(2) : 'more than can be measured'})`);
    throw new RatchetError('ISOLATION_BROKEN', `${replica}: in a mixed batch of ${arms.length} arms the log-probabilities of ${named.join(', ')} differ from those alone, tolerance ${TOLERANCE}`);
  }
  return { replica, prompts: PROMPTS.length, arms: arms.length };
}

/**
 * How far two greedy answers are apart: the largest difference of a log-probability over the positions that both reached by the
 * same tokens. Where they part, the distance between the two tokens as the first answer saw them, and nothing is compared after.
 */
export function deviation(alone: readonly Position[], mixed: readonly Position[]): number {
  let largest = 0;
  for (const [index, before] of alone.entries()) {
    const after = mixed[index];
    if (after === undefined) return Infinity;
    for (const [token, logprob] of before.logprobs) {
      const other = after.logprobs.get(token);
      if (other !== undefined) largest = Math.max(largest, Math.abs(logprob - other));
    }
    if (after.token === before.token) continue;
    // Not among the likeliest before: no near-tie explains it.
    const chosen = before.logprobs.get(before.token) ?? 0;
    return Math.max(largest, chosen - (before.logprobs.get(after.token) ?? -Infinity));
  }
  return largest;
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
