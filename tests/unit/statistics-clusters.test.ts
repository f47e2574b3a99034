// Clustered statistics against brute force over all signs and resamples, and against SciPy 1.17 and statsmodels 0.15.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clusterBootstrapInterval, clusteredDifferenceBounds, clusteredStandardError, signFlipOneSided, totals, type ClusterCounts } from '../../core/gate/clusters.ts';
import { studentQuantile } from '../../core/gate/distributions.ts';
import { fairHeads, seededRandom } from '../../core/gate/random.ts';
import { measureClusters } from '../../core/gate/rule.ts';
import { mcnemarOneSided, pairedDifferenceBounds } from '../../core/gate/statistics.ts';

const CLUSTERS: ClusterCounts[] = [[3, 2, 0], [1, 0, 1], [2, 1, 1], [5, 4, 0], [1, 1, 0], [4, 0, 2], [2, 0, 0]].map(([n = 0, b = 0, c = 0]) => ({ n, b, c }));
const differencesOf = (clusters: readonly ClusterCounts[]) => clusters.map(({ b, c }) => b - c);

/** All 2^G signs, counted in whole numbers. */
function byEnumeration(differences: readonly number[]): number {
  const observed = differences.reduce((sum, d) => sum + d, 0);
  let reached = 0;
  for (let signs = 0; signs < 2 ** differences.length; signs += 1) {
    const sum = differences.reduce((total, d, index) => total + (signs & (1 << index) ? d : -d), 0);
    if (sum >= observed) reached += 1;
  }
  return reached / 2 ** differences.length;
}

const cluster = fc.record({ b: fc.nat(6), c: fc.nat(6), rest: fc.nat(6) }).map(({ b, c, rest }) => ({ n: b + c + rest, b, c })).filter(({ n }) => n > 0);

describe('sign-flip test', () => {
  test('equals scipy.stats.permutation_test over all signs', () => {
    expect(signFlipOneSided(differencesOf(CLUSTERS))).toEqual({ p: 0.3125, method: 'exact' });
    expect(signFlipOneSided([3, -1, 2, 5, -2, 4, 1, -1, 2, 2, -3, 6])).toEqual({ p: 0.056884765625, method: 'exact' });
  });
  test('equals the enumeration of all signs', () => {
    fc.assert(fc.property(fc.array(fc.integer({ min: -7, max: 7 }), { maxLength: 12 }), (differences) => signFlipOneSided(differences).p === byEnumeration(differences)));
  });
  test('is the McNemar test where each cluster gives one case', () => {
    fc.assert(fc.property(fc.nat(200), fc.nat(200), (b, c) => signFlipOneSided([...Array<number>(b).fill(1), ...Array<number>(c).fill(-1)]).p === mcnemarOneSided(b, c)));
    // Every difference doubled: the same evidence.
    expect(signFlipOneSided([...Array<number>(34).fill(2), ...Array<number>(14).fill(-2)]).p).toBeCloseTo(mcnemarOneSided(34, 14), 14);
  });
  test('does not depend on the order of the clusters, to the last bit', () => {
    fc.assert(fc.property(fc.array(fc.integer({ min: -9, max: 9 }), { maxLength: 80 }), (differences) => [0, 1e8].every((exactWork) => signFlipOneSided(differences, { exactWork, draws: 99 }).p === signFlipOneSided(differences.toReversed(), { exactWork, draws: 99 }).p)));
  });
  test('Monte Carlo: near the exact value, the same for the same seed, never 0', () => {
    const differences = Array.from({ length: 60 }, (_, index) => ((index * 7) % 11) - 4);
    const exact = signFlipOneSided(differences).p;
    const drawn = signFlipOneSided(differences, { exactWork: 0, seed: 5 });
    expect(drawn.method).toBe('monte_carlo');
    expect(Math.abs(drawn.p - exact)).toBeLessThan(4 * Math.sqrt((exact * (1 - exact)) / 99_999));
    expect(signFlipOneSided(differences, { exactWork: 0, seed: 5 })).toEqual(drawn);
    expect(signFlipOneSided(Array<number>(200).fill(3), { exactWork: 0, draws: 999 }).p).toBe(1 / 1000);
  });
  test('keeps its level for whole clusters that fall together, where the test on single cases does not', () => {
    const random = seededRandom(11);
    const rejected = { clusters: 0, cases: 0 };
    const trials = 2_000;
    for (let trial = 0; trial < trials; trial += 1) {
      const clusters = Array.from({ length: 40 }, (): ClusterCounts => {
        const n = 1 + random.below(8);
        return random.uniform() < 0.5 ? { n, b: n, c: 0 } : { n, b: 0, c: n };
      });
      const { b, c } = totals(clusters);
      rejected.clusters += Number(signFlipOneSided(differencesOf(clusters)).p <= 0.05);
      rejected.cases += Number(mcnemarOneSided(b, c) <= 0.05);
    }
    expect(rejected.clusters / trials).toBeLessThanOrEqual(0.05 + 3 * Math.sqrt((0.05 * 0.95) / trials));
    expect(rejected.clusters / trials).toBeGreaterThan(0.03);
    expect(rejected.cases / trials).toBeGreaterThan(0.15);
  });
});

