// When a workload's nights run, when they may start early, and what they may spend in a day.
import { z } from 'zod';
import { Instant, SchemaVersion } from './common.ts';

/** How many GPU hours and training runs any 24 hours may hold: a flood of failures cannot exceed it, nor can a person by asking again. */
export const ScheduleBudget = z.strictObject({
  runsPerDay: z.int().min(1).max(1000).default(6),
  gpuHoursPerDay: z.number().positive().max(10_000).default(24),
});
export type ScheduleBudget = z.infer<typeof ScheduleBudget>;

/** A burst of failures starts a night before its time. Left out: none does. */
export const EarlyStart = z.strictObject({
  /** Failing answers within the time below that make a burst. */
  failures: z.int().min(1),
  withinMinutes: z.number().min(1).max(1440).default(60),
  /** How often it is looked, and how long after an early start there is none. */
  lookEveryMinutes: z.number().min(0.01).max(1440).default(5),
  cooldownHours: z.number().min(0).max(720).default(6),
});
export type EarlyStart = z.infer<typeof EarlyStart>;

const isTimeZone = (name: string): boolean => {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
};

export const Schedule = z.strictObject({
  /** Five fields (minute, hour, day of month, month, day of week) or a name like `@daily`, in the time zone. */
  cron: z.string().min(1).max(200).default('0 2 * * *'),
  timeZone: z.string().refine(isTimeZone, 'must be a time zone of the IANA database, for example Europe/Zurich').default('UTC'),
  /** Starts are spread over this long, so that many workloads do not begin at once. */
  jitterMinutes: z.number().min(0).max(720).default(0),
  /** A start that was missed (no Temporal) is made up for within this time. */
  catchupHours: z.number().positive().default(6),
  budget: ScheduleBudget.prefault({}),
  early: EarlyStart.optional(),
});
export type Schedule = z.infer<typeof Schedule>;

/** What a person set with `ratchet schedule set`: it goes before the workload file. `set: null`: the file alone counts again. */
export const ScheduleChange = z.looseObject({
  schemaVersion: SchemaVersion,
  workload: z.string(),
  set: Schedule.nullable(),
  by: z.string(),
  reason: z.string(),
  time: Instant,
});
export type ScheduleChange = z.infer<typeof ScheduleChange>;
