// The world of the model test: one workload on a real SQLite store, an engine and a trainer that stand in for theirs.
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createActivities } from '../../activities/index.ts';
import { keyIdOf, rawPublicKey } from '../../core/approval/keys.ts';
import { signStatement, statementOf } from '../../core/approval/statement.ts';
import type { ApproverKey, Digest, RunRequest } from '../../core/contracts/index.ts';
import { digestOfBytes, keyedUnit } from '../../core/digest.ts';
import { RatchetError } from '../../core/errors.ts';
import type { BlobStore, MetadataStore, ServingTarget } from '../../stores/ports.ts';
import { createRedactors } from '../../stores/redactors.ts';
import { openMetadataStore } from '../../stores/sqlite/index.ts';
import type { LoadedWorkload } from '../../stores/workloads.ts';
import { nightlyRetrain, promotion, rollback } from '../../workflows/index.ts';
import { answerTo, seed, standInTrainer, TICKET, writeWorkload } from '../support/pipeline-world.ts';
import { InProcess, type Execution } from './in-process.ts';

const NAME = 'model';
const START = Date.parse('2026-01-01T02:00:00.000Z');
const DAY_MS = 86_400_000;
/** Cases of a test; small, so that whole lives of a channel fit into milliseconds. The levels are as wide as that needs. */
export const CASES = 8;
const GATE = { alpha: 0.3, decisionsPerPeriod: 3, smallestGain: 0.7, power: 0.5, cases: CASES, eProcess: { share: 0.5, maxCases: 24 } };
/** Shares of right answers among adapters: a candidate is worse than, like or better than what is live. */
const QUALITIES = [0, 0.55, 0.55, 0.75, 1, 1, 1, 1];

export interface Engine {
  away: boolean;
  failLoad: boolean;
  failSmoke: boolean;
  failIsolation: boolean;
}

const WELL: Engine = { away: false, failLoad: false, failSmoke: false, failIsolation: false };

/** Bytes by digest, as the directory of the real one keeps them. */
function memoryBlobs(): BlobStore {
  const kept = new Map<Digest, Uint8Array>();
  return {
    put: async (bytes) => {
      const digest = digestOfBytes(bytes);
      kept.set(digest, bytes);
      return digest;
    },
    putFile: () => Promise.reject(new Error('not in this world')),
    get: async (digest) => {
      const bytes = kept.get(digest);
      if (!bytes) throw new RatchetError('NOT_FOUND', `no blob ${digest}`);
      return bytes;
    },
    has: async (digest) => kept.has(digest),
    path: (digest) => digest,
  };
}

function engineTarget(engine: Engine, loaded: Set<Digest>, luck: string): ServingTarget {
  const URL = 'http://engine';
  const assertHere = (): void => {
    if (engine.away) throw new RatchetError('SERVING_UNAVAILABLE', `${URL} does not answer`);
  };
  const share = (adapter: Digest | null): number => (adapter === null ? 0.1 : (QUALITIES[Math.floor(keyedUnit(luck, adapter) * QUALITIES.length)] ?? 0));
  return {
    replicas: [URL],
    baseModel: 'stand-in',
    maxLoraRank: 16,
    state: async () => [{ url: URL, healthy: !engine.away, engineBuild: 'stand-in-1', adapters: [...loaded].map((digest) => ({ digest, root: digest })) }],
    load: async (adapter) => {
      assertHere();
      if (engine.failLoad) throw new RatchetError('ADAPTER_LOAD_FAILED', `${URL} refused ${adapter}`);
      loaded.add(adapter);
    },
    unload: async (adapter) => {
      assertHere();
      loaded.delete(adapter);
    },
    checkIsolation: async (adapters) => {
      assertHere();
      if (engine.failIsolation) throw new RatchetError('ISOLATION_BROKEN', `${URL} mixes ${adapters.length} adapters up`);
      return [{ replica: URL, prompts: 1, arms: adapters.length + 1 }];
    },
    logprob: () => Promise.reject(new RatchetError('SERVING_UNAVAILABLE', 'not in this world')),
    chat: async ({ adapter, messages }) => {
      assertHere();
      if (adapter !== null && !loaded.has(adapter)) throw new RatchetError('ADAPTER_NOT_SERVED', `${URL} does not serve ${adapter}`);
      const ticket = TICKET.exec(JSON.stringify(messages))?.[0] ?? '';
      const text = engine.failSmoke ? '' : keyedUnit(luck, `${adapter ?? 'base'} ${ticket}`) < share(adapter) ? answerTo(ticket) : 'I cannot say.';
      return { text, finishReason: 'stop', inputTokens: 1, outputTokens: 1, latencyMs: 1 };
    },
  };
}

