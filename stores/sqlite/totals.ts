// Totals of intake: added up while a batch is written, kept in the same transaction, read without counting rows.
import { FAILURE_CLASSES, type Digest, type FailureClass, type Interaction } from '../../core/contracts/index.ts';
import type { MetadataStore } from '../ports.ts';
import type { Database } from './database.ts';

type Answer = Pick<Interaction, 'workload' | 'adapterDigest' | 'generation'>;
type PerWorkload = 'corrections' | 'parked' | 'cases';

interface Sum {
  answer: Answer;
  answers: number;
  failing: number;
  byClass: Map<FailureClass, number>;
}

const BASE = '';

/** What one batch adds. Whatever deletes rows of intake must take them off here too. */
export class TotalsDelta {
  readonly #sums = new Map<string, Sum>();
  readonly #workloads = new Map<string, Record<PerWorkload, number>>();
  readonly #letters = new Map<string, number>();

  /** @param classes of its failures; one that is there twice counts once */
  answer(answer: Answer, classes: Iterable<FailureClass>): void {
    const key = `${answer.workload} ${answer.generation} ${answer.adapterDigest ?? BASE}`;
    let sum = this.#sums.get(key);
    if (sum === undefined) this.#sums.set(key, (sum = { answer, answers: 0, failing: 0, byClass: new Map() }));
    const distinct = new Set(classes);
    sum.answers += 1;
    if (distinct.size > 0) sum.failing += 1;
    for (const name of distinct) sum.byClass.set(name, (sum.byClass.get(name) ?? 0) + 1);
  }

  workload(name: string, what: PerWorkload, by: number): void {
    let row = this.#workloads.get(name);
    if (row === undefined) this.#workloads.set(name, (row = { corrections: 0, parked: 0, cases: 0 }));
    row[what] += by;
  }

  deadLetter(reason: string, by: number): void {
    this.#letters.set(reason, (this.#letters.get(reason) ?? 0) + by);
  }

  /** Inside the transaction that writes the rows. */
  addTo(database: Database): void {
    for (const { answer, answers, failing, byClass } of this.#sums.values()) {
      const key = [answer.workload, answer.adapterDigest ?? BASE, answer.generation] as const;
      database.run('INSERT INTO answer_totals VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET answers = answers + excluded.answers, failing = failing + excluded.failing', ...key, answers, failing);
      for (const [name, count] of byClass) database.run('INSERT INTO class_totals VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET answers = answers + excluded.answers', ...key, name, count);
    }
    for (const [name, { corrections, parked, cases }] of this.#workloads) {
      database.run(
        'INSERT INTO workload_totals VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET corrections = corrections + excluded.corrections, parked = parked + excluded.parked, cases = cases + excluded.cases',
        ...[name, corrections, parked, cases],
      );
    }
    for (const [reason, count] of this.#letters) database.run('INSERT INTO dead_letter_totals VALUES (?, ?) ON CONFLICT DO UPDATE SET open = open + excluded.open', reason, count);
  }
}

interface ClassRow {
  adapterDigest: Digest;
  generation: number;
  class: FailureClass;
  answers: number;
}

/** In the order of the contract's list of classes. */
function byClass(rows: readonly ClassRow[]): Partial<Record<FailureClass, number>> {
  const sums: Partial<Record<FailureClass, number>> = {};
  for (const name of FAILURE_CLASSES) {
    const sum = rows.reduce((all, row) => all + (row.class === name ? row.answers : 0), 0);
    if (sum > 0) sums[name] = sum;
  }
  return sums;
}

export function totalsQueries(database: Database): Pick<MetadataStore, 'counts' | 'countsByAdapter' | 'deadLetterTotals'> {
  const answers = (workload: string) =>
    database.all<{ adapterDigest: Digest; generation: number; answers: number; failing: number }>(
      'SELECT adapter_digest AS adapterDigest, generation, answers, failing FROM answer_totals WHERE workload = ? ORDER BY generation, adapter_digest',
      workload,
    );
  const classes = (workload: string) => database.all<ClassRow>('SELECT adapter_digest AS adapterDigest, generation, class, answers FROM class_totals WHERE workload = ?', workload);

  return {
    async counts(workload) {
      const rows = answers(workload);
      const kept = database.get<Record<PerWorkload, number>>('SELECT corrections, parked, cases FROM workload_totals WHERE workload = ?', workload);
      return {
        interactions: rows.reduce((sum, row) => sum + row.answers, 0),
        failing: rows.reduce((sum, row) => sum + row.failing, 0),
        corrections: kept?.corrections ?? 0,
        parkedCorrections: kept?.parked ?? 0,
        cases: kept?.cases ?? 0,
        // A record that could not be read belongs to no workload.
        deadLetters: database.get<{ open: number }>('SELECT coalesce(sum(open), 0) AS open FROM dead_letter_totals')?.open ?? 0,
        byClass: byClass(classes(workload)),
      };
    },

    async countsByAdapter(workload) {
      const failed = classes(workload);
      return answers(workload).map(({ adapterDigest, generation, answers: interactions }) => ({
        adapterDigest: adapterDigest === BASE ? null : adapterDigest,
        generation,
        interactions,
        byClass: byClass(failed.filter((row) => row.adapterDigest === adapterDigest && row.generation === generation)),
      }));
    },

    async deadLetterTotals() {
      return database.all<{ reason: string; open: number }>('SELECT reason, open FROM dead_letter_totals WHERE open > 0 ORDER BY open DESC, reason').map(({ reason, open }) => ({ reason, open }));
    },
  };
}

/** Corrections of any workload whose interaction has not come yet. */
export const parkedCorrections = (database: Database): number => database.get<{ parked: number }>('SELECT coalesce(sum(parked), 0) AS parked FROM workload_totals')?.parked ?? 0;
