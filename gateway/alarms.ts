// What is wrong with a replica, in words that metrics, logs and reports share (docs/reference/serving.md).
import { Digest } from '../core/contracts/index.ts';

/**
 * `away`: it does not answer. `lacks_live`: it does not serve an adapter that is live. `wrong_adapter`: under a channel's name or
 * under a digest it serves something that is not ours. `isolation`: it mixes adapters up. `taken_out`: by a person.
 * `engine_build`: another build than most of the fleet.
 */
export const ALARMS = ['away', 'lacks_live', 'wrong_adapter', 'isolation', 'taken_out', 'engine_build'] as const;
export type Alarm = (typeof ALARMS)[number];

/** What is known of one replica. */
export interface Seen {
  healthy: boolean;
  engineBuild: string;
  lacking: ReadonlySet<Digest>;
  strangers: readonly string[];
  /** Why it is out of traffic; null: it is not. */
  out: 'isolation' | 'person' | null;
}

/**
 * @param names the channels that are served
 * @param usualBuild the build that most replicas run
 */
export function alarmsOf(replica: Seen, names: readonly string[], usualBuild: string): Alarm[] {
  const wrong = replica.strangers.some((name) => names.includes(name) || Digest.safeParse(name).success);
  const found: Record<Alarm, boolean> = {
    away: !replica.healthy,
    lacks_live: replica.healthy && replica.lacking.size > 0,
    wrong_adapter: replica.healthy && wrong,
    isolation: replica.out === 'isolation',
    taken_out: replica.out === 'person',
    engine_build: replica.healthy && replica.engineBuild !== usualBuild,
  };
  return ALARMS.filter((alarm) => found[alarm]);
}

/** The build that most of them run; the first of them when two are as common. */
export function usualBuild(builds: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const build of builds) counts.set(build, (counts.get(build) ?? 0) + 1);
  return [...counts].reduce(([most, times], [build, count]) => (count > times ? [build, count] : [most, times]), ['vllm-unknown', 0] as [string, number])[0];
}
