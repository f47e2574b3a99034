// A gateway in this process before stub engines that say so, with everything that it publishes and logs at hand.
import { expect } from 'vitest';
import type { Digest, InteractionEvent } from '../../core/contracts/index.ts';
import { startGateway, type Gateway, type GatewayDeps } from '../../gateway/gateway.ts';
import { createMetrics } from '../../gateway/metrics.ts';
import { createVllmTarget } from '../../stores/vllm.ts';
import { STUB_BASE, captureLog, channelSlot, startStubEngine, type StubEngine } from './stub-engine.ts';
import { until } from './until.ts';

export const CHANNEL = 'tickets/production';

export interface GatewayWorld {
  gateway: Gateway;
  engines: StubEngine[];
  slot: ReturnType<typeof channelSlot>;
  events: InteractionEvent[];
  log: ReturnType<typeof captureLog>;
  post: (path: string, json: unknown, headers?: Record<string, string>, signal?: AbortSignal) => Promise<Response>;
  /** Waits until so many events were published. */
  published: (count?: number) => Promise<void>;
  metrics: () => Promise<string>;
  close: () => Promise<void>;
}

export async function gatewayWorld(more: Partial<GatewayDeps> & { engines?: number } = {}): Promise<GatewayWorld> {
  const { engines: count = 1, ...deps } = more;
  const engines = await Promise.all(Array.from({ length: count }, () => startStubEngine()));
  const slot = channelSlot(CHANNEL);
  const events: InteractionEvent[] = [];
  const log = captureLog();
  const metrics = createMetrics();
  const target = createVllmTarget({ replicas: engines.map(({ url }) => url), apiKey: undefined, baseModel: STUB_BASE, maxLoraRank: 16, materialize: async (adapter: Digest) => `/adapters/${adapter.slice(7)}` });
  const gateway = await startGateway({
    ...{ store: slot, target, metrics, logger: log.logger, subjectKey: 'k', pollMs: 40 },
    workloads: new Map([[CHANNEL, { workload: { name: 'tickets', channel: CHANNEL } }]]),
    publish: (event) => void events.push(event),
    ...deps,
  });
  await until(() => expect(gateway.replicas().every(({ healthy }) => healthy)).toBe(true));
  return {
    ...{ gateway, engines, slot, events, log },
    post: (path, json, headers = {}, signal) =>
      fetch(`${gateway.url}${path}`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: typeof json === 'string' ? json : JSON.stringify(json), ...(signal ? { signal } : {}) }),
    published: (wanted = 1) => until(() => expect(events).toHaveLength(wanted)),
    metrics: () => metrics.registry.metrics(),
    close: async () => {
      await gateway.close(500);
      await Promise.all(engines.map((engine) => engine.close()));
    },
  };
}

export const errorOf = async (response: Response) => ((await response.json()) as { error: { message: string; type: string; code: string; param: string | null } }).error;
