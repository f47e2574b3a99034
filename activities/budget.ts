// What a workload may still spend of its day: counted from the reports of its runs, whatever started them.
import type { Schedule, Workload } from '../core/contracts/index.ts';
import { budgetLeft, DAY_MS, type BudgetLeft, type SpentRun } from '../core/schedule/budget.ts';
import { effectiveSchedule } from '../core/schedule/effective.ts';
import type { MetadataStore } from '../stores/ports.ts';
import type { Deps } from './deps.ts';
import type { RunReport } from './report.ts';

/** More runs than this a day end in a budget that is spent. */
const RUNS_LOOKED_AT = 2_000;

export async function scheduleOf(deps: { store: Pick<MetadataStore, 'scheduleChanges'> }, workload: Pick<Workload, 'name' | 'schedule'>): Promise<Schedule> {
  return effectiveSchedule(workload, await deps.store.scheduleChanges(workload.name));
}

/** @param except the run that asks: it has not trained yet */
export async function dayBudget(deps: Pick<Deps, 'store' | 'clock'>, workload: Pick<Workload, 'name' | 'schedule'>, except?: string): Promise<BudgetLeft> {
  const { budget } = await scheduleOf(deps, workload);
  const nowMs = deps.clock().getTime();
  const recent = (await deps.store.runs({ workload: workload.name, limit: RUNS_LOOKED_AT })).filter(({ runId, startedAt }) => runId !== except && Date.parse(startedAt) > nowMs - DAY_MS);
  const spent = await Promise.all(
    recent.map(async ({ startedAt, adapterDigest, datasetDigest, reportDigest }): Promise<SpentRun> => {
      const report = reportDigest === null ? null : ((await deps.store.document(reportDigest))?.document as RunReport | undefined);
      const training = report?.cost?.steps.find(({ step }) => step === 'train')?.seconds ?? 0;
      // Training that failed has no time of its own: the whole step counts. A run that never ended counts as one without time.
      return { startedAt, trained: adapterDigest !== null || datasetDigest !== null, gpuSeconds: report?.cost?.gpuSeconds || training };
    }),
  );
  return budgetLeft(spent, budget, nowMs);
}
