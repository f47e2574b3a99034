// Evidence that may be looked at after every answer: an e-value for "the live arm fails more often than the one held back".

/** What one arm answered, counted once per unit that was drawn. */
export interface ArmCount {
  answers: number;
  failing: number;
}

/** Windows of equal length that a watch is cut into, beforehand; a bettor begins at the start of each. */
export const WINDOWS = 12;
/** Of the stake, what is bet from the start of the watch; the later bettors share the rest. */
const FROM_THE_START = 0.5;

/** Both arms in one window while one share was held back. */
export interface Stratum {
  /** 0 to WINDOWS − 1. */
  window: number;
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

export interface Evidence {
  /** Natural logarithm of the e-value. */
  logE: number;
  /** The window from whose start the counts speak most. */
  since: number;
}

/**
 * The e-value of the counts.
 *
 * A keyed hash draws each unit into the holdback with a known probability s before anybody knows its answer. So if both
 * arms answer alike, the arm of a failing answer is the holdback with probability exactly s, and so is the arm of a passing
 * one, whatever the rate is, however it drifts, and whatever the traffic is made of: the test conditions on the outcome
 * and needs no model of it. For a former rate p and a live rate q > p a bettor stakes on the arm of each answer
 *   q / f  (live, failing)   p / f  (held back, failing)   (1 − q) / (1 − f)  (live, passing)   (1 − p) / (1 − f)  (held back, passing)
 * with f = (1 − s) q + s p. For a failing answer the expectation is 1 at P(live) = 1 − s and less below it, for a passing one 1
 * at P(held back) = s and less below it; both are what "live fails at most as often" says. So each capital is a non-negative
 * supermartingale from 1, and so is every average of them: over a grid of (p, q), and over bettors who begin at the start of
 * each window and keep their 1 until then, so that months of good answers do not hide what begins today. The average
 * reaches 1 / level with probability at most `level`, however often and whenever one looks, and depends on the sums of
 * each window alone: neither the order of the answers nor the times of the looks matter.
 *
 * (Ville 1939; Robbins 1970, Ann Math Stat 41:1397 for the mixture; Lindon and Malek 2022, NeurIPS, for counts over arms of
 * known shares; Turner, Ly and Grünwald 2024, Statistics and Its Interface 17:263 for two streams of binary outcomes;
 * Shin, Ramdas and Rinaldo 2023, NEJSDS 2:229 for bettors who begin later; Ramdas, Grünwald, Vovk and Shafer 2023,
 * Statistical Science 38:576 for the whole.)
 */
export function evidenceOf(strata: readonly Stratum[]): Evidence {
  const logs = new Float64Array(BETS.length);
  const byStart: number[] = [];
  // Backwards: a bettor's capital is the next one's and what this window paid.
  for (let window = WINDOWS - 1; window >= 0; window -= 1) {
    const here = strata.filter((stratum) => stratum.window === window && stratum.live.answers + stratum.holdback.answers > 0);
    for (const stratum of here) addPayoffs(logs, stratum);
    byStart[window] = here.length > 0 ? logMean(logs) : (byStart[window + 1] ?? 0);
  }
  const weighted = byStart.map((log, window) => log + Math.log(window === 0 ? FROM_THE_START : (1 - FROM_THE_START) / (WINDOWS - 1)));
  const largest = Math.max(...weighted);
  return { logE: largest + Math.log(weighted.reduce((sum, log) => sum + Math.exp(log - largest), 0)), since: weighted.indexOf(largest) };
}

function addPayoffs(logs: Float64Array, { share, live, holdback }: Stratum): void {
  payoffsAt(share).forEach((pays, bet) => {
    logs[bet] =
      (logs[bet] ?? 0) +
      live.failing * pays.liveFailing +
      holdback.failing * pays.holdbackFailing +
      (live.answers - live.failing) * pays.livePassing +
      (holdback.answers - holdback.failing) * pays.holdbackPassing;
  });
}

/** Logarithm of the mean of what they are the logarithms of. */
function logMean(logs: Float64Array): number {
  let largest = -Infinity;
  for (const log of logs) if (log > largest) largest = log;
  let sum = 0;
  for (const log of logs) sum += Math.exp(log - largest);
  return largest + Math.log(sum / logs.length);
}

/** Strata without what one caller brought. */
export const without = (strata: readonly Stratum[], part: readonly Stratum[]): Stratum[] =>
  strata.map((stratum) => {
    const left = part.find(({ window, share }) => window === stratum.window && share === stratum.share);
    return left === undefined ? stratum : { ...stratum, live: minus(stratum.live, left.live), holdback: minus(stratum.holdback, left.holdback) };
  });

const minus = (all: ArmCount, part: ArmCount): ArmCount => ({ answers: all.answers - part.answers, failing: all.failing - part.failing });
