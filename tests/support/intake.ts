// A real Kafka with places of their own for intake tests: home, topics and consumer group, and the processes that read them.
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { Kafka, logLevel, type CompressionTypes, type Producer } from 'kafkajs';
import { expect } from 'vitest';
import { correctionEvent, interactionEvent } from '../../core/events.ts';
import { startKafka, type KafkaSecurity, type KafkaServer } from '../../infra/dev/kafka.ts';
import { repositoryRoot } from '../../infra/dev/paths.ts';
import { freePorts } from '../../infra/dev/ports.ts';
import { startProcess, untilReady, type RunningProcess } from '../../infra/dev/process.ts';
import { ensureTopics } from '../../infra/setup.ts';
import type { MetadataStore } from '../../stores/ports.ts';
import { openMetadataStore } from '../../stores/sqlite/index.ts';
import { SOURCE, TIME, interactionNo } from '../contracts/records.ts';

/** A place of its own for one test. */
export interface Place {
  home: string;
  topics: { interactions: string; corrections: string };
  env: Record<string, string>;
}

export interface IngestProcess {
  worker: RunningProcess;
  url: string;
  healthy: () => Promise<boolean>;
  ready: () => Promise<void>;
  metrics: () => Promise<string>;
  log: () => string;
}

export const WORKLOAD = 'apiVersion: ratchet.dev/v1\nname: apples\nchannel: apples/production\nbaseModel: base\ncollection: { evalShare: 0.3 }\n';

export async function until(what: string, condition: () => Promise<boolean>, timeoutMs = 40_000): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`${what}: not within ${timeoutMs / 1000} s`);
    await sleep(100);
  }
}

/** An event of the workload `apples`; every third number is malformed by default, so that there is something to find. */
export function eventNo(n: number, text = n % 3 === 0 ? 'no JSON' : `{"n":${n}}`) {
  const basket = `${'abcdefghij'[n % 10]}${'klmnopqrst'[Math.floor(n / 10) % 10]}`;
  const event = interactionEvent({ ...interactionNo(n), messages: [{ role: 'user', parts: [{ text: `please count the apples in basket ${basket}`, trusted: true }] }], answer: { text } });
  return { ...event, data: { ...event.data, 'ratchet.workload': 'apples', 'ratchet.channel': 'apples/production' } };
}

export const correctionNo = (n: number) =>
  correctionEvent({ source: '/people', id: `k-${n}`, time: TIME, workload: 'apples', interaction: { source: SOURCE, id: `i-${n}` }, answer: `{"n":${n},"right":true}`, author: 'dana', authority: 'person', tenant: 'acme' });

export class IntakeWorld {
  readonly dir = mkdtempSync(join(tmpdir(), 'ratchet-intake-'));
  readonly workloadFile = join(this.dir, 'workload.yaml');
  readonly running = new Set<RunningProcess>();
  kafka!: KafkaServer;
  #producer!: Producer;
  #places = 0;
  #signIn: { ssl?: { ca: string[] }; sasl?: { mechanism: 'plain'; username: string; password: string } } = {};

  /** @param secure a broker that asks for TLS and SASL */
  async start(secure?: KafkaSecurity): Promise<this> {
    writeFileSync(this.workloadFile, WORKLOAD);
    this.kafka = await startKafka({ dir: join(this.dir, 'kafka'), ...(secure && { secure }) });
    if (secure) this.#signIn = { ssl: { ca: [readFileSync(secure.caFile, 'utf8')] }, sasl: { mechanism: 'plain', username: secure.username, password: secure.password } };
    this.#producer = new Kafka({ ...this.#signIn, brokers: this.kafka.brokers, logLevel: logLevel.NOTHING, retry: { retries: 20 } }).producer({ allowAutoTopicCreation: false });
    await this.#producer.connect();
    return this;
  }

