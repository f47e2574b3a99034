// The demo's story, step by step: production answers → failures → dataset → adapter → verdict → production again → trace.
import type { Client } from '@temporalio/client';
import { ensureSchedule, triggerRun } from '../../activities/schedule.ts';
import { renderTrace, traceDown } from '../../core/lineage/trace.ts';
import type { FailureRow, MetadataStore } from '../../stores/ports.ts';
import type { LoadedWorkload } from '../../stores/workloads.ts';
import type { AgentAnswer, AgentOptions } from '../../examples/agent.ts';
import { runAgent } from '../../examples/tickets/agent.ts';
import { generateTickets, type Ticket } from '../../examples/tickets/generate.ts';
import { answerText, equalsTruth } from '../../examples/tickets/truth.ts';
import type { Digest, RunRecord } from '../../core/contracts/index.ts';
import { RatchetError } from '../../core/errors.ts';
import { keyedUnit } from '../../core/digest.ts';
import { eInWords } from '../../core/watch/judge.ts';
import { rollBack } from '../rollback.ts';
import { importTruths } from '../commands/label.ts';
import { startedRun } from '../commands/run.ts';
import { servingTarget, type Context } from '../context.ts';
import { short, table } from '../output.ts';
import { watchRun } from '../watch.ts';
import { renderComparison, scoreArm, type ArmResult } from './compare.ts';
import { gatewaySource, openCorrectionDesk } from './corrections.ts';

export interface Stage {
  context: Context;
  store: MetadataStore;
  client: Client;
  loaded: LoadedWorkload;
  gatewayUrl: string;
  note: (line: string) => void;
  signal: AbortSignal;
}

/** Corrections carry it too: their values become the same stand-ins as the interaction's. */
export const TENANT = 'demo';
/** Requests that the agent keeps in flight: vLLM batches them. */
export const CONCURRENCY = 20;
const INGEST_TIMEOUT_MS = 60_000;
/** Share of tickets that a person answers before the agent does: their correction arrives before its interaction. */
const EARLY_SHARE = 0.1;
/** Share of the wrong answers that a person gets around to correcting. */
const CORRECTED_SHARE = 0.85;

export const progress = (stage: Stage, what: string) => {
  const began = performance.now();
  let shown = 0;
  return (done: number, total: number): void => {
    if (done < total && performance.now() - shown < 10_000) return;
    shown = performance.now();
    const seconds = (shown - began) / 1000;
    // The first answers come together after a while: they say little about the rest.
    const foreseeable = done < total && done >= total / 20;
    stage.note(`  ${what}: ${done} of ${total} after ${seconds.toFixed(0)} s${foreseeable ? `, about ${((seconds / done) * (total - done)).toFixed(0)} s left` : ''}`);
  };
};

async function ask(stage: Stage, tickets: readonly Ticket[], options: { model: string; what: string; baseURL?: string; interactionPrefix?: string; responseFormat?: AgentOptions<Ticket>['responseFormat'] }): Promise<AgentAnswer[]> {
  const answers = await runAgent({
    baseURL: options.baseURL ?? `${stage.gatewayUrl}/v1`,
    apiKey: 'none',
    model: options.model,
    tickets,
    concurrency: CONCURRENCY,
    signal: stage.signal,
    onProgress: progress(stage, options.what),
    tenant: TENANT,
    ...(options.interactionPrefix === undefined ? {} : { interactionPrefix: options.interactionPrefix }),
    ...(options.responseFormat === undefined ? {} : { responseFormat: options.responseFormat }),
  });
  // An interrupted agent gives back what it has: nothing is made of it.
  stage.signal.throwIfAborted();
  return answers;
}

type Counts = Awaited<ReturnType<MetadataStore['counts']>>;

