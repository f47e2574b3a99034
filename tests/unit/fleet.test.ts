// Several replicas behind one gateway: who may answer, what raises an alarm, and how one comes back. The engines are stubs.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Digest } from '../../core/contracts/index.ts';
import { alarmsOf, usualBuild, type Seen } from '../../gateway/alarms.ts';
import { startGateway, type Gateway, type GatewayDeps } from '../../gateway/gateway.ts';
import { affordable, waitMs } from '../../gateway/isolation-schedule.ts';
import { createMetrics } from '../../gateway/metrics.ts';
import type { ReplicaMark } from '../../stores/ports.ts';
import { createVllmTarget, tokensIn } from '../../stores/vllm.ts';
import { askGateways } from '../../workers/drained.ts';
import { ADAPTER_A, ADAPTER_B, STUB_BASE, captureLog, channelSlot, startStubEngine, type StubEngine } from '../support/stub-engine.ts';
import { until } from '../support/until.ts';

const CHANNEL = 'tickets/production';
const folderOf = async (adapter: Digest): Promise<string> => `/adapters/${adapter.slice(7)}`;

/** The marks of a store, in memory. */
function memoryMarks() {
  const marks = new Map<string, ReplicaMark>();
  const claims: string[] = [];
  const port: NonNullable<GatewayDeps['marks']> = {
    replicaMarks: async () => [...marks.values()],
    markReplica: async (mark) => (marks.set(mark.replica, mark), true),
    claimReplicaCheck: async (replica) => (claims.push(replica), true),
  };
  return { port, marks, claims };
}

let engines: StubEngine[];
let gateways: Gateway[];
let slot: ReturnType<typeof channelSlot>;
let log: ReturnType<typeof captureLog>;
let metrics: ReturnType<typeof createMetrics>;
let marks: ReturnType<typeof memoryMarks>;

async function start(isolation: GatewayDeps['isolation'] = { intervalMs: 3_600_000, maxShare: 0.01 }): Promise<Gateway> {
  metrics = createMetrics();
  const target = createVllmTarget({ replicas: engines.map(({ url }) => url), apiKey: undefined, baseModel: STUB_BASE, maxLoraRank: 16, materialize: folderOf });
  const gateway = await startGateway({
    store: slot, marks: marks.port, isolation, target, metrics, logger: log.logger, subjectKey: 'k', pollMs: 30, publish: () => undefined, adminToken: 'a-token-for-admins',
    workloads: new Map([[CHANNEL, { workload: { name: 'tickets', channel: CHANNEL } }]]),
  });
  gateways.push(gateway);
  return gateway;
}

beforeEach(async () => {
  [engines, gateways, slot, log, marks] = [await Promise.all([startStubEngine(), startStubEngine(), startStubEngine()]), [], channelSlot(CHANNEL), captureLog(), memoryMarks()];
  for (const engine of engines) for (const adapter of [ADAPTER_A, ADAPTER_B]) engine.loaded.set(adapter, await folderOf(adapter));
  slot.swap(ADAPTER_A);
});
afterEach(async () => {
  await Promise.all(gateways.map((gateway) => gateway.close(500)));
  await Promise.all(engines.map((engine) => engine.close()));
});

const [one, two, three] = [0, 1, 2];
const engineNo = (index: number): StubEngine => engines[index] as StubEngine;
const ask = (gateway: Gateway): Promise<Response> => fetch(`${gateway.url}/v1/chat/completions`, { method: 'POST', body: JSON.stringify({ model: CHANNEL, messages: [{ role: 'user', content: 'x' }] }) });
const askMany = async (gateway: Gateway, times = 30): Promise<number[]> => Promise.all(Array.from({ length: times }, async () => (await ask(gateway)).status));
const settled = (gateway: Gateway, check: () => void): Promise<void> => until(async () => (check(), expect((await fetch(`${gateway.url}/readyz`)).status).toBe(200)));
const reportOf = (gateway: Gateway, index: number) => gateway.replicas()[index];
const alarm = async (index: number, reason: string): Promise<boolean> => (await metrics.registry.metrics()).includes(`ratchet_gateway_fleet_alarm{replica="${engineNo(index).url}",reason="${reason}"} 1`);

