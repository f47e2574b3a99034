// Promotion and rollback as functions, on a real store and engines that are a table: what is refused, what is found done, what stays loaded.
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { checkDecision, openPromotion } from '../../activities/approval.ts';
import type { Deps, RunRef } from '../../activities/deps.ts';
import { reconcileIntents } from '../../activities/intents.ts';
import { promote, type PromoteInput } from '../../activities/promote.ts';
import { rollbackChannel } from '../../activities/rollback.ts';
import { unloadAdapter, unloadFormer, unloadOrphans } from '../../activities/serve.ts';
import { keyIdOf, rawPublicKey } from '../../core/approval/keys.ts';
import { signStatement, statementOf } from '../../core/approval/statement.ts';
import { Verdict, type Digest, type RunRecord } from '../../core/contracts/index.ts';
import { canonicalJson, digestOfBytes } from '../../core/digest.ts';
import { RatchetError } from '../../core/errors.ts';
import { openBlobStore } from '../../stores/blobs.ts';
import type { MetadataStore, ReplicaState, ServingTarget } from '../../stores/ports.ts';
import { openMetadataStore } from '../../stores/sqlite/index.ts';
import type { LoadedWorkload } from '../../stores/workloads.ts';
import { seed, writeWorkload } from '../support/pipeline-world.ts';

const CHANNEL = 'tickets/production';
const TIME = '2026-01-02T03:04:05.000Z';
const [A, B, C, D] = ['a', 'b', 'c', 'd'].map((name) => digestOfBytes(name)) as [Digest, Digest, Digest, Digest];
const golden = JSON.parse(readFileSync(join(import.meta.dirname, '..', 'contracts', 'golden', 'Verdict.json'), 'utf8')) as { valid: unknown[] };

/** Two engines: what each has, whether it answers, and what it refuses. */
class Engines implements ServingTarget {
  readonly replicas = ['http://one', 'http://two'];
  readonly baseModel = 'base';
  readonly maxLoraRank = 16;
  readonly has = new Map(this.replicas.map((url) => [url, new Set<Digest>()]));
  readonly away = new Set<string>();
  readonly refuses = new Set<string>();
  readonly mixes = new Set<string>();
  onUnload: (adapter: Digest) => Promise<void> = async () => undefined;

  async state(): Promise<ReplicaState[]> {
    return this.replicas.map((url) => ({ url, healthy: !this.away.has(url), engineBuild: 'x', adapters: this.away.has(url) ? [] : [...(this.has.get(url) ?? [])].map((digest) => ({ digest, root: '/' })) }));
  }
  async load(adapter: Digest, { replicas = this.replicas }: { replicas?: readonly string[] } = {}): Promise<void> {
    for (const url of replicas) if (!this.away.has(url) && !this.refuses.has(url)) this.has.get(url)?.add(adapter);
    for (const url of replicas) if (this.away.has(url)) throw new RatchetError('SERVING_UNAVAILABLE', url);
    for (const url of replicas) if (this.refuses.has(url)) throw new RatchetError('ADAPTER_LOAD_FAILED', url);
  }
  async unload(adapter: Digest, { replicas = this.replicas }: { replicas?: readonly string[] } = {}): Promise<void> {
    await this.onUnload(adapter);
    for (const url of replicas) this.has.get(url)?.delete(adapter);
  }
  async checkIsolation(_adapters: readonly Digest[], { replicas = this.replicas }: { replicas?: readonly string[] } = {}): Promise<{ replica: string; prompts: number; arms: number }[]> {
    for (const url of replicas) if (this.mixes.has(url)) throw new RatchetError('ISOLATION_BROKEN', `${url} mixes`);
    return [];
  }
  async chat() {
    return { text: 'yes', finishReason: 'stop', inputTokens: 1, outputTokens: 1, latencyMs: 1 };
  }
  async logprob() {
    return { logprob: -1, tokens: 1, latencyMs: 1 };
  }
}

