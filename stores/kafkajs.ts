// Two inner parts of kafkajs 2.2.4 that no setting of its reaches, replaced in its own modules (docs/decisions/0009-inside-kafkajs.md).
// tests/unit/kafkajs.test.ts fails when kafkajs changes; another version is left as it is.
import { createRequire } from 'node:module';
import { canWrite, produceBody, type ProduceArgs } from './kafka-produce.ts';

interface Protocol {
  request: { encode: () => Promise<unknown> };
}

interface Produce {
  protocol: (version: { version: number }) => (args: ProduceArgs) => Protocol;
}

interface RequestQueue {
  pending: unknown[];
  throttledUntil: number;
  scheduleCheckPendingRequests: () => void;
}

const VERSION = '2.2.4';
/** The first whose batches have today's form. */
const FIRST_VERSION = 3;
const load = createRequire(import.meta.url);

/** @returns whether this is the version that we know */
export function mendKafkajs(): boolean {
  if ((load('kafkajs/package.json') as { version: string }).version !== VERSION) return false;
  const { requests } = load('kafkajs/src/protocol/requests') as { requests: { Produce: Produce } };
  const { prototype } = load('kafkajs/src/network/requestQueue') as { prototype: RequestQueue };
  writeOnce(requests.Produce);
  lookOnlyWhereSomethingWaits(prototype);
  return true;
}

/** Records go into one buffer in place of eight, one after the other. */
function writeOnce(produce: Produce): void {
  const { protocol } = produce;
  produce.protocol = (version) => (args) => {
    const own = protocol(version)(args);
    if (version.version < FIRST_VERSION || !canWrite(args)) return own;
    const encode = (): Promise<unknown> => {
      const buffer = produceBody(args, Date.now());
      // What the rest of kafkajs reads of its encoder.
      return Promise.resolve({ buf: buffer, buffer });
    };
    return { ...own, request: { ...own.request, encode } };
  };
}

/** From its first answer on, each connection looked every millisecond for requests that wait, and there were none: 5 % of a core. */
function lookOnlyWhereSomethingWaits(queue: RequestQueue): void {
  const { scheduleCheckPendingRequests } = queue;
  queue.scheduleCheckPendingRequests = function schedule(this: RequestQueue): void {
    if (this.pending.length > 0) scheduleCheckPendingRequests.call(this);
  };
}
