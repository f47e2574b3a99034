// How the steps are called: time limits and retries by the kind of work. Whether an error is retried is in the errors' table.
import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';
import type { GpuActivities } from '../activities/gpu.ts';
import type { Activities } from '../activities/index.ts';

// A step that was cancelled is waited for: what it did (a channel moved, a trainer stopped) is known before the workflow goes on.
const common = { heartbeatTimeout: '30 seconds', cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED } as const;

/** Reads and writes of the stores. */
export const { claimRun, takeSnapshot, planRun, curateDataset, registerAdapter, reserveDecision, judge, planLook, judgeLook, recordApproval, openPromotion, checkDecision, endPromotion, supersedeWaiting, finishRun, openWatch, endWatch, startEarly } = proxyActivities<Activities>({
  ...common,
  startToCloseTimeout: '30 minutes',
  retry: { initialInterval: '1 second', maximumInterval: '1 minute', maximumAttempts: 20 },
});

/** Work with an engine: a serving engine that is away is waited for about a quarter of an hour. */
export const { confirmInjections, evaluate, reestimateGain, promote, unloadAdapter, unloadFormer, rollbackChannel } = proxyActivities<Activities>({
  ...common,
  startToCloseTimeout: '6 hours',
  retry: { initialInterval: '1 second', maximumInterval: '30 seconds', maximumAttempts: 30 },
});

/** Messages to people: a receiver that is away is tried for an hour. */
export const { notify, notifyWatch } = proxyActivities<Activities>({
  ...common,
  startToCloseTimeout: '1 minute',
  scheduleToCloseTimeout: '1 hour',
  retry: { initialInterval: '2 seconds', maximumInterval: '10 minutes' },
});

/** A look at a watch is worth repeating for as long as the watch goes on. */
export const { lookAtWatch } = proxyActivities<Activities>({
  ...common,
  startToCloseTimeout: '30 minutes',
  retry: { initialInterval: '1 second', maximumInterval: '1 minute' },
});

/** Training, on the task queue of a device class. It goes on from its last checkpoint when it is tried again. */
/** @param gpu.secondsLeft what the day's budget leaves it, all attempts together */
export function gpuSteps(gpu: { taskQueue: string; scheduleToStartMs: number; secondsLeft?: number | undefined }) {
  return proxyActivities<GpuActivities>({
    ...common,
    taskQueue: gpu.taskQueue,
    scheduleToStartTimeout: gpu.scheduleToStartMs,
    startToCloseTimeout: '24 hours',
    ...(gpu.secondsLeft === undefined ? {} : { scheduleToCloseTimeout: gpu.scheduleToStartMs + gpu.secondsLeft * 1000 }),
    retry: { initialInterval: '2 seconds', maximumInterval: '1 minute', maximumAttempts: 10 },
  });
}
