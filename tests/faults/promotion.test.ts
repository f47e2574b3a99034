// A promotion whose worker or replica is killed at every step, on the real Temporal server, worker, stores and gateway, in front
// of stub engines that say they are some. Always: the old adapter serves, or the new one fully; no request is lost in the swap.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { traceDown, nodesOf } from '../../core/lineage/trace.ts';
import { Fleet, startTemporalForFleets } from '../support/fleet.ts';
import { startStubEngine } from '../support/stub-engine.ts';

let temporal: Awaited<ReturnType<typeof startTemporalForFleets>>;
const fleets: Fleet[] = [];
beforeAll(async () => {
  temporal = await startTemporalForFleets();
}, 60_000);
afterAll(async () => {
  await Promise.all(fleets.map((fleet) => fleet.stop()));
  await temporal.stop();
}, 60_000);

async function fleetOf(name: string, history?: readonly string[]): Promise<Fleet> {
  const fleet = new Fleet(name, temporal.server.address);
  fleets.push(fleet);
  return fleet.start(history);
}

/** What must hold once a promotion of `third` over `first` and `second` has ended, whatever happened meanwhile. */
async function expectPromoted(fleet: Fleet): Promise<void> {
  const [first, second, third] = await Promise.all(['first', 'second', 'third'].map((name) => fleet.adapter(name)));
  const history = await fleet.store.channelHistory(fleet.channel);
  expect(history.map(({ generation, live, action }) => [generation, live, action])).toEqual([[0, null, 'created'], [1, first, 'promoted'], [2, second, 'promoted'], [3, third, 'promoted']]);
  expect(await fleet.store.openIntents()).toEqual([]);
  // Live and one former stay; the oldest is gone.
  for (const engine of fleet.engines) expect(new Set(engine.loaded.keys())).toEqual(new Set([second, third]));
  const verdict = history.at(-1)?.verdictDigest ?? '';
  const tree = await traceDown({ kind: 'verdict', id: verdict }, (id) => fleet.store.linksFrom(id));
  expect(nodesOf(tree).map(({ id }) => id)).toContain(`${fleet.channel}@3`);
  expect((await fleet.store.runs({ limit: 1 }))[0]).toMatchObject({ status: 'promoted' });
}

describe('a pipeline worker that is killed', () => {
  it.concurrent.each([
    ['after_intent', 2, 'left'],
    ['after_load', 2, 'left'],
    ['after_read_back', 2, 'left'],
    ['after_smoke', 2, 'left'],
    ['before_swap', 2, 'left'],
    ['after_swap', 3, 'finished'],
    ['before_unload', 3, null],
  ])('%s: the channel is at generation %i, and its successor ends the promotion', async (point, generation, reconciled) => {
    const fleet = await fleetOf(point.replaceAll('_', '-'));
    const traffic = fleet.traffic();
    const killed = await fleet.startWorker(point);
    const third = await fleet.adapter('third');
    const promotion = await fleet.startPromotion(third, 2);
    expect(await killed.exited).toMatchObject({ signal: 'SIGKILL' });
    expect(await fleet.live()).toMatchObject({ generation, live: generation === 3 ? third : await fleet.adapter('second') });
    await sleep(300);

    const next = await fleet.startWorker();
    const metrics = await next.metrics();
    if (reconciled !== null) {
      expect(metrics).toContain(`ratchet_promotions_reconciled_total{result="${reconciled}"} 1`);
      expect(next.log()).toContain('a promotion was left open');
    }
    expect(await promotion.result()).toMatchObject({ status: 'promoted', generation: 3 });
    await fleet.until('the traffic follows', () => traffic.answers.at(-1)?.generation === 3);
    const answers = await traffic.end();
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
    expect(new Set(answers.map((answer) => answer.generation))).toEqual(new Set([2, 3]));
    await expectPromoted(fleet);
  }, 150_000);
});

