// The flow on the real Temporal server with the real steps and stores; only the trainer and the serving engine are stood in for.
import { spawn, type ChildProcess } from 'node:child_process';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { NativeConnection, Worker } from '@temporalio/worker';
import { createActivities } from '../../activities/index.ts';
import { claimedRun, earlyScheduleId, ensureSchedule, triggerRun } from '../../activities/schedule.ts';
import { keyIdOf, rawPublicKey } from '../../core/approval/keys.ts';
import { signStatement, statementOf } from '../../core/approval/statement.ts';
import type { ApproverKey, RunOptions, RunRecord, SignedStatement, WaitingPromotion } from '../../core/contracts/index.ts';
import { startTemporal } from '../../infra/dev/temporal.ts';
import { ensureSearchAttributes } from '../../infra/setup.ts';
import { openBlobStore } from '../../stores/blobs.ts';
import { openKeys } from '../../stores/keys.ts';
import type { Notice } from '../../stores/ports.ts';
import { createRedactors } from '../../stores/redactors.ts';
import { openMetadataStore } from '../../stores/sqlite/index.ts';
import type { LoadedWorkload } from '../../stores/workloads.ts';
import { homePaths, parseConfig } from '../../workers/config.ts';
import { createLogger } from '../../workers/log.ts';
import { startTelemetry } from '../../workers/telemetry.ts';
import { bundleWorkflows, createPipelineWorker, logTemporalTo } from '../../workers/temporal.ts';
import { seed, standInTrainer, writeWorkload, type WorkloadOptions } from './pipeline-world.ts';
import { standInTarget, type StandInTarget } from './stand-in-target.ts';

const TASK_QUEUE = 'flow-test';
const WAIT_MS = 30_000;
/** Temporal's SDK takes one logger for a process. */
let logging = false;

export type World = Awaited<ReturnType<typeof startWorld>>;

export interface Approver {
  name: string;
  privateKey: KeyObject;
  keyId: string;
}

/** What `ratchet approvals approve` sends. */
export function signedBy(person: Approver, promotion: WaitingPromotion, decision: 'approve' | 'reject' = 'approve', over: { comment?: string; time?: string } = {}): SignedStatement {
  return signStatement(statementOf(promotion, { decision, keyId: person.keyId, by: person.name, time: new Date().toISOString(), ...over }), person.privateKey);
}

