// Which schedule counts: what a person set last, or the workload file's.
import type { Schedule, ScheduleChange, Workload } from '../contracts/index.ts';

/** @param changes of the workload, oldest first */
export const effectiveSchedule = ({ schedule }: Pick<Workload, 'schedule'>, changes: readonly ScheduleChange[]): Schedule => changes.at(-1)?.set ?? schedule;
