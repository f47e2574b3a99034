// Two real vLLM replicas: an adapter is promoted on both, one is killed under traffic and comes back empty, and the way back is taken.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Deps } from '../../activities/deps.ts';
import { promote } from '../../activities/promote.ts';
import { rollbackChannel } from '../../activities/rollback.ts';
import { Verdict, type Digest, type RunRecord } from '../../core/contracts/index.ts';
import { canonicalJson } from '../../core/digest.ts';
import { startGateway, type Gateway } from '../../gateway/gateway.ts';
import { startVllm, type VllmServer } from '../../infra/dev/vllm.ts';
import { createAdapterFiles } from '../../stores/adapters.ts';
import { openBlobStore } from '../../stores/blobs.ts';
import type { MetadataStore, ServingTarget } from '../../stores/ports.ts';
import { openMetadataStore } from '../../stores/sqlite/index.ts';
import { createVllmTarget } from '../../stores/vllm.ts';
import { putRandomAdapter } from '../support/adapter.ts';
import { seed, writeWorkload } from '../support/pipeline-world.ts';
import { captureLog } from '../support/stub-engine.ts';

const BASE = 'smollm2-135m-instruct';
const CHANNEL = 'tickets/production';
const TIME = '2026-01-02T03:04:05.000Z';
const START_MS = 400_000;
const dir = mkdtempSync(join(tmpdir(), 'ratchet-vllm-fleet-'));
const log = captureLog();
const servers: VllmServer[] = [];
let store: MetadataStore;
let target: ServingTarget;
let gateway: Gateway;
let adapter: Digest;
/** What a promotion and a rollback work with. */
let deps: Deps;

const start = (index: number, port?: number): Promise<VllmServer> => startVllm({ dir: join(dir, `vllm-${index}`), ...(port === undefined ? {} : { port }), maxLoras: 3, threads: 1 });

beforeAll(async () => {
  servers.push(...(await Promise.all([0, 1].map((index) => start(index)))));
  const blobs = await openBlobStore(join(dir, 'blobs'));
  store = await openMetadataStore(join(dir, 'ratchet.db'));
  adapter = await putRandomAdapter(blobs, 1);
  const loaded = await writeWorkload(join(dir, 'workloads'), 'tickets');
  await store.ensureChannel(CHANNEL, TIME);
  await seed(store, loaded, { corrected: 0, cases: 1 });
  target = createVllmTarget({ replicas: servers.map(({ url }) => url), apiKey: undefined, baseModel: BASE, maxLoraRank: 16, materialize: createAdapterFiles({ blobs, dir: join(dir, 'adapters') }).materialize });
  const silent = { info: () => undefined, warn: () => undefined };
  deps = {
    store, blobs, target, workloads: new Map([['tickets', loaded]]), clock: () => new Date(), home: dir, logger: silent,
    busyOn: async () => null, replicaWaitMs: 60_000, faultPoint: () => undefined,
  } as unknown as Deps;
  gateway = await startGateway({
    store, marks: store, target, logger: log.logger, subjectKey: 'k', pollMs: 250, publish: () => undefined,
    workloads: new Map([[CHANNEL, { workload: { name: 'tickets', channel: CHANNEL } }]]),
  });
}, START_MS);
afterAll(async () => {
  await gateway?.close(1_000);
  await Promise.all(servers.map((server) => server.stop()));
  await store?.close();
  rmSync(dir, { recursive: true, force: true });
}, 60_000);

interface Answer {
  status: number;
  adapter: string | null;
  text: string;
}

async function ask(): Promise<Answer> {
  const body = { model: CHANNEL, messages: [{ role: 'user', content: 'Name the capital of France, then count to nine.' }], temperature: 0, max_tokens: 12 };
  const response = await fetch(`${gateway.url}/v1/chat/completions`, { method: 'POST', body: JSON.stringify(body) });
  const { choices } = (await response.json()) as { choices?: { message: { content: string } }[] };
  return { status: response.status, adapter: response.headers.get('x-ratchet-adapter'), text: choices?.[0]?.message.content ?? '' };
}

