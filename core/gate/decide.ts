// The gate's decision: promote, reject or hold, from paired outcomes and the policy alone.
import type { Digest, GatePolicy, GuardResult, Outcome, Verdict } from '../contracts/index.ts';
import { assertNever, RatchetError } from '../errors.ts';
import { guardName, judgeGuards, judgeWarnings, UNBOUNDED_HARM, type SuiteJudgements, type SuitePairs } from './guards.ts';
import { levelsOfDecision } from './levels.ts';
import { answered, countClusters, countPairs, pairOutcomes, type Pair, type PairCounts } from './pairs.ts';
import { applyRule, measureClusters, type Cause, type Measured } from './rule.ts';

/** Level of the test on the planned cases, see levelsOfDecision. */
export const levelOfDecision = (policy: GatePolicy): number => levelsOfDecision(policy).test;

export interface DecideInput {
  runId: string;
  workload: string;
  channel: string;
  candidateDigest: Digest;
  /** null: the base model (generation 0). */
  currentDigest: Digest | null;
  currentGeneration: number;
  datasetDigest: Digest;
  evaluationDigest: Digest;
  policy: GatePolicy;
  policyDigest: Digest;
  /** Number of cases that the plan step fixed before training. */
  plannedN: number;
  /** One-sided level of this decision, see levelOfDecision. */
  level: number;
  /** Which of the period's decisions this is, from 1. */
  decisionNumber: number;
  outcomes: readonly Outcome[];
  /** For guards on suites; the primary test never sees them. */
  suites?: SuitePairs;
  /** Whose views the guards with metric `judge` are. */
  judgements?: SuiteJudgements;
  /** Set where the evaluation ran on another engine build than production's: then nothing is promoted. */
  otherEngine?: { evaluated: string; production: string } | null;
  /** Ids of guards that these outcomes cannot show anything about: undecided, whatever their numbers. */
  unmeasuredGuards?: readonly string[];
  /** Share of a repeated sample on which the current adapter disagreed with itself; null when not measured. */
  selfDisagreement: number | null;
  decidedAt: string;
}

/** What a reason is written from. */
export interface Evidence {
  counts: PairCounts;
  measured: Measured;
  plannedN: number;
  level: number;
  smallestGain: number;
  guards: readonly GuardResult[];
}

const points = (share: number): string => (Math.abs(share) >= UNBOUNDED_HARM ? 'unbounded' : (share * 100).toFixed(1).replace(/^-0\.0$/, '0.0'));
const probability = (p: number): string => (p === 0 || p >= 0.001 ? p.toPrecision(3) : p.toExponential(2));
const harmInWords = (guard: GuardResult): string => {
  const { harm, lower, upper, margin, judge } = guard;
  if (judge?.absent !== undefined) return `${guardName(guard)} (not heard: ${judge.absent})`;
  return `${guardName(guard)} (harm ${points(harm)} %, bounds ${points(lower)} to ${points(upper)} %, margin ${points(margin)} %)`;
};

/** What was measured, in words: the same clause in every reason. */
function inWords({ counts: { n, b, c, bothPass }, measured: { p, effect, interval, clusters, test } }: Evidence): string {
  const how = test === 'mcnemar_exact' ? 'exact one-sided' : `one-sided sign-flip over ${clusters} clusters`;
  return (
    `the candidate passes ${bothPass + b} of ${n} cases where the current passes ${bothPass + c} (${b} gained, ${c} lost, ${how} p = ${probability(p)}; ` +
    `difference ${points(effect)} points, 95 % interval ${points(interval[0])} to ${points(interval[1])})`
  );
}

/** The rule's answer as one sentence for a person. */
export function reasonOf(cause: Cause, evidence: Evidence): string {
  const { counts, plannedN, level, smallestGain, guards } = evidence;
  switch (cause) {
    case 'too_few_cases':
      return `Hold: the evaluation has ${counts.n} of the ${plannedN} cases planned, and fewer never promote.`;
    case 'guard_breached':
      return `Reject: guard ${guards.filter((guard) => guard.result === 'breach').map(harmInWords).join(', ')} is breached; ${inWords(evidence)}.`;
    case 'guard_undecided': {
      const open = guards.filter((guard) => guard.critical && guard.result === 'undecided');
      return `Hold: the gain is proven but critical guard ${open.map(harmInWords).join(', ')} is undecided; ${inWords(evidence)}, level ${probability(level)}.`;
    }
    case 'gain_proven':
      return `Promote: ${inWords(evidence)}, within the level of ${probability(level)}.`;
    case 'no_gain':
      return `Reject: no gain; ${inWords(evidence)}.`;
    case 'smallest_gain_ruled_out':
      return `Reject: a gain of ${points(smallestGain)} points, the smallest worth having, is ruled out; ${inWords(evidence)}.`;
    case 'not_enough_evidence':
      return `Hold: not enough evidence; ${inWords(evidence)}, above the level of ${probability(level)}, while a gain of ${points(smallestGain)} points is still possible.`;
    default:
      return assertNever(cause);
  }
}

