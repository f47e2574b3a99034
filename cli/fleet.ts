// The replicas as a person asks about them: what each serves, whether it may answer, and what is wrong.
import { alarmsOf, usualBuild, type Alarm } from '../gateway/alarms.ts';
import type { ChannelEntry, Digest } from '../core/contracts/index.ts';
import { servingTarget, type Context } from './context.ts';

const STATE_TIMEOUT_MS = 2_000;

export interface FleetRow {
  replica: string;
  healthy: boolean;
  engineBuild: string;
  adapters: Digest[];
  /** Live adapters that it does not serve. */
  missing: Digest[];
  alarms: Alarm[];
  out: { by: string; reason: string; at: string } | null;
}

/** Asks every replica now. @param channels whose live adapters each of them should serve */
export async function fleetRows(context: Context, channels: readonly ChannelEntry[]): Promise<FleetRow[]> {
  const [target, store] = [await servingTarget(context), await context.store()];
  const [states, marks] = await Promise.all([target.state({ timeoutMs: STATE_TIMEOUT_MS }), store.replicaMarks()]);
  const live = [...new Set(channels.flatMap((entry) => entry.live ?? []))];
  const usual = usualBuild(states.filter(({ healthy }) => healthy).map(({ engineBuild }) => engineBuild));
  return states.map((state) => {
    const mark = marks.find(({ replica, inTraffic }) => replica === state.url && !inTraffic);
    const adapters = state.adapters.map(({ digest }) => digest);
    const missing = state.healthy ? live.filter((digest) => !adapters.includes(digest)) : [];
    const seen = { ...state, lacking: new Set(missing), strangers: state.strangers ?? [], out: mark?.cause ?? null };
    const out = mark ? { by: mark.by, reason: mark.reason, at: mark.at } : null;
    return { replica: state.url, healthy: state.healthy, engineBuild: state.engineBuild, adapters, missing, alarms: alarmsOf(seen, channels.map(({ channel }) => channel), usual), out };
  });
}

/** One line on the fleet, and one for each replica with an alarm. */
export function fleetLines(rows: readonly FleetRow[]): string[] {
  const well = rows.filter(({ alarms }) => alarms.every((alarm) => alarm === 'engine_build')).length;
  return [`replicas: ${well} of ${rows.length} serve it`, ...rows.filter(({ alarms }) => alarms.length > 0).map(({ replica, alarms, out }) => `  !! ${replica}: ${alarms.join(', ')}${out ? ` (${out.by}: ${out.reason})` : ''}`)];
}
