// The pipeline worker: runs the workflows and every TypeScript step. Run: node workers/pipeline.ts
import { Client } from '@temporalio/client';
import { Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import { createActivities } from '../activities/index.ts';
import { ensureSchedule } from '../activities/schedule.ts';
import { RatchetError } from '../core/errors.ts';
import { createAdapterFiles } from '../stores/adapters.ts';
import { openBlobStore } from '../stores/blobs.ts';
import { openMetadataStore } from '../stores/sqlite/index.ts';
import { createVllmTarget } from '../stores/vllm.ts';
import { readWorkloads } from '../stores/workloads.ts';
import { homePaths, parseConfig } from './config.ts';
import { startHealth } from './health.ts';
import { createLogger, startTelemetry } from './telemetry.ts';
import { connectTemporal, createPipelineWorker, logTemporalTo, type Worker } from './temporal.ts';

const config = parseConfig(process.env);
const { home, temporal, vllm } = config;
const logger = createLogger(config, 'pipeline');
const telemetry = startTelemetry(config, 'ratchet-pipeline');
const registry = new Registry();
collectDefaultMetrics({ register: registry });
const steps = new Histogram({ name: 'ratchet_step_seconds', help: 'Duration of steps by result', labelNames: ['step', 'result'], buckets: [0.1, 1, 10, 60, 600, 3600], registers: [registry] });
const stopping = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stopping.abort());
logTemporalTo(logger);

const paths = homePaths(home);
const [workloads, store, blobs] = await Promise.all([readWorkloads(config.workloadFiles), openMetadataStore(paths.database), openBlobStore(paths.blobs)]);
const target = createVllmTarget({ ...vllm, baseModel: [...workloads.values()][0]?.workload.baseModel ?? '', materialize: createAdapterFiles({ blobs, dir: paths.adapters }).materialize });
const observe = (step: string, seconds: number, result: string): void => steps.observe({ step, result }, seconds);
const activities = createActivities({ store, blobs, target, workloads, home, logger, observe, clock: () => new Date(), gpu: { taskQueue: temporal.gpuTaskQueue } });

let worker: Worker | undefined;
const check = async (): Promise<void> => {
  if (worker?.getState() !== 'RUNNING') throw new RatchetError('TEMPORAL_UNAVAILABLE', `not at work for ${temporal.address}`);
};
const health = await startHealth({ ...config.metrics, registry, check });
const connection = await connectTemporal(temporal, logger, stopping.signal);
for (const { workload } of workloads.values()) await ensureSchedule(new Client({ connection, namespace: temporal.namespace }), workload, temporal);
worker = await createPipelineWorker({ connection, namespace: temporal.namespace, taskQueue: temporal.taskQueue, activities, telemetry });
process.stdout.write(`${JSON.stringify({ ready: true, metrics: health.url })}\n`);
await worker.runUntil(new Promise<void>((resolve) => stopping.signal.addEventListener('abort', () => resolve())));
await Promise.all([health.close(), telemetry.shutdown(), store.close(), connection.close()]);