describe('a replica that is killed', () => {
  it.concurrent('in the middle of a load: the promotion waits for it, and it gets the adapter when it is back', async () => {
    const fleet = await fleetOf('load-cut');
    const [, second] = fleet.engines;
    if (!second) throw new Error('two replicas');
    const port = Number(new URL(second.url).port);
    const traffic = fleet.traffic();
    await fleet.startWorker();
    for (const engine of fleet.engines) engine.loadMs = 1_500;
    const promotion = await fleet.startPromotion(await fleet.adapter('third'), 2);
    await sleep(700);
    await second.close();
    await sleep(2_500);
    expect(await fleet.live()).toMatchObject({ generation: 2 });
    fleet.engines[1] = await startStubEngine(port);
    expect(await promotion.result()).toMatchObject({ status: 'promoted', generation: 3 });
    await fleet.until('the empty replica is up to date', () => fleet.gateway.replicas().every(({ inTraffic, missing }) => inTraffic && missing.length === 0));
    await fleet.until('the traffic follows', () => traffic.answers.at(-1)?.generation === 3);
    const answers = await traffic.end();
    // What was in flight on the killed replica is refused, never answered by another adapter (checked by `end`).
    expect(answers.filter(({ status }) => status !== 200 && status !== 503)).toEqual([]);
    expect(answers.filter(({ status }) => status === 503).length).toBeLessThanOrEqual(3);
  }, 120_000);

  it.concurrent('for good: the promotion goes on without it after a while; it is brought up to date before it gets traffic', async () => {
    const fleet = await fleetOf('one-away');
    const [first, second] = fleet.engines;
    if (!first || !second) throw new Error('two replicas');
    const before = new Map(second.loaded);
    await second.close();
    await fleet.startWorker(undefined, { VLLM_REPLICA_WAIT_SECONDS: '3' });
    const third = await fleet.adapter('third');
    const startedMs = performance.now();
    const promotion = await fleet.startPromotion(third, 2);
    expect(await promotion.result()).toMatchObject({ status: 'promoted', generation: 3 });
    expect(performance.now() - startedMs).toBeGreaterThan(3_000);

    // It comes back as it was: with the former adapters and without the live one.
    const back = await startStubEngine(Number(new URL(second.url).port));
    fleet.engines[1] = back;
    for (const [name, root] of before) back.loaded.set(name, root);
    await fleet.until('it is brought up to date', () => fleet.gateway.replicas().every(({ inTraffic, missing }) => inTraffic && missing.length === 0));
    const traffic = fleet.traffic();
    await fleet.until('both answer', () => first.asked.length > 20 && back.asked.length > 20);
    const answers = await traffic.end();
    expect(new Set(answers.map(({ adapter, status }) => `${status} ${adapter}`))).toEqual(new Set([`200 ${third}`]));
    expect(back.asked.every(({ model }) => model === third)).toBe(true);
    expect(await fleet.metrics.registry.metrics()).toContain(`ratchet_gateway_fleet_alarm{replica="${second.url}",reason="lacks_live"} 0`);
    expect(fleet.log.lines.some((line) => line.includes('replica alarm') && line.includes('away'))).toBe(true);
  }, 120_000);

  it.concurrent('and restarted empty under traffic: nobody gets the base model in the adapter\u2019s place', async () => {
    const fleet = await fleetOf('restarted-empty');
    const [, second] = fleet.engines;
    if (!second) throw new Error('two replicas');
    const live = await fleet.adapter('second');
    const traffic = fleet.traffic();
    await fleet.until('both answer', () => fleet.engines.every(({ asked }) => asked.length > 10));
    for (let times = 0; times < 5; times += 1) {
      const engine = fleet.engines[1];
      await engine?.close();
      await sleep(150);
      fleet.engines[1] = await startStubEngine(Number(new URL(second.url).port));
      await fleet.until('it is up to date', () => fleet.gateway.replicas().every(({ inTraffic, missing }) => inTraffic && missing.length === 0));
    }
    const asked = fleet.engines[1]?.asked.length ?? 0;
    await fleet.until('it answers again', () => (fleet.engines[1]?.asked.length ?? 0) > asked + 10);
    const answers = await traffic.end();
    expect(new Set(answers.map(({ adapter }) => adapter))).toEqual(new Set([live]));
    expect(answers.filter(({ status }) => status !== 200 && status !== 503)).toEqual([]);
    // At most what was in flight on it each time.
    expect(answers.filter(({ status }) => status === 503).length).toBeLessThanOrEqual(5 * 3);
    expect(answers.length).toBeGreaterThan(100);
  }, 120_000);
});

