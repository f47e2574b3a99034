// Step 8: makes an adapter live. The compare-and-swap of the channel is the commit point; all before it can be repeated.
import type { Approval, ChannelEntry, Digest } from '../core/contracts/index.ts';
import { RatchetError } from '../core/errors.ts';
import type { PromotionIntent } from '../stores/ports.ts';
import { assertAllowed } from './approval.ts';
import { now, type Deps, type RunRef } from './deps.ts';
import { linkEntry, promotionIntentId } from './intents.ts';
import { readSettings, updateRun } from './runs.ts';
import { assertIsolated, assertServed, expectedReplicas, smokeTest } from './serve.ts';

export interface RecordApprovalInput {
  schemaVersion: 1;
  run: RunRef;
  approval: Approval;
}

export interface RecordApprovalOutput {
  schemaVersion: 1;
  approvalDigest: Digest;
}

/** Keeps a decision of a promotion that began before decisions were signed. It allows nothing: activities/approval.ts counts signed ones only. */
export async function recordApproval(deps: Deps, { approval }: RecordApprovalInput): Promise<RecordApprovalOutput> {
  const approvalDigest = await deps.store.putDocument('approval', approval);
  await deps.store.link([{ fromKind: 'verdict', from: approval.verdictDigest, relation: 'decided_by', toKind: 'approval', to: approvalDigest }]);
  return { schemaVersion: 1, approvalDigest };
}

export interface PromoteInput {
  schemaVersion: 1;
  run: RunRef;
  channel: string;
  candidateDigest: Digest;
  verdictDigest: Digest;
  expectedGeneration: number;
  by: string;
  approvalDigest: Digest | null;
}

export interface PromoteOutput {
  schemaVersion: 1;
  /** `lost`: the channel moved on since the evaluation, by another hand; it is as that hand left it. */
  result: 'promoted' | 'lost';
  generation: number;
}

/** Can be repeated from any point: what an attempt whose end nobody heard of has done is found and kept. */
export async function promote(deps: Deps, input: PromoteInput): Promise<PromoteOutput> {
  await updateRun(deps, input.run.runId, { step: 'promote' });
  const { channel, candidateDigest: candidate, expectedGeneration } = input;
  const intent = await deps.store.openIntent({ id: promotionIntentId(input.run.runId), channel, candidate, expectedGeneration, at: now(deps) });
  deps.faultPoint('after_intent');
  try {
    const entry = (await promotedBefore(deps, input)) ?? (await prepareAndSwap(deps, input, intent));
    deps.faultPoint('after_swap');
    return await concluded(deps, intent.id, entry);
  } catch (error) {
    if (!(error instanceof RatchetError) || error.retryable) throw error;
    // The hand that was first may have been our own: an attempt that was taken for dead and was not.
    const entry = await promotedBefore(deps, input);
    if (entry) return concluded(deps, intent.id, entry);
    await deps.store.closeIntent(intent.id, 'failed');
    if (error.code !== 'CHANNEL_CONFLICT') throw error;
    const winner = await deps.store.channel(channel);
    return { schemaVersion: 1, result: 'lost', generation: winner?.generation ?? expectedGeneration };
  }
}

/** What is left to do once the channel names the adapter. */
async function concluded(deps: Pick<Deps, 'store'>, intentId: string, entry: ChannelEntry): Promise<PromoteOutput> {
  await linkEntry(deps, entry);
  await deps.store.closeIntent(intentId, 'done');
  return { schemaVersion: 1, result: 'promoted', generation: entry.generation };
}

async function prepareAndSwap(deps: Deps, input: PromoteInput, intent: PromotionIntent): Promise<ChannelEntry> {
  const { channel, candidateDigest: live, expectedGeneration, verdictDigest } = input;
  const current = await deps.store.channel(channel);
  if (!current) throw new RatchetError('NOT_FOUND', `no channel ${channel}`);
  if (current.generation !== expectedGeneration) throw new RatchetError('CHANNEL_CONFLICT', `${channel} is at generation ${current.generation}, not ${expectedGeneration}`);
  const { verdict: { reason }, by, approvalDigest, approvedBy } = await assertAllowed(deps, input);
  await prepare(deps, input, { intent, live: current.live });
  deps.faultPoint('before_swap');
  return deps.store.swapChannel({ channel, expectedGeneration, intentId: intent.id, approvedBy, live, action: 'promoted', by, reason, verdictDigest, approvalDigest, time: now(deps) });
}

/**
 * Loads on every replica that may answer, reads back, asks one case, and looks whether anybody gets another's answer.
 * A replica that mixes adapters up is taken out of traffic; the promotion goes on with the others, if there are any.
 */
async function prepare(deps: Deps, { run, channel, candidateDigest }: PromoteInput, { intent, live }: { intent: PromotionIntent; live: Digest | null }): Promise<void> {
  const { workload } = await readSettings(deps, run);
  const { present, absent } = await expectedReplicas(deps);
  const waitedMs = deps.clock().getTime() - Date.parse(intent.at);
  if (present.length === 0 || (absent.length > 0 && waitedMs < deps.replicaWaitMs)) {
    throw new RatchetError('SERVING_UNAVAILABLE', `the promotion of ${candidateDigest} waits for ${absent.join(', ') || 'a replica that is in traffic'}`);
  }
  if (absent.length > 0) {
    deps.logger.warn({ channel, adapter: candidateDigest, absent, waitedMs }, 'a promotion goes on without replicas that do not answer: the gateway gives them the adapter before they get traffic');
  }
  await deps.target.load(candidateDigest, { replicas: present, onLoaded: () => deps.faultPoint('after_load') });
  await assertServed(deps.target, candidateDigest, present);
  deps.faultPoint('after_read_back');
  await smokeTest(deps, workload.name, candidateDigest, present);
  deps.faultPoint('after_smoke');
  await assertIsolated(deps, [candidateDigest, ...(live === null || live === candidateDigest ? [] : [live])], present);
}

/** The entry that this very promotion made before, in an attempt whose end nobody heard of. */
async function promotedBefore(deps: Pick<Deps, 'store'>, { channel, verdictDigest, candidateDigest }: PromoteInput): Promise<ChannelEntry | undefined> {
  const history = await deps.store.channelHistory(channel);
  return history.find((entry) => entry.action === 'promoted' && entry.verdictDigest === verdictDigest && entry.live === candidateDigest);
}
