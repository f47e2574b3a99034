// A workload's nightly schedule, and the one way to start a run by hand: a stored request, then a trigger of that schedule.
import { randomUUID } from 'node:crypto';
import { ScheduleAlreadyRunning, ScheduleOverlapPolicy, type Client, type ScheduleHandle, type ScheduleOptions } from '@temporalio/client';
import type { RunOptions, RunRecord, RunRequest, Workload } from '../core/contracts/index.ts';
import type { MetadataStore } from '../stores/ports.ts';

const SEEN_TO_END_MS = 10_000;

export const scheduleId = (workload: string): string => `nightly/${workload}`;

/** Creates the schedule, or brings it in line with the workload file. Whether it is paused stays as a person set it. */
export async function ensureSchedule(client: Client, workload: Workload, config: { taskQueue: string }): Promise<void> {
  const { name, schedule } = workload;
  const wanted = {
    spec: { cronExpressions: [schedule.cron], timezone: schedule.timeZone },
    action: {
      type: 'startWorkflow',
      workflowType: 'nightlyRetrain',
      // Temporal appends the time of the start.
      workflowId: `nightly/${name}`,
      taskQueue: config.taskQueue,
      args: [{ workload: name }],
    },
    // One run of a workload at a time; a worker that was down for days does not make up for all of them.
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: schedule.catchupHours * 3_600_000 },
  } satisfies Omit<ScheduleOptions, 'scheduleId'>;
  try {
    await client.schedule.create({ scheduleId: scheduleId(name), ...wanted });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    await client.schedule.getHandle(scheduleId(name)).update(({ state }) => ({ ...wanted, state }));
  }
}

/**
 * Asks for a run now. While another run of the workload is under way the trigger is skipped and the request waits for
 * the next start.
 */
export async function triggerRun(client: Client, store: Pick<MetadataStore, 'createRequest'>, workload: string, by: string, reason: string, options: RunOptions = {}): Promise<RunRequest> {
  const request: RunRequest = { schemaVersion: 1, id: randomUUID(), workload, by, reason, options, requestedAt: new Date().toISOString(), claimedBy: null };
  await store.createRequest(request);
  const handle = client.schedule.getHandle(scheduleId(workload));
  await untilSeenToEnd(client, handle);
  await handle.trigger(ScheduleOverlapPolicy.SKIP);
  return request;
}

/**
 * A schedule learns with some delay that its run has ended, and would skip the trigger: asking makes it look. And it names
 * runs by the second: two in one second would be one run by name.
 */
async function untilSeenToEnd(client: Client, handle: ScheduleHandle): Promise<void> {
  const deadlineMs = performance.now() + SEEN_TO_END_MS;
  while (performance.now() < deadlineMs) {
    const { runningActions, recentActions } = (await handle.describe()).info;
    const stillRunning = await Promise.all(
      runningActions.map(async ({ workflow }) => (await client.workflow.getHandle(workflow.workflowId, workflow.firstExecutionRunId).describe()).status.name === 'RUNNING'),
    );
    const thisSecond = Math.floor(Date.now() / 1000);
    const named = recentActions.some(({ takenAt }) => Math.floor(takenAt.getTime() / 1000) === thisSecond);
    if (stillRunning.includes(true) || (stillRunning.length === 0 && !named)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Waits until a run has claimed the request; null when none has in time. */
export async function claimedRun(store: Pick<MetadataStore, 'runs'>, request: RunRequest, timeoutMs: number): Promise<RunRecord | null> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const run = (await store.runs({ workload: request.workload, limit: 50 })).find(({ requestId }) => requestId === request.id);
    if (run) return run;
    if (performance.now() > deadline) return null;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
