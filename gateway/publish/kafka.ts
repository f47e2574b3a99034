// Batches into Kafka by one idempotent producer; a new one after each failure.
import { Kafka, logLevel, type Producer, type SASLOptions } from 'kafkajs';
import type { Send } from './message.ts';

/** Plain data: it travels to the publisher's thread. */
export interface KafkaSettings {
  brokers: string[];
  ssl: boolean | { ca: string[] };
  sasl: { mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'; username: string; password: string } | undefined;
  topic: string;
}

const HEADERS = { 'content-type': 'application/cloudevents+json; charset=utf-8' };

export function createKafkaSender({ brokers, ssl, sasl, topic }: KafkaSettings): { send: Send; close: () => Promise<void> } {
  const kafka = new Kafka({ clientId: 'ratchet-gateway', brokers, ssl, sasl: sasl as SASLOptions | undefined, logLevel: logLevel.NOTHING, connectionTimeout: 3_000, requestTimeout: 10_000, retry: { retries: 2, initialRetryTime: 200 } });
  let producer: Producer | null = null;

  /** Idempotent: the broker drops what a retry of the client sends twice. Across a new producer, ingest drops it by identity. */
  async function connected(): Promise<Producer> {
    if (producer === null) {
      const fresh = kafka.producer({ idempotent: true, maxInFlightRequests: 1, allowAutoTopicCreation: false, retry: { retries: 2, initialRetryTime: 200 } });
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
    send: async (batch) => {
      const messages = batch.map(({ key, value }) => ({ key, value, headers: HEADERS }));
      try {
        await (await connected()).send({ topic, acks: -1, messages });
      } catch (error) {
        // After a failed send the sequence numbers of an idempotent producer may have a gap: a new one begins anew.
        await close();
        throw error;
      }
    },
    close,
  };
}
