// What must hold at the very moment when the channel changes or an adapter is taken off the engine.
import type { ChannelEntry, Digest, RunRecord, SignedStatement, WaitingPromotion } from '../../core/contracts/index.ts';
import type { MetadataStore } from '../../stores/ports.ts';
import { currentTry } from './in-process.ts';
import { PEOPLE, signedBy } from './people.ts';
import type { World } from './world.ts';

export function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`broken: ${what}`);
}

/** What nobody may take off the engine: the live adapter, the last ones before it, and what is about to go live. */
export async function inUse(store: MetadataStore, keepLoaded: number): Promise<Set<Digest>> {
  const used = new Set((await store.openIntents()).map(({ candidate }) => candidate));
  for (const { channel } of await store.channels()) {
    const newestFirst = (await store.channelHistory(channel)).map(({ live }) => live).reverse();
    const former = [...new Set(newestFirst)].filter((digest) => digest !== null && digest !== newestFirst[0]).slice(0, keepLoaded);
    for (const digest of [newestFirst[0], ...former]) if (digest) used.add(digest);
  }
  return used;
}

/** Only what was needed when the step began and is needed now: one that has just come back is loaded again. */
export async function checkUnload(world: World, adapter: Digest): Promise<void> {
  const before = currentTry()?.atStart as Set<Digest> | undefined;
  must(!(before?.has(adapter) === true && (await inUse(world.store, world.keepLoaded)).has(adapter)), 'no adapter is taken off the engine that is live, kept for a rollback or about to go live');
}

export async function checkSwap(world: World, entry: ChannelEntry): Promise<void> {
  if (entry.action === 'rolled_back') {
    const wish = world.wishes.get(entry.reason);
    must(wish !== undefined && wish.generation === entry.generation - 1, 'a rollback changes the generation that was seen, once');
    const wanted = wish.toGeneration === undefined ? undefined : (await world.store.channelHistory(world.channel))[wish.toGeneration];
    must(wanted === undefined || wanted.live === entry.live, 'a rollback brings back what was asked for');
    return;
  }
  const live = entry.live ?? 'base';
  const calls = currentTry()?.calls ?? [];
  must(entry.live !== null && world.onEngine.has(entry.live), 'what goes live is on the engine');
  must([`load ${live}`, `asked ${live}`, `isolated ${live}`].every((call) => calls.includes(call)), 'what goes live was loaded, asked and checked by the same hand');
  must(entry.previous === null || calls.includes(`isolated ${entry.previous}`), 'and checked against what it takes the place of');
  const verdict = entry.verdictDigest === null ? null : await world.store.verdict(entry.verdictDigest);
  const promotionId = `promotion/${verdict?.runId}`;
  must((await world.store.openIntents()).some(({ id }) => id === promotionId), 'what goes live was not given up before');
  if (world.approval === 'automatic') return;
  const waiting = await world.store.waitingPromotion(promotionId);
  must(waiting !== null && waiting.ended === null, 'what goes live still waits: it was neither turned down nor superseded');
  const needed = world.approval === 'two_approvers' ? 2 : 1;
  must((await approversNow(world, waiting)).size >= needed, 'enough people who may have signed exactly this, in time');
}

/** Told from the signatures that were kept, by who holds which key now. */
async function approversNow({ store, sent, requestedBy }: World, waiting: WaitingPromotion): Promise<Set<string>> {
  const revoked = new Set((await store.approverKeys()).filter((key) => key.revoked !== null).map(({ keyId }) => keyId));
  const run: RunRecord | null = await store.run(waiting.runId);
  const names = new Set<string>();
  for (const { to } of await store.linksFrom(waiting.verdictDigest)) {
    const { statement, signature } = (await store.approval(to)) ?? {};
    if (!statement || signature === undefined || statement.decision !== 'approve') continue;
    const signed: SignedStatement = { statement, signature };
    const by = signedBy(signed);
    const bound = (['promotionId', 'channel', 'candidateDigest', 'datasetDigest', 'evaluationDigest', 'verdictDigest', 'policyDigest', 'expectedGeneration'] as const).every((field) => statement[field] === waiting[field]);
    const inTime = sent.some((each) => each.signed.signature === signature && each.at >= waiting.since && each.at <= waiting.expiresAt);
    const asked = requestedBy.get(run?.requestId ?? '');
    if (by !== null && bound && inTime && by !== asked && !revoked.has(PEOPLE[by].key.keyId)) names.add(by);
  }
  return names;
}
