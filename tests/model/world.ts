// The world of the model test: one workload on a real SQLite store, an engine and a trainer that stand in for theirs.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createActivities } from '../../activities/index.ts';
import { reconcileIntents } from '../../activities/intents.ts';
import { recordRollback } from '../../activities/rollback-record.ts';
import { rollbackChannel } from '../../activities/rollback.ts';
import { unloadOrphans } from '../../activities/serve.ts';
import { signStatement, statementOf } from '../../core/approval/statement.ts';
import type { ChannelEntry, Digest, RunRequest, SignedStatement, Verdict } from '../../core/contracts/index.ts';
import { RatchetError } from '../../core/errors.ts';
import type { RunRef } from '../../activities/deps.ts';
import type { MetadataStore, ServingTarget } from '../../stores/ports.ts';
import { createRedactors } from '../../stores/redactors.ts';
import { openMetadataStore } from '../../stores/sqlite/index.ts';
import type { LoadedWorkload } from '../../stores/workloads.ts';
import { nightlyRetrain, promotion, rollback } from '../../workflows/index.ts';
import { seed, standInTrainer, writeWorkload } from '../support/pipeline-world.ts';
import { engineTarget, memoryBlobs, WELL } from './engine.ts';
import { InProcess, Killed, type Execution } from './in-process.ts';
import { checkSwap, checkUnload, inUse } from './moments.ts';
import { ENROLLED, forge, PEOPLE, type Approver, type Forgery } from './people.ts';

const NAME = 'model';
const START = Date.parse('2026-01-01T02:00:00.000Z');
const DAY_MS = 86_400_000;
/** Cases of a test; small, so that whole lives of a channel fit into milliseconds. The levels are as wide as that needs. */
export const CASES = 8;
const GATE = { alpha: 0.4, decisionsPerPeriod: 4, smallestGain: 0.7, power: 0.5, cases: CASES, eProcess: { share: 0.5, maxCases: 24 } };

/** Calls between which a worker may die and others may come first. Reads of unchanging things take no turn. */
const STORE_TURNS = new Set<keyof MetadataStore>([
  'ensureChannel', 'claimRequest', 'saveRun', 'link', 'putDocument', 'reserveDecision', 'closeDecision', 'keepLook', 'endHeld', 'saveOutcomes', 'retireCases',
  'channel', 'channelHistory', 'swapChannel', 'openIntent', 'closeIntent', 'openIntents', 'heldCandidates', 'cases', 'decisions', 'run', 'openPromotion', 'endPromotion', 'approverKey', 'waitingPromotion', 'waitingPromotions',
]);
const TARGET_TURNS = new Set<keyof ServingTarget>(['load', 'unload', 'checkIsolation']);

export const APPROVALS = ['automatic', 'one_approver', 'two_approvers'] as const;
export type ApprovalMode = (typeof APPROVALS)[number];

let shared: { dir: string; workloads: Map<string, LoadedWorkload> } | undefined;

/** Workload files are read once; a run's settings come from them. */
async function workloadsOf(): Promise<{ dir: string; workloads: Map<string, LoadedWorkload> }> {
  if (shared) return shared;
  const dir = mkdtempSync(join(tmpdir(), 'ratchet-model-'));
  process.once('exit', () => rmSync(dir, { recursive: true, force: true }));
  const workloads = new Map<string, LoadedWorkload>();
  for (const approval of APPROVALS) workloads.set(approval, await writeWorkload(join(dir, approval), NAME, { approval, neverOneself: true, gate: GATE, minNewExamples: 2 }));
  shared = { dir, workloads };
  return shared;
}

/** What a promotion that was started by hand promotes for a run that came to a verdict. */
export const INTRUSIONS = ['its candidate', 'for another candidate', 'with another verdict'] as const;
export type Intrusion = (typeof INTRUSIONS)[number];

/** What a person wanted when they asked for a rollback. */
export interface Wish {
  generation: number;
  toGeneration: number | undefined;
}

/** A night that was begun, and what was kept by then: all of it must be in the night's snapshot. */
export interface Night {
  id: string;
  interactions: number;
  corrections: number;
}

export type World = Awaited<ReturnType<typeof openWorld>>;

