// What Prometheus hears of watches: open ones, rollbacks made and refused, and the time that a channel cools off.
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { WatchRecord } from '../../core/contracts/index.ts';
import { WatchPolicy } from '../../core/contracts/index.ts';
import { digestOfBytes } from '../../core/digest.ts';
import { WATCH_ACTOR } from '../../core/watch/cooling-off.ts';
import type { MetadataStore } from '../../stores/ports.ts';
import { openMetadataStore } from '../../stores/sqlite/index.ts';
import { watchMetrics } from '../../workers/watch-metrics.ts';

const CHANNEL = 'tickets/production';
const START = Date.parse('2026-01-02T00:00:00.000Z');
const HOUR_MS = 3_600_000;
const policy = WatchPolicy.parse({ coolingOffHours: 48 });
const at = (hours: number): string => new Date(START + hours * HOUR_MS).toISOString();

describe('the watch as metrics', () => {
  let store: MetadataStore;
  let registry: Registry;
  let nowMs: number;
  beforeEach(async () => {
    store = await openMetadataStore(':memory:');
    registry = new Registry();
    nowMs = START;
    await store.ensureChannel(CHANNEL, at(0));
    watchMetrics({ registry, store, workloads: new Map([['tickets', { workload: { channel: CHANNEL, watch: policy } }]]), clock: () => new Date(nowMs) });
  });
  afterEach(async () => store.close());

  /** Lines of the scrape without its help, by name and labels. */
  async function scraped(): Promise<Record<string, number>> {
    const lines = (await registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    return Object.fromEntries(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')).replace(`channel="${CHANNEL}"`, 'C'), Number(line.slice(line.lastIndexOf(' ') + 1))]));
  }
  const swap = (generation: number, change: { live: string | null; action: 'promoted' | 'rolled_back'; by: string; hours: number }) =>
    store.swapChannel({ channel: CHANNEL, expectedGeneration: generation, live: change.live === null ? null : digestOfBytes(change.live), action: change.action, by: change.by, reason: 'a test', verdictDigest: null, approvalDigest: null, time: at(change.hours) });
  const watch = (generation: number, live: string): Promise<WatchRecord> =>
    store.openWatch({ schemaVersion: 1, channel: CHANNEL, generation, workload: 'tickets', live: digestOfBytes(live), holdback: null, policy, classes: [], by: 'gate', startedAt: at(0), status: 'open', reason: null, endedAt: null });

  test('a channel that nobody watches says so', async () => {
    expect(await scraped()).toEqual({
      'ratchet_watch_open{C}': 0,
      'ratchet_watch_alarm{C,reason="one_caller"}': 0,
      'ratchet_watch_alarm{C,reason="cooling_off"}': 0,
      'ratchet_channel_cooling_off_seconds{C}': 0,
      'ratchet_watch_rollbacks_total{C}': 0,
    });
  });

  test('a rollback that one caller alone would carry is an alarm while it stands, and no rollback', async () => {
    await swap(0, { live: 'first', action: 'promoted', by: 'gate', hours: 0 });
    await watch(1, 'first');
    expect(await scraped()).toMatchObject({ 'ratchet_watch_open{C}': 1, 'ratchet_watch_alarm{C,reason="one_caller"}': 0 });
    await store.noteWatch(CHANNEL, 1, 'a person should look');
    expect(await scraped()).toMatchObject({ 'ratchet_watch_open{C}': 1, 'ratchet_watch_alarm{C,reason="one_caller"}': 1, 'ratchet_watch_rollbacks_total{C}': 0 });
    await store.noteWatch(CHANNEL, 1, null);
    expect(await scraped()).toMatchObject({ 'ratchet_watch_alarm{C,reason="one_caller"}': 0 });
  });

  test('an automatic rollback is counted, and the channel cools off until its time is over', async () => {
    await swap(0, { live: 'first', action: 'promoted', by: 'gate', hours: 0 });
    await watch(1, 'first');
    await swap(1, { live: null, action: 'rolled_back', by: WATCH_ACTOR, hours: 1 });
    await store.closeWatch(CHANNEL, 1, { status: 'rolled_back', reason: 'it rose', endedAt: at(1) });
    nowMs = START + 2 * HOUR_MS;
    const rolledBack = await scraped();
    expect(rolledBack).toMatchObject({ 'ratchet_watch_open{C}': 0, 'ratchet_watch_rollbacks_total{C}': 1, 'ratchet_watches_ended_total{C,status="rolled_back"}': 1, 'ratchet_channel_cooling_off_seconds{C}': 47 * 3600 });
    // Asked again, nothing is counted twice.
    expect(await scraped()).toEqual(rolledBack);
    nowMs = START + 50 * HOUR_MS;
    expect(await scraped()).toMatchObject({ 'ratchet_watch_rollbacks_total{C}': 1, 'ratchet_channel_cooling_off_seconds{C}': 0 });
  });

  test('a rise while it cools off is an alarm until the channel moves on', async () => {
    await swap(0, { live: 'first', action: 'promoted', by: 'gate', hours: 0 });
    await swap(1, { live: null, action: 'rolled_back', by: WATCH_ACTOR, hours: 1 });
    await swap(2, { live: 'second', action: 'promoted', by: 'dana', hours: 2 });
    await watch(3, 'second');
    await store.closeWatch(CHANNEL, 3, { status: 'alarm', reason: 'a person has to decide', endedAt: at(3) });
    expect(await scraped()).toMatchObject({ 'ratchet_watch_alarm{C,reason="cooling_off"}': 1, 'ratchet_watches_ended_total{C,status="alarm"}': 1 });
    await swap(3, { live: null, action: 'rolled_back', by: 'dana', hours: 4 });
    expect(await scraped()).toMatchObject({ 'ratchet_watch_alarm{C,reason="cooling_off"}': 0, 'ratchet_watches_ended_total{C,status="alarm"}': 1, 'ratchet_watch_rollbacks_total{C}': 1 });
  });

  test('a store that is away hides nothing else', async () => {
    expect(await scraped()).toMatchObject({ 'ratchet_watch_open{C}': 0 });
    store.watches = () => Promise.reject(new Error('locked'));
    expect(await scraped()).toMatchObject({ 'ratchet_watch_open{C}': 0 });
  });
});
