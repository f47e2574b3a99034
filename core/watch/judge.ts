// What a look at a watch says: quiet, suspected (one caller alone carries the evidence), or an alarm.
import { FAILURE_CLASSES, type FailureClass } from '../contracts/common.ts';
import { wilson, type Interval } from '../gate/statistics.ts';
import { evidenceOf, without, type ArmCount, type Stratum } from './e-process.ts';

/**
 * Classes that a detector finds at intake. `semantic_error` comes with a correction, days later and mostly for answers that
 * somebody looked at; `schema_invalid` is the customer's; `undetermined` is no failure.
 */
export const WATCHED_CLASSES: readonly FailureClass[] = FAILURE_CLASSES.filter((name) => !['semantic_error', 'schema_invalid', 'undetermined'].includes(name));

/** The watch's false-alarm rate, shared out evenly. */
export const levelPerClass = (alpha: number): number => alpha / WATCHED_CLASSES.length;

/** One class over both arms; `callers`: what each caller brought to it, each a part of `strata`. */
export interface ClassCounts {
  class: FailureClass;
  strata: Stratum[];
  callers: { caller: string; strata: Stratum[] }[];
}

export interface Arm extends ArmCount {
  rate: number;
  /** Wilson, 95 %. */
  interval: Interval;
}

export interface ClassLook {
  class: FailureClass;
  state: 'quiet' | 'suspected' | 'alarm';
  /** The window from whose start the counts speak most; `rise` and both arms are counted from there. */
  since: number;
  live: Arm;
  holdback: Arm;
  /** Live minus held back, weighted over strata by the answers held back. */
  rise: number;
  /** Natural logarithms: of all answers, and of the least when any one caller is left out. */
  logE: number;
  logEWithoutOne: number;
  /** The caller without whom there is no alarm; null when nobody is needed for it, or there is none with everybody. */
  carriedBy: string | null;
}

/** Named where a single answer, and no caller with a name, makes the difference. */
const ONE_ANSWER = 'a single answer';

/**
 * An alarm needs all of: the e-value at or above 1 / level; the same with any one caller left out, so that, whatever one
 * caller sends and however well it guesses its arm, the chance of a false alarm from all the others stays at most `level`;
 * and a rise of at least `minimumEffect` in the counts, so that a difference too small to matter rolls nothing back.
 */
export function judgeClass({ class: name, strata, callers }: ClassCounts, level: number, minimumEffect: number): ClassLook {
  const threshold = -Math.log(level);
  const { logE, since } = evidenceOf(strata);
  const counted = strata.filter(({ window }) => window >= since);
  const rise = riseOf(counted);
  const reached = logE >= threshold && rise >= minimumEffect;
  const weakest = reached ? leastWithoutOne(strata, callers, minimumEffect) : { caller: null, logE };
  const state = !reached ? 'quiet' : weakest.logE >= threshold ? 'alarm' : 'suspected';
  return { class: name, state, since, live: armOf(counted, 'live'), holdback: armOf(counted, 'holdback'), rise, logE, logEWithoutOne: weakest.logE, carriedBy: state === 'suspected' ? weakest.caller : null };
}

/** False where no window begins a rise worth having: then there is no alarm, at a hundredth of the cost of judging it. */
export function mayAlarm(strata: readonly Stratum[], minimumEffect: number): boolean {
  return strata.some(({ window: since }) => riseOf(strata.filter(({ window }) => window >= since)) >= minimumEffect);
}

/** All classes of a watch at its own level. */
export const judgeWatch = (classes: readonly ClassCounts[], { alpha, minimumEffect }: { alpha: number; minimumEffect: number }): ClassLook[] =>
  classes.map((counts) => judgeClass(counts, levelPerClass(alpha), minimumEffect));

function leastWithoutOne(strata: readonly Stratum[], callers: ClassCounts['callers'], minimumEffect: number): { caller: string | null; logE: number } {
  const parts = [...callers, ...singles(strata).map((part) => ({ caller: ONE_ANSWER, strata: [part] }))];
  return parts.reduce<{ caller: string | null; logE: number }>(
    (least, part) => {
      const left = without(strata, part.strata);
      const evidence = evidenceOf(left);
      // Where the rest shows no rise worth having, it is no evidence at all.
      const logE = riseOf(left.filter(({ window }) => window >= evidence.since)) < minimumEffect ? 0 : evidence.logE;
      return logE < least.logE ? { caller: part.caller, logE } : least;
    },
    { caller: null, logE: evidenceOf(strata).logE },
  );
}

/** The answers that speak most for a rise, one at a time: a request of nobody's session counts for itself. */
const singles = (strata: readonly Stratum[]): Stratum[] =>
  strata.flatMap(({ window, share, live, holdback }) => [
    ...(live.failing > 0 ? [{ window, share, live: { answers: 1, failing: 1 }, holdback: { answers: 0, failing: 0 } }] : []),
    ...(holdback.answers > holdback.failing ? [{ window, share, live: { answers: 0, failing: 0 }, holdback: { answers: 1, failing: 0 } }] : []),
  ]);

function armOf(strata: readonly Stratum[], arm: 'live' | 'holdback'): Arm {
  const answers = strata.reduce((sum, stratum) => sum + stratum[arm].answers, 0);
  const failing = strata.reduce((sum, stratum) => sum + stratum[arm].failing, 0);
  return { answers, failing, rate: answers === 0 ? 0 : failing / answers, interval: wilson(failing, answers) };
}

/** Live minus held back, in failure rate; 0 while an arm has no answer. */
function riseOf(strata: readonly Stratum[]): number {
  const both = strata.filter(({ live, holdback }) => live.answers > 0 && holdback.answers > 0);
  const heldBack = both.reduce((sum, { holdback }) => sum + holdback.answers, 0);
  if (heldBack === 0) return 0;
  return both.reduce((sum, { live, holdback }) => sum + (holdback.answers / heldBack) * (live.failing / live.answers - holdback.failing / holdback.answers), 0);
}

const points = (share: number): string => `${(100 * share).toFixed(1)} %`;
const armInWords = ({ answers, failing, rate, interval: [low, high] }: Arm): string => `${failing} of ${answers} (${points(rate)}, ${points(low)} to ${points(high)})`;

/** An e-value as a person reads it. */
export const eInWords = (logE: number): string => (logE < Math.log(1e6) ? Math.exp(logE).toPrecision(3) : `10^${(logE / Math.LN10).toFixed(1)}`);

/** The numbers behind an alarm, in one sentence. */
export const alarmInWords = (look: ClassLook, alpha: number): string =>
  `${look.class}: ${armInWords(look.live)} of the live adapter's answers against ${armInWords(look.holdback)} held back; e = ${eInWords(look.logEWithoutOne)} with any one caller left out, where ${(1 / levelPerClass(alpha)).toPrecision(4)} is wanted`;
