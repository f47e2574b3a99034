// What a run reads: watermark, digests under it, interactions, corrections, failures and the split ledger.
import { Correction, Failure, Interaction, type Digest, type Finding, type InteractionRef, type LedgerEntry, type Side } from '../../core/contracts/index.ts';
import { RatchetError } from '../../core/errors.ts';
import type { FailureRow, MetadataStore, StoredInteraction } from '../ports.ts';
import { unpackChecked } from './body.ts';
import type { Database } from './database.ts';
import { digestIs, identityKey } from './keys.ts';

type Queries = Pick<
  MetadataStore,
  'watermark' | 'digestsUpTo' | 'interactions' | 'interactionByRef' | 'corrections' | 'ledger' | 'failures' | 'failure'
>;

interface InteractionRow {
  seq: number;
  digest: Digest;
  cluster_id: Digest;
  side: Side;
  findings: string;
  body: Uint8Array;
}

interface StoredFailureRow {
  seq: number;
  id: Digest;
  time: string;
  source: string;
  interactionId: string;
  corrected: number;
  body: Uint8Array;
}

const INTERACTION = `SELECT i.seq, i.digest, i.cluster_id, l.side, i.findings, i.body FROM interactions AS i
  JOIN split_ledger AS l ON ${digestIs('l.cluster_id', 'i.cluster_id')} AND l.workload = i.workload`;

const FAILURE = `SELECT f.seq, f.id, f.time, f.body, i.source, i.id AS interactionId,
  EXISTS (SELECT 1 FROM corrections AS c WHERE c.ref_source = i.source AND c.ref_id = i.id) AS corrected
  FROM failures AS f JOIN interactions AS i ON i.seq = f.interaction_seq`;

/** Of corrections those whose interaction is here: a parked one becomes another document when it comes. */
const IS_MET = `EXISTS (SELECT 1 FROM interactions AS i WHERE i.identity_key = identity_key(c.ref_source, c.ref_id) AND i.source = c.ref_source AND i.id = c.ref_id)`;

const asInteraction = (row: InteractionRow): StoredInteraction => ({
  seq: row.seq,
  digest: row.digest,
  interaction: Interaction.parse(unpackChecked(row.body, row.digest)),
  // Written by `storeBatch` from the same type.
  findings: JSON.parse(row.findings) as Finding[],
  clusterId: row.cluster_id,
  side: row.side,
});

const asFailure = (row: StoredFailureRow): FailureRow => ({
  id: row.id,
  seq: row.seq,
  failure: Failure.parse(unpackChecked(row.body, row.id)),
  interactionRef: { source: row.source, id: row.interactionId },
  time: row.time,
  corrected: row.corrected === 1,
});

export function readingQueries(database: Database): Queries {
  const byDigest = <Row extends object>(sql: string, what: string, digest: Digest): Row => {
    const row = database.get<Row>(sql, digest);
    if (!row) throw new RatchetError('NOT_FOUND', `no ${what} ${digest}`);
    return row;
  };
  database.define('identity_key', identityKey);
  const digests = (table: string, workload: string, watermark: number, which = 'true'): Digest[] =>
    database.all<{ digest: Digest }>(`SELECT digest FROM ${table} AS c WHERE workload = ? AND seq <= ? AND ${which} ORDER BY digest`, workload, watermark).map((row) => row.digest);

  return {
    async watermark(workload) {
      const row = database.get<{ seq: number }>(
        'SELECT max((SELECT coalesce(max(seq), 0) FROM interactions WHERE workload = ?1), (SELECT coalesce(max(seq), 0) FROM corrections WHERE workload = ?1)) AS seq',
        workload,
      );
      return row?.seq ?? 0;
    },

    async digestsUpTo(workload, watermark) {
      return { interactions: digests('interactions', workload, watermark), corrections: digests('corrections', workload, watermark, IS_MET) };
    },

    async interactions(wanted) {
      return wanted.map((digest) => asInteraction(byDigest<InteractionRow>(`${INTERACTION} WHERE ${digestIs('i.digest', '?1')}`, 'interaction', digest)));
    },

    async interactionByRef(ref: InteractionRef) {
      const row = database.get<InteractionRow>(`${INTERACTION} WHERE i.identity_key = ? AND i.source = ? AND i.id = ?`, identityKey(ref.source, ref.id), ref.source, ref.id);
      return row ? asInteraction(row) : null;
    },

    async corrections(wanted) {
      return wanted.map((digest) => {
        const { body } = byDigest<{ body: Uint8Array }>('SELECT body FROM corrections WHERE digest = ?', 'correction', digest);
        return { digest, correction: Correction.parse(unpackChecked(body, digest)) };
      });
    },

    async ledger(workload) {
      return database
        .all<LedgerEntry>('SELECT cluster_id AS clusterId, side, cluster_function AS clusterFunction, key_id AS keyId FROM split_ledger WHERE workload = ? ORDER BY cluster_id', workload)
        .map(({ clusterId, side, clusterFunction, keyId }) => ({ clusterId, side, clusterFunction, keyId }));
    },

    /** Newest first; with `afterSeq` those after it, oldest first, so that a reader can follow. */
    async failures({ workload, class: wanted, limit, afterSeq }) {
      const conditions: [string, string | number][] = [];
      if (workload !== undefined) conditions.push(['f.workload = ?', workload]);
      if (wanted !== undefined) conditions.push(['f.class = ?', wanted]);
      if (afterSeq !== undefined) conditions.push(['f.seq > ?', afterSeq]);
      const where = conditions.length === 0 ? '' : `WHERE ${conditions.map(([sql]) => sql).join(' AND ')}`;
      const order = afterSeq === undefined ? 'DESC' : 'ASC';
      return database.all<StoredFailureRow>(`${FAILURE} ${where} ORDER BY f.seq ${order} LIMIT ?`, ...conditions.map(([, value]) => value), limit).map(asFailure);
    },

    async failure(id) {
      const row = database.get<StoredFailureRow>(`${FAILURE} WHERE ${digestIs('f.id', '?1')}`, id);
      return row ? asFailure(row) : null;
    },
  };
}
