// The HTTP door and the import on a real Kafka: what is said to be there is there, and ingest keeps it once.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';
import { Agent, request } from 'undici';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { correctionEvent, interactionEvent } from '../../core/events.ts';
import { startKafka, type KafkaServer } from '../../infra/dev/kafka.ts';
import { repositoryRoot } from '../../infra/dev/paths.ts';
import { freePorts } from '../../infra/dev/ports.ts';
import { startProcess, untilReady, type RunningProcess } from '../../infra/dev/process.ts';
import { ensureTopics } from '../../infra/setup.ts';
import { openMetadataStore } from '../../stores/sqlite/index.ts';
import { SOURCE, TIME, interactionNo } from '../contracts/records.ts';
import { selfSigned } from '../support/certificate.ts';

const dir = mkdtempSync(join(tmpdir(), 'ratchet-door-'));
const topics = { interactions: 'door-interactions', corrections: 'door-corrections' };
const TOKEN = 'a-token-of-some-length';
const running: RunningProcess[] = [];
let kafka: KafkaServer;
let env: Record<string, string>;
let api: RunningProcess;
let url: string;
let health: string;

async function start(name: string, metricsPort: number, more: Record<string, string> = {}): Promise<RunningProcess> {
  const worker = await startProcess({ name, command: process.execPath, args: [join(repositoryRoot, 'workers', `${name}.ts`)], logDir: dir, env: { ...env, METRICS_PORT: String(metricsPort), ...more } });
  running.push(worker);
  await untilReady(worker, async () => (await fetch(`http://127.0.0.1:${metricsPort}/healthz`, { signal: AbortSignal.timeout(5_000) })).ok, { timeoutMs: 40_000 });
  return worker;
}

