// Guards: harms that no gain in the primary test may buy.
import { assertNever, RatchetError } from '../errors.ts';
import type { Digest, FailureClass, Guard, GuardResult, Outcome } from '../contracts/index.ts';
import { amounts, harmCounts, type SuitePair } from '../suites/pairs.ts';
import { clusteredDifferenceBounds, totals, type ClusterCounts } from './clusters.ts';
import { answered, countClusters, type Pair } from './pairs.ts';
import { medianBounds } from './statistics.ts';

/** Level of all breaches together; a pass is judged at this level for each guard. */
export const GUARD_LEVEL = 0.05;

/** Stands for "no bound": a verdict is JSON, which has no infinity. */
export const UNBOUNDED_HARM = 1e9;

/** Both arms' outcomes by suite, for the guards on suites. */
export type SuitePairs = ReadonlyMap<string, readonly SuitePair[]>;

/** The judge model of a suite, as an evaluation found it. */
export interface SuiteJudgement {
  digest: Digest;
  model: string;
  required: boolean;
  /** Why it was not heard; null: it was. */
  absent: string | null;
  /** Answers of which its verdict could not be read. */
  unreadable: number;
}

/** By suite. */
export type SuiteJudgements = ReadonlyMap<string, SuiteJudgement>;

interface Harm {
  harm: number;
  lowerAt: (level: number) => number;
  upperAt: (level: number) => number;
}

const finite = (value: number): number => Math.max(-UNBOUNDED_HARM, Math.min(UNBOUNDED_HARM, value));

/**
 * Difference in the rate of a failure class. Where only the candidate gave no answer, it counts as having the class: an
 * adapter must not look harmless by timing out. The current's missing answers never excuse the candidate's failures.
 */
function classHarm(pairs: readonly Pair[], name: FailureClass): Harm {
  const has = (outcome: Outcome | null) => outcome?.failureClasses.includes(name) ?? false;
  const clusters = countClusters(
    pairs,
    ({ candidate, current }) => has(candidate) || (!answered(candidate) && answered(current)),
    ({ current }) => has(current),
  );
  return harmOfClusters(clusters);
}

const harmOfClusters = (clusters: readonly ClusterCounts[]): Harm => ({
  harm: totals(clusters).effect,
  lowerAt: (level) => clusteredDifferenceBounds(clusters, level)[0],
  upperAt: (level) => clusteredDifferenceBounds(clusters, level)[1],
});

/**
 * Relative slow-down: median over the clusters of (candidate's latency / current's) − 1, with distribution-free bounds;
 * a cluster of several cases counts with its median. A case that the candidate did not answer is the slowest of all; one
 * that the current did not answer says nothing.
 */
const latencyHarm = (pairs: readonly Pair[]): Harm =>
  relativeHarm(pairs.map(({ clusterId, candidate, current }) => ({ clusterId, candidate: answered(candidate) ? candidate.latencyMs : null, current: answered(current) ? current.latencyMs : null })));

/** @param rows what each arm needed, in ms or tokens; null: it gave no answer */
function relativeHarm(rows: readonly { clusterId: string; candidate: number | null; current: number | null }[]): Harm {
  const byCluster = new Map<string, number[]>();
  for (const { clusterId, candidate, current } of rows) {
    if (current === null) continue;
    const more = candidate === null ? Infinity : Math.max(1, candidate) / Math.max(1, current) - 1;
    byCluster.set(clusterId, [...(byCluster.get(clusterId) ?? []), more]);
  }
  const ratios = [...byCluster.values()].map((values) => medianBounds(values, GUARD_LEVEL)?.median ?? 0);
  const bounds = (level: number) => medianBounds(ratios, level);
  return {
    harm: finite(bounds(GUARD_LEVEL)?.median ?? 0),
    lowerAt: (level) => finite(bounds(level)?.lower ?? -Infinity),
    upperAt: (level) => finite(bounds(level)?.upper ?? Infinity),
  };
}

/** What shows nothing: every harm is still possible. */
const UNKNOWN: Harm = { harm: 0, lowerAt: () => -UNBOUNDED_HARM, upperAt: () => UNBOUNDED_HARM };

/** Difference in the rate of what went wrong in a suite, or the relative increase of its latency or length. */
function suiteHarm({ id, suite, metric = 'pass' }: Guard, suites: SuitePairs): Harm {
  if (suite === undefined) throw new RatchetError('WORKLOAD_INVALID', `gate.guards: guard "${id}" of kind suite names no suite`);
  const pairs = suites.get(suite) ?? [];
  if (metric === 'latency' || metric === 'length') return relativeHarm(amounts(pairs, metric));
  const clusters = harmCounts(pairs, metric);
  return clusters.length === 0 ? UNKNOWN : harmOfClusters(clusters);
}

