// Which replica may answer for which adapter; bringing one up to date before it gets traffic; taking one out that mixes adapters up.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { RatchetError, safeMessage } from '../core/errors.ts';
import type { Digest } from '../core/contracts/index.ts';
import { ISOLATION_CHECK } from '../stores/isolation.ts';
import type { MetadataStore, ReplicaMark, ServingTarget } from '../stores/ports.ts';
import { ALARMS, alarmsOf, usualBuild, type Alarm } from './alarms.ts';
import type { Channels } from './channels.ts';
import { affordable, USUAL_BUDGET, waitMs, type IsolationBudget, type LastCheck } from './isolation-schedule.ts';
import type { GatewayMetrics } from './metrics.ts';
import { replicaNotReady } from './refusal.ts';

/** A busy engine answers late: one missed poll is no outage, a broken connection is. */
const MISSED_POLLS = 2;
const FIRST_BACKOFF_MS = 1_000;
const LONGEST_BACKOFF_MS = 30_000;
/** How long a replica's last requests are waited for before it is checked: 30 s. */
const QUIET_WAITS = 300;
const QUIET_WAIT_MS = 100;

interface Replica {
  url: string;
  healthy: boolean;
  missed: number;
  engineBuild: string;
  adapters: Set<Digest>;
  strangers: readonly string[];
  /** Live adapters that it was seen without, at a time when they were live. */
  lacking: Set<Digest>;
  /** It lacked a live adapter: no traffic until it has it and has passed the isolation check. */
  probation: boolean;
  out: ReplicaMark['cause'] | null;
  /** It is being checked: others answer in its place where they can, so that its arms are alone. */
  held: boolean;
  /** When it was last marked here: what was read of the marks before that is out of date. */
  markedMs: number;
  busy: number;
  bringing: Promise<void> | null;
  pause: { untilMs: number; waitMs: number };
  lastCheck: LastCheck;
  /** A check that could not be paid for is not asked about again before. */
  lookAgainMs: number;
  alarms: ReadonlySet<Alarm>;
}

export interface ReplicaReport {
  replica: string;
  healthy: boolean;
  /** Healthy, not taken out and brought up to date: it may answer for the adapters that it serves. */
  inTraffic: boolean;
  engineBuild: string;
  /** Live adapters that it does not serve. */
  missing: Digest[];
  alarms: Alarm[];
}

export interface Replicas {
  /**
   * A replica that may answer for this adapter (null: the base), the least busy one.
   * @param avoid replicas that have failed this very request
   * @throws Refusal 503 `replica_not_ready`; the adapter is then being loaded
   */
  choose(adapter: Digest | null, avoid?: ReadonlySet<string>): Promise<{ url: string; engineBuild: string; release: () => void }>;
  /** Whether a request for this adapter would find a replica now. */
  serves: (adapter: Digest | null) => boolean;
  /** The replica said that it does not know the adapter: it was restarted. */
  lost(url: string, adapter: Digest): void;
  /** The connection to the replica broke before it answered. */
  down(url: string): void;
  /** Looks at every replica now, and brings up to date what is behind. */
  reconcile(): Promise<void>;
  report: () => ReplicaReport[];
  close(): void;
}

export interface ReplicasDeps {
  target: ServingTarget;
  channels: Channels;
  names: readonly string[];
  logger: Logger;
  metrics: GatewayMetrics;
  pollMs: number;
  /** Where all gateways and the pipeline mark replicas; without one a gateway keeps its own counsel. */
  marks?: Pick<MetadataStore, 'replicaMarks' | 'markReplica' | 'claimReplicaCheck'>;
  isolation?: IsolationBudget;
}

