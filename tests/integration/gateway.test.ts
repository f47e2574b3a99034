// The gateway's own process on a real Kafka: events arrive, outlive an outage of the broker and the gateway's own death, and are flushed at the end.
// The engine is a stub that says it is one; the gateway in front of the real vLLM: tests/integration/vllm.test.ts
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { promisify } from 'node:util';
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { InteractionEvent } from '../../core/contracts/index.ts';
import { startKafka, type KafkaServer } from '../../infra/dev/kafka.ts';
import { pythonBin, repositoryRoot } from '../../infra/dev/paths.ts';
import { freePorts } from '../../infra/dev/ports.ts';
import { startProcess, untilReady, type RunningProcess } from '../../infra/dev/process.ts';
import { ensureTopics } from '../../infra/setup.ts';
import { selfSigned } from '../support/certificate.ts';
import { STUB_BASE, startStubEngine, type StubEngine } from '../support/stub-engine.ts';
import { until } from '../support/until.ts';

const CHANNEL = 'stub/production';
const SECRET = 'SEEDED-SECRET-4711';
const dir = mkdtempSync(join(tmpdir(), 'ratchet-gateway-'));
const topics = { interactions: 'agent.interactions', corrections: 'agent.corrections' };
let kafka: KafkaServer;
let engine: StubEngine;
let gateway: RunningProcess;
let url: string;

async function startGateway(tls: Record<string, string> = {}): Promise<void> {
  const [port = 0] = await freePorts(1);
  url = `${'RATCHET_TLS_CERT' in tls ? 'https' : 'http'}://127.0.0.1:${port}`;
  gateway = await startProcess({
    name: 'gateway',
    command: process.execPath,
    args: [join(repositoryRoot, 'workers', 'gateway.ts')],
    env: { RATCHET_HOME: join(dir, 'home'), RATCHET_WORKLOADS: join(dir, 'workload.yaml'), KAFKA_BROKERS: kafka.brokers.join(','), VLLM_REPLICAS: engine.url, GATEWAY_PORT: String(port), ...tls },
    logDir: dir,
  });
  await untilReady(gateway, async () => (await fetch(`${url}/readyz`)).ok, { timeoutMs: 20_000 });
}

/** Everything in the topic, by interaction id. */
async function consumed(wanted: number): Promise<{ ids: string[]; keys: string[] }> {
  const consumer = new Kafka({ brokers: kafka.brokers, logLevel: logLevel.NOTHING }).consumer({ groupId: `reader-${Math.random()}` });
  const ids: string[] = [];
  const keys: string[] = [];
  await consumer.connect();
  await consumer.subscribe({ topic: topics.interactions, fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message }) => {
      const event = InteractionEvent.parse(JSON.parse(message.value?.toString() ?? ''));
      ids.push(event.id);
      keys.push(message.key?.toString() ?? '');
    },
  });
  await vi.waitFor(() => expect(new Set(ids).size).toBeGreaterThanOrEqual(wanted), { timeout: 30_000, interval: 100 });
  await consumer.disconnect();
  return { ids, keys };
}

async function ask(id: string, headers: Record<string, string> = {}): Promise<number> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-ratchet-interaction': id, ...headers },
    body: JSON.stringify({ model: CHANNEL, messages: [{ role: 'user', content: SECRET }] }),
  });
  await response.text();
  return response.status;
}

const askMany = (prefix: string, count: number): Promise<number[]> => Promise.all(Array.from({ length: count }, (_, index) => ask(`${prefix}-${index}`)));

beforeAll(async () => {
  writeFileSync(join(dir, 'workload.yaml'), `apiVersion: ratchet.dev/v1\nname: stub\nchannel: ${CHANNEL}\nbaseModel: ${STUB_BASE}\n`);
  [kafka, engine] = await Promise.all([startKafka({ dir: join(dir, 'kafka') }), startStubEngine()]);
  await ensureTopics({ brokers: kafka.brokers, topics }, 3);
  await startGateway();
});
afterAll(async () => {
  await gateway.stop();
  await Promise.all([kafka.stop(), engine.close()]);
  rmSync(dir, { recursive: true, force: true });
});

test('every answer becomes one event, keyed by conversation', async () => {
  expect(new Set(await askMany('first', 150))).toEqual(new Set([200]));
  expect(await ask('in-session', { 'x-ratchet-session': 's1', 'x-ratchet-tenant': 'acme' })).toBe(200);
  const { ids, keys } = await consumed(151);
  expect(ids).toHaveLength(151);
  expect(keys).toContain('acme/s1');
  expect(keys).toContain('first-7');
});

