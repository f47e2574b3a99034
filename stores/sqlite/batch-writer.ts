// Writes one batch of intake inside a transaction; all that can be worked out before the write lock is taken is worked out before.
import { Correction, Interaction, type Digest, type Failure, type FailureClass, type LedgerEntry, type Side } from '../../core/contracts/index.ts';
import { canonicalJson, digestOfBytes } from '../../core/digest.ts';
import { passes } from '../../core/detect/index.ts';
import type { BatchResult, DeadLetter, IntakeBatch, LineageLink, MeetCorrection, NewCorrection, NewInteraction, RecordPosition } from '../ports.ts';
import { pack, packText, unpackChecked } from './body.ts';
import type { Database } from './database.ts';
import { digestIs, identityKey } from './keys.ts';
import { addLinks } from './lineage.ts';
import { TotalsDelta, parkedCorrections } from './totals.ts';

type Kept = { digest: Digest; hmac: string };
type FailureRow = { id: Digest; class: FailureClass; body: Uint8Array };

/** Rows of a batch as columns: packed and hashed outside of the transaction, so that other processes wait for SQLite alone. */
export interface PreparedBatch {
  interactions: { item: NewInteraction; key: number; body: Uint8Array; findings: string; failures: FailureRow[] }[];
  corrections: { item: NewCorrection; body: Uint8Array }[];
  deadLetters: readonly DeadLetter[];
}

export function prepared({ interactions, corrections, deadLetters }: IntakeBatch): PreparedBatch {
  return {
    interactions: interactions.map((item) => ({ item, key: identityKey(item.interaction.source, item.interaction.id), body: packText(item.text), findings: JSON.stringify(item.findings), failures: failuresOf(item) })),
    corrections: corrections.map((item) => ({ item, body: pack(item.correction) })),
    deadLetters,
  };
}

/** Findings that only inform, such as `undetermined`, stay with the interaction and make no failure. */
function failuresOf({ digest, interaction, findings }: NewInteraction): FailureRow[] {
  const { workload, adapterDigest } = interaction;
  return findings
    .filter((finding) => !passes([finding]))
    .map((finding) => {
      const failure: Failure = { schemaVersion: 1, interactionDigest: digest, workload, adapterDigest, finding };
      const text = canonicalJson(failure);
      return { id: digestOfBytes(text), class: finding.class, body: packText(text) };
    });
}

export class BatchWriter {
  readonly #database: Database;
  readonly #meet: MeetCorrection;
  readonly #links: LineageLink[] = [];
  readonly #totals = new TotalsDelta();
  readonly #result: BatchResult = { stored: 0, duplicates: 0, conflicts: 0, deadLetters: 0 };
  #seq = 0;
  #parked = 0;

  /** For one batch: the write lock must be held from before until `write` returns. */
  constructor(database: Database, meet: MeetCorrection = (_, correction) => correction) {
    this.#database = database;
    this.#meet = meet;
  }

