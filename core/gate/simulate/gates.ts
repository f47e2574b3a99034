// The gates that a simulation puts side by side. All of them judge by the real rule; they differ in level, data and guards.
import type { Decision, Digest, GatePolicy, Guard, GuardResult } from '../../contracts/index.ts';
import { digestOfBytes } from '../../digest.ts';
import { clusteredDifferenceBounds, signFlipOneSided } from '../clusters.ts';
import { addCases, openEProcess } from '../e-process.ts';
import { judgeClassGuard } from '../guards.ts';
import { nextLook } from '../held.ts';
import { levelsOfDecision } from '../levels.ts';
import { alphaSpending, evenSplit, lordPlusPlus, saffron, unspent, type OnlineRule } from '../online.ts';
import { applyRule, measurePairs, type Measured, type RuleInput } from '../rule.ts';
import type { Interval } from '../statistics.ts';
import type { Sample } from './sample.ts';

export interface Ruling {
  decision: Decision;
  /** Of the primary test; what an audit by records must find too. */
  p: number;
  level: number;
  cases: number;
}

/** Judges the decisions of one period, one after the other. */
export type PeriodJudge = (sample: Sample) => Ruling;

export interface SimulatedGate {
  name: string;
  /** `ours`: must keep alpha. `compared`: shown beside it. `broken`: must be exposed. */
  kind: 'ours' | 'compared' | 'broken';
  begin: () => PeriodJudge;
}

/** Above every count of a decision, and small enough that three of them make one exact number. */
const COUNTS = 65_536;

/** Measured values by counts: the same table comes up thousands of times. */
function measuring(): (b: number, c: number, n: number) => Measured {
  const known = new Map<number, Measured>();
  return (b, c, n) => {
    const key = (n * COUNTS + b) * COUNTS + c;
    const found = known.get(key) ?? measurePairs(b, c, n);
    known.set(key, found);
    return found;
  };
}

/** The same for a guard on malformed answers. */
function guarding(guard: Guard): (sample: Sample) => GuardResult {
  const known = new Map<number, GuardResult>();
  return ({ harmB, harmC, n }) => {
    const key = (n * COUNTS + harmB) * COUNTS + harmC;
    const independent = [{ n: 1, b: 1, c: 0 }, { n: 1, b: 0, c: 1 }, { n: 1, b: 0, c: 0 }] as const;
    const found = known.get(key) ?? judgeClassGuard(guard, [...Array.from({ length: harmB }, () => independent[0]), ...Array.from({ length: harmC }, () => independent[1]), ...Array.from({ length: n - harmB - harmC }, () => independent[2])]);
    known.set(key, found);
    return found;
  };
}

/** One exact McNemar test on the planned cases, at the level that an online rule gives. */
export function fixedTest(name: string, kind: SimulatedGate['kind'], policy: GatePolicy, startRule: () => OnlineRule, guard?: Guard): SimulatedGate {
  const measure = measuring();
  const judgeGuard = guard && guarding(guard);
  return {
    name,
    kind,
    begin: () => {
      const rule = startRule();
      return (sample) => {
        const measured = measure(sample.b, sample.c, sample.n);
        const level = rule.level();
        const guards = judgeGuard ? [judgeGuard(sample)] : [];
        const { decision } = applyRule({ measured, plannedN: sample.n, level, smallestGain: policy.smallestGain, guards });
        rule.observe(measured.p);
        return { decision, p: measured.p, level, cases: sample.n };
      };
    },
  };
}

/** Our gate beside the other ways to share out the period's alpha. */
export function ruleGates(policy: GatePolicy): SimulatedGate[] {
  const { alpha, decisionsPerPeriod } = policy;
  return [
    fixedTest('even split (ours)', 'ours', policy, () => evenSplit(alpha, decisionsPerPeriod)),
    fixedTest('unspent 5 % test', 'compared', policy, () => unspent(alpha)),
    fixedTest('alpha spending', 'compared', policy, () => alphaSpending(alpha)),
    fixedTest('LORD++', 'compared', policy, () => lordPlusPlus(alpha)),
    fixedTest('SAFFRON', 'compared', policy, () => saffron(alpha)),
  ];
}

/** All cases of the clusters, tested by flipping whole clusters. */
export function signFlipGate(name: string, policy: GatePolicy): SimulatedGate {
  const { test: level } = levelsOfDecision(policy);
  return {
    name,
    kind: 'ours',
    begin: () => (sample) => {
      const clusters = sample.clusters ?? [];
      const { p } = signFlipOneSided(clusters.map(({ b, c }) => b - c));
      const measured: RuleInput['measured'] = {
        n: sample.n,
        p,
        effect: (sample.b - sample.c) / sample.n,
        // Only looked at where nothing else decided.
        get interval(): Interval {
          return clusteredDifferenceBounds(clusters, 0.025);
        },
      };
      return { decision: applyRule({ measured, plannedN: sample.n, level, smallestGain: policy.smallestGain, guards: [] }).decision, p, level, cases: sample.n };
    },
  };
}

const CANDIDATE: Digest = digestOfBytes('simulated candidate');

/** The test on the planned cases with its part of the share; after `hold` the e-process with the other part, a look a night as nights plan them. */
export function eProcessGate(name: string, policy: GatePolicy): SimulatedGate {
  const measure = measuring();
  const { test: level, eProcess: eLevel } = levelsOfDecision(policy);
  const maxCases = policy.eProcess?.maxCases ?? 0;
  return {
    name,
    kind: 'ours',
    begin: () => (sample) => {
      const measured = measure(sample.b, sample.c, sample.n);
      const { decision } = applyRule({ measured, plannedN: sample.n, level, smallestGain: policy.smallestGain, guards: [] });
      if (decision !== 'hold') return { decision, p: measured.p, level, cases: sample.n };
      let process = openEProcess({ candidateDigest: CANDIDATE, currentDigest: null, level: eLevel, maxCases });
      while (process.status === 'open') process = addCases(process, sample.more(nextLook({ process }, sample.n, maxCases).cases), []);
      return { decision: process.status, p: measured.p, level, cases: sample.n + process.n };
    },
  };
}
