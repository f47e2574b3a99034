// The isolation check: does a replica give each request the adapter it asked for, also in a mixed batch?
import { randomUUID } from 'node:crypto';
import type { Digest } from '../core/contracts/index.ts';
import { nameOf } from '../core/digest.ts';
import { RatchetError } from '../core/errors.ts';

/**
 * Batching changes the order of floating-point sums, so greedy answers vary a little, and two tokens that nearly tie may swap
 * places. Distances are mean differences of log-probability (natural logarithm) over an answer. Measured on vLLM 0.32 for CPU in
 * bfloat16, 160 answers of 5 arms: at most 0.08 from an arm's own answer alone; an adapter trained on 60,000 tokens is 0.38 to 0.51
 * away from the base, random ones 0.10 to 0.59. (A single log-probability moved by up to 0.74: no use as a measure.)
 */
export const TOLERANCE = 0.25;

/** Two arms can be told apart by their nearest answer when they are this far from one another over all prompts. */
const TELLABLE = 0.1;

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

/** Who signs a mark that the isolation check made. */
export const ISOLATION_CHECK = 'isolation check';

/** Asks one replica; `adapter: null` is the base. Returns the engine's answer body. */
export type Ask = (adapter: Digest | null, body: Record<string, unknown>) => Promise<unknown>;

/**
 * What each arm of a replica answered alone, at a time when nobody else was answered. Under traffic no arm is alone: an engine
 * that gives the base an adapter's answer gives it that in both halves of the check, which then agree. What it answered in a
 * quiet moment does not agree. By arm; kept by whoever checks the same engine again.
 */
export type Quiet = Map<string, Answers>;

/**
 * Asks the prompts of each arm (the base and every adapter) with no other arm in the batch, then those of all arms together.
 * An arm is broken when one of its mixed answers is further than the tolerance from its own answer alone, or when all of them
 * together are nearer to another arm's answers: the second rule finds the mix-up with an adapter that changes little.
 * The same holds of its answers alone and what is known of it from a quiet moment.
 * @param quiet read; `alone` in the result may be kept in it by a caller who knows that nobody else was answered
 * @throws ISOLATION_BROKEN naming the replica, the broken arms and the arm that each answers like
 */
export async function checkReplica(replica: string, adapters: readonly Digest[], ask: Ask, quiet: ReadonlyMap<string, Answers> = new Map()): Promise<{ replica: string; prompts: number; arms: number; tokens: number; alone: Quiet }> {
  let tokens = 0;
  const counted: Ask = async (arm, body) => {
    const answer = await ask(arm, body);
    const { prompt_tokens: read = 0, completion_tokens: written = 0 } = (answer as Completion).usage ?? {};
    tokens += read + written;
    return answer;
  };
  const arms: (Digest | null)[] = [null, ...new Set(adapters)];
  const alone: Answers[] = [];
  for (const arm of arms) {
    // As many at once as the arm has in the mixed batch: the engine's kernels differ by batch size.
    const [first = []] = await Promise.all(Array.from({ length: ROUNDS }, () => Promise.all(PROMPTS.map((prompt) => positions(arm, prompt, counted)))));
    alone.push(first);
  }
  const known = arms.map((arm, index) => quiet.get(nameOf(arm)) ?? alone[index] ?? []);
  const mixed: Answers[][] = arms.map((_arm, index) => (quiet.has(nameOf(arms[index] ?? null)) ? [alone[index] ?? []] : []));
  await Promise.all(
    Array.from({ length: ROUNDS }, (_, round) => {
      const answers = arms.map((): Answers => []);
      for (const [arm, rounds] of mixed.entries()) rounds.push(answers[arm] ?? []);
      const order = [...arms.keys()];
      return PROMPTS.flatMap((text, prompt) =>
        (round % 2 === 0 ? order : order.toReversed()).map(async (arm) => {
          const own = answers[arm];
          if (own) own[prompt] = await positions(arms[arm] ?? null, text, counted);
        }),
      );
    }).flat(),
  );
  const name = (arm: number): string => nameOf(arms[arm] ?? null);
  const broken = mixed.flatMap((rounds, arm) => {
    const finding = judge(arm, known, rounds);
    if (finding === null) return [];
    return [`${name(arm)} is off by ${finding.by.toFixed(2)}${finding.like === undefined ? '' : ` and answers like ${name(finding.like)}`}`];
  });
  if (broken.length > 0) throw new RatchetError('ISOLATION_BROKEN', `${replica}: answers in a mixed batch of ${arms.length} arms and alone differ (mean log-probability, tolerance ${TOLERANCE}): ${broken.join('; ')}`);
  return { replica, prompts: PROMPTS.length, arms: arms.length, tokens, alone: new Map(arms.map((arm, index) => [nameOf(arm), alone[index] ?? []])) };
}

/** One answer for each prompt. */
export type Answers = (readonly Position[])[];

/**
 * @param own index of the arm that was asked
 * @param alone each arm's answers with no other arm in the batch
 * @param mixed the arm's answers in the mixed batch, one list a round
 * @returns null when they are the arm's own; else the largest distance, and the arm that they are nearer to, if there is one
 */
export function judge(own: number, alone: readonly Answers[], mixed: readonly Answers[]): { by: number; like?: number } | null {
  const distances = (arm: number, others: readonly Answers[]): number[] => others.flatMap((answers) => answers.map((answer, prompt) => distance(alone[arm]?.[prompt] ?? [], answer)));
  const by = Math.max(...distances(own, mixed));
  let nearest = mean(distances(own, mixed));
  let like: number | undefined;
  for (const [arm, answers] of alone.entries()) {
    const away = mean(distances(arm, mixed));
    if (arm === own || away >= nearest || mean(distances(own, [answers])) < TELLABLE) continue;
    nearest = away;
    like = arm;
  }
  if (like !== undefined) return { by, like };
  return by > TOLERANCE ? { by } : null;
}

/**
 * How far two greedy answers to one prompt are apart: the mean difference of a log-probability over the positions up to and with
 * the first where their tokens part (after it they answer different texts). A token that only one answer lists counts with the
 * least difference that the other's list allows.
 */
export function distance(before: readonly Position[], after: readonly Position[]): number {
  const differences: number[] = [];
  for (const [index, one] of before.entries()) {
    const other = after[index];
    if (other === undefined) return Infinity;
    const [leastOfOne, leastOfOther] = [one, other].map(({ logprobs }) => Math.min(...logprobs.values())) as [number, number];
    for (const token of new Set([...one.logprobs.keys(), ...other.logprobs.keys()])) {
      const [a, b] = [one.logprobs.get(token), other.logprobs.get(token)];
      if (a === undefined) differences.push(Math.max(0, (b ?? leastOfOne) - leastOfOne));
      else if (b === undefined) differences.push(Math.max(0, a - leastOfOther));
      else differences.push(Math.abs(a - b));
    }
    if (one.token !== other.token) break;
  }
  return mean(differences);
}

const mean = (values: readonly number[]): number => (values.length === 0 ? Infinity : values.reduce((sum, value) => sum + value, 0) / values.length);

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
  usage?: { prompt_tokens?: number; completion_tokens?: number };
  choices?: { logprobs?: { content?: { token: string; logprob: number; top_logprobs?: { token: string; logprob: number }[] }[] } }[];
}
