// Joins both arms' outcomes of a suite by case, and counts for one metric where only one of them was bad.
import type { SuiteMetric, SuiteOutcome } from '../contracts/index.ts';
import type { ClusterCounts } from '../gate/clusters.ts';

export interface SuitePair {
  cluster: string;
  /** null: the arm was not asked. */
  candidate: SuiteOutcome | null;
  current: SuiteOutcome | null;
}

/** By suite, in order of the cases' names. Base outcomes are left out: they are for the report. */
export function pairSuites(outcomes: readonly SuiteOutcome[]): Map<string, SuitePair[]> {
  const bySuite = new Map<string, Map<string, SuitePair>>();
  for (const outcome of outcomes) {
    if (outcome.arm === 'base') continue;
    const pairs = bySuite.get(outcome.suite) ?? new Map<string, SuitePair>();
    bySuite.set(outcome.suite, pairs);
    const pair = pairs.get(outcome.caseId) ?? { cluster: outcome.cluster, candidate: null, current: null };
    pairs.set(outcome.caseId, { ...pair, [outcome.arm]: outcome });
  }
  return new Map([...bySuite].map(([suite, pairs]) => [suite, [...pairs].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, pair]) => pair)]));
}

const isAnswered = (outcome: SuiteOutcome | null): outcome is SuiteOutcome => outcome !== null && outcome.answerDigest !== null;

/** What went wrong, one value for each thing looked at; an arm that gave no answer was wrong in all of them. */
const wrongs = (outcome: SuiteOutcome | null, metric: string, things: number): boolean[] => {
  const scores = isAnswered(outcome) ? (outcome.scores[metric] ?? []) : [];
  return Array.from({ length: things }, (_, index) => scores[index] !== true);
};

/**
 * Counts for the harm in a metric: `b` only the candidate is wrong, `c` only the current. The current's missing answers never
 * excuse the candidate's failures. Empty where the suite does not measure it, or an arm was not asked a case.
 */
export function harmCounts(pairs: readonly SuitePair[], metric: Exclude<SuiteMetric, 'latency' | 'length'>): ClusterCounts[] {
  if (pairs.some(({ candidate, current }) => candidate === null || current === null)) return [];
  const name = metric === 'any_attack' ? 'attack' : metric;
  const clusters = new Map<string, { candidate: boolean[]; current: boolean[] }>();
  for (const { cluster, candidate, current } of pairs) {
    const things = Math.max(0, ...[candidate, current].filter(isAnswered).map((outcome) => outcome.scores[name]?.length ?? 0));
    const counts = clusters.get(cluster) ?? { candidate: [], current: [] };
    counts.candidate.push(...wrongs(candidate, name, things));
    counts.current.push(...(isAnswered(current) ? wrongs(current, name, things) : Array.from({ length: things }, () => false)));
    clusters.set(cluster, counts);
  }
  return [...clusters.values()]
    .map((counts) => (metric === 'any_attack' && counts.candidate.length > 0 ? { candidate: [counts.candidate.some(Boolean)], current: [counts.current.some(Boolean)] } : counts))
    .filter(({ candidate }) => candidate.length > 0)
    .map(({ candidate, current }) => ({
      n: candidate.length,
      b: candidate.filter((wrong, index) => wrong && current[index] !== true).length,
      c: current.filter((wrong, index) => wrong && candidate[index] !== true).length,
    }));
}

/** For latency and length: what each arm needed. A kept answer's latency was measured under another load and says nothing here. */
export function amounts(pairs: readonly SuitePair[], metric: 'latency' | 'length'): { clusterId: string; candidate: number | null; current: number | null }[] {
  const amount = (outcome: SuiteOutcome | null): number | null => (isAnswered(outcome) ? (metric === 'latency' ? outcome.latencyMs : outcome.outputTokens) : null);
  return pairs
    .filter(({ candidate, current }) => metric === 'length' || (isAnswered(candidate) && isAnswered(current) ? candidate.askedIn === current.askedIn : true))
    .map(({ cluster, candidate, current }) => ({ clusterId: cluster, candidate: amount(candidate), current: amount(current) }));
}
