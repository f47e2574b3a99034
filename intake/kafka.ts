// The interaction source on Kafka: store, then resolve, then commit; pauses while the store cannot keep, waits for brokers that are away.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Consumer, EachBatchPayload } from 'kafkajs';
import type { Logger } from 'pino';
import { safeMessage } from '../core/errors.ts';
import { kafkaClient, type KafkaConnection } from '../stores/kafka.ts';
import { registerCodecs } from './compression.ts';
import { watchLag, type Lag } from './lag.ts';
import type { InteractionSource, SourceBatch, SourceState } from './source.ts';

export interface KafkaSourceOptions extends KafkaConnection {
  group: string;
  topics: readonly string[];
  /** Most records that are stored in one transaction. */
  batchSize?: number;
  logger: Pick<Logger, 'info' | 'warn'>;
  onLag?: (lag: Lag[]) => void;
  lagEveryMs?: number;
  onPaused?: (paused: boolean) => void;
  /** Called where a test may end the process; does nothing otherwise. */
  faultPoint?: (name: 'after_commit') => void;
}

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;
/** How long the group waits for a member that was killed before others, or its successor, get its partitions. */
const SESSION_TIMEOUT_MS = 15_000;
/** What one answer of the brokers may hold: with the records made of it, the most that intake keeps in memory. */
const FETCH_BYTES = 16 * 1024 * 1024;
const FETCH_BYTES_PER_PARTITION = 4 * 1024 * 1024;
/** Brokers answer when they have this much, or after this long: fuller transactions under load, no long wait without. */
const FETCH_MIN_BYTES = 64 * 1024;
const FETCH_WAIT_MS = 250;
const LARGEST_BATCH = 2_000;
const SMALLEST_BATCH = 50;
const BATCH_BYTES = 4 * 1024 * 1024;
/** A batch that takes longer is halved the next time: other processes wait for the same write lock, and a stop waits for the batch. */
const LONG_BATCH_MS = 1_500;

const pauseAfter = (attempt: number): number => Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(attempt - 1, 10));

