// Asks the gateway whether requests are still in flight on an adapter, before it is taken off the replicas.
import type { Digest } from '../core/contracts/index.ts';
import type { Config } from './config.ts';

const TIMEOUT_MS = 2_000;

/** A gateway that nobody listens for has nothing in flight; one that does not answer may have. */
export function drainedByGateway({ gateway, adminToken }: Pick<Config, 'gateway' | 'adminToken'>): (adapter: Digest) => Promise<boolean> {
  const url = `http://${gateway.host}:${gateway.port}/internal/generation`;
  const headers: Record<string, string> = adminToken === undefined ? {} : { authorization: `Bearer ${adminToken}` };
  return async (adapter) => {
    try {
      const response = await fetch(url, { headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
      const { inFlight = {} } = response.ok ? ((await response.json()) as { inFlight?: Record<string, number> }) : { inFlight: { [adapter]: 1 } };
      return (inFlight[adapter] ?? 0) === 0;
    } catch (error) {
      return (error as { cause?: { code?: string } }).cause?.code === 'ECONNREFUSED';
    }
  };
}