describe('a mixed fleet', () => {
  test('raises an alarm; only the replicas that serve the live adapter from its own folder answer', async () => {
    engineNo(one).loaded.set(ADAPTER_A, '/elsewhere/somebody-elses-weights');
    engineNo(two).loaded.delete(ADAPTER_A);
    engineNo(two).refuseLoads = true;
    const gateway = await start();
    await settled(gateway, () => expect(reportOf(gateway, two)?.alarms).toEqual(['lacks_live']));
    expect(reportOf(gateway, one)?.alarms).toEqual(['lacks_live', 'wrong_adapter']);
    expect(reportOf(gateway, three)).toMatchObject({ inTraffic: true, alarms: [], missing: [] });
    expect(await alarm(one, 'wrong_adapter')).toBe(true);
    expect(await alarm(two, 'lacks_live')).toBe(true);
    expect(await askMany(gateway)).toEqual(Array.from({ length: 30 }, () => 200));
    expect(engines.map(({ asked }) => asked.length)).toEqual([0, 0, 30]);
    expect(log.lines.some((line) => line.includes('replica alarm') && line.includes('wrong_adapter'))).toBe(true);
    // The other is brought up to date once it can be.
    engineNo(two).refuseLoads = false;
    await settled(gateway, () => expect(reportOf(gateway, two)).toMatchObject({ inTraffic: true, alarms: [] }));
    expect(await alarm(two, 'lacks_live')).toBe(false);
  });

  test('something under the channel’s own name is an alarm and is never asked', async () => {
    engineNo(one).loaded.set(CHANNEL, '/adapters/unknown');
    const gateway = await start();
    await settled(gateway, () => expect(reportOf(gateway, one)?.alarms).toEqual(['wrong_adapter']));
    await askMany(gateway);
    expect(engines.flatMap(({ asked }) => asked).every(({ model }) => model === ADAPTER_A)).toBe(true);
  });

  test('another engine build is reported and answers all the same', async () => {
    engineNo(three).version = '0.0.1-stub';
    const gateway = await start();
    await settled(gateway, () => expect(reportOf(gateway, three)).toMatchObject({ inTraffic: true, alarms: ['engine_build'], engineBuild: 'vllm-0.0.1-stub' }));
    expect(await alarm(three, 'engine_build')).toBe(true);
  });

  test('a load that ends between two looks is no lack: a promotion under way takes nobody out of traffic', async () => {
    const gateway = await start();
    await settled(gateway, () => expect(gateway.replicas().every(({ inTraffic }) => inTraffic)).toBe(true));
    const statuses: number[] = [];
    for (let round = 0; round < 20; round += 1) {
      const live = round % 2 === 0 ? ADAPTER_B : ADAPTER_A;
      for (const engine of engines) engine.loaded.delete(live);
      await sleep(5);
      for (const engine of engines) engine.loaded.set(live, await folderOf(live));
      slot.swap(live);
      await sleep(60);
      statuses.push((await ask(gateway)).status);
    }
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(log.lines.filter((line) => line.includes('replica alarm'))).toEqual([]);
  });
});

