// Counts over the repetitions: how often a period had a false promotion, and how many of the better candidates went live.
import { clopperPearson, type Interval } from '../statistics.ts';
import type { Decision } from '../../contracts/index.ts';

export interface Tally {
  periods: number;
  /** Periods with at least one promotion of a candidate that is not better. */
  periodsWithFalse: number;
  /** Judged candidates that are not better, and those of them that were promoted, rejected, held. */
  notBetter: Record<Decision | 'all', number>;
  better: Record<Decision | 'all', number>;
  casesUsed: number;
}

const none = (): Record<Decision | 'all', number> => ({ all: 0, promote: 0, reject: 0, hold: 0 });

export const emptyTally = (): Tally => ({ periods: 0, periodsWithFalse: 0, notBetter: none(), better: none(), casesUsed: 0 });

export function count(tally: Tally, isBetter: boolean, decision: Decision, cases: number): void {
  const side = isBetter ? tally.better : tally.notBetter;
  side.all += 1;
  side[decision] += 1;
  tally.casesUsed += cases;
}

export interface Share {
  share: number;
  /** Exact 95 % interval of the share, over the repetitions. */
  interval: Interval;
}

export const shareOf = (hits: number, all: number): Share | null => (all === 0 ? null : { share: hits / all, interval: clopperPearson(hits, all) });
