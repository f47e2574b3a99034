// The whole loop on the real servers with the real model: a short night on the demo's task, then a promotion on an easy one
// under the real gate, with a killed GPU worker and a restarted engine on the way.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureSchedule, claimedRun, triggerRun } from '../../activities/schedule.ts';
import { importTruths } from '../../cli/commands/label.ts';
import { createContext, type Context } from '../../cli/context.ts';
import { gatewaySource } from '../../cli/demo/corrections.ts';
import { watchRun } from '../../cli/watch.ts';
import { correctionEvent } from '../../core/events.ts';
import type { RunRecord } from '../../core/contracts/index.ts';
import { traceDown, nodesOf } from '../../core/lineage/trace.ts';
import { generateEchoTickets, type EchoTicket } from '../../examples/echo/generate.ts';
import { MAX_ANSWER_TOKENS, messagesFor as echoMessages } from '../../examples/echo/prompt.ts';
import { runAgent } from '../../examples/tickets/agent.ts';
import { generateTickets } from '../../examples/tickets/generate.ts';
import { startLoop, type Loop } from '../../infra/dev/loop.ts';
import { repositoryRoot } from '../../infra/dev/paths.ts';
import { homePaths } from '../../workers/config.ts';
import { Kafka, logLevel } from 'kafkajs';
import { writeTestKeys } from '../support/keys.ts';

/** Strings that stand in prompts and must be found nowhere outside the redacted store. */
const SECRETS = ['zelda.quartz@fernhill-bank.com', '4539 1488 0343 6467'];

let dir: string;
let loop: Loop;
let context: Context;
const outside = { ...process.env };

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ratchet-e2e-'));
  writeTestKeys(join(dir, 'home'));
  loop = await startLoop({
    dir,
    workloadFiles: [join(repositoryRoot, 'tests/e2e/tickets-short.yaml'), join(repositoryRoot, 'examples/echo/workload.yaml')],
    env: { GATEWAY_ALLOW_BASE: 'true' },
    note: (line) => process.stderr.write(`${line}\n`),
  });
  Object.assign(process.env, loop.env, { RATCHET_ACTOR: 'test' });
  context = createContext({});
});

afterAll(async () => {
  await context?.close();
  await loop?.stop();
  for (const name of Object.keys(process.env)) if (!(name in outside)) delete process.env[name];
  Object.assign(process.env, outside);
  if (dir) await rm(dir, { recursive: true, force: true });
});

async function sendCorrections(workload: string, channel: string, rows: readonly { id: string; answer: string }[]): Promise<void> {
  const producer = new Kafka({ clientId: 'test', brokers: context.config.kafka.brokers, logLevel: logLevel.ERROR }).producer();
  await producer.connect();
  const messages = rows.map(({ id, answer }) => ({
    key: id,
    value: JSON.stringify(correctionEvent({ source: 'urn:test:desk', id: `c-${id}`, time: new Date().toISOString(), workload, tenant: 'demo', interaction: { source: gatewaySource(channel), id }, answer, author: 'test desk', authority: 'person' })),
  }));
  await producer.send({ topic: context.config.kafka.topics.corrections, messages });
  await producer.disconnect();
}

async function untilStored(workload: string, interactions: number, corrections: number): Promise<void> {
  const store = await context.store();
  for (let tries = 0; tries < 300; tries += 1) {
    const counts = await store.counts(workload);
    if (counts.interactions >= interactions && counts.corrections >= corrections) return;
    await sleep(200);
  }
  throw new Error(`ingest did not store everything: ${JSON.stringify(await store.counts(workload))}`);
}

async function startNight(name: string): Promise<string> {
  const [store, client, { workload }] = [await context.store(), await context.temporal(), await context.workload(name)];
  await ensureSchedule(client, store, workload, { taskQueue: context.config.temporal.taskQueue });
  const run = await claimedRun(store, await triggerRun(client, store, name, 'test', 'a test night'), 60_000);
  if (!run) throw new Error('no run claimed the request');
  return run.runId;
}

const endOfNight = async (runId: string): Promise<RunRecord> => watchRun({ store: await context.store(), client: await context.temporal(), runId, note: (line) => process.stderr.write(`${line}\n`) });

