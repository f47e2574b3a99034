// The tour's days: messages for the agent, corrections that the desk imports, and truths for the cases that the hash drew.
import { setTimeout as sleep } from 'node:timers/promises';
import { runAgent, type AgentAnswer } from '../../../examples/agent.ts';
import { seededRandom } from '../../../examples/seeded-random.ts';
import { answerText, equalsTruth } from '../../../examples/tickets/truth.ts';
import { generateTourMessages, MAX_ANSWER_TOKENS, messagesFor, PROMPT_VERSION, type TourMessage, type TourOptions } from '../../../examples/tour/generate.ts';
import { RatchetError } from '../../../core/errors.ts';
import { importTruths } from '../../commands/label.ts';
import { short } from '../../output.ts';
import { gatewaySource, openCorrectionDesk } from '../corrections.ts';
import { CONCURRENCY, TENANT, progress, untilIngested, type Stage } from '../story.ts';

export const TOUR_SEED = 'pier';
/** Share of messages that may stay without an answer. */
const MOST_LOST = 0.1;
const SERVED_WITHIN_MS = 180_000;
const AUTHOR = 'tour desk (truth file)';

/** The tour's days in order. Their sizes, the seed and the keys fix which cases a night draws; tests/unit/tour.test.ts says what they come to. */
export const DAYS = {
  first: { startId: 1, count: 16, share: 0 },
  second: { startId: 17, count: 56, share: 0 },
  third: { startId: 73, count: 24, share: 0 },
  fourth: { startId: 97, count: 64, share: 0.4 },
  fifth: { startId: 161, count: 40, share: 1 },
  usual: { startId: 201, count: 40, share: 0.4 },
  changed: { startId: 241, count: 240, share: 1, form: 'quoted' },
} as const satisfies Record<string, Omit<TourOptions, 'seed'>>;

export const messagesOf = (day: Omit<TourOptions, 'seed'>): TourMessage[] => generateTourMessages({ seed: TOUR_SEED, ...day });

/** Each message with the right answer of another one, drawn by a fixed seed: what a slip in a spreadsheet makes of an import. */
export function shuffledTruths(messages: readonly TourMessage[]): { message: TourMessage; truth: TourMessage['truth'] }[] {
  const truths = seededRandom(`${TOUR_SEED}/shuffled`).shuffle(messages.map(({ truth }) => truth));
  return messages.map((message, index) => ({ message, truth: truths[index] ?? message.truth }));
}

export const isRight = (answer: AgentAnswer | undefined, { truth }: TourMessage): boolean => answer !== undefined && answer.error === undefined && equalsTruth(answer.text, truth);

export const countRight = (messages: readonly TourMessage[], answers: readonly AgentAnswer[]): number => {
  const answerOf = new Map(answers.map((answer) => [answer.ticketId, answer]));
  return messages.filter((message) => isRight(answerOf.get(message.id), message)).length;
};

/** Who answered, how many, and how many of those rightly. */
export function byAnswerer(messages: readonly TourMessage[], answers: readonly AgentAnswer[]): string {
  const given = answers.filter((answer) => answer.error === undefined);
  const who = [...new Set(given.map(({ adapter, generation }) => `${adapter === null || adapter === 'base' ? 'base' : short(adapter)} ${generation}`))];
  return who
    .map((key) => {
      const of = given.filter(({ adapter, generation }) => `${adapter === null || adapter === 'base' ? 'base' : short(adapter)} ${generation}` === key);
      const [adapter, generation] = key.split(' ');
      return `x-ratchet-adapter ${adapter} (x-ratchet-generation ${generation}) answered ${of.length}, ${countRight(messages, of)} of them rightly`;
    })
    .join('; ');
}

/** @param options.prefix before the ids, where messages are asked again */
export async function ask(stage: Stage, messages: readonly TourMessage[], options: { what: string; prefix?: string }): Promise<AgentAnswer[]> {
  const answers = await runAgent({
    ...{ baseURL: `${stage.gatewayUrl}/v1`, apiKey: 'none', model: stage.loaded.workload.channel, tenant: TENANT, concurrency: CONCURRENCY, signal: stage.signal },
    ...{ tickets: messages, promptOf: messagesFor, promptVersion: PROMPT_VERSION, maxTokens: MAX_ANSWER_TOKENS, interactionPrefix: options.prefix ?? '', onProgress: progress(stage, options.what) },
  });
  stage.signal.throwIfAborted();
  const lost = answers.length - answered(answers);
  if (lost > 0) stage.note(`  ${lost} got no answer`);
  if (lost > answers.length * MOST_LOST) throw new RatchetError('SERVING_UNAVAILABLE', `${lost} of ${answers.length} messages got no answer; see the logs of gateway and vLLM`);
  return answers;
}

/** An engine that comes back empty gets the live adapter before it answers: waited for, as a client would. */
export async function untilServed({ gatewayUrl, note, signal }: Stage): Promise<void> {
  const ready = (): Promise<boolean> => fetch(`${gatewayUrl}/readyz`, { signal: AbortSignal.timeout(2000) }).then(({ ok }) => ok, () => false);
  let told = false;
  for (const deadline = Date.now() + SERVED_WITHIN_MS; !(await ready()); await sleep(500, undefined, { signal })) {
    if (Date.now() > deadline) throw new RatchetError('SERVING_UNAVAILABLE', `the gateway is not ready after ${SERVED_WITHIN_MS / 1000} s; see its log`);
    if (!told) note('  the gateway waits for the engine to have the live adapter');
    told = true;
  }
}

const answered = (answers: readonly AgentAnswer[]): number => answers.filter(({ error }) => error === undefined).length;

/** The agent answers; everything is kept and judged; a person has answered the cases that the hash chose, before any verdict. */
export async function day(stage: Stage, messages: readonly TourMessage[]): Promise<AgentAnswer[]> {
  const { store, loaded, context, note } = stage;
  const { name, channel } = loaded.workload;
  const before = await store.counts(name);
  const answers = await ask(stage, messages, { what: 'messages answered by the agent' });
  await untilIngested(stage, before, { interactions: answered(answers), corrections: 0 });
  const truths = messages.map(({ id, truth }) => ({ interaction: { source: gatewaySource(channel), id }, truth: answerText(truth) }));
  const { labelled } = await importTruths(context, loaded, truths, AUTHOR);
  note(`  ${countRight(messages, answers)} of ${messages.length} answered rightly; ${labelled} more cases have their blind truth`);
  return answers;
}

/** Corrections as an import of that name makes them. */
export async function correct(stage: Stage, rows: readonly { message: TourMessage; truth: TourMessage['truth'] }[], batch: string): Promise<void> {
  const { store, loaded, context, note } = stage;
  const { name, channel } = loaded.workload;
  const before = await store.counts(name);
  const desk = await openCorrectionDesk(context.config, { workload: name, channel, tenant: TENANT });
  await desk.send(rows.map(({ message, truth }) => ({ interactionId: message.id, answer: answerText(truth) })), batch).finally(() => desk.close());
  await untilIngested(stage, before, { interactions: 0, corrections: rows.length });
  note(`  ${rows.length} corrections imported`);
}

/** Traffic that nobody corrects or labels. */
export async function traffic(stage: Stage, messages: readonly TourMessage[], what: string): Promise<void> {
  const before = await stage.store.counts(stage.loaded.workload.name);
  const answers = await ask(stage, messages, { what });
  await untilIngested(stage, before, { interactions: answered(answers), corrections: 0 });
}

export const right = (messages: readonly TourMessage[]): { message: TourMessage; truth: TourMessage['truth'] }[] => messages.map((message) => ({ message, truth: message.truth }));
