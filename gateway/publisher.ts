// Sends interactions to Kafka behind the answers' backs: a bounded queue, small batches, and no answer ever waits for it.
import { Kafka, logLevel, type Producer, type SASLOptions } from 'kafkajs';
import type { Logger } from 'pino';
import type { InteractionEvent } from '../core/contracts/index.ts';
import { safeMessage } from '../core/errors.ts';
import type { GatewayMetrics } from './metrics.ts';

export interface PublisherOptions {
  brokers: string[];
  ssl: boolean | { ca: string[] };
  sasl: { mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'; username: string; password: string } | undefined;
  topic: string;
  logger: Logger;
  metrics: Pick<GatewayMetrics, 'published' | 'lost' | 'queued'>;
  /** Events and bytes that may wait while Kafka is away; what comes then is lost and counted. */
  maxQueued?: number;
  maxQueuedBytes?: number;
  /** How long the first event of a batch waits for others. */
  lingerMs?: number;
}

export interface Publisher {
  /** Takes the event and returns at once; never throws. */
  publish: (event: InteractionEvent) => void;
  queued(): number;
  /** Sends what is queued, for at most this long, then counts the rest as lost. */
  close(timeoutMs?: number): Promise<void>;
}

interface Queued {
  key: string;
  value: Buffer;
}

/** A broker takes 1 MiB a batch by default, envelope included. */
const MAX_EVENT_BYTES = 1_000_000;
const BATCH_BYTES = 512_000;
const BATCH_EVENTS = 500;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 10_000;
const HEADERS = { 'content-type': 'application/cloudevents+json; charset=utf-8' };

export function createPublisher(options: PublisherOptions): Publisher {
  const { topic, logger, metrics, maxQueued = 10_000, maxQueuedBytes = 64_000_000, lingerMs = 10 } = options;
  const kafka = new Kafka({ clientId: 'ratchet-gateway', brokers: options.brokers, ssl: options.ssl, sasl: options.sasl as SASLOptions | undefined, logLevel: logLevel.NOTHING, connectionTimeout: 3_000, requestTimeout: 10_000, retry: { retries: 2 } });
  const queue: Queued[] = [];
  let bytes = 0;
  let closing = false;
  let away = false;
  let saidFull = false;
  let producer: Producer | null = null;
  let wake: (() => void) | null = null;
  let sending: Promise<void> | null = null;

  function lose(reason: 'queue_full' | 'too_big' | 'not_json' | 'shutdown', count = 1): void {
    metrics.lost.inc({ reason }, count);
  }

  /** Sleeps, unless the gateway is closing. */
  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      if (closing) return resolve();
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  function nextBatch(): Queued[] {
    let size = 0;
    let count = 0;
    for (const { value } of queue) {
      if (count === BATCH_EVENTS || (count > 0 && size + value.length > BATCH_BYTES)) break;
      size += value.length;
      count += 1;
    }
    return queue.slice(0, count);
  }

  /** Idempotent: the broker drops what a retry of the client sends twice. Across a new producer, ingest drops it by identity. */
  async function connected(): Promise<Producer> {
    if (producer === null) {
      const fresh = kafka.producer({ idempotent: true, maxInFlightRequests: 1, allowAutoTopicCreation: false, retry: { retries: 2 } });
      await fresh.connect();
      producer = fresh;
    }
    return producer;
  }

  async function send(batch: readonly Queued[]): Promise<void> {
    const messages = batch.map(({ key, value }) => ({ key, value, headers: HEADERS }));
    await (await connected()).send({ topic, acks: -1, messages });
    queue.splice(0, batch.length);
    bytes -= batch.reduce((sum, { value }) => sum + value.length, 0);
    metrics.published.inc(batch.length);
    metrics.queued.set(queue.length);
  }

  async function drain(): Promise<void> {
    let pauseMs = FIRST_PAUSE_MS;
    if (!closing) await pause(lingerMs);
    while (queue.length > 0) {
      try {
        await send(nextBatch());
        if (away) logger.info({ topic }, 'Kafka takes interactions again');
        away = false;
        saidFull = false;
        pauseMs = FIRST_PAUSE_MS;
      } catch (error) {
        if (!away) logger.warn({ topic, error: safeMessage(error), queued: queue.length }, 'Kafka does not take interactions: answers go on, events wait in memory');
        away = true;
        // After a failed send the sequence numbers of an idempotent producer may have a gap: a new one begins anew.
        await producer?.disconnect().catch(() => undefined);
        producer = null;
        if (closing) return;
        await pause(pauseMs);
        pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2);
      }
    }
  }

  function kick(): void {
    sending ??= drain().finally(() => {
      sending = null;
      // An event may have come between the last look at the queue and now.
      if (queue.length > 0 && !closing) kick();
    });
  }

  return {
    publish: (event) => {
      let value: Buffer;
      try {
        value = Buffer.from(JSON.stringify(event));
      } catch {
        return lose('not_json');
      }
      if (value.length > MAX_EVENT_BYTES) return lose('too_big');
      if (queue.length >= maxQueued || bytes + value.length > maxQueuedBytes) {
        if (!saidFull) logger.error({ topic, queued: queue.length }, 'the queue for Kafka is full: interactions are lost (ratchet_gateway_events_lost_total counts them)');
        saidFull = true;
        return lose('queue_full');
      }
      const session = event.data['gen_ai.conversation.id'];
      queue.push({ key: session === undefined ? event.id : `${event.data['ratchet.tenant']}/${session}`, value });
      bytes += value.length;
      metrics.queued.set(queue.length);
      kick();
    },
    queued: () => queue.length,
    close: async (timeoutMs = 4_000) => {
      closing = true;
      wake?.();
      if (queue.length > 0) kick();
      const flushed = (async () => {
        // A drain that ended with an error while closing leaves the rest: one more try is all that is left.
        await sending;
        if (queue.length > 0) await drain();
      })();
      let timer: NodeJS.Timeout | undefined;
      await Promise.race([flushed, new Promise<void>((resolve) => (timer = setTimeout(resolve, timeoutMs)))]);
      clearTimeout(timer);
      if (queue.length > 0) {
        lose('shutdown', queue.length);
        logger.error({ topic, lost: queue.length }, 'interactions could not be sent before the gateway ended');
      }
      await producer?.disconnect().catch(() => undefined);
    },
  };
}
