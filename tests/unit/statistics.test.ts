// The gate's statistics against known values, exact enumeration and their own symmetries.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GatePolicy } from '../../core/contracts/index.ts';
import { binomialPoint, binomialUpperTail, normalQuantile } from '../../core/gate/distributions.ts';
import { planCases, powerOfMcnemar } from '../../core/gate/power.ts';
import { clopperPearson, mcnemarMidP, mcnemarOneSided, medianBounds, pairedDifferenceBounds, pairedDifferenceInterval, wilson } from '../../core/gate/statistics.ts';

const closeTo = (actual: readonly number[], expected: readonly number[], digits = 4) => {
  expect(actual).toHaveLength(expected.length);
  actual.forEach((value, index) => expect(value).toBeCloseTo(expected[index] ?? Number.NaN, digits));
};
const pairs = fc.tuple(fc.nat(300), fc.nat(300));

/** Every table of b and c for n pairs with its probability. */
function* tables(n: number, p10: number, p01: number): Generator<{ b: number; c: number; probability: number }> {
  for (let d = 0; d <= n; d += 1) {
    const outer = binomialPoint(d, n, p10 + p01);
    if (outer < 1e-15) continue;
    for (let b = 0; b <= d; b += 1) yield { b, c: d - b, probability: outer * binomialPoint(b, d, p10 + p01 === 0 ? 0 : p10 / (p10 + p01)) };
  }
}

describe('exact one-sided McNemar', () => {
  test.each([
    [11, 4, 0.0592346],
    [20, 7, 0.00957865],
    [34, 14, 0.0027576],
    [13, 13, 0.577491],
    [54, 44, 0.181677],
    [209, 152, 0.00157533],
    [260, 88, 3.733e-21],
    [0, 0, 1],
    [5, 0, 1 / 32],
    [0, 5, 1],
  ])('%i, %i → %f', (b, c, p) => {
    expect(mcnemarOneSided(b, c) / p).toBeCloseTo(1, 5);
  });

  test('falls as the candidate gains, rises as it loses', () => {
    fc.assert(fc.property(pairs, ([b, c]) => mcnemarOneSided(b + 1, c) <= mcnemarOneSided(b, c) && mcnemarOneSided(b, c + 1) >= mcnemarOneSided(b, c)));
  });

  test('both directions share the probability of the table itself', () => {
    fc.assert(fc.property(pairs, ([b, c]) => Math.abs(mcnemarOneSided(b, c) + mcnemarOneSided(c, b) - 1 - binomialPoint(b, b + c, 0.5)) < 1e-12));
    fc.assert(fc.property(pairs, ([b, c]) => Math.abs(mcnemarMidP(b, c) + mcnemarMidP(c, b) - 1) < 1e-12));
  });

  test('a hundred thousand pairs are no trouble', () => {
    // Normal approximation with continuity correction.
    expect(mcnemarOneSided(100_000, 99_000)).toBeCloseTo(0.012564, 5);
    expect(mcnemarOneSided(100_000, 50_000)).toBeGreaterThanOrEqual(0);
  });

  test('an equal candidate is promoted at most as often as the level says, whatever the discordance (n = 60)', () => {
    for (const level of [0.05, 0.025, 0.0125, 0.05 / 30]) {
      for (let p = 0.01; p <= 0.5; p += 0.01) {
        const size = powerOfMcnemar(60, p, p, level);
        expect(size).toBeLessThanOrEqual(level);
        if (Math.abs(p - 0.25) > 0.005) continue;
        const enumerated = [...tables(60, p, p)].reduce((sum, { b, c, probability }) => sum + (mcnemarOneSided(b, c) <= level ? probability : 0), 0);
        expect(size).toBeCloseTo(enumerated, 10);
      }
    }
  });
});

