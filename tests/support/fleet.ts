// A fleet of stub engines behind the gateway, with the real Temporal server, stores and pipeline worker, for tests that kill.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { Verdict, type Digest, type RunRecord } from '../../core/contracts/index.ts';
import { canonicalJson } from '../../core/digest.ts';
import { startGateway, type Gateway } from '../../gateway/gateway.ts';
import { createMetrics } from '../../gateway/metrics.ts';
import { repositoryRoot } from '../../infra/dev/paths.ts';
import { freePorts } from '../../infra/dev/ports.ts';
import { startProcess, untilReady, type RunningProcess } from '../../infra/dev/process.ts';
import { startTemporal, type TemporalServer } from '../../infra/dev/temporal.ts';
import { ensureSearchAttributes } from '../../infra/setup.ts';
import { createAdapterFiles } from '../../stores/adapters.ts';
import { openBlobStore } from '../../stores/blobs.ts';
import type { BlobStore, MetadataStore } from '../../stores/ports.ts';
import { openMetadataStore } from '../../stores/sqlite/index.ts';
import { createVllmTarget } from '../../stores/vllm.ts';
import { readWorkload, type LoadedWorkload } from '../../stores/workloads.ts';
import type { PromotionInput } from '../../workflows/promotion.ts';
import { homePaths } from '../../workers/config.ts';
import { putManifest } from './adapter.ts';
import { seed } from './pipeline-world.ts';
import { STUB_BASE, captureLog, startStubEngine, type StubEngine } from './stub-engine.ts';

export const GOLDEN_TIME = '2026-01-02T03:04:05.000Z';
const golden = JSON.parse(readFileSync(join(repositoryRoot, 'tests', 'contracts', 'golden', 'Verdict.json'), 'utf8')) as { valid: unknown[] };

/** One answer that came through the gateway. */
export interface Answer {
  status: number;
  adapter: string | null;
  generation: number;
  /** The model that the engine says it answered as. */
  content: string;
}

export interface Traffic {
  answers: Answer[];
  /** Ends it and returns every answer; throws when one came under another name than its own. */
  end(): Promise<Answer[]>;
}

/** A Temporal server that several fleets share. */
export async function startTemporalForFleets(): Promise<{ server: TemporalServer; dir: string; stop: () => Promise<void> }> {
  const dir = mkdtempSync(join(tmpdir(), 'ratchet-fleets-'));
  const server = await startTemporal({ dir, headless: true });
  const connection = await Connection.connect({ address: server.address });
  await ensureSearchAttributes(connection, 'default');
  await connection.close();
  return { server, dir, stop: async () => (await server.stop(), rmSync(dir, { recursive: true, force: true })) };
}

export class Fleet {
  readonly dir = mkdtempSync(join(tmpdir(), 'ratchet-fleet-'));
  readonly home = join(this.dir, 'home');
  readonly name: string;
  readonly channel: string;
  readonly address: string;
  engines: StubEngine[] = [];
  store!: MetadataStore;
  blobs!: BlobStore;
  loaded!: LoadedWorkload;
  gateway!: Gateway;
  client!: Client;
  readonly log = captureLog();
  readonly metrics = createMetrics();
  readonly #workers = new Set<RunningProcess>();
  readonly #runs = { count: 0 };
  readonly #ends: (() => void)[] = [];

  constructor(name: string, address: string) {
    this.name = name;
    this.channel = `${name}/production`;
    this.address = address;
  }

  /** Two replicas with the channel's history on them: the base, then each of these adapters. */
  async start(history: readonly string[] = ['first', 'second']): Promise<this> {
    this.engines = await Promise.all([startStubEngine(), startStubEngine()]);
    mkdirSync(join(this.dir, 'workloads'), { recursive: true });
    const file = this.workloadFile;
    writeFileSync(file, [`apiVersion: ratchet.dev/v1`, `name: ${this.name}`, `channel: ${this.channel}`, `baseModel: ${STUB_BASE}`, 'keepLoaded: 1'].join('\n'));
    this.loaded = await readWorkload(file);
    const paths = homePaths(this.home);
    [this.store, this.blobs] = await Promise.all([openMetadataStore(paths.database), openBlobStore(paths.blobs)]);
    await this.store.ensureChannel(this.channel, GOLDEN_TIME);
    await seed(this.store, this.loaded, { corrected: 0, cases: 1 });
    const target = this.target();
    for (const [generation, name] of history.entries()) {
      const live = await this.adapter(name);
      await target.load(live);
      await this.store.swapChannel({ channel: this.channel, expectedGeneration: generation, live, action: 'promoted', by: 'gate', reason: name, verdictDigest: null, approvalDigest: null, time: GOLDEN_TIME });
    }
    this.gateway = await this.startGateway();
    if (this.address !== '') this.client = new Client({ connection: await Connection.connect({ address: this.address }) });
    return this;
  }