  async stop(): Promise<void> {
    await this.#producer?.disconnect();
    await Promise.all([...this.running].map((worker) => worker.stop()));
    await this.kafka?.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** @param like takes its topics and keys, with an empty store: everything is read again from the beginning */
  async newPlace(like?: Place): Promise<Place> {
    this.#places += 1;
    const home = join(this.dir, `home-${this.#places}`);
    const topics = like?.topics ?? { interactions: `interactions-${this.#places}`, corrections: `corrections-${this.#places}` };
    mkdirSync(home);
    if (like) copyFileSync(join(like.home, 'keys.json'), join(home, 'keys.json'));
    else await ensureTopics({ ...this.#signIn, brokers: this.kafka.brokers, topics }, 3);
    const env = {
      RATCHET_HOME: home,
      RATCHET_WORKLOADS: this.workloadFile,
      RATCHET_MAX_RECORD_BYTES: '20000',
      KAFKA_BROKERS: this.kafka.brokers.join(','),
      KAFKA_TOPIC_INTERACTIONS: topics.interactions,
      KAFKA_TOPIC_CORRECTIONS: topics.corrections,
      KAFKA_GROUP: `group-${this.#places}`,
    };
    return { home, topics, env };
  }

  async startIngest(place: Place, env: Record<string, string> = {}, name = 'ingest'): Promise<IngestProcess> {
    const [port = 0] = await freePorts(1);
    const worker = await startProcess({
      ...{ name, command: process.execPath, args: [join(repositoryRoot, 'workers', 'ingest.ts')], logDir: place.home },
      env: { ...place.env, METRICS_PORT: String(port), ...env },
    });
    this.running.add(worker);
    void worker.exited.then(() => this.running.delete(worker));
    const url = `http://127.0.0.1:${port}`;
    const get = (path: string) => fetch(`${url}${path}`, { signal: AbortSignal.timeout(5_000) });
    const healthy = async () => (await get('/healthz')).ok;
    return {
      ...{ worker, url, healthy },
      ready: () => untilReady(worker, healthy, { timeoutMs: 30_000 }),
      metrics: async () => (await get('/metrics')).text(),
      log: () => readFileSync(worker.logFile, 'utf8'),
    };
  }

  async send(topic: string, values: readonly (object | string | Buffer | null)[], options: { partition?: number; compression?: CompressionTypes } = {}): Promise<void> {
    const { partition, compression } = options;
    const messages = values.map((value) => ({ value: value === null || Buffer.isBuffer(value) || typeof value === 'string' ? value : JSON.stringify(value), ...(partition === undefined ? {} : { partition }) }));
    for (let from = 0; from < messages.length; from += 500) await this.#producer.send({ topic, messages: messages.slice(from, from + 500), ...(compression === undefined ? {} : { compression }) });
  }
}

export async function withStore<T>(place: Place, use: (store: MetadataStore) => Promise<T>): Promise<T> {
  const store = await openMetadataStore(join(place.home, 'ratchet.db'));
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

export const countsIn = (place: Place) => withStore(place, (store) => store.counts('apples'));
export const interactionsIn = async (place: Place): Promise<number> => (await countsIn(place)).interactions;

/** The rows themselves say that nothing is lost, doubled or half kept; and that the totals are what a count gives. */
export async function expectExactly(place: Place, numbers: readonly number[]): Promise<void> {
  const raw = new DatabaseSync(join(place.home, 'ratchet.db'), { readOnly: true });
  try {
    const one = (sql: string): Record<string, unknown> => raw.prepare(sql).get() as Record<string, unknown>;
    const ids = raw.prepare('SELECT id FROM interactions').all().map((row) => String(row['id']));
    expect(ids.length).toBe(numbers.length);
    expect(new Set(ids)).toEqual(new Set(numbers.map((n) => `i-${n}`)));
    const failing = numbers.filter((n) => n % 3 === 0).length;
    expect(one('SELECT count(*) AS n, count(DISTINCT interaction_seq) AS distinct_n FROM failures')).toEqual({ n: failing, distinct_n: failing });
    expect(one('SELECT min(seq) AS low, max(seq) AS high, count(*) AS n FROM (SELECT seq FROM interactions UNION ALL SELECT seq FROM corrections)')).toMatchObject({ low: 1, high: numbers.length });
    expect(one('SELECT sum(answers) AS answers, sum(failing) AS failing FROM answer_totals')).toEqual({ answers: numbers.length, failing });
    expect(one('SELECT count(*) AS n FROM dead_letters')).toEqual({ n: 0 });
    expect(one('PRAGMA integrity_check')).toEqual({ integrity_check: 'ok' });
  } finally {
    raw.close();
  }
}

/** The sum over all label values of one metric, for example of all partitions. */
export function sumOf(metrics: string, name: string, labels = ''): number {
  const lines = metrics.split('\n').filter((line) => line.startsWith(name) && !line.startsWith('#') && line.includes(labels));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}
