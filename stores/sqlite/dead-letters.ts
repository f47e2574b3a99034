// Dead letters: what could not be kept, where it still lies, and what became of it when it was judged again.
import type { DeadLetter, DeadLetterRow, MetadataStore, Rejudged } from '../ports.ts';
import { BatchWriter, prepared } from './batch-writer.ts';
import type { Database } from './database.ts';
import { TotalsDelta } from './totals.ts';

type Row = { id: number; topic: string; partition: number; offset: string; state: 'open' | 'replayed'; replays: number; replayed_at: string | null; replayed_by: string | null } & Omit<DeadLetter, 'position'>;

const asRow = ({ id, topic, partition, offset, reason, detail, hmac, at, state, replays, replayed_at, replayed_by }: Row): DeadLetterRow => ({
  id,
  letter: { position: { topic, partition, offset }, reason, detail, hmac, at },
  state,
  replays,
  lastReplay: replayed_at === null ? null : { at: replayed_at, by: replayed_by ?? '' },
});

export function deadLetterQueries(database: Database): Pick<MetadataStore, 'deadLetters' | 'deadLetter' | 'replayDeadLetter'> {
  const byId = (id: number): DeadLetterRow | null => {
    const row = database.get<Row>('SELECT * FROM dead_letters WHERE id = ?', id);
    return row ? asRow(row) : null;
  };

  return {
    async deadLetters({ limit, afterId = 0, reason, state = 'open' }) {
      const wanted = [...(state === 'all' ? [] : [`state = '${state}'`]), ...(reason === undefined ? [] : ['reason = ?']), 'id > ?'].join(' AND ');
      return database.all<Row>(`SELECT * FROM dead_letters WHERE ${wanted} ORDER BY id LIMIT ?`, ...(reason === undefined ? [] : [reason]), afterId, limit).map(asRow);
    },

    async deadLetter(id) {
      return byId(id);
    },

    async replayDeadLetter(id, rejudged, by, at, meet) {
      const batch = prepared({
        interactions: 'interaction' in rejudged ? [rejudged.interaction] : [],
        corrections: 'correction' in rejudged ? [rejudged.correction] : [],
        deadLetters: [],
      });
      return database.write(() => {
        const row = byId(id);
        if (row === null) return 'settled';
        if (row.state !== 'open') return 'settled';
        const { conflicts, duplicates } = new BatchWriter(database, meet).write(batch);
        const outcome = 'deadLetter' in rejudged ? 'dead_letter' : conflicts > 0 ? 'conflict' : duplicates > 0 ? 'duplicate' : 'stored';
        settle(database, row, reasonOf(rejudged, outcome), by, at);
        return outcome;
      });
    },
  };
}

/** Why it stays a dead letter; null when it is one no longer. */
function reasonOf(rejudged: Rejudged, outcome: string): { reason: string; detail: string } | null {
  if ('deadLetter' in rejudged) return rejudged.deadLetter;
  return outcome === 'conflict' ? { reason: 'IDENTITY_CONFLICT', detail: '/id is kept with other content' } : null;
}

function settle(database: Database, { id, letter }: DeadLetterRow, stays: { reason: string; detail: string } | null, by: string, at: string): void {
  const totals = new TotalsDelta();
  totals.deadLetter(letter.reason, -1);
  if (stays) totals.deadLetter(stays.reason, 1);
  totals.addTo(database);
  database.run(
    'UPDATE dead_letters SET state = ?, reason = ?, detail = ?, replays = replays + 1, replayed_at = ?, replayed_by = ? WHERE id = ?',
    ...[stays ? 'open' : 'replayed', stays?.reason ?? letter.reason, stays?.detail ?? letter.detail, at, by, id],
  );
}