let dir: string;
let store: MetadataStore;
let engines: Engines;
let deps: Deps;
let loaded: LoadedWorkload;
let clockMs: number;
const points: string[] = [];

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'ratchet-promotion-'));
  store = await openMetadataStore(join(dir, 'ratchet.db'));
  loaded = await writeWorkload(dir, 'tickets');
  await store.ensureChannel(CHANNEL, TIME);
  await seed(store, loaded, { corrected: 0, cases: 1 });
  engines = new Engines();
  clockMs = Date.parse(TIME);
  points.length = 0;
  const silent = { info: () => undefined, warn: () => undefined };
  deps = {
    store, blobs: await openBlobStore(join(dir, 'blobs')), target: engines, workloads: new Map([['tickets', loaded]]), clock: () => new Date(clockMs), home: dir, logger: silent,
    busyOn: async () => null, replicaWaitMs: 60_000, faultPoint: (point: string) => void points.push(point),
  } as unknown as Deps;
});
afterEach(async () => {
  await store.close();
  rmSync(dir, { recursive: true, force: true });
});

async function runOf(runId: string, verdictDigest: Digest | null = null): Promise<RunRef> {
  const record: RunRecord = {
    ...{ schemaVersion: 1, runId, temporalRunId: 'r', workload: 'tickets', requestId: null, status: 'running', step: 'judge', reason: null, workloadDigest: null, manifestDigest: null },
    ...{ datasetDigest: null, adapterDigest: null, verdictDigest, decision: null, reportDigest: null, startedAt: TIME, endedAt: null },
  };
  await store.saveRun(record);
  return { schemaVersion: 1, runId, workload: 'tickets', settingsDigest: await deps.blobs.put(Buffer.from(canonicalJson({ workload: loaded.workload, workloadDigest: loaded.digest, outputSchema: null }))) };
}

async function inputFor(candidateDigest: Digest, verdict: Partial<Verdict> = {}): Promise<PromoteInput> {
  const expectedGeneration = (await store.channel(CHANNEL))?.generation ?? 0;
  const runId = `nightly/${candidateDigest.slice(7, 15)}-${expectedGeneration}`;
  const document = Verdict.parse({ ...(golden.valid[0] as object), runId, channel: CHANNEL, candidateDigest, currentGeneration: expectedGeneration, ...verdict });
  const verdictDigest = await store.putDocument('verdict', document);
  return { schemaVersion: 1, run: await runOf(runId, verdictDigest), channel: CHANNEL, candidateDigest, verdictDigest, expectedGeneration, by: 'gate', approvalDigest: null };
}
const promoted = async (candidate: Digest) => promote(deps, await inputFor(candidate));
const rollback = async (more: { toGeneration?: number } = {}) => {
  const { generation = 0 } = (await store.channel(CHANNEL)) ?? {};
  return rollbackChannel(deps, { schemaVersion: 1, channel: CHANNEL, by: 'dana', reason: 'a test', expectedGeneration: generation, ...more });
};
const liveNow = async () => (await store.channel(CHANNEL))?.live;

