// Keeps what intake brings, a batch in one transaction: interactions with their failures, corrections, dead letters.
import type { Digest, Failure, FailureClass, Side } from '../../core/contracts/index.ts';
import { digestOfJson } from '../../core/digest.ts';
import { passes } from '../../core/detect/index.ts';
import type { BatchResult, DeadLetter, LineageLink, MetadataStore, NewCorrection, NewInteraction, RecordPosition } from '../ports.ts';
import { pack } from './body.ts';
import type { Database } from './database.ts';
import { addLinks } from './lineage.ts';

type Batch = Parameters<MetadataStore['storeBatch']>[0];
type Kept = { digest: Digest; hmac: string };

export function intakeQueries(database: Database): Pick<MetadataStore, 'storeBatch' | 'deadLetters' | 'counts' | 'countsByAdapter'> {
  return {
    async storeBatch(batch) {
      return database.write(() => new BatchWriter(database).write(batch));
    },

    async deadLetters({ limit, afterId }) {
      const rows = database.all<{ id: number; topic: string; partition: number; offset: string } & Omit<DeadLetter, 'position'>>(
        'SELECT * FROM dead_letters WHERE id > ? ORDER BY id LIMIT ?',
        afterId ?? 0,
        limit,
      );
      return rows.map(({ id, topic, partition, offset, reason, detail, hmac, at }) => ({ id, letter: { position: { topic, partition, offset }, reason, detail, hmac, at } }));
    },

    async counts(workload) {
      const count = (sql: string, ...values: string[]) => database.get<{ n: number }>(`SELECT count(*) AS n FROM ${sql}`, ...values)?.n ?? 0;
      return {
        interactions: count('interactions WHERE workload = ?', workload),
        failing: database.get<{ n: number }>('SELECT count(DISTINCT interaction_seq) AS n FROM failures WHERE workload = ?', workload)?.n ?? 0,
        corrections: count('corrections WHERE workload = ?', workload),
        parkedCorrections: count(
          'corrections AS c WHERE workload = ? AND NOT EXISTS (SELECT 1 FROM interactions AS i WHERE i.source = c.ref_source AND i.id = c.ref_id)',
          workload,
        ),
        cases: count('cases WHERE workload = ?', workload),
        // A record that could not be read belongs to no workload.
        deadLetters: count('dead_letters'),
        byClass: Object.fromEntries(
          database
            .all<{ class: FailureClass; n: number }>('SELECT class, count(DISTINCT interaction_seq) AS n FROM failures WHERE workload = ? GROUP BY class', workload)
            .map((row) => [row.class, row.n]),
        ),
      };
    },

    async countsByAdapter(workload) {
      const answered = database.all<{ adapterDigest: Digest | null; generation: number; interactions: number }>(
        'SELECT adapter_digest AS adapterDigest, generation, count(*) AS interactions FROM interactions WHERE workload = ? GROUP BY adapter_digest, generation ORDER BY generation, adapter_digest',
        workload,
      );
      const failed = database.all<{ adapterDigest: Digest | null; generation: number; class: FailureClass; n: number }>(
        `SELECT i.adapter_digest AS adapterDigest, i.generation, f.class, count(DISTINCT i.seq) AS n
         FROM failures AS f JOIN interactions AS i ON i.seq = f.interaction_seq WHERE f.workload = ? GROUP BY 1, 2, 3`,
        workload,
      );
      return answered.map((row) => ({
        ...row,
        byClass: Object.fromEntries(failed.filter((f) => f.adapterDigest === row.adapterDigest && f.generation === row.generation).map((f) => [f.class, f.n])),
      }));
    },
  };
}

/** Writes one batch inside a transaction that the caller holds. */
class BatchWriter {
  readonly #database: Database;
  readonly #links: LineageLink[] = [];
  readonly #result: BatchResult = { stored: 0, duplicates: 0, conflicts: 0, deadLetters: 0 };
  #seq = 0;

  constructor(database: Database) {
    this.#database = database;
  }

