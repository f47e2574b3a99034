// Evidence that may be looked at after every case: e-values for "the candidate is better" on discordant pairs.
import { logChoose, logFairUpperTail } from './distributions.ts';

/**
 * Natural logarithm of the e-value of b gained and c lost pairs. A bettor starts with 1 and bets on "gained" at each
 * discordant pair as if its probability were θ: a pair multiplies the capital by 2θ or 2(1 − θ). The stakes are spread
 * evenly over θ from 1/2 to 1, so the capital is
 *   e(b, c) = 2 ∫ over (1/2, 1) of (2θ)^b (2 − 2θ)^c dθ = 2^(d+1) / ((d + 1) · (d over b)) · P(Binomial(d + 1, 1/2) ≤ b), with d = b + c.
 * If the candidate is not better, each discordant pair is "gained" with probability at most 1/2 whatever came before, the
 * capital is a non-negative supermartingale from 1, and it reaches 1/level with probability at most `level`, however
 * often and whenever one looks (Ville's inequality). (Waudby-Smith and Ramdas 2024, JRSS B 86:1; Turner, Ly and Grünwald
 * 2024, Statistics and Its Interface 17:263 for paired and two-sample binary outcomes; Robbins 1970, Ann Math Stat 41:1397 for the mixture.)
 */
export function logEValue(b: number, c: number): number {
  const d = b + c;
  // The lower tail up to b is the upper tail of the failures from d + 1 − b.
  return (d + 1) * Math.LN2 - Math.log(d + 1) - logChoose(d, b) + logFairUpperTail(d + 1 - b, d + 1);
}

/** The e-value itself; Infinity beyond doubles. */
export const eValue = (b: number, c: number): number => Math.exp(logEValue(b, c));
