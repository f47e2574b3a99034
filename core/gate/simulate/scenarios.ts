// The scenarios: what candidates come, how their cases are drawn and scored, and which gates judge them.
import { GatePolicy, type Guard } from '../../contracts/index.ts';
import type { ClusterCounts } from '../clusters.ts';
import { evenSplit } from '../online.ts';
import type { Random } from '../random.ts';
import { eProcessGate, fixedTest, ruleGates, signFlipGate, type SimulatedGate } from './gates.ts';
import { CANDIDATE_PASSES, CURRENT_PASSES, PRODUCTION_PASSES, generatedClusters, generatedModel, recordedModel, type AnswerModel, type ClusterModel, type Quality, type RecordedPair } from './models.ts';
import type { SelectedCase } from './traffic.ts';

export const SCENARIOS = ['a', 'b', 'c', 'd', 'e', 'f', 'g'] as const;
export type ScenarioId = (typeof SCENARIOS)[number];

/** Fills `masks` with one mask per case used and returns how many; `cases` are those that the selection gives the decision. */
export type Draw = (random: Random, cases: readonly SelectedCase[], better: boolean, masks: Uint8Array) => { n: number; clusters: ClusterCounts[] | null };

export interface Experiment {
  scenario: ScenarioId;
  title: string;
  /** Cases that a decision uses. */
  n: number;
  /** True gain of the better candidates; of all where `betterShare` is 0. */
  gain: number;
  /** Share of the decisions whose candidate is better. */
  betterShare: number;
  /** What the row must show: false promotions at most alpha; or a broken gate exposed; or a regression stopped by its guard. */
  expects: 'alpha' | 'exposed' | 'guard';
  /** Cases that the selection must hold ready per decision, and interactions per template. */
  selected: number;
  clusterMean: number;
  draw: Draw;
  gates: SimulatedGate[];
  policy: GatePolicy;
  /** Whether the first gate's rulings can be made again from outcome records. */
  audited: boolean;
}

export interface Settings {
  n: number;
  decisions: number;
  alpha: number;
  passRate: number;
  discordance: number;
  redrawn: number;
  smallestGain: number;
  /** Scenario c. */
  gains: readonly number[];
  sizes: readonly number[];
}

export const DEFAULTS: Settings = { n: 500, decisions: 60, alpha: 0.05, passRate: 0.7, discordance: 0.15, redrawn: 0.1, smallestGain: 0.05, gains: [0.02, 0.05, 0.1], sizes: [200, 500, 1000, 2000] };

/** Interactions per template where clusters are no matter, and where they are. */
const [FEW, MANY] = [1.5, 4];
const WORSE = -0.01;
const REGRESSION = { gain: 0.1, malformed: { current: 0.01, candidate: 0.06 }, margin: 0.02 };
const TENTH = 0.1;
/** Chance that the detectors find nothing in an answer, in scenario f's second gate. */
const FORMAT_PASSES = 0.98 * 2 ** 32;
/** How many cases of the pool a gate looks at that wants failures only. */
const LOOKED_AT = 4;

const one = (model: AnswerModel, better: AnswerModel = model): Draw => (random, cases, isBetter, masks) => {
  const answer = isBetter ? better : model;
  for (let k = 0; k < cases.length; k += 1) masks[k] = answer(random);
  return { n: cases.length, clusters: null };
};

/** Broken: the first n cases at which the live adapter failed in production. */
const failuresOnly = (model: AnswerModel, n: number): Draw => (random, cases, _better, masks) => {
  let used = 0;
  for (let k = 0; k < cases.length && used < n; k += 1) {
    const mask = model(random);
    if ((mask & PRODUCTION_PASSES) === 0) masks[used++] = mask;
  }
  return { n: used, clusters: null };
};

/** Where the truth is known a case passes by its content, elsewhere when the detectors find nothing. Broken where the truth is known because production failed. */
const scoredBy = (model: AnswerModel, truthKnown: (mask: number, drawn: SelectedCase) => boolean): Draw => (random, cases, _better, masks) => {
  cases.forEach((drawn, k) => {
    const mask = model(random);
    const format = (random.bits() < FORMAT_PASSES ? CURRENT_PASSES : 0) | (random.bits() < FORMAT_PASSES ? CANDIDATE_PASSES : 0);
    masks[k] = truthKnown(mask, drawn) ? mask & format : format;
  });
  return { n: cases.length, clusters: null };
};