  write(batch: PreparedBatch): BatchResult {
    // Taken under the write lock, so that sequence numbers follow commit order.
    this.#seq = this.#database.get<{ last: number }>('SELECT last FROM sequence')?.last ?? 0;
    this.#parked = parkedCorrections(this.#database);
    for (const row of batch.interactions) this.#interaction(row);
    for (const row of batch.corrections) this.#correction(row);
    for (const letter of batch.deadLetters) this.#deadLetter(letter);
    addLinks(this.#database, this.#links);
    this.#totals.addTo(this.#database);
    this.#database.run('UPDATE sequence SET last = ?', this.#seq);
    return this.#result;
  }

  #interaction({ item, key, body, findings, failures }: PreparedBatch['interactions'][number]): void {
    const { interaction, digest, ledger } = item;
    const { source, id, workload, adapterDigest, generation, time } = interaction;
    const seq = this.#seq + 1;
    // Triggers ignore what is there already.
    const added = this.#database.run(
      'INSERT INTO interactions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
      ...[seq, digest, key, source, id, item.hmac, workload, adapterDigest, generation, ledger.clusterId, findings, body, ...columnsOf(item.position)],
    );
    if (added === 0) return this.#known(this.#database.get<Kept>('SELECT digest, hmac FROM interactions WHERE identity_key = ? AND source = ? AND id = ?', key, source, id), item);
    this.#seq = seq;
    this.#result.stored += 1;
    for (const failure of failures) {
      this.#database.run(
        'INSERT INTO failures (id, interaction_seq, workload, class, time, body) VALUES (?, ?, ?, ?, ?, ?)',
        ...[failure.id, seq, workload, failure.class, time, failure.body],
      );
    }
    this.#totals.answer(interaction, failures.map((failure) => failure.class));
    // The ledger's side counts, not the one that the caller computed: shares may have changed since the cluster was first seen.
    if (this.#side(workload, ledger) === 'eval' && item.drawn) this.#drawn(workload, ledger.clusterId, item.drawn);
    // Asked only while there is any: the question costs as much as an index of its own.
    if (this.#parked > 0) this.#unpark(interaction, digest);
  }

  /** A cluster gives one case. Packed only now: most clusters have theirs already. */
  #drawn(workload: string, clusterId: Digest, { case: evalCase, caseDigest, drawOrder, label }: NonNullable<NewInteraction['drawn']>): void {
    if (this.#database.get('SELECT 1 FROM cases WHERE workload = ? AND cluster_id = ?', workload, clusterId)) return;
    const added = this.#database.run(
      'INSERT INTO cases (case_digest, workload, cluster_id, draw_order, label, body) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
      ...[caseDigest, workload, clusterId, drawOrder, Number(label), pack(evalCase)],
    );
    this.#totals.workload(workload, 'cases', added);
  }

  /** Nothing names a parked correction yet, no link and no manifest: its row may become another document. */
  #unpark(interaction: Interaction, interactionDigest: Digest): void {
    const { source, id } = interaction;
    for (const { seq, digest, workload, body } of this.#database.all<{ seq: number; digest: Digest; workload: string; body: Uint8Array }>('SELECT seq, digest, workload, body FROM corrections WHERE ref_source = ? AND ref_id = ?', source, id)) {
      const met = this.#metBy(interaction, Correction.parse(unpackChecked(body, digest)), digest);
      if (met.digest !== digest) this.#database.run('UPDATE corrections SET digest = ?, body = ? WHERE seq = ?', met.digest, pack(met.correction), seq);
      this.#corrects(met.digest, interactionDigest);
      this.#totals.workload(workload, 'parked', -1);
      this.#parked -= 1;
    }
  }

  #correction({ item, body }: PreparedBatch['corrections'][number]): void {
    const { source, id, workload, interaction: ref } = item.correction;
    const seq = this.#seq + 1;
    const corrected = this.#database.get<{ digest: Digest; body: Uint8Array }>('SELECT digest, body FROM interactions WHERE identity_key = ? AND source = ? AND id = ?', identityKey(ref.source, ref.id), ref.source, ref.id);
    const { digest, correction } = corrected ? this.#metBy(Interaction.parse(unpackChecked(corrected.body, corrected.digest)), item.correction, item.digest) : item;
    const added = this.#database.run(
      'INSERT INTO corrections VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (source, id) DO NOTHING',
      ...[seq, digest, source, id, item.hmac, workload, ref.source, ref.id, digest === item.digest ? body : pack(correction), ...columnsOf(item.position)],
    );
    if (added === 0) return this.#known(this.#database.get<Kept>('SELECT digest, hmac FROM corrections WHERE source = ? AND id = ?', source, id), item);
    this.#seq = seq;
    this.#result.stored += 1;
    this.#totals.workload(workload, 'corrections', 1);
    if (corrected) this.#corrects(digest, corrected.digest);
    else this.#totals.workload(workload, 'parked', 1);
  }

  #metBy(interaction: Interaction, correction: Correction, digest: Digest): { correction: Correction; digest: Digest } {
    const met = this.#meet(interaction, correction);
    return met.answer === correction.answer ? { correction, digest } : { correction: met, digest: digestOfBytes(canonicalJson(met)) };
  }

  /** Counts a record that is kept already; one that claims the identity of another becomes a dead letter. */
  #known(kept: Kept | undefined, item: { hmac: string; position: RecordPosition | null }): void {
    if (kept?.hmac === item.hmac) {
      this.#result.duplicates += 1;
      return;
    }
    this.#result.conflicts += 1;
    this.#deadLetter({
      position: item.position ?? { topic: '', partition: -1, offset: '' },
      reason: 'IDENTITY_CONFLICT',
      detail: `/id was first kept as ${kept?.digest}`,
      hmac: item.hmac,
      at: new Date().toISOString(),
    });
  }

  #deadLetter({ position, reason, detail, hmac, at }: DeadLetter): void {
    const added = this.#database.run(
      'INSERT INTO dead_letters (topic, partition, "offset", reason, detail, hmac, at) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
      ...[position.topic, position.partition, position.offset, reason, detail, hmac, at],
    );
    this.#result.deadLetters += added;
    if (added > 0) this.#totals.deadLetter(reason, 1);
  }

  /** The cluster's side for life: as the ledger has it, or as written now. */
  #side(workload: string, { clusterId, side, clusterFunction, keyId }: LedgerEntry): Side {
    const added = this.#database.run('INSERT INTO split_ledger VALUES (?, ?, ?, ?, ?)', workload, clusterId, side, clusterFunction, keyId);
    if (added > 0) return side;
    return this.#database.get<{ side: Side }>(`SELECT side FROM split_ledger WHERE ${digestIs('cluster_id', '?2')} AND workload = ?1`, workload, clusterId)?.side ?? side;
  }

  #corrects(correction: Digest, interaction: Digest): void {
    this.#links.push({ fromKind: 'interaction', from: interaction, relation: 'corrected_by', toKind: 'correction', to: correction });
  }
}

const columnsOf = (position: RecordPosition | null): [string | null, number | null, string | null] => [position?.topic ?? null, position?.partition ?? null, position?.offset ?? null];
