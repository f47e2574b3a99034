// Where interactions and corrections come from: a stream of batches per partition, acknowledged batch by batch.
import type { RecordPosition } from '../stores/ports.ts';

export interface SourceRecord {
  position: RecordPosition;
  /** The record as it was sent; null for a record without a value. */
  bytes: Uint8Array | null;
}

export interface SourceBatch {
  topic: string;
  partition: number;
  records: SourceRecord[];
}

/** `away`: the source does not answer. `paused`: it is not read from, because what was read last could not be kept yet. */
export interface SourceState {
  state: 'reading' | 'away' | 'paused';
  reason: string;
}

export interface InteractionSource {
  /**
   * Gives every record to `handle`, at least once and in order within a partition. A batch counts as read when `handle` resolves;
   * when it rejects, reading pauses and the same batch comes again. Resolves after `close`; a source that is away is waited for.
   */
  run(handle: (batch: SourceBatch) => Promise<void>): Promise<void>;
  state(): SourceState;
  /** Lets the batch under way end, acknowledges it and leaves. */
  close(): Promise<void>;
}
