// How every process of ours reaches Kafka, and the one way in which records are put into it.
import { Kafka, logLevel, type KafkaConfig, type Producer, type TopicMessages } from 'kafkajs';
import { keyPartitioner } from './kafka-partitioner.ts';
import { mendKafkajs } from './kafkajs.ts';

mendKafkajs();

/** Plain data: it travels to threads too. */
export interface KafkaConnection {
  brokers: string[];
  ssl?: boolean | { ca: string[] } | undefined;
  sasl?: { mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'; username: string; password: string } | undefined;
}

export function kafkaClient({ brokers, ssl, sasl }: KafkaConnection, clientId: string, waits: Pick<KafkaConfig, 'connectionTimeout' | 'requestTimeout' | 'retry'> = {}): Kafka {
  return new Kafka({
    clientId,
    brokers,
    ssl: ssl ?? false,
    // kafkajs has one type per mechanism; the three that we allow have the same fields.
    ...(sasl ? { sasl: sasl as KafkaConfig['sasl'] } : {}),
    connectionTimeout: 3_000,
    // Its own words are many and carry stack traces; what matters is said once, by who uses it.
    logLevel: logLevel.NOTHING,
    ...waits,
  });
}

/** Events of ours travel as this. */
export const EVENT_HEADERS = { 'content-type': 'application/cloudevents+json; charset=utf-8' };

const FEW_RETRIES = { retries: 2, initialRetryTime: 200 };

export interface KafkaProducer {
  /** Resolves when all replicas that are in sync have them. Rejects with kafkajs's error; some may be there all the same. */
  send(topicMessages: TopicMessages[]): Promise<void>;
  close(): Promise<void>;
}

/**
 * An idempotent producer that connects when it is first needed, and anew after each failure: the broker drops what a retry of the
 * client sends twice; across a new producer, ingest drops it by identity.
 */
export function kafkaProducer(connection: KafkaConnection, clientId: string): KafkaProducer {
  const kafka = kafkaClient(connection, clientId, { requestTimeout: 10_000, retry: FEW_RETRIES });
  let producer: Producer | null = null;

  async function connected(): Promise<Producer> {
    if (producer === null) {
      const fresh = kafka.producer({ createPartitioner: keyPartitioner, idempotent: true, maxInFlightRequests: 1, allowAutoTopicCreation: false, retry: FEW_RETRIES });
      await fresh.connect();
      producer = fresh;
    }
    return producer;
  }

  const close = async (): Promise<void> => {
    await producer?.disconnect().catch(() => undefined);
    producer = null;
  };

  return {
    send: async (topicMessages) => {
      try {
        await (await connected()).sendBatch({ acks: -1, topicMessages });
      } catch (error) {
        // After a failed send the sequence numbers of an idempotent producer may have a gap: a new one begins anew.
        await close();
        throw error;
      }
    },
    close,
  };
}
