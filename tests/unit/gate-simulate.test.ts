// The simulation: its comparison rules against published figures, its answers against exact power, and that it finds what it must.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GatePolicy } from '../../core/contracts/index.ts';
import { alphaSpending, evenSplit, lordGamma, lordPlusPlus, powerGamma, saffron, unspent, type OnlineRule } from '../../core/gate/online.ts';
import { powerOfMcnemar } from '../../core/gate/power.ts';
import { seededRandom } from '../../core/gate/random.ts';
import { audit } from '../../core/gate/simulate/audit.ts';
import { CANDIDATE_MALFORMED, CANDIDATE_PASSES, CURRENT_MALFORMED, CURRENT_PASSES, PRODUCTION_PASSES, generatedModel, recordedModel } from '../../core/gate/simulate/models.ts';
import { failures, simulate, type Row } from '../../core/gate/simulate/run.ts';
import { countMasks } from '../../core/gate/simulate/sample.ts';
import { DEFAULTS, SCENARIOS, experimentsOf, recordedExperiments, type ScenarioId } from '../../core/gate/simulate/scenarios.ts';
import { selectCases } from '../../core/gate/simulate/traffic.ts';
import { mcnemarOneSided } from '../../core/gate/statistics.ts';

/** The 15 p-values of the examples in the manual of the R package onlineFDR, and the levels that it prints for them. */
const P = [2.9e-8, 0.06743, 0.01514, 0.08174, 0.00171, 3.6e-5, 0.79149, 0.27201, 0.28295, 7.59e-8, 0.69274, 0.30443, 0.00136, 0.72342, 0.54757];
const LORD = [0.0002675839, 0.0024664457, 0.0005732818, 0.0004872805, 0.0004059066, 0.0003447286, 0.0029745013, 0.0008450114, 0.0007305648, 0.0006243143, 0.0032185913, 0.0010617227, 0.0009256825, 0.0008019657, 0.000705961];
const SAFFRON = [0.005468627, 0.010937254, 0.010937254, 0.010937254, 0.010937254, 0.021874508, 0.032811762, 0.010823845, 0.010823845, 0.010823845, 0.021761099, 0.009265591, 0.009265591, 0.020202846, 0.009064367];

const levelsOver = (rule: OnlineRule, ps: readonly number[]): number[] =>
  ps.map((p) => {
    const level = rule.level();
    rule.observe(p);
    return level;
  });

describe('other ways to share out alpha', () => {
  test('LORD++ and SAFFRON give the levels that onlineFDR prints', () => {
    levelsOver(lordPlusPlus(0.05), P).forEach((level, index) => expect(level).toBeCloseTo(LORD[index] ?? Number.NaN, 9));
    levelsOver(saffron(0.05), P).forEach((level, index) => expect(level).toBeCloseTo(SAFFRON[index] ?? Number.NaN, 8));
  });
  test('spending never passes alpha; both sequences sum to at most 1', () => {
    expect(levelsOver(alphaSpending(0.05), Array<number>(10_000).fill(0)).reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(0.05);
    for (const gamma of [lordGamma, powerGamma]) expect(Array.from({ length: 100_000 }, (_, index) => gamma(index + 1)).reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(1 + 1e-6);
    expect(levelsOver(evenSplit(0.05, 60), Array<number>(60).fill(0)).reduce((a, b) => a + b, 0)).toBeCloseTo(0.05, 12);
    expect(levelsOver(unspent(0.05), [0, 1])).toEqual([0.05, 0.05]);
  });
  test('before a discovery LORD++ spends at most its wealth, and SAFFRON’s estimate of the false share stays below alpha', () => {
    fc.assert(fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 80 }), (ps) => {
      const lord = levelsOver(lordPlusPlus(0.05), ps);
      const saf = levelsOver(saffron(0.05), ps);
      // Ramdas et al. 2017 and 2018: levels spent (over candidates only, doubled, for SAFFRON) ≤ alpha · max(1, discoveries), after every test.
      let [spent, found, spentS, foundS] = [0, 0, 0, 0];
      return ps.every((p, index) => {
        spent += lord[index] ?? 0;
        found += Number(p <= (lord[index] ?? 0));
        spentS += p > 0.5 ? (saf[index] ?? 0) / 0.5 : 0;
        foundS += Number(p <= (saf[index] ?? 0));
        return spent <= 0.05 * Math.max(1, found) + 1e-9 && spentS <= 0.05 * Math.max(1, foundS) + 1e-9;
      });
    }));
  });
});

