// One look for a burst of failures; its schedule hands each look what the one before gave back.
import { log, upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import type { LookForBurstOutput } from '../activities/early-start.ts';
import * as attributes from './search-attributes.ts';
import { startEarly } from './steps.ts';

export async function earlyStart({ workload }: { workload: string }): Promise<LookForBurstOutput> {
  upsertSearchAttributes([{ key: attributes.Workload, value: workload }]);
  const { samples = [], lastStartMs = null } = (workflowInfo().lastResult ?? {}) as Partial<LookForBurstOutput>;
  const look = await startEarly({ schemaVersion: 1, workload, samples, lastStartMs });
  if (look.outcome !== null) log.info('a burst of failures', { outcome: look.outcome });
  return look;
}
