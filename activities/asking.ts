// How questions are put to the engine: so many in flight, and what an answer that does not come means.
import type { Digest } from '../core/contracts/index.ts';
import { RatchetError } from '../core/errors.ts';
import type { ReplicaState, ServingTarget } from '../stores/ports.ts';
import type { Deps } from './deps.ts';
import { assertServed } from './serve.ts';

/** The replicas that evaluations ask: production's, unless some are set apart for it. */
export const evaluationTarget = ({ target, evaluation }: Pick<Deps, 'target' | 'evaluation'>): ServingTarget => evaluation ?? target;

/** Engine builds of the replicas that answer, as one name. @throws SERVING_UNAVAILABLE when none does */
export function buildOf(replicas: readonly ReplicaState[]): string {
  const builds = [...new Set(replicas.filter(({ healthy }) => healthy).map(({ engineBuild }) => engineBuild))].sort();
  if (builds.length === 0) throw new RatchetError('SERVING_UNAVAILABLE', `no replica answers of ${replicas.map(({ url }) => url).join(', ')}`);
  return builds.join(' ');
}

/** Keeps `concurrency` items in work until none is left. After a failure none is begun; it is thrown when those in work have ended. */
export async function inFlight<T>(items: readonly T[], concurrency: number, work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  let stopped = false;
  const worker = async (): Promise<void> => {
    while (!stopped && next < items.length) {
      const item = items[next++];
      if (item !== undefined) await work(item);
    }
  };
  const ends = await Promise.allSettled(
    Array.from({ length: concurrency }, () =>
      worker().catch((error: unknown) => {
        stopped = true;
        throw error;
      }),
    ),
  );
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed) throw failed.reason;
}

/**
 * An arm's answer; null where it gives none: that is the arm's own failure. A dead engine is nobody's, and is waited for.
 * @throws what the engine's death, a cancellation or a wrong key came to
 */
export async function answerOf<T>(target: ServingTarget, adapter: Digest | null, signal: AbortSignal, ask: () => Promise<T>): Promise<T | null> {
  try {
    return await ask();
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof RatchetError && error.code === 'UNAUTHORIZED') throw error;
    await assertServed(target, adapter);
    return null;
  }
}
