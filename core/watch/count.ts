// Which answers a watch counts, and how often a caller may be counted.
import { hash } from 'node:crypto';
import type { FailureClass, Interaction } from '../contracts/index.ts';

/** An answer that was drawn while a holdback was on. */
export interface WatchedAnswer {
  arm: 'live' | 'holdback';
  share: number;
  /** 48 bits that stand for the session; null where the request was drawn by itself. */
  unit: number | null;
  tenant: string;
  /** The person or, with no person, the session behind it; null for a request that names neither. */
  caller: string | null;
  classes: FailureClass[];
}

/** Adds one count to its row of the window. `class` is '' for the answer itself. */
export interface CountRow {
  kind: 'tenant' | 'caller';
  who: string;
  share: number;
  arm: 'live' | 'holdback';
  class: FailureClass | '';
  answers: number;
}

/** A request that asks for several answers is drawn once: only its first answer, whose id has no number behind it, counts. */
const FURTHER_ANSWER = /#\d+$/;

type Fields = Pick<Interaction, 'id' | 'tenant' | 'session' | 'subject' | 'finishReason' | 'holdback'>;

/**
 * The answer as the watch sees it; null when nobody drew it (no holdback was on, or it came past the gateway) or its client left
 * before it was whole: an answer that was cut off says nothing of the adapter.
 */
export function watchedAnswer({ id, tenant, session, subject, finishReason, holdback }: Fields, classes: readonly FailureClass[]): WatchedAnswer | null {
  if (holdback === undefined || finishReason === 'aborted' || FURTHER_ANSWER.test(id)) return null;
  const unit = session === undefined ? null : parseInt(hash('sha256', `${tenant}\n${session}`, 'hex').slice(0, 12), 16);
  return { arm: holdback.arm, share: holdback.share, unit, tenant, caller: subject === undefined ? null : `${tenant} ${subject}`, classes: [...new Set(classes)] };
}

/**
 * Counts a batch. The draw gives each session one arm, and a client can read which; so a session counts once, by its first answer:
 * what it sends after it has seen its arm changes nothing. And a caller counts at most `perCaller` times, whatever its sessions.
 * @param known units already counted, and how often each caller was
 */
export function countAnswers(answers: readonly WatchedAnswer[], known: { units: ReadonlySet<number>; callers: ReadonlyMap<string, number> }, perCaller: number): { units: number[]; rows: CountRow[] } {
  const units = new Set<number>();
  const callers = new Map(known.callers);
  const rows = new Map<string, CountRow>();
  const add = (row: Omit<CountRow, 'answers'>): void => {
    const key = `${row.kind} ${row.share} ${row.arm} ${row.class} ${row.who}`;
    const kept = rows.get(key);
    if (kept === undefined) rows.set(key, { ...row, answers: 1 });
    else kept.answers += 1;
  };
  for (const { arm, share, unit, tenant, caller, classes } of answers) {
    if (unit !== null) {
      if (known.units.has(unit) || units.has(unit)) continue;
      units.add(unit);
    }
    if (caller !== null) {
      const counted = callers.get(caller) ?? 0;
      if (counted >= perCaller) continue;
      callers.set(caller, counted + 1);
    }
    for (const name of ['' as const, ...classes]) {
      add({ kind: 'tenant', who: tenant, share, arm, class: name });
      if (caller !== null) add({ kind: 'caller', who: caller, share, arm, class: name });
    }
  }
  return { units: [...units], rows: [...rows.values()] };
}