  write(batch: Batch): BatchResult {
    // Taken under the write lock, so that sequence numbers follow commit order.
    this.#seq = this.#database.get<{ last: number }>('SELECT last FROM sequence')?.last ?? 0;
    for (const item of batch.interactions) this.#interaction(item);
    for (const item of batch.corrections) this.#correction(item);
    for (const letter of batch.deadLetters) this.#deadLetter(letter);
    addLinks(this.#database, this.#links);
    this.#database.run('UPDATE sequence SET last = ?', this.#seq);
    return this.#result;
  }

  #interaction(item: NewInteraction): void {
    const { interaction, digest } = item;
    const { source, id, workload } = interaction;
    if (!this.#isNew(this.#database.get<Kept>('SELECT digest, hmac FROM interactions WHERE source = ? AND id = ?', source, id), item)) return;
    const side = this.#side(workload, item);
    const seq = this.#next();
    this.#database.run(
      'INSERT INTO interactions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
      ...[seq, digest, source, id, item.hmac, workload, interaction.adapterDigest, interaction.generation, item.ledger.clusterId],
      ...[JSON.stringify(item.findings), pack(interaction), ...columnsOf(item.position)],
    );
    for (const finding of item.findings) {
      // Findings that only inform, such as `undetermined`, stay with the interaction and make no failure.
      if (passes([finding])) continue;
      const failure: Failure = { schemaVersion: 1, interactionDigest: digest, workload, adapterDigest: interaction.adapterDigest, finding };
      const failureId = digestOfJson(failure);
      const changes = this.#database.run(
        'INSERT INTO failures (id, interaction_seq, workload, class, time, body) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING',
        ...[failureId, seq, workload, finding.class, interaction.time, pack(failure)],
      );
      if (changes > 0) this.#links.push({ fromKind: 'interaction', from: digest, relation: 'showed', toKind: 'failure', to: failureId });
    }
    // The ledger's side counts, not the one that the caller computed: shares may have changed since the cluster was first seen.
    if (item.drawn && side === 'eval') {
      const { caseDigest, drawOrder, label } = item.drawn;
      this.#database.run(
        'INSERT INTO cases (case_digest, workload, cluster_id, draw_order, label, body) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
        ...[caseDigest, workload, item.ledger.clusterId, drawOrder, Number(label), pack(item.drawn.case)],
      );
    }
    for (const parked of this.#database.all<{ digest: Digest }>('SELECT digest FROM corrections WHERE ref_source = ? AND ref_id = ?', source, id)) this.#corrects(parked.digest, digest);
  }

  #correction(item: NewCorrection): void {
    const { correction, digest } = item;
    const { source, id, interaction: ref } = correction;
    if (!this.#isNew(this.#database.get<Kept>('SELECT digest, hmac FROM corrections WHERE source = ? AND id = ?', source, id), item)) return;
    this.#database.run(
      'INSERT INTO corrections VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
      ...[this.#next(), digest, source, id, item.hmac, correction.workload, ref.source, ref.id, pack(correction), ...columnsOf(item.position)],
    );
    const corrected = this.#database.get<{ digest: Digest }>('SELECT digest FROM interactions WHERE source = ? AND id = ?', ref.source, ref.id);
    if (corrected) this.#corrects(digest, corrected.digest);
  }

  /** Counts a record that is kept already; one that claims the identity of another becomes a dead letter. */
  #isNew(kept: Kept | undefined, item: { hmac: string; position: RecordPosition | null }): boolean {
    if (kept === undefined) {
      this.#result.stored += 1;
      return true;
    }
    if (kept.hmac === item.hmac) {
      this.#result.duplicates += 1;
      return false;
    }
    this.#result.conflicts += 1;
    this.#deadLetter({
      position: item.position ?? { topic: '', partition: -1, offset: '' },
      reason: 'IDENTITY_CONFLICT',
      detail: `/id was first kept as ${kept.digest}`,
      hmac: item.hmac,
      at: new Date().toISOString(),
    });
    return false;
  }

  #deadLetter({ position, reason, detail, hmac, at }: DeadLetter): void {
    this.#result.deadLetters += this.#database.run(
      'INSERT INTO dead_letters (topic, partition, "offset", reason, detail, hmac, at) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
      ...[position.topic, position.partition, position.offset, reason, detail, hmac, at],
    );
  }

  /** The cluster's side for life: as the ledger has it, or as written now. */
  #side(workload: string, { ledger }: NewInteraction): Side {
    this.#database.run(
      'INSERT INTO split_ledger VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
      ...[workload, ledger.clusterId, ledger.side, ledger.clusterFunction, ledger.keyId],
    );
    const row = this.#database.get<{ side: Side }>('SELECT side FROM split_ledger WHERE workload = ? AND cluster_id = ?', workload, ledger.clusterId);
    return row?.side ?? ledger.side;
  }

  #corrects(correction: Digest, interaction: Digest): void {
    this.#links.push({ fromKind: 'interaction', from: interaction, relation: 'corrected_by', toKind: 'correction', to: correction });
  }

  #next(): number {
    this.#seq += 1;
    return this.#seq;
  }
}

const columnsOf = (position: RecordPosition | null): [string | null, number | null, string | null] => [position?.topic ?? null, position?.partition ?? null, position?.offset ?? null];
