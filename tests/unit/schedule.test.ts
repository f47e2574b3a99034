// A day's budget, a burst of failures, and which schedule counts.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EarlyStart, Schedule, type ScheduleChange } from '../../core/contracts/index.ts';
import { budgetLeft, DAY_MS } from '../../core/schedule/budget.ts';
import { lookForBurst, type FailureSample } from '../../core/schedule/burst.ts';
import { effectiveSchedule } from '../../core/schedule/effective.ts';

const NOW = Date.parse('2026-01-02T12:00:00.000Z');
const MINUTE = 60_000;
const ago = (hours: number): string => new Date(NOW - hours * 60 * MINUTE).toISOString();

describe('the day budget', () => {
  const budget = { runsPerDay: 2, gpuHoursPerDay: 1 };

  test('counts what trained in the last 24 hours, and says what is missing', () => {
    const skipped = { startedAt: ago(1), trained: false, gpuSeconds: 0 };
    const old = { startedAt: ago(24), trained: true, gpuSeconds: 3_000 };
    const recent = { startedAt: ago(23.9), trained: true, gpuSeconds: 600 };
    expect(budgetLeft([skipped, old, recent], budget, NOW)).toEqual({ runs: 1, gpuSeconds: 3_000, lacks: [] });
    expect(budgetLeft([recent, recent], budget, NOW).lacks).toEqual(['no training run left of the 2 that 24 hours may hold']);
    expect(budgetLeft([{ ...recent, gpuSeconds: 3_600 }], budget, NOW).lacks).toEqual(['no GPU time left of the 1 hours that 24 hours may hold (1.00 spent)']);
  });

  const asked = fc.array(fc.record({ atHour: fc.double({ min: 0, max: 200, noNaN: true }), wantedSeconds: fc.integer({ min: 0, max: 7_200 }) }), { maxLength: 60 });
  test('holds in every window of a day, whatever asks and how often', () => fc.assert(fc.property(asked, (asks) => {
    const spent: { startedAt: string; trained: boolean; gpuSeconds: number }[] = [];
    for (const { atHour, wantedSeconds } of asks.toSorted((a, b) => a.atHour - b.atHour)) {
      const at = NOW + atHour * 60 * MINUTE;
      const left = budgetLeft(spent, budget, at);
      // A training takes no more than it is left.
      if (left.lacks.length === 0) spent.push({ startedAt: new Date(at).toISOString(), trained: true, gpuSeconds: Math.min(wantedSeconds, left.gpuSeconds) });
    }
    for (const { startedAt } of spent) {
      const end = Date.parse(startedAt);
      const inWindow = spent.filter((one) => Date.parse(one.startedAt) <= end && Date.parse(one.startedAt) > end - DAY_MS);
      expect(inWindow.length).toBeLessThanOrEqual(2);
      expect(inWindow.reduce((sum, { gpuSeconds }) => sum + gpuSeconds, 0)).toBeLessThanOrEqual(3_600);
    }
  })));
});

describe('a burst', () => {
  const early = EarlyStart.parse({ failures: 10, withinMinutes: 30 });
  const looks = (...points: [minute: number, failing: number][]): boolean[] => {
    let samples: FailureSample[] = [];
    return points.map(([minute, failing]) => {
      const look = lookForBurst(samples, { ms: NOW + minute * MINUTE, failing }, early);
      samples = look.samples;
      return look.isBurst;
    });
  };

  test('is so many failures within the time, not since ever', () => {
    expect(looks([0, 5_000], [5, 5_004], [10, 5_009])).toEqual([false, false, false]);
    expect(looks([0, 5_000], [5, 5_004], [10, 5_010])).toEqual([false, false, true]);
    // Three in ten minutes, for hours: never ten in thirty.
    expect(looks([0, 0], [10, 3], [20, 6], [30, 9], [40, 12], [50, 15])).toEqual(Array(6).fill(false));
  });

  test('is not seen in records that were taken away, and keeps few samples', () => {
    expect(looks([0, 100], [5, 40], [10, 45])).toEqual([false, false, false]);
    let samples: FailureSample[] = [];
    for (let minute = 0; minute < 500; minute += 5) ({ samples } = lookForBurst(samples, { ms: NOW + minute * MINUTE, failing: 0 }, early));
    expect(samples.length).toBeLessThanOrEqual(8);
  });
});

test('what a person set last counts, until the file counts again', () => {
  const file = { schedule: Schedule.parse({}) };
  const set = Schedule.parse({ cron: '0 5 * * *' });
  const change = (value: Schedule | null): ScheduleChange => ({ schemaVersion: 1, workload: 'tickets', set: value, by: 'dana', reason: 'r', time: ago(1) });
  expect(effectiveSchedule(file, [])).toBe(file.schedule);
  expect(effectiveSchedule(file, [change(set)])).toEqual(set);
  expect(effectiveSchedule(file, [change(set), change(null)])).toBe(file.schedule);
  expect(Schedule.safeParse({ timeZone: 'Mars/Olympus' }).success).toBe(false);
});