/** All cases of the selected clusters, or the first of each. */
const byCluster = (model: ClusterModel, all: boolean): Draw => {
  const buffer = new Uint8Array(65_536);
  return (random, cases, _better, masks) => {
    const clusters: ClusterCounts[] = [];
    let used = 0;
    for (const { clusterSize } of cases) {
      const size = Math.min(clusterSize, buffer.length);
      model(random, size, buffer);
      const taken = all ? size : 1;
      const counts = { n: taken, b: 0, c: 0 };
      for (let k = 0; k < taken; k += 1) {
        const mask = buffer[k] ?? 0;
        masks[used++] = mask;
        counts.b += Number((mask & (CURRENT_PASSES | CANDIDATE_PASSES)) === CANDIDATE_PASSES);
        counts.c += Number((mask & (CURRENT_PASSES | CANDIDATE_PASSES)) === CURRENT_PASSES);
      }
      clusters.push(counts);
    }
    return { n: used, clusters: all ? clusters : null };
  };
};

const points = (share: number): string => `${Number((Math.abs(share) * 100).toFixed(1))} points`;

/** The experiments of a scenario, with generated answers. */
export function experimentsOf(scenario: ScenarioId, settings: Settings): Experiment[] {
  const { n, alpha, decisions, smallestGain, gains, sizes } = settings;
  const policy = GatePolicy.parse({ alpha, decisionsPerPeriod: decisions, smallestGain, minCases: 1, eProcess: null });
  const model = (quality: Partial<Quality> = {}): AnswerModel => generatedModel({ ...settings, gain: 0, ...quality });
  const base = { scenario, n, gain: 0, betterShare: 0, expects: 'alpha', selected: n, clusterMean: FEW, policy, audited: true } as const;
  const ours = (name: string, kind: SimulatedGate['kind'], guard?: Guard): SimulatedGate => fixedTest(name, kind, policy, () => evenSplit(alpha, decisions), guard);
  switch (scenario) {
    case 'a':
      return [{ ...base, title: 'equal candidates, exchangeable answers', draw: one(model()), gates: ruleGates(policy) }];
    case 'b':
      return [{ ...base, title: `candidates worse by ${points(WORSE)}`, gain: WORSE, draw: one(model({ gain: WORSE })), gates: ruleGates(policy) }];
    case 'c':
      return gains.flatMap((gain) => sizes.map((size): Experiment => ({ ...base, n: size, selected: size, gain, betterShare: TENTH, title: `a tenth better by ${points(gain)}`, draw: one(model(), model({ gain })), gates: ruleGates(policy) })));
    case 'd': {
      const guard: Guard = { id: 'no-new-malformed', kind: 'failure_class', class: 'malformed_json', margin: REGRESSION.margin, critical: true };
      const gates = [ours('even split, guarded (ours)', 'ours', guard), ours('even split, no guard', 'compared')];
      const regression = (title: string, malformed: { current: number; candidate: number }): Experiment => ({
        ...base, title, gain: REGRESSION.gain, expects: 'guard', policy: { ...policy, guards: [guard] }, draw: one(model({ gain: REGRESSION.gain, malformed })), gates,
      });
      const { current, candidate } = REGRESSION.malformed;
      return [
        regression(`better by ${points(REGRESSION.gain)}, but malformed answers rise from ${current * 100} to ${candidate * 100} %`, REGRESSION.malformed),
        regression(`the same, with a rise of just the guard’s margin (${points(REGRESSION.margin)})`, { current, candidate: current + REGRESSION.margin }),
      ];
    }
    case 'e': {
      const clusters = generatedClusters(settings);
      const clustered = { ...base, clusterMean: MANY } as const;
      return [
        { ...clustered, title: 'clustered cases, one of each cluster', draw: byCluster(clusters, false), gates: [ours('one case per cluster (ours)', 'ours')] },
        { ...clustered, title: 'clustered cases, all of each cluster', draw: byCluster(clusters, true), gates: [signFlipGate('cluster sign-flip (ours)', policy), ours('McNemar on all cases', 'broken')] },
      ];
    }
    case 'f':
      return [...brokenSelection(settings, model(), base, ours), {
        ...base, title: 'truth from corrections of failures', draw: scoredBy(model(), (mask) => (mask & PRODUCTION_PASSES) === 0), expects: 'exposed', audited: false, gates: [ours('truth from corrections', 'broken')],
      }, {
        ...base, title: 'the same candidates, truth drawn blind', draw: scoredBy(model(), (_mask, { label }) => label), gates: [ours('blind truth (ours)', 'ours')],
      }];
    case 'g':
      return continued(settings, base, model(), [{ gain: smallestGain, model: model({ gain: smallestGain }) }], ours);
  }
}

