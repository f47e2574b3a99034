// The publisher and its thread while Kafka is away: nothing waits, nothing is lost within the bounds. The real broker: tests/integration/gateway.test.ts
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { interactionEvent } from '../../core/events.ts';
import { createMetrics } from '../../gateway/metrics.ts';
import { createPublisher, type PublisherOptions } from '../../gateway/publish/publisher.ts';
import { openSpool } from '../../gateway/publish/spool.ts';
import { freePorts } from '../../infra/dev/ports.ts';
import { captureLog } from '../support/stub-engine.ts';
import { until } from '../support/until.ts';

const SECRET = 'SEEDED-SECRET-4711';
const KEY = 'ab'.repeat(32);
const event = (id: string, text = SECRET) =>
  interactionEvent({
    source: 'urn:ratchet:gateway:tickets/production', id, time: new Date(0).toISOString(), workload: 'tickets', channel: 'tickets/production', adapterDigest: null, generation: 0,
    baseModel: 'b', engineBuild: 'e', promptVersion: 'v', tenant: 't', consentBasis: 'contract', retentionDays: 90, sampling: {},
    messages: [{ role: 'user', parts: [{ text, trusted: true }] }], answer: { text: 'a' }, finishReason: 'stop',
  });
let root: string;
beforeEach(() => (root = mkdtempSync(join(tmpdir(), 'ratchet-publisher-'))));
afterEach(() => rmSync(root, { recursive: true, force: true }));

async function away(more: Partial<PublisherOptions> = {}) {
  const [port = 0] = await freePorts(1);
  const metrics = createMetrics();
  const log = captureLog();
  const kafka = { brokers: [`127.0.0.1:${port}`], ssl: false, sasl: undefined, topic: 'agent.interactions' };
  const publisher = createPublisher({ kafka, spool: { root, key: KEY, maxBytes: 10_000_000 }, limits: {}, logger: log.logger, metrics, ...more });
  const lost = async (reason: string): Promise<number> => (await metrics.lost.get()).values.find((value) => value.labels.reason === reason)?.value ?? 0;
  const gauge = async (which: 'queued' | 'spooled'): Promise<number> => (await metrics[which].get()).values[0]?.value ?? 0;
  return { publisher, log, lost, gauge };
}

test('events go to disk, the log says so once and without content, and the end loses none', async () => {
  const { publisher, log, lost, gauge } = await away({ limits: { patienceMs: 50 } });
  for (let index = 0; index < 100; index += 1) publisher.publish(event(`i${index}`));
  await until(async () => expect(await gauge('spooled')).toBeGreaterThan(0));
  await until(() => expect(log.lines.join('')).toContain('events wait on disk'));
  await publisher.close(100);
  expect(log.lines.filter((line) => line.includes('Kafka does not take interactions'))).toHaveLength(1);
  expect(log.lines.join('')).not.toContain(SECRET);
  expect(await lost('shutdown')).toBe(0);
  const next = openSpool({ root, key: KEY, maxBytes: 1_000_000 });
  next.adopt();
  expect(next.oldest()?.messages.map(({ key }) => key)).toEqual(Array.from({ length: 100 }, (_, index) => `i${index}`));
  next.close();
});

test('without a spool they wait in memory, and the end counts what could not be sent', async () => {
  const { publisher, log, lost, gauge } = await away({ spool: null, limits: { maxQueued: 10 } });
  for (let index = 0; index < 25; index += 1) publisher.publish(event(`i${index}`));
  publisher.publish(event('big', 'x'.repeat(1_000_001)));
  await until(async () => expect([await gauge('queued'), await lost('queue_full'), await lost('too_big')]).toEqual([10, 15, 1]));
  await publisher.close(100);
  expect(await lost('shutdown')).toBe(10);
  expect(log.lines.join('')).toContain('interactions are lost');
  expect(readdirSync(root)).toEqual([]);
});

test('a thread that cannot work is started again, and what comes meanwhile is neither waited for nor lost silently', async () => {
  writeFileSync(join(root, 'a-file'), '');
  const { publisher, log } = await away({ spool: { root: join(root, 'a-file'), key: KEY, maxBytes: 1 } });
  await until(() => expect(log.lines.filter((line) => line.includes('publishing thread failed')).length).toBeGreaterThan(1));
  publisher.publish(event('x'));
  await publisher.close(100);
});
