// The publisher's thread: Kafka's client and the spool work here, so that no answer waits for either.
import { parentPort, workerData } from 'node:worker_threads';
import { safeMessage } from '../../core/errors.ts';
import { EVENT_HEADERS, kafkaProducer } from '../../stores/kafka.ts';
import { createOutbox } from './outbox.ts';
import type { FromThread, Progress, ThreadSettings, ToThread } from './protocol.ts';
import { openSpool } from './spool.ts';

/** How often the publisher learns of progress. */
const TELL_MS = 100;

const { kafka, spool: spoolOptions, limits } = workerData as ThreadSettings;
const tell = (message: FromThread): void => parentPort?.postMessage(message);

const { topic } = kafka;
const producer = kafkaProducer(kafka, 'ratchet-gateway');
const spool = spoolOptions === null ? null : openSpool(spoolOptions);
const progress: Progress = { received: 0, published: 0, lost: {}, queued: 0, spooledBytes: 0 };
const outbox = createOutbox({
  ...limits,
  send: (batch) => producer.send([{ topic, messages: batch.map(({ key, value }) => ({ key, value, headers: EVENT_HEADERS })) }]),
  spool,
  lost: (reason, count) => (progress.lost[reason] = (progress.lost[reason] ?? 0) + count),
  published: (count) => (progress.published += count),
  away: (isAway, error) => tell({ type: 'away', isAway, error: error === undefined ? undefined : safeMessage(error), hasSpool: spool !== null }),
});

function tellProgress(): void {
  progress.queued = outbox.queued();
  progress.spooledBytes = spool?.bytes() ?? 0;
  tell({ type: 'progress', ...progress });
}
const telling = setInterval(tellProgress, TELL_MS);
tellProgress();

parentPort?.on('message', (message: ToThread) => {
  if (message.type === 'events') {
    const { events } = message;
    const messages = [];
    for (let at = 0; at + 1 < events.length; at += 2) messages.push({ key: events[at] ?? '', value: events[at + 1] ?? '' });
    progress.received += messages.length;
    outbox.put(messages);
    return;
  }
  clearInterval(telling);
  void outbox.close(message.timeoutMs).then(async () => {
    tellProgress();
    tell({ type: 'closed' });
    await producer.close();
    parentPort?.close();
  });
});
