// `ratchet schedule`: when nights run, what they may spend in a day, and when they start early.
import { ScheduleNotFoundError, type Client } from '@temporalio/client';
import { Option, type Command } from 'commander';
import { dayBudget } from '../../activities/budget.ts';
import { earlyScheduleId, ensureSchedule, scheduleId } from '../../activities/schedule.ts';
import { Schedule, type ScheduleChange } from '../../core/contracts/index.ts';
import { RatchetError } from '../../core/errors.ts';
import { effectiveSchedule } from '../../core/schedule/effective.ts';
import type { LoadedWorkload } from '../../stores/workloads.ts';
import { action, positiveInt } from '../action.ts';
import type { Context } from '../context.ts';
import { fields } from '../output.ts';
import { addRunOptions, startRun, type StartOptions } from './run.ts';

interface SetOptions {
  cron?: string;
  timeZone?: string;
  jitterMinutes?: number;
  catchupHours?: number;
  runsPerDay?: number;
  gpuHoursPerDay?: number;
  earlyFailures?: number;
  earlyWithinMinutes?: number;
  early: boolean;
  fromFile?: boolean;
  reason: string;
}

interface Shown {
  workload: string;
  schedule: Schedule;
  setBy: Pick<ScheduleChange, 'by' | 'reason' | 'time'> | null;
  /** Null: Temporal knows none yet, a pipeline worker or `schedule set` makes it. */
  temporal: { paused: boolean; note: string | null; next: string[]; last: string | null } | null;
  budgetLeft: { runs: number; gpuHours: number };
  lastBurst: string | null;
}

const SHOWN_STARTS = 3;

async function shown({ context, client, loaded }: { context: Context; client: Client; loaded: LoadedWorkload }): Promise<Shown> {
  const store = await context.store();
  const { workload } = loaded;
  const changes = await store.scheduleChanges(workload.name);
  const last = changes.at(-1);
  const left = await dayBudget({ store, clock: () => new Date() }, workload);
  const described = await client.schedule.getHandle(scheduleId(workload.name)).describe().catch(notThere);
  return {
    workload: workload.name,
    schedule: effectiveSchedule(workload, changes),
    setBy: last === undefined || last.set === null ? null : { by: last.by, reason: last.reason, time: last.time },
    temporal: described && {
      ...{ paused: described.state.paused, note: described.state.note ?? null },
      next: described.info.nextActionTimes.slice(0, SHOWN_STARTS).map((time) => time.toISOString()),
      last: described.info.recentActions.at(-1)?.takenAt.toISOString() ?? null,
    },
    budgetLeft: { runs: Math.max(0, left.runs), gpuHours: Math.max(0, left.gpuSeconds / 3600) },
    lastBurst: await lastBurst(client, workload.name),
  };
}

/** What the newest look for a burst said. */
async function lastBurst(client: Client, workload: string): Promise<string | null> {
  const described = await client.schedule.getHandle(earlyScheduleId(workload)).describe().catch(notThere);
  const newest = described?.info.recentActions.at(-1)?.action;
  if (newest?.type !== 'startWorkflow') return null;
  const look = (await client.workflow.getHandle(newest.workflow.workflowId, newest.workflow.firstExecutionRunId).result().catch(() => null)) as { outcome?: string | null } | null;
  return look?.outcome ?? null;
}

const notThere = (error: unknown): null => {
  if (error instanceof ScheduleNotFoundError) return null;
  throw error;
};

function text({ workload, schedule, setBy, temporal, budgetLeft, lastBurst: burst }: Shown): string {
  const { cron, timeZone, jitterMinutes, budget, early } = schedule;
  return fields([
    ['workload', workload],
    ['nights', `${cron} in ${timeZone}${jitterMinutes > 0 ? `, spread over ${jitterMinutes} minutes` : ''}`],
    ['set', setBy === null ? 'by the workload file' : `by ${setBy.by} at ${setBy.time}: ${setBy.reason}`],
    ['state', temporal === null ? 'not on Temporal yet: start a pipeline worker' : temporal.paused ? `paused (${temporal.note ?? 'no reason given'})` : 'active'],
    ['next', temporal?.paused === true ? null : (temporal?.next.join(', ') ?? null)],
    ['last started', temporal?.last ?? null],
    ['budget', `${budgetLeft.runs} of ${budget.runsPerDay} training runs and ${budgetLeft.gpuHours.toFixed(2)} of ${budget.gpuHoursPerDay} GPU hours left in these 24 hours`],
    ['early start', early === undefined ? 'off' : `at ${early.failures} failing answers within ${early.withinMinutes} minutes, looked for every ${early.lookEveryMinutes} minutes, at most every ${early.cooldownHours} h`],
    ['newest look', burst],
  ]);
}

