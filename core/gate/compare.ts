// The verdict for two sets of outcomes that came from anywhere, by the same decision as a night's.
import type { Arm, Digest, FailureClass, GatePolicy, Outcome, Verdict } from '../contracts/index.ts';
import { digestOfBytes, digestOfJson } from '../digest.ts';
import { RatchetError } from '../errors.ts';
import { clusterBootstrapInterval, clusteredStandardError, type ClusterCounts } from './clusters.ts';
import { decide } from './decide.ts';
import { logEValue } from './e-values.ts';
import { levelsOfDecision } from './levels.ts';
import { mcnemarMidP, mcnemarTwoSided, wilson, type Interval } from './statistics.ts';

/** One line of an outcome file. */
export interface OutcomeLine {
  caseId: string;
  correct: boolean;
  failureClasses?: FailureClass[] | undefined;
  latencyMs?: number | undefined;
  cluster?: string | undefined;
  line: number;
}

export interface OutcomeSet {
  /** As a person calls it: a path. */
  name: string;
  digest: Digest;
  lines: ReadonlyMap<string, OutcomeLine>;
}

export interface Comparison {
  verdict: Verdict['decision'];
  reason: string;
  n: number;
  b: number;
  c: number;
  bothPass: number;
  bothFail: number;
  pOneSided: number;
  pTwoSided: number;
  pMidP: number;
  effect: number;
  interval: Interval;
  level: number;
  test: NonNullable<Verdict['test']>;
  clusters: number;
  /** Where a cluster gives several cases; null otherwise. */
  clusteredStandardError: number | null;
  bootstrapInterval: Interval | null;
  /** Natural logarithm of the e-value of the discordant pairs; null where they are not independent. */
  logEValue: number | null;
  old: ArmSummary;
  new: ArmSummary;
  guards: Verdict['guards'];
  /** Those of them that the files say nothing about. */
  unmeasuredGuards: string[];
  policy: GatePolicy;
}

export interface ArmSummary {
  name: string;
  digest: Digest;
  passed: number;
  passRate: number;
  /** Wilson's 95 % interval; too narrow where cases of a cluster fall together. */
  passRateInterval: Interval;
  /** Cases that only the other file has, counted as this one's failures. */
  missing: number;
}

export interface CompareOptions {
  policy: GatePolicy;
  /** What a case means that is in one file only: a mistake, or a failure of the arm that gave no answer. */
  missing: 'refuse' | 'fail';
}

/** A case without a cluster is its own. */
const clusterOf = ({ caseId, cluster }: OutcomeLine): string => (cluster === undefined ? `case ${caseId}` : `cluster ${cluster}`);

const plural = (count: number, word: string): string => `${count} ${word}${count === 1 ? '' : 's'}`;

/** @throws REQUEST_INVALID where the files cannot be judged by this policy, and what to do about it */
function check(old: OutcomeSet, candidate: OutcomeSet, { missing }: CompareOptions): void {
  for (const { name, lines } of [old, candidate]) if (lines.size === 0) throw new RatchetError('REQUEST_INVALID', `${name} has no outcome`);
  const onlyOld = [...old.lines.keys()].filter((id) => !candidate.lines.has(id)).length;
  const onlyNew = [...candidate.lines.keys()].filter((id) => !old.lines.has(id)).length;
  if (missing === 'refuse' && onlyOld + onlyNew > 0) {
    throw new RatchetError('REQUEST_INVALID', `${plural(onlyOld, 'case')} only in ${old.name}, ${onlyNew} only in ${candidate.name}: the comparison is paired. Give both files the same cases, or --missing fail to count a missing answer as that arm's failure`);
  }
  for (const [id, line] of candidate.lines) {
    const other = old.lines.get(id);
    if (other && other.cluster !== line.cluster) throw new RatchetError('REQUEST_INVALID', `${old.name}:${other.line} and ${candidate.name}:${line.line} name different clusters of one case`);
  }
}

/**
 * Guards whose field no line of either file carries: they stay undecided, so a critical one holds.
 * @throws REQUEST_INVALID where some lines have the field and others not
 */
function unmeasuredGuards(sets: readonly OutcomeSet[], { guards }: GatePolicy): string[] {
  return guards.filter((guard) => {
    if (guard.kind === 'suite') return true;
    const field = guard.kind === 'latency' ? 'latencyMs' : 'failureClasses';
    let [withField, without] = [0, ''];
    for (const { name, lines } of sets) {
      for (const line of lines.values()) {
        if (line[field] !== undefined) withField += 1;
        else without ||= `${name}:${line.line}`;
      }
    }
    if (withField > 0 && without !== '') throw new RatchetError('REQUEST_INVALID', `guard "${guard.id}" of the policy needs ${field} on every line; ${without} has none, others have: add it everywhere or leave it out everywhere`);
    return withField === 0;
  }).map(({ id }) => id);
}