/** What was evaluated must be what is served: a gain on another build of the engine is no proof. */
function onThisEngine(ruled: Pick<Verdict, 'decision' | 'reason'>, other: DecideInput['otherEngine'], evidence: Evidence): Pick<Verdict, 'decision' | 'reason'> {
  if (!other || ruled.decision !== 'promote') return ruled;
  return { decision: 'hold', reason: `Hold: the gain is proven on engine ${other.evaluated}, but production runs ${other.production}; ${inWords(evidence)}.` };
}

/**
 * Judges a candidate once. Pairs outcomes by case (an arm's missing answer is its failure), tests them with the exact
 * one-sided McNemar test (the cluster sign-flip test where a cluster gives several cases) at the level given, and applies
 * the guards.
 * @throws REQUEST_INVALID when the outcomes are not one evaluation of these two adapters on at most `plannedN` cases,
 *   WORKLOAD_INVALID for a guard that names no class
 */
export function decide(input: DecideInput): Verdict {
  const { policy, plannedN, level } = input;
  const pairs = pairOutcomes(input.outcomes, { candidate: input.candidateDigest, current: input.currentDigest });
  if (plannedN < 1) throw new RatchetError('REQUEST_INVALID', `a verdict needs at least one planned case, not ${plannedN}`);
  if (pairs.length > plannedN) {
    throw new RatchetError('REQUEST_INVALID', `${pairs.length} cases have outcomes but ${plannedN} were planned: adding cases after the plan would break the level of the test`);
  }
  const passed = (outcome: Outcome | null) => answered(outcome) && outcome.pass;
  const candidatePasses = ({ candidate }: Pair) => passed(candidate);
  const currentPasses = ({ current }: Pair) => passed(current);
  const counts = countPairs(pairs, candidatePasses, currentPasses);
  const measured = measureClusters(countClusters(pairs, candidatePasses, currentPasses));
  const unmeasured = new Set(input.unmeasuredGuards);
  const guards = judgeGuards(policy.guards, pairs, input.currentDigest === null, undefined, input.suites, input.judgements).map((guard): GuardResult =>
    unmeasured.has(guard.id) ? { ...guard, result: 'undecided', harm: 0, lower: -UNBOUNDED_HARM, upper: UNBOUNDED_HARM } : guard,
  );
  const warnings = judgeWarnings(guards);
  const { smallestGain } = policy;
  const ruled = applyRule({ measured, plannedN, level, smallestGain, guards });
  const evidence = { counts, measured, plannedN, level, smallestGain, guards };
  const { decision, reason } = onThisEngine({ decision: ruled.decision, reason: reasonOf(ruled.cause, evidence) }, input.otherEngine ?? null, evidence);
  return {
    schemaVersion: 1,
    runId: input.runId,
    workload: input.workload,
    channel: input.channel,
    candidateDigest: input.candidateDigest,
    currentDigest: input.currentDigest,
    currentGeneration: input.currentGeneration,
    datasetDigest: input.datasetDigest,
    evaluationDigest: input.evaluationDigest,
    policyDigest: input.policyDigest,
    policy,
    decision,
    reason,
    n: counts.n,
    plannedN,
    b: counts.b,
    c: counts.c,
    bothPass: counts.bothPass,
    bothFail: counts.bothFail,
    clusters: measured.clusters,
    test: measured.test,
    pOneSided: measured.p,
    level,
    decisionNumber: input.decisionNumber,
    effect: measured.effect,
    interval: measured.interval,
    labelled: pairs.filter(({ candidate, current }) => (candidate?.equalsTruth ?? current?.equalsTruth ?? null) !== null).length,
    guards,
    selfDisagreement: input.selfDisagreement,
    ...(warnings.length > 0 && { warnings }),
    decidedAt: input.decidedAt,
  };
}
