// Joins the outcomes of both arms by case: the pairs that every number of a verdict is made from.
import type { Digest, Outcome } from '../contracts/index.ts';
import { RatchetError } from '../errors.ts';
import type { ClusterCounts } from './clusters.ts';

/** null: the arm gave nothing for this case, which is its failure. */
export interface Pair {
  caseDigest: Digest;
  clusterId: Digest;
  candidate: Outcome | null;
  current: Outcome | null;
}

/** A time-out or an error leaves an outcome without an answer. */
export const answered = (outcome: Outcome | null): outcome is Outcome => outcome !== null && outcome.answerDigest !== null;

/** One letter per pair of passes: `b` only the candidate passes, `c` only the current. */
export interface PairCounts {
  n: number;
  b: number;
  c: number;
  bothPass: number;
  bothFail: number;
}

/**
 * Pairs in order of their case's digest.
 * @throws REQUEST_INVALID when an outcome comes from another adapter than its arm's, an arm answered a case twice, or
 *   the arms name two clusters of one case: the test would count the same evidence twice or measure the wrong model
 */
export function pairOutcomes(outcomes: readonly Outcome[], adapters: { candidate: Digest; current: Digest | null }): Pair[] {
  const pairs = new Map<Digest, Pair>();
  for (const outcome of outcomes) {
    const { caseDigest, clusterId, arm } = outcome;
    if (outcome.adapterDigest !== adapters[arm]) {
      throw new RatchetError('REQUEST_INVALID', `the ${arm} arm's outcome of case ${caseDigest} was answered by ${outcome.adapterDigest ?? 'the base model'}, not by ${adapters[arm] ?? 'the base model'}`);
    }
    const pair = pairs.get(caseDigest) ?? { caseDigest, clusterId, candidate: null, current: null };
    if (pair.clusterId !== clusterId) throw new RatchetError('REQUEST_INVALID', `the outcomes of case ${caseDigest} name the clusters ${pair.clusterId} and ${clusterId}; a case is of one cluster`);
    if (pair[arm] !== null) throw new RatchetError('REQUEST_INVALID', `the ${arm} arm has two outcomes of case ${caseDigest}; only the first answer counts`);
    pair[arm] = outcome;
    pairs.set(caseDigest, pair);
  }
  return [...pairs.values()].sort((x, y) => (x.caseDigest < y.caseDigest ? -1 : 1));
}

/** Counts pairs by a yes-or-no property of each arm's outcome. */
export function countPairs(pairs: readonly Pair[], candidateHas: (pair: Pair) => boolean, currentHas: (pair: Pair) => boolean): PairCounts {
  const counts: PairCounts = { n: pairs.length, b: 0, c: 0, bothPass: 0, bothFail: 0 };
  for (const pair of pairs) {
    const candidate = candidateHas(pair);
    const current = currentHas(pair);
    if (candidate && current) counts.bothPass += 1;
    else if (candidate) counts.b += 1;
    else if (current) counts.c += 1;
    else counts.bothFail += 1;
  }
  return counts;
}

/** The same count per cluster, in the order in which the clusters first appear. */
export function countClusters(pairs: readonly Pair[], candidateHas: (pair: Pair) => boolean, currentHas: (pair: Pair) => boolean): ClusterCounts[] {
  const clusters = new Map<Digest, ClusterCounts>();
  for (const pair of pairs) {
    const counts = clusters.get(pair.clusterId) ?? { n: 0, b: 0, c: 0 };
    const candidate = candidateHas(pair);
    const current = currentHas(pair);
    counts.n += 1;
    counts.b += Number(candidate && !current);
    counts.c += Number(current && !candidate);
    clusters.set(pair.clusterId, counts);
  }
  return [...clusters.values()];
}
