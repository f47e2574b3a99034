// How long each step of the pipeline takes and how it ends, for Prometheus.
import { Histogram, Registry, collectDefaultMetrics } from 'prom-client';

const BUCKETS_SECONDS = [0.1, 1, 10, 60, 600, 3600];

export function stepMetrics(): { registry: Registry; observe: (step: string, seconds: number, result: string) => void } {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const help = 'Duration of steps; result is ok, cancelled or an error code';
  const steps = new Histogram({ name: 'ratchet_step_seconds', help, labelNames: ['step', 'result'], buckets: BUCKETS_SECONDS, registers: [registry] });
  return { registry, observe: (step, seconds, result) => steps.observe({ step, result }, seconds) };
}
