// Promotions under way, as the store remembers them, and what becomes of those whose worker died.
import type { ChannelEntry } from '../core/contracts/index.ts';
import type { PromotionIntent } from '../stores/ports.ts';
import type { Deps } from './deps.ts';

/** Also the id of the workflow that promotes. */
export const promotionIntentId = (runId: string): string => `promotion/${runId}`;

/** How lineage names a generation of a channel. */
export const channelEntryId = ({ channel, generation }: Pick<ChannelEntry, 'channel' | 'generation'>): string => `${channel}@${generation}`;

/** `finished`: its swap had been made. `closed`: nobody goes on with it, or the channel has moved on. `left`: Temporal tries it again. */
export type Reconciled = 'finished' | 'closed' | 'left';

/** The entry that a promotion made, by what it was to change. */
export const promotedEntry = (history: readonly ChannelEntry[], { candidate, expectedGeneration }: Pick<PromotionIntent, 'candidate' | 'expectedGeneration'>): ChannelEntry | undefined =>
  history.find((entry) => entry.action === 'promoted' && entry.live === candidate && entry.generation === expectedGeneration + 1);

/** Ties an entry to the verdict and the approval that it rests on. */
export async function linkEntry(deps: Pick<Deps, 'store'>, entry: ChannelEntry): Promise<void> {
  const { verdictDigest, approvalDigest } = entry;
  const to = channelEntryId(entry);
  await deps.store.link([
    ...(verdictDigest === null ? [] : [{ fromKind: 'verdict' as const, from: verdictDigest, relation: 'promoted_as', toKind: 'channel_entry' as const, to }]),
    ...(approvalDigest === null ? [] : [{ fromKind: 'approval' as const, from: approvalDigest, relation: 'allowed', toKind: 'channel_entry' as const, to }]),
  ]);
}

/**
 * Goes through the promotions that are open; `left` ones are told of where a worker begins, later they are those under way. Closing one is a fence: an attempt of it that still lives somewhere cannot swap
 * the channel any more.
 * @param running whether the workflow of that id still runs
 */
export async function reconcileIntents(deps: Pick<Deps, 'store' | 'logger'> & { running: (workflowId: string) => Promise<boolean>; count: (result: Reconciled) => void; begins: boolean }): Promise<void> {
  const { store, logger } = deps;
  for (const intent of await store.openIntents()) {
    const result = await reconcile(deps, intent);
    if (result === 'left' && !deps.begins) continue;
    deps.count(result);
    const { id, channel, candidate: adapter, expectedGeneration, at } = intent;
    logger.warn({ promotion: id, channel, adapter, expectedGeneration, since: at, result }, `a promotion was left open: ${MEANS[result]}`);
  }
}

const MEANS: Record<Reconciled, string> = {
  finished: 'the channel had been changed, it is done',
  closed: 'nothing goes on with it, the channel is as it was',
  left: 'its workflow runs and tries again',
};

async function reconcile({ store, running }: Pick<Deps, 'store'> & { running: (workflowId: string) => Promise<boolean> }, intent: PromotionIntent): Promise<Reconciled> {
  const done = async (): Promise<ChannelEntry | undefined> => promotedEntry(await store.channelHistory(intent.channel), intent);
  if ((await done()) === undefined) {
    const movedOn = (await store.channel(intent.channel))?.generation !== intent.expectedGeneration;
    if (!movedOn && (await running(intent.id))) return 'left';
    await store.closeIntent(intent.id, 'failed');
  }
  // Looked at again: before the fence stood, a last attempt may have come through.
  const entry = await done();
  if (entry === undefined) return 'closed';
  await linkEntry({ store }, entry);
  await store.closeIntent(intent.id, 'done');
  return 'finished';
}