describe('a promotion', () => {
  test('goes its steps in order, and again finds itself done', async () => {
    const input = await inputFor(A);
    expect(await promote(deps, input)).toMatchObject({ result: 'promoted', generation: 1 });
    expect(points).toEqual(['after_intent', 'after_read_back', 'after_smoke', 'before_swap', 'after_swap']);
    expect(await promote(deps, input)).toMatchObject({ result: 'promoted', generation: 1 });
    expect(await store.channelHistory(CHANNEL)).toHaveLength(2);
    expect(await store.openIntents()).toEqual([]);
  });

  test('is refused where the run ended in another verdict, or where the workload has come to want people since', async () => {
    const input = await inputFor(A);
    await runOf(input.run.runId, C);
    await expect(promote(deps, input)).rejects.toMatchObject({ code: 'APPROVAL_VOID' });
    await runOf(input.run.runId, input.verdictDigest);
    const workload = { ...loaded.workload, approval: { ...loaded.workload.approval, mode: 'one_approver' as const } };
    deps = { ...deps, workloads: new Map([['tickets', { ...loaded, workload }]]) };
    await expect(promote(deps, input)).rejects.toMatchObject({ code: 'APPROVAL_VOID' });
    expect(await liveNow()).toBeNull();
    expect(engines.has.get('http://one')?.size).toBe(0);
  });

  test('is of those who signed it, whoever its workflow names, and of nobody whose key was revoked while it loaded', async () => {
    const workload = { ...loaded.workload, approval: { ...loaded.workload.approval, mode: 'one_approver' as const } };
    deps = { ...deps, notifier: null, cancelWorkflow: async () => undefined, workloads: new Map([['tickets', { ...loaded, workload }]]) };
    const { privateKey, publicKey: object } = generateKeyPairSync('ed25519');
    const publicKey = rawPublicKey(object);
    const keyId = keyIdOf(publicKey);
    await store.enrolKey({ schemaVersion: 1, keyId, publicKey, name: 'erin', channels: ['*'], enrolledBy: 'admin', enrolledAt: TIME, revoked: null });
    const approved = async (candidate: Digest): Promise<{ input: PromoteInput; approvalDigest: Digest | null }> => {
      const input = await inputFor(candidate);
      await openPromotion(deps, input);
      const waiting = await store.waitingPromotion(`promotion/${input.run.runId}`);
      if (!waiting) throw new Error('it does not wait');
      const signed = signStatement(statementOf(waiting, { decision: 'approve', keyId, by: 'erin', time: TIME }), privateKey);
      const { approvalDigest } = await checkDecision(deps, { schemaVersion: 1, run: input.run, signed });
      return { input, approvalDigest };
    };
    const first = await approved(A);
    expect(await promote(deps, { ...first.input, by: 'mallory', approvalDigest: null })).toMatchObject({ result: 'promoted' });
    expect(await store.channel(CHANNEL)).toMatchObject({ live: A, by: 'erin', approvalDigest: first.approvalDigest });
    const second = await approved(B);
    deps.faultPoint = (point) => void (point === 'before_swap' && store.revokeKey(keyId, { by: 'admin', at: TIME, reason: 'laptop lost' }));
    await expect(promote(deps, second.input)).rejects.toMatchObject({ code: 'APPROVAL_VOID' });
    expect(await liveNow()).toBe(A);
  });

  test.each([
    ['says hold', { decision: 'hold' as const }],
    ['is about another adapter', { candidateDigest: B }],
    ['is about another channel', { channel: 'tickets/staging' }],
    ['was reached after another generation', { currentGeneration: 7 }],
  ])('is refused where the verdict %s', async (_what, verdict) => {
    await expect(promote(deps, await inputFor(A, verdict))).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
    expect(await liveNow()).toBeNull();
    expect(engines.has.get('http://one')?.size).toBe(0);
    expect(await store.openIntents()).toEqual([]);
  });

  test('that another attempt of itself has made meanwhile is no lost one', async () => {
    const input = await inputFor(A);
    const swap = { channel: CHANNEL, expectedGeneration: 0, live: A, action: 'promoted' as const, by: 'gate', reason: '', verdictDigest: input.verdictDigest, approvalDigest: null, time: TIME };
    await store.openIntent({ id: `promotion/${input.run.runId}`, channel: CHANNEL, candidate: A, expectedGeneration: 0, at: TIME });
    let others = 1;
    engines.chat = async () => {
      if (others-- > 0) await store.swapChannel(swap);
      return { text: 'yes', finishReason: 'stop', inputTokens: 1, outputTokens: 1, latencyMs: 1 };
    };
    expect(await promote(deps, input)).toMatchObject({ result: 'promoted', generation: 1 });
    expect(await store.openIntents()).toEqual([]);
  });

  test('waits for a replica that is away, then goes on without it, but never without any', async () => {
    engines.away.add('http://two');
    const input = await inputFor(A);
    await expect(promote(deps, input)).rejects.toMatchObject({ code: 'SERVING_UNAVAILABLE', message: expect.stringContaining('http://two') as string });
    expect(await store.openIntents()).toHaveLength(1);
    clockMs += 61_000;
    engines.away.add('http://one');
    await expect(promote(deps, input)).rejects.toMatchObject({ code: 'SERVING_UNAVAILABLE' });
    engines.away.delete('http://one');
    expect(await promote(deps, input)).toMatchObject({ result: 'promoted' });
  });

  test('takes a replica that mixes adapters up out of traffic and goes on with the others; it does not wait for it the next time', async () => {
    engines.mixes.add('http://two');
    expect(await promoted(A)).toMatchObject({ result: 'promoted' });
    expect(await store.replicaMarks()).toMatchObject([{ replica: 'http://two', inTraffic: false, cause: 'isolation', by: 'isolation check' }]);
    engines.away.add('http://two');
    expect(await promoted(B)).toMatchObject({ result: 'promoted' });
    engines.mixes.add('http://one');
    await expect(promoted(C)).rejects.toMatchObject({ code: 'ISOLATION_BROKEN' });
    expect(await liveNow()).toBe(B);
  });

  test('that was given up while it worked changes nothing', async () => {
    const input = await inputFor(A);
    deps.faultPoint = () => undefined;
    engines.chat = async () => {
      await reconcileIntents({ store, logger: deps.logger, running: async () => false, begins: true, count: () => undefined });
      return { text: 'yes', finishReason: 'stop', inputTokens: 1, outputTokens: 1, latencyMs: 1 };
    };
    expect(await promote(deps, input)).toMatchObject({ result: 'lost', generation: 0 });
    expect(await liveNow()).toBeNull();
  });
});