/** @param options.worker false: a test runs the pipeline worker as a process of its own (tests/support/pipeline-process.ts) */
export async function startWorld(options: { worker?: boolean } = {}) {
  const dir = mkdtempSync(join(tmpdir(), 'ratchet-flow-'));
  const home = join(dir, 'home');
  const temporal = await startTemporal({ dir: join(dir, 'temporal'), headless: true });
  const config = parseConfig({ RATCHET_HOME: home, TEMPORAL_ADDRESS: temporal.address, LOG_LEVEL: 'silent' });
  const connection = await Connection.connect({ address: temporal.address });
  await ensureSearchAttributes(connection, 'default');
  const client = new Client({ connection });
  const paths = homePaths(home);
  const [store, blobs] = [await openMetadataStore(paths.database), await openBlobStore(paths.blobs)];
  const redactors = createRedactors(await openKeys(paths.keys));
  const workloads = new Map<string, LoadedWorkload>();
  const targets = new Map<string, StandInTarget>();
  const logger = createLogger(config, 'flow-test');
  if (!logging) logTemporalTo(logger);
  logging = true;
  const native = await NativeConnection.connect({ address: temporal.address });
  const telemetry = startTelemetry(config, 'flow-test');
  const workflowBundle = await bundleWorkflows(telemetry);
  const ends: (() => Promise<void>)[] = [];
  const work = (worker: Worker): (() => Promise<void>) => {
    const done = worker.run();
    const end = (): Promise<void> => {
      if (worker.getState() === 'RUNNING') worker.shutdown();
      return done;
    };
    ends.push(end);
    return end;
  };

  /** Every workload has an engine of its own: what one test does to it disturbs no other. */
  const targetOf = (workload: string): StandInTarget => {
    const known = targets.get(workload) ?? standInTarget(join(dir, 'engines', workload));
    targets.set(workload, known);
    return known;
  };
  /** What the webhook was told, newest last. */
  const notices: Notice[] = [];
  const stepsOf = (workload: string, gpuTaskQueue = 'flow-gpu') =>
    createActivities({ store, blobs, workloads, redactors, home, logger, target: targetOf(workload), clock: () => new Date(), gpu: { taskQueue: gpuTaskQueue }, notifier: async (notice) => void notices.push(notice) });

  const world = {
    dir,
    home,
    temporal,
    client,
    native,
    config,
    store,
    blobs,
    workloads,
    stepsOf,
    targetOf,
    noticesOf: (workload: string) => notices.map(({ body }) => JSON.parse(body) as { type: string; data: { workload: string; ended: { as: string } | null; decisions: { by: string }[] } }).filter(({ data }) => data.workload === workload),

    /** A person with a key of their own, enrolled for all channels unless told otherwise. */
    async approver(name: string, { channels = ['*'], enrolled = true }: { channels?: string[]; enrolled?: boolean } = {}): Promise<Approver> {
      const { privateKey, publicKey: object } = generateKeyPairSync('ed25519');
      const publicKey = rawPublicKey(object);
      const key: ApproverKey = { schemaVersion: 1, keyId: keyIdOf(publicKey), publicKey, name, channels, enrolledBy: 'admin', enrolledAt: new Date().toISOString(), revoked: null };
      if (enrolled) await store.enrolKey(key);
      return { name, privateKey, keyId: keyIdOf(publicKey) };
    },

    /** The promotion of a night as it waits, once it is open for decisions. */
    async waiting(runId: string): Promise<WaitingPromotion> {
      const deadline = performance.now() + WAIT_MS;
      for (;;) {
        const view = await client.workflow.getHandle(`promotion/${runId}`).query<{ state: string }>('state').catch(() => null);
        const promotion = await store.waitingPromotion(`promotion/${runId}`);
        if (promotion && view && view.state !== 'opening') return promotion;
        if (performance.now() > deadline) throw new Error(`promotion/${runId} does not wait`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },
    taskQueueOf: (workload: string): string => `${TASK_QUEUE}-${workload}`,

    /** A pipeline worker as a process of its own, for a test to kill. */
    startWorkerProcess: (workload: string): ChildProcess =>
      spawn(process.execPath, [join(import.meta.dirname, 'pipeline-process.ts'), dir, workload, temporal.address, world.taskQueueOf(workload)], { stdio: 'ignore' }),

    /** A workload with its schedule, records for one night, and a worker unless the world has none. */
    async addWorkload(name: string, settings: WorkloadOptions & { corrected?: number; cases?: number; gpuTaskQueue?: string; worker?: false } = {}) {
      const loaded = await writeWorkload(join(dir, 'workloads'), name, settings);
      workloads.set(name, loaded);
      await store.ensureChannel(loaded.workload.channel, new Date().toISOString());
      await seed(store, loaded, { corrected: settings.corrected ?? 8, cases: settings.cases ?? 14 });
      await ensureSchedule(client, store, loaded.workload, { taskQueue: world.taskQueueOf(name) });
      if (options.worker !== false && settings.worker !== false) await world.startWorker(name, settings.gpuTaskQueue === undefined ? {} : { gpuTaskQueue: settings.gpuTaskQueue });
      return loaded;
    },

    /** A pipeline worker of the workload, of a build where one is named. Returns its end. */
    async startWorker(name: string, { gpuTaskQueue, build }: { gpuTaskQueue?: string; build?: string } = {}): Promise<() => Promise<void>> {
      const taskQueue = world.taskQueueOf(name);
      const version = build === undefined ? undefined : { deploymentName: taskQueue, buildId: build };
      return work(await createPipelineWorker({ connection: native, namespace: 'default', taskQueue, activities: stepsOf(name, gpuTaskQueue), telemetry, version, ...(version === undefined ? { workflowBundle } : {}) }));
    },

    /** A GPU worker for the task queue. */
    startTrainer: async (taskQueue: string): Promise<() => Promise<void>> => work(await Worker.create({ connection: native, taskQueue, activities: standInTrainer(blobs) })),

    /** Asks for a run and waits until one has begun. */
    async startNight(workload: string, runOptions: RunOptions = {}): Promise<WorkflowHandle> {
      const request = await triggerRun(client, store, workload, 'dana', 'a test', runOptions);
      const run = await claimedRun(store, request, WAIT_MS);
      if (!run) throw new Error(`no run claimed the request of ${workload}`);
      return client.workflow.getHandle(run.runId);
    },

    /** The record of a run once it has one of these states. */
    async untilRun(runId: string, ...states: RunRecord['status'][]): Promise<RunRecord> {
      const deadline = performance.now() + WAIT_MS;
      for (;;) {
        const run = await store.run(runId);
        if (run && states.includes(run.status)) return run;
        if (performance.now() > deadline) throw new Error(`run ${runId} is ${run?.status ?? 'unknown'}, not ${states.join(' or ')}`);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    },

    /** A whole night: its result and its record. */
    async night(workload: string, runOptions: RunOptions = {}): Promise<{ handle: WorkflowHandle; run: RunRecord }> {
      const handle = await world.startNight(workload, runOptions);
      await handle.result().catch(() => undefined);
      const run = await store.run(handle.workflowId);
      if (!run) throw new Error(`no record of ${handle.workflowId}`);
      return { handle, run };
    },

    /** The look for a burst that started a night, once there is one. */
    async untilEarlyStart(workload: string): Promise<string> {
      const deadline = performance.now() + WAIT_MS;
      while (performance.now() < deadline) {
        const { recentActions } = (await client.schedule.getHandle(earlyScheduleId(workload)).describe()).info;
        for (const { action } of recentActions) {
          const { workflowId, firstExecutionRunId } = action.workflow;
          const look = (await client.workflow.getHandle(workflowId, firstExecutionRunId).result().catch(() => null)) as { outcome: string | null } | null;
          if (look?.outcome?.startsWith('started') === true) return workflowId;
        }
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
      throw new Error(`no night of ${workload} was started early`);
    },

    async historyJson(workflowId: string): Promise<string> {
      return historyToJSON(await client.workflow.getHandle(workflowId).fetchHistory());
    },

    async stop(): Promise<void> {
      await Promise.all(ends.map((end) => end()));
      await telemetry.shutdown();
      await Promise.all([native.close(), connection.close(), store.close()]);
      await temporal.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
  await world.startTrainer('flow-gpu');
  return world;
}

/** How often each step was scheduled, by the history. */
export function scheduledSteps(historyJson: string): Record<string, number> {
  const counts: Record<string, number> = {};
  const { events } = JSON.parse(historyJson) as { events: { activityTaskScheduledEventAttributes?: { activityType: { name: string } } }[] };
  for (const event of events) {
    const name = event.activityTaskScheduledEventAttributes?.activityType.name;
    if (name !== undefined) counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}
