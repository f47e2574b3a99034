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
  /** How many records of the partition come after this batch, as far as the source knows. */
  behind: number;
}

export interface InteractionSource {
  /**
   * Gives every record to `handle`, at least once and in order within a partition. A batch counts as read when `handle` resolves;
   * when it rejects, the same batch comes again after a pause. Resolves after `close`; a source that is away is waited for.
   */
  run(handle: (batch: SourceBatch) => Promise<void>): Promise<void>;
  /** Whether the source answers now; the reason when it does not. */
  state(): { connected: boolean; reason: string };
  /** Lets the batch under way end, acknowledges it and leaves. */
  close(): Promise<void>;
}
