// Puts records into Kafka and says so only when all replicas that are in sync have them; many callers share each request.
import type { Admin } from 'kafkajs';
import { RatchetError } from '../core/errors.ts';
import { EVENT_HEADERS, kafkaClient, kafkaProducer, type KafkaConnection } from '../stores/kafka.ts';

export interface KafkaSinkOptions extends KafkaConnection {
  clientId: string;
  topics: readonly string[];
  /** Bytes that may wait for Kafka before callers are turned away. */
  maxWaitingBytes?: number;
}

export interface SinkRecord {
  topic: string;
  key: string;
  value: Buffer;
}

export interface RecordSink {
  /**
   * Resolves when every record is durably in Kafka. A call that fails may have left some of its records there: sending them again is
   * harmless, ingest knows them by their identity.
   * @throws KAFKA_UNAVAILABLE; RECORD_TOO_BIG when the broker takes no record of this size
   */
  send(records: readonly SinkRecord[]): Promise<void>;
  /** Rejects with the reason when Kafka does not answer or a topic is missing. */
  check(): Promise<void>;
  close(): Promise<void>;
}

interface Waiting {
  record: SinkRecord;
  done: () => void;
  failed: (error: unknown) => void;
}

/** A broker takes 1 MiB a batch by default, envelope included. */
const BATCH_BYTES = 512_000;
const BATCH_RECORDS = 500;

export function kafkaSink(options: KafkaSinkOptions): RecordSink {
  const { maxWaitingBytes = 64_000_000 } = options;
  const producer = kafkaProducer(options, options.clientId);
  const queue: Waiting[] = [];
  let waitingBytes = 0;
  let admin: Admin | null = null;
  let isDraining = false;
  let drained: Promise<void> = Promise.resolve();

  function nextBatch(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const { record } of queue) {
      if (count === BATCH_RECORDS || (count > 0 && bytes + record.value.length > BATCH_BYTES)) break;
      bytes += record.value.length;
      count += 1;
    }
    return queue.splice(0, count);
  }

  async function sendBatch(batch: readonly Waiting[]): Promise<void> {
    const byTopic = Map.groupBy(batch, ({ record }) => record.topic);
    const topicMessages = [...byTopic].map(([topic, items]) => ({ topic, messages: items.map(({ record: { key, value } }) => ({ key, value, headers: EVENT_HEADERS })) }));
    try {
      await producer.send(topicMessages);
      for (const { done } of batch) done();
    } catch (error) {
      const reason = problemOf(error);
      for (const { failed } of batch) failed(reason);
    }
  }

  async function drain(): Promise<void> {
    isDraining = true;
    for (let batch = nextBatch(); batch.length > 0; batch = nextBatch()) {
      await sendBatch(batch);
      waitingBytes -= batch.reduce((sum, { record }) => sum + record.value.length, 0);
    }
    // In the same step as the last look at the queue: what comes from now on starts anew.
    isDraining = false;
  }

  return {
    async send(records) {
      const bytes = records.reduce((sum, { value }) => sum + value.length, 0);
      if (waitingBytes > 0 && waitingBytes + bytes > maxWaitingBytes) throw new RatchetError('KAFKA_UNAVAILABLE', 'Kafka takes records more slowly than they come');
      waitingBytes += bytes;
      const sent = records.map((record) => new Promise<void>((done, failed) => queue.push({ record, done, failed })));
      if (!isDraining) drained = drain();
      // All are waited for, so that no rejection is left without a listener.
      for (const result of await Promise.allSettled(sent)) if (result.status === 'rejected') throw result.reason;
    },
    async check() {
      try {
        admin ??= kafkaClient(options, options.clientId, { requestTimeout: 10_000, retry: { retries: 2 } }).admin();
        await admin.connect();
        await admin.fetchTopicMetadata({ topics: [...options.topics] });
      } catch (error) {
        await admin?.disconnect().catch(() => undefined);
        admin = null;
        throw problemOf(error);
      }
    },
    async close() {
      await drained;
      await Promise.all([producer.close(), admin?.disconnect().catch(() => undefined)]);
    },
  };
}

function problemOf(error: unknown): RatchetError {
  const { type, name } = (error ?? {}) as { type?: unknown; name?: unknown };
  if (type === 'MESSAGE_TOO_LARGE' || type === 'RECORD_LIST_TOO_LARGE') return new RatchetError('RECORD_TOO_BIG', 'the broker takes no record of this size (message.max.bytes)');
  const reason = typeof type === 'string' ? type : typeof name === 'string' ? name : 'unknown error';
  return new RatchetError('KAFKA_UNAVAILABLE', `the record is not known to be in Kafka (${reason})`);
}