test('while Kafka is away answers go out as fast as before; it gets the events when it is back', async () => {
  await kafka.process?.stop();
  const startedAt = performance.now();
  expect(new Set(await askMany('away', 50))).toEqual(new Set([200]));
  expect(performance.now() - startedAt).toBeLessThan(2_000);
  kafka = await startKafka({ dir: join(dir, 'kafka') });
  const { ids } = await consumed(201);
  expect(new Set(ids).size).toBe(201);
});

test('a gateway killed while Kafka is away loses nothing that was on disk, and the disk shows nothing of it', async () => {
  const spool = join(dir, 'home', 'spool');
  const files = (): string[] => readdirSync(spool, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.spool')).map((name) => join(spool, name));
  const metric = async (name: string): Promise<number> => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(await (await fetch(`${url}/metrics`)).text())?.[1] ?? 0);
  await kafka.process?.stop();
  expect(new Set(await askMany('killed', 80))).toEqual(new Set([200]));
  await until(async () => expect([await metric('ratchet_gateway_events_queued'), (await metric('ratchet_gateway_spool_bytes')) > 0]).toEqual([0, true]));
  process.kill(gateway.pid, 'SIGKILL');
  await gateway.exited;
  expect(files().length).toBeGreaterThan(0);
  for (const file of files()) expect(readFileSync(file).includes(SECRET)).toBe(false);
  await startGateway();
  expect(new Set(await askMany('after', 20))).toEqual(new Set([200]));
  kafka = await startKafka({ dir: join(dir, 'kafka') });
  const { ids } = await consumed(301);
  expect(new Set(ids).size).toBe(301);
  await until(() => expect(files()).toEqual([]));
  expect(await metric('ratchet_gateway_spool_bytes')).toBe(0);
});

test("PyPI's openai is understood: chats, streams, completions, tools, schemas", async () => {
  const { stdout } = await promisify(execFile)(pythonBin, [join(repositoryRoot, 'tests', 'support', 'openai_client.py'), `${url}/v1`, CHANNEL]);
  const text = `stub answer ü of ${STUB_BASE}`;
  expect(JSON.parse(stdout)).toEqual({ chat: [CHANNEL, text, 10, '0'], stream: [text, 10], usage_unasked: [], completion: text, completion_stream: text, unknown: 'model_not_found', models: [CHANNEL] });
  expect(JSON.parse(engine.asked.at(-1)?.body ?? '')).toMatchObject({ response_format: { type: 'json_schema' }, guided_decoding_backend: 'auto' });
  const { ids } = await consumed(308);
  expect(ids.filter((id) => id.startsWith('py-')).sort()).toEqual(['py-chat', 'py-quiet', 'py-schema', 'py-stream', 'py-text', 'py-text-stream', 'py-tools']);
});

test('what was answered just before the end is flushed, and nothing of a prompt is in log or trace', async () => {
  await askMany('last', 20);
  await gateway.stop();
  const { ids } = await consumed(328);
  expect(ids.filter((id) => id.startsWith('last-'))).toHaveLength(20);
  await startGateway();
  const files = [join(dir, 'gateway.log'), join(dir, 'home', 'traces.jsonl')].map((file) => readFileSync(file, 'utf8'));
  expect(files[1]).toContain(`chat ${CHANNEL}`);
  for (const text of files) expect(text).not.toContain(SECRET);
});

test('with a certificate the process answers by TLS and not without, and publishes as before', async () => {
  const { cert, key } = selfSigned();
  const files = { RATCHET_TLS_CERT: join(dir, 'cert.pem'), RATCHET_TLS_KEY: join(dir, 'key.pem') };
  writeFileSync(files.RATCHET_TLS_CERT, cert);
  writeFileSync(files.RATCHET_TLS_KEY, key);
  await gateway.stop();
  const trusted = getCACertificates();
  setDefaultCACertificates([...trusted, cert]);
  try {
    await startGateway(files);
    expect(await ask('by-tls')).toBe(200);
    await expect(fetch(`${url.replace('https', 'http')}/readyz`)).rejects.toThrow();
    expect((await consumed(329)).ids).toContain('by-tls');
  } finally {
    setDefaultCACertificates(trusted);
  }
});
