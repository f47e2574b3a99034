// From a real Kafka into the store, all detectors and redaction on, one process on one core.
// Run: node bench/ingest.ts [records, default 60000] [--already N: once more into a store that has N records]
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';
import { startKafka } from '../infra/dev/kafka.ts';
import { freePorts } from '../infra/dev/ports.ts';
import { logTail, startProcess } from '../infra/dev/process.ts';
import { ensureTopics } from '../infra/setup.ts';
import { openMetadataStore } from '../stores/sqlite/index.ts';
import { BENCH_SCHEMA, BENCH_WORKLOAD, benchEvent } from './ingest-records.ts';
import { seedStore } from './ingest-seed.ts';

const { positionals, values } = parseArgs({ allowPositionals: true, options: { already: { type: 'string', default: '0' } } });
const total = Number(positionals[0] ?? 60_000);
const already = Number(values.already);
if (!Number.isInteger(total) || total < 30_000) throw new Error('records: a whole number of at least 30000');
if (!Number.isInteger(already) || already < 0) throw new Error('--already: a whole number of records');
/** Where the cost with a small store is read, and over how many records each cost is taken. */
const SMALL = 10_000;
const WINDOW = 10_000;
const PARTITIONS = 4;

/** One core for what is measured, the others for the broker; null where the machine cannot do that. */
const pinned = spawnSync('taskset', ['-V']).status === 0;
const onOneCore = (script: string, args: string[] = []) => {
  const node = [process.execPath, script, ...args];
  return pinned ? { command: 'taskset', args: ['-c', '0', ...node] } : { command: process.execPath, args: node.slice(1) };
};

interface Sample {
  atMs: number;
  records: number;
  cpuSeconds: number;
  rssMiB: number;
}

interface Cost {
  perSecond: number;
  cpuUs: number;
}

const dir = mkdtempSync(join(tmpdir(), 'ratchet-bench-'));
const root = join(import.meta.dirname, '..');
const topics = { interactions: 'bench.interactions', corrections: 'bench.corrections' };
const kafka = await startKafka({ dir: join(dir, 'kafka'), brokers: undefined });
try {
  await ensureTopics({ brokers: kafka.brokers, topics }, PARTITIONS);
  const bytes = await produce();
  console.log(`${total} records of ${Math.round(bytes / total)} bytes in ${PARTITIONS} partitions of Apache Kafka 4.3.1; ${pinned ? 'the reader is pinned to one core' : 'no taskset here: not pinned to one core'}`);
  const baseline = await measure('baseline', join(root, 'bench', 'ingest-baseline.ts'), Math.min(total, 60_000));
  const ingest = await measure('ingest', join(root, 'workers', 'ingest.ts'), total);
  report(baseline, ingest);
  if (already > 0) reportLarge(ingest, await measure('large', join(root, 'workers', 'ingest.ts'), total, already));
} finally {
  await kafka.stop();
  rmSync(dir, { recursive: true, force: true });
}

async function produce(): Promise<number> {
  const producer = new Kafka({ brokers: kafka.brokers, logLevel: logLevel.NOTHING }).producer({ allowAutoTopicCreation: false });
  await producer.connect();
  let bytes = 0;
  for (let from = 0; from < total; from += 1000) {
    const messages = Array.from({ length: Math.min(1000, total - from) }, (_, index) => ({ value: JSON.stringify(benchEvent(from + index)), partition: (from + index) % PARTITIONS }));
    bytes += messages.reduce((sum, { value }) => sum + Buffer.byteLength(value), 0);
    await producer.send({ topic: topics.interactions, messages });
  }
  await producer.disconnect();
  return bytes;
}

