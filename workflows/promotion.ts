// A verdict's way onto the channel: at once, or when a person approves exactly this verdict before the time is up.
import { ApplicationFailure, CancellationScope, condition, defineQuery, defineUpdate, setHandler, upsertSearchAttributes } from '@temporalio/workflow';
import type { RunRef } from '../activities/deps.ts';
import type { Approval, Digest, RunStatus, WatchPolicy } from '../core/contracts/index.ts';
import { endOf } from './failures.ts';
import * as attributes from './search-attributes.ts';
import { finishRun, promote, recordApproval } from './steps.ts';
import { withdraw, withdrawFormer } from './tidy.ts';
import { startWatch } from './watch-channel.ts';

export interface PromotionInput {
  schemaVersion: 1;
  run: RunRef;
  channel: string;
  candidateDigest: Digest;
  verdictDigest: Digest;
  expectedGeneration: number;
  approval: { mode: 'automatic' | 'one_approver'; expiresAfterHours: number };
  /** How the channel is watched afterwards; left out: it is not (and so in every promotion that began before there was a watch). */
  watch?: WatchPolicy;
}

/** What a person signs: the exact verdict (and with it the evaluation and its cases) on the exact adapter. */
export interface ApprovalUpdate {
  by: string;
  verdictDigest: Digest;
  candidateDigest: Digest;
  comment?: string;
}

export interface PromotionState {
  schemaVersion: 1;
  /** `settling`: being promoted, or taken off the engine. */
  state: 'awaiting_approval' | 'settling' | 'done';
  candidateDigest: Digest;
  verdictDigest: Digest;
  channel: string;
  expectedGeneration: number;
  expiresAt: string | null;
}

export interface PromotionOutput {
  schemaVersion: 1;
  status: Extract<RunStatus, 'promoted' | 'rejected' | 'lost'>;
  reason: string | null;
  generation: number | null;
}

export const approve = defineUpdate<PromotionState, [ApprovalUpdate]>('approve');
export const reject = defineUpdate<PromotionState, [ApprovalUpdate]>('reject');
export const state = defineQuery<PromotionState>('state');

const HOUR_MS = 3_600_000;

export async function promotion(input: PromotionInput): Promise<PromotionOutput> {
  const { run, channel, candidateDigest, verdictDigest, expectedGeneration } = input;
  const waits = input.approval.mode === 'one_approver';
  const expiresAfterMs = input.approval.expiresAfterHours * HOUR_MS;
  const view: PromotionState = {
    schemaVersion: 1,
    state: waits ? 'awaiting_approval' : 'settling',
    candidateDigest,
    verdictDigest,
    channel,
    expectedGeneration,
    expiresAt: waits ? new Date(Date.now() + expiresAfterMs).toISOString() : null,
  };
  let decided: Approval | null = null;
  const take = (decision: Approval['decision']) => ({ by, comment }: ApprovalUpdate) => {
    decided = { schemaVersion: 1, channel, decision, candidateDigest, verdictDigest, expectedGeneration, by, ...(comment === undefined ? {} : { comment }), time: new Date().toISOString() };
    view.state = 'settling';
    return view;
  };
  const validator = (update: ApprovalUpdate): void => assertFits(view, update);
  setHandler(approve, take('approve'), { validator });
  setHandler(reject, take('reject'), { validator });
  setHandler(state, () => view);

  upsertSearchAttributes([{ key: attributes.Workload, value: run.workload }, { key: attributes.AdapterDigest, value: candidateDigest }]);
  const ended = await (async () => {
    if (waits) await condition(() => decided !== null, expiresAfterMs);
    view.state = 'settling';
    return settle(input, decided);
  })().catch(async (error: unknown) => {
    view.state = 'done';
    await CancellationScope.nonCancellable(() => giveUp(input, error));
    throw error;
  });
  view.state = 'done';
  if (input.watch !== undefined && ended.generation !== null) await startWatch({ schemaVersion: 1, channel, generation: ended.generation, workload: run.workload, policy: input.watch, by: 'gate', run });
  await finishRun({ schemaVersion: 1, run, status: ended.status, reason: ended.reason, cost: null });
  if (ended.status === 'promoted') await withdrawFormer(run);
  return ended;
}

async function giveUp({ run, candidateDigest }: PromotionInput, error: unknown): Promise<void> {
  const { status, reason } = endOf(error);
  await finishRun({ schemaVersion: 1, run, status, reason, cost: null });
  await withdraw(run, candidateDigest);
}

/** Promotes, or takes the candidate off the engine and says why not. */
async function settle(input: PromotionInput, decided: Approval | null): Promise<PromotionOutput> {
  const { run, channel, candidateDigest, verdictDigest, expectedGeneration, approval } = input;
  const notPromoted = async (status: 'rejected' | 'lost', reason: string): Promise<PromotionOutput> => {
    await withdraw(run, candidateDigest);
    return { schemaVersion: 1, status, reason, generation: null };
  };
  if (approval.mode === 'one_approver' && decided === null) return notPromoted('rejected', `APPROVAL_EXPIRED: nobody approved within ${approval.expiresAfterHours} h`);
  const approvalDigest = decided === null ? null : (await recordApproval({ schemaVersion: 1, run, approval: decided })).approvalDigest;
  if (decided?.decision === 'reject') return notPromoted('rejected', `rejected by ${decided.by}`);

  const by = decided?.by ?? 'gate';
  const { result, generation } = await promote({ schemaVersion: 1, run, channel, candidateDigest, verdictDigest, expectedGeneration, by, approvalDigest });
  if (result === 'lost') return notPromoted('lost', `CHANNEL_CONFLICT: ${channel} moved on to generation ${generation}; the evaluation was against generation ${expectedGeneration}`);
  return { schemaVersion: 1, status: 'promoted', reason: `${channel} is at generation ${generation}`, generation };
}

/** Cheap and without waiting: Temporal asks before it writes the update into history. */
function assertFits(view: PromotionState, update: ApprovalUpdate): void {
  const refuse = (type: string, message: string): never => {
    throw ApplicationFailure.create({ type, message, nonRetryable: true });
  };
  if (view.state !== 'awaiting_approval') refuse('APPROVAL_VOID', `nothing waits for approval: this promotion is ${view.state}`);
  if (typeof update.by !== 'string' || update.by === '' || update.by.length > 200) refuse('REQUEST_INVALID', 'the approval names no person');
  if (update.verdictDigest !== view.verdictDigest) refuse('APPROVAL_VOID', `the verdict that waits is ${view.verdictDigest}`);
  if (update.candidateDigest !== view.candidateDigest) refuse('APPROVAL_VOID', `the adapter that waits is ${view.candidateDigest}`);
}
