// The night: what came in becomes a dataset, an adapter, an evaluation and a verdict; a promotion follows where the proof is there.
import { CancellationScope, executeChild, ParentClosePolicy, startChild, upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import type { RunRef } from '../activities/deps.ts';
import type { Cost } from '../activities/report.ts';
import type { ClaimRunOutput } from '../activities/runs.ts';
import type { Digest, RunStatus } from '../core/contracts/index.ts';
import { endOf } from './failures.ts';
import { promotion, type PromotionInput } from './promotion.ts';
import * as attributes from './search-attributes.ts';
import { claimRun, curateDataset, evaluate, finishRun, gpuSteps, judge, planRun, registerAdapter, reserveDecision, takeSnapshot } from './steps.ts';
import { withdraw } from './tidy.ts';

export interface NightlyRetrainInput {
  workload: string;
}

export interface NightlyRetrainOutput {
  schemaVersion: 1;
  runId: string;
  status: RunStatus;
  reason: string | null;
}

export async function nightlyRetrain({ workload }: NightlyRetrainInput): Promise<NightlyRetrainOutput> {
  const { workflowId, runId: temporalRunId } = workflowInfo();
  upsertSearchAttributes([{ key: attributes.Workload, value: workload }]);
  const claimed = await claimRun({ schemaVersion: 1, workload, runId: workflowId, temporalRunId });
  const night: Night = { run: claimed.run, cost: { steps: [], gpuSeconds: 0, trainedTokens: 0, evaluationAnswers: 0, evaluationTokens: 0 }, candidateDigest: null };
  try {
    return await retrain(night, claimed);
  } catch (error) {
    // A cancelled night cleans up as well.
    return await CancellationScope.nonCancellable(async () => {
      const { status, reason } = endOf(error);
      await finish(night, status, reason);
      await withdrawCandidate(night);
      throw error;
    });
  }
}

/** What the night has come to so far. */
interface Night {
  run: RunRef;
  cost: Cost;
  candidateDigest: Digest | null;
}

async function retrain(night: Night, { channel, approval, gpu, watch }: ClaimRunOutput): Promise<NightlyRetrainOutput> {
  const { run, cost } = night;
  const { manifestDigest } = await timed(cost, 'snapshot', takeSnapshot({ schemaVersion: 1, run }));

  const plan = await timed(cost, 'plan', planRun({ schemaVersion: 1, run, manifestDigest }));
  if (plan.skip !== null) return finish(night, 'skipped', plan.skip);

  const { datasetDigest, training } = await timed(cost, 'curate', curateDataset({ schemaVersion: 1, run, manifestDigest }));
  upsertSearchAttributes([{ key: attributes.DatasetDigest, value: datasetDigest }]);

  const trained = await timed(cost, 'train', gpuSteps(gpu).trainAdapter(training));
  cost.gpuSeconds = trained.seconds;
  cost.trainedTokens = trained.tokens;
  const { adapterDigest: candidateDigest } = await timed(cost, 'register', registerAdapter({ schemaVersion: 1, run, adapterDigest: trained.adapterDigest, datasetDigest }));
  night.candidateDigest = candidateDigest;
  upsertSearchAttributes([{ key: attributes.AdapterDigest, value: candidateDigest }]);

  await reserveDecision({ schemaVersion: 1, run });
  const evaluation = await timed(cost, 'evaluate', evaluate({ schemaVersion: 1, run, planDigest: plan.planDigest, candidateDigest }));
  cost.evaluationAnswers = evaluation.answers;
  cost.evaluationTokens = evaluation.outputTokens;
  const verdict = await timed(cost, 'judge', judge({ schemaVersion: 1, run, planDigest: plan.planDigest, datasetDigest, candidateDigest, evaluation }));
  upsertSearchAttributes([{ key: attributes.Verdict, value: verdict.decision }]);

  if (verdict.decision !== 'promote') {
    await withdrawCandidate(night);
    return finish(night, verdict.decision === 'reject' ? 'rejected' : 'held', verdict.reason);
  }
  const { verdictDigest } = verdict;
  return promoteCandidate(night, { schemaVersion: 1, run, channel, candidateDigest, verdictDigest, expectedGeneration: evaluation.currentGeneration, approval, ...(watch === undefined ? {} : { watch }) });
}

/** An approval may take days: then the night ends here, and the promotion goes on alone. */
async function promoteCandidate(night: Night, input: PromotionInput): Promise<NightlyRetrainOutput> {
  const child = { workflowId: `promotion/${night.run.runId}`, args: [input] as [PromotionInput], parentClosePolicy: ParentClosePolicy.ABANDON };
  if (input.approval.mode === 'one_approver') {
    const ended = await finish(night, 'awaiting_approval', `waits for approval of verdict ${input.verdictDigest}`);
    await startChild(promotion, child);
    return ended;
  }
  const { status, reason } = await timed(night.cost, 'promote', executeChild(promotion, child));
  return finish(night, status, reason);
}

async function withdrawCandidate({ run, candidateDigest }: Night): Promise<void> {
  if (candidateDigest !== null) await withdraw(run, candidateDigest);
}

async function finish({ run, cost }: Night, status: RunStatus, reason: string | null): Promise<NightlyRetrainOutput> {
  await finishRun({ schemaVersion: 1, run, status, reason, cost });
  return { schemaVersion: 1, runId: run.runId, status, reason };
}

async function timed<T>(cost: Cost, step: string, work: Promise<T>): Promise<T> {
  const startedMs = Date.now();
  try {
    return await work;
  } finally {
    cost.steps.push({ step, seconds: (Date.now() - startedMs) / 1000 });
  }
}
