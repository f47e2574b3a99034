// What one decision of a simulation sees: counts for the rule, and the single cases for those who want to check them.
import type { ClusterCounts } from '../clusters.ts';
import type { SelectedCase } from './traffic.ts';
import { CANDIDATE_MALFORMED, CANDIDATE_PASSES, CURRENT_MALFORMED, CURRENT_PASSES } from './models.ts';

export interface Sample {
  /** Whether the candidate is truly better: its promotion is what the gate is for. */
  better: boolean;
  n: number;
  b: number;
  c: number;
  /** Pairs in which only the candidate's, only the current's answer is malformed. */
  harmB: number;
  harmC: number;
  /** By cluster, where a cluster gives several cases; null: every case stands alone. */
  clusters: readonly ClusterCounts[] | null;
  /** One mask per case, valid until the next sample. */
  masks: Uint8Array;
  cases: readonly SelectedCase[];
  /** Draws fresh cases of the same candidate, at most as many as the decision had. */
  more: (n: number) => { n: number; b: number; c: number };
}

/** Adds up the first n masks. */
export function countMasks(masks: Uint8Array, n: number): Pick<Sample, 'n' | 'b' | 'c' | 'harmB' | 'harmC'> {
  let [b, c, harmB, harmC] = [0, 0, 0, 0];
  for (let k = 0; k < n; k += 1) {
    const mask = masks[k] ?? 0;
    const passes = mask & (CURRENT_PASSES | CANDIDATE_PASSES);
    if (passes === CANDIDATE_PASSES) b += 1;
    else if (passes === CURRENT_PASSES) c += 1;
    const malformed = mask & (CURRENT_MALFORMED | CANDIDATE_MALFORMED);
    if (malformed === CANDIDATE_MALFORMED) harmB += 1;
    else if (malformed === CURRENT_MALFORMED) harmC += 1;
  }
  return { n, b, c, harmB, harmC };
}