/** Asks without end; every answer is kept. */
function traffic(): { answers: Answer[]; end: () => Promise<Answer[]> } {
  const answers: Answer[] = [];
  let going = true;
  const loops = [0, 1].map(async () => {
    while (going) {
      answers.push(await ask().catch(() => ({ status: 0, adapter: null, text: '' })));
      await sleep(100);
    }
  });
  return { answers, end: async () => ((going = false), await Promise.all(loops), answers) };
}

it('an adapter is promoted on both, checked on both, and answers from both', async () => {
  const golden = JSON.parse(readFileSync(join(import.meta.dirname, '..', 'contracts', 'golden', 'Verdict.json'), 'utf8')) as { valid: object[] };
  const runId = 'nightly/tickets-1';
  const record: RunRecord = {
    ...{ schemaVersion: 1, runId, temporalRunId: 'r', workload: 'tickets', requestId: null, status: 'running', step: 'judge', reason: null, workloadDigest: null, manifestDigest: null },
    ...{ datasetDigest: null, adapterDigest: adapter, verdictDigest: null, decision: null, reportDigest: null, startedAt: TIME, endedAt: null },
  };
  await store.saveRun(record);
  const loaded = [...deps.workloads.values()][0];
  const settingsDigest = await deps.blobs.put(Buffer.from(canonicalJson({ workload: loaded?.workload, workloadDigest: loaded?.digest, outputSchema: null })));
  const verdictDigest = await store.putDocument('verdict', Verdict.parse({ ...golden.valid[0], runId, channel: CHANNEL, candidateDigest: adapter, currentGeneration: 0 }));
  const running = traffic();
  const done = await promote(deps, { schemaVersion: 1, run: { schemaVersion: 1, runId, workload: 'tickets', settingsDigest }, channel: CHANNEL, candidateDigest: adapter, verdictDigest, expectedGeneration: 0, by: 'gate', approvalDigest: null });
  expect(done).toMatchObject({ result: 'promoted', generation: 1 });
  await expect.poll(() => running.answers.at(-1)?.adapter, { timeout: 30_000 }).toBe(adapter);
  const answers = await running.end();
  expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
  const before = await Promise.all(servers.map(async ({ url }) => target.tokensServed?.(url)));
  await Promise.all(Array.from({ length: 8 }, ask));
  const after = await Promise.all(servers.map(async ({ url }) => target.tokensServed?.(url)));
  for (const index of [0, 1]) expect(after[index] ?? 0).toBeGreaterThan(before[index] ?? 0);
}, 120_000);

it('one that is killed under traffic and comes back empty gets the adapter and the check before it answers', async () => {
  const [, second] = servers;
  if (!second) throw new Error('two replicas');
  const running = traffic();
  await expect.poll(() => running.answers.length, { timeout: 30_000 }).toBeGreaterThan(6);
  process.kill(second.pid, 'SIGKILL');
  await second.exited;
  await expect.poll(() => gateway.replicas()[1], { timeout: 20_000 }).toMatchObject({ healthy: false, alarms: ['away'] });
  servers[1] = await start(1, second.port);
  await expect.poll(() => gateway.replicas()[1], { timeout: 60_000 }).toMatchObject({ inTraffic: true, missing: [], alarms: [] });
  const answers = await running.end();
  expect(new Set(answers.map((answer) => answer.adapter))).toEqual(new Set([adapter]));
  expect(answers.filter(({ status }) => status !== 200 && status !== 503)).toEqual([]);
  // Two clients: at most what each had in flight on the killed one.
  expect(answers.filter(({ status }) => status === 503).length).toBeLessThanOrEqual(2);
  expect((await target.state())[1]?.adapters.map(({ digest }) => digest)).toEqual([adapter]);
}, START_MS);

it('the way back takes less than two seconds', async () => {
  const startedMs = performance.now();
  expect(await rollbackChannel(deps, { schemaVersion: 1, channel: CHANNEL, by: 'dana', reason: 'a test', expectedGeneration: 1 })).toMatchObject({ generation: 2, live: null });
  expect(performance.now() - startedMs).toBeLessThan(2_000);
  await expect.poll(async () => (await ask()).adapter, { timeout: 20_000 }).toBe('base');
});
