// A workload's schedules on Temporal (the nights, and the look for bursts that starts one early), and the one way to start a run by
// hand: a stored request, then a trigger of the nights' schedule.
import { randomUUID } from 'node:crypto';
import { ScheduleAlreadyRunning, ScheduleNotFoundError, ScheduleOverlapPolicy, type Client, type ScheduleDescription, type ScheduleHandle, type ScheduleOptions } from '@temporalio/client';
import type { RunOptions, RunRecord, RunRequest, Workload } from '../core/contracts/index.ts';
import type { MetadataStore } from '../stores/ports.ts';
import { scheduleOf } from './budget.ts';

const SEEN_TO_END_MS = 10_000;
const MINUTE_MS = 60_000;

export const scheduleId = (workload: string): string => `nightly/${workload}`;
export const earlyScheduleId = (workload: string): string => `early/${workload}`;

/**
 * Creates the schedules, or brings them in line with what a person set or else the workload file says. Whether the nights are paused
 * stays as a person set it.
 */
export async function ensureSchedule(client: Client, store: Pick<MetadataStore, 'scheduleChanges'>, workload: Workload, { taskQueue }: { taskQueue: string }): Promise<void> {
  const { name } = workload;
  const { cron, timeZone, jitterMinutes, catchupHours, early } = await scheduleOf({ store }, workload);
  await putSchedule(client, scheduleId(name), {
    spec: { cronExpressions: [cron], timezone: timeZone, jitter: jitterMinutes * MINUTE_MS },
    action: {
      type: 'startWorkflow',
      workflowType: 'nightlyRetrain',
      // Temporal appends the time of the start.
      workflowId: `nightly/${name}`,
      taskQueue,
      args: [{ workload: name }],
    },
    // One run of a workload at a time; a worker that was down for days does not make up for all of them.
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: catchupHours * 60 * MINUTE_MS },
  });
  if (early === undefined) {
    await client.schedule.getHandle(earlyScheduleId(name)).delete().catch((error: unknown) => {
      if (!(error instanceof ScheduleNotFoundError)) throw error;
    });
    return;
  }
  await putSchedule(client, earlyScheduleId(name), {
    spec: { intervals: [{ every: early.lookEveryMinutes * MINUTE_MS }] },
    action: { type: 'startWorkflow', workflowType: 'earlyStart', workflowId: `early/${name}`, taskQueue, args: [{ workload: name }], workflowExecutionTimeout: '10 minutes' },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: MINUTE_MS },
  });
}

async function putSchedule(client: Client, id: string, wanted: Omit<ScheduleOptions, 'scheduleId'> & { action: { workflowId: string } }): Promise<void> {
  try {
    await client.schedule.create({ scheduleId: id, ...wanted });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    await client.schedule.getHandle(id).update(({ state }) => ({ ...wanted, state }));
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

/** Asks for a run unless nobody would start it: `paused` by a person, or another one is under way. */
export async function triggerUnlessBusy(client: Client, store: Pick<MetadataStore, 'createRequest'>, workload: string, by: string, reason: string): Promise<'started' | 'paused' | 'busy'> {
  const handle = client.schedule.getHandle(scheduleId(workload));
  const description = await handle.describe();
  if (description.state.paused) return 'paused';
  if (await isUnderWay(client, description)) return 'busy';
  await triggerRun(client, store, workload, by, reason);
  return 'started';
}

async function isUnderWay(client: Client, { info: { runningActions } }: ScheduleDescription): Promise<boolean> {
  const names = await Promise.all(runningActions.map(async ({ workflow }) => (await client.workflow.getHandle(workflow.workflowId, workflow.firstExecutionRunId).describe()).status.name));
  return names.includes('RUNNING');
}

/**
 * A schedule learns with some delay that its run has ended, and would skip the trigger: asking makes it look. And it names
 * runs by the second: two in one second would be one run by name.
 */
async function untilSeenToEnd(client: Client, handle: ScheduleHandle): Promise<void> {
  const deadlineMs = performance.now() + SEEN_TO_END_MS;
  while (performance.now() < deadlineMs) {
    const description = await handle.describe();
    if (await isUnderWay(client, description)) return;
    const { runningActions, recentActions } = description.info;
    const thisSecond = Math.floor(Date.now() / 1000);
    const named = recentActions.some(({ takenAt }) => Math.floor(takenAt.getTime() / 1000) === thisSecond);
    if (runningActions.length === 0 && !named) return;
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
