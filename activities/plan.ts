// Step 2: decides before any training whether the night can end in an answer: enough to learn, enough cases to judge by.
import type { Dataset, Digest, GatePolicy, RunPlan, Verdict, Workload } from '../core/contracts/index.ts';
import { canonicalJson, digestOfJson } from '../core/digest.ts';
import { endOfPeriod } from '../core/gate/levels.ts';
import { planNight } from '../core/gate/plan.ts';
import { RatchetError } from '../core/errors.ts';
import type { CaseRow } from '../stores/ports.ts';
import { dayBudget } from './budget.ts';
import { now, type Deps, type RunRef } from './deps.ts';
import { curateSnapshot } from './curate.ts';
import { readJsonBlob, readSettings, updateRun } from './runs.ts';

const VERDICTS_LOOKED_AT = 5;

export interface PlanRunInput {
  schemaVersion: 1;
  run: RunRef;
  manifestDigest: Digest;
  /** What the workload's injection judge said, where it has one. */
  judgementsDigest?: Digest;
}

export interface PlanRunOutput {
  schemaVersion: 1;
  /** Why the night ends here, with the numbers; null: it goes on. */
  skip: string | null;
  planDigest: Digest;
  plannedN: number;
  /** To see the smallest gain worth having; below the policy's where its largest number of cases does not reach it. */
  power: number;
  freshCases: number;
  newExamples: number;
  /** What the day's budget leaves the training; outputs before there was a budget have none. */
  gpuSecondsLeft?: number;
  /** The whole plan; outputs before this field have none. */
  plan?: RunPlan;
}

/** The cases and truths of an evaluation, fixed before training: later labels and cases wait for the next night. */
export interface EvaluationPlan {
  schemaVersion: 1;
  workload: string;
  plannedN: number;
  level: number;
  cases: { caseDigest: Digest; truth: string | null }[];
}

export async function planRun(deps: Deps, { run, manifestDigest, judgementsDigest }: PlanRunInput): Promise<PlanRunOutput> {
  await updateRun(deps, run.runId, { step: 'plan' });
  const settings = await readSettings(deps, run);
  const { workload } = settings;
  if (workload.recipe.loraRank > deps.target.maxLoraRank) {
    throw new RatchetError('RECIPE_INVALID', `recipe.loraRank is ${workload.recipe.loraRank}, the replicas serve at most ${deps.target.maxLoraRank}: lower it, or restart them with a larger --max-lora-rank and set VLLM_MAX_LORA_RANK`);
  }
  const budget = await gateBudget(deps, workload);
  const fresh = await freshCases(deps, workload.name);
  const night = planNight(budget.policy, fresh.length, await disagreementSeen(deps, workload));
  const { examples } = await curateSnapshot(deps, settings, manifestDigest, judgementsDigest);
  const learned = await lastTrainedExamples(deps, workload.name, run.runId);
  const newExamples = examples.filter((example) => example.source.correctionDigest !== null && !learned.has(digestOfJson(example))).length;

  const missing: string[] = [];
  if (newExamples < workload.minNewExamples) {
    missing.push(`${newExamples} new corrected examples since the last trained dataset, ${workload.minNewExamples} wanted: ${workload.minNewExamples - newExamples} missing`);
  }
  missing.push(...night.lacks);
  if (budget.left === 0) missing.push(`no decision left of the ${budget.policy.decisionsPerPeriod} in this period of the gate policy`);

  const day = await dayBudget(deps, workload, run.runId);
  missing.push(...day.lacks);

  const { n, power, level, missingCases, guards } = night;
  const unheard = deps.judge === undefined ? (settings.suites ?? []).filter(({ judge }) => judge?.required === true) : [];
  const warnings = [...night.warnings, ...unheard.map(({ name }) => `the judge of suite ${name} is required and JUDGE_URL is not set: a candidate that is better will be held`)];
  const plan: RunPlan = { plannedN: n, freshCases: fresh.length, missingCases, smallestGain: budget.policy.smallestGain, power, level, guards: guards.map((guard) => ({ ...guard })), warnings };
  await updateRun(deps, run.runId, { plan });
  const planDigest = await keepPlan(deps, workload.name, n, level, fresh.slice(0, n));
  return { schemaVersion: 1, skip: missing.length === 0 ? null : missing.join('; '), planDigest, plannedN: n, power, freshCases: fresh.length, newExamples, gpuSecondsLeft: day.gpuSeconds, plan };
}