/** Calls between which a worker may die and others may come first. Reads of unchanging things take no turn. */
const STORE_TURNS = new Set<keyof MetadataStore>([
  'ensureChannel', 'claimRequest', 'saveRun', 'link', 'putDocument', 'reserveDecision', 'closeDecision', 'keepLook', 'endHeld', 'saveOutcomes', 'retireCases',
  'channel', 'channelHistory', 'swapChannel', 'openIntent', 'closeIntent', 'openIntents', 'heldCandidates', 'cases', 'decisions', 'run', 'openPromotion', 'endPromotion', 'approverKey', 'waitingPromotion', 'waitingPromotions',
]);
const TARGET_TURNS = new Set<keyof ServingTarget>(['load', 'unload', 'checkIsolation']);

let shared: { dir: string; workloads: Map<string, LoadedWorkload> } | undefined;

/** The one person whose key counts. */
const APPROVER = ((): { privateKey: KeyObject; key: ApproverKey } => {
  const { privateKey, publicKey: object } = generateKeyPairSync('ed25519');
  const publicKey = rawPublicKey(object);
  return { privateKey, key: { schemaVersion: 1, keyId: keyIdOf(publicKey), publicKey, name: 'erin', channels: ['*'], enrolledBy: 'admin', enrolledAt: new Date(START).toISOString(), revoked: null } };
})();

/** Workload files are read once; a run's settings come from them. */
async function workloadsOf(): Promise<{ dir: string; workloads: Map<string, LoadedWorkload> }> {
  if (shared) return shared;
  const dir = mkdtempSync(join(tmpdir(), 'ratchet-model-'));
  process.once('exit', () => rmSync(dir, { recursive: true, force: true }));
  const workloads = new Map<string, LoadedWorkload>();
  for (const approval of ['automatic', 'one_approver'] as const) workloads.set(approval, await writeWorkload(join(dir, approval), NAME, { approval, gate: GATE, minNewExamples: 2 }));
  shared = { dir, workloads };
  return shared;
}

export type World = Awaited<ReturnType<typeof openWorld>>;

