// Step 8: puts adapters on the engine, makes sure that they answer as themselves, and takes them off again.
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChannelEntry, Digest } from '../core/contracts/index.ts';
import { RatchetError, safeMessage } from '../core/errors.ts';
import { ISOLATION_CHECK } from '../stores/isolation.ts';
import type { ServingTarget } from '../stores/ports.ts';
import { chatRequest } from './chat.ts';
import { now, type Deps, type RunRef } from './deps.ts';
import { promotionIntentId } from './intents.ts';
import { readSettings } from './runs.ts';
import type { Touch } from './step.ts';

const SMOKE_TIMEOUT_MS = 60_000;
const DRAIN_POLL_MS = 1_000;
/** An adapter with a request in flight for longer stays loaded until the next promotion. */
const DRAIN_LIMIT_MS = 10 * 60_000;

/**
 * The replicas that may answer production, by whether they answer now. One that is out of traffic (it mixes adapters up, or a
 * person took it out) is not counted: the gateway gives it what is live before it comes back.
 */
export async function expectedReplicas(deps: Pick<Deps, 'store' | 'target'>): Promise<{ present: string[]; absent: string[] }> {
  const out = new Set((await deps.store.replicaMarks()).filter(({ inTraffic }) => !inTraffic).map(({ replica }) => replica));
  const expected = (await deps.target.state()).filter(({ url }) => !out.has(url));
  return { present: expected.filter(({ healthy }) => healthy).map(({ url }) => url), absent: expected.filter(({ healthy }) => !healthy).map(({ url }) => url) };
}

/**
 * Asks replicas (default: every one) whether they live and serve the adapter.
 * @throws SERVING_UNAVAILABLE, ADAPTER_NOT_SERVED
 */
export async function assertServed(target: ServingTarget, adapter: Digest | null, replicas: readonly string[] = target.replicas): Promise<void> {
  for (const replica of await target.state()) {
    if (!replicas.includes(replica.url)) continue;
    if (!replica.healthy) throw new RatchetError('SERVING_UNAVAILABLE', `replica ${replica.url} does not answer`);
    if (adapter !== null && !replica.adapters.some(({ digest }) => digest === adapter)) throw new RatchetError('ADAPTER_NOT_SERVED', `replica ${replica.url} does not serve ${adapter}`);
  }
}

/**
 * Asks each replica one fixed case: the first of the workload's pool. Whether the answer is good is the gate's business.
 * @throws SMOKE_TEST_FAILED when a live replica gives no answer
 */
export async function smokeTest(deps: Pick<Deps, 'store' | 'target'>, workload: string, adapter: Digest, replicas: readonly string[]): Promise<void> {
  const [first] = await deps.store.cases(workload);
  if (!first) throw new RatchetError('SMOKE_TEST_FAILED', `${workload} has no case to ask`);
  for (const replica of replicas) {
    const answer = await deps.target.chat(chatRequest(first.case, adapter), { replica, timeoutMs: SMOKE_TIMEOUT_MS }).catch(async () => {
      await assertServed(deps.target, adapter, [replica]);
      throw new RatchetError('SMOKE_TEST_FAILED', `replica ${replica} answered case ${first.caseDigest} with an error`);
    });
    const empty = answer.text.trim() === '' && (answer.toolCalls ?? []).length === 0;
    if (empty || answer.finishReason === 'error') throw new RatchetError('SMOKE_TEST_FAILED', `replica ${replica} gave no answer to case ${first.caseDigest}`);
  }
}

/**
 * Looks on each replica whether anybody gets another adapter's answer. Those where that is so are taken out of traffic; one that
 * was, and keeps adapters apart now, is put back. `error`: what the check came to there, null when it was passed.
 */
