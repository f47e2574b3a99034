// Step 8: makes an adapter live. The compare-and-swap of the channel is the commit point; all before it can be repeated.
import type { Approval, ChannelEntry, Digest } from '../core/contracts/index.ts';
import { RatchetError } from '../core/errors.ts';
import { now, type Deps, type RunRef } from './deps.ts';
import { readSettings, updateRun } from './runs.ts';
import { assertServed, smokeTest } from './serve.ts';

export interface RecordApprovalInput {
  schemaVersion: 1;
  run: RunRef;
  approval: Approval;
}

export interface RecordApprovalOutput {
  schemaVersion: 1;
  approvalDigest: Digest;
}

/** Keeps a person's decision, for or against. */
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

export async function promote(deps: Deps, input: PromoteInput): Promise<PromoteOutput> {
  await updateRun(deps, input.run.runId, { step: 'promote' });
  const { channel, candidateDigest: candidate, expectedGeneration } = input;
  const intentId = promotionIntentId(input.run.runId);
  await deps.store.openIntent({ id: intentId, channel, candidate, expectedGeneration, at: now(deps) });
  try {
    const entry = (await promotedBefore(deps, input)) ?? (await prepareAndSwap(deps, input));
    await linkEntry(deps, input, entry);
    await deps.store.closeIntent(intentId, 'done');
    return { schemaVersion: 1, result: 'promoted', generation: entry.generation };
  } catch (error) {
    if (!(error instanceof RatchetError) || error.retryable) throw error;
    await deps.store.closeIntent(intentId, 'failed');
    if (error.code !== 'CHANNEL_CONFLICT') throw error;
    const winner = await deps.store.channel(channel);
    return { schemaVersion: 1, result: 'lost', generation: winner?.generation ?? expectedGeneration };
  }
}

export const promotionIntentId = (runId: string): string => `promotion/${runId}`;

async function prepareAndSwap(deps: Deps, input: PromoteInput): Promise<ChannelEntry> {
  const { channel, candidateDigest: live, expectedGeneration, verdictDigest, approvalDigest, by } = input;
  const current = await deps.store.channel(channel);
  if (!current) throw new RatchetError('NOT_FOUND', `no channel ${channel}`);
  if (current.generation !== expectedGeneration) throw new RatchetError('CHANNEL_CONFLICT', `${channel} is at generation ${current.generation}, not ${expectedGeneration}`);
  const verdict = await deps.store.verdict(verdictDigest);
  if (!verdict) throw new RatchetError('NOT_FOUND', `no verdict ${verdictDigest}`);
  await prepare(deps, input, current.live);
  return deps.store.swapChannel({ channel, expectedGeneration, live, action: 'promoted', by, reason: verdict.reason, verdictDigest, approvalDigest, time: now(deps) });
}

/** Loads on every replica, reads back, asks one case, and looks whether anybody gets another's answer. */
async function prepare(deps: Deps, { run, candidateDigest }: PromoteInput, live: Digest | null): Promise<void> {
  const { workload } = await readSettings(deps, run);
  await deps.target.load(candidateDigest);
  await assertServed(deps.target, candidateDigest);
  await smokeTest(deps, workload.name, candidateDigest);
  await deps.target.checkIsolation([candidateDigest, ...(live === null || live === candidateDigest ? [] : [live])]);
}

/** The entry that this very promotion made before, in an attempt whose end nobody heard of. */
async function promotedBefore(deps: Pick<Deps, 'store'>, { channel, verdictDigest, candidateDigest }: PromoteInput): Promise<ChannelEntry | undefined> {
  const history = await deps.store.channelHistory(channel);
  return history.find((entry) => entry.action === 'promoted' && entry.verdictDigest === verdictDigest && entry.live === candidateDigest);
}

async function linkEntry(deps: Pick<Deps, 'store'>, { verdictDigest, approvalDigest }: PromoteInput, entry: ChannelEntry): Promise<void> {
  const to = channelEntryId(entry);
  await deps.store.link([
    { fromKind: 'verdict', from: verdictDigest, relation: 'promoted_as', toKind: 'channel_entry', to },
    ...(approvalDigest === null ? [] : [{ fromKind: 'approval' as const, from: approvalDigest, relation: 'allowed', toKind: 'channel_entry' as const, to }]),
  ]);
}

/** How lineage names a generation of a channel. */
export const channelEntryId = ({ channel, generation }: Pick<ChannelEntry, 'channel' | 'generation'>): string => `${channel}@${generation}`;
