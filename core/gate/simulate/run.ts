// Runs experiments: periods of decisions, many times over, and what came of them.
import { seededRandom, type Random } from '../random.ts';
import { audit } from './audit.ts';
import type { SimulatedGate } from './gates.ts';
import { countMasks, type Sample } from './sample.ts';
import { SCENARIOS, type Experiment, type ScenarioId } from './scenarios.ts';
import { count, emptyTally, shareOf, type Share, type Tally } from './tally.ts';
import { selectCases, type SelectedCase } from './traffic.ts';

const STREAMS_PER_SCENARIO = 100;
/** A prime above every sensible number of repetitions, so that no two experiments share a stream. */
const REPETITIONS_PER_STREAM = 1_000_003;
/** Periods whose decisions are also made from outcome records. */
const AUDITED_PERIODS = 2;

export interface Row {
  scenario: ScenarioId;
  title: string;
  gate: string;
  kind: SimulatedGate['kind'];
  n: number;
  gain: number;
  /** Share of pairs on which the arms disagreed. */
  discordance: number;
  alpha: number;
  /** Share of periods in which a candidate went live that is not better. */
  anyFalse: Share;
  falsePerPeriod: number;
  /** Share of the candidates that are not better which went live all the same; null where all are better. */
  falseShare: Share | null;
  /** Share of the better candidates that went live. */
  power: Share | null;
  /** Share of all decisions that ended in `hold`. */
  held: number;
  casesPerDecision: number;
  /** What the row shows about its gate; null for a gate that is only compared. */
  finding: 'kept' | 'exceeded' | 'exposed' | 'not exposed' | 'stopped' | 'let through' | null;
}

export interface SimulationResult {
  rows: Row[];
  auditedDecisions: number;
}

export interface RunOptions {
  repetitions: number;
  decisions: number;
  seed: number;
  /** Called now and then with the share done, 0 to 1. */
  progress?: (done: number, experiment: Experiment) => void;
}

/** Positions of the better candidates in a period, drawn anew each time. */
function betterOnes(random: Random, decisions: number, share: number): Uint8Array {
  const better = new Uint8Array(decisions);
  for (let left = Math.round(decisions * share); left > 0; ) {
    const at = random.below(decisions);
    if (better[at] === 1) continue;
    better[at] = 1;
    left -= 1;
  }
  return better;
}

/** Largest share of harmful candidates that a guard may let through: the level at which it passes. */
const GUARD_LETS_THROUGH = 0.05;

function findingOf({ expects }: Experiment, kind: SimulatedGate['kind'], alpha: number, anyFalse: Share, tally: Tally): Row['finding'] {
  if (kind === 'compared') return null;
  // Only what the repetitions prove counts against a gate.
  const above = anyFalse.interval[0] > alpha;
  if (kind === 'broken') return above ? 'exposed' : 'not exposed';
  if (expects === 'guard') return (shareOf(tally.notBetter.promote, tally.notBetter.all)?.interval[0] ?? 0) > GUARD_LETS_THROUGH ? 'let through' : 'stopped';
  return above ? 'exceeded' : 'kept';
}

/** Experiments of the same shape share one selection: it depends on no answer. */
function selecting({ decisions, seed }: RunOptions): (experiment: Experiment) => SelectedCase[][] {
  const known = new Map<string, SelectedCase[][]>();
  return ({ selected, clusterMean }) => {
    const key = `${selected} ${clusterMean}`;
    const found = known.get(key) ?? selectCases({ decisions, casesPerDecision: selected, clusterMean, seed });
    known.set(key, found);
    return found;
  };
}

