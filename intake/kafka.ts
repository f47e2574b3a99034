// The interaction source on Kafka: store, then resolve, then commit; waits for brokers that are away.
import { setTimeout as sleep } from 'node:timers/promises';
import { Kafka, logLevel, type Consumer, type EachBatchPayload, type KafkaConfig } from 'kafkajs';
import type { Logger } from 'pino';
import { safeMessage } from '../core/errors.ts';
import type { InteractionSource, SourceBatch } from './source.ts';

export interface KafkaSourceOptions {
  brokers: string[];
  ssl: KafkaConfig['ssl'];
  sasl: { mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'; username: string; password: string } | undefined;
  group: string;
  topics: readonly string[];
  /** Records that are stored in one transaction. */
  batchSize?: number;
  logger: Pick<Logger, 'info' | 'warn'>;
}

const FIRST_PAUSE_MS = 500;
/** Shorter than the session: a member that waits for its store stays in the group. */
const LONGEST_PAUSE_MS = 10_000;
/** How long the group waits for a member that was killed before others, or its successor, get its partitions. */
const SESSION_TIMEOUT_MS = 15_000;
const pauseAfter = (attempt: number): number => Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(attempt - 1, 10));

export function kafkaSource(options: KafkaSourceOptions): InteractionSource {
  const { logger, topics, brokers } = options;
  const batchSize = options.batchSize ?? 500;
  const closing = new AbortController();
  const closed = new Promise<void>((resolve) => closing.signal.addEventListener('abort', () => resolve(), { once: true }));
  let current: Consumer | undefined;
  let finished: Promise<void> = Promise.resolve();
  let state = { connected: false, reason: 'not started' };
  const pause = (ms: number): Promise<void> => sleep(ms, undefined, { signal: closing.signal }).catch(() => undefined);

  const kafka = new Kafka({
    clientId: 'ratchet-ingest',
    brokers,
    ssl: options.ssl ?? false,
    // kafkajs has one type per mechanism; the three that we allow have the same fields.
    ...(options.sasl ? { sasl: options.sasl as KafkaConfig['sasl'] } : {}),
    connectionTimeout: 3_000,
    // Its own words are many and carry stack traces; what matters is said once, below.
    logLevel: logLevel.NOTHING,
  });

  /** Repeats until the batch is kept: nothing is skipped because a disk was full for a while. */
  async function untilHandled(batch: SourceBatch, handle: (batch: SourceBatch) => Promise<void>, heartbeat: () => Promise<void>): Promise<boolean> {
    for (let attempt = 1; !closing.signal.aborted; attempt += 1) {
      try {
        await handle(batch);
        return true;
      } catch (error) {
        const offset = batch.records[0]?.position.offset;
        logger.warn({ topic: batch.topic, partition: batch.partition, offset, attempt, retryInMs: pauseAfter(attempt) }, `a batch could not be kept and is tried again: ${safeMessage(error)}`);
        await pause(pauseAfter(attempt));
        await heartbeat();
      }
    }
    return false;
  }

  async function eachBatch(payload: EachBatchPayload, handle: (batch: SourceBatch) => Promise<void>): Promise<void> {
    const { topic, partition, messages, highWatermark } = payload.batch;
    const mayGoOn = (): boolean => payload.isRunning() && !payload.isStale() && !closing.signal.aborted;
    for (let from = 0; from < messages.length && mayGoOn(); from += batchSize) {
      const slice = messages.slice(from, from + batchSize);
      const last = slice.at(-1);
      if (last === undefined) return;
      const next = BigInt(last.offset) + 1n;
      const records = slice.map(({ offset, value }) => ({ position: { topic, partition, offset }, bytes: value }));
      if (!(await untilHandled({ topic, partition, records, behind: Math.max(0, Number(BigInt(highWatermark) - next)) }, handle, () => payload.heartbeat()))) return;
      // In this order: a process that dies between the two reads the batch again, and the store knows it already.
      payload.resolveOffset(last.offset);
      await payload.commitOffsetsIfNecessary({ topics: [{ topic, partitions: [{ partition, offset: next.toString() }] }] });
      await payload.heartbeat();
    }
  }

  /** One life of a consumer; resolves with why it ended. */
  async function consume(handle: (batch: SourceBatch) => Promise<void>): Promise<unknown> {
    // Restarts are ours: kafkajs gives up on some errors for good, and nothing but `close` may end intake.
    const consumer = kafka.consumer({ groupId: options.group, allowAutoTopicCreation: false, sessionTimeout: SESSION_TIMEOUT_MS, retry: { retries: 3, restartOnFailure: () => Promise.resolve(false) } });
    const ended = Promise.withResolvers<unknown>();
    consumer.on(consumer.events.CRASH, (event) => ended.resolve(event.payload.error));
    consumer.on(consumer.events.GROUP_JOIN, () => {
      state = { connected: true, reason: 'reading' };
      logger.info({ brokers, topics, group: options.group }, 'reading from Kafka');
    });
    try {
      await consumer.connect();
      await consumer.subscribe({ topics: [...topics], fromBeginning: true });
      if (closing.signal.aborted) return undefined;
      current = consumer;
      await consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: (payload) => eachBatch(payload, handle) });
      return await Promise.race([ended.promise, closed]);
    } catch (error) {
      return error;
    } finally {
      current = undefined;
      // Stops after the batch under way; brokers that are away cannot be told.
      await consumer.disconnect().catch(() => undefined);
    }
  }

  async function runUntilClosed(handle: (batch: SourceBatch) => Promise<void>): Promise<void> {
    for (let attempt = 1; !closing.signal.aborted; attempt += 1) {
      const error = await consume(handle);
      if (closing.signal.aborted) break;
      if (state.connected) attempt = 1;
      state = { connected: false, reason: whyAway(error, topics) };
      logger.warn({ brokers, topics, attempt, retryInMs: pauseAfter(attempt) }, `Kafka is away, trying again: ${state.reason}`);
      await pause(pauseAfter(attempt));
    }
    state = { connected: false, reason: 'closed' };
  }

  return {
    run(handle) {
      finished = runUntilClosed(handle);
      return finished;
    },
    state: () => state,
    async close() {
      closing.abort();
      await current?.stop().catch(() => undefined);
      await finished;
    },
  };
}

/** The last cause in plain words; kafkajs's own messages name hosts, topics and groups, never records. */
function whyAway(error: unknown, topics: readonly string[]): string {
  let cause = error;
  while (cause instanceof Error && cause.cause instanceof Error) cause = cause.cause;
  const { type } = cause as { type?: unknown };
  if (type === 'UNKNOWN_TOPIC_OR_PARTITION') return `a topic is missing on the brokers (${topics.join(', ')}): create the topics first`;
  return cause instanceof Error && cause.name.startsWith('KafkaJS') ? cause.message : safeMessage(cause);
}
