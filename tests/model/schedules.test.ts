// The model test: 10,000 random lives of a channel on the real workflows, steps and store. `npm run test:model`.
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { live, nothingSeen, schedule } from './schedules.ts';

vi.mock('@temporalio/workflow', async () => (await import('./in-process.ts')).workflowModule);
vi.mock('@temporalio/activity', async () => (await import('./in-process.ts')).activityModule);

const SCHEDULES = Number(process.env['RATCHET_MODEL_SCHEDULES'] ?? 10_000);

test(`${SCHEDULES} schedules: never two live, never an unproven live, never a lost record, always explainable`, { timeout: 3_600_000 }, async () => {
  const seen = nothingSeen();
  const started = performance.now();
  await fc.assert(fc.asyncProperty(schedule, (each) => live(each, seen)), { numRuns: SCHEDULES, endOnFailure: false });
  console.log(`${JSON.stringify(seen)} in ${((performance.now() - started) / 1000).toFixed(0)} s`);
  // Few schedules need not show everything.
  if (SCHEDULES >= 2_000) for (const [what, times] of Object.entries(seen)) expect(times, what).toBeGreaterThan(0);
});