export async function openWorld({ approval, luck }: { approval: ApprovalMode; luck: string }) {
  const { dir, workloads } = await workloadsOf();
  const loaded = workloads.get(approval);
  if (!loaded) throw new Error('no workload');
  const store = await openMetadataStore(':memory:');
  const blobs = memoryBlobs();
  const engine = { ...WELL };
  const onEngine = new Set<Digest>();
  const inProcess = new InProcess();
  const time = { ms: START };
  const now = (): string => new Date(time.ms).toISOString();
  const { channel } = loaded.workload;
  const { keepLoaded } = loaded.workload;
  const target = engineTarget(engine, onEngine, luck, () => begun, async (adapter) => blame(() => checkUnload(world, adapter)));
  const silent = { info: () => undefined, warn: () => undefined };
  const clock = (): Date => new Date(time.ms);
  /** What was seen to be broken at the moment it happened: whoever drives hears of it after the turn. */
  const broken: string[] = [];
  async function blame(look: () => Promise<void>): Promise<void> {
    await look().catch((error: unknown) => broken.push((error as Error).message));
  }
  const observed: MetadataStore = new Proxy(store, {
    get: (real, name) => {
      const value: unknown = Reflect.get(real, name);
      if (name !== 'swapChannel') return value;
      return async (swap: Parameters<MetadataStore['swapChannel']>[0]) => {
        const entry: ChannelEntry = await real.swapChannel(swap);
        await blame(() => checkSwap(world, entry));
        return entry;
      };
    },
  });
  const ports = { store: inProcess.gated(observed, STORE_TURNS, 'store'), target: inProcess.gated(target, TARGET_TURNS, 'engine') };
  const activities = createActivities({
    ...ports,
    blobs,
    workloads: new Map([[NAME, loaded]]),
    redactors: createRedactors({ redaction: 'model' }),
    clock,
    home: join(dir, 'home'),
    logger: silent,
    gpu: { taskQueue: 'gpu' },
    // A superseded promotion hears nothing of it here, as of a client that does not get through: what the store says must do.
    cancelWorkflow: async () => undefined,
  });
  const runs = new Map<string, RunRef>();
  const claimRun = async (input: Parameters<typeof activities.claimRun>[0]) => {
    const claimed = await activities.claimRun(input);
    runs.set(claimed.run.runId, claimed.run);
    return claimed;
  };
  inProcess.serve({ ...activities, ...standInTrainer(blobs), claimRun }, async () => inUse(store, keepLoaded));
  await store.ensureChannel(channel, now());
  for (const { key } of ENROLLED) await store.enrolKey(key);
  let [tickets, begun, requests, rollbacks] = [0, 0, 0, 0];
  const waves: { corrected: number; cases: number; from: number }[] = [];
  const records = { interactions: 0, corrections: 0 };
  const sent: { signed: SignedStatement; at: string }[] = [];
  const tick = (): number => (time.ms += 1_000);
  const running = (id: string): boolean => inProcess.executions.some((each) => each.id === id && each.ended === 'running' && !each.terminated);
  const send = async (execution: Execution, signed: SignedStatement): Promise<void> => {
    sent.push({ signed, at: now() });
    // It is checked by a step: the answer comes when whoever drives lets that step go on.
    void inProcess.update(execution, 'decide', [signed]).catch(() => undefined);
    await inProcess.settle();
  };

  const world = {
    store,
    blobs,
    engine,
    onEngine,
    inProcess,
    channel,
    approval,
    keepLoaded,
    gate: loaded.workload.gate,
    workload: NAME,
    records,
    broken,
    sent,
    now,
    nights: [] as Night[],
    requestedBy: new Map<string, string>(),
    wishes: new Map<string, Wish>(),
    /** Runs that somebody else than their night has promoted, or tried to: what they say of themselves may be that one's word. */
    intruded: new Set<string>(),

    async traffic(corrected: number, cases: number): Promise<void> {
      const wave = { corrected, cases, from: tickets };
      await seed(store, loaded, wave);
      waves.push(wave);
      tickets += corrected + cases;
      records.interactions += corrected + cases;
      records.corrections += corrected;
    },

    /** As Kafka does after a crash of intake: a batch that was kept comes again. */
    async redeliver(pick: number): Promise<void> {
      const wave = waves[pick % waves.length];
      if (wave) await seed(store, loaded, wave);
    },

    /** As the schedule does: one run of the workload at a time; `beside`: started by hand, whatever runs. */
    async night({ by, beside }: { by: string | null; beside: boolean }): Promise<void> {
      if (!beside && inProcess.executions.some(({ id, ended, terminated }) => id.startsWith('nightly/') && ended === 'running' && !terminated)) return;
      tick();
      if (by !== null) {
        const request: RunRequest = { schemaVersion: 1, id: `request-${requests++}`, workload: NAME, by, reason: 'a test', options: { newCandidate: true }, requestedAt: now(), claimedBy: null };
        await store.createRequest(request);
        world.requestedBy.set(request.id, by);
      }
      const id = `nightly/${NAME}-${begun++}`;
      world.nights.push({ id, ...records });
      inProcess.start(id, nightlyRetrain, { workload: NAME });
      await inProcess.settle();
    },

    waiting: (): Execution[] => inProcess.executions.filter(({ id, ended, terminated, handlers }) => id.startsWith('promotion/') && ended === 'running' && !terminated && handlers.size > 0),

    /** A person's decision on a promotion that waits; one that does not wait refuses it. */
    async decide(pick: number, by: Approver, decision: 'approve' | 'reject'): Promise<void> {
      const execution = pickOf(world.waiting(), pick);
      const promoting = execution && (await store.waitingPromotion(execution.id));
      if (!promoting) return;
      tick();
      const { key, privateKey } = PEOPLE[by];
      await send(execution, signStatement(statementOf(promoting, { decision, keyId: key.keyId, by, time: now() }), privateKey));
    },

    /** Somebody who reaches Temporal sends a decision that nobody made. */
    async forge(pick: number, how: Forgery): Promise<void> {
      const execution = pickOf(world.waiting(), pick);
      const promoting = execution && (await store.waitingPromotion(execution.id));
      if (!promoting) return;
      tick();
      const others = (await store.waitingPromotions({ channel, ended: true, limit: 100 })).filter(({ promotionId }) => promotionId !== promoting.promotionId);
      const forged = forge(how, promoting, others.toReversed(), sent.map(({ signed }) => signed), now());
      if (!forged) return;
      void inProcess.update(execution, 'decide', [forged]).catch(() => undefined);
      await inProcess.settle();
    },

    async revoke(who: Approver): Promise<void> {
      await store.revokeKey(PEOPLE[who].key.keyId, { by: 'admin', at: now(), reason: 'a test' });
    },

    /** Somebody who reaches Temporal starts a promotion by hand, as if nobody had to approve. */
    async intrude(pick: number, how: Intrusion): Promise<void> {
      const verdicts = (await store.documents('verdict', 100)).map(({ digest, document }) => ({ digest, verdict: document as Verdict }));
      const [own, other] = [pickOf(verdicts, pick), pickOf(verdicts, pick + 1)];
      const run = own && runs.get(own.verdict.runId);
      const id = `promotion/${run?.runId}`;
      if (!own || !other || !run || running(id)) return;
      tick();
      world.intruded.add(run.runId);
      const { generation } = (await store.channel(channel)) ?? { generation: 0 };
      const [candidate, proof] = [how === 'for another candidate' ? other : own, how === 'with another verdict' ? other : own];
      inProcess.start(id, promotion, { schemaVersion: 1, run, channel, candidateDigest: candidate.verdict.candidateDigest, verdictDigest: proof.digest, expectedGeneration: generation, approval: { mode: 'automatic', expiresAfterHours: 72 } });
      await inProcess.settle();
    },

    async rollBack(to: number | undefined): Promise<void> {
      tick();
      const input = await world.wish(to);
      inProcess.start(`rollback/${rollbacks}`, rollback, input);
      await inProcess.settle();
    },

    /** By the command line on the store itself, as when Temporal is away. */
    async rollBackByHand(to: number | undefined, engineSeen: boolean): Promise<void> {
      tick();
      const input = await world.wish(to);
      await rollbackChannel({ store: observed, clock, logger: silent, target: engineSeen ? target : null }, { ...input, byHand: true }).catch(() => undefined);
    },

    async wish(to: number | undefined): Promise<{ schemaVersion: 1; channel: string; by: string; reason: string; expectedGeneration: number; toGeneration?: number }> {
      const reason = `rollback ${(rollbacks += 1)}`;
      const { generation } = (await store.channel(channel)) ?? { generation: 0 };
      const toGeneration = to === undefined ? undefined : to % (generation + 1);
      world.wishes.set(reason, { generation, toGeneration });
      return { schemaVersion: 1, channel, by: 'dana', reason, expectedGeneration: generation, ...(toGeneration === undefined ? {} : { toGeneration }) };
    },

    /** A workflow ends as by `temporal workflow terminate`: nothing of it runs again. */
    async terminate(pick: number): Promise<void> {
      const execution = pickOf(inProcess.executions.filter(({ ended, terminated }) => ended === 'running' && !terminated), pick);
      if (execution) inProcess.terminate(execution);
      await inProcess.settle();
    },

    /** A worker begins its work by setting right what another one left; its first calls come between those of others. `dead`: it takes that one's place. */
    async restart(dead: boolean): Promise<void> {
      if (dead) inProcess.kill();
      const stillRuns = async (id: string): Promise<boolean> => running(id);
      void reconcileIntents({ store: ports.store, logger: silent, running: stillRuns, count: () => undefined, begins: true })
        .then(() => unloadOrphans({ ...ports, logger: silent, busyOn: async () => null, workloads: new Map([[NAME, loaded]]) }, stillRuns))
        .catch((error: unknown) => {
          // As a worker's own errand does: what an engine or a kill cuts short is tried again. Anything else is a fault of ours.
          if (!(error instanceof Killed || error instanceof RatchetError)) throw error;
        });
      const client = { workflow: { start: async (_workflow: string, { workflowId, args: [input] }: { workflowId: string; args: [unknown] }) => inProcess.start(workflowId, rollback, input) } };
      for (const entry of await store.rollbacksToRecord()) await recordRollback({ store }, client as unknown as Parameters<typeof recordRollback>[1], 'pipeline', entry);
      await inProcess.settle();
    },

    days: (days: number): void => void (time.ms += days * DAY_MS),

    /** Everything that was begun comes to its end, on an engine that is well again. */
    async drain(): Promise<void> {
      Object.assign(engine, WELL);
      await rest();
      await world.restart(true);
      await rest();
    },
  };

  async function rest(): Promise<void> {
    for (let guard = 0; guard < 20_000; guard += 1) {
      if (await inProcess.step(0)) continue;
      if (inProcess.timers.length === 0) return;
      await inProcess.fireTimer(0);
    }
    throw new Error('the world does not come to rest');
  }
  return world;
}

const pickOf = <T>(from: readonly T[], pick: number): T | undefined => from[pick % Math.max(1, from.length)];