describe('distributions', () => {
  test('tails are complementary and agree with their points', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 600 }), fc.nat(600), fc.double({ min: 0.001, max: 0.999, noNaN: true }), (n, k, p) => {
      const tail = binomialUpperTail(k, n, p);
      return Math.abs(tail - binomialUpperTail(k + 1, n, p) - binomialPoint(k, n, p)) < 1e-11 && Math.abs(tail + binomialUpperTail(n - k + 1, n, 1 - p) - 1) < 1e-11;
    }));
  });
  test('normal quantiles', () => {
    closeTo([normalQuantile(0.5), normalQuantile(0.05), normalQuantile(0.025), normalQuantile(1e-10)], [0, 1.6448536269514722, 1.959963984540054, 6.361340902404056], 10);
  });
});

describe('intervals of a proportion', () => {
  test('known values', () => {
    closeTo(wilson(7, 10), [0.3968, 0.8922]);
    closeTo(wilson(0, 10), [0, 0.2775]);
    closeTo(clopperPearson(7, 10), [0.3475, 0.9333]);
    closeTo(clopperPearson(0, 10), [0, 0.3085]);
    expect(wilson(0, 0)).toEqual([0, 1]);
    expect(clopperPearson(0, 0)).toEqual([0, 1]);
  });
  test('stay in [0, 1], hold the estimate, and mirror', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 400 }).chain((n) => fc.tuple(fc.integer({ min: 0, max: n }), fc.constant(n))), ([k, n]) =>
      [wilson, clopperPearson].every((interval) => {
        const [low, high] = interval(k, n);
        const [mirrorLow, mirrorHigh] = interval(n - k, n);
        return low >= 0 && high <= 1 && low <= k / n && k / n <= high && Math.abs(mirrorLow - 1 + high) < 1e-9 && Math.abs(mirrorHigh - 1 + low) < 1e-9;
      })));
  });
  test('the exact interval covers at least as often as it says', () => {
    for (const share of [0.02, 0.1, 0.3, 0.5]) {
      let covered = 0;
      for (let k = 0; k <= 40; k += 1) {
        const [low, high] = clopperPearson(k, 40);
        if (low <= share && share <= high) covered += binomialPoint(k, 40, share);
      }
      expect(covered).toBeGreaterThanOrEqual(0.95);
    }
  });
});

describe('interval of the paired difference (Tango)', () => {
  test('known values', () => {
    closeTo(pairedDifferenceInterval(9, 3, 32), [-0.0271, 0.3897]);
    // No discordant pair: plus and minus z²/(n + z²), not [0, 0].
    closeTo(pairedDifferenceInterval(0, 0, 60), [-0.0602, 0.0602]);
    expect(pairedDifferenceInterval(0, 0, 0)).toEqual([-1, 1]);
    expect(pairedDifferenceInterval(60, 0, 60)[1]).toBe(1);
    expect(pairedDifferenceInterval(0, 60, 60)[0]).toBe(-1);
  });

  test('holds the estimate, stays in [−1, 1], and mirrors when the arms are swapped', () => {
    const table = fc.integer({ min: 1, max: 200 }).chain((n) => fc.integer({ min: 0, max: n }).chain((b) => fc.record({ n: fc.constant(n), b: fc.constant(b), c: fc.integer({ min: 0, max: n - b }) })));
    fc.assert(fc.property(table, ({ b, c, n }) => {
      const [low, high] = pairedDifferenceInterval(b, c, n);
      const [mirrorLow, mirrorHigh] = pairedDifferenceInterval(c, b, n);
      const effect = (b - c) / n;
      return low >= -1 && high <= 1 && low <= effect + 1e-9 && effect <= high + 1e-9 && Math.abs(low + mirrorHigh) < 1e-9 && Math.abs(high + mirrorLow) < 1e-9;
    }));
  });

  test('by enumeration at n = 60: misses near the level for every difference, and never falsely above 0', () => {
    const level = 0.05;
    const bounds = new Map<string, [number, number]>();
    for (let b = 0; b <= 60; b += 1) for (let c = 0; b + c <= 60; c += 1) bounds.set(`${b} ${c}`, pairedDifferenceBounds(b, c, 60, level));
    for (const [p10, p01] of [[0, 0], [0.02, 0.02], [0.1, 0.1], [0.3, 0.3], [0.05, 0], [0.2, 0.05], [0.3, 0.1], [0.5, 0.1], [0.1, 0.3]] as const) {
      const missed = { below: 0, above: 0 };
      for (const { b, c, probability } of tables(60, p10, p01)) {
        const [low, high] = bounds.get(`${b} ${c}`) ?? [Number.NaN, Number.NaN];
        if (low > p10 - p01) missed.below += probability;
        if (high < p10 - p01) missed.above += probability;
      }
      // The score bound is not exact (worst here: 0.079 for 0.05 against 0); where the truth is 0 the McNemar test makes it so.
      const allowed = p10 === p01 ? level : level + 0.03;
      expect(missed.below).toBeLessThanOrEqual(allowed);
      expect(missed.above).toBeLessThanOrEqual(allowed);
    }
  });
});