/** Waits until ingest has dealt with everything that was sent; a dead letter counts as dealt with, and is told later. */
export async function untilIngested(stage: Stage, before: Counts, sent: { interactions: number; corrections: number }): Promise<void> {
  const limit = Date.now() + INGEST_TIMEOUT_MS;
  for (;;) {
    const now = await stage.store.counts(stage.loaded.workload.name);
    const dealtWith = now.interactions + now.deadLetters - before.interactions - before.deadLetters;
    if (dealtWith >= sent.interactions && now.corrections - before.corrections >= sent.corrections) return;
    stage.signal.throwIfAborted();
    if (Date.now() > limit) throw new RatchetError('INTERNAL', `ingest of all records did not happen within ${INGEST_TIMEOUT_MS / 1000} s; see the log of ingest`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** Step 2 and 3: the agent at work, corrections on their way, truths for the blind-drawn cases, and what intake found. */
export async function production(stage: Stage, count: number): Promise<void> {
  const { loaded, store, note, context } = stage;
  const { name, channel } = loaded.workload;
  const tickets = generateTickets({ seed: 'demo', count, families: 'seen', injectedShare: 0.1, startId: 1 });
  const interactionPrefix = 'demo-';
  const interactionIdOf = (ticket: Ticket): string => interactionPrefix + ticket.id;
  const correctionOf = (ticket: Ticket) => ({ interactionId: interactionIdOf(ticket), answer: answerText(ticket.truth) });
  const before = await store.counts(name);
  const desk = await openCorrectionDesk(context.config, { workload: name, channel, tenant: TENANT });
  try {
    const early = tickets.filter((ticket) => keyedUnit('demo', `early:${ticket.id}`) < EARLY_SHARE);
    await desk.send(early.map(correctionOf));
    note(`  ${early.length} corrections were sent before their interaction`);
    const answers = await ask(stage, tickets, { model: channel, what: 'tickets answered by the agent', interactionPrefix });
    const lost = answers.filter((answer) => answer.error !== undefined).length;
    if (lost > 0) note(`  ${lost} tickets got no answer`);

    const textOf = new Map(answers.map((answer) => [answer.ticketId, answer.text]));
    const wrong = tickets.filter((ticket) => !equalsTruth(textOf.get(ticket.id) ?? '', ticket.truth));
    const late = wrong.filter((ticket) => !early.includes(ticket) && keyedUnit('demo', `corrected:${ticket.id}`) < CORRECTED_SHARE);
    await desk.send(late.map(correctionOf));
    note(`  ${wrong.length} of ${tickets.length} answers were not what a person would have written; ${late.length} more corrections were sent`);

    await untilIngested(stage, before, { interactions: answers.length - lost, corrections: early.length + late.length });
  } finally {
    await desk.close();
  }

  const source = gatewaySource(channel);
  const truths = tickets.map((ticket) => ({ interaction: { source, id: interactionIdOf(ticket) }, truth: JSON.stringify(ticket.truth) }));
  const { labelled, waiting } = await importTruths(context, loaded, truths, 'demo desk (truth file)');
  const counts = await store.counts(name);
  if (counts.deadLetters > 0) note(`  ${counts.deadLetters} records are dead letters`);
  note(`  stored ${counts.interactions} interactions, ${counts.corrections} corrections; ${counts.failing} interactions failed`);
  note(table(['  class', 'interactions'], Object.entries(counts.byClass).map(([cls, n]) => [`  ${cls}`, n])));
  note(`  ${counts.cases} evaluation cases drawn blind, ${labelled} of them labelled, ${waiting} still wait for their truth`);
}

/**
 * Step 4 and 6: one night, through the schedule.
 * @param options.decide what happens while it waits for an approval; left out: a person in another terminal is waited for
 */
export async function night(stage: Stage, options: { reason: string; approve: boolean; decide?: (runId: string) => Promise<void> }): Promise<RunRecord> {
  const { client, store, loaded, note, context } = stage;
  await ensureSchedule(client, store, loaded.workload, { taskQueue: context.config.temporal.taskQueue });
  const request = await triggerRun(client, store, loaded.workload.name, 'demo', options.reason, options.approve ? { approval: 'one_approver' } : {});
  const { runId } = await startedRun(store, request, 60_000);
  note(`  run ${runId}`);
  const watched = await watchRun({ store, client, runId, note, stopAtApproval: true, signal: stage.signal });
  if (watched.status !== 'awaiting_approval') return watched;
  if (options.decide) await options.decide(runId);
  else note(`  the candidate waits for a person. In another terminal, with the settings above:\n    ratchet approvals show ${runId}\n    ratchet approve ${runId}\n    ratchet reject ${runId}`);
  return watchRun({ store, client, runId, note, signal: stage.signal });
}

export async function describeNight(stage: Stage, run: RunRecord): Promise<void> {
  stage.note(`  ${run.status}: ${run.reason ?? ''}`);
  if (!run.verdictDigest) return;
  const verdict = await stage.store.verdict(run.verdictDigest);
  if (!verdict) return;
  stage.note(
    table(
      ['  gate', ''],
      [
        ['  cases', `${verdict.n} of ${verdict.eProcess ? `at most ${verdict.plannedN}` : `${verdict.plannedN} planned`}, ${verdict.labelled} with a blind truth`],
        ['  both right / both wrong', `${verdict.bothPass} / ${verdict.bothFail}`],
        ['  only the candidate right (b)', verdict.b],
        ['  only the current right (c)', verdict.c],
        verdict.eProcess
          ? ['  e-process', `e = ${eInWords(verdict.eProcess.logE)} after ${verdict.eProcess.looks} look(s), ${Number((1 / verdict.level).toPrecision(4))} wanted`]
          : ['  exact one-sided McNemar', `p = ${verdict.pOneSided.toPrecision(3)} against a level of ${Number(verdict.level.toPrecision(4))}`],
        ['  gain', `${(verdict.effect * 100).toFixed(1)} points, 95 % interval ${(verdict.interval[0] * 100).toFixed(1)} to ${(verdict.interval[1] * 100).toFixed(1)}`],
        ...verdict.guards.map((guard): [string, string] => [`  guard ${guard.id}`, `${guard.result}, harm ${guard.harm.toFixed(3)} (${guard.lower.toFixed(3)} to ${guard.upper.toFixed(3)}), margin ${guard.margin}`]),
      ],
    ),
  );
}

/**
 * Step 5: fresh tickets, half from families that no earlier step saw; three columns. A candidate that the gate did not
 * promote is asked on the engine itself, past the gateway: it is shown, and stays out of production.
 */
export async function compare(stage: Stage, count: number, candidate: Digest | null): Promise<ArmResult[]> {
  const { loaded, store } = stage;
  const { channel, detectors } = loaded.workload;
  const half = Math.ceil(count / 2);
  const seen = generateTickets({ seed: 'fresh', count: half, families: 'seen', injectedShare: 0.1, startId: 5001 });
  const unseen = generateTickets({ seed: 'fresh', count: count - half, families: 'unseen', injectedShare: 0.1, startId: 6001 });
  const tickets = [...seen, ...unseen];
  const seenIds = new Set(seen.map((ticket) => ticket.id));
  const outputSchema = loaded.outputSchema ?? {};
  const live = (await store.channel(channel))?.live ?? null;
  const score = (arm: string, adapter: string | null, answers: AgentAnswer[]) => scoreArm({ arm, adapter, tickets, answers, isSeen: (ticket) => seenIds.has(ticket.id), outputSchema, settings: detectors });
  const base = await ask(stage, tickets, { model: `${channel}@base`, what: 'base model' });
  const constrained = await ask(stage, tickets, { model: `${channel}@base`, what: 'base model, decoding held to the schema', responseFormat: { type: 'json_schema', json_schema: { name: 'ticket', schema: outputSchema, strict: true } } });
  const arms = [score('base, best prompt', null, base), score('base, schema-constrained', null, constrained)];
  if (live !== null) {
    const answers = await ask(stage, tickets, { model: channel, what: `adapter ${short(live)}` });
    const strangers = answers.filter((answer) => answer.adapter !== live).length;
    if (strangers > 0) throw new RatchetError('ADAPTER_NOT_SERVED', `${strangers} of ${answers.length} answers did not come from the live adapter`);
    arms.push(score(`adapter ${short(live)}`, live, answers));
  } else if (candidate !== null) {
    arms.push(await withCandidateLoaded(stage, candidate, async (baseURL) => score(`candidate ${short(candidate)}, not live`, candidate, await ask(stage, tickets, { model: candidate, baseURL, what: `candidate ${short(candidate)}, not live` }))));
  }
  stage.note(renderComparison(arms));
  return arms;
}

async function withCandidateLoaded<T>(stage: Stage, candidate: Digest, use: (baseURL: string) => Promise<T>): Promise<T> {
  const target = await servingTarget(stage.context);
  await target.load(candidate);
  try {
    return await use(`${target.replicas[0] ?? ''}/v1`);
  } finally {
    await target.unload(candidate);
  }
}

/** A failure that taught an adapter something, and its way as far as the channel. */
export async function traceOneFailure(stage: Stage): Promise<void> {
  const { store, loaded, note } = stage;
  const rows = await store.failures({ workload: loaded.workload.name, limit: 1000 });
  let taught: FailureRow | undefined;
  for (const row of rows) {
    if ((await store.linksFrom(row.id)).some((link) => link.toKind === 'example')) {
      taught = row;
      break;
    }
  }
  if (!taught) return note('  no failure has become an example');
  note(renderTrace(await traceDown({ kind: 'failure', id: taught.id }, (id) => store.linksFrom(id)), { maxSiblings: 3 }));
  note(`\n  the same by hand: ratchet trace ${short(taught.id)}`);
}

/**
 * Step 6: the way back, seen from outside by asking the gateway.
 * @param askAll asks the same few tickets of a model (the channel, or its base) each time
 */
export async function rollbackAndAsk(stage: Stage, askAll: (model: string, what: string) => Promise<AgentAnswer[]>): Promise<void> {
  const { store, loaded, note } = stage;
  const { channel } = loaded.workload;
  const live = (await store.channel(channel))?.live ?? null;
  if (live === null) return note('  nothing was promoted, so there is nothing to roll back');
  const withAdapter = await askAll(channel, 'with the adapter');
  const base = await askAll(`${channel}@base`, 'the base model');
  const entry = await rollBack(stage.context, { channel, reason: 'the demo shows the way back' });
  const after = await askAll(channel, 'after `ratchet rollback`');
  const same = (a: readonly AgentAnswer[], b: readonly AgentAnswer[]): number => a.filter((answer, index) => answer.text === b[index]?.text).length;
  note(`  generation ${entry.generation}: ${entry.live ? `adapter ${short(entry.live)}` : 'the base model'} is live again`);
  note(`  answers after the rollback: ${same(after, base)} of ${after.length} equal the base model's, ${same(after, withAdapter)} equal the adapter's; x-ratchet-adapter says ${[...new Set(after.map((answer) => answer.adapter))].join(', ')}`);
}

/** A few tickets for the rollback. */
export const ticketsAgain = (stage: Stage) => {
  const tickets = generateTickets({ seed: 'rollback', count: 5, families: 'seen', injectedShare: 0, startId: 9001 });
  return (model: string, what: string): Promise<AgentAnswer[]> => ask(stage, tickets, { model, what });
};
