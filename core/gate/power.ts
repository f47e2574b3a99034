// How many cases a night needs before it is worth training.
import type { GatePolicy } from '../contracts/index.ts';
import { binomialPoint, binomialUpperTail } from './distributions.ts';
import { mcnemarOneSided } from './statistics.ts';

/** Smallest b that is significant among `discordant` pairs; discordant + 1 when none is. */
function criticalB(discordant: number, level: number, startAt: number): number {
  let b = Math.max(0, startAt);
  while (b <= discordant && mcnemarOneSided(b, discordant - b) > level) b += 1;
  return b;
}

/** P(significant | number of discordant pairs), remembered: the search below asks for the same numbers again and again. */
function conditionalPower(shareB: number, level: number): (discordant: number) => number {
  const powers: number[] = [];
  let critical = 0;
  return (discordant) => {
    for (let d = powers.length; d <= discordant; d += 1) {
      // The critical value never falls when a pair is added.
      critical = criticalB(d, level, critical);
      powers.push(binomialUpperTail(critical, d, shareB));
    }
    return powers[discordant] ?? 0;
  };
}

function unconditional(n: number, discordance: number, powerAt: (discordant: number) => number): number {
  // Beyond nine standard deviations nothing counts in double precision.
  const reach = 9 * Math.sqrt(n * discordance * (1 - discordance)) + 9;
  const first = Math.max(0, Math.floor(n * discordance - reach));
  const last = Math.min(n, Math.ceil(n * discordance + reach));
  let power = 0;
  for (let d = first; d <= last; d += 1) power += binomialPoint(d, n, discordance) * powerAt(d);
  return Math.min(1, power);
}

/**
 * Exact unconditional power of the one-sided McNemar test: the conditional power averaged over the number of discordant
 * pairs. With p10 = p01 this is the test's size. (Duffy 1984, Biometrics 40:1005; Connett, Smith and McHugh 1987, Stat Med 6:65.)
 * @param n number of pairs
 * @param p10 probability that only the candidate passes
 * @param p01 probability that only the current passes
 */
export function powerOfMcnemar(n: number, p10: number, p01: number, level: number): number {
  const discordance = p10 + p01;
  if (discordance <= 0) return 0;
  return unconditional(n, discordance, conditionalPower(p10 / discordance, level));
}

/**
 * Smallest number of cases, within the policy's bounds, that finds the smallest gain worth having with the power wanted.
 * `power` is below the policy's where `maxCases` does not reach it: the plan step says so.
 * @param discordance share of pairs on which the arms disagree, as measured; the policy's expectation when not given. A gain needs at least as much of it.
 */
export function planCases(policy: GatePolicy, level: number, discordance = policy.expectedDiscordance): { n: number; power: number } {
  const gain = policy.smallestGain;
  const share = Math.min(1, Math.max(gain, discordance));
  const powerAt = conditionalPower((share + gain) / 2 / share, level);
  const last = Math.max(policy.minCases, policy.maxCases);
  for (let n = policy.minCases; n < last; n += 1) {
    const power = unconditional(n, share, powerAt);
    if (power >= policy.power) return { n, power };
  }
  return { n: last, power: unconditional(last, share, powerAt) };
}

/**
 * Cases for the policy's power at a gain, by halving: within a few of the smallest, since the power of an exact test rises
 * in small steps back and forth. For tables; a night plans with `planCases`.
 * @returns null where more than `most` would be needed
 */
export function casesForGain(gain: number, power: number, level: number, discordance: number, most: number): number | null {
  const share = Math.min(1, Math.max(gain, discordance));
  const powerAt = conditionalPower((share + gain) / 2 / share, level);
  const enough = (n: number): boolean => unconditional(n, share, powerAt) >= power;
  let [low, high] = [0, 16];
  while (!enough(high)) {
    if (high >= most) return null;
    [low, high] = [high, Math.min(most, high * 2)];
  }
  while (high - low > 1) {
    const n = Math.floor((low + high) / 2);
    if (enough(n)) high = n;
    else low = n;
  }
  return high;
}
