// Which replica may answer for which adapter, and bringing a live adapter back to a replica that lost it.
import type { Logger } from 'pino';
import { safeMessage } from '../core/errors.ts';
import type { Digest } from '../core/contracts/index.ts';
import type { ServingTarget } from '../stores/ports.ts';
import type { Channels } from './channels.ts';
import type { GatewayMetrics } from './metrics.ts';
import { replicaNotReady } from './refusal.ts';

/** A busy engine answers late: one missed poll is no outage, a broken connection is. */
const MISSED_POLLS = 2;
const LONGEST_BACKOFF_MS = 30_000;

interface Replica {
  url: string;
  healthy: boolean;
  missed: number;
  engineBuild: string;
  adapters: Set<Digest>;
  busy: number;
}

export interface ReplicaReport {
  replica: string;
  healthy: boolean;
  engineBuild: string;
  /** Live adapters that it does not serve. */
  missing: Digest[];
}

export interface Replicas {
  /** A replica that is healthy and serves this adapter (null: the base). @throws Refusal 503 `replica_not_ready`; the adapter is then being loaded. */
  choose(adapter: Digest | null): Promise<{ url: string; engineBuild: string; release: () => void }>;
  /** Whether a request for this adapter would find a replica now. */
  serves: (adapter: Digest | null) => boolean;
  /** The replica said that it does not know the adapter: it was restarted. */
  lost(url: string, adapter: Digest): void;
  /** The connection to the replica broke before it answered. */
  down(url: string): void;
  /** Looks at every replica now, and loads what is missing. */
  reconcile(): Promise<void>;
  report: () => ReplicaReport[];
  close(): void;
}

