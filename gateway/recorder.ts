// Turns into events, behind the answers' backs: the events of a turn are built when no answer waits, in small portions.
import type { Logger } from 'pino';
import type { InteractionEvent } from '../core/contracts/index.ts';
import { safeMessage } from '../core/errors.ts';
import type { GatewayMetrics } from './metrics.ts';
import { MAX_RECORDED_CHOICES, eventsOf, type EventSettings, type Outcome, type Turn } from './turn.ts';

export interface Recorder {
  /** Returns at once and never throws. */
  record: (turn: Turn, outcome: Outcome) => void;
  /** Everything recorded so far has been given to the publisher. */
  flush: () => void;
}

/** Longest time at a stretch that answers wait for; a long queue has no such patience. */
const SLICE_MS = 1;
const LONG_QUEUE = 5_000;

export function createRecorder(deps: { settings: EventSettings; publish: (event: InteractionEvent) => void; logger: Logger; metrics: GatewayMetrics }): Recorder {
  const { settings, publish, logger, metrics } = deps;
  let queue: [Turn, Outcome][] = [];
  let scheduled = false;

  /** Whatever goes wrong here is logged: the client has its answer. */
  function build(turn: Turn, outcome: Outcome): void {
    try {
      for (const event of eventsOf(turn, outcome, settings)) publish(event);
      const left = outcome.answer.choices.size - MAX_RECORDED_CHOICES;
      if (left > 0) metrics.lost.inc({ reason: 'many_choices' }, left);
    } catch (error) {
      metrics.lost.inc({ reason: 'not_built' });
      logger.error({ channel: turn.channel, error: safeMessage(error) }, 'an interaction could not be published');
    }
  }

  function work(until: number): void {
    let done = 0;
    for (const [turn, outcome] of queue) {
      build(turn, outcome);
      done += 1;
      if (queue.length - done < LONG_QUEUE && performance.now() > until) break;
    }
    queue = done === queue.length ? [] : queue.slice(done);
  }

  function schedule(): void {
    if (scheduled) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      work(performance.now() + SLICE_MS);
      if (queue.length > 0) schedule();
    });
  }

  return {
    record: (turn, outcome) => {
      queue.push([turn, outcome]);
      schedule();
    },
    flush: () => work(Infinity),
  };
}
