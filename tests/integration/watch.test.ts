// The watch on the real Temporal server, behind the real gateway and intake's own judgement; the engine is a stub that says it is one.
import type { ChildProcess } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { InteractionEvent, WatchRecord } from '../../core/contracts/index.ts';
import { nodesOf, traceDown } from '../../core/lineage/trace.ts';
import { startGateway, type Gateway } from '../../gateway/gateway.ts';
import { batchOf, createSorter } from '../../intake/sort.ts';
import { openKeys } from '../../stores/keys.ts';
import { createVllmTarget } from '../../stores/vllm.ts';
import { homePaths } from '../../workers/config.ts';
import { watchId } from '../../workflows/watch-channel.ts';
import { scheduledSteps, startWorld, type World } from '../support/pipeline.ts';
import { SECRET, seed, answerTo } from '../support/pipeline-world.ts';
import { STUB_BASE, captureLog, startStubEngine, type StubEngine } from '../support/stub-engine.ts';

const WATCH = '{ share: 0.3, hours: 1, pollSeconds: 1 }';

/** A gateway over a stub engine for one workload; what it publishes is judged and kept as intake would. */
async function serve(world: World, workload: string): Promise<{ engine: StubEngine; gateway: Gateway; ask: (count: number, prompt: (n: number) => string, who?: (n: number) => Record<string, string>) => Promise<void>; close: () => Promise<void> }> {
  const engine = await startStubEngine();
  const loaded = world.workloads.get(workload);
  if (loaded === undefined) throw new Error(`no workload ${workload}`);
  const { channel } = loaded.workload;
  const keys = await openKeys(homePaths(world.home).keys);
  const { logger } = captureLog();
  const events: InteractionEvent[] = [];
  const gateway = await startGateway({
    store: world.store,
    target: createVllmTarget({ replicas: [engine.url], apiKey: undefined, baseModel: STUB_BASE, maxLoraRank: 16, materialize: async (adapter) => `/adapters/${adapter.slice(7)}` }),
    workloads: new Map([[channel, loaded]]),
    publish: (event) => void events.push(event),
    ...{ subjectKey: keys.subject, logger, pollMs: 50 },
  });
  // The engine learns of the adapter from the gateway, and is seen to keep it apart.
  await expect.poll(async () => (await fetch(`${gateway.url}/readyz`)).status, { timeout: 10_000 }).toBe(200);
  // The stand-in trainer taught nothing: the adapter answers what it knows, and not what came later; the base answers both.
  engine.onChat = (asked, res) => {
    const right = asked.model === STUB_BASE || !asked.body.includes('dringend');
    const content = right ? answerTo('ticket') : `Das kann ich nicht sagen. ${SECRET}`;
    res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ id: 'c', model: asked.model, choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }] }));
  };
  const sorter = createSorter({ keys, workloads: world.workloads, limits: { maxBytes: 1_000_000, maxDepth: 64 }, logger, clock: () => new Date() });
  let asked = 0;
  return {
    engine,
    gateway,
    ask: async (count, prompt, who = (n) => ({ 'x-ratchet-session': `session-${n}` })) => {
      const statuses = new Set<number>();
      for (let begun = 0; begun < count; begun += 20) {
        await Promise.all(
          Array.from({ length: Math.min(20, count - begun) }, async () => {
            const n = asked++;
            const response = await fetch(`${gateway.url}/v1/chat/completions`, { method: 'POST', headers: { 'content-type': 'application/json', ...who(n) }, body: JSON.stringify({ model: channel, messages: [{ role: 'user', content: `${prompt(n)} ${SECRET}` }] }) });
            statuses.add(response.status);
            await response.text();
          }),
        );
      }
      expect([...statuses]).toEqual([200]);
      await expect.poll(() => events.length).toBe(count);
      const sorted = events.splice(0).map((event, n) => sorter.sort({ bytes: Buffer.from(JSON.stringify(event)), position: { topic: 't', partition: 0, offset: String(asked + n) } }));
      await world.store.storeBatch(batchOf(sorted));
    },
    close: async () => {
      await gateway.close(500);
      await engine.close();
    },
  };
}

const usual = (n: number): string => `please file number ${n}`;
/** The stated change of traffic. */
const changed = (n: number): string => `dringend: bitte Nummer ${n} ablegen`;

async function ended(world: World, channel: string, generation: number): Promise<WatchRecord> {
  let record: WatchRecord | null = null;
  await expect.poll(async () => (record = await world.store.watch(channel, generation))?.status, { timeout: 30_000 }).not.toBe('open');
  if (record === null) throw new Error('nobody watched');
  return record;
}