beforeAll(async () => {
  kafka = await startKafka({ dir: join(dir, 'kafka') });
  await ensureTopics({ brokers: kafka.brokers, topics }, 3);
  const workload = join(dir, 'workload.yaml');
  writeFileSync(workload, 'apiVersion: ratchet.dev/v1\nname: tickets\nchannel: tickets/production\nbaseModel: base\n');
  mkdirSync(join(dir, 'home'));
  env = { RATCHET_HOME: join(dir, 'home'), RATCHET_WORKLOADS: workload, KAFKA_BROKERS: kafka.brokers.join(','), KAFKA_TOPIC_INTERACTIONS: topics.interactions, KAFKA_TOPIC_CORRECTIONS: topics.corrections, API_TOKEN: TOKEN };
  const [port = 0, metrics = 0] = await freePorts(2);
  api = await start('api', metrics, { API_PORT: String(port) });
  [url, health] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${metrics}`];
}, 120_000);

afterAll(async () => {
  await Promise.all(running.map((worker) => worker.stop()));
  await kafka?.stop();
  rmSync(dir, { recursive: true, force: true });
}, 60_000);

async function post(path: string, body: unknown, type = 'application/cloudevents+json') {
  const response = await fetch(url + path, { method: 'POST', body: JSON.stringify(body), headers: { authorization: `Bearer ${TOKEN}`, 'content-type': type } });
  return { status: response.status, retryAfter: response.headers.get('retry-after'), body: (await response.json()) as { accepted?: number; results?: { status: number }[] } };
}
const eventNo = (n: number) => interactionEvent({ ...interactionNo(n), answer: { text: n % 2 ? '{}' : 'no JSON' } });

/** Records of a topic, all partitions, by the brokers' own count. */
async function countIn(topic: string): Promise<number> {
  const admin = new Kafka({ brokers: kafka.brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const offsets = await admin.fetchTopicOffsets(topic);
  await admin.disconnect();
  return offsets.reduce((sum, { high }) => sum + Number(high), 0);
}

it('says 202 for what is in Kafka, many senders at once, and keeps what is wrong out', async () => {
  const singles = await Promise.all(Array.from({ length: 200 }, (_, n) => post('/v1/interactions', eventNo(n))));
  expect(singles.map(({ status }) => status)).toEqual(Array<number>(200).fill(202));
  expect(await countIn(topics.interactions)).toBe(200);
  const batch = await post('/v1/interactions', [eventNo(200), { ...eventNo(201), time: 'never' }, eventNo(202)], 'application/cloudevents-batch+json');
  expect(batch).toMatchObject({ status: 207, body: { accepted: 2, results: [{ status: 202 }, { status: 400 }, { status: 202 }] } });
  const correction = correctionEvent({ source: '/people', id: 'k-1', time: TIME, workload: 'tickets', interaction: { source: SOURCE, id: 'i-0' }, answer: '{"right":true}', author: 'dana', authority: 'person', tenant: 'acme' });
  expect((await post('/v1/corrections', correction)).status).toBe(202);
  expect([await countIn(topics.interactions), await countIn(topics.corrections)]).toEqual([202, 1]);
  const metrics = await (await fetch(`${health}/metrics`)).text();
  expect(metrics).toContain('ratchet_door_records_total{kind="interaction",result="accepted"} 202');
  expect(metrics).toContain('ratchet_door_records_total{kind="interaction",result="RECORD_CONTRACT"} 1');
});

it('publishes an export once, however often it is imported, and ingest keeps no dead letter', async () => {
  const file = join(dir, 'chat.jsonl');
  writeFileSync(file, Array.from({ length: 50 }, (_, n) => `${JSON.stringify({ request: { messages: [{ role: 'user', content: `question ${n}` }] }, response: { id: `chatcmpl-${n}`, created: 1_767_323_045, model: 'm', choices: [{ finish_reason: 'stop', message: { role: 'assistant', content: '{"a":1}' } }] } })}\n`).join('') + 'bad\n');
  const run = () => spawnSync(process.execPath, [join(repositoryRoot, 'cli/main.ts'), '--json', 'import', '--format', 'openai', file], { env: { PATH: process.env['PATH'], ...env }, encoding: 'utf8' });
  for (const { status, stdout, stderr } of [run(), run()]) {
    expect([status, stderr]).toEqual([1, '']);
    expect(JSON.parse(stdout)).toMatchObject({ calls: 50, published: 50, badLines: 1, bad: [{ line: 51, code: 'RECORD_NOT_JSON' }] });
  }
  // The same event again, as another client would write it.
  expect((await post('/v1/interactions', Object.fromEntries(Object.entries(eventNo(1)).reverse()))).status).toBe(202);
  const [metricsPort = 0] = await freePorts(1);
  const ingest = await start('ingest', metricsPort);
  const counts = async () => {
    const store = await openMetadataStore(join(dir, 'home', 'ratchet.db'));
    const found = await store.counts('tickets');
    await store.close();
    return found;
  };
  const end = Date.now() + 40_000;
  while ((await counts()).interactions < 252 && Date.now() < end) await sleep(200);
  // All partitions have been read to their end.
  const read = async () => [...(await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text()).matchAll(/ratchet_ingest_records_total\{[^}]*\} (\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
  while ((await read()) < 202 + 100 + 1 + 1 && Date.now() < end) await sleep(200);
  expect(await counts()).toMatchObject({ interactions: 252, corrections: 1, deadLetters: 0 });
  await ingest.stop();
});

it('takes records by TLS, beyond loopback, in production', async () => {
  const made = selfSigned();
  const [cert, key] = [join(dir, 'cert.pem'), join(dir, 'key.pem')];
  writeFileSync(cert, made.cert);
  writeFileSync(key, made.key);
  const [port = 0, metrics = 0] = await freePorts(2);
  const worker = await start('api', metrics, { RATCHET_ENV: 'production', API_HOST: '0.0.0.0', API_PORT: String(port), RATCHET_TLS_CERT: cert, RATCHET_TLS_KEY: key });
  const dispatcher = new Agent({ connect: { ca: made.cert } });
  const send = (token: string) => request(`https://127.0.0.1:${port}/v1/interactions`, { dispatcher, method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: JSON.stringify(eventNo(800)) });
  const before = await countIn(topics.interactions);
  expect([(await send('not-the-token-of-this')).statusCode, (await send(TOKEN)).statusCode]).toEqual([401, 202]);
  expect(await countIn(topics.interactions)).toBe(before + 1);
  await expect(request(`https://127.0.0.1:${port}/`)).rejects.toMatchObject({ code: expect.stringMatching(/SELF_SIGNED/) as string });
  await dispatcher.close();
  await worker.stop();
  expect(await worker.exited).toMatchObject({ code: 0 });
});

it('answers 503 while Kafka is away, and takes records again when it is back', async () => {
  if (kafka.process === undefined) throw new Error('this test kills its own Kafka: run it without KAFKA_BROKERS');
  process.kill(kafka.process.pid, 'SIGKILL');
  await kafka.process.exited;
  const away = await post('/v1/interactions', eventNo(900));
  expect([away.status, away.retryAfter]).toEqual([503, '5']);
  expect((await fetch(`${health}/healthz`)).status).toBe(503);
  kafka = await startKafka({ dir: join(dir, 'kafka') });
  const end = Date.now() + 60_000;
  let status = 0;
  while (status !== 202 && Date.now() < end) {
    ({ status } = await post('/v1/interactions', eventNo(900)));
    await sleep(500);
  }
  expect(status).toBe(202);
  await api.stop();
  expect(await api.exited).toMatchObject({ code: 0 });
});

it('refuses to start where strangers could reach it without a token', () => {
  const run = (more: Record<string, string>) => spawnSync(process.execPath, [join(repositoryRoot, 'workers/api.ts')], { env: { PATH: process.env['PATH'], ...env, API_TOKEN: '', ...more }, encoding: 'utf8' });
  for (const more of [{ API_HOST: '0.0.0.0' }, { RATCHET_ENV: 'production' }] as Record<string, string>[]) {
    const { status, stderr } = run(more);
    expect([status, stderr]).toEqual([2, expect.stringContaining('API_TOKEN')]);
  }
});
