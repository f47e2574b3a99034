// Whether failures come in a burst: the total that intake keeps, sampled now and then, compared with itself a while before.
import type { EarlyStart } from '../contracts/index.ts';

/** How many answers had failed by a time. */
export interface FailureSample {
  ms: number;
  failing: number;
}

export interface BurstLook {
  /** For the next look, oldest first: from the beginning of the window on. */
  samples: FailureSample[];
  /** Failing answers within the window. */
  rise: number;
  isBurst: boolean;
}

const MINUTE_MS = 60_000;

/** @param samples of the looks before; the first look of all sees no burst, whatever came before it */
export function lookForBurst(samples: readonly FailureSample[], seen: FailureSample, { failures, withinMinutes }: EarlyStart): BurstLook {
  const from = seen.ms - withinMinutes * MINUTE_MS;
  // The last one before the window is its beginning.
  const before = samples.findLastIndex(({ ms }) => ms <= from);
  const kept = samples.slice(Math.max(0, before));
  const rise = seen.failing - (kept[0]?.failing ?? seen.failing);
  return { samples: [...kept, seen], rise, isBurst: rise >= failures };
}
