// Step 6: takes one of the period's decisions for the run, and decides by it.
import type { Decision, Digest, GatePolicy } from '../core/contracts/index.ts';
import { canonicalJson } from '../core/digest.ts';
import { decide, levelOfDecision } from '../core/gate/decide.ts';
import { RatchetError } from '../core/errors.ts';
import { now, type Deps, type RunRef } from './deps.ts';
import { readEvaluation, type EvaluateOutput } from './evaluate.ts';
import { gateBudget, type EvaluationPlan } from './plan.ts';
import { readJsonBlob, readSettings, updateRun } from './runs.ts';
import { readSuitePairs } from './suites.ts';

export interface ReserveDecisionInput {
  schemaVersion: 1;
  run: RunRef;
}

export interface ReserveDecisionOutput {
  schemaVersion: 1;
  decisionNumber: number;
  policyDigest: Digest;
}

/** Before any answer is seen: a decision that was taken counts, whatever becomes of the evaluation. */
export async function reserveDecision(deps: Deps, { run }: ReserveDecisionInput): Promise<ReserveDecisionOutput> {
  const { workload } = await readSettings(deps, run);
  const { policy } = await gateBudget(deps, workload);
  const policyDigest = await deps.blobs.put(Buffer.from(canonicalJson(policy)));
  const { decisionsPerPeriod, periodDays } = policy;
  const reserved = await deps.store.reserveDecision({ channel: workload.channel, runId: run.runId, policyDigest, decisionsPerPeriod, periodDays, at: now(deps) });
  return { schemaVersion: 1, decisionNumber: reserved.decisionNumber, policyDigest: reserved.policyDigest };
}

export interface JudgeInput {
  schemaVersion: 1;
  run: RunRef;
  planDigest: Digest;
  datasetDigest: Digest;
  candidateDigest: Digest;
  evaluation: EvaluateOutput;
}

export interface JudgeOutput {
  schemaVersion: 1;
  verdictDigest: Digest;
  decision: Decision;
  reason: string;
}

/** A candidate is judged once: asked again, the same verdict is the answer. */
export async function judge(deps: Deps, input: JudgeInput): Promise<JudgeOutput> {
  const { run } = input;
  await updateRun(deps, run.runId, { step: 'judge' });
  const { workload } = await readSettings(deps, run);
  const plan = await readJsonBlob<EvaluationPlan>(deps, input.planDigest);
  const verdictDigest = await verdictOf(deps, input, workload.channel, plan);
  const verdict = await deps.store.verdict(verdictDigest);
  if (!verdict) throw new RatchetError('NOT_FOUND', `no verdict ${verdictDigest}`);
  await deps.store.closeDecision(run.runId, verdictDigest);
  await deps.store.retireCases(plan.cases.map(({ caseDigest }) => caseDigest), verdictDigest);
  await deps.store.link([
    { fromKind: 'adapter', from: verdict.candidateDigest, relation: 'judged_by', toKind: 'verdict', to: verdictDigest },
    { fromKind: 'evaluation', from: verdict.evaluationDigest, relation: 'weighed_in', toKind: 'verdict', to: verdictDigest },
  ]);
  await updateRun(deps, run.runId, { verdictDigest, decision: verdict.decision });
  return { schemaVersion: 1, verdictDigest, decision: verdict.decision, reason: verdict.reason };
}

async function verdictOf(deps: Deps, { run, datasetDigest, candidateDigest, evaluation }: JudgeInput, channel: string, plan: EvaluationPlan): Promise<Digest> {
  const reserved = (await deps.store.decisions(channel)).find((decision) => decision.runId === run.runId);
  if (!reserved) throw new RatchetError('GATE_BUDGET_SPENT', `run ${run.runId} holds no decision of ${channel}`);
  if (reserved.verdictDigest !== null) return reserved.verdictDigest;
  const policy = await readJsonBlob<GatePolicy>(deps, reserved.policyDigest);
  const verdict = decide({
    runId: run.runId,
    workload: run.workload,
    channel,
    candidateDigest,
    currentDigest: evaluation.currentDigest,
    currentGeneration: evaluation.currentGeneration,
    datasetDigest,
    evaluationDigest: evaluation.evaluationDigest,
    policy,
    policyDigest: reserved.policyDigest,
    plannedN: plan.plannedN,
    level: levelOfDecision(policy),
    decisionNumber: reserved.decisionNumber,
    outcomes: await deps.store.outcomes(evaluation.evaluationId),
    suites: await readSuitePairs(deps, (await readEvaluation(deps, evaluation.evaluationDigest))?.suites),
    otherEngine: evaluation.otherEngine ?? null,
    selfDisagreement: evaluation.selfDisagreement,
    decidedAt: now(deps),
  });
  return deps.store.putDocument('verdict', verdict);
}
