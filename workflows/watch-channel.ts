// Step 9: both arms are looked at until the holdback ends; where the live one fails more, the former comes back by itself.
import { CancellationScope, continueAsNew, isCancellation, log, ParentClosePolicy, sleep, startChild, upsertSearchAttributes, WorkflowIdReusePolicy } from '@temporalio/workflow';
import type { RunRef } from '../activities/deps.ts';
import type { LookAtWatchOutput, WatchRef } from '../activities/watch.ts';
import type { WatchPolicy, WatchStatus } from '../core/contracts/index.ts';
import { endOf } from './failures.ts';
import * as attributes from './search-attributes.ts';
import { endWatch, lookAtWatch, notifyWatch, openWatch, rollbackChannel } from './steps.ts';
import { withdrawFormer } from './tidy.ts';

export interface WatchChannelInput extends WatchRef {
  workload: string;
  policy: WatchPolicy;
  /** Who began it: `gate`, or a person. */
  by: string;
  /** The run behind the promotion, by whose settings adapters are taken off the engine; null where a person began it by hand. */
  run: RunRef | null;
}

export interface WatchChannelOutput {
  schemaVersion: 1;
  status: WatchStatus;
  reason: string | null;
}

/** Five events a look: the history of one execution stays under 500. */
const LOOKS_PER_EXECUTION = 60;

export async function watchChannel(input: WatchChannelInput): Promise<WatchChannelOutput> {
  const { channel, generation, workload, policy, by, run } = input;
  const ref: WatchRef = { schemaVersion: 1, channel, generation };
  upsertSearchAttributes([{ key: attributes.Workload, value: workload }]);
  const opened = await openWatch({ ...ref, workload, policy, by });
  if (opened.status !== 'open') return { schemaVersion: 1, status: opened.status, reason: opened.reason };

  try {
    for (let look = 1; look <= LOOKS_PER_EXECUTION; look += 1) {
      const seen = await lookAtWatch(ref);
      const ended = seen.status === 'rise' ? await rollBack(ref, seen) : { status: seen.status, reason: seen.reason };
      if (ended.status !== 'open') {
        if (run !== null) await withdrawFormer(run);
        await notifyWatch(ref).catch((error: unknown) => log.warn('the webhook was not told', { reason: endOf(error).reason }));
        return { schemaVersion: 1, status: ended.status, reason: ended.reason };
      }
      await sleep(policy.pollSeconds * 1000);
    }
  } catch (error) {
    // The share stays held back until its time is over, or until a person ends it.
    if (isCancellation(error)) await CancellationScope.nonCancellable(() => endWatch({ ...ref, status: 'ended', reason: 'cancelled by a person' }));
    throw error;
  }
  return continueAsNew<typeof watchChannel>(input);
}

/** By compare-and-swap: whoever changed the channel first has decided. */
async function rollBack(ref: WatchRef, { reason: words, toGeneration }: LookAtWatchOutput): Promise<Pick<WatchChannelOutput, 'status' | 'reason'>> {
  const reason = `automatic: ${words ?? 'the failure rate rose'}`;
  const change = { schemaVersion: 1, channel: ref.channel, by: 'watch', reason, expectedGeneration: ref.generation, ...(toGeneration === undefined ? {} : { toGeneration }) } as const;
  const ended = await rollbackChannel(change).then(
    ({ generation }) => ({ status: 'rolled_back', reason, rolledBackTo: generation }) as const,
    (error: unknown) => {
      const why = endOf(error).reason;
      if (!why.startsWith('CHANNEL_CONFLICT')) throw error;
      return { status: 'superseded', reason: why } as const;
    },
  );
  return { status: (await endWatch({ ...ref, ...ended })).status, reason: ended.reason };
}

/** Under an id of its own and for good: a generation is watched once. The promotion does not wait for it. */
export async function startWatch(input: WatchChannelInput): Promise<void> {
  try {
    await startChild(watchChannel, {
      workflowId: watchId(input.channel, input.generation),
      args: [input],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE,
    });
  } catch (error) {
    log.warn('the watch did not start', { reason: endOf(error).reason });
  }
}

export const watchId = (channel: string, generation: number): string => `watch/${channel}@${generation}`;