export async function checkEach(deps: Pick<Deps, 'store' | 'target' | 'clock' | 'logger'>, adapters: readonly Digest[], replicas: readonly string[]): Promise<{ replica: string; error: unknown }[]> {
  const errors = await Promise.all(replicas.map((replica) => deps.target.checkIsolation(adapters, { replicas: [replica] }).then(() => null, (error: unknown) => error)));
  const outBefore = new Set((await deps.store.replicaMarks()).filter(({ inTraffic, cause }) => !inTraffic && cause === 'isolation').map(({ replica }) => replica));
  const results = replicas.map((replica, index) => ({ replica, error: errors[index] ?? null }));
  for (const { replica, error } of results) {
    const mark = { replica, cause: 'isolation' as const, by: ISOLATION_CHECK, at: now(deps) };
    if (isMixedUp(error)) {
      await deps.store.markReplica({ ...mark, inTraffic: false, reason: error.message });
      deps.logger.warn({ replica, error: safeMessage(error) }, 'a replica mixes adapters up: it is taken out of traffic');
    } else if (error === null && outBefore.has(replica)) await deps.store.markReplica({ ...mark, inTraffic: true, reason: 'passed the isolation check again' });
  }
  return results;
}

const isMixedUp = (error: unknown): error is RatchetError => error instanceof RatchetError && error.code === 'ISOLATION_BROKEN';

/**
 * Goes on where at least one replica keeps adapters apart; others are taken out of traffic.
 * @throws ISOLATION_BROKEN when none is left
 */
export async function assertIsolated(deps: Pick<Deps, 'store' | 'target' | 'clock' | 'logger'>, adapters: readonly Digest[], replicas: readonly string[]): Promise<void> {
  const failed = (await checkEach(deps, adapters, replicas)).filter(({ error }) => error !== null);
  const other = failed.find(({ error }) => !isMixedUp(error));
  if (other) throw other.error;
  const [first] = failed;
  if (first && failed.length === replicas.length) throw first.error;
}

export interface UnloadAdapterInput {
  schemaVersion: 1;
  run: RunRef;
  adapterDigest: Digest;
}

export interface UnloadOutput {
  schemaVersion: 1;
  unloaded: Digest[];
  /** What should have gone and stays, and why. */
  kept?: { adapterDigest: Digest; reason: string }[];
}

/** Takes a candidate off the replicas that was not promoted. Does nothing to an adapter that a channel uses. */
export async function unloadAdapter(deps: Deps, { run, adapterDigest }: UnloadAdapterInput): Promise<UnloadOutput> {
  const { workload } = await readSettings(deps, run);
  return { schemaVersion: 1, unloaded: await unloadUnused(deps, adapterDigest, workload.keepLoaded) };
}

export interface UnloadFormerInput {
  schemaVersion: 1;
  run: RunRef;
}

/** Takes the channel's oldest adapters off the replicas, each once no gateway has a request in flight on it; `keepLoaded` former ones stay. */
export async function unloadFormer(deps: Deps, { run }: UnloadFormerInput, { signal }: Touch): Promise<UnloadOutput> {
  const { workload } = await readSettings(deps, run);
  const used = await adaptersInUse(deps, workload.keepLoaded);
  const former = new Set((await deps.store.channelHistory(workload.channel)).map((entry) => entry.live));
  const loaded = new Set((await deps.target.state()).flatMap((replica) => replica.adapters.map(({ digest }) => digest)));
  const leaving = [...loaded].filter((digest) => former.has(digest) && !used.has(digest));
  deps.faultPoint('before_unload');
  const unloaded: Digest[] = [];
  const kept: { adapterDigest: Digest; reason: string }[] = [];
  const deadlineMs = performance.now() + DRAIN_LIMIT_MS;
  for (const digest of leaving) {
    let reason = await deps.busyOn(digest);
    if (reason !== null) deps.logger.info({ adapter: digest, reason }, 'a former adapter waits to be unloaded');
    while (reason !== null && performance.now() < deadlineMs) {
      await sleep(DRAIN_POLL_MS, undefined, { signal });
      reason = await deps.busyOn(digest);
    }
    if (reason !== null) {
      deps.logger.warn({ adapter: digest, reason }, 'a former adapter stays loaded');
      kept.push({ adapterDigest: digest, reason });
      continue;
    }
    unloaded.push(...(await unloadUnused(deps, digest, workload.keepLoaded)));
  }
  return { schemaVersion: 1, unloaded, ...(kept.length === 0 ? {} : { kept }) };
}

