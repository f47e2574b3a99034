// Takes interactions from the answering side and hands them to a thread that publishes them: no answer ever waits for Kafka.
import { Worker } from 'node:worker_threads';
import type { Logger } from 'pino';
import type { InteractionEvent } from '../../core/contracts/index.ts';
import { safeMessage } from '../../core/errors.ts';
import type { GatewayMetrics } from '../metrics.ts';
import type { LostReason } from './message.ts';
import type { FromThread, Progress, ThreadSettings, ToThread } from './protocol.ts';

export interface PublisherOptions extends ThreadSettings {
  logger: Logger;
  metrics: Pick<GatewayMetrics, 'published' | 'lost' | 'queued' | 'spooled'>;
}

export interface Publisher {
  /** Takes the event and returns at once; never throws. */
  publish: (event: InteractionEvent) => void;
  /** Sends what is queued, for at most this long; what is left stays in the spool, or is counted as lost where there is none. */
  close(timeoutMs?: number): Promise<void>;
}

/** Events that go to the thread together: each message to it costs a wake-up, and each batch of its own one of the broker. */
const COLLECT_MS = 20;
/** Events on their way to a thread that does not keep up; what comes then is lost and counted. */
const MAX_UNDER_WAY = 20_000;
const RESTART_MS = 1_000;

export function createPublisher({ logger, metrics, ...settings }: PublisherOptions): Publisher {
  const { topic } = settings.kafka;
  let collected: string[] = [];
  let collecting: NodeJS.Timeout | undefined;
  let posted = 0;
  let last: Progress = { received: 0, published: 0, lost: {}, queued: 0, spooledBytes: 0 };
  let said: LostReason | null = null;
  let closed: (() => void) | null = null;
  let thread: Worker | null = start();

  function start(): Worker {
    const worker = new Worker(new URL('./thread.ts', import.meta.url), { workerData: settings, name: 'publisher', execArgv: ['--disable-warning=ExperimentalWarning'] });
    worker.on('message', take);
    worker.on('error', (error) => logger.error({ error: safeMessage(error) }, 'the publishing thread failed'));
    worker.once('exit', () => {
      thread = null;
      if (closed !== null) return closed();
      // Its memory is gone; the spool is taken over by the next one.
      lose('shutdown', posted - last.received + last.queued);
      setTimeout(() => {
        if (closed === null) thread = start();
      }, RESTART_MS).unref();
      [posted, last] = [0, { ...last, received: 0, published: 0, lost: {}, queued: 0 }];
    });
    return worker;
  }

  const post = (message: ToThread): void => thread?.postMessage(message);

  function lose(reason: LostReason, count: number): void {
    if (count <= 0) return;
    metrics.lost.inc({ reason }, count);
    if (said !== reason) logger.error({ topic, reason, count }, 'interactions are lost (ratchet_gateway_events_lost_total counts them)');
    said = reason;
  }

  function take(message: FromThread): void {
    switch (message.type) {
      case 'progress': {
        metrics.published.inc(message.published - last.published);
        for (const [reason, count] of Object.entries(message.lost) as [LostReason, number][]) lose(reason, count - (last.lost[reason] ?? 0));
        metrics.queued.set(message.queued);
        metrics.spooled.set(message.spooledBytes);
        last = message;
        return;
      }
      case 'away':
        said = null;
        if (message.isAway) logger.warn({ topic, error: message.error }, `Kafka does not take interactions: answers go on, events wait ${message.hasSpool ? 'on disk' : 'in memory'}`);
        else logger.info({ topic }, 'Kafka takes interactions again');
        return;
      case 'closed':
        closed?.();
        return;
    }
  }

  function flush(): void {
    clearTimeout(collecting);
    collecting = undefined;
    // Without a thread they wait for the next one.
    if (collected.length === 0 || thread === null) return;
    posted += collected.length / 2;
    post({ type: 'events', events: collected });
    collected = [];
  }

  return {
    publish: (event) => {
      if (posted - last.received + collected.length / 2 >= MAX_UNDER_WAY) return lose('queue_full', 1);
      const session = event.data['gen_ai.conversation.id'];
      collected.push(session === undefined ? event.id : `${event.data['ratchet.tenant']}/${session}`, JSON.stringify(event));
      collecting ??= setTimeout(flush, COLLECT_MS);
    },
    close: async (timeoutMs = 4_000) => {
      flush();
      const ended = new Promise<void>((resolve) => (closed = resolve));
      post({ type: 'close', timeoutMs });
      if (thread !== null) await ended;
      lose('shutdown', collected.length / 2);
      await thread?.terminate();
    },
  };
}