/** Starts the reader, and samples its own metrics until it has read everything. */
async function measure(name: string, script: string, wanted: number, rows = 0): Promise<Sample[]> {
  const home = join(dir, name);
  mkdirSync(home);
  writeFileSync(join(home, 'workload.yaml'), BENCH_WORKLOAD);
  writeFileSync(join(home, 'schema.json'), JSON.stringify(BENCH_SCHEMA));
  if (rows > 0) await seedStore(join(home, 'ratchet.db'), join(home, 'workload.yaml'), rows);
  const [port = 0] = await freePorts(1);
  const env = {
    ...{ RATCHET_HOME: home, RATCHET_WORKLOADS: join(home, 'workload.yaml'), KAFKA_BROKERS: kafka.brokers.join(','), KAFKA_GROUP: name, METRICS_PORT: String(port), LOG_LEVEL: 'warn' },
    ...{ KAFKA_TOPIC_INTERACTIONS: topics.interactions, KAFKA_TOPIC_CORRECTIONS: topics.corrections, NODE_OPTIONS: process.env['BENCH_NODE_OPTIONS'] },
  };
  const reader = await startProcess({ name, ...onOneCore(script), logDir: home, env, graceMs: 30_000 });
  let ended = false;
  void reader.exited.then(() => (ended = true));
  const samples: Sample[] = [];
  while ((samples.at(-1)?.records ?? 0) < wanted) {
    if (ended) throw new Error(`${name} ended before it had read everything:\n${logTail(reader.logFile)}`);
    const text = await fetch(`http://127.0.0.1:${port}/metrics`).then((response) => response.text(), () => '');
    const value = (pattern: RegExp): number => Number(pattern.exec(text)?.[1] ?? 0);
    const records = value(/^ratchet_ingest_records_total\{topic="bench\.interactions",result="stored"\} (\d+)/m);
    if (records > (samples.at(-1)?.records ?? 0)) {
      samples.push({ atMs: performance.now(), records, cpuSeconds: value(/^process_cpu_seconds_total (\S+)/m), rssMiB: value(/^process_resident_memory_bytes (\d+)/m) / 2 ** 20 });
    }
    await sleep(200);
  }
  await reader.stop();
  if (name !== 'baseline') await check(home, rows);
  console.log(`${name.padEnd(9)} store ${(statSync(join(home, 'ratchet.db')).size / 2 ** 20).toFixed(0)} MiB`);
  return samples;
}

/** A fast reader that loses records would win every benchmark. */
async function check(home: string, rows: number): Promise<void> {
  const store = await openMetadataStore(join(home, 'ratchet.db'));
  const { interactions, failing, deadLetters } = await store.counts('bench');
  await store.close();
  if (interactions !== total + rows || deadLetters !== 0 || failing < total / 20) throw new Error(`kept ${interactions - rows} of ${total} records with ${failing} failing and ${deadLetters} dead letters`);
}

/** Between the samples that lie nearest to the two record counts. */
function cost(samples: readonly Sample[], from: number, to: number): Cost {
  const at = (records: number): Sample => samples.reduce((best, sample) => (Math.abs(sample.records - records) < Math.abs(best.records - records) ? sample : best));
  const [a, b] = [at(from), at(to)];
  const records = b.records - a.records;
  return { perSecond: records / ((b.atMs - a.atMs) / 1000), cpuUs: ((b.cpuSeconds - a.cpuSeconds) * 1e6) / records };
}

/** From where the program is warm to the end. */
function whole(samples: readonly Sample[]): Cost {
  return cost(samples, SMALL, samples.at(-1)?.records ?? 0);
}

function line(name: string, { perSecond, cpuUs }: Cost): string {
  return `${name.padEnd(42)} ${perSecond.toFixed(0).padStart(7)} records/s  ${cpuUs.toFixed(0).padStart(5)} µs of CPU a record`;
}

function report(baseline: Sample[], ingest: Sample[]): void {
  const [base, all] = [whole(baseline), whole(ingest)];
  console.log(line('baseline: consume, JSON.parse, insert raw', base));
  console.log(line('ingest: judged, redacted, stored', all));
  console.log(`ratio ${(all.perSecond / base.perSecond).toFixed(2)} of the baseline`);
  const small = cost(ingest, SMALL, SMALL + WINDOW);
  const large = cost(ingest, total - WINDOW, total);
  console.log(line(`  with ${SMALL} rows in the store`, small));
  console.log(line(`  with ${total} rows in the store`, large));
  console.log(`cost per record ${(large.cpuUs / small.cpuUs).toFixed(2)} × in CPU, ${(small.perSecond / large.perSecond).toFixed(2)} × in time`);
  const quarters = [0.25, 0.5, 0.75, 1].map((share) => ingest.filter((sample) => sample.records <= total * share).at(-1)?.rssMiB ?? NaN);
  console.log(`resident memory at each quarter: ${quarters.map((value) => value.toFixed(0)).join(', ')} MiB; highest ${Math.max(...ingest.map((sample) => sample.rssMiB)).toFixed(0)}`);
}

/** Both processes are of the same age in each window: what differs is the store. */
function reportLarge(ingest: Sample[], large: Sample[]): void {
  const [empty, full] = [whole(ingest), whole(large)];
  console.log(line(`ingest into a store of ${already} records`, full));
  console.log(`${(full.cpuUs / empty.cpuUs).toFixed(2)} × the CPU of an empty store, ${(empty.perSecond / full.perSecond).toFixed(2)} × the time`);
}
