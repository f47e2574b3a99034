// Whether the model test would see it: with each planted fault (faults.ts) a counterexample must turn up.
// A short run of the tests tries one fault of each kind, `npm run test:model` all of them.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FAULTS, withFault } from './faults.ts';
import { runSchedules, SCHEDULES } from './spawn.ts';

const WITHIN = 2_000;
const tried = FAULTS.filter(({ quick }) => quick === true || SCHEDULES >= WITHIN);

test('every fault can still be planted, and one of each kind is tried in every run', () => {
  for (const fault of FAULTS) withFault(fault, readFileSync(join(import.meta.dirname, '../..', fault.file), 'utf8'));
  expect([...new Set(FAULTS.filter(({ quick }) => quick).map(({ kind }) => kind))].sort()).toEqual([...new Set(FAULTS.map(({ kind }) => kind))].sort());
  expect(new Set(FAULTS.map(({ name }) => name)).size).toBe(FAULTS.length);
});

describe.for(tried)('$kind: $name', ({ name }) => {
  test(`is found within ${WITHIN} schedules`, { timeout: 1_800_000 }, async () => {
    const { broken, schedules } = await runSchedules(WITHIN, name);
    console.log(`${name}: found by schedule ${schedules}: ${broken}`);
    expect(broken).toMatch(/^broken: /);
  });
});
