// The night: what came in becomes a dataset, an adapter, an evaluation and a verdict; a promotion follows where the proof is there.
import { CancellationScope, executeChild, isCancellation, log, ParentClosePolicy, startChild, upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import type { RunRef } from '../activities/deps.ts';
import type { EvaluateOutput } from '../activities/evaluate.ts';
import type { JudgeOutput } from '../activities/judge.ts';
import type { OpenHold } from '../activities/look.ts';
import type { Cost } from '../activities/report.ts';
import type { ClaimRunOutput } from '../activities/runs.ts';
import type { Digest, RunStatus } from '../core/contracts/index.ts';
import { endOf } from './failures.ts';
import { promotion, type PromotionInput } from './promotion.ts';
import * as attributes from './search-attributes.ts';
import { claimRun, confirmInjections, curateDataset, evaluate, finishRun, gpuSteps, judge, judgeLook, planLook, planRun, reestimateGain, registerAdapter, reserveDecision, takeSnapshot } from './steps.ts';
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
  const night: Night = { run: claimed.run, cost: { steps: [], gpuSeconds: 0, trainedTokens: 0, evaluationAnswers: 0, evaluationTokens: 0 }, candidateDigest: null, held: null };
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
  /** What became of the candidate that was held when the night began, where the night goes on after it. */
  held: string | null;
}

async function retrain(night: Night, claimed: ClaimRunOutput): Promise<NightlyRetrainOutput> {
  const { run, cost } = night;
  const { gpu, hold } = claimed;
  // Histories from before held candidates went on have no `hold`.
  const ended = hold ? await lookAgain(night, claimed, hold) : null;
  if (ended) return ended;

  const { manifestDigest } = await timed(cost, 'snapshot', takeSnapshot({ schemaVersion: 1, run }));

  // Histories from before there were injection judges ask none.
  const judged = claimed.confirmInjections ? await timed(cost, 'confirm', confirmInjections({ schemaVersion: 1, run, manifestDigest })) : null;
  const snapshot = { schemaVersion: 1, run, manifestDigest, ...(judged && { judgementsDigest: judged.judgementsDigest }) } as const;

  const plan = await timed(cost, 'plan', planRun(snapshot));
  if (plan.skip !== null) return finish(night, 'skipped', night.held === null ? plan.skip : `${night.held} Then: ${plan.skip}`);

  const { datasetDigest, training } = await timed(cost, 'curate', curateDataset(snapshot));
  upsertSearchAttributes([{ key: attributes.DatasetDigest, value: datasetDigest }]);

  const trained = await timed(cost, 'train', gpuSteps({ ...gpu, secondsLeft: plan.gpuSecondsLeft }).trainAdapter(training));
  cost.gpuSeconds = trained.seconds;
  cost.trainedTokens = trained.tokens;
  const { adapterDigest: candidateDigest } = await timed(cost, 'register', registerAdapter({ schemaVersion: 1, run, adapterDigest: trained.adapterDigest, datasetDigest }));
  night.candidateDigest = candidateDigest;
  upsertSearchAttributes([{ key: attributes.AdapterDigest, value: candidateDigest }]);

  await reserveDecision({ schemaVersion: 1, run });
  const evaluation = await evaluated(night, plan.planDigest, candidateDigest);
  const verdict = await timed(cost, 'judge', judge({ schemaVersion: 1, run, planDigest: plan.planDigest, datasetDigest, candidateDigest, evaluation }));
  await reestimated(night, plan.planDigest, evaluation, verdict);
  upsertSearchAttributes([{ key: attributes.Verdict, value: verdict.decision }]);

  if (verdict.decision !== 'promote') {
    await withdrawCandidate(night);
    return finish(night, verdict.decision === 'reject' ? 'rejected' : 'held', verdict.reason);
  }
  return promoteCandidate(night, claimed, { candidateDigest, verdictDigest: verdict.verdictDigest, expectedGeneration: evaluation.currentGeneration });
}

/** A held candidate has the fresh cases before any new one: its e-process takes a look at them. null: it is over, a new one may be trained. */
async function lookAgain(night: Night, claimed: ClaimRunOutput, { heldVerdictDigest, candidateDigest }: OpenHold): Promise<NightlyRetrainOutput | null> {
  const { run } = night;
  const look = await timed(night.cost, 'look', planLook({ schemaVersion: 1, run, heldVerdictDigest }));
  if (look.next === 'wait') return finish(night, 'held', look.reason);
  if (look.next === 'over' || look.planDigest === null) {
    night.held = look.reason;
    return null;
  }
  night.candidateDigest = candidateDigest;
  upsertSearchAttributes([{ key: attributes.AdapterDigest, value: candidateDigest }]);
  const evaluation = await evaluated(night, look.planDigest, candidateDigest);
  const verdict = await timed(night.cost, 'judge', judgeLook({ schemaVersion: 1, run, heldVerdictDigest, planDigest: look.planDigest, evaluation }));
  await reestimated(night, look.planDigest, evaluation, verdict);
  upsertSearchAttributes([{ key: attributes.Verdict, value: verdict.decision }]);
  if (verdict.decision === 'promote') return promoteCandidate(night, claimed, { candidateDigest, verdictDigest: verdict.verdictDigest, expectedGeneration: evaluation.currentGeneration });
  await withdrawCandidate(night);
  if (verdict.decision === 'hold') return finish(night, 'held', verdict.reason);
  night.candidateDigest = null;
  night.held = verdict.reason;
  return null;
}

async function evaluated({ run, cost }: Night, planDigest: Digest, candidateDigest: Digest): Promise<EvaluateOutput> {
  const evaluation = await timed(cost, 'evaluate', evaluate({ schemaVersion: 1, run, planDigest, candidateDigest }));
  cost.evaluationAnswers += evaluation.answers;
  cost.evaluationTokens += evaluation.outputTokens;
  return evaluation;
}

/** The gain of the adapter now live, once more on these cases: whatever comes of it, the night goes on. */
async function reestimated({ run, cost }: Night, planDigest: Digest, evaluation: EvaluateOutput, { reestimate }: JudgeOutput): Promise<void> {
  if (reestimate === undefined) return;
  await timed(cost, 'reestimate', reestimateGain({ schemaVersion: 1, run, planDigest, evaluation, verdictDigest: reestimate })).catch((error: unknown) => {
    if (isCancellation(error)) throw error;
    log.warn('the gain of the live adapter was not estimated again', { reason: endOf(error).reason });
  });
}

/** An approval may take days: then the night ends here, and the promotion goes on alone. */
async function promoteCandidate(night: Night, { run, channel, approval, watch }: ClaimRunOutput, proven: Pick<PromotionInput, 'candidateDigest' | 'verdictDigest' | 'expectedGeneration'>): Promise<NightlyRetrainOutput> {
  const input: PromotionInput = { schemaVersion: 1, run, channel, ...proven, approval, ...(watch === undefined ? {} : { watch }) };
  const child = { workflowId: `promotion/${night.run.runId}`, args: [input] as [PromotionInput], parentClosePolicy: ParentClosePolicy.ABANDON };
  if (input.approval.mode !== 'automatic') {
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