describe('after a promotion', () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld();
  }, 120_000);
  afterAll(async () => {
    await world.stop();
  });

  test('a change of traffic that the new adapter does not master brings the former one back by itself', async () => {
    const channel = 'watched/production';
    const loaded = await world.addWorkload('watched', { watch: WATCH });
    const { run } = await world.night('watched');
    expect(run.status).toBe('promoted');
    await expect.poll(async () => (await world.store.channel(channel))?.holdback, { timeout: 10_000 }).toMatchObject({ digest: null, share: 0.3 });
    expect(await world.store.watches({ limit: 10 })).toEqual([expect.objectContaining({ channel, generation: 1, status: 'open', live: run.adapterDigest, holdback: null })]);

    const served = await serve(world, 'watched');
    try {
      await served.ask(300, usual);
      await expect.poll(async () => (await world.store.watchCounts(channel, 1))[0]?.strata[0]?.live.answers ?? 0, { timeout: 10_000 }).toBeGreaterThan(150);
      expect((await world.store.channel(channel))?.generation).toBe(1);
      const since = performance.now();
      await served.ask(200, changed);
      const record = await ended(world, channel, 1);
      console.log(`the watch rolled back ${((performance.now() - since) / 1000).toFixed(1)} s after the change: ${record.reason}`);
      expect(record).toMatchObject({ status: 'rolled_back', reason: expect.stringMatching(/^automatic: malformed_json: \d+ of \d+ .* against 0 of \d+ .* held back; e = .* is wanted$/) as string });
    } finally {
      await served.close();
    }
    const entry = await world.store.channel(channel);
    expect(entry).toMatchObject({ generation: 2, live: null, previous: run.adapterDigest, action: 'rolled_back', by: 'watch' });
    expect(entry?.holdback).toBeUndefined();
    await world.client.workflow.getHandle(watchId(channel, 1)).result();
    expect(world.noticesOf('watched')).toMatchObject([{ type: 'watch.rolled_back', data: { generation: 1, live: run.adapterDigest, former: null } }]);
    const kinds = nodesOf(await traceDown({ kind: 'channel_entry', id: `${channel}@1` }, (id) => world.store.linksFrom(id))).map(({ kind, id }) => (kind === 'channel_entry' ? id : kind));
    expect(kinds).toEqual([`${channel}@1`, 'watch', `${channel}@2`]);

    // While it cools off, a night that is proven waits for a person although the workload is automatic.
    await seed(world.store, loaded, { corrected: 8, cases: 14, from: 100 });
    const next = await world.night('watched');
    expect(next.run.status).toBe('awaiting_approval');
    expect((await world.store.channel(channel))?.generation).toBe(2);
  });

  test('the same change sent by one caller alone is said, and rolls nothing back', async () => {
    const channel = 'forced/production';
    await world.addWorkload('forced', { watch: WATCH });
    await world.night('forced');
    await expect.poll(async () => (await world.store.channel(channel))?.holdback, { timeout: 10_000 }).toBeDefined();
    const served = await serve(world, 'forced');
    try {
      await served.ask(200, usual);
      await served.ask(200, changed, (n) => ({ 'x-ratchet-session': `session-${n}`, 'x-ratchet-tenant': 'hostile' }));
      await expect.poll(async () => (await world.store.watch(channel, 1))?.reason, { timeout: 15_000 }).toMatch(/^a person should look: .* without tenant hostile there is no proof$/);
      expect(await world.store.watch(channel, 1)).toMatchObject({ status: 'open' });
      expect((await world.store.channel(channel))?.generation).toBe(1);
    } finally {
      await served.close();
    }
    // A person decides, and that ends the watch.
    const handle = world.client.workflow.getHandle(watchId(channel, 1));
    await world.store.swapChannel({ channel, expectedGeneration: 1, live: null, action: 'rolled_back', by: 'dana', reason: 'by hand', verdictDigest: null, approvalDigest: null, time: new Date().toISOString() });
    expect(await handle.result()).toMatchObject({ status: 'superseded', reason: 'dana rolled back generation 2' });
    const input = { schemaVersion: 1, channel, generation: 1, workload: 'forced', policy: { share: 0.3, hours: 1, alpha: 0.01, minimumEffect: 0.02, perCaller: 20, coolingOffHours: 72, pollSeconds: 1 }, by: 'dana', run: null };
    const again = { workflowId: watchId(channel, 1), taskQueue: world.taskQueueOf('forced'), args: [input], workflowIdReusePolicy: 'REJECT_DUPLICATE' as const };
    await expect(world.client.workflow.start('watchChannel', again)).rejects.toThrow();
  });

  test('ends well when nothing rose by the end of the holdback, and takes nothing off the engine that may come back', async () => {
    const channel = 'quiet/production';
    await world.addWorkload('quiet', { watch: '{ share: 0.3, hours: 0.002, pollSeconds: 1 }' });
    const { run } = await world.night('quiet');
    expect(await world.client.workflow.getHandle(watchId(channel, 1)).result()).toMatchObject({ status: 'passed' });
    expect(await world.store.channel(channel)).toMatchObject({ generation: 1, live: run.adapterDigest });
    expect(scheduledSteps(await world.historyJson(watchId(channel, 1)))).toMatchObject({ openWatch: 1, unloadFormer: 1 });
  });

  test('a workload that asks for none is not watched', async () => {
    await world.addWorkload('unwatched');
    await world.night('unwatched');
    expect((await world.store.channel('unwatched/production'))?.holdback).toBeUndefined();
    await expect(world.client.workflow.getHandle(watchId('unwatched/production', 1)).describe()).rejects.toThrow();
  });
});

describe('a pipeline worker that is killed while it watches', () => {
  test('is no end of the watch: the next one goes on where it was, and each answer counts once', async () => {
    const world = await startWorld({ worker: false });
    const children: ChildProcess[] = [];
    const start = (): void => void children.push(world.startWorkerProcess('killed'));
    const channel = 'killed/production';
    try {
      await world.addWorkload('killed', { watch: WATCH });
      start();
      await world.night('killed');
      await expect.poll(async () => (await world.store.channel(channel))?.holdback, { timeout: 20_000 }).toBeDefined();
      const served = await serve(world, 'killed');
      await served.ask(100, usual);
      children[0]?.kill('SIGKILL');
      await served.ask(200, changed);
      await served.close();
      start();
      const record = await ended(world, channel, 1);
      expect(record.status).toBe('rolled_back');
      const counts = await world.store.watchCounts(channel, 1);
      expect(counts[0]?.strata.reduce((sum, { live, holdback }) => sum + live.answers + holdback.answers, 0)).toBe(300);
    } finally {
      for (const child of children) child.kill('SIGKILL');
      await world.stop();
    }
  });
});
