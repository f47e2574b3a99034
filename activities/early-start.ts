// Starts a night before its time when failures come in a burst: within the day's budget, and never while the schedule is paused.
import { lookForBurst, type FailureSample } from '../core/schedule/burst.ts';
import { RatchetError } from '../core/errors.ts';
import { dayBudget, scheduleOf } from './budget.ts';
import type { Deps } from './deps.ts';

export interface LookForBurstInput {
  schemaVersion: 1;
  workload: string;
  /** What the look before gave back; of the first look: none. */
  samples: FailureSample[];
  lastStartMs: number | null;
}

export interface LookForBurstOutput {
  schemaVersion: 1;
  samples: FailureSample[];
  lastStartMs: number | null;
  /** What came of a burst; null: there was none. */
  outcome: string | null;
}

const HOUR_MS = 3_600_000;

/** @throws NOT_FOUND */
export async function startEarly(deps: Deps, { workload: name, samples, lastStartMs }: LookForBurstInput): Promise<LookForBurstOutput> {
  const loaded = deps.workloads.get(name);
  if (!loaded) throw new RatchetError('NOT_FOUND', `this worker knows no workload named ${name}`);
  const { early } = await scheduleOf(deps, loaded.workload);
  // Switched off while this look was on its way.
  if (early === undefined) return { schemaVersion: 1, samples: [], lastStartMs, outcome: null };
  const nowMs = deps.clock().getTime();
  const look = lookForBurst(samples, { ms: nowMs, failing: (await deps.store.counts(name)).failing }, early);
  const waits = (outcome: string | null): LookForBurstOutput => ({ schemaVersion: 1, samples: look.samples, lastStartMs, outcome });
  if (!look.isBurst) return waits(null);
  const reason = `${look.rise} failing answers within ${early.withinMinutes} minutes, ${early.failures} start a night early`;
  if (lastStartMs !== null && nowMs < lastStartMs + early.cooldownHours * HOUR_MS) return waits(`${reason}; the last one was started early within ${early.cooldownHours} h`);
  const { lacks } = await dayBudget(deps, loaded.workload);
  if (lacks.length > 0) return waits(`${reason}; ${lacks.join('; ')}`);
  const started = await deps.startNight(name, `burst: ${reason}`);
  if (started !== 'started') return waits(`${reason}; ${started === 'paused' ? 'the schedule is paused' : 'a night is under way'}`);
  deps.logger.warn({ workload: name, failing: look.rise, withinMinutes: early.withinMinutes }, 'failures come in a burst: a night was started early');
  return { schemaVersion: 1, samples: look.samples.slice(-1), lastStartMs: nowMs, outcome: `started: ${reason}` };
}
