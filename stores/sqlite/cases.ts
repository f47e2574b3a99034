// The case pool: draw order, blind truths, retirement, and the outcomes of evaluations.
import { BlindTruth, EvalCase, Outcome, type Digest } from '../../core/contracts/index.ts';
import { RatchetError } from '../../core/errors.ts';
import type { CaseRow, MetadataStore } from '../ports.ts';
import { pack, unpack, unpackChecked } from './body.ts';
import type { Database } from './database.ts';

interface Row {
  case_digest: Digest;
  draw_order: string;
  label: number;
  truth: string | null;
  retired_by: Digest | null;
  body: Uint8Array;
}

const CASE = 'SELECT c.case_digest, c.draw_order, c.label, t.truth, c.retired_by, c.body FROM cases AS c LEFT JOIN truths AS t USING (case_digest)';

const asCase = (row: Row): CaseRow => ({
  caseDigest: row.case_digest,
  case: EvalCase.parse(unpackChecked(row.body, row.case_digest)),
  drawOrder: row.draw_order,
  label: row.label === 1,
  truth: row.truth,
  retiredBy: row.retired_by,
});

export function caseQueries(database: Database): Pick<MetadataStore, 'cases' | 'nextToLabel' | 'setTruth' | 'retireCases' | 'saveOutcomes' | 'outcomes'> {
  return {
    async cases(workload) {
      return database.all<Row>(`${CASE} WHERE c.workload = ? ORDER BY c.draw_order, c.case_digest`, workload).map(asCase);
    },

    async nextToLabel(workload) {
      const row = database.get<Row>(`${CASE} WHERE c.workload = ? AND c.label = 1 AND t.truth IS NULL AND c.retired_by IS NULL ORDER BY c.draw_order, c.case_digest LIMIT 1`, workload);
      return row ? asCase(row) : null;
    },

    async setTruth(truth) {
      const { caseDigest, truth: text, author, time } = BlindTruth.parse(truth);
      database.write(() => {
        const row = database.get<{ label: number; retired_by: string | null }>('SELECT label, retired_by FROM cases WHERE case_digest = ?', caseDigest);
        if (!row) throw new RatchetError('NOT_FOUND', `no case ${caseDigest}`);
        // Truths that somebody picked, or gave after the answers were judged, would bias the gate.
        if (row.label !== 1) throw new RatchetError('REQUEST_INVALID', `case ${caseDigest} was not chosen for labelling`);
        if (row.retired_by !== null) throw new RatchetError('REQUEST_INVALID', `case ${caseDigest} was used by the verdict ${row.retired_by}`);
        database.run(
          'INSERT INTO truths VALUES (?, ?, ?, ?) ON CONFLICT (case_digest) DO UPDATE SET truth = excluded.truth, author = excluded.author, time = excluded.time',
          ...[caseDigest, text, author, time],
        );
      });
    },

    async retireCases(caseDigests, verdictDigest) {
      database.write(() => {
        for (const digest of caseDigests) database.run('UPDATE cases SET retired_by = ? WHERE case_digest = ? AND retired_by IS NULL', verdictDigest, digest);
      });
    },

    async saveOutcomes(outcomes) {
      database.write(() => {
        for (const outcome of outcomes) {
          database.run('INSERT INTO outcomes VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING', outcome.evaluationId, outcome.caseDigest, outcome.arm, pack(outcome));
        }
      });
    },

    async outcomes(evaluationId) {
      const rows = database.all<{ body: Uint8Array }>('SELECT body FROM outcomes WHERE evaluation_id = ? ORDER BY case_digest, arm', evaluationId);
      return rows.map((row) => Outcome.parse(unpack(row.body)));
    },
  };
}
