// What watches came to, for Prometheus: read from the store at each scrape, so that a new worker says what the last one said.
import { Counter, Gauge, type Registry } from 'prom-client';
import type { ChannelEntry, WatchRecord, Workload } from '../core/contracts/index.ts';
import { coolingOffUntil, WATCH_ACTOR } from '../core/watch/cooling-off.ts';
import type { MetadataStore } from '../stores/ports.ts';

/** Watches of one channel that are counted: a promotion a night for many years. */
const MAX_WATCHES = 10_000;

/**
 * Why a watch wants a person and rolls nothing back by itself. `one_caller`: one caller alone carries the evidence. `cooling_off`:
 * the failure rate rose again, too soon after an automatic rollback.
 */
const REFUSALS = ['one_caller', 'cooling_off'] as const;

export interface Watched {
  registry: Registry;
  store: Pick<MetadataStore, 'channels' | 'channelHistory' | 'watches'>;
  workloads: ReadonlyMap<string, { workload: Pick<Workload, 'channel' | 'watch'> }>;
  clock: () => Date;
}

export function watchMetrics({ registry, store, workloads, clock }: Watched): void {
  const policies = new Map([...workloads.values()].map(({ workload }) => [workload.channel, workload.watch]));
  let refreshing: Promise<void> | undefined;
  // All of them are asked in one go: one reading serves them. A store that is away must not hide what else the worker counts.
  const collect = (): Promise<void> => (refreshing ??= refresh().catch(() => undefined).finally(() => (refreshing = undefined)));
  const common = { registers: [registry], collect };
  const open = new Gauge({ name: 'ratchet_watch_open', help: '1: a watch compares the live adapter with the former one', labelNames: ['channel'], ...common });
  const refused = new Gauge({ name: 'ratchet_watch_alarm', help: '1: the failure rate rose and nothing is rolled back: a person should look (docs/reference/watch.md)', labelNames: ['channel', 'reason'], ...common });
  const coolingOff = new Gauge({ name: 'ratchet_channel_cooling_off_seconds', help: 'How long promotions still need an approver after an automatic rollback; 0: they do not', labelNames: ['channel'], ...common });
  const rollbacks = new Counter({ name: 'ratchet_watch_rollbacks_total', help: 'Automatic rollbacks', labelNames: ['channel'], ...common });
  const ended = new Counter({ name: 'ratchet_watches_ended_total', help: 'Watches by how they ended: passed, rolled_back, alarm, superseded, ended', labelNames: ['channel', 'status'], ...common });

  async function refresh(): Promise<void> {
    const read = await Promise.all((await store.channels()).map(async (entry) => [entry, await store.channelHistory(entry.channel), await store.watches({ channel: entry.channel, limit: MAX_WATCHES })] as const));
    for (const metric of [open, refused, coolingOff, rollbacks, ended]) metric.reset();
    for (const each of read) set(...each);
  }

  function set({ channel, generation }: ChannelEntry, history: readonly ChannelEntry[], watches: readonly WatchRecord[]): void {
    const last = watches.find((watch) => watch.generation === generation);
    const stands = { one_caller: last?.status === 'open' && last.reason !== null, cooling_off: last?.status === 'alarm' };
    const now = clock();
    const until = coolingOffUntil(history, policies.get(channel)?.coolingOffHours ?? 0, now);
    open.set({ channel }, Number(last?.status === 'open'));
    for (const reason of REFUSALS) refused.set({ channel, reason }, Number(stands[reason]));
    coolingOff.set({ channel }, until === null ? 0 : (Date.parse(until) - now.getTime()) / 1000);
    rollbacks.inc({ channel }, history.filter(({ action, by }) => action === 'rolled_back' && by === WATCH_ACTOR).length);
    for (const { status } of watches) if (status !== 'open') ended.inc({ channel, status });
  }
}
