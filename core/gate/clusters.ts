// Paired statistics where one cluster (a template, a conversation, a customer) gives several cases: its cases fall together.
import { binomialUpperTail, studentQuantile } from './distributions.ts';
import { fairHeads, seededRandom } from './random.ts';
import { pairedDifferenceBounds, type Interval } from './statistics.ts';

/** The pairs of one cluster, counted: b only the candidate passes, c only the current, n all. */
export interface ClusterCounts {
  n: number;
  b: number;
  c: number;
}

/** Additions that the exact distribution may cost; a tenth of a second or so. */
const EXACT_WORK = 1e8;
const DRAWS = 99_999;

export interface SignFlip {
  p: number;
  /** `exact`: the whole distribution; `monte_carlo`: `draws` seeded draws with the +1 correction, which keeps the level. */
  method: 'exact' | 'monte_carlo';
}

/** How many clusters have each absolute difference; clusters without a difference say nothing. */
function magnitudes(differences: readonly number[]): { counts: Map<number, number>; positive: number } {
  const counts = new Map<number, number>();
  let positive = 0;
  for (const difference of differences) {
    if (difference === 0) continue;
    const size = Math.abs(difference);
    counts.set(size, (counts.get(size) ?? 0) + 1);
    if (difference > 0) positive += difference;
  }
  // In one order whatever order the clusters came in: the same p to the last bit.
  return { counts: new Map([...counts].sort(([one], [other]) => one - other)), positive };
}

/** P(sum of the flipped-up differences ≥ `positive`): clusters of difference 1 are a binomial, the others are added one by one. */
function exactTail(counts: ReadonlyMap<number, number>, positive: number, largerTotal: number): number {
  const mass = new Float64Array(largerTotal + 1);
  mass[0] = 1;
  let reach = 0;
  for (const [size, clusters] of counts) {
    if (size === 1) continue;
    for (let k = 0; k < clusters; k += 1) {
      reach += size;
      for (let sum = reach; sum >= 0; sum -= 1) mass[sum] = ((mass[sum] ?? 0) + (sum >= size ? (mass[sum - size] ?? 0) : 0)) / 2;
    }
  }
  const ones = counts.get(1) ?? 0;
  let tail = 0;
  mass.forEach((probability, sum) => {
    if (probability > 0) tail += probability * binomialUpperTail(positive - sum, ones, 0.5);
  });
  return Math.min(1, tail);
}

/**
 * One-sided sign-flip test that the candidate is better, on the difference (b − c) of each cluster. Null hypothesis: within
 * a cluster the arms are exchangeable, so each difference has either sign with probability 1/2, however its cases hang
 * together. With clusters of one case it is the exact McNemar test. Exact by dynamic programming over the possible sums
 * where that is affordable, else Monte Carlo. (Fisher 1935, The Design of Experiments, 21; Canay, Romano and Shaikh 2017,
 * Econometrica 85:1013; +1: Phipson and Smyth 2010, SAGMB 9:39.)
 * @param differences whole numbers, one per cluster
 */
export function signFlipOneSided(differences: readonly number[], options: { seed?: number; draws?: number; exactWork?: number } = {}): SignFlip {
  const { seed = 1, draws = DRAWS, exactWork = EXACT_WORK } = options;
  const { counts, positive } = magnitudes(differences);
  let larger = 0;
  let largerTotal = 0;
  for (const [size, clusters] of counts) {
    if (size === 1) continue;
    larger += clusters;
    largerTotal += size * clusters;
  }
  if (larger * largerTotal <= exactWork) return { p: exactTail(counts, positive, largerTotal), method: 'exact' };
  const random = seededRandom(seed);
  const groups = [...counts];
  let reached = 0;
  for (let draw = 0; draw < draws; draw += 1) {
    let sum = 0;
    for (const [size, clusters] of groups) sum += size * fairHeads(random, clusters);
    if (sum >= positive) reached += 1;
  }
  return { p: (reached + 1) / (draws + 1), method: 'monte_carlo' };
}