describe('a replica that mixes adapters up', () => {
  test('after a restart is found before it gets traffic, marked for every gateway, and comes back when it passes', async () => {
    const gateway = await start({ intervalMs: 100, maxShare: 1 });
    await settled(gateway, () => expect(reportOf(gateway, one)?.inTraffic).toBe(true));
    const port = Number(new URL(engineNo(one).url).port);
    await engineNo(one).close();
    const restarted = (engines[one] = await startStubEngine(port));
    restarted.mixes = true;
    await settled(gateway, () => expect(reportOf(gateway, one)?.alarms).toEqual(['isolation']));
    expect(restarted.loaded.has(ADAPTER_A)).toBe(true);
    expect(marks.marks.get(restarted.url)).toMatchObject({ inTraffic: false, cause: 'isolation', reason: expect.stringContaining('base is off by') as string });
    expect(await askMany(gateway)).not.toContain(503);
    expect(restarted.asked).toEqual([]);
    expect(await alarm(one, 'isolation')).toBe(true);
    restarted.mixes = false;
    await settled(gateway, () => expect(reportOf(gateway, one)).toMatchObject({ inTraffic: true, alarms: [] }));
    expect(marks.marks.get(restarted.url)).toMatchObject({ inTraffic: true, cause: 'isolation' });
    await askMany(gateway);
    expect(restarted.asked.length).toBeGreaterThan(0);
  });

  test('in traffic is found by the check at its interval, also when it is the last one: then nobody answers', async () => {
    for (const engine of engines.splice(1)) await engine.close();
    const gateway = await start({ intervalMs: 100, maxShare: 1 });
    await settled(gateway, () => expect(reportOf(gateway, one)?.inTraffic).toBe(true));
    engineNo(one).mixes = true;
    await until(async () => {
      const response = await ask(gateway);
      expect(response.status).toBe(503);
    });
    expect((await fetch(`${gateway.url}/readyz`)).status).toBe(503);
  });

  test('is put back by a person, and taken out by a person until a person puts it back', async () => {
    const gateway = await start();
    await settled(gateway, () => expect(reportOf(gateway, two)?.inTraffic).toBe(true));
    const mark = (inTraffic: boolean): ReplicaMark => ({ replica: engineNo(two).url, inTraffic, cause: 'person', reason: 'memory errors', by: 'dana', at: new Date().toISOString() });
    await marks.port.markReplica(mark(false));
    await settled(gateway, () => expect(reportOf(gateway, two)).toMatchObject({ inTraffic: false, alarms: ['taken_out'] }));
    const before = engineNo(two).asked.length;
    await askMany(gateway);
    expect(engineNo(two).asked.length).toBe(before);
    await marks.port.markReplica(mark(true));
    await settled(gateway, () => expect(reportOf(gateway, two)).toMatchObject({ inTraffic: true, alarms: [] }));
  });
});

describe('the budget of the isolation check', () => {
  const budget = { intervalMs: 1_000, maxShare: 0.01 };
  const last = { atMs: 0, cost: 500, served: 10_000 };

  test('is a share of what the replica has answered since; an idle one is looked at once a day', () => {
    expect(affordable(last, 10_000 + 49_999, 2_000, budget)).toBe(false);
    expect(affordable(last, 10_000 + 50_000, 2_000, budget)).toBe(true);
    // Restarted: it counts from nothing.
    expect(affordable(last, 9_000, 2_000, budget)).toBe(false);
    expect(affordable({ ...last, cost: 80 }, 9_000, 2_000, budget)).toBe(true);
    expect(affordable(last, null, 2_000, budget)).toBe(false);
    expect(affordable(last, null, 24 * 3_600_000, budget)).toBe(true);
    expect(affordable(last, 10_000, 24 * 3_600_000, budget)).toBe(true);
  });

  test('one that is out of traffic is looked at about every minute', () => {
    expect(waitMs({ ...budget, intervalMs: 900_000 }, true)).toBe(60_000);
    expect(waitMs({ ...budget, intervalMs: 900_000 }, false)).toBe(900_000);
  });

  test('holds under traffic: checks take about the share of the tokens that they may', async () => {
    for (const engine of engines.splice(1)) await engine.close();
    const gateway = await start({ intervalMs: 20, maxShare: 0.5 });
    const ends = Date.now() + 1_500;
    while (Date.now() < ends) await askMany(gateway, 10);
    const text = await metrics.registry.metrics();
    const spent = Number(/ratchet_gateway_isolation_tokens_total\{[^}]*\} (\d+)/.exec(text)?.[1] ?? 0);
    const total = tokensIn(await (await fetch(`${engineNo(one).url}/metrics`)).text()) ?? 0;
    expect(spent).toBeGreaterThan(0);
    // The first is not paid for beforehand: nothing is known of its cost.
    expect(spent - 480).toBeLessThan(total * 0.5);
  });

  test('is spent under traffic that never pauses, on the only replica: checks begin, end and go on at their interval, and every request is answered', async () => {
    for (const engine of engines.splice(1)) await engine.close();
    const gateway = await start({ intervalMs: 50, maxShare: 0.5 });
    await settled(gateway, () => expect(reportOf(gateway, one)?.inTraffic).toBe(true));
    const passed = async (): Promise<number> => Number(/ratchet_gateway_isolation_checks_total\{[^}]*result="passed"\} (\d+)/.exec(await metrics.registry.metrics())?.[1] ?? 0);
    const before = await passed();
    let [on, inFlight, least] = [true, 0, Infinity];
    const statuses = new Set<number>();
    const client = async (): Promise<void> => {
      while (on) {
        inFlight += 1;
        statuses.add((await ask(gateway)).status);
        inFlight -= 1;
        if (on) least = Math.min(least, inFlight);
      }
    };
    const clients = Array.from({ length: 8 }, client);
    try {
      await until(async () => expect(await passed()).toBeGreaterThanOrEqual(before + 3));
    } finally {
      on = false;
      await Promise.all(clients);
    }
    expect(statuses).toEqual(new Set([200]));
    // There was no moment without a request.
    expect(least).toBeGreaterThan(0);
  });

  test('reads vLLM’s own counters', () => {
    expect(tokensIn('# HELP x\nvllm:prompt_tokens_total{engine="0",model_name="m"} 1.5e+03\nvllm:generation_tokens_total{engine="0",model_name="m"} 20.0\nvllm:generation_tokens_total{engine="1",model_name="m"} 3\n')).toBe(1523);
    expect(tokensIn('# HELP vllm:prompt_tokens_total\nother 1\n')).toBeNull();
  });
});

