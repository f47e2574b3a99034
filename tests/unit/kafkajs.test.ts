// What stores/kafkajs.ts replaces inside kafkajs: the same bytes, no idle work, and nothing at all in a version that we have not read.
import { createRequire } from 'node:module';
import fc from 'fast-check';
import { CompressionTypes } from 'kafkajs';
import { afterEach, expect, it, vi } from 'vitest';
import { canWrite, crc32c, produceBody, type ProduceArgs } from '../../stores/kafka-produce.ts';
import { EVENT_HEADERS } from '../../stores/kafka.ts';
import { mendKafkajs } from '../../stores/kafkajs.ts';

interface Request {
  apiKey: number;
  apiVersion: number;
  encode: () => Promise<{ buffer: Buffer }>;
}

const load = createRequire(import.meta.url);
const { requests } = load('kafkajs/src/protocol/requests') as { requests: { Produce: { protocol: (version: { version: number }) => (args: ProduceArgs) => { request: Request } } } };
const kafkajsRequest = load('kafkajs/src/protocol/requests/produce/v7/request') as (args: ProduceArgs) => Request;
const wholeRequest = load('kafkajs/src/protocol/request') as (args: { correlationId: number; clientId: string; request: Request }) => Promise<{ buffer: Buffer }>;
const kafkajsCrc = load('kafkajs/src/protocol/recordBatch/crc32C') as (bytes: Buffer) => number;
const RequestQueue = load('kafkajs/src/network/requestQueue') as new (options: object) => {
  throttledUntil: number;
  throttleCheckTimeoutId: unknown;
  push: (request: object) => void;
  fulfillRequest: (answer: object) => void;
  maybeThrottle: (ms: number) => void;
  destroy: () => void;
};

const NOW = Date.parse('2026-12-01T12:00:00Z');

afterEach(() => void vi.useRealTimers());

const bytes = fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), fc.uint8Array({ maxLength: 300 }).map((list) => Buffer.from(list)));
const message = fc.record({ key: fc.option(bytes), value: fc.option(bytes), headers: fc.option(fc.dictionary(fc.string({ unit: 'binary', maxLength: 20 }), bytes, { maxKeys: 3 }), { nil: undefined }) });
const produce: fc.Arbitrary<ProduceArgs> = fc.record({
  acks: fc.constantFrom(-1, 0, 1),
  timeout: fc.nat(),
  producerId: fc.bigInt({ min: -1n, max: 2n ** 62n }).map(String),
  producerEpoch: fc.integer({ min: 0, max: 32_767 }),
  topicData: fc.array(
    fc.record({ topic: fc.string({ unit: 'binary', maxLength: 60 }), partitions: fc.array(fc.record({ partition: fc.nat(), firstSequence: fc.nat(), messages: fc.array(message, { minLength: 1, maxLength: 80 }) }), { minLength: 1, maxLength: 3 }) }),
    { minLength: 1, maxLength: 2 },
  ),
});

it('is the version that was read', () => {
  expect(mendKafkajs(), 'another kafkajs: read its produce request and its request queue again (docs/decisions/0009-inside-kafkajs.md)').toBe(true);
});

it("writes kafkajs's own bytes", async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: NOW });
  await fc.assert(
    fc.asyncProperty(produce, async (args) => {
      expect(canWrite(args)).toBe(true);
      const own = (await kafkajsRequest(args).encode()).buffer;
      expect(produceBody(args, NOW).equals(own)).toBe(true);
    }),
    { numRuns: 300 },
  );
});

it('takes the place of its encoder, in the whole request too', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: NOW });
  // Lengths around each size of a number of seven bits a byte.
  const messages = [0, 1, 62, 63, 64, 8_190, 8_191, 8_192, 600_000].map((length) => ({ key: `k${length}`, value: 'ä'.repeat(length), headers: EVENT_HEADERS }));
  const args: ProduceArgs = { acks: -1, timeout: 30_000, producerId: '7', topicData: [{ topic: 'agent.interactions', partitions: [{ partition: 3, firstSequence: 9, messages }] }] };
  const whole = (request: Request): Promise<{ buffer: Buffer }> => wholeRequest({ correlationId: 1, clientId: 'ratchet', request });
  const { request } = requests.Produce.protocol({ version: 7 })(args);
  expect((await request.encode()).buffer.equals(produceBody(args, NOW))).toBe(true);
  expect((await whole(request)).buffer.equals((await whole(kafkajsRequest(args))).buffer)).toBe(true);
});

it.each<[string, Partial<ProduceArgs>, object]>([
  ['compression', { compression: CompressionTypes.GZIP }, {}],
  ['a transaction', { transactionalId: 'a', producerId: '1' }, {}],
  ['a time stamp', {}, { timestamp: '1700000000000' }],
  ['a header with two values', {}, { headers: { a: ['b', 'c'] } }],
])('leaves %s to kafkajs', async (_what, more, fields) => {
  vi.useFakeTimers({ toFake: ['Date'], now: NOW });
  const args: ProduceArgs = { acks: -1, timeout: 1, ...more, topicData: [{ topic: 't', partitions: [{ partition: 0, messages: [{ key: 'k', value: 'v', ...fields }] }] }] };
  expect(canWrite(args)).toBe(false);
  const { request } = requests.Produce.protocol({ version: 7 })(args);
  expect((await request.encode()).buffer).toEqual((await kafkajsRequest(args).encode()).buffer);
});

it('sums as CRC-32C, wherever the bytes begin and end', () => {
  expect(crc32c(Buffer.from('123456789'), 0, 9)).toBe(0xe3069283);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 70 }), fc.nat(40), (list, from) => {
      const all = Buffer.from(list);
      expect(crc32c(all, Math.min(from, all.length), all.length)).toBe(kafkajsCrc(all.subarray(from)));
    }),
  );
});

it('looks for waiting requests only while some wait', () => {
  vi.useFakeTimers({ now: NOW });
  const sent: number[] = [];
  const queue = new RequestQueue({ maxInFlightRequests: 1, requestTimeout: 1_000, enforceRequestTimeout: false, clientId: 'c', broker: 'b', logger: { debug: () => undefined } });
  const push = (correlationId: number): void => queue.push({ entry: { correlationId, resolve: () => undefined, reject: () => undefined }, expectResponse: true, sendRequest: () => sent.push(correlationId) });
  const answer = (correlationId: number): void => queue.fulfillRequest({ correlationId, payload: Buffer.alloc(0), size: 0 });
  push(1);
  push(2);
  expect(sent).toEqual([1]);
  answer(1);
  expect(sent).toEqual([1, 2]);
  answer(2);
  vi.advanceTimersByTime(100);
  expect(vi.getTimerCount()).toBe(0);
  // Told by the broker to wait: what comes meanwhile is sent when that is over.
  queue.maybeThrottle(300);
  push(3);
  expect(sent).toEqual([1, 2]);
  vi.advanceTimersByTime(310);
  expect(sent).toEqual([1, 2, 3]);
  answer(3);
  vi.advanceTimersByTime(100);
  expect(vi.getTimerCount()).toBe(0);
  queue.destroy();
});
