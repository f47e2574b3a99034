// The flow on the real Temporal server with the real steps and stores; the trainer and the serving engine are stood in for.
import type { ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { rollbackChannel } from '../../activities/rollback.ts';
import { traceDown, nodesOf } from '../../core/lineage/trace.ts';
import { pythonBin } from '../../infra/dev/paths.ts';
import { startProcess } from '../../infra/dev/process.ts';
import { homePaths } from '../../workers/config.ts';
import { scheduledSteps, startWorld, type World } from '../support/pipeline.ts';
import { SECRET, seed } from '../support/pipeline-world.ts';

const CASES = 12;
const REPEATED = 10;

let world: World;
beforeAll(async () => {
  world = await startWorld();
}, 120_000);
afterAll(async () => {
  await world.stop();
});

interface Span {
  traceId: string;
  spanId: string;
  parentSpanId: string | null;
  name: string;
  service: string;
  links: unknown[];
  attributes: Record<string, unknown>;
}

/** All spans of the trace in which the night ran its step `claimRun`. */
function traceOf(workflowId: string): Span[] {
  const spans = readFileSync(homePaths(world.home).traces, 'utf8').trim().split('\n').map((line) => JSON.parse(line) as Span);
  const first = spans.find((span) => span.name === 'RunActivity:claimRun' && span.attributes['temporalWorkflowId'] === workflowId);
  return spans.filter((span) => span.traceId === first?.traceId);
}

const liveOf = async (workload: string) => (await world.store.channel(`${workload}/production`)) ?? { generation: -1, live: null };

describe('a night', () => {
  test('promotes what the cases prove better, each step once, in one trace', async () => {
    await world.addWorkload('promoted');
    const { handle, run } = await world.night('promoted');
    expect(run).toMatchObject({ status: 'promoted', decision: 'promote', step: 'done' });
    expect(await liveOf('promoted')).toMatchObject({ generation: 1, live: run.adapterDigest, verdictDigest: run.verdictDigest, by: 'gate' });

    const night = await world.historyJson(handle.workflowId);
    const promotion = await world.historyJson(`promotion/${handle.workflowId}`);
    expect(scheduledSteps(night)).toEqual({ claimRun: 1, takeSnapshot: 1, planRun: 1, curateDataset: 1, trainAdapter: 1, registerAdapter: 1, reserveDecision: 1, evaluate: 1, judge: 1, finishRun: 1 });
    expect(scheduledSteps(promotion)).toEqual({ promote: 1, finishRun: 1, unloadFormer: 1, supersedeWaiting: 1 });
    // Both arms on every case, some cases of the current one twice, one smoke test.
    expect(world.targetOf('promoted').questions()).toHaveLength(2 * CASES + REPEATED + 1);
    expect((await world.store.cases('promoted')).filter((row) => row.retiredBy === run.verdictDigest)).toHaveLength(CASES);

    // Spans are written in batches.
    const names = ['RunActivity:claimRun', 'StartActivity:trainAdapter', 'StartChildWorkflow:promotion', 'RunActivity:promote', 'RunWorkflow:promotion', 'RunWorkflow:nightlyRetrain'];
    await expect.poll(() => traceOf(handle.workflowId).map((span) => span.name), { timeout: 10_000 }).toEqual(expect.arrayContaining(names));
    expect(traceOf(handle.workflowId).find((span) => span.name === 'RunActivity:curateDataset')?.links.length).toBeGreaterThan(0);
  });

  test('is found in Temporal by what it made', async () => {
    const [run] = await world.store.runs({ workload: 'promoted', limit: 1 });
    const query = `Workload = 'promoted' AND DatasetDigest = '${run?.datasetDigest}' AND AdapterDigest = '${run?.adapterDigest}' AND Verdict = 'promote'`;
    await expect.poll(async () => (await world.client.workflow.count(query)).count, { timeout: 10_000 }).toBe(1);
  });

  test('leaves a trace from a failure to the channel, and a report', async () => {
    const [failure] = (await world.store.failures({ workload: 'promoted', limit: 100 })).filter((row) => row.corrected);
    const tree = await traceDown({ kind: 'failure', id: failure?.id ?? '' }, (id) => world.store.linksFrom(id));
    expect(nodesOf(tree).map((node) => node.kind)).toEqual(expect.arrayContaining(['example', 'dataset', 'run', 'adapter', 'evaluation', 'verdict', 'channel_entry']));
    const reports = readdirSync(join(world.home, 'reports')).filter((name) => name.startsWith('nightly_promoted'));
    expect(reports.map((name) => name.split('.').at(-1)).toSorted()).toEqual(['json', 'md']);
    const markdown = readFileSync(join(world.home, 'reports', reports.find((name) => name.endsWith('.md')) ?? ''), 'utf8');
    expect(markdown).toContain('## Verdict: promote');
    expect(markdown).toContain('| evaluate |');
  });

  test('is skipped with the numbers when too little is new, and claims the request that asked for it', async () => {
    const { handle, run } = await world.night('promoted');
    expect(run).toMatchObject({ status: 'skipped', reason: '0 new corrected examples since the last trained dataset, 6 wanted: 6 missing; 2 fresh cases, 12 planned: 10 missing' });
    expect(run.requestId).not.toBeNull();
    expect(scheduledSteps(await world.historyJson(handle.workflowId))).toEqual({ claimRun: 1, takeSnapshot: 1, planRun: 1, finishRun: 1 });
  });

  test('asks the injection judge first where the workload has one, and goes on without it where it is not there', async () => {
    await world.addWorkload('confirmed', { injectionJudge: '{ model: a-judge, revision: r1 }' });
    const { handle, run } = await world.night('confirmed');
    expect(run).toMatchObject({ status: 'promoted' });
    expect(scheduledSteps(await world.historyJson(handle.workflowId))).toMatchObject({ takeSnapshot: 1, confirmInjections: 1, planRun: 1, curateDataset: 1 });
    expect((await world.store.document(run.datasetDigest ?? ''))?.document).toMatchObject({ counts: { judgedOut: 0 }, injectionJudge: { followed: 0, unconfirmed: 0, absent: null } });
  });

  test('rejects what is worse, and takes it off the engine', async () => {
    await world.addWorkload('rejected');
    world.targetOf('rejected').behave({ right: { base: 1, adapter: 0 } });
    const { run } = await world.night('rejected');
    expect(run).toMatchObject({ status: 'rejected', decision: 'reject' });
    expect(await liveOf('rejected')).toMatchObject({ generation: 0, live: null });
    expect(world.targetOf('rejected').loaded()).toEqual([]);
  });

  test('holds what is not proven', async () => {
    await world.addWorkload('held', { smallestGain: 0.5 });
    world.targetOf('held').behave({ right: { base: 0, adapter: 0.4 } });
    const { run } = await world.night('held');
    expect(run).toMatchObject({ status: 'held', decision: 'hold' });
    expect(await liveOf('held')).toMatchObject({ generation: 0 });
    expect(world.targetOf('held').loaded()).toEqual([]);
  });

  test('trains no adapter that the replicas could not serve', async () => {
    await world.addWorkload('too-wide', { loraRank: 32 });
    const { handle, run } = await world.night('too-wide');
    expect(run).toMatchObject({ status: 'failed', reason: expect.stringMatching(/^RECIPE_INVALID: recipe\.loraRank is 32, the replicas serve at most 16/) as string });
    expect(scheduledSteps(await world.historyJson(handle.workflowId))).not.toHaveProperty('trainAdapter');
  });

  test('evaluates nothing on an engine that mixes adapters up', async () => {
    await world.addWorkload('mixed');
    world.targetOf('mixed').behave({ failIsolation: true });
    const { run } = await world.night('mixed');
    expect(run.status).toBe('failed');
    expect(run.reason).toMatch(/^ISOLATION_BROKEN: /);
    expect(world.targetOf('mixed').questions()).toEqual([]);
    expect(world.targetOf('mixed').loaded()).toEqual([]);
  });

  test('waits for an engine that is away, and blames no arm for it', async () => {
    await world.addWorkload('away');
    const engine = world.targetOf('away');
    engine.behave({ delayMs: 50 });
    const handle = await world.startNight('away');
    await expect.poll(() => engine.questions().length, { timeout: 20_000 }).toBeGreaterThan(4);
    engine.behave({ away: true });
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    engine.behave({ away: false, delayMs: 0 });
    await handle.result();
    const run = await world.store.run(handle.workflowId);
    const verdict = run?.verdictDigest ? await world.store.verdict(run.verdictDigest) : null;
    expect(verdict).toMatchObject({ decision: 'promote', b: CASES, c: 0 });
  });

  test('that is cancelled says so and leaves nothing on the engine', async () => {
    await world.addWorkload('cancelled');
    const engine = world.targetOf('cancelled');
    engine.behave({ delayMs: 400 });
    const handle = await world.startNight('cancelled');
    await expect.poll(() => engine.questions().length, { timeout: 20_000 }).toBeGreaterThan(0);
    await handle.cancel();
    await expect(handle.result()).rejects.toThrow();
    expect(await world.store.run(handle.workflowId)).toMatchObject({ status: 'cancelled' });
    expect(engine.loaded()).toEqual([]);
  });
});

describe('a held candidate', () => {
  const GOES_ON = { smallestGain: 0.6, eProcess: { share: 0.5, maxCases: 24 } };
  const openOf = async (workload: string) => (await world.store.heldCandidates(`${workload}/production`)).filter(({ process }) => process.status === 'open');

  test('waits for fresh cases, then goes on with them before any training, and is promoted by its e-process', async () => {
    const loaded = await world.addWorkload('goes-on', GOES_ON);
    const engine = world.targetOf('goes-on');
    engine.behave({ right: { base: 0, adapter: 0.2 } });
    const first = await world.night('goes-on');
    expect(first.run).toMatchObject({ status: 'held', decision: 'hold', plan: { plannedN: CASES, level: 0.0125, freshCases: 14, missingCases: 0 } });
    expect(await openOf('goes-on')).toMatchObject([{ heldVerdictDigest: first.run.verdictDigest, process: { n: 0, level: 0.0125, maxCases: 24 } }]);

    const waiting = await world.night('goes-on');
    expect(waiting.run).toMatchObject({ status: 'held', reason: expect.stringMatching(/^Hold: 2 fresh cases for the next look at the held candidate sha256:\w+: 1 missing$/) as string });
    expect(scheduledSteps(await world.historyJson(waiting.handle.workflowId))).toEqual({ claimRun: 1, planLook: 1, finishRun: 1 });

    await seed(world.store, loaded, { corrected: 8, cases: 14, from: 100 });
    engine.behave({ right: { base: 0, adapter: 1 } });
    const { handle, run } = await world.night('goes-on');
    expect(run).toMatchObject({ status: 'promoted', decision: 'promote', adapterDigest: first.run.adapterDigest });
    expect(scheduledSteps(await world.historyJson(handle.workflowId))).toEqual({ claimRun: 1, planLook: 1, evaluate: 1, judgeLook: 1, finishRun: 1 });
    expect(await liveOf('goes-on')).toMatchObject({ generation: 1, live: first.run.adapterDigest, verdictDigest: run.verdictDigest });
    const verdict = run.verdictDigest ? await world.store.verdict(run.verdictDigest) : null;
    expect(verdict).toMatchObject({ test: 'e_process', decision: 'promote', n: CASES, b: CASES, c: 0, plannedN: 24, level: 0.0125, eProcess: { heldVerdictDigest: first.run.verdictDigest, looks: 1, maxCases: 24 } });
    expect(verdict?.reason).toMatch(/^Promote: 12 gained and 0 lost on 12 fresh cases give e = 630, where 80\.00 is wanted\.$/);
    // One decision of the period paid for both.
    expect(await world.store.decisions('goes-on/production')).toHaveLength(1);
    expect(await openOf('goes-on')).toEqual([]);
    const retired = (await world.store.cases('goes-on')).filter(({ retiredBy }) => retiredBy === run.verdictDigest);
    expect(retired).toHaveLength(CASES);
    const report = readFileSync(join(world.home, 'reports', `${run.runId.replaceAll(/[^\w.-]+/g, '_')}.md`), 'utf8');
    expect(report).toContain('## Verdict: promote');
  });

  test('that is rejected makes room for a new one in the same night', async () => {
    const loaded = await world.addWorkload('makes-room', { ...GOES_ON, eProcess: { share: 0.5, maxCases: 3 } });
    const engine = world.targetOf('makes-room');
    engine.behave({ right: { base: 0, adapter: 0.4 } });
    const held = await world.night('makes-room');
    await seed(world.store, loaded, { corrected: 8, cases: 28, from: 100 });
    engine.behave({ right: { base: 0.5, adapter: 0 } });
    const nights = world.night('makes-room');
    await expect.poll(async () => (await world.store.heldCandidates('makes-room/production'))[0]?.process.status, { timeout: 20_000, interval: 20 }).toBe('reject');
    engine.behave({ right: { base: 0, adapter: 1 } });
    const { run } = await nights;
    expect(run).toMatchObject({ status: 'promoted' });
    expect(run.adapterDigest).not.toBe(held.run.adapterDigest);
    expect(await world.store.decisions('makes-room/production')).toHaveLength(2);
  });

  test('ends when another adapter goes live', async () => {
    const loaded = await world.addWorkload('overtaken', GOES_ON);
    world.targetOf('overtaken').behave({ right: { base: 0, adapter: 0.4 } });
    await world.night('overtaken');
    await seed(world.store, loaded, { corrected: 8, cases: 14, from: 100 });
    world.targetOf('overtaken').behave({ right: { base: 0, adapter: 1 } });
    // A newer candidate takes the cases, on a person's word.
    const { run } = await world.night('overtaken', { newCandidate: true });
    expect(run).toMatchObject({ status: 'promoted' });
    expect(await world.store.heldCandidates('overtaken/production')).toMatchObject([{ process: { status: 'reject', reason: expect.stringMatching(/^Reject: a newer candidate takes the cases; 0 gained/) as string } }]);
  });
});

describe('the gain of a promoted adapter', () => {
  test('is estimated again on the cases of the next evaluation, linked to the verdict that promoted it', async () => {
    const loaded = await world.addWorkload('again');
    world.targetOf('again').behave({ right: { base: 0.2, adapter: 1 } });
    const first = await world.night('again');
    expect(first.run).toMatchObject({ status: 'promoted' });
    await seed(world.store, loaded, { corrected: 8, cases: 14, from: 100 });
    const { handle, run } = await world.night('again');
    expect(run).toMatchObject({ status: 'rejected' });
    expect(scheduledSteps(await world.historyJson(handle.workflowId))).toMatchObject({ reestimateGain: 1 });
    const [link] = (await world.store.linksFrom(first.run.verdictDigest ?? '')).filter(({ relation }) => relation === 're_estimated_in');
    const document = (await world.store.document(link?.to ?? ''))?.document;
    expect(document).toMatchObject({ verdictDigest: first.run.verdictDigest, adapterDigest: first.run.adapterDigest, predecessorDigest: null, runId: run.runId, first: { n: CASES }, fresh: { n: CASES, c: 0 } });
  });
});

describe('the real GPU worker', () => {
  test('hangs its spans under the night\'s, and its error codes end the night as its own', async () => {
    const env = { RATCHET_HOME: world.home, RATCHET_MODELS: join(world.dir, 'no-models'), TEMPORAL_ADDRESS: world.temporal.address, TEMPORAL_GPU_TASK_QUEUE: 'python-gpu' };
    const worker = await startProcess({ name: 'gpu', command: pythonBin, args: ['-m', 'ratchet_gpu.worker'], env, logDir: join(world.dir, 'logs') });
    try {
      await world.addWorkload('python', { gpuTaskQueue: 'python-gpu' });
      const { handle, run } = await world.night('python');
      expect(run).toMatchObject({ status: 'failed' });
      expect(run.reason).toMatch(/^BASE_MODEL_MISSING: /);
      const parentOfPython = (): Span | undefined => {
        const spans = traceOf(handle.workflowId);
        const python = spans.find((span) => span.name === 'RunActivity:trainAdapter' && /gpu/.test(span.service));
        return spans.find((span) => span.spanId === python?.parentSpanId);
      };
      await expect.poll(parentOfPython, { timeout: 10_000 }).toMatchObject({ name: 'StartActivity:trainAdapter', service: 'flow-test' });
    } finally {
      await worker.stop();
    }
  });
});

describe('a rollback', () => {
  test('brings the former adapter back by workflow, once, and by hand without Temporal', async () => {
    const channel = 'promoted/production';
    const promoted = (await liveOf('promoted')).live;
    const input = { schemaVersion: 1 as const, channel, by: 'dana', reason: 'a test', expectedGeneration: 1 };
    const result: unknown = await world.client.workflow.execute('rollback', { workflowId: 'rollback/test', taskQueue: world.taskQueueOf('promoted'), args: [input] });
    expect(result).toEqual({ schemaVersion: 1, generation: 2, live: null, rolledBack: promoted });
    const deps = { store: world.store, target: world.targetOf('promoted'), clock: () => new Date(), logger: { info: () => undefined, warn: () => undefined } };
    // The same wish again changes nothing.
    expect(await rollbackChannel(deps, input)).toMatchObject({ generation: 2 });
    expect(await rollbackChannel(deps, { ...input, expectedGeneration: 2, toGeneration: 1 })).toMatchObject({ generation: 3, live: promoted });
    await expect(rollbackChannel(deps, { ...input, reason: 'another wish' })).rejects.toMatchObject({ code: 'CHANNEL_CONFLICT' });
  });
});

describe('a pipeline worker that is killed', () => {
  test('in the middle of an evaluation: the same result, no answer asked twice that was kept, one promotion', async () => {
    const alone = await startWorld({ worker: false });
    const children: ChildProcess[] = [];
    const start = (): void => void children.push(alone.startWorkerProcess('killed'));
    try {
      await alone.addWorkload('killed', { concurrency: 2 });
      const engine = alone.targetOf('killed');
      engine.behave({ delayMs: 100 });
      start();
      const handle = await alone.startNight('killed');
      await expect.poll(() => engine.questions().length, { timeout: 30_000, interval: 20 }).toBeGreaterThan(2 * CASES + REPEATED - 6);
      children[0]?.kill('SIGKILL');
      const askedBefore = engine.questions().length;
      start();
      await handle.result();
      expect(await alone.store.run(handle.workflowId)).toMatchObject({ status: 'promoted' });
      expect(await alone.store.channelHistory('killed/production')).toHaveLength(2);
      expect(scheduledSteps(await alone.historyJson(handle.workflowId))).toMatchObject({ evaluate: 1, trainAdapter: 1, judge: 1 });
      // Answers are kept in batches of 8, so 16 of them were: asked again are the others, the repeats and the smoke test.
      const again = engine.questions().length - askedBefore;
      expect(again).toBeLessThanOrEqual(2 * CASES - 16 + REPEATED + 1);
    } finally {
      for (const child of children) child.kill('SIGKILL');
      await alone.stop();
    }
  });
});

describe('what was seeded into records', () => {
  test('is in no history, trace, report or search attribute', async () => {
    const texts = [readFileSync(homePaths(world.home).traces, 'utf8')];
    for (const name of readdirSync(join(world.home, 'reports'))) texts.push(readFileSync(join(world.home, 'reports', name), 'utf8'));
    for await (const { workflowId } of world.client.workflow.list()) {
      const history = await world.historyJson(workflowId);
      expect((JSON.parse(history) as { events: unknown[] }).events.length).toBeLessThan(500);
      texts.push(history, ...[...history.matchAll(/"data": "([^"]+)"/g)].map(([, data = '']) => Buffer.from(data, 'base64').toString('utf8')));
    }
    expect(texts.length).toBeGreaterThan(30);
    expect(texts.filter((text) => text.includes(SECRET))).toEqual([]);
  });
});
