// Judges the records of dead letters again, with today's workloads, limits and detectors, and keeps what can be kept now.
import type { DeadLetterRow, MetadataStore, RecordPosition, ReplayOutcome } from '../stores/ports.ts';
import type { RawRecord } from './raw-records.ts';
import { createSorter, hmacOf, type SorterDeps } from './sort.ts';

/** `expired` and `no_topic`: the raw record is gone. `changed`: another record lies at its place. `elsewhere`: it did not come from Kafka. */
export type LetterOutcome = ReplayOutcome | 'expired' | 'no_topic' | 'changed' | 'elsewhere';

export interface ReplayedLetter {
  id: number;
  position: RecordPosition;
  outcome: LetterOutcome;
  /** Why it is a dead letter, as of now. */
  reason: string;
  detail: string;
}

export interface ReplayDeps extends SorterDeps {
  store: Pick<MetadataStore, 'replayDeadLetter'>;
  read: (positions: readonly RecordPosition[], handle: (position: RecordPosition, record: RawRecord) => Promise<void>) => Promise<void>;
  /** Who asked for it. */
  by: string;
}

/** Whether the letter is one no longer. */
export const isSettled = (outcome: LetterOutcome): boolean => outcome === 'stored' || outcome === 'duplicate' || outcome === 'settled';

const placeOf = ({ topic, partition, offset }: RecordPosition): string => `${topic} ${partition} ${offset}`;

/** Replays these letters; each is settled on its own, so that an end in between loses nothing. */
export async function replayLetters(deps: ReplayDeps, rows: readonly DeadLetterRow[], each: (letter: ReplayedLetter) => void): Promise<void> {
  const { store, keys, by, clock } = deps;
  const sorter = createSorter(deps);
  // Two records of one place, with different HMACs: a topic that was made anew.
  const byPlace = Map.groupBy(rows, ({ letter }) => placeOf(letter.position));
  const report = ({ id, letter }: DeadLetterRow, outcome: LetterOutcome, why: { reason: string; detail: string } = letter): void =>
    each({ id, position: letter.position, outcome, reason: why.reason, detail: why.detail });

  async function settle(row: DeadLetterRow, record: RawRecord): Promise<void> {
    if ('missing' in record) return report(row, record.missing);
    if (hmacOf(keys, record.bytes) !== row.letter.hmac) return report(row, 'changed');
    const rejudged = sorter.sort({ position: row.letter.position, bytes: record.bytes });
    const outcome = await store.replayDeadLetter(row.id, rejudged, by, clock().toISOString(), sorter.meet);
    const conflict = { reason: 'IDENTITY_CONFLICT', detail: '/id is kept with other content' };
    report(row, outcome, 'deadLetter' in rejudged ? rejudged.deadLetter : outcome === 'conflict' ? conflict : undefined);
  }

  for (const row of rows) if (row.letter.position.topic === '') report(row, 'elsewhere');
  const positions = [...byPlace.values()].flatMap(([first]) => (first && first.letter.position.topic !== '' ? [first.letter.position] : []));
  if (positions.length === 0) return;
  await deps.read(positions, async (position, record) => {
    for (const row of byPlace.get(placeOf(position)) ?? []) await settle(row, record);
  });
}
