// `ratchet gate plan` and `ratchet gate ledger`: what they count, and what a person reads.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { LedgerResult, PlanResult } from '../../cli/commands/gate-books.ts';
import { GatePolicy } from '../../core/contracts/index.ts';
import { canonicalJson, digestOfBytes } from '../../core/digest.ts';
import { openEProcess } from '../../core/gate/e-process.ts';
import { openBlobStore } from '../../stores/blobs.ts';
import { openMetadataStore } from '../../stores/sqlite/index.ts';
import { homePaths } from '../../workers/config.ts';
import { drawnInteraction } from '../contracts/records.ts';

const CHANNEL = 'tickets/production';
const NOW = new Date();
let dir: string;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'ratchet-books-'));
  const paths = homePaths(join(dir, 'home'));
  const [store, blobs] = [await openMetadataStore(paths.database), await openBlobStore(paths.blobs)];
  const at = NOW.toISOString();
  const policy = GatePolicy.parse({ decisionsPerPeriod: 4 });
  const policyDigest = await blobs.put(Buffer.from(canonicalJson(policy)));
  await store.ensureChannel(CHANNEL, at);
  const records = [1, 2, 3].map((n) => drawnInteraction(n, n, `0${n}`));
  await store.storeBatch({ interactions: records, corrections: [], deadLetters: [] });
  await store.reserveDecision({ channel: CHANNEL, runId: 'night-1', policyDigest, decisionsPerPeriod: 4, periodDays: 30, at });
  const heldVerdictDigest = digestOfBytes('held');
  const process = openEProcess({ candidateDigest: digestOfBytes('candidate'), currentDigest: null, level: 0.00625, maxCases: 2000 });
  const held = { heldVerdictDigest, currentGeneration: 0, periodEnd: '2099-01-01T00:00:00.000Z', process, looks: [], openedAt: at, endedAt: null };
  await store.closeDecision('night-1', heldVerdictDigest, { cases: [records[0]?.drawn?.caseDigest ?? ''], held });
  await store.close();
  writeFileSync(join(dir, 'policy.yaml'), 'gate: { decisionsPerPeriod: 4, guards: [{ id: form, kind: failure_class, class: malformed_json, margin: 0.02, critical: true }] }\n');
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function ratchet(...args: string[]) {
  const env = { PATH: process.env['PATH'], RATCHET_HOME: join(dir, 'home'), RATCHET_WORKLOADS: 'examples/tickets/workload.yaml' };
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(import.meta.dirname, '../../cli/main.ts'), ...args], { env, encoding: 'utf8' });
  return { status, stdout, stderr };
}

test('the ledger says what was decided, what alpha and which cases are left, and who is held', () => {
  const { status, stdout } = ratchet('gate', 'ledger', CHANNEL, '--json');
  expect(status).toBe(0);
  expect(JSON.parse(stdout) as LedgerResult).toMatchObject({
    channel: CHANNEL, decisionsPlanned: 4, decisionsMade: 1, alpha: 0.05, alphaSpent: 0.0125, alphaLeft: expect.closeTo(0.0375, 12) as number, casesFresh: 2, casesRetired: 1, levels: { test: 0.00625, eProcess: 0.00625 },
    decisions: [{ runId: 'night-1', decisionNumber: 1 }], held: { n: 0, maxCases: 2000, e: 1, endsBecause: null }, heldEnded: [],
  });
  const text = ratchet('gate', 'ledger').stdout;
  expect(text).toMatch(/decisions +1 of 4 made\n/);
  expect(text).toMatch(/alpha +0\.0125 of 0\.05 spent, 0\.0375 left\n/);
  expect(text).toMatch(/cases +2 fresh, 1 retired\n/);
  expect(text).toMatch(/held +adapter [0-9a-f]{12}, 0 look\(s\), 0 of 2000 cases: Hold: 0 gained and 0 lost on 0 fresh cases give e = 1\.00, where 160\.0 is wanted/);
  expect(ratchet('gate', 'ledger', 'nowhere/production').status).toBe(4);
});

test('the plan says n, the level’s parts, what is missing, and what other policies would want', () => {
  const { status, stdout } = ratchet('gate', 'plan', '--policy', join(dir, 'policy.yaml'), '--discordance', '0.15', '--fresh', '400', '--json');
  expect(status).toBe(0);
  const { plan, levels, others } = JSON.parse(stdout) as PlanResult;
  expect(levels).toEqual({ test: 0.00625, eProcess: 0.00625 });
  expect(plan).toMatchObject({ n: 690, level: 0.00625, freshCases: 400, missingCases: 290, lacks: ['400 fresh cases, 690 planned: 290 missing'], guards: [{ id: 'form', critical: true }] });
  expect(others.find(({ gain, decisionsPerPeriod }) => gain === 0.05 && decisionsPerPeriod === 4)?.n).toBeCloseTo(690, -1);
  expect(ratchet('gate', 'plan', '--policy', join(dir, 'policy.yaml')).stdout).toMatch(/cases for a gain of +1 decision a period +4 decisions a period/);
  expect(ratchet('gate', 'plan', '--discordance', '2').status).toBe(2);
});
