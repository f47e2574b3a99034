// Step 8: puts adapters on the engine, makes sure that they answer as themselves, and takes them off again.
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChannelEntry, Digest } from '../core/contracts/index.ts';
import { RatchetError } from '../core/errors.ts';
import type { ServingTarget } from '../stores/ports.ts';
import { chatRequest } from './chat.ts';
import type { Deps, RunRef } from './deps.ts';
import { readSettings } from './runs.ts';
import type { Touch } from './step.ts';

const SMOKE_TIMEOUT_MS = 60_000;
const DRAIN_POLL_MS = 1_000;
/** An adapter with a request in flight for longer stays loaded until the next promotion. */
const DRAIN_LIMIT_MS = 10 * 60_000;

/**
 * Asks every replica whether it lives and serves the adapter.
 * @throws SERVING_UNAVAILABLE, ADAPTER_NOT_SERVED
 */
export async function assertServed(target: ServingTarget, adapter: Digest | null): Promise<void> {
  for (const replica of await target.state()) {
    if (!replica.healthy) throw new RatchetError('SERVING_UNAVAILABLE', `replica ${replica.url} does not answer`);
    if (adapter !== null && !replica.adapters.some(({ digest }) => digest === adapter)) throw new RatchetError('ADAPTER_NOT_SERVED', `replica ${replica.url} does not serve ${adapter}`);
  }
}

/**
 * Asks every replica one fixed case: the first of the workload's pool. Whether the answer is good is the gate's business.
 * @throws SMOKE_TEST_FAILED when a live replica gives no answer
 */
export async function smokeTest(deps: Pick<Deps, 'store' | 'target'>, workload: string, adapter: Digest): Promise<void> {
  const [first] = await deps.store.cases(workload);
  if (!first) throw new RatchetError('SMOKE_TEST_FAILED', `${workload} has no case to ask`);
  for (const replica of deps.target.replicas) {
    const answer = await deps.target.chat(chatRequest(first.case, adapter), { replica, timeoutMs: SMOKE_TIMEOUT_MS }).catch(async () => {
      await assertServed(deps.target, adapter);
      throw new RatchetError('SMOKE_TEST_FAILED', `replica ${replica} answered case ${first.caseDigest} with an error`);
    });
    const empty = answer.text.trim() === '' && (answer.toolCalls ?? []).length === 0;
    if (empty || answer.finishReason === 'error') throw new RatchetError('SMOKE_TEST_FAILED', `replica ${replica} gave no answer to case ${first.caseDigest}`);
  }
}

export interface UnloadAdapterInput {
  schemaVersion: 1;
  run: RunRef;
  adapterDigest: Digest;
}

export interface UnloadOutput {
  schemaVersion: 1;
  unloaded: Digest[];
}

/** Takes a candidate off the replicas that was not promoted. Does nothing to an adapter that a channel uses. */
export async function unloadAdapter(deps: Deps, { run, adapterDigest }: UnloadAdapterInput): Promise<UnloadOutput> {
  const { workload } = await readSettings(deps, run);
  const used = await adaptersInUse(deps, workload.keepLoaded);
  if (used.has(adapterDigest)) return { schemaVersion: 1, unloaded: [] };
  await deps.target.unload(adapterDigest);
  return { schemaVersion: 1, unloaded: [adapterDigest] };
}

export interface UnloadFormerInput {
  schemaVersion: 1;
  run: RunRef;
}

/** Takes the channel's oldest adapters off the replicas, each once no request is in flight on it; `keepLoaded` former ones stay. */
export async function unloadFormer(deps: Deps, { run }: UnloadFormerInput, { signal }: Touch): Promise<UnloadOutput> {
  const { workload } = await readSettings(deps, run);
  const used = await adaptersInUse(deps, workload.keepLoaded);
  const former = new Set((await deps.store.channelHistory(workload.channel)).map((entry) => entry.live));
  const loaded = new Set((await deps.target.state()).flatMap((replica) => replica.adapters.map(({ digest }) => digest)));
  const leaving = [...loaded].filter((digest) => former.has(digest) && !used.has(digest));
  const unloaded: Digest[] = [];
  const deadlineMs = performance.now() + DRAIN_LIMIT_MS;
  for (const digest of leaving) {
    let drained = await deps.drained(digest);
    while (!drained && performance.now() < deadlineMs) {
      await sleep(DRAIN_POLL_MS, undefined, { signal });
      drained = await deps.drained(digest);
    }
    if (!drained) continue;
    await deps.target.unload(digest);
    unloaded.push(digest);
  }
  return { schemaVersion: 1, unloaded };
}

/** Every channel's live adapter and the `keepLoaded` last ones before it. */
async function adaptersInUse(deps: Pick<Deps, 'store'>, keepLoaded: number): Promise<Set<Digest>> {
  const inUse = new Set<Digest>();
  for (const { channel } of await deps.store.channels()) {
    for (const digest of keptLoaded(await deps.store.channelHistory(channel), keepLoaded)) inUse.add(digest);
  }
  return inUse;
}

/** The adapters of one channel that stay on the replicas: the live one and the last `keepLoaded` others. Newest first. */
export function keptLoaded(history: readonly ChannelEntry[], keepLoaded: number): Digest[] {
  const newestFirst = history.toSorted((a, b) => b.generation - a.generation).map((entry) => entry.live);
  const live = newestFirst[0];
  const former = [...new Set(newestFirst)].filter((digest) => digest !== null && digest !== live);
  return [live, ...former.slice(0, keepLoaded)].filter((digest) => digest !== null && digest !== undefined);
}
