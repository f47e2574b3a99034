// Broken on purpose: the night of this twin plans before it has a snapshot. Replay must refuse a real night's history on it.
import { upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import * as attributes from '../../../workflows/search-attributes.ts';
import { claimRun, planRun, takeSnapshot } from '../../../workflows/steps.ts';

export async function nightlyRetrain({ workload }: { workload: string }): Promise<void> {
  const { workflowId, runId: temporalRunId } = workflowInfo();
  upsertSearchAttributes([{ key: attributes.Workload, value: workload }]);
  const { run } = await claimRun({ schemaVersion: 1, workload, runId: workflowId, temporalRunId });
  await planRun({ schemaVersion: 1, run, manifestDigest: `sha256:${'0'.repeat(64)}` });
  await takeSnapshot({ schemaVersion: 1, run });
}
