// The pipeline worker: runs the workflows and every TypeScript step. Run: node workers/pipeline.ts
import { Client } from '@temporalio/client';
import { createActivities } from '../activities/index.ts';
import { ensureSchedule } from '../activities/schedule.ts';
import { RatchetError } from '../core/errors.ts';
import { createAdapterFiles } from '../stores/adapters.ts';
import { openBlobStore } from '../stores/blobs.ts';
import { openKeys } from '../stores/keys.ts';
import { createRedactors } from '../stores/redactors.ts';
import { openMetadataStore } from '../stores/sqlite/index.ts';
import { createVllmTarget } from '../stores/vllm.ts';
import { createWebhook } from '../stores/webhook.ts';
import { readWorkloads } from '../stores/workloads.ts';
import { homePaths, parseConfig } from './config.ts';
import { askGateways } from './drained.ts';
import { endOnError } from './fatal.ts';
import { faultPoints } from './faults.ts';
import { startHealth } from './health.ts';
import { startReconciling } from './reconcile.ts';
import { stepMetrics } from './step-metrics.ts';
import { createLogger, startTelemetry } from './telemetry.ts';
import { connectTemporal, createPipelineWorker, logTemporalTo, type Worker } from './temporal.ts';

endOnError();
const config = parseConfig(process.env);
const { home, temporal, vllm, metrics, replicaWaitMs, webhook } = config;
const paths = homePaths(home);
const logger = createLogger(config, 'pipeline');
const telemetry = startTelemetry(config, 'ratchet-pipeline');
const { registry, observe } = stepMetrics();
logTemporalTo(logger);

const [workloads, store, blobs, keys] = await Promise.all([readWorkloads(config.workloadFiles), openMetadataStore(paths.database), openBlobStore(paths.blobs), openKeys(paths.keys)]);
const [baseModel = '', another] = new Set([...workloads.values()].map(({ workload }) => workload.baseModel));
if (another !== undefined) throw new RatchetError('CONFIG_INVALID', `RATCHET_WORKLOADS: ${baseModel} and ${another} need a pipeline worker and replicas each`);
const { materialize } = createAdapterFiles({ blobs, dir: paths.adapters });
const target = createVllmTarget({ ...vllm, baseModel, materialize });
const evaluation = vllm.evaluationReplicas.length === 0 ? undefined : createVllmTarget({ ...vllm, replicas: vllm.evaluationReplicas, baseModel, materialize });
const gpu = { taskQueue: temporal.gpuTaskQueue };
const faultPoint = faultPoints(process.env['RATCHET_FAULT'], config.environment);
const activities = createActivities({ store, blobs, target, evaluation, workloads, redactors: createRedactors(keys), home, logger, observe, gpu, clock: () => new Date(), busyOn: askGateways(config), replicaWaitMs, faultPoint, notifier: webhook ? createWebhook(webhook) : null });

const at: { work?: Worker } = {};
const check = async (): Promise<void> => {
  if (at.work?.getState() !== 'RUNNING') throw new RatchetError('TEMPORAL_UNAVAILABLE', `not at work for ${temporal.address}`);
};
const stopping = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => (at.work === undefined ? process.exit(0) : stopping.abort()));
const health = await startHealth({ ...metrics, registry, check });
const connection = await connectTemporal(temporal, logger);
const { namespace, taskQueue } = temporal;
const client = new Client({ connection, namespace });
for (const { workload } of workloads.values()) await ensureSchedule(client, store, workload, { taskQueue });
const endReconciling = await startReconciling({ client, taskQueue, store, logger, registry });
at.work = await createPipelineWorker({ connection, namespace, taskQueue, activities, telemetry });
process.stdout.write(`${JSON.stringify({ ready: true, metrics: health.url })}\n`);
await at.work.runUntil(new Promise<void>((resolve) => stopping.signal.addEventListener('abort', () => resolve())));
endReconciling();
await Promise.all([health.close(), telemetry.shutdown(), store.close(), connection.close()]);
