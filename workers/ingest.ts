// The process that reads Kafka into the stores. Run: node workers/ingest.ts
import { Registry, collectDefaultMetrics } from 'prom-client';
import { RatchetError } from '../core/errors.ts';
import { createIngest } from '../intake/ingest.ts';
import { kafkaSource } from '../intake/kafka.ts';
import { ingestMetrics } from '../intake/metrics.ts';
import { openKeys } from '../stores/keys.ts';
import { openMetadataStore } from '../stores/sqlite/index.ts';
import { readWorkloads } from '../stores/workloads.ts';
import { homePaths, parseConfig } from './config.ts';
import { endOnError } from './fatal.ts';
import { faultPoints } from './faults.ts';
import { startHealth } from './health.ts';
import { createLogger } from './log.ts';
import { startTelemetry } from './telemetry.ts';

endOnError();
const config = parseConfig(process.env);
const paths = homePaths(config.home);
const logger = createLogger(config, 'ingest');
const telemetry = startTelemetry(config, 'ratchet-ingest');
const registry = new Registry();
collectDefaultMetrics({ register: registry });

const faultPoint = faultPoints(process.env['RATCHET_FAULT'], config.environment);
const metrics = ingestMetrics(registry);
// Waits less than a session for another process's write: a longer one pauses reading, and heartbeats go on meanwhile.
const store = await openMetadataStore(paths.database, { busyTimeoutMs: 2_000, beforeCommit: () => faultPoint('before_store_commit') });
const source = kafkaSource({
  ...config.kafka,
  topics: Object.values(config.kafka.topics),
  logger,
  faultPoint,
  onLag: (lag) => {
    // Partitions that went to another process are its to report.
    metrics.lag.reset();
    for (const { topic, partition, records } of lag) metrics.lag.set({ topic, partition }, records);
  },
  onPaused: (paused) => metrics.paused.set(Number(paused)),
});
const ingest = createIngest({
  store,
  source,
  logger,
  keys: await openKeys(paths.keys),
  workloads: await readWorkloads(config.workloadFiles),
  limits: { maxBytes: config.maxRecordBytes, maxDepth: config.maxRecordDepth },
  metrics,
  clock: () => new Date(),
  faultPoint,
});
const check = async () => {
  const { state, reason } = source.state();
  if (state !== 'reading') throw new RatchetError(state === 'away' ? 'KAFKA_UNAVAILABLE' : 'STORE_UNAVAILABLE', reason);
};
const health = await startHealth({ ...config.metrics, registry, check });

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void ingest.close());
process.stdout.write(`${JSON.stringify({ ready: true, metrics: health.url })}\n`);
await ingest.run();
await Promise.all([health.close(), store.close(), telemetry.shutdown()]);
