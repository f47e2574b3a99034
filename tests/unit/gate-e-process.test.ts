// The e-process: its value in exact arithmetic, its guarantee under any way of stopping, and the states it goes through.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { GuardResult } from '../../core/contracts/index.ts';
import { digestOfBytes } from '../../core/digest.ts';
import { addCases, closeEProcess, guardLevelOf, openEProcess, type EProcess } from '../../core/gate/e-process.ts';
import { eValue, logEValue } from '../../core/gate/e-values.ts';
import { seededRandom } from '../../core/gate/random.ts';

/** n over k as a whole number. */
function choose(n: number, k: number): bigint {
  let value = 1n;
  for (let i = 1; i <= k; i += 1) value = (value * BigInt(n - k + i)) / BigInt(i);
  return value;
}

/**
 * e(b, c) as an exact fraction, term by term: 2 ∫ (2θ)^b (2 − 2θ)^c dθ over (1/2, 1); with u = 2θ − 1 it is
 * ∫ over (0, 1) of (1 + u)^b (1 − u)^c du, and the polynomial is multiplied out.
 */
function exactE(b: number, c: number): { over: bigint; under: bigint } {
  const polynomial = Array<bigint>(b + c + 1).fill(0n);
  for (let i = 0; i <= b; i += 1) for (let j = 0; j <= c; j += 1) polynomial[i + j] = (polynomial[i + j] ?? 0n) + choose(b, i) * choose(c, j) * (j % 2 === 0 ? 1n : -1n);
  let [over, under] = [0n, 1n];
  polynomial.forEach((coefficient, power) => {
    over = over * BigInt(power + 1) + coefficient * under;
    under *= BigInt(power + 1);
  });
  return { over, under };
}
const asNumber = ({ over, under }: { over: bigint; under: bigint }): number => Number((over * 10n ** 25n) / under) / 1e25;

describe('e-value', () => {
  test('equals exact rational arithmetic', () => {
    for (let b = 0; b <= 24; b += 1) for (let c = 0; c <= 24; c += 1) expect(eValue(b, c) / asNumber(exactE(b, c))).toBeCloseTo(1, 11);
  });
  test('equals SciPy’s beta functions, also beyond doubles', () => {
    const expected: [number, number, number][] = [[11, 4, 1.0596931173481061], [20, 7, 2.372865522626467], [0, 0, 0], [0, 30, -3.4339872044851454], [700, 0, 479.3436656854875], [5000, 4800, -1.6573739905665068]];
    for (const [b, c, logE] of expected) expect(logEValue(b, c)).toBeCloseTo(logE, 9);
    // All lost: the integral of (1 − u)^c, 1 / (c + 1).
    expect(logEValue(0, 20_000)).toBeCloseTo(-Math.log(20_001), 8);
    expect(eValue(5000, 0)).toBe(Infinity);
  });
  test('is a fair bet under the fair coin: exactly the mean of its two successors', () => {
    fc.assert(fc.property(fc.nat(12), fc.nat(12), (b, c) => {
      const [now, up, down] = [exactE(b, c), exactE(b + 1, c), exactE(b, c + 1)];
      return 2n * now.over * up.under * down.under === (up.over * down.under + down.over * up.under) * now.under;
    }), { numRuns: 60 });
    fc.assert(fc.property(fc.nat(3000), fc.nat(3000), (b, c) => {
      const mean = (Math.exp(logEValue(b + 1, c) - logEValue(b, c)) + Math.exp(logEValue(b, c + 1) - logEValue(b, c))) / 2;
      return Math.abs(mean - 1) < 1e-7;
    }));
  });
  test('rises with a gained pair and falls with a lost one', () => {
    fc.assert(fc.property(fc.nat(500), fc.nat(500), (b, c) => logEValue(b + 1, c) > logEValue(b, c) && logEValue(b, c + 1) < logEValue(b, c)));
  });
});