export function createReplicas(deps: ReplicasDeps): Replicas {
  const { target, channels, names, logger, metrics, marks, isolation: budget = USUAL_BUDGET } = deps;
  const replicas = target.replicas.map(
    (url): Replica => ({
      ...{ url, healthy: false, missed: MISSED_POLLS, engineBuild: 'vllm-unknown', adapters: new Set(), strangers: [], lacking: new Set(), probation: false, out: null, held: false, markedMs: 0 },
      ...{ busy: 0, bringing: null, pause: { untilMs: 0, waitMs: 0 }, lastCheck: { atMs: Date.now(), cost: 0, served: null }, lookAgainMs: 0, alarms: new Set() },
    }),
  );
  let running: Promise<void> | null = null;
  let next: Promise<void> | null = null;
  let checking: Promise<void> | null = null;
  let closed = false;
  let timer: NodeJS.Timeout | undefined;

  const live = (): Digest[] => [...new Set(channels.known().flatMap((entry) => entry.live ?? []))];
  const missing = (replica: Replica): Digest[] => live().filter((adapter) => !replica.adapters.has(adapter));
  const inTraffic = (replica: Replica): boolean => replica.healthy && replica.out === null && !replica.probation;

  async function look(): Promise<void> {
    // Live before the replicas are asked: a promotion loads first and swaps then, so these each of them must have.
    const due = live();
    const startedMs = performance.now();
    const [states, marked] = await Promise.all([target.state(), marks?.replicaMarks().catch(() => null)]);
    for (const state of states) {
      const replica = replicas.find(({ url }) => url === state.url);
      if (replica === undefined) continue;
      // Marks that cannot be read are as they were.
      if (marked && replica.markedMs < startedMs) setOut(replica, marked.find(({ replica: url }) => url === replica.url));
      if (!state.healthy) {
        replica.missed += 1;
        if (replica.healthy && replica.missed >= MISSED_POLLS) setHealthy(replica, false);
        continue;
      }
      replica.missed = 0;
      replica.engineBuild = state.engineBuild;
      replica.strangers = state.strangers ?? [];
      const before = replica.adapters;
      replica.adapters = new Set(state.adapters.map(({ digest }) => digest));
      if (!replica.healthy) setHealthy(replica, true);
      for (const adapter of replica.lacking) if (replica.adapters.has(adapter) || !due.includes(adapter)) replica.lacking.delete(adapter);
      for (const adapter of due) if (!replica.adapters.has(adapter)) setLacking(replica, adapter, before.has(adapter));
    }
    showAlarms();
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
      // It may have been mended: nobody waits for the next check in turn.
      if (replica.out === 'isolation') replica.lastCheck = { ...replica.lastCheck, atMs: 0 };
      logger.info({ replica: replica.url, engineBuild: replica.engineBuild }, 'replica is healthy');
      return;
    }
    // What it serves when it comes back is not known: it may have been restarted.
    replica.adapters = new Set();
    logger.warn({ replica: replica.url }, 'replica does not answer: it gets no traffic');
    showAlarms();
  }

  function setLacking(replica: Replica, adapter: Digest, had: boolean): void {
    if (had) logger.warn({ replica: replica.url, adapter }, 'replica lost the live adapter: it gets no traffic for it until it is loaded again');
    replica.lacking.add(adapter);
    replica.probation = true;
  }

  function setOut(replica: Replica, mark: ReplicaMark | undefined): void {
    const out = mark === undefined || mark.inTraffic ? null : mark.cause;
    if (out === replica.out) return;
    replica.out = out;
    if (out === null) logger.warn({ replica: replica.url, by: mark?.by }, 'replica is back in traffic');
    else logger.error({ replica: replica.url, by: mark?.by, reason: mark?.reason }, 'replica is taken out of traffic');
  }

  /** Gauges show what is; the log tells what has changed. */
  function showAlarms(): void {
    const usual = usualBuild(replicas.filter(({ healthy }) => healthy).map(({ engineBuild }) => engineBuild));
    for (const replica of replicas) {
      const alarms = new Set(alarmsOf(replica, names, usual));
      for (const reason of ALARMS) metrics.fleetAlarm.set({ replica: replica.url, reason }, alarms.has(reason) ? 1 : 0);
      const raised = [...alarms].filter((alarm) => !replica.alarms.has(alarm));
      if (raised.length > 0) logger.error({ replica: replica.url, alarms: raised, engineBuild: replica.engineBuild, lacking: [...replica.lacking] }, 'replica alarm');
      replica.alarms = alarms;
      metrics.replicaReady.set({ replica: replica.url }, inTraffic(replica) && missing(replica).length === 0 ? 1 : 0);
    }
  }

  /** Gives a replica what is live, looks whether it keeps adapters apart, and only then lets it answer. */
  function bringUp(replica: Replica): Promise<void> {
    if (replica.bringing) return replica.bringing;
    if (performance.now() < replica.pause.untilMs) return Promise.resolve();
    const { url } = replica;
    const work = (async () => {
      for (const adapter of replica.lacking) if (live().includes(adapter)) await target.load(adapter, { replicas: [url] });
      await refresh();
      if (!(await keepsApart(replica))) return;
      // Something else became live meanwhile: the next look goes on with it.
      if (replica.lacking.size > 0) return;
      replica.probation = false;
      replica.pause = { untilMs: 0, waitMs: 0 };
      metrics.reloads.inc({ result: 'loaded' });
      logger.info({ replica: url, adapters: [...replica.adapters] }, 'live adapter is loaded again: the replica is up to date');
    })()
      .catch((error: unknown) => {
        const wait = Math.min(LONGEST_BACKOFF_MS, replica.pause.waitMs * 2 || FIRST_BACKOFF_MS);
        replica.pause = { untilMs: performance.now() + wait, waitMs: wait };
        metrics.reloads.inc({ result: 'failed' });
        logger.error({ replica: url, error: safeMessage(error), nextTryMs: wait }, 'replica cannot be brought up to date');
      })
      .finally(() => {
        replica.bringing = null;
        showAlarms();
      });
    replica.bringing = work;
    return work;
  }

  /** A former adapter that is held back is loaded where it is missing, but nobody waits for it: the live one answers meanwhile. */
  async function bringFormer(replica: Replica): Promise<void> {
    const lacking = channels.heldBack().filter((adapter) => !replica.adapters.has(adapter));
    if (lacking.length === 0 || performance.now() < replica.pause.untilMs) return;
    try {
      for (const adapter of lacking) await target.load(adapter, { replicas: [replica.url] });
      replica.pause = { untilMs: 0, waitMs: 0 };
      await refresh();
      await inQuiet(replica, () => keepsApart(replica));
    } catch (error) {
      const wait = Math.min(LONGEST_BACKOFF_MS, replica.pause.waitMs * 2 || FIRST_BACKOFF_MS);
      replica.pause = { untilMs: performance.now() + wait, waitMs: wait };
      logger.warn({ replica: replica.url, error: safeMessage(error), nextTryMs: wait }, 'a former adapter that is held back cannot be loaded: the live one answers for it');
    }
  }

  /** @returns false when it mixes adapters up: it is then out of traffic. @throws when it does not answer */
  async function keepsApart(replica: Replica): Promise<boolean> {
    const { url } = replica;
    const adapters = [...replica.adapters];
    let cost = 0;
    try {
      const [result] = adapters.length === 0 ? [] : await target.checkIsolation(adapters, { replicas: [url] });
      cost = result?.tokens ?? 0;
    } catch (error) {
      if (!(error instanceof RatchetError && error.code === 'ISOLATION_BROKEN')) throw error;
      metrics.isolationChecks.inc({ replica: url, result: 'broken' });
      await mark(replica, false, error.message);
      return false;
    } finally {
      replica.lastCheck = { atMs: Date.now(), cost, served: await served(replica) };
    }
    metrics.isolationChecks.inc({ replica: url, result: 'passed' });
    metrics.isolationTokens.inc({ replica: url }, cost);
    if (replica.out === 'isolation') await mark(replica, true, 'passed the isolation check again');
    return true;
  }

  /** Sends its requests to others meanwhile, and waits a while for those that it has. Where there is no other it goes on answering. */
  async function inQuiet<T>(replica: Replica, work: () => Promise<T>): Promise<T> {
    replica.held = true;
    try {
      const others = replicas.some((one) => one !== replica && inTraffic(one));
      for (let waits = 0; others && replica.busy > 0 && waits < QUIET_WAITS && !closed; waits += 1) await sleep(QUIET_WAIT_MS);
      return await work();
    } finally {
      replica.held = false;
    }
  }

  /** Its own count of tokens; one that does not say is taken not to count. */
  const served = async ({ url }: Replica): Promise<number | null> => (await target.tokensServed?.(url).catch(() => null)) ?? null;

  async function mark(replica: Replica, allowed: boolean, reason: string): Promise<void> {
    const entry: ReplicaMark = { replica: replica.url, inTraffic: allowed, cause: 'isolation', reason, by: ISOLATION_CHECK, at: new Date().toISOString() };
    // Here at once; the others hear of it by their next look. What a person took out stays out.
    if (replica.out !== 'person') setOut(replica, entry);
    await marks?.markReplica(entry);
    replica.markedMs = performance.now();
  }

  /** One replica at a time: the others have their whole strength meanwhile. */
  async function checkWhatIsDue(): Promise<void> {
    for (const replica of replicas) {
      const [nowMs, out] = [Date.now(), replica.out === 'isolation'];
      const wait = waitMs(budget, out);
      if (!replica.healthy || replica.bringing || nowMs - replica.lastCheck.atMs < wait || nowMs < replica.lookAgainMs) continue;
      // One that is behind is checked when it is brought up to date.
      if (!out && (replica.probation || replica.adapters.size === 0)) continue;
      replica.lookAgainMs = nowMs + wait / 10;
      if (!out && !affordable(replica.lastCheck, await served(replica), nowMs, budget)) continue;
      const mine = (await marks?.claimReplicaCheck(replica.url, new Date(nowMs).toISOString(), new Date(nowMs - wait).toISOString())) ?? true;
      // Another gateway looks at it; what it finds is marked.
      if (!mine) replica.lastCheck = { ...replica.lastCheck, atMs: nowMs };
      else if (out) await bringUp(replica);
      else if (await inQuiet(replica, () => keepsApart(replica))) logger.info({ replica: replica.url, tokens: replica.lastCheck.cost }, 'replica keeps adapters apart');
      showAlarms();
    }
  }

  async function reconcile(): Promise<void> {
    await Promise.all(names.map((name) => channels.current(name)));
    await refresh();
    await Promise.all(replicas.filter(({ healthy, probation, out }) => healthy && probation && out === null).map(bringUp));
    await Promise.all(replicas.filter(inTraffic).map(bringFormer));
  }

  async function poll(): Promise<void> {
    await reconcile().catch((error: unknown) => logger.error({ error: safeMessage(error) }, 'replicas cannot be looked at'));
    checking ??= checkWhatIsDue()
      .catch((error: unknown) => logger.warn({ error: safeMessage(error) }, 'an isolation check found no end; it is tried again'))
      .finally(() => (checking = null));
    if (!closed) timer = setTimeout(() => void poll(), deps.pollMs);
  }
  void poll();

  function pick(adapter: Digest | null, avoid?: ReadonlySet<string>): Replica | undefined {
    let least: Replica | undefined;
    for (const replica of replicas) {
      if (!inTraffic(replica) || (adapter !== null && !replica.adapters.has(adapter)) || avoid?.has(replica.url)) continue;
      if (least === undefined || Number(replica.held) < Number(least.held) || (replica.held === least.held && replica.busy < least.busy)) least = replica;
    }
    return least;
  }

  return {
    choose: async (adapter, avoid) => {
      let replica = pick(adapter, avoid);
      if (replica === undefined) {
        // A promotion loads the adapter before it swaps the channel: the last poll may not have seen it yet.
        await refresh().catch(() => undefined);
        replica = pick(adapter, avoid);
      }
      if (replica === undefined) {
        if (adapter === null) throw replicaNotReady('no replica answers');
        for (const one of replicas) if (one.healthy && one.probation && one.out === null) void bringUp(one);
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
      logger.warn({ replica: url, adapter }, 'replica does not know the adapter that it served before (restarted?): it is loaded again before traffic returns');
      // What is not live (any more) is nobody's to load again.
      if (live().includes(adapter)) setLacking(replica, adapter, false);
      showAlarms();
      if (replica.probation && replica.out === null) void bringUp(replica);
    },
    down: (url) => {
      const replica = replicas.find((one) => one.url === url);
      if (!replica) return;
      replica.missed = MISSED_POLLS;
      if (replica.healthy) setHealthy(replica, false);
    },
    reconcile,
    report: () =>
      replicas.map((replica) => ({
        ...{ replica: replica.url, healthy: replica.healthy, inTraffic: inTraffic(replica), engineBuild: replica.engineBuild },
        ...{ missing: missing(replica), alarms: [...replica.alarms] },
      })),
    close: () => {
      closed = true;
      clearTimeout(timer);
    },
  };
}