/** Cases that no verdict has used, in draw order. */
export const freshCases = async (deps: Pick<Deps, 'store'>, workload: string): Promise<CaseRow[]> => (await deps.store.cases(workload)).filter(({ retiredBy }) => retiredBy === null);

/** Fixes what an evaluation may ask. */
export async function keepPlan(deps: Pick<Deps, 'blobs'>, workload: string, plannedN: number, level: number, rows: readonly CaseRow[]): Promise<Digest> {
  const plan: EvaluationPlan = { schemaVersion: 1, workload, plannedN, level, cases: rows.map(({ caseDigest, truth }) => ({ caseDigest, truth })) };
  return deps.blobs.put(Buffer.from(canonicalJson(plan)));
}

/** The policy that governs decisions taken now (a changed one waits for the next period), and how many are left. */
export async function gateBudget(deps: Pick<Deps, 'store' | 'blobs' | 'clock'>, workload: Workload): Promise<{ policy: GatePolicy; left: number }> {
  const decisions = await deps.store.decisions(workload.channel);
  const last = decisions.toSorted((a, b) => a.at.localeCompare(b.at)).at(-1);
  if (!last) return { policy: workload.gate, left: workload.gate.decisionsPerPeriod };
  const policy = await readJsonBlob<GatePolicy>(deps, last.policyDigest);
  if (Date.parse(now(deps)) >= Date.parse(endOfPeriod(last.periodStart, policy))) return { policy: workload.gate, left: workload.gate.decisionsPerPeriod };
  const used = decisions.filter((decision) => decision.periodStart === last.periodStart).length;
  return { policy, left: Math.max(0, last.decisionsPerPeriod - used) };
}

/**
 * Share of pairs on which the arms of recent evaluations disagreed; undefined before the first. How far a first adapter
 * differs from the base says nothing about two adapters, and the other way round.
 */
async function disagreementSeen(deps: Pick<Deps, 'store'>, { name, channel }: Workload): Promise<{ test?: number }> {
  const againstBase = ((await deps.store.channel(channel))?.live ?? null) === null;
  const digests = (await deps.store.runs({ workload: name, limit: 100 })).map((run) => run.verdictDigest).filter((digest) => digest !== null);
  const verdicts = (await Promise.all(digests.slice(0, VERDICTS_LOOKED_AT).map((digest) => deps.store.verdict(digest)))).filter(
    // A look at a held candidate counts its pairs again with each batch.
    (verdict) => verdict !== null && verdict.eProcess === undefined && (verdict.currentDigest === null) === againstBase,
  );
  const sum = (count: (verdict: Verdict) => number): number => verdicts.reduce((total, verdict) => total + (verdict ? count(verdict) : 0), 0);
  const pairs = sum(({ n }) => n);
  return pairs === 0 ? {} : { test: sum(({ b, c }) => b + c) / pairs };
}

async function lastTrainedExamples(deps: Pick<Deps, 'store'>, workload: string, runId: string): Promise<ReadonlySet<Digest>> {
  const trained = (await deps.store.runs({ workload, limit: 1000 }))
    .filter((run) => run.runId !== runId && run.adapterDigest !== null && run.datasetDigest !== null)
    .toSorted((a, b) => a.startedAt.localeCompare(b.startedAt))
    .at(-1);
  if (!trained?.datasetDigest) return new Set();
  const found = await deps.store.document(trained.datasetDigest);
  return new Set((found?.document as Dataset | undefined)?.exampleDigests ?? []);
}
