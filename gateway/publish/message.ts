// What travels to Kafka: an event as JSON text and its key.

export interface Message {
  /** Conversations keep their order; an event without one stands alone. */
  key: string;
  value: string;
}

/** Takes a batch, in order, or rejects; what was taken before it rejected may come twice. */
export type Send = (batch: readonly Message[]) => Promise<void>;

/** Why an interaction was never published. */
export type LostReason = 'too_big' | 'queue_full' | 'spool_full' | 'spool_failed' | 'spool_torn' | 'spool_unreadable' | 'shutdown';

/** Roughly what a message costs in memory and on disk. */
export const sizeOf = ({ key, value }: Message): number => key.length + value.length;
