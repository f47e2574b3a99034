// Starts the real servers of a development machine side by side, and stops them together.
import { join } from 'node:path';
import { startKafka, type KafkaServer } from './kafka.ts';
import { startTemporal, type TemporalOptions, type TemporalServer } from './temporal.ts';
import { startVllm, type VllmOptions, type VllmServer } from './vllm.ts';

export { startKafka, type KafkaServer } from './kafka.ts';
export { freePorts } from './ports.ts';
export { startProcess, untilReady, type RunningProcess } from './process.ts';
export { pssBytes } from './pss.ts';
export { startTemporal, type TemporalServer } from './temporal.ts';
export { startVllm, type VllmServer } from './vllm.ts';

export type ServersProgress = { server: 'temporal' | 'kafka' | 'vllm'; state: 'starting' | 'ready'; elapsedMs: number };

export type ServersOptions = {
  /** One folder below it per server: data, ports and logs. */
  dir: string;
  temporal?: Omit<TemporalOptions, 'dir' | 'onWait' | 'signal'>;
  /** false (default): no vLLM, which takes most of a minute and 4 GB. */
  vllm?: boolean | Omit<VllmOptions, 'dir' | 'onWait' | 'signal'>;
  onProgress?: (progress: ServersProgress) => void;
  /** Aborted: whatever was started is stopped, and the promise rejects. */
  signal?: AbortSignal;
};

export type Servers = { temporal: TemporalServer; kafka: KafkaServer; vllm: VllmServer | undefined };

/** Starts Temporal, Kafka and, when asked, vLLM at the same time. When one cannot start, the others are stopped too. */
export async function startServers(options: ServersOptions): Promise<Servers> {
  const failed = new AbortController();
  const signal = AbortSignal.any([failed.signal, ...(options.signal === undefined ? [] : [options.signal])]);
  const start = async <T>(server: ServersProgress['server'], run: (shared: Shared) => Promise<T>): Promise<T> => {
    const startedAt = performance.now();
    const report = (state: ServersProgress['state']) => options.onProgress?.({ server, state, elapsedMs: performance.now() - startedAt });
    report('starting');
    try {
      const running = await run({ dir: join(options.dir, server), signal, onWait: () => report('starting') });
      report('ready');
      return running;
    } catch (error) {
      failed.abort();
      throw error;
    }
  };
  const vllmOptions = typeof options.vllm === 'object' ? options.vllm : {};
  const starts = [
    start('temporal', (shared) => startTemporal({ ...options.temporal, ...shared })),
    start('kafka', startKafka),
    options.vllm === undefined || options.vllm === false ? Promise.resolve(undefined) : start('vllm', (shared) => startVllm({ ...vllmOptions, ...shared })),
  ] as const;
  try {
    const [temporal, kafka, vllm] = await Promise.all(starts);
    return { temporal, kafka, vllm };
  } catch (error) {
    const settled = await Promise.allSettled(starts);
    await Promise.all(settled.map(async (result) => (result.status === 'fulfilled' ? result.value?.stop() : undefined)));
    throw error;
  }
}

type Shared = { dir: string; signal: AbortSignal; onWait: () => void };

/** Stops all of them; resolves when no process of theirs is left. */
export async function stopAll(servers: Servers): Promise<void> {
  await Promise.all([servers.vllm?.stop(), servers.kafka.stop(), servers.temporal.stop()]);
}