/** What is not named stays as it is. */
function changed(before: Schedule, options: SetOptions): Schedule {
  const { cron, timeZone, jitterMinutes, catchupHours, runsPerDay, gpuHoursPerDay, earlyFailures, earlyWithinMinutes } = options;
  const given = Object.fromEntries(Object.entries({ cron, timeZone, jitterMinutes, catchupHours }).filter(([, value]) => value !== undefined));
  const budget = { ...before.budget, ...(runsPerDay === undefined ? {} : { runsPerDay }), ...(gpuHoursPerDay === undefined ? {} : { gpuHoursPerDay }) };
  const burst = { ...before.early, ...(earlyFailures === undefined ? {} : { failures: earlyFailures }), ...(earlyWithinMinutes === undefined ? {} : { withinMinutes: earlyWithinMinutes }) };
  const { early: _, ...rest } = before;
  const wanted = { ...rest, ...given, budget, ...(options.early && Object.keys(burst).length > 0 ? { early: burst } : {}) };
  const parsed = Schedule.safeParse(wanted);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new RatchetError('REQUEST_INVALID', `the schedule's ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'is wrong'}`);
}

async function set(context: Context, name: string | undefined, options: SetOptions): Promise<void> {
  const [store, client, loaded] = [await context.store(), await context.temporal(), await context.workload(name)];
  const { workload } = loaded;
  const before = await store.scheduleChanges(workload.name);
  const next = options.fromFile === true ? null : changed(effectiveSchedule(workload, before), options);
  const change: ScheduleChange = { schemaVersion: 1, workload: workload.name, set: next, by: context.config.actor, reason: options.reason, time: new Date().toISOString() };
  try {
    // Temporal first: it knows whether it understands the times, and what it refuses is not kept.
    await ensureSchedule(client, { scheduleChanges: async () => [...before, change] }, workload, { taskQueue: context.config.temporal.taskQueue });
  } catch (error) {
    // So the client tells what the server finds wrong with the request.
    if (error instanceof TypeError) throw new RatchetError('REQUEST_INVALID', `Temporal does not take the schedule (cron ${JSON.stringify(next?.cron ?? workload.schedule.cron)}): ${error.message}`);
    throw error;
  }
  await store.setSchedule(change);
  context.out.result(await shown({ context, client, loaded }), text);
}

async function pause(context: Context, name: string | undefined, reason: string, paused: boolean): Promise<void> {
  const [store, client, loaded] = [await context.store(), await context.temporal(), await context.workload(name)];
  await ensureSchedule(client, store, loaded.workload, { taskQueue: context.config.temporal.taskQueue });
  const handle = client.schedule.getHandle(scheduleId(loaded.workload.name));
  const note = `${context.config.actor}: ${reason}`;
  await (paused ? handle.pause(note) : handle.unpause(note));
  context.out.result(await shown({ context, client, loaded }), text);
}

export function addSchedule(program: Command): void {
  const schedule = program.command('schedule').description("when a workload's nights run, what a day of them may spend, and when they start early");

  schedule
    .command('show [workload]')
    .description('times, state, next starts, what is left of the budget')
    .action(action<[string | undefined]>(async (context, name) => context.out.result(await shown({ context, client: await context.temporal(), loaded: await context.workload(name) }), text)));

  schedule
    .command('set [workload]')
    .description('change the schedule at once; what is not named stays. It goes before the workload file, and who, when and why is kept')
    .option('--cron <expression>', 'minute, hour, day of month, month, day of week')
    .option('--time-zone <name>', 'of the IANA database')
    .addOption(new Option('--jitter-minutes <minutes>', 'spread starts over this long').argParser(Number))
    .addOption(new Option('--catchup-hours <hours>', 'make up for a missed start within this time').argParser(Number))
    .option('--runs-per-day <count>', 'training runs in any 24 hours', positiveInt)
    .addOption(new Option('--gpu-hours-per-day <hours>', 'GPU hours in any 24 hours').argParser(Number))
    .option('--early-failures <count>', 'failing answers that start a night early', positiveInt)
    .addOption(new Option('--early-within-minutes <minutes>', 'the time in which they must come').argParser(Number))
    .option('--no-early', 'no night starts early')
    .option('--from-file', 'what the workload file says counts again')
    .option('--reason <text>', 'why, for the audit trail', 'set by hand')
    .addHelpText('after', "\nExamples:\n  ratchet schedule set tickets --cron '30 1 * * 1-5' --time-zone Europe/Zurich --jitter-minutes 20\n  ratchet schedule set --early-failures 200 --early-within-minutes 30 --runs-per-day 3\n  ratchet schedule set --from-file")
    .action(action<[string | undefined, SetOptions]>(set));

  schedule
    .command('pause [workload]')
    .description('no night starts by itself, early or not; `run-now` still does')
    .option('--reason <text>', 'why; shown to whoever looks', 'paused by hand')
    .action(action<[string | undefined, { reason: string }]>((context, name, { reason }) => pause(context, name, reason, true)));

  schedule
    .command('resume [workload]')
    .description('nights start by themselves again')
    .option('--reason <text>', 'why', 'resumed by hand')
    .action(action<[string | undefined, { reason: string }]>((context, name, { reason }) => pause(context, name, reason, false)));

  addRunOptions(schedule.command('run-now [workload]').description('ask for a run now, within the budget (as `ratchet run start`)')).action(
    action<[string | undefined, StartOptions]>((context, name, options) => startRun(context, { ...options, ...(name === undefined ? {} : { workload: name }) })),
  );
}
