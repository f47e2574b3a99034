// The gate's statistics against known values, exact enumeration and their own symmetries.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GatePolicy } from '../../core/contracts/index.ts';
import { binomialPoint, binomialUpperTail, logFairUpperTail, normalQuantile, normalTail } from '../../core/gate/distributions.ts';
import { casesForGuard, planNight, powerOfGuard } from '../../core/gate/plan.ts';
import { planCases, powerOfMcnemar } from '../../core/gate/power.ts';
import { casesForZeroEvents, clopperPearson, mcnemarMidP, mcnemarOneSided, mcnemarTwoSided, medianBounds, nonInferiorityP, pairedDifferenceBounds, pairedDifferenceInterval, wilson, zeroEventUpper } from '../../core/gate/statistics.ts';

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

  test('equals scipy.stats.binomtest (1.17, alternative="greater") and statsmodels’ exact mcnemar (0.15)', () => {
    closeTo([mcnemarOneSided(34, 14), mcnemarOneSided(7, 1), mcnemarOneSided(300, 250)], [0.002757600742750555, 0.03515625, 0.018289372774551338], 13);
    closeTo([mcnemarTwoSided(34, 14), mcnemarTwoSided(7, 1), mcnemarTwoSided(13, 13)], [0.00551520148550111, 0.0703125, 1], 13);
  });

  test('equals exact whole-number arithmetic', () => {
    for (let d = 0; d <= 60; d += 1) {
      // Row d of Pascal's triangle in whole numbers below 2^60, summed from the top as the test sums it.
      const row = [1n];
      for (let k = 1; k <= d; k += 1) row.push(((row[k - 1] ?? 0n) * BigInt(d - k + 1)) / BigInt(k));
      let tail = 0n;
      for (let b = d; b >= 0; b -= 1) {
        tail += row[b] ?? 0n;
        const [p, point] = [Number(tail) / 2 ** d, Number(row[b]) / 2 ** d];
        expect(mcnemarOneSided(b, d - b) / p).toBeCloseTo(1, 11);
        expect(mcnemarMidP(b, d - b)).toBeCloseTo(p - point / 2, 11);
      }
    }
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
  test('the logarithm of a tail agrees with the tail, and goes on where doubles end', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 900 }), fc.nat(900), (n, k) => k > n || Math.abs(logFairUpperTail(k, n) - Math.log(binomialUpperTail(k, n, 0.5))) < 1e-9));
    expect(logFairUpperTail(5000, 5000)).toBeCloseTo(-5000 * Math.LN2, 6);
    expect(logFairUpperTail(3, 2)).toBe(-Infinity);
  });
  test('normal tails equal scipy.stats.norm.sf at the quantiles', () => {
    closeTo([normalTail(0.5244005127080409), normalTail(-0.5244005127080409), normalTail(4.264890793922825) * 1e4], [0.3, 0.7, 0.1], 10);
  });
  test('normal quantiles', () => {
    closeTo([normalQuantile(0.5), normalQuantile(0.05), normalQuantile(0.025), normalQuantile(1e-10)], [0, 1.6448536269514722, 1.959963984540054, 6.361340902404056], 10);
  });
});

