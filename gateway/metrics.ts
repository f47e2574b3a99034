// The gateway's Prometheus metrics: counts, times and states, never who asked or what.
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

export function createMetrics(registry: Registry = new Registry()) {
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const requests = new Counter({ name: 'ratchet_gateway_requests_total', help: 'Requests by channel and HTTP status (499: the client went away)', labelNames: ['channel', 'status'], registers });
  const seconds = new Histogram({ name: 'ratchet_gateway_request_seconds', help: 'Time to the end of the answer', labelNames: ['channel'], buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120], registers });
  /** By channel and status: finding a metric's labels again costs more than counting. */
  const counted = new Map<string, { inc(): void; observe(seconds: number): void }>();
  return {
    registry,
    answered: (channel: string, status: string, tookSeconds: number): void => {
      const name = `${status} ${channel}`;
      let found = counted.get(name);
      if (found === undefined) {
        const [count, time] = [requests.labels(channel, status), seconds.labels(channel)];
        counted.set(name, (found = { inc: () => count.inc(), observe: (value) => time.observe(value) }));
      }
      found.inc();
      found.observe(tookSeconds);
    },
    retries: new Counter({ name: 'ratchet_gateway_retries_total', help: 'Requests asked of another replica because none had begun to answer', registers }),
    replicaReady: new Gauge({ name: 'ratchet_gateway_replica_ready', help: '1: healthy and serving every live adapter', labelNames: ['replica'], registers }),
    reloads: new Counter({ name: 'ratchet_gateway_adapter_reloads_total', help: 'Loads of a live adapter that a replica had lost', labelNames: ['result'], registers }),
    fleetAlarm: new Gauge({ name: 'ratchet_gateway_fleet_alarm', help: '1: something is wrong with the replica (docs/reference/serving.md)', labelNames: ['replica', 'reason'], registers }),
    isolationChecks: new Counter({ name: 'ratchet_gateway_isolation_checks_total', help: 'Isolation checks by result: passed, broken', labelNames: ['replica', 'result'], registers }),
    isolationTokens: new Counter({ name: 'ratchet_gateway_isolation_tokens_total', help: 'Tokens that isolation checks took of a replica', labelNames: ['replica'], registers }),
    published: new Counter({ name: 'ratchet_gateway_events_published_total', help: 'Interactions that Kafka has acknowledged', registers }),
    lost: new Counter({ name: 'ratchet_gateway_events_lost_total', help: 'Interactions that were never published', labelNames: ['reason'], registers }),
    queued: new Gauge({ name: 'ratchet_gateway_events_queued', help: 'Interactions that wait for Kafka in memory', registers }),
    spooled: new Gauge({ name: 'ratchet_gateway_spool_bytes', help: 'Interactions that wait for Kafka on disk', registers }),
  };
}

export type GatewayMetrics = ReturnType<typeof createMetrics>;