describe('clustered standard error', () => {
  test('equals the cluster-robust error of an intercept in statsmodels (OLS, cov_type="cluster")', () => {
    expect(clusteredStandardError(CLUSTERS)).toBeCloseTo(0.27474337, 8);
    expect(totals(CLUSTERS).effect).toBeCloseTo(0.22222222, 8);
  });
  test('equals Miller’s double sum over the pairs of a cluster', () => {
    fc.assert(fc.property(fc.array(cluster, { minLength: 2, maxLength: 8 }), (clusters) => {
      const { n, effect } = totals(clusters);
      let sum = 0;
      for (const { n: size, b, c } of clusters) {
        const values = [...Array<number>(b).fill(1), ...Array<number>(c).fill(-1), ...Array<number>(size - b - c).fill(0)];
        for (const one of values) for (const other of values) sum += (one - effect) * (other - effect);
      }
      const factor = clusters.length / (clusters.length - 1);
      return Math.abs(clusteredStandardError(clusters) ** 2 - (Math.max(0, sum) / n ** 2) * factor) < 1e-12;
    }));
  });
  test('one cluster says nothing about its error', () => {
    expect(clusteredStandardError([{ n: 9, b: 5, c: 0 }])).toBe(Infinity);
    expect(clusteredDifferenceBounds([{ n: 9, b: 5, c: 0 }], 0.025)).toEqual([-1, 1]);
  });
});

