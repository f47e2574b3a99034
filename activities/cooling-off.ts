// After an automatic rollback a person decides about promotions, whatever the workload says.
import type { WatchPolicy } from '../core/contracts/index.ts';
import { coolingOffUntil } from '../core/watch/cooling-off.ts';
import type { Deps } from './deps.ts';

/** Whether the channel cools off: then a night that is proven waits for an approver. */
export async function coolsOff(deps: Pick<Deps, 'store' | 'clock'>, channel: string, policy: WatchPolicy | undefined): Promise<boolean> {
  return policy !== undefined && coolingOffUntil(await deps.store.channelHistory(channel), policy.coolingOffHours, deps.clock()) !== null;
}
