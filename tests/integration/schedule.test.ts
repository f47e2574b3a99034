// Schedules on the real Temporal: what a person sets and pauses, a burst of failures that starts a night early, and a day's budget.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { scheduleId } from '../../activities/schedule.ts';
import { startWorld, type World } from '../support/pipeline.ts';
import { seed } from '../support/pipeline-world.ts';
import { ratchetIn, type Ended } from '../support/terminal.ts';
import { until } from '../support/until.ts';

let world: World;
beforeAll(async () => {
  world = await startWorld();
}, 120_000);
afterAll(async () => {
  await world.stop();
});

const ratchet = (workload: string, ...args: string[]): Promise<Ended> => ratchetIn(world, workload, args, { RATCHET_ACTOR: 'dana' });
const runsOf = (workload: string) => world.store.runs({ workload, limit: 10 });

test('a person changes the times at once, sees what comes next, and what Temporal cannot read changes nothing', async () => {
  await world.addWorkload('times');
  const set = await ratchet('times', '--json', 'schedule', 'set', '--cron', '30 1 * * 1-5', '--time-zone', 'Europe/Zurich', '--jitter-minutes', '20', '--reason', 'the office sleeps then');
  expect(set).toMatchObject({ status: 0 });
  const shown = JSON.parse(set.stdout) as { schedule: object; setBy: object; temporal: { next: string[] } };
  expect(shown).toMatchObject({ schedule: { cron: '30 1 * * 1-5', timeZone: 'Europe/Zurich', jitterMinutes: 20 }, setBy: { by: 'dana', reason: 'the office sleeps then' } });
  for (const next of shown.temporal.next) expect(new Intl.DateTimeFormat('en', { timeZone: 'Europe/Zurich', weekday: 'short', hour: '2-digit', hourCycle: 'h23' }).format(new Date(next))).toMatch(/(Mon|Tue|Wed|Thu|Fri).*01/);
  expect((await world.client.schedule.getHandle(scheduleId('times')).describe()).spec).toMatchObject({ timezone: 'Europe/Zurich', jitter: 20 * 60_000 });

  for (const wrong of [['--cron', 'every night'], ['--time-zone', 'Mars/Olympus'], ['--gpu-hours-per-day', '-1']]) {
    expect(await ratchet('times', 'schedule', 'set', ...wrong), wrong.join(' ')).toMatchObject({ status: 2, stderr: expect.stringContaining('REQUEST_INVALID') as string });
  }
  expect(await world.store.scheduleChanges('times')).toHaveLength(1);
  expect(JSON.parse((await ratchet('times', '--json', 'schedule', 'set', '--from-file')).stdout)).toMatchObject({ schedule: { cron: '0 2 * * *', timeZone: 'UTC' }, setBy: null });
}, 60_000);

test('a day of failures spends no more than the budget, whoever asks', async () => {
  const loaded = await world.addWorkload('budget', { schedule: '{ budget: { runsPerDay: 1 } }' });
  expect((await world.night('budget')).run).toMatchObject({ status: 'promoted' });
  await seed(world.store, loaded, { corrected: 8, cases: 14, from: 100 });
  expect((await world.night('budget')).run).toMatchObject({ status: 'skipped', reason: 'no training run left of the 1 that 24 hours may hold', datasetDigest: null });
  expect((await ratchet('budget', 'schedule', 'show')).stdout).toMatch(/budget +0 of 1 training runs and 24\.00 of 24 GPU hours/);
  expect(await ratchet('budget', 'schedule', 'set', '--runs-per-day', '2', '--reason', 'a second one today')).toMatchObject({ status: 0 });
  expect(await ratchet('budget', 'schedule', 'run-now', '--reason', 'after the raise')).toMatchObject({ status: 0, stdout: expect.stringMatching(/status +(promoted|rejected|held)/) as string });
}, 60_000);

test('a burst of failures starts a night before its time, once; none while the schedule is paused', async () => {
  const loaded = await world.addWorkload('burst', { schedule: '{ early: { failures: 15, withinMinutes: 30, lookEveryMinutes: 0.02, cooldownHours: 1 } }' });
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  // What was there before the first look is no burst.
  expect(await runsOf('burst')).toEqual([]);
  expect(await ratchet('burst', 'schedule', 'pause', '--reason', 'a move')).toMatchObject({ status: 0, stdout: expect.stringMatching(/state +paused \(dana: a move\)/) as string });
  await seed(world.store, loaded, { corrected: 8, cases: 14, from: 100 });
  await until(async () => expect((await ratchet('burst', 'schedule', 'show')).stdout).toMatch(/newest look +22 failing answers .* the schedule is paused/));
  expect(await runsOf('burst')).toEqual([]);

  expect(await ratchet('burst', 'schedule', 'resume')).toMatchObject({ status: 0 });
  const [run] = await until(async () => {
    const runs = await runsOf('burst');
    expect(runs).toHaveLength(1);
    return runs;
  });
  await world.untilRun(run?.runId ?? '', 'promoted');
  expect(await world.store.claimRequest('burst', run?.runId ?? '')).toMatchObject({ by: 'schedule', reason: expect.stringMatching(/^burst: 22 failing answers within 30 minutes/) as string });

  await seed(world.store, loaded, { corrected: 8, cases: 14, from: 200 });
  await until(async () => expect((await ratchet('burst', 'schedule', 'show')).stdout).toMatch(/newest look +22 failing answers .* within 1 h/));
  expect(await runsOf('burst')).toHaveLength(1);
}, 120_000);
