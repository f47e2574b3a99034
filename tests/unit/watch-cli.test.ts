// The watch from the terminal: what is seen, what a person changes, and what is said where Temporal is away.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WatchPolicy } from '../../core/contracts/index.ts';
import { WATCHED_CLASSES } from '../../core/watch/judge.ts';
import { openMetadataStore } from '../../stores/sqlite/index.ts';
import type { LoadedWorkload } from '../../stores/workloads.ts';
import { digestNo } from '../contracts/records.ts';
import { storeDrawn } from '../support/watched-traffic.ts';

const CHANNEL = 'tickets/production';
const TIME = '2026-01-01T00:00:00.000Z';
let dir: string;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'ratchet-watch-cli-'));
  const store = await openMetadataStore(join(dir, 'home', 'ratchet.db'));
  await store.ensureChannel(CHANNEL, TIME);
  await store.swapChannel({ channel: CHANNEL, expectedGeneration: 0, live: digestNo('a'), action: 'promoted', by: 'gate', reason: 'better', verdictDigest: digestNo('v'), approvalDigest: null, time: TIME });
  await store.close();
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function ratchet(...args: string[]) {
  const env = { PATH: process.env['PATH'], RATCHET_HOME: join(dir, 'home'), RATCHET_WORKLOADS: 'examples/tickets/workload.yaml', TEMPORAL_ADDRESS: '127.0.0.1:9', RATCHET_ACTOR: 'dana' };
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(import.meta.dirname, '../../cli/main.ts'), ...args], { env, encoding: 'utf8' });
  return { status, stdout, stderr };
}

test('what was never watched is not found, and a wrong share is a wrong request', () => {
  expect(ratchet('watch', 'show')).toMatchObject({ status: 4, stderr: expect.stringContaining('was never watched') as string });
  for (const wrong of [['--share', 'x'], ['--end']]) expect(ratchet('channel', 'holdback', ...wrong), wrong.join(' ')).toMatchObject({ status: 2 });
  expect(ratchet('watch', 'simulate', '--share', '0.7')).toMatchObject({ status: 2 });
}, 60_000);

test('a person holds a share back, sees both arms, and ends it; without Temporal it says that nobody watches', async () => {
  const set = ratchet('channel', 'holdback', CHANNEL, '--share', '0.1', '--hours', '24', '--reason', 'a look');
  expect(set).toMatchObject({ status: 0, stdout: expect.stringMatching(/the base model answers 10\.0 % of the sessions until/) as string, stderr: expect.stringContaining('nobody watches it') as string });

  const store = await openMetadataStore(join(dir, 'home', 'ratchet.db'));
  const policy = WatchPolicy.parse({});
  await store.openWatch({ schemaVersion: 1, channel: CHANNEL, generation: 1, workload: 'tickets', live: digestNo('a'), holdback: null, policy, classes: [...WATCHED_CLASSES], by: 'dana', startedAt: TIME, status: 'open', reason: null, endedAt: null });
  await storeDrawn(store, { workload: { name: 'tickets', channel: CHANNEL } } as unknown as LoadedWorkload, { count: 1_000, failing: 2 });
  await store.countWatch(CHANNEL, 1, { limit: 2_000, window: 0 });
  await store.close();

  const shown = JSON.parse(ratchet('--json', 'watch', 'show').stdout) as { holdback: { share: number }; wanted: number; classes: { class: string; state: string; live: { answers: number; failing: number } }[] };
  expect(shown).toMatchObject({ holdback: { share: 0.1 }, wanted: 800 });
  expect(shown.classes.find((look) => look.class === 'schema_violation')).toMatchObject({ state: 'alarm', live: { answers: 900, failing: 200 } });
  expect(ratchet('watch', 'show').stdout).toMatch(/schema_violation\s+alarm\s+200\/900 = 22\.2 %/);

  expect(ratchet('channel', 'holdback', '--end')).toMatchObject({ status: 0, stdout: expect.stringContaining('nothing is held back') as string });
  expect(JSON.parse(ratchet('--json', 'channel', 'holdback').stdout)).toMatchObject({ holdback: null, changes: [{ by: 'dana', reason: 'a look', share: 0.1 }, { by: 'dana' }] });
}, 60_000);
