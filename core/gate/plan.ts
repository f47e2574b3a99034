// Plan before you train: whether a night can end in an answer, and what it lacks if not.
import type { GatePolicy, Guard } from '../contracts/index.ts';
import { binomialPoint } from './distributions.ts';
import { GUARD_LEVEL } from './guards.ts';
import { levelsOfDecision } from './levels.ts';
import { planCases } from './power.ts';
import { casesForZeroEvents, pairedDifferenceBounds } from './statistics.ts';

/** Beyond this a guard's need is only said to be larger. */
const GUARD_CASES_LOOKED_AT = 20_000;

/**
 * Chance that a guard passes with n cases when the candidate does no harm: both arms have the class equally often,
 * and disagree on it in a share `discordance` of the pairs. Exact over all counts.
 */
export function powerOfGuard(n: number, margin: number, discordance: number, level: number): number {
  const reach = 9 * Math.sqrt(n * discordance * (1 - discordance)) + 9;
  const last = Math.min(n, Math.ceil(n * discordance + reach));
  let power = 0;
  for (let d = Math.max(0, Math.floor(n * discordance - reach)); d <= last; d += 1) {
    const weight = binomialPoint(d, n, discordance);
    if (weight < 1e-12) continue;
    // The upper bound rises with b: the largest b that still passes, by halving.
    let [passes, fails] = [-1, d + 1];
    while (fails - passes > 1) {
      const b = Math.floor((passes + fails) / 2);
      if (pairedDifferenceBounds(b, d - b, n, level)[1] < margin) passes = b;
      else fails = b;
    }
    let below = 0;
    for (let b = 0; b <= passes; b += 1) below += binomialPoint(b, d, 0.5);
    power += weight * below;
  }
  return Math.min(1, power);
}

/**
 * Smallest n, to a tenth, with which a harmless candidate passes a guard with the power wanted. With no disagreement
 * expected it is the zero-event bound: the n of which no event at all shows a rate below the margin.
 * @param discordance share of pairs in which just one arm has the class
 * @returns null for a margin of 0, which no number of cases shows, and where more than 20,000 would be needed
 */
export function casesForGuard(margin: number, discordance: number, power: number, level = GUARD_LEVEL): number | null {
  if (margin <= 0) return null;
  const enough = (n: number): boolean => powerOfGuard(n, margin, discordance, level) >= power;
  let high = Math.min(GUARD_CASES_LOOKED_AT, Math.max(4, casesForZeroEvents(margin, level)));
  let low = 0;
  while (!enough(high)) {
    if (high >= GUARD_CASES_LOOKED_AT) return null;
    low = high;
    high = Math.min(GUARD_CASES_LOOKED_AT, high * 2);
  }
  while (high - low > Math.max(1, Math.floor(high / 10))) {
    const n = Math.floor((low + high) / 2);
    if (enough(n)) high = n;
    else low = n;
  }
  return high;
}

export interface GuardPlan {
  id: string;
  critical: boolean;
  /** Cases for the policy's power; null: more than can be planned for. */
  wanted: number | null;
}

export interface NightPlan {
  /** Cases that the test wants, and its power with them; below the policy's where maxCases does not reach it. */
  n: number;
  power: number;
  level: number;
  freshCases: number;
  missingCases: number;
  guards: GuardPlan[];
  /** Why no training should start, each with the numbers; empty: go on. */
  lacks: string[];
  /** What a person should know although the night goes on. */
  warnings: string[];
}

/**
 * The n that the policy needs (smallest gain, power, this decision's level) beside the fresh blind cases at hand.
 * Critical guards that cannot be shown to pass with that n are warned of: such a night can prove a gain and still hold.
 * @param discordance.test share of pairs on which the arms disagree, as measured; the policy's expectation when not given
 * @param discordance.guard the same for a guard's failure class, by guard id; a tenth of the test's when not given
 */
export function planNight(policy: GatePolicy, freshCases: number, discordance: { test?: number | undefined; guard?: Readonly<Record<string, number>> } = {}): NightPlan {
  const level = levelsOfDecision(policy).test;
  const { n, power } = planCases(policy, level, discordance.test);
  const byClass = (guard: Guard): boolean => guard.kind === 'failure_class';
  const expected = (guard: Guard): number => discordance.guard?.[guard.id] ?? (discordance.test ?? policy.expectedDiscordance) / 10;
  const guards = policy.guards.filter(byClass).map((guard): GuardPlan => ({ id: guard.id, critical: guard.critical, wanted: casesForGuard(guard.margin, expected(guard), policy.power) }));
  const missingCases = Math.max(0, n - freshCases);
  const lacks: string[] = [];
  if (missingCases > 0) lacks.push(`${freshCases} fresh cases, ${n} planned: ${missingCases} missing`);
  if (power < policy.power) lacks.push(`a power of ${power.toFixed(2)} with at most ${n} cases, ${policy.power} wanted: raise gate.maxCases or gate.smallestGain`);
  const warnings = guards
    .filter(({ critical, wanted }) => critical && (wanted === null || wanted > n))
    .map(({ id, wanted }) => `critical guard "${id}" wants ${wanted === null ? `more than ${GUARD_CASES_LOOKED_AT}` : `about ${wanted}`} cases to pass a harmless candidate, ${n} are planned: raise its margin or gate.minCases, or expect holds`);
  return { n, power, level, freshCases, missingCases, guards, lacks, warnings };
}
