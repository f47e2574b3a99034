// When a replica's isolation is looked at again: often enough to find a fault, seldom enough to cost nearly nothing.

export interface IsolationBudget {
  /** Least time between two checks of a replica in traffic. */
  intervalMs: number;
  /** Largest share of the replica's tokens that its checks may take. */
  maxShare: number;
}

export const USUAL_BUDGET: IsolationBudget = { intervalMs: 900_000, maxShare: 0.01 };

/** An idle replica spends no tokens, so a check would be over any share: it gets one a day. */
const IDLE_MS = 24 * 3_600_000;
/** One that is out of traffic answers nobody: only its own time is spent. */
const OUT_MS = 60_000;

export interface LastCheck {
  atMs: number;
  /** Prompt and generated tokens that it took. */
  cost: number;
  /** The replica's own count of tokens after it; null: it does not count. */
  served: number | null;
}

/** Least time to the next check. */
export const waitMs = (budget: IsolationBudget, out: boolean): number => (out ? Math.min(OUT_MS, budget.intervalMs) : budget.intervalMs);

/**
 * Whether a check may be paid for by what the replica has answered since the last one.
 * @param served its count of tokens now; lower than before: it was restarted and began again
 */
export function affordable(last: LastCheck, served: number | null, nowMs: number, { maxShare }: IsolationBudget): boolean {
  if (nowMs - last.atMs >= IDLE_MS) return true;
  if (served === null) return false;
  const since = last.served === null || served < last.served ? served : served - last.served;
  return since * maxShare >= last.cost;
}