describe('bounds of a median', () => {
  test('order statistics of the sign test', () => {
    expect(medianBounds([5, 1, 4, 2, 3, 10, 9, 8, 7, 6], 0.05)).toEqual({ median: 5.5, lower: 2, upper: 9 });
    expect(medianBounds([3, 1, 2], 0.05)).toEqual({ median: 2, lower: -Infinity, upper: Infinity });
    expect(medianBounds([], 0.05)).toBeNull();
    expect(medianBounds([1, 1, 1, Infinity, Infinity], 0.05)).toEqual({ median: 1, lower: 1, upper: Infinity });
  });
});

describe('planning', () => {
  const policy = (fields: Partial<GatePolicy>) => GatePolicy.parse(fields);

  test('twenty points at 30 % discordance and level 0.025', () => {
    const plan = planCases(policy({ smallestGain: 0.2, expectedDiscordance: 0.3, minCases: 1 }), 0.025);
    expect(plan.n).toBe(61);
    expect(plan.power).toBeCloseTo(0.8052, 4);
    const found = [...tables(plan.n, 0.25, 0.05)].reduce((sum, { b, c, probability }) => sum + (mcnemarOneSided(b, c) <= 0.025 ? probability : 0), 0);
    expect(plan.power).toBeCloseTo(found, 10);
  });

  test('five points at 15 % discordance need about 900 cases at 0.05 / 30', () => {
    expect(planCases(policy({ smallestGain: 0.05, expectedDiscordance: 0.15 }), 0.05 / 30).n).toBe(874);
  });

  test('is the smallest n that reaches the power, within the bounds of the policy', () => {
    const wanted = policy({ smallestGain: 0.15, expectedDiscordance: 0.25, minCases: 1 });
    const { n, power } = planCases(wanted, 0.0125);
    expect(power).toBeGreaterThanOrEqual(0.8);
    for (let fewer = 1; fewer < n; fewer += 1) expect(powerOfMcnemar(fewer, 0.2, 0.05, 0.0125)).toBeLessThan(0.8);
    expect(planCases({ ...wanted, minCases: 500 }, 0.0125).n).toBe(500);
    const short = planCases({ ...wanted, maxCases: 50 }, 0.0125);
    expect(short.n).toBe(50);
    expect(short.power).toBeLessThan(0.8);
  });

  test('a gain needs at least as much discordance; more of it needs more cases', () => {
    const wanted = policy({ smallestGain: 0.2, minCases: 1 });
    expect(planCases(wanted, 0.025, 0.05)).toEqual(planCases(wanted, 0.025, 0.2));
    const needed = [0.2, 0.3, 0.4, 0.6, 1].map((discordance) => planCases(wanted, 0.025, discordance).n);
    expect(needed).toEqual(needed.toSorted((a, b) => a - b));
  });
});