export function kafkaSource(options: KafkaSourceOptions): InteractionSource {
  const { logger, topics, brokers, group } = options;
  const largestBatch = options.batchSize ?? LARGEST_BATCH;
  const faultPoint = options.faultPoint ?? (() => undefined);
  const closing = new AbortController();
  const closed = new Promise<void>((resolve) => closing.signal.addEventListener('abort', () => resolve(), { once: true }));
  registerCodecs();
  const kafka = kafkaClient(options, 'ratchet-ingest');
  let current: Consumer | undefined;
  let finished: Promise<void> = Promise.resolve();
  let state: SourceState = { state: 'away', reason: 'not started' };
  let assigned: Record<string, number[]> = {};
  let batchSize = largestBatch;
  let failedAttempts = 0;
  /** Between a pause and the next try. */
  let holding = false;

  /** Reads nothing for a while, but stays in the group: its heartbeats go on. Nothing was resolved, so the same records come again. */
  function pauseReading(consumer: Consumer, batch: SourceBatch, error: unknown): void {
    failedAttempts += 1;
    const retryInMs = pauseAfter(failedAttempts);
    const reason = `what was read cannot be kept: ${safeMessage(error)}`;
    logger.warn({ topic: batch.topic, partition: batch.partition, offset: batch.records[0]?.position.offset, attempt: failedAttempts, retryInMs }, `paused: ${reason}`);
    state = { state: 'paused', reason };
    options.onPaused?.(true);
    const all = topics.map((topic) => ({ topic }));
    holding = true;
    consumer.pause(all);
    void sleep(retryInMs, undefined, { signal: closing.signal }).then(
      () => {
        // The next batch shows whether the store works again. A consumer that has ended took its pauses with it.
        if (current !== consumer) return;
        holding = false;
        consumer.resume(all);
      },
      () => undefined,
    );
  }

  function keptAgain(): void {
    if (failedAttempts === 0) return;
    failedAttempts = 0;
    state = { state: 'reading', reason: 'reading' };
    options.onPaused?.(false);
    logger.info({ topics }, 'the store keeps what is read again');
  }

  async function eachBatch(consumer: Consumer, payload: EachBatchPayload, handle: (batch: SourceBatch) => Promise<void>): Promise<void> {
    const { topic, partition, messages } = payload.batch;
    // Partitions that came with the same answer wait with the one that could not be kept.
    const mayGoOn = (): boolean => payload.isRunning() && !payload.isStale() && !closing.signal.aborted && !holding;
    for (let from = 0; from < messages.length && mayGoOn(); ) {
      const to = endOfBatch(messages, from, batchSize);
      const slice = messages.slice(from, to);
      const last = slice.at(-1);
      if (last === undefined) return;
      const batch = { topic, partition, records: slice.map(({ offset, value }) => ({ position: { topic, partition, offset }, bytes: value })) };
      const startedAt = performance.now();
      try {
        await handle(batch);
      } catch (error) {
        return pauseReading(consumer, batch, error);
      }
      keptAgain();
      batchSize = nextBatchSize(batchSize, slice.length, performance.now() - startedAt, largestBatch);
      // In this order: a process that dies between the two reads the batch again, and the store knows it already.
      payload.resolveOffset(last.offset);
      // The marks of transactions after the last record are read with it.
      const read = to === messages.length ? payload.batch.lastOffset() : last.offset;
      await payload.commitOffsetsIfNecessary({ topics: [{ topic, partitions: [{ partition, offset: (BigInt(read) + 1n).toString() }] }] });
      faultPoint('after_commit');
      await payload.heartbeat();
      from = to;
    }
  }

  /** One life of a consumer; resolves with why it ended. */
  async function consume(handle: (batch: SourceBatch) => Promise<void>): Promise<unknown> {
    const consumer = kafka.consumer({
      ...{ groupId: group, allowAutoTopicCreation: false, sessionTimeout: SESSION_TIMEOUT_MS },
      ...{ maxBytes: FETCH_BYTES, maxBytesPerPartition: FETCH_BYTES_PER_PARTITION, minBytes: FETCH_MIN_BYTES, maxWaitTimeInMs: FETCH_WAIT_MS },
      // Restarts are ours: kafkajs gives up on some errors for good, and nothing but `close` may end intake.
      retry: { retries: 3, restartOnFailure: () => Promise.resolve(false) },
    });
    const ended = Promise.withResolvers<unknown>();
    consumer.on(consumer.events.CRASH, (event) => ended.resolve(event.payload.error));
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      assigned = payload.memberAssignment;
      if (state.state === 'away') state = { state: 'reading', reason: 'reading' };
      logger.info({ brokers, group, assigned }, 'reading from Kafka');
    });
    try {
      await consumer.connect();
      await consumer.subscribe({ topics: [...topics], fromBeginning: true });
      if (closing.signal.aborted) return undefined;
      current = consumer;
      holding = false;
      await consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: (payload) => eachBatch(consumer, payload, handle) });
      return await Promise.race([ended.promise, closed]);
    } catch (error) {
      return error;
    } finally {
      current = undefined;
      assigned = {};
      // Stops after the batch under way; brokers that are away cannot be told.
      await consumer.disconnect().catch(() => undefined);
    }
  }

  async function runUntilClosed(handle: (batch: SourceBatch) => Promise<void>): Promise<void> {
    for (let attempt = 1; !closing.signal.aborted; attempt += 1) {
      const error = await consume(handle);
      if (closing.signal.aborted) break;
      if (state.state !== 'away') attempt = 1;
      state = { state: 'away', reason: whyAway(error, topics) };
      logger.warn({ brokers, topics, attempt, retryInMs: pauseAfter(attempt) }, `Kafka is away, trying again: ${state.reason}`);
      await sleep(pauseAfter(attempt), undefined, { signal: closing.signal }).catch(() => undefined);
    }
    state = { state: 'away', reason: 'closed' };
  }

  return {
    run(handle) {
      const { onLag, lagEveryMs = 5_000 } = options;
      const watching = onLag && watchLag({ admin: kafka.admin({ retry: { retries: 1 } }), group, assigned: () => assigned, report: onLag, signal: closing.signal, everyMs: lagEveryMs });
      finished = Promise.all([runUntilClosed(handle), watching]).then(() => undefined);
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

/** Bounded by records and by bytes, at least one record. */
function endOfBatch(messages: readonly { value: Buffer | null }[], from: number, most: number): number {
  let bytes = 0;
  let to = from;
  while (to < messages.length && to - from < most) {
    bytes += messages[to]?.value?.byteLength ?? 0;
    if (bytes > BATCH_BYTES && to > from) break;
    to += 1;
  }
  return to;
}

/** Halved when it took long, grown again by half when it was quick and full. */
function nextBatchSize(now: number, records: number, tookMs: number, largest: number): number {
  if (tookMs > LONG_BATCH_MS) return Math.max(Math.min(SMALLEST_BATCH, largest), Math.floor(Math.min(now, records) / 2));
  return tookMs < LONG_BATCH_MS / 2 && records >= now ? Math.min(largest, Math.ceil(now * 1.5)) : now;
}

/** The last cause in plain words; kafkajs's own messages name hosts, topics and groups, never records. */
export function whyAway(error: unknown, topics: readonly string[]): string {
  let cause = error;
  while (cause instanceof Error && cause.cause instanceof Error) cause = cause.cause;
  const { type } = cause as { type?: unknown };
  if (type === 'UNKNOWN_TOPIC_OR_PARTITION') return `a topic is missing on the brokers (${topics.join(', ')}): create the topics first`;
  if (cause instanceof Error && cause.name === 'KafkaJSNotImplemented') return `${cause.message}: set compression.type of the topic to zstd, gzip or uncompressed`;
  return cause instanceof Error && cause.name.startsWith('KafkaJS') ? cause.message : safeMessage(cause);
}