function outcomesOf(set: OutcomeSet, arm: Arm): Outcome[] {
  return [...set.lines.values()].map((line) => ({
    schemaVersion: 1,
    evaluationId: 'compare',
    caseDigest: digestOfBytes(line.caseId),
    clusterId: digestOfBytes(clusterOf(line)),
    arm,
    adapterDigest: digestOfBytes(`${arm} ${set.digest}`),
    engineBuild: 'not known',
    answerDigest: digestOfBytes(`${arm} ${line.caseId}`),
    finishReason: 'stop',
    failureClasses: line.failureClasses ?? [],
    equalsTruth: null,
    pass: line.correct,
    latencyMs: line.latencyMs ?? 0,
    outputTokens: 0,
  }));
}

/** Counts by cluster, for the figures that a verdict does not carry. A case that one arm lacks is its failure. */
export function clusterCounts(old: OutcomeSet, candidate: OutcomeSet): ClusterCounts[] {
  const clusters = new Map<string, ClusterCounts>();
  for (const line of new Map([...old.lines, ...candidate.lines]).values()) {
    const counts = clusters.get(clusterOf(line)) ?? { n: 0, b: 0, c: 0 };
    const [before, after] = [old.lines.get(line.caseId)?.correct ?? false, candidate.lines.get(line.caseId)?.correct ?? false];
    counts.n += 1;
    counts.b += Number(after && !before);
    counts.c += Number(before && !after);
    clusters.set(clusterOf(line), counts);
  }
  return [...clusters.values()];
}

/**
 * Compares two sets of outcomes by case: old is the current adapter, new the candidate. The level is the policy's for one
 * decision; fewer cases than its `minCases` never promote.
 * @throws REQUEST_INVALID see `check`
 */
export function compareOutcomes(old: OutcomeSet, candidate: OutcomeSet, options: CompareOptions): Comparison {
  check(old, candidate, options);
  const { policy } = options;
  const clusters = clusterCounts(old, candidate);
  const n = clusters.reduce((sum, cluster) => sum + cluster.n, 0);
  const policyDigest = digestOfJson(policy);
  const unmeasured = unmeasuredGuards([old, candidate], policy);
  const verdict = decide({
    runId: 'compare',
    workload: 'compare',
    channel: 'compare/files',
    candidateDigest: digestOfBytes(`candidate ${candidate.digest}`),
    currentDigest: digestOfBytes(`current ${old.digest}`),
    currentGeneration: 0,
    datasetDigest: candidate.digest,
    evaluationDigest: candidate.digest,
    policy,
    policyDigest,
    plannedN: Math.max(n, policy.minCases),
    level: levelsOfDecision(policy).test,
    decisionNumber: 1,
    unmeasuredGuards: unmeasured,
    outcomes: [...outcomesOf(old, 'current'), ...outcomesOf(candidate, 'candidate')],
    selfDisagreement: null,
    decidedAt: '1970-01-01T00:00:00.000Z',
  });
  const { b, c } = verdict;
  const together = clusters.length < n;
  const summary = (set: OutcomeSet): ArmSummary => {
    const passed = [...set.lines.values()].filter(({ correct }) => correct).length;
    return { name: set.name, digest: set.digest, passed, passRate: passed / n, passRateInterval: wilson(passed, n), missing: n - set.lines.size };
  };
  const error = clusteredStandardError(clusters);
  return {
    verdict: verdict.decision,
    reason: verdict.reason,
    n,
    b,
    c,
    bothPass: verdict.bothPass,
    bothFail: verdict.bothFail,
    pOneSided: verdict.pOneSided,
    pTwoSided: mcnemarTwoSided(b, c),
    pMidP: mcnemarMidP(b, c),
    effect: verdict.effect,
    interval: verdict.interval,
    level: verdict.level,
    test: verdict.test ?? 'mcnemar_exact',
    clusters: clusters.length,
    clusteredStandardError: together && Number.isFinite(error) ? error : null,
    bootstrapInterval: together ? clusterBootstrapInterval(clusters) : null,
    logEValue: together ? null : logEValue(b, c),
    old: summary(old),
    new: summary(candidate),
    guards: verdict.guards,
    unmeasuredGuards: unmeasured,
    policy,
  };
}
