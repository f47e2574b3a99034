// Puts a former adapter of the channel back. The workflow wraps it; the CLI calls it when Temporal is down.
import type { ChannelEntry, Digest } from '../core/contracts/index.ts';
import { RatchetError } from '../core/errors.ts';
import { now, type Deps } from './deps.ts';

export interface RollbackInput {
  schemaVersion: 1;
  channel: string;
  /** The generation whose adapter comes back; left out: what the live adapter took the place of. */
  toGeneration?: number;
  by: string;
  reason: string;
  /** The generation that the person saw live: a channel that moved on since is left alone, and a retry changes nothing twice. */
  expectedGeneration: number;
}

export interface RollbackOutput {
  schemaVersion: 1;
  generation: number;
  live: Digest | null;
  rolledBack: Digest | null;
}

/**
 * The former adapter is put on the replicas first, where they answer; where they do not, the swap goes on all the same:
 * the gateway sends no traffic to a replica that does not serve the live adapter.
 * @throws NOT_FOUND when there is nothing to go back to, CHANNEL_CONFLICT when somebody else was first
 */
export async function rollbackChannel(deps: Pick<Deps, 'store' | 'clock' | 'logger'> & { target: Pick<Deps['target'], 'load'> }, input: RollbackInput): Promise<RollbackOutput> {
  const history = await deps.store.channelHistory(input.channel);
  const current = await deps.store.channel(input.channel);
  if (!current) throw new RatchetError('NOT_FOUND', `no channel ${input.channel}`);
  const { channel, by, reason, expectedGeneration } = input;
  // A retry whose swap already happened.
  if (current.generation === expectedGeneration + 1 && current.action === 'rolled_back' && current.by === by && current.reason === reason) return outputOf(current);
  if (current.generation !== expectedGeneration) throw new RatchetError('CHANNEL_CONFLICT', `${channel} is at generation ${current.generation}, not ${expectedGeneration}`);
  const live = formerOf(history, current, input.toGeneration);
  if (live !== null) {
    await deps.target.load(live).catch((error: unknown) => {
      if (!(error instanceof RatchetError && error.code === 'SERVING_UNAVAILABLE')) throw error;
      deps.logger.warn({ channel: input.channel, adapter: live }, 'a replica does not answer: the gateway loads the adapter before traffic returns to it');
    });
  }
  return outputOf(await deps.store.swapChannel({ channel, expectedGeneration, live, action: 'rolled_back', by, reason, verdictDigest: null, approvalDigest: null, time: now(deps) }));
}

/** By default what stood there before the live adapter was promoted; a base that was never replaced has nothing before it. */
function formerOf(history: readonly ChannelEntry[], current: ChannelEntry, toGeneration: number | undefined): Digest | null {
  if (toGeneration !== undefined) {
    const entry = history.find(({ generation }) => generation === toGeneration);
    if (!entry) throw new RatchetError('NOT_FOUND', `${current.channel} has no generation ${toGeneration}`);
    return entry.live;
  }
  const promotion = history.findLast((entry) => entry.action === 'promoted' && entry.live === current.live);
  if (!promotion) throw new RatchetError('NOT_FOUND', `${current.channel} at generation ${current.generation} has no former adapter to go back to`);
  return promotion.previous;
}

const outputOf = (entry: ChannelEntry): RollbackOutput => ({ schemaVersion: 1, generation: entry.generation, live: entry.live, rolledBack: entry.previous });
