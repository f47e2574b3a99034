// Tells Temporal of a rollback that was made without it: the store has acted and kept the record, the workflow finds it done.
import { WorkflowExecutionAlreadyStartedError, type Client } from '@temporalio/client';
import { WorkflowIdReusePolicy } from '@temporalio/common';
import type { ChannelEntry } from '../core/contracts/index.ts';
import type { Deps } from './deps.ts';
import { channelEntryId } from './intents.ts';
import type { RollbackInput } from './rollback.ts';

/** Starts `rollback/<channel>@<generation>`, once whoever asks, and does not wait for it. */
export async function recordRollback(deps: Pick<Deps, 'store'>, client: Client, taskQueue: string, entry: ChannelEntry): Promise<void> {
  const { channel, generation, by, reason } = entry;
  const input: RollbackInput = { schemaVersion: 1, channel, by, reason, expectedGeneration: generation - 1 };
  try {
    await client.workflow.start('rollback', { workflowId: `rollback/${channelEntryId(entry)}`, taskQueue, args: [input], workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
  await deps.store.rollbackRecorded(channel, generation);
}
