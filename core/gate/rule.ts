// The rule that turns counts into promote, reject or hold: the same for a night, for two files, and for a simulation.
import type { Decision, GuardResult } from '../contracts/index.ts';
import { clusteredDifferenceBounds, signFlipOneSided, totals, type ClusterCounts } from './clusters.ts';
import { mcnemarOneSided, pairedDifferenceInterval, type Interval } from './statistics.ts';

export type PrimaryTest = 'mcnemar_exact' | 'cluster_sign_flip_exact' | 'cluster_sign_flip_monte_carlo';

/** What the pairs show, before any level is set against it. */
export interface Measured {
  n: number;
  b: number;
  c: number;
  clusters: number;
  test: PrimaryTest;
  /** One-sided, that the candidate is better. */
  p: number;
  /** (b − c) / n: the difference in pass rate. */
  effect: number;
  /** Two-sided 95 % interval of the effect. */
  interval: Interval;
}

/** Pairs that are independent of each other: one case per cluster. */
export function measurePairs(b: number, c: number, n: number): Measured {
  return { n, b, c, clusters: n, test: 'mcnemar_exact', p: mcnemarOneSided(b, c), effect: n === 0 ? 0 : (b - c) / n, interval: pairedDifferenceInterval(b, c, n) };
}

const HALF_OF_INTERVAL = 0.025;

/** Pairs by cluster: the sign-flip test and clustered bounds where a cluster gives several cases, else as independent pairs. */
export function measureClusters(clusters: readonly ClusterCounts[]): Measured {
  const { n, b, c, effect } = totals(clusters);
  if (clusters.every((cluster) => cluster.n === 1)) return measurePairs(b, c, n);
  const { p, method } = signFlipOneSided(clusters.map((cluster) => cluster.b - cluster.c));
  return { n, b, c, clusters: clusters.length, test: `cluster_sign_flip_${method}`, p, effect, interval: clusteredDifferenceBounds(clusters, HALF_OF_INTERVAL) };
}

export type Cause = 'too_few_cases' | 'guard_breached' | 'gain_proven' | 'guard_undecided' | 'no_gain' | 'smallest_gain_ruled_out' | 'not_enough_evidence';

export interface RuleInput {
  measured: Pick<Measured, 'n' | 'p' | 'effect' | 'interval'>;
  /** Cases fixed before training. */
  plannedN: number;
  /** One-sided level of this decision. */
  level: number;
  smallestGain: number;
  guards: readonly Pick<GuardResult, 'result' | 'critical'>[];
}

/** The first line that applies decides; only a gain proven within the level, with no guard in the way, promotes. */
export function applyRule({ measured, plannedN, level, smallestGain, guards }: RuleInput): { decision: Decision; cause: Cause } {
  if (measured.n < plannedN) return { decision: 'hold', cause: 'too_few_cases' };
  if (guards.some((guard) => guard.result === 'breach')) return { decision: 'reject', cause: 'guard_breached' };
  if (measured.p <= level) {
    if (guards.some((guard) => guard.critical && guard.result === 'undecided')) return { decision: 'hold', cause: 'guard_undecided' };
    return { decision: 'promote', cause: 'gain_proven' };
  }
  if (measured.effect <= 0) return { decision: 'reject', cause: 'no_gain' };
  if (measured.interval[1] < smallestGain) return { decision: 'reject', cause: 'smallest_gain_ruled_out' };
  return { decision: 'hold', cause: 'not_enough_evidence' };
}
