// Intake on a real Kafka: bad records, kills at the worst moment, replays, and brokers that go away.
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { inflateRawSync } from 'node:zlib';
import { Kafka, logLevel, type Producer } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { curate } from '../../core/curate/dataset.ts';
import { DETECTOR_VERSIONS } from '../../core/detect/index.ts';
import { canonicalJson } from '../../core/digest.ts';
import { correctionEvent, interactionEvent } from '../../core/events.ts';
import { REDACTOR_VERSION } from '../../core/redact/index.ts';
import { startKafka, type KafkaServer } from '../../infra/dev/kafka.ts';
import { repositoryRoot } from '../../infra/dev/paths.ts';
import { freePorts } from '../../infra/dev/ports.ts';
import { startProcess, untilReady, type RunningProcess } from '../../infra/dev/process.ts';
import { ensureTopics } from '../../infra/setup.ts';
import type { MetadataStore } from '../../stores/ports.ts';
import { openMetadataStore } from '../../stores/sqlite/index.ts';
import { readWorkload } from '../../stores/workloads.ts';
import { SOURCE, TIME, interactionNo } from '../contracts/records.ts';

const dir = mkdtempSync(join(tmpdir(), 'ratchet-intake-'));
const workloadFile = join(dir, 'workload.yaml');
const secrets = ['jane.roe@corp.example', '4111 1111 1111 1111', 'DE89 3704 0044 0532 0130 00'];
let kafka: KafkaServer;
let producer: Producer;

/** A place of its own for one test: home, topics, consumer group. */
interface Place {
  home: string;
  topics: { interactions: string; corrections: string };
  env: Record<string, string>;
}

let places = 0;
async function newPlace(like?: Place): Promise<Place> {
  places += 1;
  const home = join(dir, `home-${places}`);
  const topics = like?.topics ?? { interactions: `interactions-${places}`, corrections: `corrections-${places}` };
  mkdirSync(home);
  if (like) copyFileSync(join(like.home, 'keys.json'), join(home, 'keys.json'));
  else await ensureTopics({ brokers: kafka.brokers, topics }, 3);
  const env = {
    RATCHET_HOME: home,
    RATCHET_WORKLOADS: workloadFile,
    RATCHET_MAX_RECORD_BYTES: '20000',
    KAFKA_BROKERS: kafka.brokers.join(','),
    KAFKA_TOPIC_INTERACTIONS: topics.interactions,
    KAFKA_TOPIC_CORRECTIONS: topics.corrections,
    KAFKA_GROUP: `group-${places}`,
  };
  return { home, topics, env };
}

async function startIngest(place: Place, env: Record<string, string> = {}) {
  const [port = 0] = await freePorts(1);
  const worker = await startProcess({
    ...{ name: 'ingest', command: process.execPath, args: [join(repositoryRoot, 'workers', 'ingest.ts')], logDir: place.home },
    env: { ...place.env, METRICS_PORT: String(port), ...env },
  });
  running.add(worker);
  void worker.exited.then(() => running.delete(worker));
  const url = `http://127.0.0.1:${port}`;
  const healthy = async () => (await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(2_000) })).ok;
  return { worker, url, healthy, ready: () => untilReady(worker, healthy, { timeoutMs: 30_000 }) };
}
const running = new Set<RunningProcess>();

const eventNo = (n: number, text = `{"n":${n}}`) =>
  interactionEvent({ ...interactionNo(n), messages: [{ role: 'user', parts: [{ text: `please count the apples in basket ${'abcdefghij'[n % 10]}${'klmnopqrst'[Math.floor(n / 10) % 10]}`, trusted: true }] }], answer: { text } });
const correctionNo = (n: number) =>
  correctionEvent({ source: '/people', id: `k-${n}`, time: TIME, workload: 'apples', interaction: { source: SOURCE, id: `i-${n}` }, answer: `{"n":${n},"right":true}`, author: 'dana', authority: 'person', tenant: 'acme' });

const send = async (topic: string, values: (object | string | Buffer | null)[], partition?: number) => {
  const messages = values.map((value) => ({ value: value === null || Buffer.isBuffer(value) || typeof value === 'string' ? value : JSON.stringify(value), ...(partition === undefined ? {} : { partition }) }));
  await producer.send({ topic, messages });
};

async function until(what: string, condition: () => Promise<boolean>, timeoutMs = 40_000): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`${what}: not within ${timeoutMs / 1000} s`);
    await sleep(100);
  }
}

