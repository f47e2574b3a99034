// A verdict's way onto the channel: at once, or when enough people have signed exactly this promotion before the time is up.
import { CancellationScope, defineQuery, isCancellation, patched, setHandler, upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import type { RunRef } from '../activities/deps.ts';
import type { ApprovalPolicy, Digest, PromotionEnd, RunStatus, WatchPolicy } from '../core/contracts/index.ts';
import { decisions, type Approved, type Desk } from './decisions.ts';
import { endOf } from './failures.ts';
import * as attributes from './search-attributes.ts';
import { finishRun, promote, supersedeWaiting } from './steps.ts';
import { withdraw, withdrawFormer } from './tidy.ts';
import { unsignedPromotion } from './unsigned-promotion.ts';
import { startWatch } from './watch-channel.ts';

export interface PromotionInput {
  schemaVersion: 1;
  run: RunRef;
  channel: string;
  candidateDigest: Digest;
  verdictDigest: Digest;
  expectedGeneration: number;
  approval: Pick<ApprovalPolicy, 'mode' | 'expiresAfterHours'>;
  /** How the channel is watched afterwards; left out: it is not (and so in every promotion that began before there was a watch). */
  watch?: WatchPolicy;
}

export interface PromotionState {
  schemaVersion: 1;
  /** `opening`: not yet ready for decisions. `settling`: being promoted, or taken off the engine. */
  state: 'opening' | 'awaiting_approval' | 'settling' | 'done';
  promotionId: string;
  candidateDigest: Digest;
  verdictDigest: Digest;
  channel: string;
  expectedGeneration: number;
  expiresAt: string | null;
  needed: number;
  approvers: string[];
  /** Decisions that were let in and did not stand the check. */
  refused: number;
}

export interface PromotionOutput {
  schemaVersion: 1;
  status: Extract<RunStatus, 'promoted' | 'rejected' | 'lost'>;
  reason: string | null;
  generation: number | null;
}

export const state = defineQuery<PromotionState>('state');

export async function promotion(input: PromotionInput): Promise<PromotionOutput> {
  if (!patched('signed-decisions')) return unsignedPromotion(input);
  const { run, channel, candidateDigest, verdictDigest, expectedGeneration } = input;
  const waits = input.approval.mode !== 'automatic';
  const view: PromotionState = {
    ...{ schemaVersion: 1, state: waits ? 'opening' : 'settling', promotionId: workflowInfo().workflowId },
    ...{ candidateDigest, verdictDigest, channel, expectedGeneration, expiresAt: null, needed: 0, approvers: [], refused: 0 },
  };
  const desk = waits ? decisions(input, view) : null;
  setHandler(state, () => view);
  upsertSearchAttributes([{ key: attributes.Workload, value: run.workload }, { key: attributes.AdapterDigest, value: candidateDigest }]);

  const ended = await (async (): Promise<Ended> => {
    const decided = desk === null ? { as: 'approved' as const, by: 'gate', approvalDigest: null } : await desk.decided();
    view.state = 'settling';
    return decided.as === 'approved' ? goLive(input, decided) : turnDown(input, decided);
  })().catch((error: unknown) => CancellationScope.nonCancellable(() => giveUp(input, desk, error)));
  view.state = 'done';
  return CancellationScope.nonCancellable(async () => {
    const { generation } = ended.output;
    if (input.watch !== undefined && generation !== null) await startWatch({ schemaVersion: 1, channel, generation, workload: run.workload, policy: input.watch, by: 'gate', run });
    await finishRun({ schemaVersion: 1, run, status: ended.output.status, reason: ended.output.reason, cost: null });
    if (ended.output.status === 'promoted') {
      await withdrawFormer(run);
      await supersedeWaiting({ schemaVersion: 1, run, channel });
    }
    await desk?.close(ended.as, ended.output.reason ?? '');
    return ended.output;
  });
}

interface Ended {
  as: PromotionEnd;
  output: PromotionOutput;
}

async function goLive(input: PromotionInput, { by, approvalDigest }: Approved): Promise<Ended> {
  const { run, channel, candidateDigest, verdictDigest, expectedGeneration } = input;
  const { result, generation } = await promote({ schemaVersion: 1, run, channel, candidateDigest, verdictDigest, expectedGeneration, by, approvalDigest });
  if (result === 'lost') return turnDown(input, { as: 'lost', reason: `CHANNEL_CONFLICT: ${channel} moved on to generation ${generation}; the evaluation was against generation ${expectedGeneration}` });
  return { as: 'promoted', output: { schemaVersion: 1, status: 'promoted', reason: `${channel} is at generation ${generation}`, generation } };
}

/** Takes the candidate off the engine and says why. */
async function turnDown({ run, candidateDigest }: PromotionInput, { as, reason }: { as: Exclude<PromotionEnd, 'promoted' | 'failed' | 'cancelled'>; reason: string }): Promise<Ended> {
  await withdraw(run, candidateDigest);
  return { as, output: { schemaVersion: 1, status: as === 'lost' ? 'lost' : 'rejected', reason, generation: null } };
}

/** What was cancelled may have been superseded: the store says which. */
async function giveUp(input: PromotionInput, desk: Desk | null, error: unknown): Promise<Ended> {
  const { run, candidateDigest } = input;
  const { status, reason } = endOf(error);
  const stands = desk === null ? null : await desk.close(status, reason);
  if (isCancellation(error) && stands?.as === 'superseded') return turnDown(input, { as: 'superseded', reason: stands.reason });
  await finishRun({ schemaVersion: 1, run, status, reason, cost: null });
  await withdraw(run, candidateDigest);
  throw error;
}
