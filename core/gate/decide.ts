// The gate's decision: promote, reject or hold, from paired outcomes and the policy alone.
import type { Decision, Digest, GatePolicy, GuardResult, Outcome, Verdict } from '../contracts/index.ts';
import { RatchetError } from '../errors.ts';
import { judgeGuards, UNBOUNDED_HARM } from './guards.ts';
import { answered, countPairs, pairOutcomes, type PairCounts } from './pairs.ts';
import { mcnemarOneSided, pairedDifferenceInterval, type Interval } from './statistics.ts';

/**
 * Level of one decision: the period's alpha split evenly over the decisions planned in it, so that the chance of any
 * false promotion in the period stays below alpha (union bound), whatever the nights bring. The split of a share between
 * the fixed-n test and an e-process on further cases comes with that process; until then the whole share goes to the test.
 */
export const levelOfDecision = (policy: GatePolicy): number => policy.alpha / policy.decisionsPerPeriod;

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
  /** Share of a repeated sample on which the current adapter disagreed with itself; null when not measured. */
  selfDisagreement: number | null;
  decidedAt: string;
}

interface Evidence {
  counts: PairCounts;
  plannedN: number;
  p: number;
  level: number;
  effect: number;
  interval: Interval;
  smallestGain: number;
  guards: readonly GuardResult[];
}

const points = (share: number): string => (Math.abs(share) >= UNBOUNDED_HARM ? 'unbounded' : (share * 100).toFixed(1).replace(/^-0\.0$/, '0.0'));
const probability = (p: number): string => (p === 0 || p >= 0.001 ? p.toPrecision(3) : p.toExponential(2));
const harmInWords = ({ id, harm, lower, upper, margin }: GuardResult): string =>
  `"${id}" (harm ${points(harm)} %, bounds ${points(lower)} to ${points(upper)} %, margin ${points(margin)} %)`;

/** What was measured, in words: the same clause in every reason. */
function measured({ counts: { n, b, c, bothPass }, p, effect, interval }: Evidence): string {
  return (
    `the candidate passes ${bothPass + b} of ${n} cases where the current passes ${bothPass + c} (${b} gained, ${c} lost, exact one-sided p = ${probability(p)}; ` +
    `difference ${points(effect)} points, 95 % interval ${points(interval[0])} to ${points(interval[1])})`
  );
}

/** First rule that applies decides; nothing but the rule at the end of the significant branch promotes. */
function rule(evidence: Evidence): [Decision, string] {
  const { counts, plannedN, p, level, effect, interval, smallestGain, guards } = evidence;
  if (counts.n < plannedN) return ['hold', `Hold: the evaluation has ${counts.n} of the ${plannedN} cases planned, and fewer never promote.`];

  const breaches = guards.filter((guard) => guard.result === 'breach');
  if (breaches.length > 0) return ['reject', `Reject: guard ${breaches.map(harmInWords).join(', ')} is breached; ${measured(evidence)}.`];

  if (p <= level) {
    const open = guards.filter((guard) => guard.critical && guard.result === 'undecided');
    if (open.length > 0) return ['hold', `Hold: the gain is proven but critical guard ${open.map(harmInWords).join(', ')} is undecided; ${measured(evidence)}, level ${probability(level)}.`];
    return ['promote', `Promote: ${measured(evidence)}, within the level of ${probability(level)}.`];
  }
  if (effect <= 0) return ['reject', `Reject: no gain; ${measured(evidence)}.`];
  if (interval[1] < smallestGain) return ['reject', `Reject: a gain of ${points(smallestGain)} points, the smallest worth having, is ruled out; ${measured(evidence)}.`];
  return ['hold', `Hold: not enough evidence; ${measured(evidence)}, above the level of ${probability(level)}, while a gain of ${points(smallestGain)} points is still possible.`];
}

/**
 * Judges a candidate once. Pairs outcomes by case (an arm's missing answer is its failure), tests them with the exact
 * one-sided McNemar test at the level given, and applies the guards.
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
  const counts = countPairs(pairs, ({ candidate }) => passed(candidate), ({ current }) => passed(current));
  const { n, b, c } = counts;
  const p = mcnemarOneSided(b, c);
  const effect = n === 0 ? 0 : (b - c) / n;
  const interval = pairedDifferenceInterval(b, c, n);
  const guards = judgeGuards(policy.guards, pairs, input.currentDigest === null);
  const [decision, reason] = rule({ counts, plannedN, p, level, effect, interval, smallestGain: policy.smallestGain, guards });
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
    n,
    plannedN,
    b,
    c,
    bothPass: counts.bothPass,
    bothFail: counts.bothFail,
    pOneSided: p,
    level,
    decisionNumber: input.decisionNumber,
    effect,
    interval,
    labelled: pairs.filter(({ candidate, current }) => (candidate?.equalsTruth ?? current?.equalsTruth ?? null) !== null).length,
    guards,
    selfDisagreement: input.selfDisagreement,
    decidedAt: input.decidedAt,
  };
}