async function withStore<T>(place: Place, use: (store: MetadataStore) => Promise<T>): Promise<T> {
  const store = await openMetadataStore(join(place.home, 'ratchet.db'));
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}
const interactionsIn = (place: Place) => withStore(place, async (store) => (await store.counts('apples')).interactions);

/** Every value of every table, bodies inflated, and the files as they lie on the disk. */
function everythingIn(place: Place): string {
  const raw = new DatabaseSync(join(place.home, 'ratchet.db'), { readOnly: true });
  const tables = raw.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all().map((row) => String(row['name']));
  const texts = tables.flatMap((table) => raw.prepare(`SELECT * FROM "${table}"`).all().flatMap((row) => Object.entries(row).map(([column, value]) => (column === 'body' ? inflateRawSync(value as Uint8Array).toString() : String(value)))));
  raw.close();
  const files = ['ratchet.db', 'ratchet.db-wal', 'ingest.log', 'traces.jsonl'].map((name) => {
    try {
      return readFileSync(join(place.home, name)).toString('latin1');
    } catch {
      return '';
    }
  });
  return [...texts, ...files].join('\n');
}

beforeAll(async () => {
  writeFileSync(workloadFile, 'apiVersion: ratchet.dev/v1\nname: apples\nchannel: apples/production\nbaseModel: base\ncollection: { evalShare: 0.3 }\n');
  kafka = await startKafka({ dir: join(dir, 'kafka') });
  producer = new Kafka({ brokers: kafka.brokers, logLevel: logLevel.NOTHING, retry: { retries: 20 } }).producer({ allowAutoTopicCreation: false });
  await producer.connect();
}, 90_000);

afterAll(async () => {
  await producer?.disconnect();
  await Promise.all([...running].map((worker) => worker.stop()));
  await kafka?.stop();
  rmSync(dir, { recursive: true, force: true });
}, 60_000);

// The default workload of the records is another: these belong to `apples`.
const apples = (event: ReturnType<typeof eventNo>) => ({ ...event, data: { ...event.data, 'ratchet.workload': 'apples', 'ratchet.channel': 'apples/production' } });

