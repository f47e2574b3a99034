// Ends a run's record and writes its report, as Markdown for people and JSON for machines.
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AdapterManifest, Dataset, Digest, RunRecord, RunRequest, RunStatus, Verdict } from '../core/contracts/index.ts';
import type { Reestimate } from '../core/gate/reestimate.ts';
import type { BlobStore } from '../stores/ports.ts';
import { now, type Deps, type RunRef } from './deps.ts';
import { readEvaluation, type Evaluation } from './evaluate.ts';
import { answersOf, answerText, reportedFlips, type Flip } from './flips.ts';
import { promotionIntentId } from './intents.ts';
import { reportMarkdown } from './report-markdown.ts';
import { reestimateBy } from './reestimate.ts';
import { updateRun } from './runs.ts';

export interface Cost {
  /** Wall clock of each step as the workflow saw it, waiting for a worker included. */
  steps: { step: string; seconds: number }[];
  gpuSeconds: number;
  trainedTokens: number;
  evaluationAnswers: number;
  evaluationTokens: number;
}

export interface FinishRunInput {
  schemaVersion: 1;
  run: RunRef;
  status: RunStatus;
  reason: string | null;
  /** null: as an earlier report of this run has it. */
  cost: Cost | null;
}

export interface FinishRunOutput {
  schemaVersion: 1;
  reportDigest: Digest;
}

export interface RunReport {
  schemaVersion: 1;
  run: RunRecord;
  request: Pick<RunRequest, 'by' | 'reason'> | null;
  cameIn: { interactions: number; failing: number; corrections: number; cases: number; deadLetters: number; byClass: Record<string, number> };
  dataset: Dataset['counts'] | null;
  /** How the workload's injection judge was heard, where it has one. */
  injectionJudge?: NonNullable<Dataset['injectionJudge']>;
  training: AdapterManifest['training'] | null;
  verdict: Verdict | null;
  /** What was asked besides the cases of the test; reports from before there were suites have none. */
  evaluation?: Pick<Evaluation, 'engineBuild' | 'productionBuild' | 'repeated' | 'suites' | 'pastFailures'> | null;
  /** Cases on which the arms disagreed; their answers are blobs. */
  flips?: Flip[];
  /** The gain of the adapter that was live, once more on this night's cases. */
  reestimate?: Reestimate;
  channel: { name: string; generation: number; live: Digest | null } | null;
  cost: Cost | null;
}

/** May be called again for the same run: a night that waits for approval is finished by its promotion. */
export async function finishRun(deps: Deps, { run, status, reason, cost }: FinishRunInput): Promise<FinishRunOutput> {
  const record = await updateRun(deps, run.runId, { status, reason, step: 'done', endedAt: status === 'awaiting_approval' ? null : now(deps) });
  // The run is over: what it still meant to promote was never committed.
  const intent = promotionIntentId(run.runId);
  if (status !== 'awaiting_approval' && (await deps.store.openIntents()).some(({ id }) => id === intent)) await deps.store.closeIntent(intent, 'failed');

  const report = await buildReport(deps, record, cost);
  const reportDigest = await deps.store.putDocument('report', report);
  const directory = join(deps.home, 'reports');
  await mkdir(directory, { recursive: true });
  const name = join(directory, run.runId.replaceAll(/[^\w.-]+/g, '_'));
  // Answers stand in these files alone: the document names them, and who erases a blob has erased them there.
  const answers = await reportTexts(deps.blobs, report);
  await writeWhole(`${name}.json`, `${JSON.stringify({ ...report, answers }, null, 2)}\n`);
  await writeWhole(`${name}.md`, reportMarkdown(report, answers));
  await deps.store.link([{ fromKind: 'run', from: run.runId, relation: 'reported_in', toKind: 'report', to: reportDigest }]);
  await updateRun(deps, run.runId, { reportDigest });
  return { schemaVersion: 1, reportDigest };
}

async function buildReport(deps: Deps, record: RunRecord, cost: Cost | null): Promise<RunReport> {
  const request = record.requestId === null ? null : await deps.store.claimRequest(record.workload, record.runId);
  const dataset = record.datasetDigest === null ? null : ((await deps.store.document(record.datasetDigest))?.document as Dataset | undefined);
  const manifest = record.adapterDigest === null ? null : await deps.store.adapter(record.adapterDigest);
  const name = deps.workloads.get(record.workload)?.workload.channel;
  const channel = name === undefined ? null : await deps.store.channel(name);
  const verdict = record.verdictDigest === null ? null : await deps.store.verdict(record.verdictDigest);
  const evaluation = verdict && (await readEvaluation(deps, verdict.evaluationDigest));
  const reestimate = await reestimateBy(deps.store, record.runId);
  const { interactions, failing, corrections, cases, deadLetters, byClass } = await deps.store.counts(record.workload);
  return {
    schemaVersion: 1,
    // Its own digest cannot be in it.
    run: { ...record, reportDigest: null },
    request: request && { by: request.by, reason: request.reason },
    cameIn: { interactions, failing, corrections, cases, deadLetters, byClass },
    dataset: dataset?.counts ?? null,
    ...(dataset?.injectionJudge && { injectionJudge: dataset.injectionJudge }),
    training: manifest?.training ?? null,
    verdict,
    evaluation: evaluation && part(evaluation),
    flips: evaluation ? await reportedFlips(deps.blobs, evaluation) : [],
    ...(reestimate === null ? {} : { reestimate }),
    channel: channel && { name: channel.channel, generation: channel.generation, live: channel.live },
    cost: cost ?? (await formerCost(deps, record.reportDigest)),
  };
}

const part = ({ engineBuild, productionBuild, repeated, suites, pastFailures }: Evaluation): RunReport['evaluation'] => ({
  engineBuild,
  ...(productionBuild !== undefined && { productionBuild }),
  ...(repeated !== undefined && { repeated }),
  ...(suites && { suites }),
  ...(pastFailures && { pastFailures }),
});

async function formerCost(deps: Pick<Deps, 'store'>, reportDigest: Digest | null): Promise<Cost | null> {
  const former = reportDigest === null ? null : await deps.store.document(reportDigest);
  return (former?.document as RunReport | undefined)?.cost ?? null;
}

/** The texts that a report for people shows, by digest: answers, and what judges said of some. */
export async function reportTexts(blobs: Pick<BlobStore, 'get' | 'has'>, { flips = [], evaluation }: Pick<RunReport, 'flips' | 'evaluation'>): Promise<Record<Digest, string>> {
  const reasons = (evaluation?.suites?.suites ?? []).flatMap(({ judge }) => judge?.differences ?? []).flatMap(({ reasonDigest }) => reasonDigest ?? []);
  const said = await Promise.all([...new Set(reasons)].map(async (digest) => [digest, await answerText(blobs, digest)] as const));
  return { ...(await answersOf(blobs, flips)), ...Object.fromEntries(said) };
}

/** A reader never sees half a report. */
async function writeWhole(path: string, text: string): Promise<void> {
  await writeFile(`${path}.tmp`, text, { mode: 0o600 });
  await rename(`${path}.tmp`, path);
}