describe('intervals of a proportion', () => {
  test('known values', () => {
    closeTo(wilson(7, 10), [0.3968, 0.8922]);
    closeTo(wilson(488, 500), [0.9585229425360993, 0.986218685344503], 9);
    closeTo(clopperPearson(488, 500), [0.9584523812003137, 0.9875387609404443], 9);
    closeTo(wilson(0, 25), [0, 0.13319225093904855], 9);
    closeTo(clopperPearson(0, 25), [0, 0.13718517153071255], 9);
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

describe('zero events', () => {
  test('is the one-sided Clopper–Pearson bound, near 3 / n at 0.05', () => {
    for (const n of [1, 10, 59, 300, 5000]) {
      expect(zeroEventUpper(n, 0.05)).toBeCloseTo(clopperPearson(0, n, 0.9)[1], 9);
      expect((1 - zeroEventUpper(n, 0.05)) ** n).toBeCloseTo(0.05, 10);
    }
    expect(zeroEventUpper(300, 0.05)).toBeCloseTo(3 / 300, 3);
    expect(zeroEventUpper(0, 0.05)).toBe(1);
  });
  test('the cases for it are the fewest', () => {
    expect(casesForZeroEvents(0.05, 0.05)).toBe(59);
    fc.assert(fc.property(fc.double({ min: 0.001, max: 0.99, noNaN: true }), fc.double({ min: 0.0001, max: 0.2, noNaN: true }), (rate, level) => {
      const n = casesForZeroEvents(rate, level);
      return zeroEventUpper(n, level) <= rate * (1 + 1e-9) && (n === 1 || zeroEventUpper(n - 1, level) > rate * (1 - 1e-9));
    }));
    expect(casesForZeroEvents(1, 0.05)).toBe(1);
  });
});

describe('non-inferiority (Tango’s score)', () => {
  /** Largest likelihood on the line p(b) − p(c) = d, by search instead of by the closed form. */
  function bySearch(b: number, c: number, n: number, margin: number): number {
    const d = -margin;
    const log = (count: number, p: number) => (count === 0 ? 0 : count * Math.log(p));
    const likelihood = (onlyC: number) => log(b, onlyC + d) + log(c, onlyC) + log(n - b - c, 1 - 2 * onlyC - d);
    let [low, high] = [margin, (1 + margin) / 2];
    for (let step = 0; step < 300; step += 1) {
      const [left, right] = [low + (high - low) / 3, high - (high - low) / 3];
      if (likelihood(left) < likelihood(right)) low = left;
      else high = right;
    }
    const z = (b - c + n * margin) / Math.sqrt(n * (2 * low + d - d * d));
    return normalTail(z);
  }
  test('equals the constrained maximum found by search', () => {
    for (const [b, c, n, margin] of [[9, 3, 32, 0.1], [1, 6, 80, 0.1], [0, 4, 120, 0.05], [20, 25, 500, 0.05], [0, 0, 60, 0.1]] as const) expect(nonInferiorityP(b, c, n, margin)).toBeCloseTo(bySearch(b, c, n, margin), 6);
  });
  test('refutes exactly what the interval excludes', () => {
    fc.assert(fc.property(fc.integer({ min: 5, max: 200 }), fc.nat(60), fc.nat(60), fc.double({ min: 0.01, max: 0.5, noNaN: true }), (n, b, c, margin) => {
      if (b + c > n) return true;
      const lower = -pairedDifferenceBounds(c, b, n, 0.05)[1];
      // The interval's end moves to 0 where McNemar does not refute 0: never beyond a margin.
      return Math.abs(lower + margin) < 1e-6 || nonInferiorityP(b, c, n, margin) <= 0.05 === lower > -margin;
    }));
    expect(nonInferiorityP(0, 0, 0, 0.1)).toBe(1);
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
  const policy = (fields: Partial<GatePolicy>) => GatePolicy.parse({ eProcess: null, ...fields });

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

  test('a guard: the cases that show a harmless candidate harmless', () => {
    // By enumeration of all tables.
    const byTables = [...tables(120, 0.02, 0.02)].reduce((sum, { b, c, probability }) => sum + (pairedDifferenceBounds(b, c, 120, 0.05)[1] < 0.08 ? probability : 0), 0);
    expect(powerOfGuard(120, 0.08, 0.04, 0.05)).toBeCloseTo(byTables, 9);
    const n = casesForGuard(0.05, 0.03, 0.8) ?? 0;
    expect(powerOfGuard(n, 0.05, 0.03, 0.05)).toBeGreaterThanOrEqual(0.8);
    expect(powerOfGuard(Math.floor(n * 0.85), 0.05, 0.03, 0.05)).toBeLessThan(0.8);
    // Nothing to disagree about: one number decides, and it is near the rule of three.
    expect(powerOfGuard(casesForGuard(0.05, 0, 0.99) ?? 0, 0.05, 0, 0.05)).toBe(1);
    expect(casesForGuard(0.05, 0, 0.99)).toBeLessThanOrEqual(casesForZeroEvents(0.05, 0.05));
    expect(casesForGuard(0, 0.01, 0.8)).toBeNull();
    expect(casesForGuard(0.0001, 0.05, 0.8)).toBeNull();
  });

  test('a night that lacks cases or power says how many; one whose guards cannot pass is warned', () => {
    const wanted = policy({ smallestGain: 0.2, expectedDiscordance: 0.3, minCases: 1, decisionsPerPeriod: 2 });
    expect(planNight(wanted, 61)).toMatchObject({ n: 61, level: 0.025, missingCases: 0, lacks: [], warnings: [] });
    expect(planNight(wanted, 20).lacks).toEqual(['20 fresh cases, 61 planned: 41 missing']);
    expect(planNight({ ...wanted, maxCases: 30 }, 500).lacks).toEqual([expect.stringMatching(/^a power of 0\.\d\d with at most 30 cases, 0\.8 wanted/)]);
    // Half of the share kept for an e-process costs cases.
    expect(planNight({ ...wanted, eProcess: { share: 0.5, maxCases: 100 } }, 100)).toMatchObject({ level: 0.0125, n: planCases(wanted, 0.0125).n });
    const guards = [{ id: 'format', kind: 'failure_class' as const, class: 'malformed_json' as const, margin: 0.02, critical: true }, { id: 'latency', kind: 'latency' as const, margin: 0.5, critical: true }];
    const plan = planNight(policy({ ...wanted, guards }), 61);
    expect(plan.guards).toEqual([{ id: 'format', critical: true, wanted: casesForGuard(0.02, 0.03, 0.8) }]);
    expect(plan.warnings).toEqual([expect.stringMatching(/^critical guard "format" wants about \d+ cases .* 61 are planned/)]);
    expect(planNight(policy({ ...wanted, guards }), 61, { guard: { format: 0.0001 } }).guards[0]?.wanted).toBeLessThan(200);
  });
});