export function createReplicas(deps: { target: ServingTarget; channels: Channels; names: readonly string[]; logger: Logger; metrics: GatewayMetrics; pollMs: number }): Replicas {
  const { target, channels, names, logger, metrics } = deps;
  const replicas: Replica[] = target.replicas.map((url) => ({ url, healthy: false, missed: MISSED_POLLS, engineBuild: 'vllm-unknown', adapters: new Set(), busy: 0 }));
  const loading = new Map<Digest, Promise<void>>();
  const notBefore = new Map<Digest, { at: number; waitMs: number }>();
  let running: Promise<void> | null = null;
  let next: Promise<void> | null = null;
  let closed = false;
  let timer: NodeJS.Timeout | undefined;

  const live = (): Digest[] => [...new Set(channels.known().flatMap((entry) => entry.live ?? []))];
  const missing = (replica: Replica): Digest[] => live().filter((adapter) => !replica.adapters.has(adapter));

  async function look(): Promise<void> {
    const states = await target.state();
    for (const state of states) {
      const replica = replicas.find(({ url }) => url === state.url);
      if (replica === undefined) continue;
      if (!state.healthy) {
        replica.missed += 1;
        if (replica.healthy && replica.missed >= MISSED_POLLS) setHealthy(replica, false);
        continue;
      }
      replica.missed = 0;
      replica.engineBuild = state.engineBuild;
      const before = replica.adapters;
      replica.adapters = new Set(state.adapters.map(({ digest }) => digest));
      if (!replica.healthy) setHealthy(replica, true);
      for (const adapter of live()) {
        if (before.has(adapter) && !replica.adapters.has(adapter)) logger.warn({ replica: replica.url, adapter }, 'replica lost the live adapter: it gets no traffic for it until it is loaded again');
      }
    }
    for (const replica of replicas) metrics.replicaReady.set({ replica: replica.url }, replica.healthy && missing(replica).length === 0 ? 1 : 0);
  }

  const start = (): Promise<void> => (running = look().finally(() => (running = null)));

  /** A look that begins after this call: one under way may have asked before the adapter was loaded. */
  function refresh(): Promise<void> {
    if (running === null) return start();
    return (next ??= running.catch(() => undefined).then(() => {
      next = null;
      return start();
    }));
  }

  function setHealthy(replica: Replica, healthy: boolean): void {
    replica.healthy = healthy;
    if (healthy) {
      logger.info({ replica: replica.url, engineBuild: replica.engineBuild }, 'replica is healthy');
      return;
    }
    // What it serves when it comes back is not known: it may have been restarted.
    replica.adapters = new Set();
    metrics.replicaReady.set({ replica: replica.url }, 0);
    logger.warn({ replica: replica.url }, 'replica does not answer: it gets no traffic');
  }

  function reload(adapter: Digest): Promise<void> {
    const running = loading.get(adapter);
    if (running) return running;
    const pause = notBefore.get(adapter);
    if (pause && performance.now() < pause.at) return Promise.resolve();
    const work = target
      .load(adapter)
      .then(() => {
        notBefore.delete(adapter);
        metrics.reloads.inc({ result: 'loaded' });
        logger.info({ adapter }, 'adapter is loaded again on every replica');
      })
      .catch((error: unknown) => {
        const waitMs = Math.min(LONGEST_BACKOFF_MS, (pause?.waitMs ?? 500) * 2);
        notBefore.set(adapter, { at: performance.now() + waitMs, waitMs });
        metrics.reloads.inc({ result: 'failed' });
        logger.error({ adapter, error: safeMessage(error), nextTryMs: waitMs }, 'adapter cannot be loaded on every replica');
      })
      // One replica may have it now although another failed.
      .then(refresh)
      .catch((error: unknown) => logger.error({ error: safeMessage(error) }, 'replicas cannot be looked at'))
      .finally(() => loading.delete(adapter));
    loading.set(adapter, work);
    return work;
  }

  async function reconcile(): Promise<void> {
    await Promise.all(names.map((name) => channels.current(name)));
    await refresh();
    const healthy = replicas.filter((replica) => replica.healthy);
    // A former adapter that is held back is loaded as well, but nobody waits for it: the live one answers meanwhile.
    const former = channels.heldBack().filter((adapter) => healthy.some(({ adapters }) => !adapters.has(adapter)));
    await Promise.all([...new Set([...healthy.flatMap(missing), ...former])].map(reload));
  }

  async function poll(): Promise<void> {
    await reconcile().catch((error: unknown) => logger.error({ error: safeMessage(error) }, 'replicas cannot be looked at'));
    if (!closed) timer = setTimeout(() => void poll(), deps.pollMs);
  }
  void poll();

  function pick(adapter: Digest | null): Replica | undefined {
    const ready = replicas.filter(({ healthy, adapters }) => healthy && (adapter === null || adapters.has(adapter)));
    return ready.reduce<Replica | undefined>((least, replica) => (least === undefined || replica.busy < least.busy ? replica : least), undefined);
  }

  return {
    choose: async (adapter) => {
      let replica = pick(adapter);
      if (replica === undefined) {
        // A promotion loads the adapter before it swaps the channel: the last poll may not have seen it yet.
        await refresh().catch(() => undefined);
        replica = pick(adapter);
      }
      if (replica === undefined) {
        if (adapter === null) throw replicaNotReady('no replica answers');
        void reload(adapter);
        throw replicaNotReady('no replica serves the live adapter yet; it is being loaded');
      }
      replica.busy += 1;
      const chosen = replica;
      return { url: chosen.url, engineBuild: chosen.engineBuild, release: () => (chosen.busy -= 1) };
    },
    serves: (adapter) => pick(adapter) !== undefined,
    lost: (url, adapter) => {
      const replica = replicas.find((one) => one.url === url);
      if (!replica?.adapters.delete(adapter)) return;
      metrics.replicaReady.set({ replica: url }, 0);
      logger.warn({ replica: url, adapter }, 'replica does not know the adapter that it served before (restarted?): it is loaded again before traffic returns');
      void reload(adapter);
    },
    down: (url) => {
      const replica = replicas.find((one) => one.url === url);
      if (!replica) return;
      replica.missed = MISSED_POLLS;
      if (replica.healthy) setHealthy(replica, false);
    },
    reconcile,
    report: () => replicas.map((replica) => ({ replica: replica.url, healthy: replica.healthy, engineBuild: replica.engineBuild, missing: missing(replica) })),
    close: () => {
      closed = true;
      clearTimeout(timer);
    },
  };
}
