// The process that production agents talk to: an OpenAI-compatible door in front of vLLM. Run: node workers/gateway.ts
import { setFlagsFromString } from 'node:v8';
import { startGateway } from '../gateway/gateway.ts';
import { createMetrics } from '../gateway/metrics.ts';
import { createPublisher } from '../gateway/publish/publisher.ts';
import { RatchetError } from '../core/errors.ts';
import { createAdapterFiles } from '../stores/adapters.ts';
import { openBlobStore } from '../stores/blobs.ts';
import { openKeys, spoolKey } from '../stores/keys.ts';
import { openMetadataStore } from '../stores/sqlite/index.ts';
import { createVllmTarget } from '../stores/vllm.ts';
import { readWorkloads } from '../stores/workloads.ts';
import { homePaths, parseConfig } from './config.ts';
import { endOnError } from './fatal.ts';
import { startHealth } from './health.ts';
import { createLogger } from './log.ts';
import { startTelemetry } from './telemetry.ts';

endOnError();
// Left alone, V8 marks the whole heap for each 8 MB more in its old part, every few thousand requests: now when that part has tripled.
setFlagsFromString('--heap-growing-percent=200');
const config = parseConfig(process.env);
const { kafka, vllm } = config;
const paths = homePaths(config.home);
const logger = createLogger(config, 'gateway');
const telemetry = startTelemetry(config, 'ratchet-gateway');
const metrics = createMetrics();

const workloads = new Map([...(await readWorkloads(config.workloadFiles)).values()].map((loaded) => [loaded.workload.channel, loaded]));
const [baseModel = '', another] = new Set([...workloads.values()].map(({ workload }) => workload.baseModel));
if (another !== undefined) throw new RatchetError('CONFIG_INVALID', `RATCHET_WORKLOADS: ${baseModel} and ${another} need a gateway and replicas each`);
const [store, blobs, keys] = await Promise.all([openMetadataStore(paths.database), openBlobStore(paths.blobs), openKeys(paths.keys)]);
for (const channel of workloads.keys()) await store.ensureChannel(channel, new Date().toISOString());

const { materialize } = createAdapterFiles({ blobs, dir: paths.adapters });
const target = createVllmTarget({ ...vllm, baseModel, materialize });
const publisher = createPublisher({ kafka: { ...kafka, topic: kafka.topics.interactions }, spool: { root: paths.spool, key: spoolKey(keys), maxBytes: config.spoolMaxBytes }, limits: {}, logger, metrics });
const { publish } = publisher;
const gateway = await startGateway({ ...config.gateway, tls: config.tls, store, marks: store, isolation: config.isolation, target, workloads, publish, subjectKey: keys.subject, logger, metrics, vllmApiKey: vllm.apiKey, adminToken: config.adminToken });
// vLLM or Kafka away is no reason to restart the gateway: its own /readyz and its metrics tell.
const health = await startHealth({ ...config.metrics, registry: metrics.registry, check: async () => undefined });

async function stop(): Promise<void> {
  await gateway.close();
  await publisher.close();
  await Promise.all([health.close(), store.close(), telemetry.shutdown()]);
}
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop());
process.stdout.write(`${JSON.stringify({ ready: true, url: gateway.url })}\n`);
