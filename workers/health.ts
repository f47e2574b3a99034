// The small HTTP server of every worker: /healthz for whoever restarts it, /metrics for Prometheus.
import type { ServerResponse } from 'node:http';
import type { Registry } from 'prom-client';
import { safeMessage } from '../core/errors.ts';
import { openHttpServer } from '../stores/http-server.ts';

export interface HealthOptions {
  host: string;
  /** 0 takes a free one. */
  port: number;
  registry: Registry;
  /** Resolves when the worker can do its work; what it rejects with is shown. */
  check: () => Promise<void>;
}

export interface Health {
  url: string;
  close(): Promise<void>;
}

export async function startHealth({ host, port, registry, check }: HealthOptions): Promise<Health> {
  // It says nothing of records and takes no secret, so it is plain wherever it binds.
  return openHttpServer({ host, port, setting: 'METRICS', tls: { mayBePlain: true }, onRequest: (request, response) => void answer(request.url ?? '/', response, registry, check).catch(() => response.destroy()) });
}

async function answer(url: string, response: ServerResponse, registry: Registry, check: () => Promise<void>): Promise<void> {
  const path = url.split('?', 1)[0];
  if (path === '/metrics') {
    response.writeHead(200, { 'content-type': registry.contentType }).end(await registry.metrics());
  } else if (path === '/healthz') {
    const problem = await check().then(() => undefined, safeMessage);
    response.writeHead(problem === undefined ? 200 : 503, { 'content-type': 'application/json' }).end(JSON.stringify(problem === undefined ? { ok: true } : { ok: false, problem }));
  } else {
    response.writeHead(404, { 'content-type': 'application/json' }).end(JSON.stringify({ ok: false, problem: 'only /healthz and /metrics are here' }));
  }
}