describe('selection', () => {
  const shape = { decisions: 12, casesPerDecision: 40, clusterMean: 3, seed: 5 };
  test('gives each cluster and each case once, the planned number each time, the same for the same seed', () => {
    const selected = selectCases(shape);
    expect(selected.map((cases) => cases.length)).toEqual(Array<number>(12).fill(40));
    const all = selected.flat();
    expect(new Set(all.map(({ clusterId }) => clusterId)).size).toBe(480);
    expect(new Set(all.map(({ caseDigest }) => caseDigest)).size).toBe(480);
    expect(selectCases(shape)).toEqual(selected);
    expect(selectCases({ ...shape, seed: 6 })[0]).not.toEqual(selected[0]);
  });
  test('a template comes several times where it should, and about a quarter is chosen for labelling', () => {
    const sizes = (clusterMean: number) => selectCases({ ...shape, clusterMean }).flat().reduce((sum, { clusterSize }) => sum + clusterSize, 0) / 480;
    expect(sizes(1.0001)).toBeCloseTo(1, 1);
    expect(sizes(4)).toBeGreaterThan(2.5);
    const labelled = selectCases(shape).flat().filter(({ label }) => label).length / 480;
    expect(Math.abs(labelled - 0.25)).toBeLessThan(0.08);
  });
});

describe('answers', () => {
  const draws = 200_000;
  const shares = (model: ReturnType<typeof generatedModel>) => {
    const random = seededRandom(9);
    const masks = Uint8Array.from({ length: draws }, () => model(random));
    const share = (bit: number) => masks.reduce((sum, mask) => sum + Number((mask & bit) !== 0), 0) / draws;
    const { b, c } = countMasks(masks, draws);
    return { masks, production: share(PRODUCTION_PASSES), current: share(CURRENT_PASSES), candidate: share(CANDIDATE_PASSES), discordance: (b + c) / draws, malformed: [share(CURRENT_MALFORMED), share(CANDIDATE_MALFORMED)], gain: (b - c) / draws };
  };
  test('have the pass rate, the disagreement and the gain asked for', () => {
    for (const gain of [-0.05, -0.01, 0, 0.05, 0.1]) {
      const found = shares(generatedModel({ ...DEFAULTS, gain }));
      expect(found.current).toBeCloseTo(0.7, 2);
      expect(Math.abs(found.gain - gain)).toBeLessThan(0.005);
      if (gain === 0) expect(Math.abs(found.discordance - 0.15)).toBeLessThan(0.005);
    }
  });
  test('a regression fails by its form and is better on average all the same', () => {
    const found = shares(generatedModel({ ...DEFAULTS, gain: 0.1, malformed: { current: 0.01, candidate: 0.06 } }));
    expect(found.malformed[0]).toBeCloseTo(0.01, 2);
    expect(found.malformed[1]).toBeCloseTo(0.06, 2);
    expect(Math.abs(found.gain - 0.1)).toBeLessThan(0.006);
  });
  test('the current adapter repeats its production answer more often than another would', () => {
    const { masks } = shares(generatedModel({ ...DEFAULTS, gain: 0 }));
    const repeats = masks.reduce((sum, mask) => sum + Number((mask & PRODUCTION_PASSES) !== 0 === ((mask & CURRENT_PASSES) !== 0)), 0) / draws;
    expect(repeats).toBeGreaterThan(0.97);
    expect(repeats).toBeLessThan(1);
  });
  test('recorded pairs keep their disagreement; exchanged, they lose their gain', () => {
    const pairs = [...Array<{ current: boolean; candidate: boolean }>(30).fill({ current: false, candidate: true }), ...Array<{ current: boolean; candidate: boolean }>(70).fill({ current: true, candidate: true })];
    const recorded = shares(recordedModel(pairs, false));
    expect(recorded.gain).toBeCloseTo(0.3, 2);
    const exchanged = shares(recordedModel(pairs, true));
    expect(exchanged.discordance).toBeCloseTo(0.3, 2);
    expect(Math.abs(exchanged.gain)).toBeLessThan(0.01);
  });
});

const run = (ids: readonly ScenarioId[], fields: Partial<typeof DEFAULTS> = {}, repetitions = 40, seed = 1) =>
  simulate(ids.flatMap((id) => experimentsOf(id, { ...DEFAULTS, n: 120, sizes: [120], gains: [0.1], decisions: 20, ...fields })), { repetitions, decisions: fields.decisions ?? 20, seed });
const rowsOf = (rows: readonly Row[], scenario: ScenarioId, gate: string): Row[] => rows.filter((row) => row.scenario === scenario && row.gate.includes(gate));

