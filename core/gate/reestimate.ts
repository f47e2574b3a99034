// The gain of a promoted adapter, estimated again on cases that had no part in choosing it.
import type { Digest, Outcome, Verdict } from '../contracts/index.ts';
import { answered, countPairs, pairOutcomes } from './pairs.ts';
import { measurePairs } from './rule.ts';
import type { Interval } from './statistics.ts';

export interface GainEstimate {
  n: number;
  b: number;
  c: number;
  effect: number;
  interval: Interval;
}

/**
 * A report, never a decision. The verdict that promoted an adapter overstates its gain on average, because only
 * estimates that were large enough promoted (the winner's curse); fresh cases do not know that.
 */
export interface Reestimate {
  schemaVersion: 1;
  runId: string;
  /** The promotion that is looked at again. */
  verdictDigest: Digest;
  adapterDigest: Digest;
  predecessorDigest: Digest | null;
  first: GainEstimate;
  fresh: GainEstimate;
  estimatedAt: string;
}

const estimateOf = ({ n, b, c, effect, interval }: GainEstimate): GainEstimate => ({ n, b, c, effect, interval });

/** @param outcomes of the live adapter (`candidate`) and of the one it took the place of (`current`) on the fresh cases */
export function reestimate(verdict: Verdict, outcomes: readonly Outcome[]): Pick<Reestimate, 'first' | 'fresh'> {
  const pairs = pairOutcomes(outcomes, { candidate: verdict.candidateDigest, current: verdict.currentDigest });
  const passes = (outcome: Outcome | null): boolean => answered(outcome) && outcome.pass;
  const { n, b, c } = countPairs(pairs, ({ candidate }) => passes(candidate), ({ current }) => passes(current));
  return { first: estimateOf(verdict), fresh: estimateOf(measurePairs(b, c, n)) };
}

const points = (share: number): string => (share * 100).toFixed(1).replace(/^-0\.0$/, '0.0');
const gainInWords = ({ n, effect, interval: [low, high] }: GainEstimate): string => `${points(effect)} points on ${n} cases (95 % interval ${points(low)} to ${points(high)})`;

export const reestimateInWords = ({ first, fresh }: Pick<Reestimate, 'first' | 'fresh'>): string => `re-estimated gain ${gainInWords(fresh)}; when it was promoted ${gainInWords(first)}`;