describe('intake on Kafka', () => {
  it('sets bad records aside with their place, and the partition goes on; secrets appear nowhere', async () => {
    const place = await newPlace();
    const ingest = await startIngest(place);
    await ingest.ready();
    const secret = secrets.join(' and ');
    await send(
      place.topics.interactions,
      [
        apples(eventNo(1)),
        `no JSON: ${secret}`,
        { ...apples(eventNo(2)), time: secret },
        { ...apples(eventNo(3)), padding: secret.repeat(500) },
        `${'{"a":'.repeat(100)}"${secret}"${'}'.repeat(100)}`,
        { ...apples(eventNo(1)), extension: secret },
        null,
        { ...apples(eventNo(4)), type: 'dev.ratchet.interaction.v9' },
        apples(eventNo(5, `the customer ${secret} said so`)),
      ],
      1,
    );
    await until('the last record of the partition', async () => (await interactionsIn(place)) === 2);
    const letters = await withStore(place, (store) => store.deadLetters({ limit: 20 }));
    expect(Object.fromEntries(letters.map(({ letter }) => [letter.position.offset, letter.reason]))).toEqual({
      1: 'RECORD_NOT_JSON',
      2: 'RECORD_CONTRACT',
      3: 'RECORD_TOO_BIG',
      4: 'RECORD_TOO_DEEP',
      5: 'IDENTITY_CONFLICT',
      6: 'RECORD_NOT_JSON',
      7: 'RECORD_VERSION_UNKNOWN',
    });
    expect(letters.every(({ letter }) => letter.position.topic === place.topics.interactions && letter.position.partition === 1)).toBe(true);
    const metrics = await (await fetch(`${ingest.url}/metrics`)).text();
    expect(metrics).toContain(`ratchet_ingest_records_total{topic="${place.topics.interactions}",result="stored"} 2`);
    expect(metrics).toContain('ratchet_ingest_dead_letters_total{reason="RECORD_TOO_DEEP"} 1');
    await ingest.worker.stop();

    const kept = everythingIn(place) + metrics;
    expect(kept).toContain('the customer ');
    for (const each of secrets) expect(kept.includes(each), each).toBe(false);
  });

  it('loses and doubles nothing when it is killed between store and commit, and a replay from zero gives the same dataset', async () => {
    const place = await newPlace();
    const total = 60;
    await send(place.topics.corrections, [0, 1, 2, 3, 4].map(correctionNo));
    await send(place.topics.interactions, Array.from({ length: total }, (_, n) => apples(eventNo(n, n % 3 === 0 ? 'no JSON' : undefined))));

    const killed = await startIngest(place, { RATCHET_FAULT: 'after_store' });
    expect(await killed.worker.exited).toMatchObject({ signal: 'SIGKILL' });
    const first = await withStore(place, (store) => store.counts('apples'));
    expect(first.interactions + first.corrections).toBeGreaterThan(0);
    expect(first.interactions + first.corrections).toBeLessThan(total + 5);

    const again = await startIngest(place);
    await again.ready();
    await send(place.topics.corrections, [9, 12, 15, 18, 21].map(correctionNo));
    const whole = async (where: Place) => withStore(where, async (store) => {
      const counts = await store.counts('apples');
      return counts.interactions === total && counts.corrections === 10;
    });
    await until('all records', () => whole(place));
    const metrics = await (await fetch(`${again.url}/metrics`)).text();
    const duplicates = [...metrics.matchAll(/result="duplicate"\} (\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
    expect(duplicates).toBe(first.interactions + first.corrections);
    await again.worker.stop();
    expect(await again.worker.exited).toMatchObject({ code: 0 });
    expect(await withStore(place, (store) => store.counts('apples'))).toMatchObject({ interactions: total, corrections: 10, parkedCorrections: 0, deadLetters: 0, failing: 20 });

    const replayed = await newPlace(place);
    const second = await startIngest(replayed);
    await second.ready();
    await until('the replay', () => whole(replayed));
    await second.worker.stop();
    const [a, b] = [await datasetOf(place), await datasetOf(replayed)];
    expect(b).toEqual(a);
    expect(a.examples).toBeGreaterThan(0);
  });

  it('goes on when Kafka is killed and comes back', async () => {
    if (kafka.process === undefined) throw new Error('this test kills its own Kafka: run it without KAFKA_BROKERS');
    const place = await newPlace();
    const ingest = await startIngest(place);
    await ingest.ready();
    await send(place.topics.interactions, [apples(eventNo(1))]);
    await until('the first record', async () => (await interactionsIn(place)) === 1);

    process.kill(kafka.process.pid, 'SIGKILL');
    await kafka.process.exited;
    await until('unhealthy', async () => !(await ingest.healthy()), 60_000);
    kafka = await startKafka({ dir: join(dir, 'kafka') });
    await send(place.topics.interactions, [apples(eventNo(2))]);
    await until('the record after the restart', async () => (await interactionsIn(place)) === 2, 60_000);
    await until('healthy', ingest.healthy);
    expect(running.has(ingest.worker)).toBe(true);
    await ingest.worker.stop();
    expect(await ingest.worker.exited).toMatchObject({ code: 0 });
  });

  it('waits with a clear message when Kafka is not there, and can be ended', async () => {
    const [nobody = 0] = await freePorts(1);
    const place = await newPlace();
    const ingest = await startIngest(place, { KAFKA_BROKERS: `127.0.0.1:${nobody}` });
    const log = () => readFileSync(ingest.worker.logFile, 'utf8');
    await until('the message', async () => log().includes('Kafka is away, trying again'), 30_000);
    const answer = await fetch(`${ingest.url}/healthz`);
    expect(answer.status).toBe(503);
    expect(await answer.text()).toContain('KAFKA_UNAVAILABLE');
    expect(running.has(ingest.worker)).toBe(true);
    await ingest.worker.stop();
    expect(await ingest.worker.exited).toMatchObject({ code: 0 });
    expect(log()).not.toContain('    at ');
  });
});

/** What a night would train on, from this store alone. */
async function datasetOf(place: Place) {
  const { workload, digest } = await readWorkload(workloadFile);
  return withStore(place, async (store) => {
    const manifest = await store.digestsUpTo('apples', await store.watermark('apples'));
    const ledger = await store.ledger('apples');
    const { dataset, examples } = curate({
      ...{ workload, workloadDigest: digest, detectorVersions: DETECTOR_VERSIONS, redactorVersion: REDACTOR_VERSION, ledger },
      manifestDigest: `sha256:${createHash('sha256').update(canonicalJson(manifest)).digest('hex')}`,
      records: await store.interactions(manifest.interactions),
      corrections: await store.corrections(manifest.corrections),
      checkTarget: () => true,
    });
    return { manifest, ledger, dataset, examples: examples.length };
  });
}