describe('a short night on the tickets', () => {
  it('goes from real answers to a verdict', async () => {
    const { loaded, store } = { loaded: await context.workload('tickets'), store: await context.store() };
    const { channel } = loaded.workload;
    const tickets = generateTickets({ seed: 'e2e', count: 24, families: 'seen', injectedShare: 0.1, startId: 1 }).map((ticket, index) => (index === 0 ? { ...ticket, text: `${ticket.text}\n${SECRETS.join('\n')}` } : ticket));
    const answers = await runAgent({ baseURL: `${loop.gatewayUrl}/v1`, apiKey: 'none', model: channel, tickets, concurrency: 16, tenant: 'demo', interactionPrefix: 'ticket-' });
    expect(answers.map((answer) => [answer.adapter, answer.generation, answer.error])).toEqual(tickets.map(() => ['base', 0, undefined]));
    await sendCorrections('tickets', channel, tickets.map((ticket) => ({ id: `ticket-${ticket.id}`, answer: JSON.stringify(ticket.truth) })));
    await untilStored('tickets', tickets.length, tickets.length);
    await importTruths(context, loaded, tickets.map((ticket) => ({ interaction: { source: gatewaySource(channel), id: `ticket-${ticket.id}` }, truth: JSON.stringify(ticket.truth) })), 'test desk');

    const run = await endOfNight(await startNight('tickets'));
    expect(run.reason).not.toMatch(/^[A-Z_]+:/);
    expect(['promoted', 'rejected', 'held']).toContain(run.status);
    const verdict = run.verdictDigest === null ? null : await store.verdict(run.verdictDigest);
    expect(verdict).toMatchObject({ candidateDigest: run.adapterDigest, currentDigest: null, n: verdict?.plannedN });
    const manifest = run.adapterDigest === null ? null : await store.adapter(run.adapterDigest);
    expect(manifest).toMatchObject({ datasetDigest: run.datasetDigest, loraRank: 16, quantization: 'nf4 double-quantized', training: { steps: 10 } });
    expect(manifest?.training.finalLoss).toBeLessThan(manifest?.training.firstLoss ?? 0);
    expect(existsSync(homePaths(context.config.home).reports)).toBe(true);
  });
});