test('alarms say what is wrong and nothing else', () => {
  const well: Seen = { healthy: true, engineBuild: 'b', lacking: new Set(), strangers: ['somebody/else'], out: null };
  expect(alarmsOf(well, [CHANNEL], 'b')).toEqual([]);
  expect(alarmsOf({ ...well, healthy: false, lacking: new Set([ADAPTER_A]), engineBuild: 'vllm-unknown' }, [CHANNEL], 'b')).toEqual(['away']);
  expect(usualBuild(['a', 'b', 'b', 'a', 'b'])).toBe('b');
  expect(usualBuild(['a', 'b'])).toBe('a');
});

describe('before an adapter is unloaded, all gateways are asked', () => {
  const settings = () => ({ gatewayUrls: gateways.map(({ url }) => url), adminToken: 'a-token-for-admins' });

  test('every one has to have let it go', async () => {
    const [first, second] = [await start(), await start()];
    await settled(second, () => expect(second.replicas().every(({ inTraffic }) => inTraffic)).toBe(true));
    expect(await askGateways(settings())(ADAPTER_B)).toBeNull();
    expect(await askGateways(settings())(ADAPTER_A)).toBe(`gateway ${first.url} still sends it requests of ${CHANNEL}, generation 1`);
    for (const engine of engines) engine.delayMs = 3_000;
    const pending = ask(second);
    await until(() => expect(second.inFlight()).toEqual({ [ADAPTER_A]: 1 }));
    slot.swap(ADAPTER_B);
    await sleep(60);
    expect(await askGateways(settings())(ADAPTER_A)).toBe(`gateway ${second.url} has 1 request(s) in flight on it`);
    await pending;
    await until(async () => expect(await askGateways(settings())(ADAPTER_A)).toBeNull());
  });

  test('one that does not answer, or refuses, keeps it loaded', async () => {
    const [first, second] = [await start(), await start()];
    expect(await askGateways({ ...settings(), adminToken: 'a-wrong-token-here' })(ADAPTER_B)).toBe(`gateway ${first.url} answers 401`);
    await second.close();
    expect(await askGateways(settings())(ADAPTER_B)).toBe(`gateway ${second.url} does not answer`);
  });
});
