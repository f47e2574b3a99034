// Binomial tails and normal quantiles to double precision, without tables and without overflow.

/** Stirling's series from here on; below, the sum of logarithms. Its next term is under 1e-16 at 256. */
const EXACT_BELOW = 256;
const LOG_FACTORIALS: readonly number[] = (() => {
  const logs = [0];
  for (let n = 1; n < EXACT_BELOW; n += 1) logs.push((logs[n - 1] ?? 0) + Math.log(n));
  return logs;
})();

function logFactorial(n: number): number {
  const known = LOG_FACTORIALS[n];
  if (known !== undefined) return known;
  return n * Math.log(n) - n + 0.5 * Math.log(2 * Math.PI * n) + 1 / (12 * n) - 1 / (360 * n ** 3) + 1 / (1260 * n ** 5);
}

/** Natural logarithm of n over k, for 0 ≤ k ≤ n. */
export const logChoose = (n: number, k: number): number => logFactorial(n) - logFactorial(k) - logFactorial(n - k);

/** P(X = k) for X ~ Binomial(n, p). */
export function binomialPoint(k: number, n: number, p: number): number {
  if (k < 0 || k > n) return 0;
  if (p <= 0) return k === 0 ? 1 : 0;
  if (p >= 1) return k === n ? 1 : 0;
  return Math.exp(logChoose(n, k) + k * Math.log(p) + (n - k) * Math.log1p(-p));
}

/** Sum of the falling terms from k upwards: only called above the mean, where every term is smaller than the one before. */
function fallingTail(k: number, n: number, p: number): number {
  const odds = p / (1 - p);
  let term = binomialPoint(k, n, p);
  let sum = 0;
  for (let j = k; j <= n && term > 0; j += 1) {
    sum += term;
    if (term < sum * 1e-18) break;
    term *= ((n - j) / (j + 1)) * odds;
  }
  return Math.min(1, sum);
}

/** P(X ≥ k) for X ~ Binomial(n, p). Small tails keep their relative precision: they are summed, never one minus something. */
export function binomialUpperTail(k: number, n: number, p: number): number {
  if (k <= 0) return 1;
  if (k > n || p <= 0) return 0;
  if (p >= 1) return 1;
  if (k > n * p) return fallingTail(k, n, p);
  // The lower tail is the upper tail of the failures.
  return 1 - fallingTail(n - k + 1, n, 1 - p);
}

/** ln P(X ≥ k) for X ~ Binomial(n, 1/2), also where the tail itself is below the smallest double. */
export function logFairUpperTail(k: number, n: number): number {
  if (k > n) return -Infinity;
  if (2 * k <= n + 1) return Math.log(binomialUpperTail(k, n, 0.5));
  let term = 1;
  let sum = 0;
  for (let j = k; j <= n && term >= sum * 1e-18; j += 1) {
    sum += term;
    term *= (n - j) / (j + 1);
  }
  return logChoose(n, k) - n * Math.LN2 + Math.log(sum);
}

/** P(Z > z) for a standard normal Z ≥ 0: the series of the integral near 0, Laplace's continued fraction further out. */
function normalUpperTail(z: number): number {
  const density = Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI);
  if (z < 2.5) {
    let term = z;
    let sum = z;
    for (let k = 1; term > sum * 1e-18; k += 1) {
      term *= (z * z) / (2 * k + 1);
      sum += term;
    }
    return 0.5 - density * sum;
  }
  let fraction = z;
  for (let k = 120; k >= 1; k -= 1) fraction = z + k / fraction;
  return density / fraction;
}

/** P(Z > z) for a standard normal Z. */
export const normalTail = (z: number): number => (z >= 0 ? normalUpperTail(z) : 1 - normalUpperTail(-z));

/** Few levels are asked for, each a great many times. */
const QUANTILES = new Map<number, number>();
const QUANTILES_KEPT = 256;

/** The z with P(Z > z) = tail, for 0 < tail ≤ 0.5; by bisection. */
export function normalQuantile(tail: number): number {
  const known = QUANTILES.get(tail);
  if (known !== undefined) return known;
  const z = bisect((at) => normalUpperTail(at) - tail, 0, 40);
  if (QUANTILES.size >= QUANTILES_KEPT) QUANTILES.clear();
  QUANTILES.set(tail, z);
  return z;
}

/**
 * P(T > t) for Student's T with `freedom` degrees of freedom (a whole number), t ≥ 0: the finite trigonometric sums of
 * Abramowitz and Stegun 26.7.3 and 26.7.4.
 */
function studentUpperTail(t: number, freedom: number): number {
  const cosine = 1 / Math.sqrt(1 + (t * t) / freedom);
  const sine = (t / Math.sqrt(freedom)) * cosine;
  const odd = freedom % 2 === 1;
  let term = odd ? cosine : 1;
  let sum = 0;
  for (let k = odd ? 1 : 0; k <= freedom - 2; k += 2) {
    sum += term;
    term *= cosine * cosine * ((k + 1) / (k + 2));
  }
  const inside = odd ? (2 / Math.PI) * (Math.atan(t / Math.sqrt(freedom)) + sine * sum) : sine * sum;
  return Math.max(0, (1 - inside) / 2);
}

/** From here on a normal quantile differs from Student's by less than one part in 40,000 at the levels of a gate. */
const NORMAL_FROM = 100_000;

/** The t with P(T > t) = tail for Student's T, 0 < tail ≤ 0.5. Tails below 1e-12 are taken as 1e-12. */
export function studentQuantile(tail: number, freedom: number): number {
  if (freedom >= NORMAL_FROM) return normalQuantile(tail);
  const wanted = Math.max(1e-12, tail);
  let high = 1;
  while (high < 1e15 && studentUpperTail(high, freedom) > wanted) high *= 2;
  return bisect((t) => studentUpperTail(t, freedom) - wanted, 0, high);
}

/** Root of a falling function between `low` and `high`, to the last bit that doubles can tell apart. */
export function bisect(falling: (x: number) => number, low: number, high: number): number {
  let [left, right] = [low, high];
  for (let step = 0; step < 200; step += 1) {
    const middle = left + (right - left) / 2;
    if (middle <= left || middle >= right) break;
    if (falling(middle) > 0) left = middle;
    else right = middle;
  }
  return left + (right - left) / 2;
}
