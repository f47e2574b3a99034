// Starts the whole loop on this machine: the real servers, then Ratchet's own processes, with one environment for all.
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { ensureSearchAttributes, ensureTopics } from '../setup.ts';
import { parseConfig } from '../../workers/config.ts';
import { startServers } from './index.ts';
import type { KafkaServer } from './kafka.ts';
import { cacheDir, pythonBin, repositoryRoot } from './paths.ts';
import { freePorts } from './ports.ts';
import { startProcess, untilReady, type RunningProcess } from './process.ts';
import type { TemporalServer } from './temporal.ts';
import { startVllm, type VllmServer } from './vllm.ts';

export type WorkerName = 'gateway' | 'ingest' | 'pipeline' | 'gpu';

export interface Loop {
  /** The settings every process runs with; the CLI works with the same. */
  env: Record<string, string>;
  gatewayUrl: string;
  temporal: TemporalServer;
  kafka: KafkaServer;
  vllm: VllmServer;
  workers: Map<WorkerName, RunningProcess>;
  /** Starts a worker (again), e.g. after a test has killed it. */
  startWorker(name: WorkerName, extraEnv?: Record<string, string>): Promise<RunningProcess>;
  restartVllm(): Promise<VllmServer>;
  /** Root of every process tree, for memory figures. */
  pids: () => number[];
  stop(): Promise<void>;
}

export interface LoopOptions {
  /** Everything that the loop keeps: databases, logs, blobs. */
  dir: string;
  workloadFiles: string[];
  note: (line: string) => void;
  workers?: readonly WorkerName[];
  env?: Record<string, string>;
  vllmPlugin?: boolean;
  signal?: AbortSignal;
}

const ALL_WORKERS: readonly WorkerName[] = ['gateway', 'ingest', 'pipeline', 'gpu'];

const USUAL = { temporal: '3 s', kafka: '5 s', vllm: '60 s' } as const;

export async function startLoop(options: LoopOptions): Promise<Loop> {
  const { dir, note, vllmPlugin: plugin = true } = options;
  const started: { stop(): Promise<void> }[] = [];
  const stop = async (): Promise<void> => {
    // Workers before servers: they finish what they do against servers that still answer.
    for (const part of started.splice(0).reverse()) await part.stop();
  };
  try {
    const { temporal, kafka, vllm } = await startServers({
      dir,
      vllm: { plugin },
      onProgress: ({ server, state, elapsedMs }) => note(`  ${server}: ${state === 'ready' ? `up after ${(elapsedMs / 1000).toFixed(1)} s` : elapsedMs < 1000 ? `starting (usually ${USUAL[server]})` : `${(elapsedMs / 1000).toFixed(0)} s so far (usually ${USUAL[server]})`}`),
      ...(options.signal ? { signal: options.signal } : {}),
    });
    for (const server of [temporal, kafka, vllm]) if (server) started.push(server);
    if (!vllm) throw new Error('vLLM was asked for');

    const [gatewayPort = 0, ...metricsPorts] = await freePorts(1 + ALL_WORKERS.length);
    const env: Record<string, string> = {
      RATCHET_HOME: join(dir, 'home'),
      RATCHET_MODELS: join(cacheDir, 'models'),
      RATCHET_WORKLOADS: options.workloadFiles.join(','),
      TEMPORAL_ADDRESS: temporal.address,
      KAFKA_BROKERS: kafka.brokers.join(','),
      VLLM_REPLICAS: vllm.url,
      GATEWAY_PORT: String(gatewayPort),
      // One build runs here, whatever the shell says: nobody would make it the current one.
      TEMPORAL_WORKER_BUILD_ID: '',
      LOG_LEVEL: 'info',
      ...options.env,
    };
    const config = parseConfig({ ...process.env, ...env });
    await ensureTopics(config.kafka);
    const connection = await Connection.connect({ address: temporal.address });
    await ensureSearchAttributes(connection, config.temporal.namespace);
    await connection.close();

    const workers = new Map<WorkerName, RunningProcess>();
    const startWorker: Loop['startWorker'] = async (name, extraEnv = {}) => {
      const metricsPort = metricsPorts[ALL_WORKERS.indexOf(name)] ?? 0;
      const [command, args] = name === 'gpu' ? [pythonBin, ['-m', 'ratchet_gpu.worker']] : [process.execPath, [join(repositoryRoot, 'workers', `${name}.ts`)]];
      const worker = await startProcess({ name, command, args, env: { ...env, METRICS_PORT: String(metricsPort), ...extraEnv }, logDir: join(dir, 'logs'), graceMs: 15_000 });
      await untilReady(worker, async () => (await fetch(`http://127.0.0.1:${metricsPort}/healthz`, { signal: AbortSignal.timeout(2000) })).ok, { timeoutMs: 120_000 });
      workers.set(name, worker);
      return worker;
    };
    const names = options.workers ?? ALL_WORKERS;
    started.push({ stop: async () => void (await Promise.all([...workers.values()].map((worker) => worker.stop()))) });
    note(`  ${names.join(', ')}: starting (usually 10 s)`);
    for (const name of names) {
      options.signal?.throwIfAborted();
      await startWorker(name);
      note(`  ${name}: up`);
    }

    const loop: Loop = {
      env,
      gatewayUrl: `http://127.0.0.1:${gatewayPort}`,
      temporal,
      kafka,
      vllm,
      workers,
      startWorker,
      restartVllm: async () => {
        await loop.vllm.stop();
        loop.vllm = await startVllm({ dir: join(dir, 'vllm'), port: vllm.port, plugin });
        started.unshift(loop.vllm);
        return loop.vllm;
      },
      pids: () => [temporal.supervisorPid, kafka.process?.supervisorPid ?? 0, loop.vllm.supervisorPid, ...[...workers.values()].map((worker) => worker.supervisorPid)].filter((pid) => pid > 0),
      stop,
    };
    return loop;
  } catch (error) {
    await stop();
    throw error;
  }
}
