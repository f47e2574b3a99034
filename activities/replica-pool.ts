// The replicas that an evaluation asks: those that answer, serve its adapters and keep them apart. One that fails is asked no more.
import type { Digest } from '../core/contracts/index.ts';
import { RatchetError, safeMessage } from '../core/errors.ts';
import type { ServingTarget } from '../stores/ports.ts';
import type { Deps } from './deps.ts';
import { assertServed, checkEach } from './serve.ts';

type PoolDeps = Pick<Deps, 'store' | 'clock' | 'logger'>;

/** A target of fewer replicas; asked a question, it goes on to the next where one turns out to be gone. */
export interface ReplicaPool extends ServingTarget {
  /** When each replica, also one that is left out, was last found to mix adapters up, or to have stopped: answers from before a change do not count. */
  readonly found: string;
  /**
   * Looks at those that answered once more.
   * @throws EVALUATION_INCOMPLETE where one of them mixes adapters up now, or was found to meanwhile
   */
  assertStillApart(): Promise<void>;
}

/**
 * Loads the adapters wherever that is possible, and looks whether they are kept apart there.
 * @throws ISOLATION_BROKEN or what the first replica failed with, naming each, when none is left
 */
export async function openPool(deps: PoolDeps, target: ServingTarget, adapters: readonly Digest[]): Promise<ReplicaPool> {
  const barred = new Set((await deps.store.replicaMarks()).filter(({ inTraffic, cause }) => !inTraffic && cause === 'person').map(({ replica }) => replica));
  const failures: { replica: string; error: RatchetError }[] = [];
  const skip = (replica: string, error: unknown): void => {
    // A wrong key or a damaged adapter is no replica's fault.
    if (!(error instanceof RatchetError) || error.code === 'UNAUTHORIZED' || error.code === 'BLOB_CORRUPT' || error.code === 'NOT_FOUND') throw error;
    failures.push({ replica, error });
    deps.logger.warn({ replica, error: safeMessage(error) }, 'a replica is left out of the evaluation');
  };
  const able: string[] = [];
  for (const { url: replica, healthy } of await target.state()) {
    if (barred.has(replica)) skip(replica, new RatchetError('SERVING_UNAVAILABLE', `${replica} was taken out of traffic by a person`));
    else if (!healthy) skip(replica, new RatchetError('SERVING_UNAVAILABLE', `${replica} does not answer`));
    else {
      const failed: unknown = await loadAll(target, adapters, replica).then(() => null, (error: unknown) => error);
      if (failed === null) able.push(replica);
      else skip(replica, failed);
    }
  }
  for (const { replica, error } of await checkEach({ ...deps, target }, adapters, able)) if (error !== null) skip(replica, error);
  const left = new Set(able.filter((url) => !failures.some(({ replica }) => replica === url)));
  if (left.size === 0) throw noneLeft(failures);
  return poolOf(deps, target, adapters, left);
}

async function loadAll(target: ServingTarget, adapters: readonly Digest[], replica: string): Promise<void> {
  for (const adapter of adapters) await target.load(adapter, { replicas: [replica] });
}

/** Something that may pass is waited for; mixed-up adapters and refused loads do not. */
function noneLeft(failures: readonly { error: RatchetError }[]): RatchetError {
  const [first] = failures;
  const { code } = (failures.find(({ error }) => error.retryable) ?? first)?.error ?? { code: 'SERVING_UNAVAILABLE' as const };
  return new RatchetError(code, `no replica is left to evaluate on: ${failures.map(({ error }) => error.message).join('; ')}`);
}

async function poolOf(deps: PoolDeps, target: ServingTarget, adapters: readonly Digest[], left: Set<string>): Promise<ReplicaPool> {
  const members = [...left];
  const busy = new Map(members.map((replica) => [replica, 0]));
  const answered = new Set<string>();
  const found = async (of: readonly string[]): Promise<string> =>
    (await deps.store.replicaMarks()).filter(({ replica, cause }) => cause === 'isolation' && of.includes(replica)).map(({ replica, at, inTraffic }) => `${replica} ${inTraffic} ${at}`).sort().join('\n');
  const foundFirst = await found(target.replicas);

  async function ask<T>(adapter: Digest | null, signal: AbortSignal | undefined, work: (replica: string) => Promise<T>): Promise<T> {
    for (;;) {
      const replica = [...left].toSorted((a, b) => (busy.get(a) ?? 0) - (busy.get(b) ?? 0))[0];
      if (replica === undefined) throw new RatchetError('SERVING_UNAVAILABLE', `no replica is left to evaluate on of ${members.join(', ')}`);
      busy.set(replica, (busy.get(replica) ?? 0) + 1);
      try {
        const answer = await work(replica);
        answered.add(replica);
        return answer;
      } catch (error) {
        signal?.throwIfAborted();
        const gone: unknown = await assertServed(target, adapter, [replica]).then(() => null, (reason: unknown) => reason);
        // It lives and serves the adapter: the question itself went wrong there.
        if (gone === null) throw error;
        if (left.delete(replica)) deps.logger.warn({ replica, error: safeMessage(gone) }, 'a replica failed during the evaluation: its questions are asked of the others');
      } finally {
        busy.set(replica, (busy.get(replica) ?? 1) - 1);
      }
    }
  }

  return {
    baseModel: target.baseModel,
    maxLoraRank: target.maxLoraRank,
    // With none left, those that there were: whoever asks after them hears that they do not answer.
    get replicas() {
      return left.size > 0 ? [...left] : members;
    },
    found: foundFirst,
    state: async (options) => (await target.state(options)).filter(({ url }) => (left.size > 0 ? left.has(url) : members.includes(url))),
    load: (adapter, options) => target.load(adapter, { replicas: [...left], ...options }),
    unload: (adapter, options) => target.unload(adapter, { replicas: [...left], ...options }),
    checkIsolation: (of, options) => target.checkIsolation(of, { replicas: [...left], ...options }),
    chat: (request, options) => ask(request.adapter, options?.signal, (replica) => target.chat(request, { ...options, replica })),
    logprob: (request, options) => ask(request.adapter, options?.signal, (replica) => target.logprob(request, { ...options, replica })),
    assertStillApart: async () => {
      await checkEach({ ...deps, target }, adapters, [...answered].filter((replica) => left.has(replica)));
      const now = await found([...answered]);
      const before = foundFirst.split('\n').filter((line) => [...answered].some((replica) => line.startsWith(`${replica} `))).join('\n');
      if (now !== before) throw new RatchetError('EVALUATION_INCOMPLETE', `a replica was found to mix adapters up during the evaluation, so its answers do not count: every case is asked again (${now})`);
    },
  };
}