function harmOf(guard: Guard, pairs: readonly Pair[], suites: SuitePairs): Harm {
  switch (guard.kind) {
    case 'failure_class':
      if (guard.class === undefined) throw new RatchetError('WORKLOAD_INVALID', `gate.guards: guard "${guard.id}" of kind failure_class names no class`);
      return classHarm(pairs, guard.class);
    case 'latency':
      return latencyHarm(pairs);
    case 'suite':
      return suiteHarm(guard, suites);
    default:
      return assertNever(guard.kind);
  }
}

/** An adapter costs time whatever it does. */
const isOfTime = ({ kind, metric }: Guard): boolean => kind === 'latency' || (kind === 'suite' && metric === 'latency');

/** What a judge model stands behind. */
const isOfJudge = ({ kind, metric }: Guard): boolean => kind === 'suite' && metric === 'judge';

/** A guard's name as reasons have it. */
export const guardName = ({ id, judge }: Pick<GuardResult, 'id' | 'judge'>): string => `"${id}"${judge ? ` of judge ${judge.digest}` : ''}`;

/** A judge that was not heard shows nothing: it stops no one, unless it is required. */
function heard(judged: GuardResult, judgement: SuiteJudgement | undefined): GuardResult {
  if (judgement === undefined) return judged;
  const { digest, model, absent, required, unreadable } = judgement;
  if (absent === null) return { ...judged, judge: { digest, model, ...(unreadable > 0 && { unreadable }) } };
  return { ...judged, result: 'undecided', critical: required, harm: 0, lower: -UNBOUNDED_HARM, upper: UNBOUNDED_HARM, judge: { digest, model, absent } };
}

/** What a verdict says of judges that were not heard and are not required, and of those that stuttered. */
export const judgeWarnings = (guards: readonly GuardResult[]): string[] =>
  guards.flatMap(({ id, judge, critical }) => {
    if (judge?.unreadable !== undefined) return [`guard "${id}": ${judge.unreadable} answers count as not passed since judge ${judge.digest} gave no verdict on them that can be read`];
    return judge?.absent === undefined || critical ? [] : [`guard "${id}" says nothing, since judge ${judge.digest} was not heard (${judge.absent}): the verdict is the one without it`];
  });

/**
 * `breach`: the lower bound of the harm, at `level` / number of guards, is above 0. `pass`: its upper bound at `level` is
 * below the margin. Else `undecided`. Against the base model latency is only `reported`: an adapter costs time.
 * The bounds given are those that decide (a breach and a pass are judged at different levels). A guard on a suite whose
 * outcomes are missing is undecided. Guards that a judge model stands behind share a level of their own: whatever a judge
 * says, the other guards' results are those that they would have without it, so that it can only lower a decision.
 */
export function judgeGuards(guards: readonly Guard[], pairs: readonly Pair[], againstBase: boolean, level = GUARD_LEVEL, suites: SuitePairs = new Map(), judgements: SuiteJudgements = new Map()): GuardResult[] {
  return guards.map((guard) => {
    const sharing = guards.filter((other) => isOfJudge(other) === isOfJudge(guard)).length;
    const judged = judgeHarm(guard, harmOf(guard, pairs, suites), sharing, level);
    if (isOfJudge(guard)) return heard(judged, judgements.get(guard.suite ?? ''));
    return isOfTime(guard) && againstBase ? { ...judged, result: 'reported' } : judged;
  });
}

/** One guard's result from its harm. @param guards how many share the level of a breach */
function judgeHarm(guard: Guard, { harm, lowerAt, upperAt }: Harm, guards: number, level: number): GuardResult {
  const lower = lowerAt(level / guards);
  const upper = upperAt(level);
  const result = lower > 0 ? 'breach' : upper < guard.margin ? 'pass' : 'undecided';
  return { id: guard.id, result, critical: guard.critical, harm, lower, upper, margin: guard.margin };
}

/** A failure-class guard judged on counts alone, one per cluster: b only the candidate has the class, c only the current. */
export const judgeClassGuard = (guard: Guard, clusters: readonly ClusterCounts[], guards = 1, level = GUARD_LEVEL): GuardResult => judgeHarm(guard, harmOfClusters(clusters), guards, level);
