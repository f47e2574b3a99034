// Before a new candidate: the one that was held gets another look, on fresh cases.
import type { Digest, Verdict } from '../core/contracts/index.ts';
import { closeEProcess } from '../core/gate/e-process.ts';
import { decideLook, nextLook, whyOver, type HeldCandidate } from '../core/gate/held.ts';
import { RatchetError } from '../core/errors.ts';
import { now, type Deps, type RunRef } from './deps.ts';
import { readEvaluation, type EvaluateOutput } from './evaluate.ts';
import { recordVerdict, type JudgeOutput } from './judge.ts';
import { freshCases, keepPlan, type EvaluationPlan } from './plan.ts';
import { readJsonBlob, readSettings, updateRun } from './runs.ts';
import { judgementsOf, readSuitePairs } from './suites.ts';

/** What a night is told when it begins: a candidate of the channel is held, and may go on. */
export interface OpenHold {
  heldVerdictDigest: Digest;
  candidateDigest: Digest;
}

/** The channel's open one. */
export async function openHold(deps: Pick<Deps, 'store'>, channel: string): Promise<OpenHold | null> {
  const held = (await deps.store.heldCandidates(channel)).find(({ process }) => process.status === 'open');
  return held ? { heldVerdictDigest: held.heldVerdictDigest, candidateDigest: held.process.candidateDigest } : null;
}

export interface PlanLookInput {
  schemaVersion: 1;
  run: RunRef;
  heldVerdictDigest: Digest;
}

export interface PlanLookOutput {
  schemaVersion: 1;
  /** `look`: ask the planned cases; `wait`: too few are fresh; `over`: the process has ended, the night goes on as any other. */
  next: 'look' | 'wait' | 'over';
  reason: string | null;
  planDigest: Digest | null;
}

/** Fixes the cases of the look, or ends the process where it may not go on. No decision of the period is taken: the process has its share already. */
export async function planLook(deps: Deps, { run, heldVerdictDigest }: PlanLookInput): Promise<PlanLookOutput> {
  await updateRun(deps, run.runId, { step: 'plan' });
  const { workload } = await readSettings(deps, run);
  const { held, first } = await heldBy(deps, workload.channel, heldVerdictDigest);
  if (held.process.status !== 'open') return { schemaVersion: 1, next: 'over', reason: held.process.reason, planDigest: null };
  const over = whyOver(held, (await deps.store.channel(workload.channel))?.generation ?? -1, now(deps));
  if (over !== null) {
    const ended = closeEProcess(held.process, over);
    await deps.store.endHeld(heldVerdictDigest, ended, now(deps));
    return { schemaVersion: 1, next: 'over', reason: ended.reason, planDigest: null };
  }
  const fresh = await freshCases(deps, workload.name);
  const { cases, missing } = nextLook(held, first.plannedN, fresh.length);
  if (missing > 0) {
    return { schemaVersion: 1, next: 'wait', reason: `Hold: ${fresh.length} fresh cases for the next look at the held candidate ${held.process.candidateDigest}: ${missing} missing`, planDigest: null };
  }
  const planDigest = await keepPlan(deps, workload.name, cases, held.process.level, fresh.slice(0, cases));
  return { schemaVersion: 1, next: 'look', reason: null, planDigest };
}

export interface JudgeLookInput {
  schemaVersion: 1;
  run: RunRef;
  heldVerdictDigest: Digest;
  planDigest: Digest;
  evaluation: EvaluateOutput;
}

/** A batch is looked at once: asked again, the same verdict is the answer. */
export async function judgeLook(deps: Deps, { run, heldVerdictDigest, planDigest, evaluation }: JudgeLookInput): Promise<JudgeOutput> {
  await updateRun(deps, run.runId, { step: 'judge' });
  const { workload } = await readSettings(deps, run);
  const { held, first } = await heldBy(deps, workload.channel, heldVerdictDigest);
  const known = held.looks.find(({ runId }) => runId === run.runId);
  const { verdictDigest, verdict } = known ? { verdictDigest: known.verdictDigest, verdict: await verdictBy(deps, known.verdictDigest) } : await look(deps, run, held, first, planDigest, evaluation);
  await deps.store.link([{ fromKind: 'verdict', from: heldVerdictDigest, relation: 'went_on_as', toKind: 'verdict', to: verdictDigest }]);
  // A rejected one is not what the run goes on with: it may train another.
  if (verdict.decision !== 'reject') await updateRun(deps, run.runId, { adapterDigest: first.candidateDigest });
  return recordVerdict(deps, run, verdictDigest, verdict);
}

async function look(deps: Deps, run: RunRef, held: HeldCandidate, first: Verdict, planDigest: Digest, evaluation: EvaluateOutput): Promise<{ verdictDigest: Digest; verdict: Verdict }> {
  const plan = await readJsonBlob<EvaluationPlan>(deps, planDigest);
  const { evaluationId, evaluationDigest, currentGeneration, selfDisagreement } = evaluation;
  const before = (await Promise.all(held.looks.map((each) => deps.store.outcomes(each.evaluationId)))).flat();
  if (held.process.status !== 'open') throw new RatchetError('REQUEST_INVALID', `the e-process of ${held.process.candidateDigest} has ended meanwhile: ${held.process.status}`);
  const decidedAt = now(deps);
  const over = whyOver(held, currentGeneration, decidedAt);
  const { suites: asked } = (await readEvaluation(deps, evaluationDigest)) ?? {};
  const suites = await readSuitePairs(deps, asked);
  const batch = await deps.store.outcomes(evaluationId);
  const { process, verdict } = decideLook({ held, first, runId: run.runId, evaluationDigest, before, batch, over, suites, judgements: judgementsOf(asked), otherEngine: evaluation.otherEngine ?? null, selfDisagreement, decidedAt });
  const verdictDigest = await deps.store.putDocument('verdict', verdict);
  const looks = [...held.looks, { runId: run.runId, evaluationId, verdictDigest, at: decidedAt }];
  await deps.store.keepLook({ ...held, process, looks, endedAt: process.status === 'open' ? null : decidedAt }, plan.cases.map(({ caseDigest }) => caseDigest));
  return { verdictDigest, verdict };
}

async function heldBy(deps: Pick<Deps, 'store'>, channel: string, heldVerdictDigest: Digest): Promise<{ held: HeldCandidate; first: Verdict }> {
  const held = (await deps.store.heldCandidates(channel)).find((each) => each.heldVerdictDigest === heldVerdictDigest);
  if (!held) throw new RatchetError('NOT_FOUND', `${channel}: no candidate is held by the verdict ${heldVerdictDigest}`);
  return { held, first: await verdictBy(deps, heldVerdictDigest) };
}

async function verdictBy(deps: Pick<Deps, 'store'>, digest: Digest): Promise<Verdict> {
  const verdict = await deps.store.verdict(digest);
  if (!verdict) throw new RatchetError('NOT_FOUND', `no verdict ${digest}`);
  return verdict;
}