export async function openWorld({ approval, luck }: { approval: 'automatic' | 'one_approver'; luck: string }) {
  const { dir, workloads } = await workloadsOf();
  const loaded = workloads.get(approval);
  if (!loaded) throw new Error('no workload');
  const store = await openMetadataStore(':memory:');
  const blobs = memoryBlobs();
  const engine = { ...WELL };
  const onEngine = new Set<Digest>();
  const inProcess = new InProcess();
  const time = { ms: START };
  const target = engineTarget(engine, onEngine, luck);
  const silent = { info: () => undefined, warn: () => undefined };
  const activities = createActivities({
    store: inProcess.gated(store, STORE_TURNS, 'store'),
    blobs,
    target: inProcess.gated(target, TARGET_TURNS, 'engine'),
    workloads: new Map([[NAME, loaded]]),
    redactors: createRedactors({ redaction: 'model' }),
    clock: () => new Date(time.ms),
    home: join(dir, 'home'),
    logger: silent,
    gpu: { taskQueue: 'gpu' },
    // A superseded promotion hears nothing of it here, as of a client that does not get through: what the store says must do.
    cancelWorkflow: async () => undefined,
  });
  inProcess.serve({ ...activities, ...standInTrainer(blobs) });
  const { channel } = loaded.workload;
  await store.ensureChannel(channel, new Date(time.ms).toISOString());
  await store.enrolKey(APPROVER.key);
  let [tickets, nights, requests, rollbacks] = [0, 0, 0, 0];
  const records = { interactions: 0, corrections: 0 };
  const tick = (): number => (time.ms += 1_000);

  const world = {
    store,
    engine,
    onEngine,
    inProcess,
    channel,
    approval,
    gate: loaded.workload.gate,
    workload: NAME,
    records,
    nightIds: [] as string[],

    async traffic(corrected: number, cases: number): Promise<void> {
      await seed(store, loaded, { corrected, cases, from: tickets });
      tickets += corrected + cases;
      records.interactions += corrected + cases;
      records.corrections += corrected;
    },

    /** As the schedule does: one run of the workload at a time. */
    async night(newCandidate: boolean): Promise<void> {
      const running = inProcess.executions.some(({ id, ended, terminated }) => id.startsWith('nightly/') && ended === 'running' && !terminated);
      if (running) return;
      tick();
      if (newCandidate) {
        const request: RunRequest = { schemaVersion: 1, id: `request-${requests++}`, workload: NAME, by: 'dana', reason: 'a test', options: { newCandidate: true }, requestedAt: new Date(time.ms).toISOString(), claimedBy: null };
        await store.createRequest(request);
      }
      const id = `nightly/${NAME}-${nights++}`;
      world.nightIds.push(id);
      inProcess.start(id, nightlyRetrain, { workload: NAME });
      await inProcess.settle();
    },

    waiting: (): Execution[] => inProcess.executions.filter(({ id, ended, handlers }) => id.startsWith('promotion/') && ended === 'running' && handlers.size > 0),

    /** A person's decision on a promotion that waits; one that does not wait refuses it. */
    async decide(pick: number, decision: 'approve' | 'reject'): Promise<void> {
      const waiting = world.waiting();
      const execution = waiting[pick % Math.max(1, waiting.length)];
      if (!execution) return;
      tick();
      const promotion = await store.waitingPromotion(execution.id);
      if (!promotion) return;
      const statement = statementOf(promotion, { decision, keyId: APPROVER.key.keyId, by: APPROVER.key.name, time: new Date(time.ms).toISOString() });
      // It is checked by a step: the answer comes when whoever drives lets that step go on.
      void inProcess.update(execution, 'decide', [signStatement(statement, APPROVER.privateKey)]).catch(() => undefined);
      await inProcess.settle();
    },

    async rollBack(toGeneration: number | undefined): Promise<void> {
      tick();
      const { generation } = (await store.channel(channel)) ?? { generation: 0 };
      const input = { schemaVersion: 1, channel, by: 'dana', reason: `rollback ${rollbacks}`, expectedGeneration: generation, ...(toGeneration === undefined ? {} : { toGeneration: toGeneration % (generation + 1) }) };
      inProcess.start(`rollback/${rollbacks++}`, rollback, input);
      await inProcess.settle();
    },

    /** The night ends as by `temporal workflow terminate`: nothing of it runs again. Its promotion is a workflow of its own. */
    async terminateNight(): Promise<void> {
      const night = inProcess.executions.find(({ id, ended, terminated }) => id.startsWith('nightly/') && ended === 'running' && !terminated);
      if (night) night.terminated = true;
      await inProcess.settle();
    },

    days: (days: number): void => void (time.ms += days * DAY_MS),

    /** Everything that was begun comes to its end, on an engine that is well again. */
    async drain(): Promise<void> {
      Object.assign(engine, WELL);
      for (let guard = 0; guard < 20_000; guard += 1) {
        if (await inProcess.step(0)) continue;
        if (inProcess.timers.length === 0) return;
        await inProcess.fireTimer(0);
      }
      throw new Error('the world does not come to rest');
    },
  };
  return world;
}

/** The workflow that promotes, for who looks at its runs. */
export const PROMOTION = promotion;