/** P(the process ever reaches 1 / level within `last` discordant pairs), over all paths, for a coin that shows "gained" with this probability. */
function everReaches(level: number, last: number, gained: number): { reached: number; meanAtStop: number } {
  let alive = new Float64Array([1]);
  let reached = 0;
  let meanAtStop = 0;
  for (let d = 1; d <= last; d += 1) {
    const next = new Float64Array(d + 1);
    for (let b = 0; b <= d; b += 1) {
      const mass = (b < d ? (alive[b] ?? 0) * (1 - gained) : 0) + (b > 0 ? (alive[b - 1] ?? 0) * gained : 0);
      const e = eValue(b, d - b);
      const stops = e >= 1 / level || d === last;
      if (e >= 1 / level) reached += mass;
      if (stops) meanAtStop += mass * e;
      else next[b] = mass;
    }
    alive = next;
  }
  return { reached, meanAtStop };
}

describe('its guarantee', () => {
  test.each([0.05, 0.0125, 0.05 / 120])('looked at after every pair, an equal candidate passes with probability at most %f', (level) => {
    const { reached, meanAtStop } = everReaches(level, 600, 0.5);
    expect(reached).toBeLessThanOrEqual(level);
    // Not vacuous: within a third of what Ville's inequality allows; and stopping gains nothing on average.
    expect(reached).toBeGreaterThan(level / 3);
    expect(meanAtStop).toBeCloseTo(1, 8);
    expect(everReaches(level, 600, 0.45).meanAtStop).toBeLessThan(1);
    expect(everReaches(level, 600, 0.45).reached).toBeLessThan(reached);
  });
  test('whoever stops it, whenever: no rule that sees the pairs has a mean above 1', () => {
    // The best stopping rule by backward induction over all rules with at most 60 pairs; the null may also pick its coin after each pair.
    const last = 60;
    let value = Array.from({ length: last + 1 }, (_, b) => eValue(b, last - b));
    for (let d = last - 1; d >= 0; d -= 1) {
      value = Array.from({ length: d + 1 }, (_, b) => Math.max(eValue(b, d - b), ...[0, 0.2, 0.5].map((coin) => coin * (value[b + 1] ?? 0) + (1 - coin) * (value[b] ?? 0))));
    }
    expect(value[0]).toBeCloseTo(1, 10);
  });
  test('the average under the null is at most 1, whatever the discordance and the batches', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.02, max: 0.5, noNaN: true }), fc.double({ min: 0, max: 0.5, noNaN: true }), fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 }), fc.nat(), (discordance, gained, batches, seed) => {
        const random = seededRandom(seed);
        const trials = 400;
        let sum = 0;
        for (let trial = 0; trial < trials; trial += 1) {
          let [b, c] = [0, 0];
          for (const size of batches) {
            for (let k = 0; k < size; k += 1) {
              if (random.uniform() >= discordance) continue;
              if (random.uniform() < gained) b += 1;
              else c += 1;
            }
            // Stops where it looks good: the temptation that a fixed-n test does not survive.
            if (eValue(b, c) > 2) break;
          }
          sum += Math.min(100, eValue(b, c));
        }
        // Capped at 100 its standard deviation is under 10 (mean 1, non-negative): 4 standard errors.
        return sum / trials <= 1 + 4 * (10 / Math.sqrt(trials));
      }),
      { numRuns: 50 },
    );
  });
});

