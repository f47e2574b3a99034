// The flow on the real Temporal server with the real steps and stores; the trainer and the serving engine are stood in for.
import { spawn, type ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { WorkflowUpdateFailedError } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { rollbackChannel } from '../../activities/rollback.ts';
import type { Digest } from '../../core/contracts/index.ts';
import { traceDown, nodesOf } from '../../core/lineage/trace.ts';
import { pythonBin } from '../../infra/dev/paths.ts';
import { startProcess } from '../../infra/dev/process.ts';
import { approve, reject, state, type ApprovalUpdate } from '../../workflows/promotion.ts';
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

/** A night that ended waiting for a person, and what that person would sign. */
async function waitingNight(workload: string): Promise<{ runId: string; update: ApprovalUpdate; promotion: ReturnType<World['client']['workflow']['getHandle']> }> {
  const { run } = await world.night(workload);
  expect(run.status).toBe('awaiting_approval');
  if (!run.verdictDigest || !run.adapterDigest) throw new Error('the night left no verdict');
  const update = { by: 'dana', verdictDigest: run.verdictDigest, candidateDigest: run.adapterDigest };
  return { runId: run.runId, update, promotion: world.client.workflow.getHandle(`promotion/${run.runId}`) };
}

async function refusal(update: Promise<unknown>): Promise<string | null | undefined> {
  const error = await update.then(() => undefined, (reason: unknown) => reason);
  if (!(error instanceof WorkflowUpdateFailedError)) throw new Error('the update was not refused');
  return (error.cause as { type?: string } | undefined)?.type;
}

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
    expect(scheduledSteps(promotion)).toEqual({ promote: 1, finishRun: 1, unloadFormer: 1 });
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

describe('a promotion that waits for a person', () => {
  test('is refused for other digests, and promotes when its own are approved', async () => {
    await world.addWorkload('approved', { approval: 'one_approver' });
    const { runId, update, promotion } = await waitingNight('approved');
    await expect.poll(() => promotion.query(state).catch(() => null), { timeout: 10_000 }).toMatchObject({ state: 'awaiting_approval', verdictDigest: update.verdictDigest });
    expect(await liveOf('approved')).toMatchObject({ generation: 0 });

    const other: Digest = `sha256:${'0'.repeat(64)}`;
    expect(await refusal(promotion.executeUpdate(approve, { args: [{ ...update, verdictDigest: other }] }))).toBe('APPROVAL_VOID');
    expect(await refusal(promotion.executeUpdate(reject, { args: [{ ...update, candidateDigest: other }] }))).toBe('APPROVAL_VOID');
    expect(await refusal(promotion.executeUpdate(approve, { args: [{ ...update, by: '' }] }))).toBe('REQUEST_INVALID');

    await promotion.executeUpdate(approve, { args: [{ ...update, comment: 'looked at ten' }] });
    expect(await promotion.result()).toMatchObject({ status: 'promoted', generation: 1 });
    expect(await world.store.run(runId)).toMatchObject({ status: 'promoted' });
    const entry = await world.store.channel('approved/production');
    expect(entry).toMatchObject({ generation: 1, by: 'dana' });
    expect(entry?.approvalDigest ? await world.store.approval(entry.approvalDigest) : null).toMatchObject({ by: 'dana', comment: 'looked at ten', decision: 'approve', verdictDigest: update.verdictDigest });
  });

  test('is rejected by a person', async () => {
    await world.addWorkload('declined', { approval: 'one_approver' });
    const { runId, update, promotion } = await waitingNight('declined');
    await promotion.executeUpdate(reject, { args: [update] });
    expect(await promotion.result()).toMatchObject({ status: 'rejected', reason: 'rejected by dana' });
    expect(await world.store.run(runId)).toMatchObject({ status: 'rejected' });
    expect(await liveOf('declined')).toMatchObject({ generation: 0 });
    expect(world.targetOf('declined').loaded()).toEqual([]);
  });

  test('expires', async () => {
    await world.addWorkload('expired', { approval: 'one_approver', expiresAfterHours: 0.0003 });
    const { runId, promotion } = await waitingNight('expired');
    expect(await promotion.result()).toMatchObject({ status: 'rejected' });
    expect((await world.store.run(runId))?.reason).toMatch(/^APPROVAL_EXPIRED: /);
    expect(await liveOf('expired')).toMatchObject({ generation: 0 });
  });

  test('loses when another one was first', async () => {
    const loaded = await world.addWorkload('raced', { approval: 'one_approver' });
    const first = await waitingNight('raced');
    await seed(world.store, loaded, { corrected: 8, cases: 14, from: 100 });
    const second = await waitingNight('raced');
    await Promise.all([first, second].map(({ promotion, update }) => promotion.executeUpdate(approve, { args: [update] })));
    const results = (await Promise.all([first, second].map(({ promotion }) => promotion.result()))) as { status: string }[];
    expect(results.map(({ status }) => status).toSorted()).toEqual(['lost', 'promoted']);
    const winner = results[0]?.status === 'promoted' ? first : second;
    expect(await liveOf('raced')).toMatchObject({ generation: 1, live: winner.update.candidateDigest });
    expect(await world.store.channelHistory('raced/production')).toHaveLength(2);
    expect(world.targetOf('raced').loaded()).toEqual([winner.update.candidateDigest]);
    expect(await world.store.openIntents()).toEqual([]);
  });

  test.each([
    ['load', { failLoad: true }, 'ADAPTER_LOAD_FAILED'],
    ['smoke-test', { failSmoke: true }, 'SMOKE_TEST_FAILED'],
    ['isolation-check', { failIsolation: true }, 'ISOLATION_BROKEN'],
  ])('leaves the channel as it was after a failed %s', async (what, behaviour, code) => {
    const name = `failed-${what}`;
    await world.addWorkload(name, { approval: 'one_approver' });
    const { runId, update, promotion } = await waitingNight(name);
    world.targetOf(name).behave(behaviour);
    await promotion.executeUpdate(approve, { args: [update] });
    await expect(promotion.result()).rejects.toThrow();
    const run = await world.untilRun(runId, 'failed');
    expect(run.reason).toMatch(new RegExp(`^${code}: `));
    expect(await world.store.channelHistory(`${name}/production`)).toHaveLength(1);
    expect(world.targetOf(name).loaded()).toEqual([]);
    expect(await world.store.openIntents()).toEqual([]);
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
    const start = (): void => {
      const entry = join(import.meta.dirname, '..', 'support', 'pipeline-process.ts');
      children.push(spawn(process.execPath, [entry, alone.dir, 'killed', alone.temporal.address, alone.taskQueueOf('killed')], { stdio: 'ignore' }));
    };
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
    expect(texts.length).toBeGreaterThan(50);
    expect(texts.filter((text) => text.includes(SECRET))).toEqual([]);
  });
});
