// Every TypeScript step under the name that workflows call it by.
import { Context } from '@temporalio/activity';
import { WorkflowNotFoundError } from '@temporalio/client';
import { checkDecision, endPromotion, openPromotion, supersedeWaiting } from './approval.ts';
import { confirmInjections } from './confirm.ts';
import { curateDataset } from './curate.ts';
import type { Deps } from './deps.ts';
import { startEarly } from './early-start.ts';
import { evaluate } from './evaluate.ts';
import { judge, reserveDecision } from './judge.ts';
import { judgeLook, planLook } from './look.ts';
import { notify, notifyWatch } from './notify.ts';
import { planRun } from './plan.ts';
import { promote, recordApproval } from './promote.ts';
import { reestimateGain } from './reestimate.ts';
import { registerAdapter } from './register.ts';
import { finishRun } from './report.ts';
import { rollbackChannel } from './rollback.ts';
import { claimRun } from './runs.ts';
import { unloadAdapter, unloadFormer } from './serve.ts';
import { triggerUnlessBusy } from './schedule.ts';
import { takeSnapshot } from './snapshot.ts';
import { asActivity } from './step.ts';
import { endWatch, lookAtWatch, openWatch } from './watch.ts';

const GPU_SCHEDULE_TO_START_MS = 10 * 60_000;
const REPLICA_WAIT_MS = 2 * 60_000;

type Optional = 'busyOn' | 'replicaWaitMs' | 'faultPoint' | 'observe' | 'notifier' | 'cancelWorkflow' | 'startNight';

export type ActivityDeps = Omit<Deps, 'gpu' | Optional> & Partial<Pick<Deps, Optional>> & {
  gpu: { taskQueue: string; scheduleToStartMs?: number };
};

/** By the client of the worker that the step runs in. */
async function cancelWorkflow(workflowId: string): Promise<void> {
  await Context.current()
    .client.workflow.getHandle(workflowId)
    .cancel()
    .catch((error: unknown) => {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
    });
}

/** Binds the steps to the ports they work through. */
export function createActivities(given: ActivityDeps) {
  const deps: Deps = { busyOn: async () => null, replicaWaitMs: REPLICA_WAIT_MS, faultPoint: () => undefined, observe: () => undefined, notifier: null, cancelWorkflow, startNight: (workload, reason) => triggerUnlessBusy(Context.current().client, given.store, workload, 'schedule', reason), ...given, gpu: { scheduleToStartMs: GPU_SCHEDULE_TO_START_MS, ...given.gpu } };
  return {
    claimRun: asActivity(deps, 'claimRun', claimRun),
    takeSnapshot: asActivity(deps, 'takeSnapshot', takeSnapshot),
    confirmInjections: asActivity(deps, 'confirmInjections', confirmInjections),
    planRun: asActivity(deps, 'planRun', planRun),
    curateDataset: asActivity(deps, 'curateDataset', curateDataset),
    registerAdapter: asActivity(deps, 'registerAdapter', registerAdapter),
    reserveDecision: asActivity(deps, 'reserveDecision', reserveDecision),
    evaluate: asActivity(deps, 'evaluate', evaluate),
    judge: asActivity(deps, 'judge', judge),
    planLook: asActivity(deps, 'planLook', planLook),
    judgeLook: asActivity(deps, 'judgeLook', judgeLook),
    reestimateGain: asActivity(deps, 'reestimateGain', reestimateGain),
    openPromotion: asActivity(deps, 'openPromotion', openPromotion),
    checkDecision: asActivity(deps, 'checkDecision', checkDecision),
    endPromotion: asActivity(deps, 'endPromotion', endPromotion),
    supersedeWaiting: asActivity(deps, 'supersedeWaiting', supersedeWaiting),
    notify: asActivity(deps, 'notify', notify),
    notifyWatch: asActivity(deps, 'notifyWatch', notifyWatch),
    recordApproval: asActivity(deps, 'recordApproval', recordApproval),
    promote: asActivity(deps, 'promote', promote),
    unloadAdapter: asActivity(deps, 'unloadAdapter', unloadAdapter),
    unloadFormer: asActivity(deps, 'unloadFormer', unloadFormer),
    rollbackChannel: asActivity(deps, 'rollbackChannel', rollbackChannel),
    finishRun: asActivity(deps, 'finishRun', finishRun),
    openWatch: asActivity(deps, 'openWatch', openWatch),
    lookAtWatch: asActivity(deps, 'lookAtWatch', lookAtWatch),
    endWatch: asActivity(deps, 'endWatch', endWatch),
    startEarly: asActivity(deps, 'startEarly', startEarly),
  };
}

export type Activities = ReturnType<typeof createActivities>;
