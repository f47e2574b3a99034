// Asks every gateway whether requests may still be in flight on an adapter, before it is taken off the replicas.
import type { Digest } from '../core/contracts/index.ts';
import type { Config } from './config.ts';

const TIMEOUT_MS = 2_000;

/** What /internal/generation says. */
interface Report {
  channels?: { channel: string; generation: number; live: Digest | null; holdback?: { digest: Digest | null } | null }[];
  inFlight?: Record<string, number>;
}

/** @returns asks all gateways and says why the adapter has to stay, or null: each one answered, sends it nothing new and has nothing in flight on it */
export function askGateways({ gatewayUrls, adminToken }: Pick<Config, 'gatewayUrls' | 'adminToken'>): (adapter: Digest) => Promise<string | null> {
  const headers: Record<string, string> = adminToken === undefined ? {} : { authorization: `Bearer ${adminToken}` };

  async function ask(gateway: string, adapter: Digest): Promise<string | null> {
    let report: Report;
    try {
      const response = await fetch(`${gateway}/internal/generation`, { headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
      if (!response.ok) return `gateway ${gateway} answers ${response.status}`;
      report = (await response.json()) as Report;
    } catch {
      return `gateway ${gateway} does not answer`;
    }
    const using = report.channels?.find(({ live, holdback }) => live === adapter || holdback?.digest === adapter);
    if (using) return `gateway ${gateway} still sends it requests of ${using.channel}, generation ${using.generation}`;
    const inFlight = report.inFlight?.[adapter] ?? 0;
    return inFlight === 0 ? null : `gateway ${gateway} has ${inFlight} request(s) in flight on it`;
  }

  return async (adapter) => (await Promise.all(gatewayUrls.map((gateway) => ask(gateway, adapter)))).find((reason) => reason !== null) ?? null;
}