/** All periods of one experiment; every gate judges the same samples. */
function runExperiment(experiment: Experiment, cases: SelectedCase[][], stream: number, options: RunOptions): { rows: Row[]; audited: number } {
  const { repetitions, decisions, seed, progress } = options;
  const { gates, policy, draw, betterShare, audited: toAudit } = experiment;
  const runs = gates.map((gate) => ({ gate, tally: emptyTally() }));
  const masks = new Uint8Array(Math.max(...cases.map((of) => of.reduce((sum, { clusterSize }) => sum + clusterSize, 0))));
  const scratch = new Uint8Array(masks.length);
  let [audited, discordant, pairs] = [0, 0, 0];
  for (let repetition = 0; repetition < repetitions; repetition += 1) {
    const random = seededRandom(seed, stream * REPETITIONS_PER_STREAM + repetition);
    const better = betterOnes(random, decisions, betterShare);
    const period = runs.map(({ gate, tally }) => ({ judge: gate.begin(), tally, anyFalse: false }));
    cases.forEach((selected, t) => {
      const isBetter = better[t] === 1;
      const { n, clusters } = draw(random, selected, isBetter, masks);
      const more: Sample['more'] = (size) => countMasks(scratch, draw(random, selected.slice(0, size), isBetter, scratch).n);
      const sample: Sample = { better: isBetter, ...countMasks(masks, n), clusters, masks, cases: selected, more };
      discordant += sample.b + sample.c;
      pairs += n;
      period.forEach((own, index) => {
        const ruling = own.judge(sample);
        count(own.tally, isBetter, ruling.decision, ruling.cases);
        own.anyFalse ||= ruling.decision === 'promote' && !isBetter;
        if (index > 0 || !toAudit || repetition >= AUDITED_PERIODS) return;
        audit(sample, ruling, policy);
        audited += 1;
      });
    });
    for (const { tally, anyFalse } of period) {
      tally.periods += 1;
      tally.periodsWithFalse += Number(anyFalse);
    }
    if (repetition % 50 === 49) progress?.((repetition + 1) / repetitions, experiment);
  }
  return { rows: runs.map(({ gate, tally }) => rowOf(experiment, gate, tally, discordant / Math.max(1, pairs))), audited };
}

function rowOf(experiment: Experiment, { name, kind }: SimulatedGate, tally: Tally, discordance: number): Row {
  const { scenario, title, n, gain, policy } = experiment;
  const { better, notBetter } = tally;
  const judged = Math.max(1, better.all + notBetter.all);
  const anyFalse = shareOf(tally.periodsWithFalse, tally.periods) ?? { share: 0, interval: [0, 1] };
  return {
    scenario,
    title,
    gate: name,
    kind,
    n,
    gain,
    discordance,
    alpha: policy.alpha,
    anyFalse,
    falsePerPeriod: notBetter.promote / Math.max(1, tally.periods),
    falseShare: shareOf(notBetter.promote, notBetter.all),
    power: shareOf(better.promote, better.all),
    held: (better.hold + notBetter.hold) / judged,
    casesPerDecision: tally.casesUsed / judged,
    finding: findingOf(experiment, kind, policy.alpha, anyFalse, tally),
  };
}

/**
 * Runs the experiments one after the other. The same seed gives the same rows; an experiment's rows do not depend on
 * which others run.
 * @throws INTERNAL when a decision made from records differs from the one made from counts
 */
export function simulate(experiments: readonly Experiment[], options: RunOptions): SimulationResult {
  const selection = selecting(options);
  const result: SimulationResult = { rows: [], auditedDecisions: 0 };
  const ofScenario = new Map<ScenarioId, number>();
  for (const experiment of experiments) {
    const { scenario } = experiment;
    const index = ofScenario.get(scenario) ?? 0;
    ofScenario.set(scenario, index + 1);
    const { rows, audited } = runExperiment(experiment, selection(experiment), SCENARIOS.indexOf(scenario) * STREAMS_PER_SCENARIO + index, options);
    result.rows.push(...rows);
    result.auditedDecisions += audited;
  }
  return result;
}

/** A sound gate over its alpha, a guard that let a regression through, or a broken gate that looks sound. */
export const failures = (rows: readonly Row[]): Row[] => rows.filter(({ finding }) => finding === 'exceeded' || finding === 'let through' || finding === 'not exposed');