describe('an unload', () => {
  test('leaves what came back into use while requests were waited for', async () => {
    for (const adapter of [A, B, C, D]) await promoted(adapter);
    let asked = 0;
    deps.busyOn = async (adapter) => {
      asked += 1;
      if (adapter !== A || asked > 1) return null;
      await rollback({ toGeneration: 1 });
      return null;
    };
    const touch = { signal: new AbortController().signal, report: () => undefined };
    const { unloaded } = await unloadFormer(deps, { schemaVersion: 1, run: await runOf('nightly/unload') }, touch);
    expect(unloaded).not.toContain(A);
    expect(engines.has.get('http://one')?.has(A)).toBe(true);
    expect(await liveNow()).toBe(A);
  });

  test('is made good again where the rollback came in between', async () => {
    for (const adapter of [A, B, C, D]) await promoted(adapter);
    engines.onUnload = async (adapter) => {
      engines.onUnload = async () => undefined;
      if (adapter === A) await rollback({ toGeneration: 1 });
    };
    const { unloaded } = await unloadAdapter(deps, { schemaVersion: 1, run: await runOf('nightly/unload'), adapterDigest: A });
    expect(unloaded).toEqual([]);
    expect(engines.has.get('http://one')?.has(A)).toBe(true);
  });

  test('spares what a promotion under way is about to make live', async () => {
    await engines.load(A);
    await store.openIntent({ id: 'promotion/other', channel: CHANNEL, candidate: A, expectedGeneration: 0, at: TIME });
    expect(await unloadAdapter(deps, { schemaVersion: 1, run: await runOf('nightly/unload'), adapterDigest: A })).toMatchObject({ unloaded: [] });
    await store.closeIntent('promotion/other', 'failed');
    expect(await unloadAdapter(deps, { schemaVersion: 1, run: await runOf('nightly/unload'), adapterDigest: A })).toMatchObject({ unloaded: [A] });
  });
});