  get workloadFile(): string {
    return join(this.dir, 'workloads', `${this.name}.yaml`);
  }

  get urls(): string[] {
    return this.engines.map(({ url }) => url);
  }

  target() {
    return createVllmTarget({ replicas: this.urls, apiKey: undefined, baseModel: STUB_BASE, maxLoraRank: 16, materialize: createAdapterFiles({ blobs: this.blobs, dir: homePaths(this.home).adapters }).materialize });
  }

  startGateway(): Promise<Gateway> {
    return startGateway({
      store: this.store, marks: this.store, target: this.target(), logger: this.log.logger, metrics: this.metrics, subjectKey: 'k', pollMs: 100, publish: () => undefined,
      workloads: new Map([[this.channel, { workload: { name: this.name, channel: this.channel } }]]),
    });
  }

  /** The adapter of that name: the same one however often it is asked for. */
  async adapter(name: string): Promise<Digest> {
    const file = async (text: string): Promise<Digest> => this.blobs.put(Buffer.from(text));
    const digest = await putManifest(this.blobs, { 'adapter_config.json': await file('{}'), 'adapter_model.safetensors': await file(`weights of ${this.name} ${name}`) });
    await this.store.putDocument('adapter', JSON.parse(Buffer.from(await this.blobs.get(digest)).toString('utf8')));
    return digest;
  }

  /** What processes of this fleet are started with. */
  get env(): Record<string, string> {
    return {
      RATCHET_HOME: this.home, RATCHET_WORKLOADS: this.workloadFile, TEMPORAL_ADDRESS: this.address || '127.0.0.1:9', TEMPORAL_TASK_QUEUE: `fleet-${this.name}`,
      VLLM_REPLICAS: this.urls.join(','), GATEWAY_URLS: this.gateway.url, VLLM_REPLICA_WAIT_SECONDS: '60', KAFKA_BROKERS: '127.0.0.1:9', RATCHET_ACTOR: 'dana', LOG_LEVEL: 'info',
    };
  }