type Base = Pick<Experiment, 'scenario' | 'n' | 'gain' | 'betterShare' | 'selected' | 'clusterMean' | 'policy' | 'audited'> & { expects: 'alpha' };

const brokenSelection = ({ n }: Settings, model: AnswerModel, base: Base, ours: (name: string, kind: SimulatedGate['kind']) => SimulatedGate): Experiment[] => [
  { ...base, title: 'cases drawn from the live adapter’s failures', selected: n * LOOKED_AT, draw: failuresOnly(model, n), expects: 'exposed', audited: false, gates: [ours('cases from failures', 'broken')] },
  { ...base, title: 'the same candidates, cases drawn blind', draw: one(model), gates: [ours('blind cases (ours)', 'ours')] },
];

/** `hold`, then the e-process on up to twice n fresh cases, beside the same share spent on the test alone. */
function continued({ n }: Settings, base: Base, equal: AnswerModel, betters: readonly { gain: number; model: AnswerModel }[], ours: (name: string, kind: SimulatedGate['kind']) => SimulatedGate): Experiment[] {
  const policy: GatePolicy = { ...base.policy, eProcess: { share: 0.5, maxCases: 2 * n } };
  const gates = [eProcessGate('half test, half e-process (ours)', policy), ours('whole share on the test', 'compared')];
  return [
    { ...base, title: 'equal candidates, hold goes on as an e-process', policy, audited: false, draw: one(equal), gates },
    ...betters.map(({ gain, model }): Experiment => ({ ...base, title: `a tenth better by ${points(gain)}, hold goes on as an e-process`, gain, betterShare: TENTH, policy, audited: false, draw: one(equal, model), gates })),
  ];
}

/** The scenarios that recorded outcomes can show. Equal candidates are made by exchanging the files case by case; better ones are the new file's as it is. */
export function recordedExperiments(scenario: ScenarioId, settings: Settings, pairs: readonly RecordedPair[]): Experiment[] {
  const { n, alpha, decisions, smallestGain, sizes } = settings;
  const policy = GatePolicy.parse({ alpha, decisionsPerPeriod: decisions, smallestGain, minCases: 1, eProcess: null });
  const base = { scenario, n, gain: 0, betterShare: 0, expects: 'alpha', selected: n, clusterMean: FEW, policy, audited: true } as const;
  const [equal, recorded] = [recordedModel(pairs, true), recordedModel(pairs, false)];
  const gain = pairs.reduce((sum, { current, candidate }) => sum + Number(candidate) - Number(current), 0) / pairs.length;
  const ours = (name: string, kind: SimulatedGate['kind']): SimulatedGate => fixedTest(name, kind, policy, () => evenSplit(alpha, decisions));
  switch (scenario) {
    case 'a':
      return [{ ...base, title: 'recorded answers, exchanged case by case', draw: one(equal), gates: ruleGates(policy) }];
    case 'c':
      return sizes.map((size): Experiment => ({ ...base, n: size, selected: size, gain, betterShare: gain > 0 ? TENTH : 0, title: 'a tenth as recorded', draw: one(equal, recorded), gates: ruleGates(policy) }));
    case 'f':
      return brokenSelection(settings, equal, base, ours);
    case 'g':
      return continued(settings, base, equal, gain > 0 ? [{ gain, model: recorded }] : [], ours);
    case 'b':
    case 'd':
    case 'e':
      return [];
  }
}