/** Runs whose workflows are asked after: a night or a promotion under way is among the newest of its workload. */
const RUNS_LOOKED_AT = 100;

/**
 * Takes off what nobody comes back for: candidates of nights and promotions whose workflow was ended from outside, or whose own
 * tidying did not get through. Adapters that the store does not know, or of workloads that this worker does not run, are left alone.
 * @param running whether the workflow of that id still runs
 */
export async function unloadOrphans(deps: Pick<Deps, 'store' | 'target' | 'logger' | 'busyOn' | 'workloads'>, running: (workflowId: string) => Promise<boolean>): Promise<Digest[]> {
  const keepLoaded = Math.max(...[...deps.workloads.values()].map(({ workload }) => workload.keepLoaded));
  const used = await adaptersInUse(deps, keepLoaded);
  const loaded = new Set((await deps.target.state()).flatMap((replica) => replica.adapters.map(({ digest }) => digest)));
  const unloaded: Digest[] = [];
  for (const adapter of [...loaded].filter((digest) => !used.has(digest))) {
    const workload = (await deps.store.adapter(adapter))?.workload;
    if (workload === undefined || !deps.workloads.has(workload) || (await isAwaited(deps, adapter, workload, running)) || (await deps.busyOn(adapter)) !== null) continue;
    unloaded.push(...(await unloadUnused(deps, adapter, keepLoaded)));
  }
  if (unloaded.length > 0) deps.logger.warn({ adapters: unloaded }, 'adapters were left on the replicas that nothing goes on with: they are unloaded');
  return unloaded;
}

/** A night may ask any adapter of its workload; a promotion is of its run's. */
async function isAwaited({ store }: Pick<Deps, 'store'>, adapter: Digest, workload: string, running: (workflowId: string) => Promise<boolean>): Promise<boolean> {
  for (const { runId, status, adapterDigest } of await store.runs({ workload, limit: RUNS_LOOKED_AT })) {
    if (status === 'running' && (await running(runId))) return true;
    if ((status === 'running' || status === 'awaiting_approval') && adapterDigest === adapter && (await running(promotionIntentId(runId)))) return true;
  }
  return false;
}

/** Asks again right before and right after: while requests were waited for, a rollback may have brought the adapter back. */
async function unloadUnused(deps: Pick<Deps, 'store' | 'target' | 'logger'>, adapter: Digest, keepLoaded: number): Promise<Digest[]> {
  const used = async (): Promise<boolean> => (await adaptersInUse(deps, keepLoaded)).has(adapter);
  if (await used()) return [];
  // One that does not answer is not asked: when it comes back, it has what it had, or nothing.
  const replicas = (await deps.target.state()).filter(({ healthy }) => healthy).map(({ url }) => url);
  await deps.target.unload(adapter, { replicas });
  if (!(await used())) return [adapter];
  deps.logger.warn({ adapter }, 'an adapter came back into use while it was unloaded: it is loaded again');
  await deps.target.load(adapter, { replicas });
  return [];
}

/** Every channel's live adapter, the one held back and the `keepLoaded` last ones before it, and what promotions under way are about to make live. */
async function adaptersInUse(deps: Pick<Deps, 'store'>, keepLoaded: number): Promise<Set<Digest>> {
  const inUse = new Set((await deps.store.openIntents()).map(({ candidate }) => candidate));
  for (const { channel, holdback } of await deps.store.channels()) {
    if (holdback?.digest) inUse.add(holdback.digest);
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
