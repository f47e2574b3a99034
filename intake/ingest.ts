// The pipeline of intake: a batch of raw records becomes interactions, corrections and dead letters, kept in one transaction.
import type { Logger } from 'pino';
import { passes } from '../core/detect/index.ts';
import { keyedHash } from '../core/digest.ts';
import { ERROR_CODES, RatchetError, safeMessage } from '../core/errors.ts';
import { correctionFromEvent, interactionFromEvent } from '../core/events.ts';
import type { Keys } from '../stores/keys.ts';
import type { BatchResult, DeadLetter, MetadataStore, NewCorrection, NewInteraction } from '../stores/ports.ts';
import type { LoadedWorkload } from '../stores/workloads.ts';
import { createJudge } from './judge.ts';
import type { IngestMetrics } from './metrics.ts';
import { parseRecord, type RecordLimits } from './parse.ts';
import type { InteractionSource, SourceBatch, SourceRecord } from './source.ts';

export interface IngestDeps {
  store: Pick<MetadataStore, 'storeBatch'>;
  source: InteractionSource;
  keys: Keys;
  workloads: ReadonlyMap<string, LoadedWorkload>;
  limits: RecordLimits;
  logger: Pick<Logger, 'info' | 'warn'>;
  metrics: IngestMetrics;
  clock: () => Date;
  /** Called where a test may end the process; does nothing otherwise. */
  faultPoint?: (name: 'after_store') => void;
}

export interface Ingest {
  /** Reads until `close`. */
  run(): Promise<void>;
  /** Ends after the batch under way. */
  close(): Promise<void>;
}

type Batch = Parameters<MetadataStore['storeBatch']>[0];
type Sorted = { interaction: NewInteraction } | { correction: NewCorrection } | { deadLetter: DeadLetter };

export function createIngest(deps: IngestDeps): Ingest {
  const { store, source, keys, workloads, limits, logger, metrics } = deps;
  const judge = createJudge(keys);

  /** A record that cannot be kept never holds up its partition. */
  function sort(record: SourceRecord): Sorted {
    const hmac = keyedHash(keys.identity, record.bytes ?? '');
    try {
      const parsed = parseRecord(record.bytes, limits);
      const loaded = workloads.get(parsed.event.data['ratchet.workload']);
      if (!loaded) throw new RatchetError('RECORD_CONTRACT', '/data/ratchet.workload names no workload of this installation');
      const { position } = record;
      if (parsed.kind === 'interaction') return { interaction: { ...judge.interaction(interactionFromEvent(parsed.event), loaded), hmac, position } };
      const { correction, tenant } = correctionFromEvent(parsed.event);
      return { correction: { ...judge.correction(correction, tenant, loaded), hmac, position } };
    } catch (error) {
      const known = error instanceof RatchetError && !ERROR_CODES[error.code].retryable ? error : undefined;
      if (!known) logger.warn({ ...record.position }, `a record could not be judged: ${safeMessage(error)}`);
      return { deadLetter: { position: record.position, reason: known?.code ?? 'INTERNAL', detail: known?.message ?? safeMessage(error), hmac, at: deps.clock().toISOString() } };
    }
  }

  async function handle(source: SourceBatch): Promise<void> {
    const stop = metrics.batchSeconds.startTimer();
    const batch: Batch = { interactions: [], corrections: [], deadLetters: [] };
    for (const record of source.records) {
      const sorted = sort(record);
      if ('interaction' in sorted) batch.interactions.push(sorted.interaction);
      else if ('correction' in sorted) batch.corrections.push(sorted.correction);
      else batch.deadLetters.push(sorted.deadLetter);
    }
    const result = await store.storeBatch(batch);
    deps.faultPoint?.('after_store');
    stop();
    count(source, batch, result);
  }

  function count(source: SourceBatch, batch: Batch, result: BatchResult): void {
    const { topic } = source;
    metrics.records.inc({ topic, result: 'stored' }, result.stored);
    metrics.records.inc({ topic, result: 'duplicate' }, result.duplicates);
    metrics.records.inc({ topic, result: 'conflict' }, result.conflicts);
    metrics.records.inc({ topic, result: 'dead_letter' }, batch.deadLetters.length);
    metrics.behind.set({ topic, partition: source.partition }, source.behind);
    if (result.conflicts > 0) metrics.deadLetters.inc({ reason: 'IDENTITY_CONFLICT' }, result.conflicts);
    for (const { reason } of batch.deadLetters) metrics.deadLetters.inc({ reason });
    for (const { interaction, findings } of batch.interactions) {
      const { workload, redaction } = interaction;
      for (const finding of findings) if (!passes([finding])) metrics.failures.inc({ workload, class: finding.class });
      metrics.redacted.inc({ workload }, redaction?.replaced ?? 0);
      if (redaction?.changedVerdict) metrics.changedVerdicts.inc({ workload });
    }
    const last = source.records.at(-1)?.position.offset;
    if (result.deadLetters > 0) logger.warn({ topic, partition: source.partition, upToOffset: last, deadLetters: result.deadLetters }, 'some records are dead letters; the raw records are still in Kafka');
    logger.info({ topic, partition: source.partition, upToOffset: last, behind: source.behind, ...result }, 'batch kept');
  }

  return { run: () => source.run(handle), close: () => source.close() };
}
