// How answers come about in a simulation: case by case from a made-up difficulty, or resampled from recorded outcomes.
import { seededRandom, type Random } from '../random.ts';

/** What happened at one case, as bits. `production`: what the current adapter answered before the case was drawn. */
export const PRODUCTION_PASSES = 1;
export const CURRENT_PASSES = 2;
export const CANDIDATE_PASSES = 4;
export const CURRENT_MALFORMED = 8;
export const CANDIDATE_MALFORMED = 16;

/** Draws one case. */
export type AnswerModel = (random: Random) => number;

/** Draws the cases of one cluster, together. */
export type ClusterModel = (random: Random, size: number, masks: Uint8Array) => void;

const BITS = 2 ** 32;
const TABLE = 65_536;

/** Beta(a, b) for a, b < 1 by Jöhnk's rejection. (Jöhnk 1964, Metrika 8:5.) */
function beta(random: Random, a: number, b: number): number {
  for (;;) {
    const x = random.uniform() ** (1 / a);
    const y = random.uniform() ** (1 / b);
    if (x + y <= 1 && x + y > 0) return x / (x + y);
  }
}

const TABLES = new Map<string, Float64Array>();

/**
 * Probability that a case is answered rightly, drawn from a Beta distribution with this mean, such that two answers of
 * equal quality disagree on a share `discordance` of the cases: 2 E[θ(1 − θ)]. A table of 65,536 draws.
 */
function difficulties(passRate: number, discordance: number): Float64Array {
  const key = `${passRate} ${discordance}`;
  const known = TABLES.get(key);
  if (known) return known;
  const share = discordance / (2 * passRate * (1 - passRate));
  const size = share / (1 - share);
  const random = seededRandom(20_261_125);
  const table = Float64Array.from({ length: TABLE }, () => beta(random, passRate * size, (1 - passRate) * size));
  TABLES.set(key, table);
  return table;
}

export interface Quality {
  /** Pass rate of the current adapter. */
  passRate: number;
  /** Share of cases on which two adapters of equal quality disagree. */
  discordance: number;
  /** Candidate minus current, in pass rate. */
  gain: number;
  /** Share of cases at which the current adapter, asked again, answers anew instead of repeating itself. */
  redrawn: number;
  /** Share of malformed answers, which fail their case. */
  malformed?: { current: number; candidate: number };
}

/**
 * Answers that are independent given the case's difficulty: with gain 0 the arms are exchangeable. A better candidate
 * mends a fixed share of what would fail, a worse one spoils a fixed share of what would pass.
 */
export function generatedModel({ passRate, discordance, gain, redrawn, malformed = { current: 0, candidate: 0 } }: Quality): AnswerModel {
  const table = difficulties(passRate, discordance);
  // Malformed answers fail whatever they say, so the rest must make up for them.
  const wanted = ((1 - malformed.current) * passRate + gain) / (1 - malformed.candidate) - passRate;
  const mended = wanted > 0 ? wanted / (1 - passRate) : 0;
  const spoiled = wanted < 0 ? -wanted / passRate : 0;
  const [redrawnBits, currentMalformedBits, candidateMalformedBits] = [redrawn * BITS, malformed.current * BITS, malformed.candidate * BITS];
  return (random) => {
    const theta = table[random.bits() >>> 16] ?? 0;
    const production = random.bits() < theta * BITS;
    let current = random.bits() < redrawnBits ? random.bits() < theta * BITS : production;
    let candidate = random.bits() < (theta + mended * (1 - theta)) * (1 - spoiled) * BITS;
    let mask = production ? PRODUCTION_PASSES : 0;
    if (currentMalformedBits > 0 && random.bits() < currentMalformedBits) {
      current = false;
      mask |= CURRENT_MALFORMED;
    }
    if (candidateMalformedBits > 0 && random.bits() < candidateMalformedBits) {
      candidate = false;
      mask |= CANDIDATE_MALFORMED;
    }
    return mask | (current ? CURRENT_PASSES : 0) | (candidate ? CANDIDATE_PASSES : 0);
  };
}

/** Each arm has learned a template or not; nine of ten of its cases follow. The arms are exchangeable, the cases of a template are not independent. */
export function generatedClusters({ passRate, discordance }: Pick<Quality, 'passRate' | 'discordance'>): ClusterModel {
  const table = difficulties(passRate, discordance);
  const follows = 0.9 * BITS;
  return (random, size, masks) => {
    const theta = (table[random.bits() >>> 16] ?? 0) * BITS;
    const currentKnows = random.bits() < theta;
    const candidateKnows = random.bits() < theta;
    for (let k = 0; k < size; k += 1) {
      const current = random.bits() < follows === currentKnows;
      const candidate = random.bits() < follows === candidateKnows;
      masks[k] = (current ? CURRENT_PASSES : 0) | (candidate ? CANDIDATE_PASSES : 0);
    }
  };
}

export interface RecordedPair {
  current: boolean;
  candidate: boolean;
}

const maskOf = (current: boolean, candidate: boolean): number => (current ? PRODUCTION_PASSES | CURRENT_PASSES : 0) | (candidate ? CANDIDATE_PASSES : 0);

/**
 * Recorded cases drawn with replacement. `exchanged`: which file an answer came from is forgotten, case by case, by a
 * fair coin, so that the null hypothesis holds with the disagreement that was recorded. The recorded answer of the
 * current arm is also its production answer.
 */
export function recordedModel(pairs: readonly RecordedPair[], exchanged: boolean): AnswerModel {
  const asRecorded = Uint8Array.from(pairs, ({ current, candidate }) => maskOf(current, candidate));
  const swapped = Uint8Array.from(pairs, ({ current, candidate }) => maskOf(candidate, current));
  return (random) => {
    const index = random.below(pairs.length);
    return (exchanged && random.bits() < BITS / 2 ? swapped[index] : asRecorded[index]) ?? 0;
  };
}
