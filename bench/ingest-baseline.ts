// The baseline of bench/ingest.ts: the least that a consumer can do and still keep everything. Started by that benchmark.
import { createServer } from 'node:http';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Kafka, logLevel } from 'kafkajs';
import { Counter, Registry, collectDefaultMetrics } from 'prom-client';
import { parseConfig } from '../workers/config.ts';

const config = parseConfig(process.env);
const registry = new Registry();
collectDefaultMetrics({ register: registry });
const records = new Counter({ name: 'ratchet_ingest_records_total', help: 'as in intake/metrics.ts', labelNames: ['topic', 'result'], registers: [registry] });
const database = new DatabaseSync(join(config.home, 'ratchet.db'));
database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE records (partition INTEGER, "offset" INTEGER, body BLOB, PRIMARY KEY (partition, "offset")) STRICT');
const insert = database.prepare('INSERT INTO records VALUES (?, ?, ?) ON CONFLICT DO NOTHING');

const consumer = new Kafka({ brokers: config.kafka.brokers, logLevel: logLevel.NOTHING }).consumer({ groupId: config.kafka.group });
await consumer.connect();
await consumer.subscribe({ topics: [config.kafka.topics.interactions], fromBeginning: true });
await consumer.run({
  autoCommit: false,
  eachBatch: async (payload) => {
    const { batch } = payload;
    database.exec('BEGIN IMMEDIATE');
    for (const { offset, value } of batch.messages) {
      if (value === null) continue;
      JSON.parse(value.toString());
      insert.run(batch.partition, BigInt(offset), value);
    }
    database.exec('COMMIT');
    payload.resolveOffset(batch.lastOffset());
    await payload.commitOffsetsIfNecessary({ topics: [{ topic: batch.topic, partitions: [{ partition: batch.partition, offset: (BigInt(batch.lastOffset()) + 1n).toString() }] }] });
    records.inc({ topic: batch.topic, result: 'stored' }, batch.messages.length);
  },
});
const server = createServer((_, response) => void registry.metrics().then((text) => response.end(text))).listen(config.metrics.port, config.metrics.host);
process.once('SIGTERM', () => void consumer.disconnect().then(() => process.exit(0)));
server.unref();
