// A candidate that was held, and the looks at it on fresh cases: its e-process as the nights carry it on.
import type { Digest, GatePolicy, GuardResult, Outcome, Verdict } from '../contracts/index.ts';
import { addCases, closeEProcess, guardLevelOf, openEProcess, reasonOfProcess, type EProcess } from './e-process.ts';
import { judgeGuards, judgeWarnings, UNBOUNDED_HARM, type SuiteJudgements, type SuitePairs } from './guards.ts';
import { levelsOfDecision } from './levels.ts';
import { answered, countPairs, pairOutcomes, type Pair, type PairCounts } from './pairs.ts';
import { pairedDifferenceInterval } from './statistics.ts';

/** Part of a verdict's planned cases below which a look waits for more: each look makes the guards' levels smaller. */
const LEAST_LOOK = 1 / 4;

/** What is kept between the nights. */
export interface HeldCandidate {
  /** The verdict that held it, which names it. */
  heldVerdictDigest: Digest;
  /** The generation that it was compared with: any other live adapter, also a former one that comes back, ends it. */
  currentGeneration: number;
  periodEnd: string;
  process: EProcess;
  /** One for each batch of fresh cases, oldest first. */
  looks: { runId: string; evaluationId: string; verdictDigest: Digest; at: string }[];
  openedAt: string;
  endedAt: string | null;
}

/** Starts the e-process of a verdict that holds; null where its policy has none. */
export function holdCandidate(verdict: Verdict, heldVerdictDigest: Digest, policy: GatePolicy, periodEnd: string): HeldCandidate | null {
  if (verdict.decision !== 'hold' || !policy.eProcess) return null;
  const { candidateDigest, currentDigest, currentGeneration, decidedAt: openedAt } = verdict;
  const process = openEProcess({ candidateDigest, currentDigest, level: levelsOfDecision(policy).eProcess, maxCases: policy.eProcess.maxCases });
  return { heldVerdictDigest, currentGeneration, periodEnd, process, looks: [], openedAt, endedAt: null };
}

/** Why it cannot go on, as part of a sentence; null: it can. */
export function whyOver({ currentGeneration, periodEnd }: Pick<HeldCandidate, 'currentGeneration' | 'periodEnd'>, generation: number, at: string): string | null {
  if (generation !== currentGeneration) return 'the channel moved on';
  if (Date.parse(at) >= Date.parse(periodEnd)) return 'its period is over';
  return null;
}

export const NEWER_CANDIDATE = 'a newer candidate takes the cases';

/**
 * Size of the next batch: what is fresh, at most what the fixed-n test had, at most what is left.
 * @param plannedN cases of the verdict that held it
 * @returns `missing` cases where there are too few for a look
 */
export function nextLook({ process: { n, maxCases } }: Pick<HeldCandidate, 'process'>, plannedN: number, freshCases: number): { cases: number; missing: number } {
  const left = maxCases - n;
  const least = Math.min(left, Math.ceil(plannedN * LEAST_LOOK));
  return freshCases < least ? { cases: 0, missing: least - freshCases } : { cases: Math.min(freshCases, left, plannedN), missing: 0 };
}

export interface LookInput {
  held: HeldCandidate;
  /** The verdict that held it. */
  first: Verdict;
  runId: string;
  evaluationDigest: Digest;
  /** Outcomes of the looks before, and of this one. */
  before: readonly Outcome[];
  batch: readonly Outcome[];
  /** Not null: the batch does not count, the process ends. */
  over: string | null;
  /** For guards on suites: what this look's evaluation asked. */
  suites?: SuitePairs;
  judgements?: SuiteJudgements;
  /** Set where the batch was asked of another engine build than production runs: nothing is promoted by it. */
  otherEngine?: { evaluated: string; production: string } | null;
  selfDisagreement: number | null;
  decidedAt: string;
}

/** What was evaluated must be what is served: stands among the guards, and holds a promotion back as a critical one does. */
const otherEngineGuard = ({ evaluated, production }: { evaluated: string; production: string }): GuardResult => ({
  id: `asked of ${evaluated}, while production runs ${production}`, result: 'undecided', critical: true, harm: 0, lower: -UNBOUNDED_HARM, upper: UNBOUNDED_HARM, margin: 0,
});

const passes = (outcome: Outcome | null): boolean => answered(outcome) && outcome.pass;
const countPasses = (pairs: readonly Pair[]): PairCounts => countPairs(pairs, ({ candidate }) => passes(candidate), ({ current }) => passes(current));

/**
 * Adds a batch of fresh cases to the process of a held candidate and says where it stands, in the form of a verdict: its
 * counts are those of all looks, its p is 1 / e. The guards are judged over all looks at the level of this one.
 * @throws REQUEST_INVALID as addCases and pairOutcomes do
 */
export function decideLook({ held, first, before, batch, over, suites, judgements, otherEngine, ...input }: LookInput): { process: EProcess; verdict: Verdict } {
  const { candidateDigest, currentDigest, policy } = first;
  const adapters = { candidate: candidateDigest, current: currentDigest };
  const pairs = pairOutcomes(over === null ? [...before, ...batch] : before, adapters);
  const counts = countPasses(pairs);
  const guards = [...judgeGuards(policy.guards, pairs, currentDigest === null, guardLevelOf(held.process), suites, judgements), ...(otherEngine ? [otherEngineGuard(otherEngine)] : [])];
  const warnings = judgeWarnings(guards);
  const process = over === null ? addCases(held.process, countPasses(pairOutcomes(batch, adapters)), guards) : closeEProcess(held.process, over);
  const { n, b, c, logE, looks, maxCases, level, status } = process;
  const verdict: Verdict = {
    schemaVersion: 1,
    runId: input.runId,
    workload: first.workload,
    channel: first.channel,
    candidateDigest,
    currentDigest,
    currentGeneration: first.currentGeneration,
    datasetDigest: first.datasetDigest,
    evaluationDigest: input.evaluationDigest,
    policyDigest: first.policyDigest,
    policy,
    decision: status === 'open' ? 'hold' : status,
    reason: reasonOfProcess(process),
    n,
    plannedN: maxCases,
    b,
    c,
    bothPass: counts.bothPass,
    bothFail: counts.bothFail,
    clusters: n,
    test: 'e_process',
    pOneSided: Math.min(1, Math.exp(-logE)),
    level,
    decisionNumber: first.decisionNumber,
    effect: n === 0 ? 0 : (b - c) / n,
    interval: pairedDifferenceInterval(b, c, n),
    labelled: pairs.filter(({ candidate, current }) => (candidate?.equalsTruth ?? current?.equalsTruth ?? null) !== null).length,
    guards,
    selfDisagreement: input.selfDisagreement,
    eProcess: { heldVerdictDigest: held.heldVerdictDigest, looks, logE, maxCases },
    ...(warnings.length > 0 && { warnings }),
    decidedAt: input.decidedAt,
  };
  return { process, verdict };
}
