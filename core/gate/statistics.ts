// The paired statistics of the gate. b: cases that only the candidate passes; c: cases that only the current passes.
import { binomialPoint, binomialUpperTail, bisect, normalQuantile, normalTail } from './distributions.ts';

/** Lower and upper end, in the unit of the quantity. */
export type Interval = [number, number];

/**
 * Exact one-sided McNemar test that the candidate is better: P(X ≥ b) for X ~ Binomial(b + c, 1/2). Conditional on the
 * discordant pairs, so its level holds for every n. 1 when no pair is discordant.
 * (McNemar 1947, Psychometrika 12:153; the exact form is the sign test on the discordant pairs.)
 */
export const mcnemarOneSided = (b: number, c: number): number => binomialUpperTail(b, b + c, 0.5);

/** Exact two-sided version, for a person: twice the smaller tail, at most 1. The gate decides by the one-sided test. */
export const mcnemarTwoSided = (b: number, c: number): number => Math.min(1, 2 * Math.min(mcnemarOneSided(b, c), mcnemarOneSided(c, b)));

/** Mid-p version: half the probability of the observed table. Nearer to the level on average, but may pass it: to look at, not to decide by. (Fagerland et al. 2013, BMC Med Res Methodol 13:91.) */
export const mcnemarMidP = (b: number, c: number): number => mcnemarOneSided(b, c) - binomialPoint(b, b + c, 0.5) / 2;

/** Wilson's score interval of a proportion. [0, 1] for n = 0. (Wilson 1927, JASA 22:209.) */
export function wilson(successes: number, n: number, confidence = 0.95): Interval {
  if (n === 0) return [0, 1];
  const z = normalQuantile((1 - confidence) / 2);
  const share = successes / n;
  const centre = share + (z * z) / (2 * n);
  const half = z * Math.sqrt((share * (1 - share)) / n + (z * z) / (4 * n * n));
  const scale = 1 + (z * z) / n;
  // The ends at no and at all successes are 0 and 1; rounding must not move them.
  return [successes === 0 ? 0 : Math.max(0, (centre - half) / scale), successes === n ? 1 : Math.min(1, (centre + half) / scale)];
}

/** Exact (conservative) interval of a proportion, by inverting the two binomial tails. [0, 1] for n = 0. (Clopper and Pearson 1934, Biometrika 26:404.) */
export function clopperPearson(successes: number, n: number, confidence = 0.95): Interval {
  const tail = (1 - confidence) / 2;
  const lower = successes === 0 ? 0 : bisect((p) => tail - binomialUpperTail(successes, n, p), 0, 1);
  const upper = successes === n ? 1 : bisect((p) => 1 - binomialUpperTail(successes + 1, n, p) - tail, 0, 1);
  return [lower, upper];
}

/**
 * Exact upper bound, at `level`, of a rate that was never seen in n cases: 1 − level^(1/n), the one-sided Clopper–Pearson
 * bound at 0 of n. At level 0.05 about 3/n ("rule of three": Hanley and Lippman-Hand 1983, JAMA 249:1743). 1 for n = 0.
 */
export const zeroEventUpper = (n: number, level: number): number => (n === 0 ? 1 : -Math.expm1(Math.log(level) / n));

/** Smallest n of which 0 events show, at `level`, that the rate is below `rate`: ln(level) / ln(1 − rate), rounded up. */
export const casesForZeroEvents = (rate: number, level: number): number => (rate >= 1 ? 1 : Math.ceil(Math.log(level) / Math.log1p(-rate)));

/**
 * Tango's score statistic of the hypothesis p(b) − p(c) = d, positive where the pairs show less than d.
 * Under d the share of c-pairs is estimated by constrained maximum likelihood.
 */
function scoreStatistic(b: number, c: number, n: number, d: number): { distance: number; variance: number } {
  const linear = -b - c + (2 * n - b + c) * d;
  const root = Math.sqrt(Math.max(0, linear * linear + 8 * n * c * d * (1 - d)));
  const onlyC = (root - linear) / (4 * n);
  return { distance: b - c - n * d, variance: n * Math.max(0, 2 * onlyC + d * (1 - d)) };
}

/**
 * One-sided p-value of "the candidate's rate is worse than the current's by at least `margin`": small where it is not
 * inferior. b: only the candidate passes; c: only the current; 0 < margin < 1. At margin 0 this would be McNemar's
 * asymptotic test, which the gate never uses. (Tango 1998, Stat Med 17:891; Liu et al. 2002, Stat Med 21:231.)
 */
export function nonInferiorityP(b: number, c: number, n: number, margin: number): number {
  if (n === 0) return 1;
  const { distance, variance } = scoreStatistic(b, c, n, -margin);
  return variance === 0 ? Number(distance <= 0) : normalTail(distance / Math.sqrt(variance));
}

/**
 * Largest difference in rate, p(b) − p(c), that the pairs do not refute at this one-sided level: Tango's score bound.
 * The constrained estimate keeps the bound away from b/n − c/n even where no pair is discordant. (Tango 1998, Stat Med 17:891.)
 */
function scoreUpper(b: number, c: number, n: number, level: number): number {
  if (b === n) return 1;
  const z = normalQuantile(level);
  const notRefuted = (d: number): number => {
    const { distance, variance } = scoreStatistic(b, c, n, d);
    return distance + z * Math.sqrt(variance);
  };
  // From the estimate upwards: below it nothing is refuted, and for b = c = 0 the statistic touches 0 at the estimate itself.
  return bisect(notRefuted, (b - c) / n, 1);
}

/**
 * One-sided bounds of the paired difference p(b) − p(c), each at `level` (0.05: each end is passed in one of 20 cases).
 * A lower bound above 0 also needs the exact McNemar test to refute 0 at that level, an upper bound below 0 likewise:
 * with few discordant pairs the score bound alone is too bold there. [−1, 1] for n = 0.
 */
export function pairedDifferenceBounds(b: number, c: number, n: number, level: number): Interval {
  if (n === 0) return [-1, 1];
  const lower = 0 - scoreUpper(c, b, n, level);
  const upper = scoreUpper(b, c, n, level);
  return [mcnemarOneSided(b, c) <= level ? lower : Math.min(0, lower), mcnemarOneSided(c, b) <= level ? upper : Math.max(0, upper)];
}

/** Two-sided interval of the paired difference p(b) − p(c), by Tango's score method. */
export const pairedDifferenceInterval = (b: number, c: number, n: number, confidence = 0.95): Interval => pairedDifferenceBounds(b, c, n, (1 - confidence) / 2);

/**
 * One-sided bounds of a median, each at `level`, from order statistics (the sign test inverted): no assumption on the
 * distribution. ±Infinity where there are too few values for the level.
 * @returns the sample median with its bounds; null for no values
 */
export function medianBounds(values: readonly number[], level: number): { median: number; lower: number; upper: number } | null {
  const sorted = [...values].sort((x, y) => x - y);
  const n = sorted.length;
  const at = (index: number): number => sorted[index] ?? Number.NaN;
  if (n === 0) return null;
  // How many values can be cut off an end: the largest k with P(Binomial(n, 1/2) < k) ≤ level.
  let cut = 0;
  while (cut < n && 1 - binomialUpperTail(cut + 1, n, 0.5) <= level) cut += 1;
  const middle = n % 2 === 1 ? at((n - 1) / 2) : (at(n / 2 - 1) + at(n / 2)) / 2;
  return { median: middle, lower: cut === 0 ? -Infinity : at(cut - 1), upper: cut === 0 ? Infinity : at(n - cut) };
}
