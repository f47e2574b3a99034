// Every TypeScript step under the name that workflows call it by.
import { curateDataset } from './curate.ts';
import type { Deps } from './deps.ts';
import { evaluate } from './evaluate.ts';
import { judge, reserveDecision } from './judge.ts';
import { planRun } from './plan.ts';
import { promote, recordApproval } from './promote.ts';
import { registerAdapter } from './register.ts';
import { finishRun } from './report.ts';
import { rollbackChannel } from './rollback.ts';
import { claimRun } from './runs.ts';
import { unloadAdapter, unloadFormer } from './serve.ts';
import { takeSnapshot } from './snapshot.ts';
import { asActivity } from './step.ts';
import { endWatch, lookAtWatch, openWatch } from './watch.ts';

const GPU_SCHEDULE_TO_START_MS = 10 * 60_000;
const REPLICA_WAIT_MS = 2 * 60_000;

type Optional = 'busyOn' | 'replicaWaitMs' | 'faultPoint' | 'observe';

export type ActivityDeps = Omit<Deps, 'gpu' | Optional> & Partial<Pick<Deps, Optional>> & {
  gpu: { taskQueue: string; scheduleToStartMs?: number };
};

/** Binds the steps to the ports they work through. */
export function createActivities(given: ActivityDeps) {
  const deps: Deps = { busyOn: async () => null, replicaWaitMs: REPLICA_WAIT_MS, faultPoint: () => undefined, observe: () => undefined, ...given, gpu: { scheduleToStartMs: GPU_SCHEDULE_TO_START_MS, ...given.gpu } };
  return {
    claimRun: asActivity(deps, 'claimRun', claimRun),
    takeSnapshot: asActivity(deps, 'takeSnapshot', takeSnapshot),
    planRun: asActivity(deps, 'planRun', planRun),
    curateDataset: asActivity(deps, 'curateDataset', curateDataset),
    registerAdapter: asActivity(deps, 'registerAdapter', registerAdapter),
    reserveDecision: asActivity(deps, 'reserveDecision', reserveDecision),
    evaluate: asActivity(deps, 'evaluate', evaluate),
    judge: asActivity(deps, 'judge', judge),
    recordApproval: asActivity(deps, 'recordApproval', recordApproval),
    promote: asActivity(deps, 'promote', promote),
    unloadAdapter: asActivity(deps, 'unloadAdapter', unloadAdapter),
    unloadFormer: asActivity(deps, 'unloadFormer', unloadFormer),
    rollbackChannel: asActivity(deps, 'rollbackChannel', rollbackChannel),
    finishRun: asActivity(deps, 'finishRun', finishRun),
    openWatch: asActivity(deps, 'openWatch', openWatch),
    lookAtWatch: asActivity(deps, 'lookAtWatch', lookAtWatch),
    endWatch: asActivity(deps, 'endWatch', endWatch),
  };
}

export type Activities = ReturnType<typeof createActivities>;
