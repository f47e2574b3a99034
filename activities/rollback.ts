// Puts a former adapter of the channel back. One function for a person's rollback, which needs nothing but the store, and for the workflow.
import type { ChannelEntry, Digest } from '../core/contracts/index.ts';
import { RatchetError, safeMessage } from '../core/errors.ts';
import type { ServingTarget } from '../stores/ports.ts';
import { now, type Deps } from './deps.ts';

/** A replica that does not say within this time what it serves is taken for one that does not answer. */
const STATE_TIMEOUT_MS = 1_000;
/** A load that takes longer is left to the gateway: it sends no traffic to a replica that does not serve the live adapter. */
const LOAD_LIMIT_MS = 3_000;

export interface RollbackInput {
  schemaVersion: 1;
  channel: string;
  /** The generation whose adapter comes back, however far back; left out: what the live adapter took the place of. */
  toGeneration?: number;
  by: string;
  reason: string;
  /** The generation that was seen live: a channel that moved on since is left alone, and a retry changes nothing twice. */
  expectedGeneration: number;
  /** A person's own, made without Temporal: the store keeps it until Temporal has heard of it. */
  byHand?: boolean;
}

export interface RollbackOutput {
  schemaVersion: 1;
  generation: number;
  live: Digest | null;
  rolledBack: Digest | null;
}

export type RollbackDeps = Pick<Deps, 'store' | 'clock' | 'logger'> & {
  /** null: the store alone is touched; the gateway loads what replicas lack. */
  target: Pick<ServingTarget, 'state' | 'load'> | null;
};

/**
 * The former adapter is put on the replicas first, where that takes no more than seconds; where they do not answer, the swap
 * goes on all the same: the gateway then refuses rather than answer as another adapter, and loads it when they are back.
 * @throws NOT_FOUND when there is nothing to go back to, CHANNEL_CONFLICT when somebody else was first, REQUEST_INVALID when
 * it was never live here, ADAPTER_LOAD_FAILED or BLOB_CORRUPT when the replicas answer and none can serve it
 */
export async function rollbackChannel(deps: RollbackDeps, input: RollbackInput): Promise<RollbackOutput> {
  const { channel, by, reason, expectedGeneration, byHand } = input;
  const history = await deps.store.channelHistory(channel);
  const before = rolledBackBefore(history, input);
  if (before) return outputOf(before);
  const current = history.at(-1);
  if (!current) throw new RatchetError('NOT_FOUND', `no channel ${channel}`);
  if (current.generation !== expectedGeneration) throw new RatchetError('CHANNEL_CONFLICT', `${channel} is at generation ${current.generation}, not ${expectedGeneration}`);
  const live = formerOf(history, current, input.toGeneration);
  if (live !== null && deps.target !== null) await putBack(deps, deps.target, live);
  const change = { channel, expectedGeneration, live, action: 'rolled_back' as const, by, reason, verdictDigest: null, approvalDigest: null, time: now(deps) };
  return outputOf(await deps.store.swapChannel({ ...change, ...(byHand === true ? { byHand } : {}) }));
}

/** Returns when a replica serves the adapter, or when none that could is there in time. */
async function putBack({ logger }: Pick<Deps, 'logger'>, target: Pick<ServingTarget, 'state' | 'load'>, adapter: Digest): Promise<void> {
  const look = async () => (await target.state({ timeoutMs: STATE_TIMEOUT_MS })).filter(({ healthy }) => healthy);
  const serves = (replicas: Awaited<ReturnType<typeof look>>): boolean => replicas.some(({ adapters }) => adapters.some(({ digest }) => digest === adapter));
  const healthy = await look();
  // The usual case: the last ones are kept loaded. What another replica lacks is the gateway's to mend.
  if (serves(healthy)) return;
  const mended = 'it is loaded before traffic returns to a replica; until then the gateway refuses';
  if (healthy.length === 0) return void logger.warn({ adapter }, `no replica answers: ${mended}`);
  const limit = AbortSignal.timeout(LOAD_LIMIT_MS);
  const work = target.load(adapter, { replicas: healthy.map(({ url }) => url), signal: limit });
  const error = await Promise.race([
    work.then(() => null, (reason: unknown) => reason),
    new Promise<null>((resolve) => limit.addEventListener('abort', () => resolve(null), { once: true })),
  ]);
  if (error === null && !limit.aborted) return;
  const temporary = limit.aborted || !(error instanceof RatchetError) || error.retryable;
  if (!temporary && !serves(await look())) throw error;
  logger.warn({ adapter, ...(error === null ? {} : { error: safeMessage(error) }) }, `not every replica has the adapter yet: ${mended}`);
}

/** The entry that this very wish made before. */
const rolledBackBefore = (history: readonly ChannelEntry[], { expectedGeneration, by, reason }: RollbackInput): ChannelEntry | undefined =>
  history.find((entry) => entry.generation === expectedGeneration + 1 && entry.action === 'rolled_back' && entry.by === by && entry.reason === reason);

/** By default what stood there before the live adapter was promoted; a base that was never replaced has nothing before it. */
function formerOf(history: readonly ChannelEntry[], current: ChannelEntry, toGeneration: number | undefined): Digest | null {
  if (toGeneration !== undefined) {
    const entry = history.find(({ generation }) => generation === toGeneration);
    if (!entry) throw new RatchetError('NOT_FOUND', `${current.channel} has no generation ${toGeneration}`);
    if (entry.live === current.live) throw new RatchetError('REQUEST_INVALID', `${entry.live ?? 'the base model'} is live in ${current.channel} already`);
    return entry.live;
  }
  const promotion = history.findLast((entry) => entry.action === 'promoted' && entry.live === current.live);
  if (!promotion) throw new RatchetError('NOT_FOUND', `${current.channel} at generation ${current.generation} has no former adapter to go back to`);
  return promotion.previous;
}

const outputOf = (entry: ChannelEntry): RollbackOutput => ({ schemaVersion: 1, generation: entry.generation, live: entry.live, rolledBack: entry.previous });
