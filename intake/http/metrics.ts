// The door's Prometheus metrics: counts and times, never who sent or what.
import { Counter, Histogram, type Registry } from 'prom-client';

export function doorMetrics(registry: Registry) {
  const registers = [registry];
  return {
    requests: new Counter({ name: 'ratchet_door_requests_total', help: 'Requests by path and HTTP status', labelNames: ['path', 'status'], registers }),
    records: new Counter({ name: 'ratchet_door_records_total', help: 'Records by kind and result: accepted, or the code of the refusal', labelNames: ['kind', 'result'], registers }),
    seconds: new Histogram({ name: 'ratchet_door_request_seconds', help: 'Time until a record is durably in Kafka, or refused', labelNames: ['path'], buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30], registers }),
  };
}

export type DoorMetrics = ReturnType<typeof doorMetrics>;
