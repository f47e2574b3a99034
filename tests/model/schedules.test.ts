// The model test: 10,000 random lives of a channel on the real workflows, steps and store. `npm run test:model`.
import { expect, test } from 'vitest';
import { runSchedules, SCHEDULES } from './spawn.ts';

test(`${SCHEDULES} schedules: never two live, never an unproven live, never a lost record, always explainable`, { timeout: 3_600_000 }, async () => {
  const { broken, counterexample, seen, seconds } = await runSchedules(SCHEDULES);
  console.log(`${JSON.stringify(seen)} in ${seconds} s`);
  expect({ broken, counterexample }).toEqual({ broken: null, counterexample: null });
  // Few schedules need not show everything.
  if (SCHEDULES >= 2_000) for (const [what, times] of Object.entries(seen)) expect(times, what).toBeGreaterThan(0);
});