describe('bounds of the clustered difference', () => {
  test('Student quantiles equal scipy.stats.t.ppf', () => {
    const expected: [number, number, number][] = [[0.025, 1, 12.706204736174694], [0.025, 2, 4.302652729749462], [0.05, 3, 2.3533634348018233], [0.01, 10, 2.7637694581126957], [0.000833, 124, 3.2145038811778246], [0.025, 4999, 1.9604386466615247]];
    for (const [tail, freedom, t] of expected) expect(studentQuantile(tail, freedom) / t).toBeCloseTo(1, 9);
    expect(studentQuantile(0.5, 7)).toBeCloseTo(0, 9);
  });
  test('are those of independent cases for clusters of one, never narrower otherwise, and mirror', () => {
    fc.assert(fc.property(fc.array(cluster, { minLength: 1, maxLength: 15 }), (clusters) => {
      const { n, b, c, effect } = totals(clusters);
      const [low, high] = clusteredDifferenceBounds(clusters, 0.05);
      const [plainLow, plainHigh] = pairedDifferenceBounds(b, c, n, 0.05);
      const [mirrorLow, mirrorHigh] = clusteredDifferenceBounds(clusters.map((each) => ({ n: each.n, b: each.c, c: each.b })), 0.05);
      return low <= plainLow + 1e-12 && high >= plainHigh - 1e-12 && low <= effect && effect <= high && low >= -1 && high <= 1 && Math.abs(low + mirrorHigh) < 1e-9 && Math.abs(high + mirrorLow) < 1e-9;
    }));
    const singles: ClusterCounts[] = [...Array.from({ length: 20 }, () => ({ n: 1, b: 1, c: 0 })), ...Array.from({ length: 7 }, () => ({ n: 1, b: 0, c: 1 })), ...Array.from({ length: 73 }, () => ({ n: 1, b: 0, c: 0 }))];
    expect(clusteredDifferenceBounds(singles, 0.025)).toEqual(pairedDifferenceBounds(20, 7, 100, 0.025));
    expect(measureClusters(singles)).toMatchObject({ test: 'mcnemar_exact', clusters: 100, p: mcnemarOneSided(20, 7) });
  });
  test('cover the truth about as often as they say, with 30 clusters that fall together', () => {
    const random = seededRandom(3);
    const missed = { low: 0, high: 0 };
    const trials = 1_500;
    for (let trial = 0; trial < trials; trial += 1) {
      const clusters = Array.from({ length: 30 }, (): ClusterCounts => {
        const n = 1 + random.below(6);
        const u = random.uniform();
        return u < 0.3 ? { n, b: n, c: 0 } : u < 0.4 ? { n, b: 0, c: n } : { n, b: 0, c: 0 };
      });
      const [low, high] = clusteredDifferenceBounds(clusters, 0.025);
      missed.low += Number(low > 0.2);
      missed.high += Number(high < 0.2);
    }
    expect(missed.low / trials).toBeLessThan(0.045);
    expect(missed.high / trials).toBeLessThan(0.045);
    expect(missed.low + missed.high).toBeGreaterThan(0);
  });
});

describe('cluster bootstrap', () => {
  test('three clusters: the quantiles of all 27 resamples', () => {
    const clusters = [{ n: 4, b: 3, c: 0 }, { n: 2, b: 0, c: 1 }, { n: 5, b: 1, c: 0 }];
    const effects: number[] = [];
    for (const x of clusters) for (const y of clusters) for (const z of clusters) effects.push(totals([x, y, z]).effect);
    effects.sort((a, b) => a - b);
    // 10 % and 90 % fall inside steps of the exact distribution: 2.7 and 24.3 of 27.
    expect(clusterBootstrapInterval(clusters, { confidence: 0.8, seed: 2 })).toEqual([effects[2], effects[24]]);
    expect(clusterBootstrapInterval(clusters, { seed: 2 })).toEqual(clusterBootstrapInterval(clusters, { seed: 2 }));
    expect(clusterBootstrapInterval([])).toEqual([-1, 1]);
  });
});

describe('seeded random numbers', () => {
  test('uniform, without lag-1 correlation, and another stream is another sequence', () => {
    const random = seededRandom(1);
    const values = Array.from({ length: 100_000 }, () => random.uniform());
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    const lag = values.slice(1).reduce((sum, value, index) => sum + (value - 0.5) * ((values[index] ?? 0) - 0.5), 0) / values.length;
    expect(Math.abs(mean - 0.5)).toBeLessThan(4 / Math.sqrt(12 * values.length));
    expect(Math.abs(lag)).toBeLessThan(4 / 12 / Math.sqrt(values.length));
    expect(Math.min(...values.slice(0, 1000))).toBeGreaterThanOrEqual(0);
    expect(seededRandom(1, 1).bits()).not.toBe(seededRandom(1).bits());
  });
  test('fair coins 32 at a time have the moments of a binomial', () => {
    const random = seededRandom(4);
    for (const n of [1, 31, 32, 33, 100]) {
      const heads = Array.from({ length: 20_000 }, () => fairHeads(random, n));
      const mean = heads.reduce((a, b) => a + b, 0) / heads.length;
      const variance = heads.reduce((a, b) => a + (b - mean) ** 2, 0) / heads.length;
      expect(Math.abs(mean - n / 2)).toBeLessThan(4 * Math.sqrt(n / 4 / heads.length));
      expect(Math.abs(variance / (n / 4) - 1)).toBeLessThan(0.05);
      expect(Math.max(...heads)).toBeLessThanOrEqual(n);
    }
  });
});
