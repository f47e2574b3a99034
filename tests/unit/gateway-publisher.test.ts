// The publisher while Kafka is away: nothing waits, the queue is bounded, losses are counted. The real broker: tests/integration/gateway.test.ts
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { interactionEvent } from '../../core/events.ts';
import { createMetrics } from '../../gateway/metrics.ts';
import { createPublisher, type PublisherOptions } from '../../gateway/publisher.ts';
import { freePorts } from '../../infra/dev/ports.ts';
import { captureLog } from '../support/stub-engine.ts';

const SECRET = 'SEEDED-SECRET-4711';
const event = (id: string, text = SECRET) =>
  interactionEvent({
    source: 'urn:ratchet:gateway:tickets/production', id, time: new Date(0).toISOString(), workload: 'tickets', channel: 'tickets/production', adapterDigest: null, generation: 0,
    baseModel: 'b', engineBuild: 'e', promptVersion: 'v', tenant: 't', consentBasis: 'contract', retentionDays: 90, sampling: {},
    messages: [{ role: 'user', parts: [{ text, trusted: true }] }], answer: { text: 'a' }, finishReason: 'stop',
  });

async function away(more: Partial<PublisherOptions> = {}) {
  const [port = 0] = await freePorts(1);
  const metrics = createMetrics();
  const log = captureLog();
  const publisher = createPublisher({ brokers: [`127.0.0.1:${port}`], ssl: false, sasl: undefined, topic: 'agent.interactions', logger: log.logger, metrics, ...more });
  const lost = async (reason: string): Promise<number> => (await metrics.lost.get()).values.find((value) => value.labels.reason === reason)?.value ?? 0;
  return { publisher, log, lost };
}

describe('Kafka away', () => {
  test('events wait, the log says so once and without content, and the end counts what could not be sent', async () => {
    const { publisher, log, lost } = await away();
    const startedAt = performance.now();
    for (let index = 0; index < 100; index += 1) publisher.publish(event(`i${index}`));
    expect(performance.now() - startedAt).toBeLessThan(200);
    await sleep(600);
    expect(publisher.queued()).toBe(100);
    expect(log.lines.filter((line) => line.includes('Kafka does not take interactions')).length).toBeLessThanOrEqual(1);
    await publisher.close(300);
    expect(await lost('shutdown')).toBe(100);
    expect(log.lines.join('')).toContain('could not be sent');
    expect(log.lines.join('')).not.toContain(SECRET);
  });

  test('a full queue loses what comes then, and one too big for a broker is not queued', async () => {
    const { publisher, log, lost } = await away({ maxQueued: 10 });
    for (let index = 0; index < 25; index += 1) publisher.publish(event(`i${index}`));
    publisher.publish(event('big', 'x'.repeat(1_000_001)));
    expect(publisher.queued()).toBe(10);
    expect(await lost('queue_full')).toBe(15);
    expect(await lost('too_big')).toBe(1);
    expect(log.lines.filter((line) => line.includes('is full'))).toHaveLength(1);
    await publisher.close(100);
  });

  test('the queue is bounded in bytes too', async () => {
    const { publisher, lost } = await away({ maxQueuedBytes: 5_000 });
    for (let index = 0; index < 10; index += 1) publisher.publish(event(`i${index}`));
    expect(publisher.queued()).toBeLessThan(10);
    expect(await lost('queue_full')).toBe(10 - publisher.queued());
    await publisher.close(100);
  });
});
