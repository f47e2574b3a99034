// The pipeline of intake: a batch of raw records becomes interactions, corrections and dead letters, kept in one transaction.
import { setImmediate as turn } from 'node:timers/promises';
import type { Logger } from 'pino';
import { passes } from '../core/detect/index.ts';
import { RatchetError } from '../core/errors.ts';
import type { BatchResult, IntakeBatch, MetadataStore, Rejudged } from '../stores/ports.ts';
import type { IngestMetrics } from './metrics.ts';
import { batchOf, createSorter, type SorterDeps } from './sort.ts';
import type { InteractionSource, SourceBatch, SourceRecord } from './source.ts';

export interface IngestDeps extends SorterDeps {
  store: Pick<MetadataStore, 'storeBatch'>;
  source: InteractionSource;
  logger: Pick<Logger, 'info' | 'warn'>;
  metrics: IngestMetrics;
  /** Called where a test may end the process; does nothing otherwise. */
  faultPoint?: (name: 'before_judge' | 'before_store' | 'after_store') => void;
}

export interface Ingest {
  /** Reads until `close`. */
  run(): Promise<void>;
  /** Ends after the batch under way. */
  close(): Promise<void>;
}

type Sorted = { record: SourceRecord; outcome: Rejudged };

/** Records judged before /healthz and heartbeats get a turn. */
const RECORDS_PER_TURN = 250;

export function createIngest(deps: IngestDeps): Ingest {
  const { store, source, logger, metrics } = deps;
  const sorter = createSorter(deps);
  const faultPoint = deps.faultPoint ?? (() => undefined);

  async function handle(source: SourceBatch): Promise<void> {
    const stop = metrics.batchSeconds.startTimer();
    const bytes = source.records.reduce((sum, { bytes: each }) => sum + (each?.byteLength ?? 0), 0);
    metrics.inFlightBytes.set(bytes);
    try {
      faultPoint('before_judge');
      const sorted: Sorted[] = [];
      for (const record of source.records) {
        sorted.push({ record, outcome: sorter.sort(record) });
        if (sorted.length % RECORDS_PER_TURN === 0) await turn();
      }
      faultPoint('before_store');
      const stopStore = metrics.storeSeconds.startTimer();
      const result = await keep(sorted);
      stopStore();
      faultPoint('after_store');
      stop();
      count(source, batchOf(sorted.map(({ outcome }) => outcome)), result, bytes);
    } finally {
      metrics.inFlightBytes.set(0);
    }
  }

  /** A store that cannot work now is for the source to wait for; a record that the store cannot take is found and set aside. */
  async function keep(sorted: readonly Sorted[]): Promise<BatchResult> {
    try {
      return await store.storeBatch(batchOf(sorted.map(({ outcome }) => outcome)), sorter.meet);
    } catch (error) {
      if (error instanceof RatchetError && error.code === 'STORE_UNAVAILABLE') throw error;
      const { failed, stored } = await alone(sorted);
      // Not one of them can be kept: then it is the store.
      if (failed.length === sorted.length && sorted.length > 1) throw error;
      for (const { index, cause } of failed) {
        const each = sorted[index];
        if (each) each.outcome = { deadLetter: sorter.deadLetter(each.record, cause) };
      }
      const rest = await store.storeBatch(batchOf(sorted.map(({ outcome }) => outcome)), sorter.meet);
      return { ...rest, stored: rest.stored + stored, duplicates: rest.duplicates - stored };
    }
  }

  /** Keeps each record in a transaction of its own. What is kept now is a duplicate in the batch that follows. */
  async function alone(sorted: readonly Sorted[]): Promise<{ failed: { index: number; cause: unknown }[]; stored: number }> {
    const failed: { index: number; cause: unknown }[] = [];
    let stored = 0;
    for (const [index, { outcome }] of sorted.entries()) {
      try {
        stored += (await store.storeBatch(batchOf([outcome]), sorter.meet)).stored;
      } catch (cause) {
        if (cause instanceof RatchetError && cause.code === 'STORE_UNAVAILABLE') throw cause;
        failed.push({ index, cause });
      }
    }
    return { failed, stored };
  }

  function count(source: SourceBatch, batch: IntakeBatch, result: BatchResult, bytes: number): void {
    const { topic } = source;
    metrics.bytes.inc({ topic }, bytes);
    metrics.batchRecords.observe(source.records.length);
    metrics.records.inc({ topic, result: 'stored' }, result.stored);
    metrics.records.inc({ topic, result: 'duplicate' }, result.duplicates);
    metrics.records.inc({ topic, result: 'conflict' }, result.conflicts);
    metrics.records.inc({ topic, result: 'dead_letter' }, batch.deadLetters.length);
    if (result.conflicts > 0) metrics.deadLetters.inc({ reason: 'IDENTITY_CONFLICT' }, result.conflicts);
    for (const { reason } of batch.deadLetters) metrics.deadLetters.inc({ reason });
    countInteractions(batch.interactions);
    const last = source.records.at(-1)?.position.offset;
    if (result.deadLetters > 0) logger.warn({ topic, partition: source.partition, upToOffset: last, deadLetters: result.deadLetters }, 'some records are dead letters (`ratchet dlq ls`); the raw records are still in Kafka');
    logger.info({ topic, partition: source.partition, upToOffset: last, records: source.records.length, ...result }, 'batch kept');
  }

  /** Summed up first: labels are looked up for each call. */
  function countInteractions(interactions: IntakeBatch['interactions']): void {
    const redacted = new Map<string, number>();
    for (const { interaction, findings } of interactions) {
      const { workload, redaction } = interaction;
      for (const finding of findings) if (!passes([finding])) metrics.failures.inc({ workload, class: finding.class });
      redacted.set(workload, (redacted.get(workload) ?? 0) + (redaction?.replaced ?? 0));
      if (redaction?.changedVerdict) metrics.changedVerdicts.inc({ workload });
    }
    for (const [workload, values] of redacted) if (values > 0) metrics.redacted.inc({ workload }, values);
  }

  return { run: () => source.run(handle), close: () => source.close() };
}