describe('states', () => {
  const candidateDigest = digestOfBytes('candidate');
  const currentDigest = digestOfBytes('current');
  const open = (fields: Partial<EProcess> = {}): EProcess => openEProcess({ candidateDigest, currentDigest, level: 0.00625, maxCases: 400, ...fields });
  const guard = (result: GuardResult['result'], critical = true): GuardResult => ({ id: 'format', result, critical, harm: 0, lower: 0, upper: 0, margin: 0.02 });

  test('opens with nothing, stays open on little, promotes at 1 / level', () => {
    let process = open();
    expect(process).toMatchObject({ n: 0, logE: 0, looks: 0, status: 'open', reason: null });
    process = addCases(process, { n: 100, b: 8, c: 4 }, []);
    expect(process).toMatchObject({ n: 100, b: 8, c: 4, looks: 1, status: 'open' });
    process = addCases(process, { n: 100, b: 17, c: 1 }, [guard('pass')]);
    expect(process).toMatchObject({ n: 200, b: 25, c: 5, status: 'promote', reason: `Promote: 25 gained and 5 lost on 200 fresh cases give e = ${eValue(25, 5).toPrecision(3)}, where 160.0 is wanted.` });
    expect(eValue(25, 5)).toBeGreaterThan(160);
  });
  test('a breached guard rejects, an undecided critical one keeps it open, other guards do not stand in the way', () => {
    const strong = { n: 100, b: 30, c: 0 };
    expect(addCases(open(), strong, [guard('breach', false)])).toMatchObject({ status: 'reject', reason: expect.stringContaining('guard "format" is breached') as string });
    expect(addCases(open(), strong, [guard('undecided')]).status).toBe('open');
    expect(addCases(open(), strong, [guard('undecided', false), guard('reported')]).status).toBe('promote');
    expect(addCases(open({ maxCases: 100 }), strong, [guard('undecided')])).toMatchObject({ status: 'reject', reason: expect.stringContaining('no case is left and critical guard "format" is undecided') as string });
  });
  test('rejects when the cases are used up, and when it is closed; what has ended stays ended', () => {
    expect(addCases(open({ maxCases: 50 }), { n: 50, b: 3, c: 2 }, [])).toMatchObject({ status: 'reject', reason: expect.stringMatching(/^Reject: no case is left; 3 gained and 2 lost on 50 fresh cases/) as string });
    const closed = closeEProcess(open(), 'another adapter went live');
    expect(closed).toMatchObject({ status: 'reject', reason: expect.stringMatching(/^Reject: another adapter went live; 0 gained/) as string });
    expect(closeEProcess(closed, 'again')).toBe(closed);
    expect(() => addCases(closed, { n: 1, b: 1, c: 0 }, [])).toThrow(/has ended \(reject\)/);
    const promoted = addCases(open(), { n: 100, b: 40, c: 0 }, []);
    expect(closeEProcess(promoted, 'late')).toBe(promoted);
  });
  test('refuses what cannot be', () => {
    for (const batch of [{ n: 0, b: 0, c: 0 }, { n: 5, b: 4, c: 2 }, { n: 5, b: -1, c: 2 }, { n: 2.5, b: 1, c: 1 }, { n: Number.NaN, b: 0, c: 0 }]) expect(() => addCases(open(), batch, [])).toThrow(/cannot have/);
    expect(() => addCases(open({ maxCases: 10 }), { n: 11, b: 0, c: 0 }, [])).toThrow(/was given 10 beforehand/);
    for (const level of [0, 1, Number.NaN, -0.1]) expect(() => open({ level })).toThrow(/needs a level/);
    expect(() => open({ maxCases: 0 })).toThrow(/at least one case/);
  });
  test('how the cases are batched does not change the evidence; only the last batch of a split may decide sooner', () => {
    fc.assert(fc.property(fc.array(fc.record({ b: fc.nat(6), c: fc.nat(6) }), { minLength: 1, maxLength: 8 }), (batches) => {
      const total = batches.reduce((sum, { b, c }) => ({ b: sum.b + b, c: sum.c + c }), { b: 0, c: 0 });
      const split = batches.reduce<EProcess>((process, { b, c }) => (process.status === 'open' ? addCases(process, { n: 20, b, c }, []) : process), open({ maxCases: 1000 }));
      const whole = addCases(open({ maxCases: 1000 }), { n: 20 * batches.length, ...total }, []);
      return split.status === 'promote' || (split.logE === whole.logE && split.status === whole.status);
    }));
  });
  test('the levels of the guards’ looks add up to no more than their level', () => {
    let sum = 0;
    for (let looks = 0; looks < 10_000; looks += 1) sum += guardLevelOf({ looks });
    expect(sum).toBeLessThan(0.05);
    expect(guardLevelOf({ looks: 0 })).toBe(0.025);
  });
  test('survives being written down between two nights', () => {
    const process = addCases(open(), { n: 30, b: 0, c: 30 }, []);
    expect(JSON.parse(JSON.stringify(process))).toEqual(process);
  });
});
