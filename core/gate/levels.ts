// How the level of a period is shared out over its decisions, and what of it is left.
import type { GatePolicy } from '../contracts/index.ts';

/** One-sided levels of one decision: of the test on the planned cases, and of the e-process that goes on after `hold`. */
export interface DecisionLevels {
  test: number;
  /** 0: there is no e-process, `hold` ends the candidate. */
  eProcess: number;
}

/**
 * The period's alpha split evenly over the decisions planned in it, so that the chance of any false promotion in the
 * period stays at most alpha (union bound), whatever the nights bring. A policy with an e-process splits each share
 * beforehand: what one part does not use is not given to the other.
 */
export function levelsOfDecision(policy: GatePolicy): DecisionLevels {
  const share = policy.alpha / policy.decisionsPerPeriod;
  const eProcess = share * (policy.eProcess?.share ?? 0);
  return { test: share - eProcess, eProcess };
}

const DAY_MS = 86_400_000;

/** When the period ends in which a decision was taken. */
export const endOfPeriod = (periodStart: string, { periodDays }: Pick<GatePolicy, 'periodDays'>): string => new Date(Date.parse(periodStart) + periodDays * DAY_MS).toISOString();

/** The gate's account of one channel, as of `at`. */
export interface GateLedger {
  periodStart: string | null;
  periodEnd: string | null;
  decisionsPlanned: number;
  decisionsMade: number;
  alpha: number;
  /** Shares taken, whether or not their night came to a verdict. */
  alphaSpent: number;
  alphaLeft: number;
  casesFresh: number;
  casesRetired: number;
}

/**
 * @param decisions all decisions of the channel, in any order; the newest says which period is running
 * @param policy the policy in force: that of the running period
 * @param cases the pool's cases; a case that entered a verdict or was shown to a person is retired
 * @param at ISO instant; a period that has ended by then counts as not begun
 */
export function gateLedger(
  decisions: readonly { periodStart: string; decisionsPerPeriod: number }[],
  policy: GatePolicy,
  cases: readonly { retiredBy: string | null }[],
  at: string,
): GateLedger {
  const last = decisions.reduce<(typeof decisions)[number] | null>((newest, each) => (newest === null || each.periodStart > newest.periodStart ? each : newest), null);
  const endMs = last === null ? -Infinity : Date.parse(endOfPeriod(last.periodStart, policy));
  const running = Date.parse(at) < endMs ? last : null;
  const planned = running?.decisionsPerPeriod ?? policy.decisionsPerPeriod;
  const made = running === null ? 0 : decisions.filter(({ periodStart }) => periodStart === running.periodStart).length;
  const alphaSpent = (policy.alpha * Math.min(made, planned)) / planned;
  const retired = cases.filter(({ retiredBy }) => retiredBy !== null).length;
  return {
    periodStart: running?.periodStart ?? null,
    periodEnd: running === null ? null : new Date(endMs).toISOString(),
    decisionsPlanned: planned,
    decisionsMade: made,
    alpha: policy.alpha,
    alphaSpent,
    alphaLeft: policy.alpha - alphaSpent,
    casesFresh: cases.length - retired,
    casesRetired: retired,
  };
}

/** For people: shares of alpha are sums of binary fractions. */
export const levelText = (level: number): string => String(Number(level.toPrecision(4)));
