// The small HTTP server of every worker: /healthz for whoever restarts it, /metrics for Prometheus.
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { RatchetError, safeMessage } from '../core/errors.ts';

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
  const server = createServer((request, response) => {
    void answer(request.url ?? '/', response, registry, check).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(new RatchetError('CONFIG_INVALID', `METRICS_HOST, METRICS_PORT: cannot listen on ${host}:${port} (${error.code})`)));
    server.listen(port, host, resolve);
  });
  const { port: bound } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
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
