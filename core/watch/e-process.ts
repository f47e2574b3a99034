// Evidence that may be looked at after every answer: an e-value for "the live arm fails more often than the one held back".

/** What one arm answered, counted once per unit that was drawn. */
export interface ArmCount {
  answers: number;
  failing: number;
}

/** Both arms while the same share of units was held back. A change of the share begins another stratum. */
export interface Stratum {
  /** Probability with which a unit was drawn into the holdback. */
  share: number;
  live: ArmCount;
  holdback: ArmCount;
}

/** What the bettor thinks possible: the failure rate held back, and how many points the live one lies above it. */
const FORMER_RATES = [0.002, 0.01, 0.03, 0.1, 0.25, 0.5];
const RISES = [0.005, 0.02, 0.05, 0.1, 0.2, 0.4];
const BETS = FORMER_RATES.flatMap((former) => RISES.map((rise) => ({ former, live: former + rise })).filter(({ live }) => live < 1));

/** Logarithms of what a bet pays, by arm and outcome. */
interface Payoff {
  liveFailing: number;
  holdbackFailing: number;
  livePassing: number;
  holdbackPassing: number;
}

const payoffs = new Map<number, Payoff[]>();
/** Shares are few: one for each setting of a holdback. */
const SHARES_KEPT = 64;

function payoffsAt(share: number): Payoff[] {
  const known = payoffs.get(share);
  if (known !== undefined) return known;
  const computed = BETS.map(({ former, live }): Payoff => {
    const failing = (1 - share) * live + share * former;
    const passing = 1 - failing;
    return {
      liveFailing: Math.log(live / failing),
      holdbackFailing: Math.log(former / failing),
      livePassing: Math.log((1 - live) / passing),
      holdbackPassing: Math.log((1 - former) / passing),
    };
  });
  if (payoffs.size >= SHARES_KEPT) payoffs.clear();
  payoffs.set(share, computed);
  return computed;
}

/**
 * Natural logarithm of the e-value of the counts.
 *
 * A keyed hash draws each unit into the holdback with a known probability s before anybody knows its answer. So if both
 * arms answer alike, the arm of a failing answer is the holdback with probability exactly s, and so is the arm of a passing
 * one, whatever the rate is, however it drifts, and whatever the traffic is made of: the test conditions on the outcome
 * and needs no model of it. For a former rate p and a live rate q > p a bettor stakes on the arm of each answer
 *   q / f  (live, failing)   p / f  (held back, failing)   (1 − q) / (1 − f)  (live, passing)   (1 − p) / (1 − f)  (held back, passing)
 * with f = (1 − s) q + s p. For a failing answer the expectation is 1 at P(live) = 1 − s and less below it, for a passing one 1
 * at P(held back) = s and less below it; both are what "live fails at most as often" says. So each capital is a non-negative
 * supermartingale from 1, and so is their average over a grid of (p, q): it reaches 1 / level with probability at
 * most `level`, however often and whenever one looks. The average depends on the totals alone, so neither the order of
 * the answers nor the times of the looks matter.
 *
 * (Ville 1939; Robbins 1970, Ann Math Stat 41:1397 for the mixture; Lindon and Malek 2022, NeurIPS, for counts over arms of
 * known shares; Turner, Ly and Grünwald 2024, Statistics and Its Interface 17:263 for two streams of binary outcomes;
 * Ramdas, Grünwald, Vovk and Shafer 2023, Statistical Science 38:576 for the whole.)
 */
export function logEvidence(strata: readonly Stratum[]): number {
  let largest = -Infinity;
  const capitals = BETS.map((_, bet) => {
    let log = 0;
    for (const { share, live, holdback } of strata) {
      const pays = payoffsAt(share)[bet];
      if (pays === undefined) continue;
      log += live.failing * pays.liveFailing + holdback.failing * pays.holdbackFailing;
      log += (live.answers - live.failing) * pays.livePassing + (holdback.answers - holdback.failing) * pays.holdbackPassing;
    }
    if (log > largest) largest = log;
    return log;
  });
  const sum = capitals.reduce((all, log) => all + Math.exp(log - largest), 0);
  return largest + Math.log(sum / BETS.length);
}

/** Strata without what one caller brought. */
export const without = (strata: readonly Stratum[], part: readonly Stratum[]): Stratum[] =>
  strata.map((stratum) => {
    const left = part.find(({ share }) => share === stratum.share);
    return left === undefined ? stratum : { share: stratum.share, live: minus(stratum.live, left.live), holdback: minus(stratum.holdback, left.holdback) };
  });

const minus = (all: ArmCount, part: ArmCount): ArmCount => ({ answers: all.answers - part.answers, failing: all.failing - part.failing });