describe('an easy task under the real gate', () => {
  let tasks: EchoTicket[];
  let promoted: RunRecord;
  const ask = async (task: EchoTicket, id: string, model = 'echo/production') => {
    const client = new OpenAI({ baseURL: `${loop.gatewayUrl}/v1`, apiKey: 'none', maxRetries: 0, defaultHeaders: { 'x-ratchet-interaction': id, 'x-ratchet-tenant': 'demo' } });
    const { data, response } = await client.chat.completions.create({ model, messages: echoMessages(task).messages, temperature: 0, max_tokens: MAX_ANSWER_TOKENS }).withResponse();
    return { text: data.choices[0]?.message.content ?? '', adapter: response.headers.get('x-ratchet-adapter'), generation: response.headers.get('x-ratchet-generation') };
  };

  it('promotes an adapter, though the GPU worker is killed in the middle of training', async () => {
    const [store, loaded] = [await context.store(), await context.workload('echo')];
    tasks = generateEchoTickets({ seed: 'e2e', count: 90, startId: 1 });
    for (let start = 0; start < tasks.length; start += 18) await Promise.all(tasks.slice(start, start + 18).map((task) => ask(task, `echo-${task.id}`)));
    await sendCorrections('echo', loaded.workload.channel, tasks.map((task) => ({ id: `echo-${task.id}`, answer: JSON.stringify(task.truth) })));
    await untilStored('echo', tasks.length, tasks.length);
    await importTruths(context, loaded, tasks.map((task) => ({ interaction: { source: gatewaySource('echo/production'), id: `echo-${task.id}` }, truth: JSON.stringify(task.truth) })), 'test desk');

    const runId = await startNight('echo');
    const ended = endOfNight(runId);
    await killGpuWorkerAfterCheckpoint();
    await loop.startWorker('gpu');
    promoted = await ended;

    expect(promoted).toMatchObject({ status: 'promoted', decision: 'promote' });
    const entry = await store.channel('echo/production');
    expect(entry).toMatchObject({ live: promoted.adapterDigest, generation: 1, verdictDigest: promoted.verdictDigest });
    const result = JSON.parse(readFileSync(join(runDirOf('echo') ?? '', 'result.json'), 'utf8')) as { resumedFromStep: number | null };
    expect(result.resumedFromStep).toBeGreaterThan(0);
    expect((await store.documents('adapter', 50)).filter((row) => (row.document as { workload: string }).workload === 'echo')).toHaveLength(1);
    const { text, adapter, generation } = await ask(tasks[0] as EchoTicket, 'after-promotion');
    expect({ adapter, generation }).toEqual({ adapter: promoted.adapterDigest, generation: '1' });
    expect(() => JSON.parse(text) as unknown).not.toThrow();
  });

  /** Waits for the first checkpoint of the run that trains now, then kills the worker; its trainer must die with it. */
  async function killGpuWorkerAfterCheckpoint(): Promise<void> {
    const worker = loop.workers.get('gpu');
    if (!worker) throw new Error('no GPU worker');
    for (let tries = 0; tries < 3000; tries += 1) {
      if (wholeCheckpoints('echo') > 0) {
        process.kill(worker.pid, 'SIGKILL');
        await worker.exited;
        return;
      }
      await sleep(100);
    }
    throw new Error('training made no checkpoint within 5 minutes');
  }

  const runDirOf = (workload: string): string | undefined => {
    const { runs } = homePaths(context.config.home);
    const dirs = existsSync(runs) ? readdirSync(runs).map((name) => join(runs, name)) : [];
    return dirs.find((path) => {
      const request = join(path, 'request.json');
      return existsSync(request) && (JSON.parse(readFileSync(request, 'utf8')) as { input: { workload: string } }).input.workload === workload;
    });
  };
  /** Checkpoints that a resumed run can start from: the trainer marks them when they are whole. */
  const wholeCheckpoints = (workload: string): number => {
    const path = runDirOf(workload);
    return path === undefined ? 0 : readdirSync(path).filter((name) => name.startsWith('checkpoint-') && existsSync(join(path, name, 'complete.json'))).length;
  };

  it('tells from a failure the adapter that learned from it', async () => {
    const store = await context.store();
    const rows = await store.failures({ workload: 'echo', limit: 200 });
    const reached = new Set<string>();
    for (const row of rows) for (const node of nodesOf(await traceDown({ kind: 'failure', id: row.id }, (id) => store.linksFrom(id)))) reached.add(`${node.kind} ${node.id}`);
    expect(reached).toContain(`dataset ${promoted.datasetDigest}`);
    expect(reached).toContain(`run ${promoted.runId}`);
    expect(reached).toContain(`adapter ${promoted.adapterDigest}`);
    expect(reached).toContain(`verdict ${promoted.verdictDigest}`);
    expect(reached).toContain('channel_entry echo/production@1');
  });

  it('hangs the Python spans under the TypeScript ones, in one trace', async () => {
    await sleep(1500);
    const lines = readFileSync(homePaths(context.config.home).traces, 'utf8').split('\n').filter(Boolean);
    const spans = lines.map((line) => JSON.parse(line) as { traceId: string; spanId: string; parentSpanId: string | null; name: string; service: string });
    const byId = new Map(spans.map((span) => [span.spanId, span]));
    const python = spans.filter((span) => /trainAdapter/.test(span.name) && span.service.includes('gpu'));
    expect(python.length).toBeGreaterThan(0);
    for (const span of python) {
      const parent = byId.get(span.parentSpanId ?? '');
      expect(parent?.traceId).toBe(span.traceId);
      expect(parent?.service).not.toBe(span.service);
    }
    const names = new Set(spans.filter((span) => span.traceId === python.at(-1)?.traceId).map((span) => span.name));
    expect([...names].some((name) => /promot/i.test(name))).toBe(true);
  });

  it('loads the live adapter again after vLLM was restarted, and never answers as the base model meanwhile', async () => {
    const task = tasks[1] as EchoTicket;
    const answers: (string | null)[] = [];
    const refusals: number[] = [];
    let running = true;
    const traffic = (async () => {
      for (let index = 0; running; index += 1) {
        await ask(task, `restart-${index}`).then(
          (answer) => answers.push(answer.adapter),
          (error: unknown) => refusals.push(error instanceof OpenAI.APIError ? Number(error.status ?? 0) : -1),
        );
        await sleep(200);
      }
    })();
    await loop.restartVllm();
    for (let tries = 0; tries < 300 && answers.at(-1) === undefined; tries += 1) await sleep(100);
    let back = false;
    for (let tries = 0; tries < 600 && !back; tries += 1) {
      back = await ask(task, `back-${tries}`).then((answer) => answer.adapter === promoted.adapterDigest, () => false);
      if (!back) await sleep(100);
    }
    running = false;
    await traffic;
    expect(back).toBe(true);
    expect(new Set(answers)).toEqual(new Set([promoted.adapterDigest]));
    expect(refusals.filter((status) => status !== 503 && status !== 502)).toEqual([]);
  });

  it('goes back to the base model by a rollback', async () => {
    const { rollBack } = await import('../../cli/rollback.ts');
    const done = await rollBack(context, { channel: 'echo/production', reason: 'a test' });
    expect(done).toMatchObject({ generation: 2, live: null, rolledBack: promoted.adapterDigest });
    await sleep(100);
    expect(await ask(tasks[0] as EchoTicket, 'after-rollback')).toMatchObject({ adapter: 'base', generation: '2' });
  });
});

it('keeps seeded secrets out of logs, traces, stores and histories', async () => {
  const client = await context.temporal();
  const texts: string[] = [];
  for await (const execution of client.workflow.list()) {
    const history: unknown = await client.workflow.getHandle(execution.workflowId, execution.runId).fetchHistory();
    texts.push(Buffer.from(JSON.stringify(history, (_key, value: unknown) => (value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : value))).toString('utf8'));
  }
  expect(texts.length).toBeGreaterThan(2);
  for (const name of readdirSync(dir, { recursive: true, encoding: 'utf8', withFileTypes: true })) {
    // Kafka is where the raw record belongs; everything else must be clean.
    if (!name.isFile() || name.parentPath.includes(join(dir, 'kafka'))) continue;
    texts.push(readFileSync(join(name.parentPath, name.name)).toString('latin1'));
  }
  const store = await context.store();
  const { interactions } = await store.digestsUpTo('tickets', await store.watermark('tickets'));
  texts.push(JSON.stringify(await store.interactions(interactions)));
  for (const secret of SECRETS) expect(texts.filter((text) => text.includes(secret))).toEqual([]);
});