describe('two hands at once', () => {
  it.concurrent('two promotions: one is promoted, the other lost and off the engines', async () => {
    const fleet = await fleetOf('two-promotions');
    const traffic = fleet.traffic();
    await fleet.startWorker();
    for (const engine of fleet.engines) engine.loadMs = 300;
    const candidates = await Promise.all(['third', 'fourth'].map((name) => fleet.adapter(name)));
    const promotions = await Promise.all(candidates.map((candidate) => fleet.startPromotion(candidate, 2)));
    const results = (await Promise.all(promotions.map((promotion) => promotion.result()))) as { status: string }[];
    expect(results.map(({ status }) => status).toSorted()).toEqual(['lost', 'promoted']);
    const winner = candidates[results.findIndex(({ status }) => status === 'promoted')];
    expect(await fleet.live()).toEqual({ generation: 3, live: winner });
    expect(await fleet.store.channelHistory(fleet.channel)).toHaveLength(4);
    for (const engine of fleet.engines) expect(new Set(engine.loaded.keys())).toEqual(new Set([winner, await fleet.adapter('second')]));
    expect(await fleet.store.openIntents()).toEqual([]);
    await fleet.until('the traffic follows', () => traffic.answers.at(-1)?.generation === 3);
    expect((await traffic.end()).filter(({ status }) => status !== 200)).toEqual([]);
  }, 120_000);

  it.concurrent('a rollback during a promotion wins: the candidate never goes live', async () => {
    const fleet = await fleetOf('rollback-meanwhile');
    const traffic = fleet.traffic();
    await fleet.startWorker();
    for (const engine of fleet.engines) engine.loadMs = 10_000;
    const promotion = await fleet.startPromotion(await fleet.adapter('third'), 2);
    await fleet.until('it is under way', async () => (await fleet.store.openIntents()).length === 1);
    const { status, stdout } = await fleet.ratchet('--json', 'rollback', fleet.channel, '--reason', 'wrong since noon');
    expect(status).toBe(0);
    const done = JSON.parse(stdout) as { generation: number; recorded: string; gateways: object; seconds: { total: number } };
    expect(done).toMatchObject({ generation: 3, live: await fleet.adapter('first'), recorded: 'temporal', gateways: { asked: 1, following: 1 } });
    expect(await promotion.result()).toMatchObject({ status: 'lost' });
    expect(await fleet.live()).toEqual({ generation: 3, live: await fleet.adapter('first') });
    for (const engine of fleet.engines) expect(new Set(engine.loaded.keys())).toEqual(new Set([await fleet.adapter('first'), await fleet.adapter('second')]));
    await fleet.until('the traffic follows', () => traffic.answers.at(-1)?.generation === 3);
    const answers = await traffic.end();
    expect(answers.filter(({ status: code }) => code !== 200)).toEqual([]);
    expect(await fleet.client.workflow.getHandle(`rollback/${fleet.channel}@3`).result()).toMatchObject({ generation: 3 });
  }, 120_000);

  it.concurrent('a promotion whose workflow was ended by hand is closed at the next start, and can no longer change the channel', async () => {
    const fleet = await fleetOf('terminated');
    const third = await fleet.adapter('third');
    const killed = await fleet.startWorker('after_smoke');
    const promotion = await fleet.startPromotion(third, 2);
    await killed.exited;
    await promotion.terminate('a test');
    const next = await fleet.startWorker();
    expect(await next.metrics()).toContain('ratchet_promotions_reconciled_total{result="closed"} 1');
    expect(await fleet.store.openIntents()).toEqual([]);
    const late = { channel: fleet.channel, expectedGeneration: 2, intentId: promotion.workflowId, live: third, action: 'promoted' as const, by: 'gate', reason: '', verdictDigest: null, approvalDigest: null, time: new Date().toISOString() };
    await expect(fleet.store.swapChannel(late)).rejects.toMatchObject({ code: 'CHANNEL_CONFLICT' });
    expect(await fleet.live()).toMatchObject({ generation: 2 });
  }, 120_000);
});

describe('a gateway that does not answer', () => {
  it.concurrent('keeps the former adapter loaded, and the reason is told; the promotion stands', async () => {
    const fleet = await fleetOf('silent-gateway');
    const another = await fleet.startGateway();
    const worker = await fleet.startWorker(undefined, { GATEWAY_URLS: `${fleet.gateway.url},${another.url}` });
    await another.close();
    const promotion = await fleet.startPromotion(await fleet.adapter('third'), 2);
    await fleet.until('it is promoted', async () => (await fleet.live()).generation === 3);
    await sleep(4_000);
    for (const engine of fleet.engines) expect(engine.loaded.has(await fleet.adapter('first'))).toBe(true);
    expect((await fleet.store.runs({ limit: 1 }))[0]).toMatchObject({ status: 'promoted' });
    await promotion.terminate('the test has seen enough');
    expect(worker.log()).toContain(`gateway ${another.url} does not answer`);
  }, 120_000);
});