describe('runs', () => {
  const whole = run([...SCENARIOS]);

  test('every scenario: sound gates keep alpha, both broken gates and the clustered one are exposed, the regression is stopped', () => {
    expect(failures(whole.rows)).toEqual([]);
    expect(whole.rows.filter(({ finding }) => finding === 'exposed').map(({ gate }) => gate)).toEqual(expect.arrayContaining(['cases from failures', 'truth from corrections']));
    for (const gate of ['cases from failures', 'truth from corrections']) expect(rowsOf(whole.rows, 'f', gate)[0]?.anyFalse.share).toBeGreaterThan(0.9);
    expect(rowsOf(whole.rows, 'a', 'unspent')[0]?.anyFalse.share).toBeGreaterThan(0.3);
    expect(rowsOf(whole.rows, 'd', 'no guard')[0]?.falseShare?.share).toBeGreaterThan(0.1);
    expect(whole.auditedDecisions).toBeGreaterThan(300);
  });
  test('the same seed gives the same rows, whatever else runs beside; another seed does not', () => {
    expect(run(['f']).rows).toEqual(whole.rows.filter(({ scenario }) => scenario === 'f'));
    expect(run(['a'], {}, 40, 2).rows).not.toEqual(run(['a']).rows);
  });
  test('the share of better candidates promoted is the exact power of the test', () => {
    const { rows } = run(['c'], { n: 300, sizes: [300] }, 400);
    const row = rowsOf(rows, 'c', 'even split')[0];
    // Of the model: a tenth better by ten points mends a third of what would fail.
    const model = generatedModel({ ...DEFAULTS, gain: 0.1 });
    const random = seededRandom(77);
    const masks = Uint8Array.from({ length: 400_000 }, () => model(random));
    const { b, c } = countMasks(masks, masks.length);
    const exact = powerOfMcnemar(300, b / masks.length, c / masks.length, 0.05 / 20);
    // 400 periods with two better candidates each: four standard errors.
    expect(Math.abs((row?.power?.share ?? 0) - exact)).toBeLessThan(4 * Math.sqrt((exact * (1 - exact)) / 800));
    expect(exact).toBeGreaterThan(0.8);
  });
  test('a sound gate over alpha, and a broken gate that looks sound, are failures', () => {
    const [row] = whole.rows;
    if (!row) throw new Error('no row');
    expect(failures([{ ...row, finding: 'exceeded' }, { ...row, finding: 'not exposed' }, { ...row, finding: 'let through' }, { ...row, finding: null }])).toHaveLength(3);
    // An alpha of one in 100,000 that a 5 % level cannot keep: the report says so.
    const experiments = experimentsOf('a', { ...DEFAULTS, n: 120, decisions: 20 }).map((experiment) => ({ ...experiment, gates: experiment.gates.map((gate) => ({ ...gate, kind: 'ours' as const })) }));
    const { rows } = simulate(experiments, { repetitions: 60, decisions: 20, seed: 1 });
    expect(failures(rows).map(({ gate, finding }) => `${gate}: ${finding ?? ''}`)).toEqual(['unspent 5 % test: exceeded']);
  });
  test('recorded outcomes: the null made by exchange keeps alpha, the gain as recorded is found', () => {
    const pairs = Array.from({ length: 200 }, (_, index) => ({ current: index % 3 !== 0, candidate: index % 3 !== 0 || index % 2 === 0 }));
    const settings = { ...DEFAULTS, n: 120, sizes: [120], decisions: 20 };
    const { rows } = simulate(SCENARIOS.flatMap((id) => recordedExperiments(id, settings, pairs)), { repetitions: 40, decisions: 20, seed: 3 });
    expect(failures(rows)).toEqual([]);
    expect(new Set(rows.map(({ scenario }) => scenario))).toEqual(new Set(['a', 'c', 'f', 'g']));
    expect(rowsOf(rows, 'c', 'even split')[0]?.power?.share).toBeGreaterThan(0.7);
  });
  test('the audit finds a verdict that differs', () => {
    const masks = Uint8Array.from({ length: 60 }, (_, index) => (index < 20 ? CANDIDATE_PASSES : index < 23 ? CURRENT_PASSES : 0));
    const cases = selectCases({ decisions: 1, casesPerDecision: 60, clusterMean: 1.5, seed: 1 })[0] ?? [];
    const sample = { better: false, ...countMasks(masks, 60), clusters: null, masks, cases, more: () => ({ n: 1, b: 0, c: 0 }) };
    const policy = GatePolicy.parse({ minCases: 1 });
    const ruling = { decision: 'promote' as const, p: mcnemarOneSided(20, 3), level: 0.0125, cases: 60 };
    expect(() => audit(sample, ruling, policy)).not.toThrow();
    expect(() => audit(sample, { ...ruling, decision: 'hold' }, policy)).toThrow(/by counts: hold .* by records: promote/);
    expect(() => audit({ ...sample, b: 21 }, ruling, policy)).toThrow(/b 21/);
  });
});
