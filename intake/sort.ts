// One raw record to what is kept of it: an interaction, a correction or a dead letter.
import type { Logger } from 'pino';
import { keyedHash } from '../core/digest.ts';
import { ERROR_CODES, RatchetError, safeMessage } from '../core/errors.ts';
import { correctionFromEvent, interactionFromEvent } from '../core/events.ts';
import type { Keys } from '../stores/keys.ts';
import type { DeadLetter, IntakeBatch, MeetCorrection, Rejudged } from '../stores/ports.ts';
import type { LoadedWorkload } from '../stores/workloads.ts';
import { createJudge } from './judge.ts';
import { parseRecord, unknownWorkload, type RecordLimits } from './parse.ts';
import type { SourceRecord } from './source.ts';

export interface SorterDeps {
  keys: Keys;
  workloads: ReadonlyMap<string, LoadedWorkload>;
  limits: RecordLimits;
  logger: Pick<Logger, 'warn'>;
  clock: () => Date;
}

export interface Sorter {
  /** Never throws: a record that cannot be kept never holds up its partition. */
  sort(record: SourceRecord): Rejudged;
  /** The dead letter of a record that failed for this reason. */
  deadLetter(record: SourceRecord, error: unknown): DeadLetter;
  /** For the store, where a correction and its interaction meet. */
  meet: MeetCorrection;
}

/** The keyed HMAC by which a raw record is known again, also where nothing else of it is kept. */
export const hmacOf = (keys: Pick<Keys, 'identity'>, bytes: Uint8Array | null): string => keyedHash(keys.identity, bytes ?? '');

export function createSorter({ keys, workloads, limits, logger, clock }: SorterDeps): Sorter {
  const judge = createJudge(keys);

  function judged({ position, bytes }: SourceRecord): Rejudged {
    const parsed = parseRecord(bytes, limits);
    const loaded = workloads.get(parsed.event.data['ratchet.workload']);
    if (!loaded) throw unknownWorkload();
    const hmac = hmacOf(keys, bytes);
    if (parsed.kind === 'interaction') return { interaction: { ...judge.interaction(interactionFromEvent(parsed.event), loaded), hmac, position } };
    const { correction, tenant } = correctionFromEvent(parsed.event);
    return { correction: { ...judge.correction(correction, tenant, loaded), hmac, position } };
  }

  function deadLetter({ position, bytes }: SourceRecord, error: unknown): DeadLetter {
    const known = error instanceof RatchetError && !ERROR_CODES[error.code].retryable ? error : undefined;
    if (!known) logger.warn({ ...position }, `a record could not be judged: ${safeMessage(error)}`);
    return { position, reason: known?.code ?? 'INTERNAL', detail: known?.message ?? safeMessage(error), hmac: hmacOf(keys, bytes), at: clock().toISOString() };
  }

  return {
    sort(record) {
      try {
        return judged(record);
      } catch (error) {
        return { deadLetter: deadLetter(record, error) };
      }
    },
    deadLetter,
    meet: (interaction, correction) => judge.meet(interaction, correction, workloads.get(interaction.workload)),
  };
}

export function batchOf(sorted: readonly Rejudged[]): IntakeBatch {
  const batch: IntakeBatch = { interactions: [], corrections: [], deadLetters: [] };
  for (const each of sorted) {
    if ('interaction' in each) batch.interactions.push(each.interaction);
    else if ('correction' in each) batch.corrections.push(each.correction);
    else batch.deadLetters.push(each.deadLetter);
  }
  return batch;
}
