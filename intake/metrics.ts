// What intake counts, for /metrics.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export function ingestMetrics(registry: Registry) {
  const registers = [registry];
  return {
    records: new Counter({ name: 'ratchet_ingest_records_total', help: 'Records read, by what became of them', labelNames: ['topic', 'result'], registers }),
    failures: new Counter({ name: 'ratchet_ingest_failures_total', help: 'Failures found, by workload and class; a record that comes twice counts twice', labelNames: ['workload', 'class'], registers }),
    deadLetters: new Counter({ name: 'ratchet_ingest_dead_letters_total', help: 'Records that could not be read, by reason; a record that comes twice counts twice', labelNames: ['reason'], registers }),
    redacted: new Counter({ name: 'ratchet_ingest_redacted_values_total', help: 'Values replaced by surrogates', labelNames: ['workload'], registers }),
    changedVerdicts: new Counter({ name: 'ratchet_ingest_changed_verdicts_total', help: 'Interactions kept out of training because redaction would change their verdict', labelNames: ['workload'], registers }),
    batchSeconds: new Histogram({ name: 'ratchet_ingest_batch_seconds', help: 'Time to judge and keep one batch', buckets: [0.01, 0.03, 0.1, 0.3, 1, 3, 10], registers }),
    behind: new Gauge({ name: 'ratchet_ingest_behind_records', help: 'Records of a partition not read yet', labelNames: ['topic', 'partition'], registers }),
  };
}

export type IngestMetrics = ReturnType<typeof ingestMetrics>;
