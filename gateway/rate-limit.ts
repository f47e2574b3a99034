// A token bucket: holds what one minute allows, and fills evenly.

export interface Bucket {
  /** Milliseconds until something can be taken; 0: now. */
  waitMs(now: number): number;
  /** May go below zero: what a caller used is known only afterwards. */
  take(amount: number, now: number): void;
}

/** @param now a monotonic clock, in milliseconds */
export function createBucket(perMinute: number, now: number): Bucket {
  const perMs = perMinute / 60_000;
  let level = perMinute;
  let at = now;
  const fill = (time: number): void => {
    level = Math.min(perMinute, level + (time - at) * perMs);
    at = time;
  };
  return {
    waitMs: (time) => {
      fill(time);
      return level >= 1 ? 0 : (1 - level) / perMs;
    },
    take: (amount, time) => {
      fill(time);
      level -= amount;
    },
  };
}