describe('what nothing goes on with', () => {
  const manifest = JSON.parse(readFileSync(join(import.meta.dirname, '..', 'contracts', 'golden', 'AdapterManifest.json'), 'utf8')) as { valid: Record<string, unknown>[] };
  const running = new Set<string>();
  const tidy = () => unloadOrphans(deps, async (id) => running.has(id));
  const known = async (dataset: string, more: Record<string, unknown> = {}): Promise<Digest> => store.putDocument('adapter', { ...manifest.valid[0], workload: 'tickets', datasetDigest: digestOfBytes(dataset), ...more });
  const on = (): Digest[] => [...(engines.has.get('http://one') ?? [])];
  /** A run whose candidate is on the replicas. */
  async function left(runId: string, status: RunRecord['status']): Promise<Digest> {
    const adapterDigest = await known(runId);
    await runOf(runId);
    const record = await store.run(runId);
    if (record) await store.saveRun({ ...record, status, adapterDigest });
    await engines.load(adapterDigest);
    return adapterDigest;
  }
  beforeEach(() => running.clear());

  test('is unloaded: the candidate of a promotion that was terminated, once its workflow is gone', async () => {
    const candidate = await left('nightly/one', 'awaiting_approval');
    running.add('promotion/nightly/one');
    expect(await tidy()).toEqual([]);
    expect(on()).toEqual([candidate]);
    running.clear();
    expect(await tidy()).toEqual([candidate]);
    expect(on()).toEqual([]);
  });

  test('stays while a night of its workload runs: that one may be asking it', async () => {
    const candidate = await left('nightly/one', 'failed');
    await left('nightly/two', 'running');
    running.add('nightly/two');
    expect(await tidy()).toEqual([]);
    running.clear();
    expect(await tidy()).toContain(candidate);
  });

  test('is never the live adapter, the former ones kept for a rollback, the one held back, or one about to go live', async () => {
    const [first, second, third, fourth, next] = (await Promise.all(['1', '2', '3', '4', '5'].map((name) => known(name)))) as [Digest, Digest, Digest, Digest, Digest];
    for (const adapter of [first, second, third, fourth]) await promoted(adapter);
    await store.setHoldback({ channel: CHANNEL, generation: 4, digest: second, share: 0.1, until: '2026-02-01T00:00:00.000Z', by: 'dana', reason: 'a test', time: TIME });
    await engines.load(next);
    await store.openIntent({ id: 'promotion/other', channel: CHANNEL, candidate: next, expectedGeneration: 4, at: TIME });
    expect(loaded.workload.keepLoaded).toBe(1);
    expect(await tidy()).toEqual([first]);
    expect(on()).toEqual([second, third, fourth, next]);
  });

  test('stays where a gateway has requests on it, or where it is nothing of this worker', async () => {
    const busy = await left('nightly/one', 'failed');
    const [other, unknown] = [await known('other', { workload: 'another' }), digestOfBytes('unknown')];
    for (const adapter of [other, unknown]) await engines.load(adapter);
    deps.busyOn = async (adapter) => (adapter === busy ? 'in flight' : null);
    expect(await tidy()).toEqual([]);
    deps.busyOn = async () => null;
    expect(await tidy()).toEqual([busy]);
    expect(on()).toEqual([other, unknown]);
  });
});

describe('a rollback', () => {
  beforeEach(async () => {
    for (const adapter of [A, B, C]) await promoted(adapter);
  });

  test('goes one step back, or as many as asked, and the same wish twice is one', async () => {
    expect(await rollback()).toEqual({ schemaVersion: 1, generation: 4, live: B, rolledBack: C });
    expect(await rollback()).toMatchObject({ generation: 5, live: A });
    expect(await rollback()).toMatchObject({ generation: 6, live: null });
    await expect(rollback()).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await rollback({ toGeneration: 3 })).toMatchObject({ generation: 7, live: C });
    const again = { schemaVersion: 1 as const, channel: CHANNEL, by: 'dana', reason: 'a test', expectedGeneration: 3 };
    expect(await rollbackChannel(deps, again)).toMatchObject({ generation: 4, live: B });
    await expect(rollbackChannel(deps, { ...again, reason: 'another wish' })).rejects.toMatchObject({ code: 'CHANNEL_CONFLICT' });
    expect(await store.channelHistory(CHANNEL)).toHaveLength(8);
  });

  test('needs one replica that serves it; with none that answers it is made all the same', async () => {
    for (const has of engines.has.values()) has.clear();
    engines.refuses.add('http://two');
    expect(await rollback()).toMatchObject({ live: B });
    expect(engines.has.get('http://one')?.has(B)).toBe(true);
    for (const url of engines.replicas) engines.away.add(url);
    expect(await rollback()).toMatchObject({ live: A });
  });

  test('to what every replica refuses is not made', async () => {
    for (const has of engines.has.values()) has.clear();
    for (const url of engines.replicas) engines.refuses.add(url);
    await expect(rollback()).rejects.toMatchObject({ code: 'ADAPTER_LOAD_FAILED' });
    expect(await liveNow()).toBe(C);
    expect(await rollback({ toGeneration: 0 })).toMatchObject({ live: null });
  });

  test('by hand is kept until Temporal has heard of it, by workflow it is not', async () => {
    await rollback();
    expect(await store.rollbacksToRecord()).toEqual([]);
    await rollbackChannel({ ...deps, target: null }, { schemaVersion: 1, channel: CHANNEL, by: 'dana', reason: 'by hand', expectedGeneration: 4, byHand: true });
    expect(await store.rollbacksToRecord()).toMatchObject([{ generation: 5, byHand: true, by: 'dana' }]);
  });
});
