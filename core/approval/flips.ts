// What a candidate would change, case by case: what it fixes and what it breaks.
import type { Digest, Outcome } from '../contracts/index.ts';

export interface Flip {
  caseDigest: Digest;
  current: Outcome;
  candidate: Outcome;
}

export interface Flips {
  fixes: Flip[];
  breaks: Flip[];
  bothPass: number;
  bothFail: number;
}

/** Pairs the arms' outcomes by case; a case that one arm lacks is left out. */
export function flipsOf(outcomes: readonly Outcome[]): Flips {
  const byArm = (arm: Outcome['arm']): Map<Digest, Outcome> => new Map(outcomes.filter((outcome) => outcome.arm === arm).map((outcome) => [outcome.caseDigest, outcome]));
  const [currents, candidates] = [byArm('current'), byArm('candidate')];
  const flips: Flips = { fixes: [], breaks: [], bothPass: 0, bothFail: 0 };
  for (const caseDigest of [...currents.keys()].toSorted()) {
    const [current, candidate] = [currents.get(caseDigest), candidates.get(caseDigest)];
    if (!current || !candidate) continue;
    if (current.pass === candidate.pass) flips[current.pass ? 'bothPass' : 'bothFail'] += 1;
    else flips[candidate.pass ? 'fixes' : 'breaks'].push({ caseDigest, current, candidate });
  }
  return flips;
}
