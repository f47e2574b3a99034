// The process behind the HTTP door: records over HTTP into Kafka. Run: node workers/api.ts
import { Registry, collectDefaultMetrics } from 'prom-client';
import { startDoor } from '../intake/http/door.ts';
import { doorMetrics } from '../intake/http/metrics.ts';
import { kafkaSink } from '../intake/produce.ts';
import { readWorkloads } from '../stores/workloads.ts';
import { parseConfig } from './config.ts';
import { endOnError } from './fatal.ts';
import { startHealth } from './health.ts';
import { createLogger } from './log.ts';

endOnError();
const config = parseConfig(process.env);
const { environment, kafka } = config;
const logger = createLogger(config, 'api');
const registry = new Registry();
collectDefaultMetrics({ register: registry });

const workloads = new Set((await readWorkloads(config.workloadFiles)).keys());
const sink = kafkaSink({ ...kafka, topics: Object.values(kafka.topics), clientId: 'ratchet-api' });
const limits = { maxBytes: config.maxRecordBytes, maxDepth: config.maxRecordDepth };
const door = await startDoor({ ...config.api, environment, tls: config.tls, sink, logger, metrics: doorMetrics(registry), accept: { limits, topics: kafka.topics, workloads } });
const health = await startHealth({ ...config.metrics, registry, check: () => sink.check() });

async function stop(): Promise<void> {
  await door.close();
  await Promise.all([sink.close(), health.close()]);
}
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop());
process.stdout.write(`${JSON.stringify({ ready: true, url: door.url, metrics: health.url })}\n`);
