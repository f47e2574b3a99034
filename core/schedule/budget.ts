// What a day's runs have spent of their workload's budget.
import type { ScheduleBudget } from '../contracts/index.ts';

export const DAY_MS = 24 * 3_600_000;

export interface SpentRun {
  startedAt: string;
  /** Whether a GPU was asked for at all: a night that was skipped spends nothing. */
  trained: boolean;
  gpuSeconds: number;
}

export interface BudgetLeft {
  runs: number;
  gpuSeconds: number;
  /** Why no further run may train, in words with numbers; empty: one may. */
  lacks: string[];
}

/** @param runs of the workload; those that began within the 24 hours before `nowMs` count */
export function budgetLeft(runs: readonly SpentRun[], budget: ScheduleBudget, nowMs: number): BudgetLeft {
  const counted = runs.filter(({ startedAt, trained }) => trained && Date.parse(startedAt) > nowMs - DAY_MS);
  const spentSeconds = counted.reduce((sum, { gpuSeconds }) => sum + gpuSeconds, 0);
  const left = { runs: budget.runsPerDay - counted.length, gpuSeconds: budget.gpuHoursPerDay * 3600 - spentSeconds };
  const lacks: string[] = [];
  if (left.runs <= 0) lacks.push(`no training run left of the ${budget.runsPerDay} that 24 hours may hold`);
  if (left.gpuSeconds <= 0) lacks.push(`no GPU time left of the ${budget.gpuHoursPerDay} hours that 24 hours may hold (${(spentSeconds / 3600).toFixed(2)} spent)`);
  return { ...left, lacks };
}
