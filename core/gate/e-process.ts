// What follows `hold`: a betting process on fresh cases of the same candidate that may stop at any time.
import type { Digest, GuardResult } from '../contracts/index.ts';
import { RatchetError } from '../errors.ts';
import { logEValue } from './e-values.ts';
import { GUARD_LEVEL, guardName } from './guards.ts';

/** Everything that the process is; a plain document, kept between nights. */
export interface EProcess {
  candidateDigest: Digest;
  /** What the candidate is compared with; another live adapter ends the process. */
  currentDigest: Digest | null;
  /** The part of the decision's share set aside for it: a false promotion happens with at most this probability. */
  level: number;
  /** Cases it may use, over all batches. */
  maxCases: number;
  /** Cases used, and of them those that only the candidate and only the current pass. None of them was in the test before. */
  n: number;
  b: number;
  c: number;
  /** Natural logarithm of the e-value of b and c. */
  logE: number;
  /** How often it was looked at, which the guards' levels are shared out over. */
  looks: number;
  status: 'open' | 'promote' | 'reject';
  /** One sentence for a person; null while open. */
  reason: string | null;
}

/** The e-value must reach 1 / level. */
const threshold = ({ level }: Pick<EProcess, 'level'>): number => -Math.log(level);

/**
 * Starts the process of a candidate that was held.
 * @throws REQUEST_INVALID where there is no level or no case for it
 */
export function openEProcess({ candidateDigest, currentDigest, level, maxCases }: Pick<EProcess, 'candidateDigest' | 'currentDigest' | 'level' | 'maxCases'>): EProcess {
  if (!(level > 0 && level < 1) || maxCases < 1) throw new RatchetError('REQUEST_INVALID', `an e-process needs a level between 0 and 1 and at least one case, not level ${level} and ${maxCases} cases`);
  return { candidateDigest, currentDigest, level, maxCases, n: 0, b: 0, c: 0, logE: 0, looks: 0, status: 'open', reason: null };
}

/**
 * Level at which the guards are judged at the next look (see judgeGuards): 0.05 / (k (k + 1)) at the k-th, which sums to
 * 0.05, so that looking often does not let a harm slip through.
 */
export const guardLevelOf = ({ looks }: Pick<EProcess, 'looks'>): number => GUARD_LEVEL / ((looks + 1) * (looks + 2));

/**
 * Adds a batch of fresh cases, one per cluster and never judged before. Promotes at e ≥ 1 / level unless a critical guard
 * is undecided (then it stays open); a breached guard rejects; so do the last case and `closeEProcess`.
 * @param guards judged over all fresh cases so far, this batch included, at `guardLevelOf(process)`
 * @throws REQUEST_INVALID when the process is closed, the counts are impossible, or the batch has more cases than are left
 */
export function addCases(process: EProcess, batch: { n: number; b: number; c: number }, guards: readonly GuardResult[]): EProcess {
  if (process.status !== 'open') throw new RatchetError('REQUEST_INVALID', `the e-process of ${process.candidateDigest} has ended (${process.status}); a candidate is not judged again`);
  const whole = [batch.n, batch.b, batch.c].every((count) => Number.isInteger(count) && count >= 0);
  if (!whole || batch.n < 1 || batch.b + batch.c > batch.n) throw new RatchetError('REQUEST_INVALID', `a batch of ${batch.n} cases cannot have ${batch.b} gained and ${batch.c} lost`);
  if (process.n + batch.n > process.maxCases) throw new RatchetError('REQUEST_INVALID', `${process.n + batch.n} cases, but the e-process was given ${process.maxCases} beforehand`);
  const [n, b, c] = [process.n + batch.n, process.b + batch.b, process.c + batch.c];
  return settle({ ...process, n, b, c, logE: logEValue(b, c), looks: process.looks + 1 }, guards);
}

function settle(process: EProcess, guards: readonly GuardResult[]): EProcess {
  const ids = (chosen: readonly GuardResult[]): string => chosen.map(guardName).join(', ');
  const breached = guards.filter(({ result }) => result === 'breach');
  if (breached.length > 0) return { ...process, status: 'reject', reason: `Reject: guard ${ids(breached)} is breached; ${inWords(process)}.` };
  const open = guards.filter(({ critical, result }) => critical && result === 'undecided');
  const proven = process.logE >= threshold(process);
  if (proven && open.length === 0) return { ...process, status: 'promote', reason: `Promote: ${inWords(process)}.` };
  if (process.n < process.maxCases) return process;
  return { ...process, status: 'reject', reason: proven ? `Reject: no case is left and critical guard ${ids(open)} is undecided; ${inWords(process)}.` : `Reject: no case is left; ${inWords(process)}.` };
}

/**
 * Ends an open process without a promotion: its period is over, another adapter went live, a newer candidate takes the
 * cases, or a person ends it. An ended one stays as it is.
 * @param why part of a sentence: "another adapter went live"
 */
export const closeEProcess = (process: EProcess, why: string): EProcess =>
  process.status === 'open' ? { ...process, status: 'reject', reason: `Reject: ${why}; ${inWords(process)}.` } : process;

/** Where the process stands, as one sentence for a person. */
export const reasonOfProcess = (process: EProcess): string => process.reason ?? `Hold: ${inWords(process)}, and ${process.maxCases - process.n} more may be asked.`;

function inWords({ n, b, c, logE, level }: EProcess): string {
  const e = logE < Math.log(1e6) ? Math.exp(logE).toPrecision(3) : `10^${(logE / Math.LN10).toFixed(1)}`;
  return `${b} gained and ${c} lost on ${n} fresh cases give e = ${e}, where ${(1 / level).toPrecision(4)} is wanted`;
}
