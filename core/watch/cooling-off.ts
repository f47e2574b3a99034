// After an automatic rollback: for a time nothing is promoted without a person, and nothing is rolled back by itself again.
import type { ChannelEntry } from '../contracts/index.ts';

/** Who rolls back when a watch raises an alarm. */
export const WATCH_ACTOR = 'watch';

const HOUR_MS = 3_600_000;

/** Until when the channel cools off after its last automatic rollback; null when it does not. */
export function coolingOffUntil(history: readonly Pick<ChannelEntry, 'action' | 'by' | 'time'>[], hours: number, now: Date): string | null {
  const last = history.findLast(({ action, by }) => action === 'rolled_back' && by === WATCH_ACTOR);
  if (last === undefined) return null;
  const endMs = Date.parse(last.time) + hours * HOUR_MS;
  return endMs > now.getTime() ? new Date(endMs).toISOString() : null;
}
