// Step 2: decides before any training whether the night can end in an answer: enough to learn, enough cases to judge by.
import type { Dataset, Digest, GatePolicy, Verdict, Workload } from '../core/contracts/index.ts';
import { canonicalJson, digestOfJson } from '../core/digest.ts';
import { levelOfDecision } from '../core/gate/decide.ts';
import { planCases } from '../core/gate/power.ts';
import { RatchetError } from '../core/errors.ts';
import { now, type Deps, type RunRef } from './deps.ts';
import { curateSnapshot } from './curate.ts';
import { readJsonBlob, readSettings, updateRun } from './runs.ts';

const DAY_MS = 86_400_000;
const VERDICTS_LOOKED_AT = 5;

export interface PlanRunInput {
  schemaVersion: 1;
  run: RunRef;
  manifestDigest: Digest;
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
}

/** The cases and truths of an evaluation, fixed before training: later labels and cases wait for the next night. */
export interface EvaluationPlan {
  schemaVersion: 1;
  workload: string;
  plannedN: number;
  level: number;
  cases: { caseDigest: Digest; truth: string | null }[];
}

export async function planRun(deps: Deps, { run, manifestDigest }: PlanRunInput): Promise<PlanRunOutput> {
  await updateRun(deps, run.runId, { step: 'plan' });
  const settings = await readSettings(deps, run);
  const { workload } = settings;
  if (workload.recipe.loraRank > deps.target.maxLoraRank) {
    throw new RatchetError('RECIPE_INVALID', `recipe.loraRank is ${workload.recipe.loraRank}, the replicas serve at most ${deps.target.maxLoraRank}: lower it, or restart them with a larger --max-lora-rank and set VLLM_MAX_LORA_RANK`);
  }
  const budget = await gateBudget(deps, workload);
  const level = levelOfDecision(budget.policy);
  const { n, power } = planCases(budget.policy, level, await discordanceSeen(deps, workload));
  const fresh = (await deps.store.cases(workload.name)).filter((row) => row.retiredBy === null);
  const { examples } = await curateSnapshot(deps, settings, manifestDigest);
  const learned = await lastTrainedExamples(deps, workload.name, run.runId);
  const newExamples = examples.filter((example) => example.source.correctionDigest !== null && !learned.has(digestOfJson(example))).length;

  const missing: string[] = [];
  if (newExamples < workload.minNewExamples) {
    missing.push(`${newExamples} new corrected examples since the last trained dataset, ${workload.minNewExamples} wanted: ${workload.minNewExamples - newExamples} missing`);
  }
  if (fresh.length < n) missing.push(`${fresh.length} fresh cases, ${n} planned: ${n - fresh.length} missing`);
  // maxCases can keep n below what the policy's power needs: such a night would mostly end in hold.
  if (power < budget.policy.power) missing.push(`a power of ${power.toFixed(2)} with at most ${n} cases, ${budget.policy.power} wanted: raise gate.maxCases or gate.smallestGain`);
  if (budget.left === 0) missing.push(`no decision left of the ${budget.policy.decisionsPerPeriod} in this period of the gate policy`);

  const plan: EvaluationPlan = {
    schemaVersion: 1,
    workload: workload.name,
    plannedN: n,
    level,
    cases: fresh.slice(0, n).map(({ caseDigest, truth }) => ({ caseDigest, truth })),
  };
  const planDigest = await deps.blobs.put(Buffer.from(canonicalJson(plan)));
  return { schemaVersion: 1, skip: missing.length === 0 ? null : missing.join('; '), planDigest, plannedN: n, power, freshCases: fresh.length, newExamples };
}

/** The policy that governs decisions taken now (a changed one waits for the next period), and how many are left. */
export async function gateBudget(deps: Pick<Deps, 'store' | 'blobs' | 'clock'>, workload: Workload): Promise<{ policy: GatePolicy; left: number }> {
  const decisions = await deps.store.decisions(workload.channel);
  const last = decisions.toSorted((a, b) => a.at.localeCompare(b.at)).at(-1);
  if (!last) return { policy: workload.gate, left: workload.gate.decisionsPerPeriod };
  const policy = await readJsonBlob<GatePolicy>(deps, last.policyDigest);
  if (Date.parse(now(deps)) >= Date.parse(last.periodStart) + policy.periodDays * DAY_MS) return { policy: workload.gate, left: workload.gate.decisionsPerPeriod };
  const used = decisions.filter((decision) => decision.periodStart === last.periodStart).length;
  return { policy, left: Math.max(0, last.decisionsPerPeriod - used) };
}

/**
 * Share of pairs on which the arms of recent evaluations disagreed; undefined before the first. How far a first adapter
 * differs from the base says nothing about two adapters, and the other way round.
 */
async function discordanceSeen(deps: Pick<Deps, 'store'>, { name, channel }: Workload): Promise<number | undefined> {
  const againstBase = ((await deps.store.channel(channel))?.live ?? null) === null;
  const digests = (await deps.store.runs({ workload: name, limit: 100 })).map((run) => run.verdictDigest).filter((digest) => digest !== null);
  const verdicts = (await Promise.all(digests.slice(0, VERDICTS_LOOKED_AT).map((digest) => deps.store.verdict(digest)))).filter(
    (verdict) => verdict !== null && (verdict.currentDigest === null) === againstBase,
  );
  const sum = (count: (verdict: Verdict) => number): number => verdicts.reduce((total, verdict) => total + (verdict ? count(verdict) : 0), 0);
  const pairs = sum(({ n }) => n);
  return pairs === 0 ? undefined : sum(({ b, c }) => b + c) / pairs;
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