  /** The real worker's process. @param fault where it ends itself by SIGKILL (workers/faults.ts) */
  async startWorker(fault?: string, env: Record<string, string> = {}): Promise<RunningProcess & { metrics: () => Promise<string>; log: () => string }> {
    const [port = 0] = await freePorts(1);
    const worker = await startProcess({
      name: `pipeline-${this.#workers.size}`, command: process.execPath, args: [join(repositoryRoot, 'workers', 'pipeline.ts')], logDir: this.dir,
      env: { ...this.env, METRICS_PORT: String(port), RATCHET_FAULT: fault ?? '', ...env },
    });
    this.#workers.add(worker);
    const get = (path: string) => fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(5_000) });
    // One with a fault may be gone before it was seen to be ready.
    if (fault === undefined) await untilReady(worker, async () => (await get('/healthz')).ok, { timeoutMs: 60_000 });
    return { ...worker, metrics: async () => (await get('/metrics')).text(), log: () => readFileSync(worker.logFile, 'utf8') };
  }

  /** The command line with this fleet's settings, while the fleet goes on. */
  ratchet(...args: string[]): Promise<{ status: number | null; stdout: string; stderr: string }> {
    return ratchet(this.env, ...args);
  }

  /** A promotion as a night starts it, with the verdict that proves it. */
  async startPromotion(candidateDigest: Digest, expectedGeneration: number) {
    const runId = `nightly/${this.name}-${(this.#runs.count += 1)}`;
    const current = (await this.store.channelHistory(this.channel)).find(({ generation }) => generation === expectedGeneration)?.live ?? null;
    const verdict = Verdict.parse({ ...(golden.valid[0] as object), runId, workload: this.name, channel: this.channel, candidateDigest, currentDigest: current, currentGeneration: expectedGeneration });
    const verdictDigest = await this.store.putDocument('verdict', verdict);
    const record: RunRecord = {
      ...{ schemaVersion: 1, runId, temporalRunId: 'r', workload: this.name, requestId: null, status: 'running', step: 'judge', reason: null, workloadDigest: this.loaded.digest },
      ...{ manifestDigest: null, datasetDigest: null, adapterDigest: candidateDigest, verdictDigest, decision: 'promote', reportDigest: null, startedAt: GOLDEN_TIME, endedAt: null },
    };
    await this.store.saveRun(record);
    const settingsDigest = await this.blobs.put(Buffer.from(canonicalJson({ workload: this.loaded.workload, workloadDigest: this.loaded.digest, outputSchema: null })));
    const input: PromotionInput = {
      ...{ schemaVersion: 1, run: { schemaVersion: 1, runId, workload: this.name, settingsDigest }, channel: this.channel, candidateDigest, verdictDigest, expectedGeneration },
      approval: { mode: 'automatic', expiresAfterHours: 1 },
    };
    return this.client.workflow.start('promotion', { workflowId: `promotion/${runId}`, taskQueue: `fleet-${this.name}`, args: [input] });
  }

  /** Asks the gateway without end, a few requests at a time. */
  traffic(clients = 3): Traffic {
    const answers: Answer[] = [];
    let going = true;
    this.#ends.push(() => (going = false));
    const ask = async (): Promise<void> => {
      const response = await fetch(`${this.gateway.url}/v1/chat/completions`, { method: 'POST', body: JSON.stringify({ model: this.channel, messages: [{ role: 'user', content: 'x' }] }) });
      const body = (await response.json()) as { choices?: { message: { content: string } }[] };
      const content = body.choices?.[0]?.message.content.replace('stub answer ü of ', '') ?? '';
      answers.push({ status: response.status, adapter: response.headers.get('x-ratchet-adapter'), generation: Number(response.headers.get('x-ratchet-generation')), content });
    };
    const loops = Array.from({ length: clients }, async () => {
      while (going) {
        // A connection that breaks is a request lost.
        await ask().catch(() => answers.push({ status: 0, adapter: null, generation: -1, content: '' }));
        await sleep(15);
      }
    });
    return {
      answers,
      end: async () => {
        going = false;
        await Promise.all(loops);
        for (const { status, adapter, content } of answers) {
          const own = adapter === 'base' ? STUB_BASE : adapter;
          if (status === 200 && content !== own) throw new Error(`an answer of ${content} went out under the name of ${adapter}`);
        }
        return answers;
      },
    };
  }

  async until(what: string, condition: () => Promise<boolean> | boolean, timeoutMs = 60_000): Promise<void> {
    const end = Date.now() + timeoutMs;
    while (!(await condition())) {
      if (Date.now() > end) throw new Error(`${this.name}: ${what}: not within ${timeoutMs / 1000} s`);
      await sleep(50);
    }
  }

  live = async (): Promise<{ generation: number; live: Digest | null }> => {
    const entry = await this.store.channel(this.channel);
    return { generation: entry?.generation ?? -1, live: entry?.live ?? null };
  };

  async stop(): Promise<void> {
    for (const end of this.#ends) end();
    await Promise.all([...this.#workers].map((worker) => worker.stop()));
    await this.gateway?.close(1_000);
    await Promise.all(this.engines.map((engine) => engine.close()));
    await this.client?.connection.close();
    await this.store?.close();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

export function ratchet(env: Record<string, string>, ...args: string[]): Promise<{ status: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [join(repositoryRoot, 'cli', 'main.ts'), ...args], { env: { ...process.env, ...env } });
  const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  return new Promise((resolve) => child.once('close', (status) => resolve({ status, stdout: Buffer.concat(stdout).toString('utf8'), stderr: Buffer.concat(stderr).toString('utf8') })));
}
