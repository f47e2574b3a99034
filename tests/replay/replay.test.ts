// Stored histories of real runs must replay on the workflows as they are now: a night under way survives a deployment.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OpenTelemetryPlugin } from '@temporalio/interceptors-opentelemetry-v2';
import { Worker, type WorkflowBundle } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseConfig } from '../../workers/config.ts';
import { createLogger } from '../../workers/log.ts';
import { startTelemetry, type Telemetry } from '../../workers/telemetry.ts';
import { bundleWorkflows, logTemporalTo } from '../../workers/temporal.ts';
import { SECRET } from '../support/pipeline-world.ts';

interface StoredHistory {
  events: unknown[];
}

const folder = join(import.meta.dirname, '..', 'histories');
const files = readdirSync(folder).filter((file) => file.endsWith('.json'));
const textOf = (file: string): string => readFileSync(join(folder, file), 'utf8');

let home: string;
let telemetry: Telemetry;
let bundles: { real: WorkflowBundle; broken: WorkflowBundle };

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'ratchet-replay-'));
  const config = parseConfig({ RATCHET_HOME: home, LOG_LEVEL: 'silent' });
  logTemporalTo(createLogger(config, 'replay'));
  telemetry = startTelemetry(config, 'replay');
  bundles = { real: await bundleWorkflows(telemetry), broken: await bundleWorkflows(telemetry, join(import.meta.dirname, 'broken', 'index.ts')) };
}, 60_000);

afterAll(async () => {
  await telemetry.shutdown();
  rmSync(home, { recursive: true, force: true });
});

const replay = (workflowBundle: WorkflowBundle, file: string): Promise<void> =>
  Worker.runReplayHistory({ workflowBundle, plugins: [new OpenTelemetryPlugin(telemetry)] }, JSON.parse(textOf(file)));

describe('stored histories', () => {
  test.each(files)('%s replays', async (file) => {
    await replay(bundles.real, file);
  });

  test('cover every end of a night, one with an injection judge, a held candidate that goes on, every end of a promotion, a watch that rolled back, and a look that started a night', () => {
    const wanted = ['night-promoted', 'night-confirmed', 'night-skipped', 'night-rejected', 'night-held-waits', 'night-held-promoted', 'night-reestimated', 'night-awaiting-approval'];
    const ends = ['automatic', 'approved', 'two-approvers', 'rejected', 'expired', 'superseded', 'cancelled', 'watched'].map((end) => `promotion-${end}`);
    const unsigned = ['automatic', 'approved', 'expired'].map((end) => `unsigned-promotion-${end}`);
    expect(files.toSorted()).toEqual([...wanted, ...ends, ...unsigned, 'watch-rolled-back', 'early-start'].map((name) => `${name}.json`).toSorted());
  });

  test.each(files)('%s is short and holds nothing of a record', (file) => {
    const { events } = JSON.parse(textOf(file)) as StoredHistory;
    expect(events.length).toBeLessThan(500);
    // Payloads are base64 in the file.
    const payloads = [...textOf(file).matchAll(/"data": "([^"]+)"/g)].map(([, data = '']) => Buffer.from(data, 'base64').toString('utf8'));
    expect(payloads.length).toBeGreaterThan(0);
    expect([textOf(file), ...payloads].filter((text) => text.includes(SECRET))).toEqual([]);
  });

  test('a night whose steps changed their order is refused', async () => {
    await expect(replay(bundles.broken, 'night-promoted.json')).rejects.toThrow(/nondeterminism|determinism/i);
  });
});
