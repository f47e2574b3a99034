// What the publisher and its thread tell each other: plain data only.
import type { KafkaConnection } from '../../stores/kafka.ts';
import type { LostReason } from './message.ts';
import type { OutboxOptions } from './outbox.ts';
import type { SpoolOptions } from './spool.ts';

export interface ThreadSettings {
  kafka: KafkaConnection & { topic: string };
  /** Null: interactions wait in memory alone. */
  spool: SpoolOptions | null;
  limits: Pick<OutboxOptions, 'maxQueued' | 'maxQueuedBytes' | 'lingerMs' | 'patienceMs'>;
}

/** `events`: key, value, key, value … */
export type ToThread = { type: 'events'; events: string[] } | { type: 'close'; timeoutMs: number };

export interface Progress {
  /** Events taken over from the publisher since the thread began. */
  received: number;
  published: number;
  lost: Partial<Record<LostReason, number>>;
  queued: number;
  spooledBytes: number;
}

export type FromThread =
  | ({ type: 'progress' } & Progress)
  | { type: 'away'; isAway: boolean; error: string | undefined; hasSpool: boolean }
  | { type: 'closed' };