/**
 * Standard error of the mean paired difference, cases of a cluster allowed to hang together: the sum over the clusters of
 * (sum of the cluster's deviations)², over n², times G / (G − 1) for G clusters. (Miller 2024, "Adding error bars to
 * evals", arXiv:2411.00640, section 2.2, without that last factor; Liang and Zeger 1986, Biometrika 73:13.)
 * @returns Infinity below two clusters
 */
export function clusteredStandardError(clusters: readonly ClusterCounts[]): number {
  const groups = clusters.filter(({ n }) => n > 0);
  if (groups.length < 2) return Infinity;
  const { n, effect } = totals(groups);
  const squares = groups.reduce((sum, each) => sum + (each.b - each.c - each.n * effect) ** 2, 0);
  return Math.sqrt((squares * groups.length) / (groups.length - 1)) / n;
}

export function totals(clusters: readonly ClusterCounts[]): ClusterCounts & { effect: number } {
  const sum = { n: 0, b: 0, c: 0 };
  for (const { n, b, c } of clusters) {
    sum.n += n;
    sum.b += b;
    sum.c += c;
  }
  return { ...sum, effect: sum.n === 0 ? 0 : (sum.b - sum.c) / sum.n };
}

/**
 * One-sided bounds of the paired difference, each at `level`, for clustered cases: the effect plus and minus Student's t
 * with G − 1 degrees of freedom times the clustered standard error, never narrower than the bounds of independent cases
 * (which also hold where no pair is discordant), and beyond 0 only where the sign-flip test refutes 0 at that level.
 */
export function clusteredDifferenceBounds(clusters: readonly ClusterCounts[], level: number, options: { seed?: number } = {}): Interval {
  const groups = clusters.filter(({ n }) => n > 0);
  const { n, b, c, effect } = totals(groups);
  const [independentLower, independentUpper] = pairedDifferenceBounds(b, c, n, level);
  if (groups.length === n) return [independentLower, independentUpper];
  const error = clusteredStandardError(groups);
  const half = groups.length < 2 ? Infinity : studentQuantile(level, groups.length - 1) * error;
  const lower = Math.max(-1, Math.min(independentLower, effect - half));
  const upper = Math.min(1, Math.max(independentUpper, effect + half));
  const refuted = (sign: 1 | -1): boolean => signFlipOneSided(groups.map((each) => sign * (each.b - each.c)), options).p <= level;
  return [lower > 0 && !refuted(1) ? 0 : lower, upper < 0 && !refuted(-1) ? 0 : upper];
}

/**
 * Percentile interval of the paired difference over clusters drawn with replacement: a second opinion that assumes no
 * distribution, for many clusters. The gate does not decide by it. (Efron and Tibshirani 1993, An Introduction to the
 * Bootstrap, chapter 13; Field and Welsh 2007, JRSS B 69:369.)
 * @returns [−1, 1] for no clusters
 */
export function clusterBootstrapInterval(clusters: readonly ClusterCounts[], options: { confidence?: number; seed?: number; draws?: number } = {}): Interval {
  const { confidence = 0.95, seed = 1, draws = 9_999 } = options;
  const groups = clusters.filter(({ n }) => n > 0);
  if (groups.length === 0) return [-1, 1];
  const random = seededRandom(seed);
  const effects = new Float64Array(draws);
  for (let draw = 0; draw < draws; draw += 1) {
    let difference = 0;
    let n = 0;
    for (let k = 0; k < groups.length; k += 1) {
      const group = groups[random.below(groups.length)];
      if (!group) continue;
      difference += group.b - group.c;
      n += group.n;
    }
    effects[draw] = difference / n;
  }
  effects.sort();
  const at = (share: number): number => effects[Math.min(draws - 1, Math.max(0, Math.ceil(share * (draws + 1)) - 1))] ?? 0;
  return [at((1 - confidence) / 2), at((1 + confidence) / 2)];
}
