// Our partitioner chooses as kafkajs's does, and so as all of Kafka's clients: a key's records stay on one partition whoever writes them.
import fc from 'fast-check';
import { Partitioners, type Message } from 'kafkajs';
import { expect, it } from 'vitest';
import { keyPartitioner } from '../../stores/kafka-partitioner.ts';

const choose = (partitioner: ReturnType<typeof keyPartitioner>, message: Message, partitions: number): number =>
  partitioner({ topic: 'agent.interactions', partitionMetadata: Array.from({ length: partitions }, (_, partitionId) => ({ partitionErrorCode: 0, partitionId, leader: 1, replicas: [1], isr: [1] })), message });

it('sends every key where kafkajs sends it', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 80 }), fc.integer({ min: 1, max: 64 }), (key, partitions) => {
      const message = { key, value: '{}' };
      expect(choose(keyPartitioner(), message, partitions)).toBe(choose(Partitioners.DefaultPartitioner(), message, partitions));
    }),
    { numRuns: 500 },
  );
});

it('leaves a record with its own partition, or without a text key, to kafkajs', () => {
  expect(choose(keyPartitioner(), { key: 'a', value: '{}', partition: 2 }, 4)).toBe(2);
  const keyOfBytes = { key: Buffer.from('a session'), value: '{}' };
  expect(choose(keyPartitioner(), keyOfBytes, 7)).toBe(choose(Partitioners.DefaultPartitioner(), keyOfBytes, 7));
  const partitioner = keyPartitioner();
  const first = choose(partitioner, { value: '{}' }, 4);
  expect(choose(partitioner, { value: '{}' }, 4)).toBe((first + 1) % 4);
});
