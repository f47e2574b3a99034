// Reads single records again from where they lie in Kafka, for dead letters: nothing raw is kept anywhere else.
import { randomUUID } from 'node:crypto';
import type { Admin, EachBatchPayload, Kafka } from 'kafkajs';
import { RatchetError } from '../core/errors.ts';
import type { RecordPosition } from '../stores/ports.ts';
import { registerCodecs } from './compression.ts';
import { whyAway } from './kafka.ts';

/** `expired`: retention or compaction removed it. `no_topic`: the topic or partition is not there. */
export type RawRecord = { bytes: Uint8Array | null } | { missing: 'expired' | 'no_topic' };

/** No record for so long, though the brokers answer: what is still wanted was compacted away. */
const STALLED_MS = 10_000;
const RECORDS_PER_HEARTBEAT = 100;

/**
 * Hands each record to `handle`, one after the other, by topic, partition and offset.
 * @param group prefix of the name of a passing consumer group, which commits nothing
 * @throws KAFKA_UNAVAILABLE
 */
export async function readRecords(kafka: Kafka, group: string, positions: readonly RecordPosition[], handle: (position: RecordPosition, record: RawRecord) => Promise<void>): Promise<void> {
  registerCodecs();
  const admin = kafka.admin({ retry: { retries: 2 } });
  try {
    await admin.connect();
    for (const topic of new Set(positions.map((position) => position.topic))) {
      const there = await stillThere(admin, topic, positions.filter((position) => position.topic === topic), handle);
      if (there.size > 0) await readTopic(kafka, admin, group, topic, there, handle);
    }
  } catch (error) {
    if (error instanceof RatchetError) throw error;
    throw new RatchetError('KAFKA_UNAVAILABLE', whyAway(error, []), { cause: error });
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}

type Wanted = Map<number, RecordPosition[]>;

/** The positions that the brokers still have, by partition and in order; the others are handed over as missing. */
async function stillThere(admin: Admin, topic: string, positions: readonly RecordPosition[], handle: (position: RecordPosition, record: RawRecord) => Promise<void>): Promise<Wanted> {
  const offsets = (await admin.listTopics()).includes(topic) ? await admin.fetchTopicOffsets(topic) : [];
  const wanted: Wanted = new Map();
  for (const position of positions.toSorted((a, b) => a.partition - b.partition || Number(BigInt(a.offset) - BigInt(b.offset)))) {
    const range = offsets.find(({ partition }) => partition === position.partition);
    const offset = BigInt(position.offset);
    if (range === undefined || offset >= BigInt(range.high)) await handle(position, { missing: 'no_topic' });
    else if (offset < BigInt(range.low)) await handle(position, { missing: 'expired' });
    else wanted.set(position.partition, [...(wanted.get(position.partition) ?? []), position]);
  }
  return wanted;
}

async function readTopic(kafka: Kafka, admin: Admin, group: string, topic: string, wanted: Wanted, handle: (position: RecordPosition, record: RawRecord) => Promise<void>): Promise<void> {
  const groupId = `${group}-dlq-${randomUUID()}`;
  const consumer = kafka.consumer({ groupId, allowAutoTopicCreation: false, maxWaitTimeInMs: 250, retry: { retries: 2, restartOnFailure: () => Promise.resolve(false) } });
  const done = Promise.withResolvers<void>();
  // Rejected, perhaps, before it is awaited.
  done.promise.catch(() => undefined);
  let answered = false;
  const stall = (): void => (answered ? done.resolve() : done.reject(new RatchetError('KAFKA_UNAVAILABLE', `no answer for ${STALLED_MS / 1000} s`)));
  let stalled = setTimeout(stall, STALLED_MS);
  consumer.on(consumer.events.FETCH, () => void (answered = true));
  consumer.on(consumer.events.CRASH, ({ payload }) => done.reject(payload.error));

  async function eachBatch(payload: EachBatchPayload): Promise<void> {
    const { partition, messages } = payload.batch;
    const queue = wanted.get(partition) ?? [];
    clearTimeout(stalled);
    for (const [index, { offset, value }] of messages.entries()) {
      if (index % RECORDS_PER_HEARTBEAT === 0) await payload.heartbeat();
      await passOver(queue, BigInt(offset), handle);
      if (queue[0]?.offset === offset) await handle(queue.shift() as RecordPosition, { bytes: value });
    }
    const next = BigInt(payload.batch.lastOffset()) + 1n;
    await passOver(queue, next, handle);
    if (queue[0] === undefined) {
      wanted.delete(partition);
      payload.pause();
      if (wanted.size === 0) done.resolve();
    } else consumer.seek({ topic, partition, offset: queue[0].offset });
    answered = false;
    stalled = setTimeout(stall, STALLED_MS);
  }

  try {
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    // An error of `handle`, such as a full store, ends the reading; kafkajs would try it again.
    await consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: (payload) => eachBatch(payload).catch((error: unknown) => done.reject(error)) });
    await done.promise;
    for (const [, queue] of wanted) await passOver(queue, null, handle);
  } finally {
    clearTimeout(stalled);
    await consumer.disconnect().catch(() => undefined);
    await admin.deleteGroups([groupId]).catch(() => undefined);
  }
}

/** What lies before this offset and was not read is there no more. */
async function passOver(queue: RecordPosition[], before: bigint | null, handle: (position: RecordPosition, record: RawRecord) => Promise<void>): Promise<void> {
  while (queue[0] !== undefined && (before === null || BigInt(queue[0].offset) < before)) await handle(queue.shift() as RecordPosition, { missing: 'expired' });
}
