// After a promotion: its gain once more, on fresh cases that had no part in choosing the adapter. A report, never a decision.
import type { Digest, Outcome, Verdict } from '../core/contracts/index.ts';
import { digestOfJson } from '../core/digest.ts';
import { RatchetError } from '../core/errors.ts';
import { reestimate, type GainEstimate, type Reestimate } from '../core/gate/reestimate.ts';
import { evaluationTarget } from './asking.ts';
import { now, type Deps, type RunRef } from './deps.ts';
import { askAll, plannedCases, type EvaluateOutput } from './evaluate.ts';
import type { EvaluationPlan } from './plan.ts';
import { openPool } from './replica-pool.ts';
import { readJsonBlob, readSettings, updateRun } from './runs.ts';
import { unloadAdapter } from './serve.ts';
import type { Touch } from './step.ts';

export const REESTIMATED = 're_estimated_in';

/**
 * The verdict by which the current arm of this evaluation went live, if its gain was not estimated again yet. The cases of
 * the evaluation are fresh to it: they were in no verdict before.
 */
export async function promotionToReestimate(deps: Pick<Deps, 'store'>, { channel, currentDigest }: Verdict): Promise<Digest | null> {
  if (currentDigest === null) return null;
  const promotion = (await deps.store.channelHistory(channel)).findLast((entry) => entry.action === 'promoted' && entry.live === currentDigest);
  if (!promotion?.verdictDigest) return null;
  const known = (await deps.store.linksFrom(promotion.verdictDigest)).some(({ relation }) => relation === REESTIMATED);
  return known ? null : promotion.verdictDigest;
}

export interface ReestimateInput {
  schemaVersion: 1;
  run: RunRef;
  planDigest: Digest;
  evaluation: EvaluateOutput;
  /** The promotion that is looked at again. */
  verdictDigest: Digest;
}

export interface ReestimateOutput {
  schemaVersion: 1;
  reestimateDigest: Digest;
  first: GainEstimate;
  fresh: GainEstimate;
}

/** Asks the adapter that was live before the cases that the live one has just answered: n answers, no case and no level spent. */
export async function reestimateGain(deps: Deps, { run, planDigest, evaluation, verdictDigest }: ReestimateInput, touch: Touch): Promise<ReestimateOutput> {
  await updateRun(deps, run.runId, { step: 'reestimate' });
  const promoted = await deps.store.verdict(verdictDigest);
  if (!promoted) throw new RatchetError('NOT_FOUND', `no verdict ${verdictDigest}`);
  const settings = await readSettings(deps, run);
  const { candidateDigest: adapterDigest, currentDigest: predecessorDigest } = promoted;
  const evaluationId = digestOfJson({ reestimates: verdictDigest, on: evaluation.evaluationId });

  const live = (await deps.store.outcomes(evaluation.evaluationId)).filter(({ arm }) => arm === 'current');
  const kept = new Set((await deps.store.outcomes(evaluationId)).map(({ caseDigest }) => caseDigest));
  const cases = (await plannedCases(deps, await readJsonBlob<EvaluationPlan>(deps, planDigest))).filter(({ caseDigest }) => !kept.has(caseDigest));
  const questions = cases.map((planned) => ({ planned, arm: 'current' as const, repeat: false }));
  const engineBuild = live[0]?.engineBuild ?? '';
  const target = await openPool(deps, evaluationTarget(deps), predecessorDigest === null ? [] : [predecessorDigest]);
  let asked = 0;
  const onAnswer = (): void => touch.report({ kept: kept.size, asked: ++asked, questions: questions.length });
  await askAll(deps, settings, { evaluationId, engineBuild, target, adapters: { current: predecessorDigest, candidate: adapterDigest }, questions, signal: touch.signal, onAnswer });
  // On production's replicas it may be what a rollback goes back to; elsewhere nobody needs it.
  if (predecessorDigest !== null) await (deps.evaluation === undefined ? unloadAdapter(deps, { schemaVersion: 1, run, adapterDigest: predecessorDigest }) : target.unload(predecessorDigest));

  const before = await deps.store.outcomes(evaluationId);
  const estimates = reestimate(promoted, [...before, ...live.map((outcome): Outcome => ({ ...outcome, evaluationId, arm: 'candidate' }))]);
  const document: Reestimate = { schemaVersion: 1, runId: run.runId, verdictDigest, adapterDigest, predecessorDigest, ...estimates, estimatedAt: now(deps) };
  const reestimateDigest = await deps.store.putDocument('reestimate', document);
  await deps.store.link([
    { fromKind: 'verdict', from: verdictDigest, relation: REESTIMATED, toKind: 'reestimate', to: reestimateDigest },
    { fromKind: 'run', from: run.runId, relation: 're_estimated', toKind: 'reestimate', to: reestimateDigest },
  ]);
  return { schemaVersion: 1, reestimateDigest, ...estimates };
}

/** The newest estimate after the promotion of an adapter; null before there is one. */
export async function reestimateOf(store: Pick<Deps['store'], 'linksFrom' | 'document'>, adapterDigest: string): Promise<Reestimate | null> {
  const verdicts = (await store.linksFrom(adapterDigest)).filter(({ relation }) => relation === 'judged_by');
  const links = (await Promise.all(verdicts.map(({ to }) => store.linksFrom(to)))).flat().filter(({ relation }) => relation === REESTIMATED);
  return readReestimate(store, links.at(-1)?.to);
}

/** The one that a run made. */
export const reestimateBy = async (store: Pick<Deps['store'], 'linksFrom' | 'document'>, runId: string): Promise<Reestimate | null> =>
  readReestimate(store, (await store.linksFrom(runId)).find(({ toKind }) => toKind === 'reestimate')?.to);

async function readReestimate(store: Pick<Deps['store'], 'document'>, digest: string | undefined): Promise<Reestimate | null> {
  // Ours alone: written by `reestimateGain`.
  return digest === undefined ? null : ((await store.document(digest))?.document as Reestimate | undefined) ?? null;
}
