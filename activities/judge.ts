// Step 6: takes one of the period's decisions for the run, and decides by it.
import type { Decision, Digest, GatePolicy, Verdict } from '../core/contracts/index.ts';
import { canonicalJson } from '../core/digest.ts';
import { decide, levelOfDecision } from '../core/gate/decide.ts';
import { closeEProcess } from '../core/gate/e-process.ts';
import { holdCandidate, NEWER_CANDIDATE } from '../core/gate/held.ts';
import { endOfPeriod } from '../core/gate/levels.ts';
import { RatchetError } from '../core/errors.ts';
import { now, type Deps, type RunRef } from './deps.ts';
import { readEvaluation, type EvaluateOutput } from './evaluate.ts';
import { gateBudget, type EvaluationPlan } from './plan.ts';
import { promotionToReestimate } from './reestimate.ts';
import { readJsonBlob, readSettings, updateRun } from './runs.ts';
import { judgementsOf, readSuitePairs } from './suites.ts';

export interface ReserveDecisionInput {
  schemaVersion: 1;
  run: RunRef;
}

export interface ReserveDecisionOutput {
  schemaVersion: 1;
  decisionNumber: number;
  policyDigest: Digest;
}

/**
 * Before any answer is seen: a decision that was taken counts, whatever becomes of the evaluation. The cases are the new
 * candidate's from now on: one that was held and still open ends.
 */
export async function reserveDecision(deps: Deps, { run }: ReserveDecisionInput): Promise<ReserveDecisionOutput> {
  const { workload } = await readSettings(deps, run);
  const { policy } = await gateBudget(deps, workload);
  const policyDigest = await deps.blobs.put(Buffer.from(canonicalJson(policy)));
  const { decisionsPerPeriod, periodDays } = policy;
  const reserved = await deps.store.reserveDecision({ channel: workload.channel, runId: run.runId, policyDigest, decisionsPerPeriod, periodDays, at: now(deps) });
  const open = reserved.verdictDigest === null ? (await deps.store.heldCandidates(workload.channel)).find(({ process }) => process.status === 'open') : undefined;
  if (open) await deps.store.endHeld(open.heldVerdictDigest, closeEProcess(open.process, NEWER_CANDIDATE), now(deps));
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
  /** The promotion of the adapter now live, where its gain can be estimated again on these cases. */
  reestimate?: Digest;
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
  const periodStart = (await deps.store.decisions(workload.channel)).find(({ runId }) => runId === run.runId)?.periodStart ?? verdict.decidedAt;
  const policy = await readJsonBlob<GatePolicy>(deps, verdict.policyDigest);
  const held = holdCandidate(verdict, verdictDigest, policy, endOfPeriod(periodStart, policy));
  await deps.store.closeDecision(run.runId, verdictDigest, { cases: plan.cases.map(({ caseDigest }) => caseDigest), held });
  return recordVerdict(deps, run, verdictDigest, verdict);
}

/** Links the verdict to what it judged, and tells the run. */
export async function recordVerdict(deps: Deps, run: RunRef, verdictDigest: Digest, verdict: Verdict): Promise<JudgeOutput> {
  await deps.store.link([
    { fromKind: 'adapter', from: verdict.candidateDigest, relation: 'judged_by', toKind: 'verdict', to: verdictDigest },
    { fromKind: 'evaluation', from: verdict.evaluationDigest, relation: 'weighed_in', toKind: 'verdict', to: verdictDigest },
  ]);
  await updateRun(deps, run.runId, { verdictDigest, decision: verdict.decision });
  const { decision, reason } = verdict;
  const reestimate = await promotionToReestimate(deps, verdict);
  return { schemaVersion: 1, verdictDigest, decision, reason, ...(reestimate === null ? {} : { reestimate }) };
}

async function verdictOf(deps: Deps, { run, datasetDigest, candidateDigest, evaluation }: JudgeInput, channel: string, plan: EvaluationPlan): Promise<Digest> {
  const reserved = (await deps.store.decisions(channel)).find((decision) => decision.runId === run.runId);
  if (!reserved) throw new RatchetError('GATE_BUDGET_SPENT', `run ${run.runId} holds no decision of ${channel}`);
  if (reserved.verdictDigest !== null) return reserved.verdictDigest;
  const policy = await readJsonBlob<GatePolicy>(deps, reserved.policyDigest);
  const { suites } = (await readEvaluation(deps, evaluation.evaluationDigest)) ?? {};
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
    suites: await readSuitePairs(deps, suites),
    judgements: judgementsOf(suites),
    otherEngine: evaluation.otherEngine ?? null,
    selfDisagreement: evaluation.selfDisagreement,
    decidedAt: now(deps),
  });
  return deps.store.putDocument('verdict', verdict);
}
