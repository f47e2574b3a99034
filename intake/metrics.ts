// What intake counts, for /metrics. Rates are Prometheus' `rate()` over the counters.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export function ingestMetrics(registry: Registry) {
  const registers = [registry];
  return {
    records: new Counter({ name: 'ratchet_ingest_records_total', help: 'Records read, by what became of them', labelNames: ['topic', 'result'], registers }),
    bytes: new Counter({ name: 'ratchet_ingest_bytes_total', help: 'Bytes of the records read', labelNames: ['topic'], registers }),
    failures: new Counter({ name: 'ratchet_ingest_failures_total', help: 'Failures found, by workload and class; a record that comes twice counts twice', labelNames: ['workload', 'class'], registers }),
    deadLetters: new Counter({ name: 'ratchet_ingest_dead_letters_total', help: 'Records that could not be read, by reason; a record that comes twice counts twice', labelNames: ['reason'], registers }),
    redacted: new Counter({ name: 'ratchet_ingest_redacted_values_total', help: 'Values replaced by surrogates', labelNames: ['workload'], registers }),
    changedVerdicts: new Counter({ name: 'ratchet_ingest_changed_verdicts_total', help: 'Interactions kept out of training because redaction would change their verdict', labelNames: ['workload'], registers }),
    batchSeconds: new Histogram({ name: 'ratchet_ingest_batch_seconds', help: 'Time to judge and keep one batch', buckets: [0.01, 0.03, 0.1, 0.3, 1, 3, 10], registers }),
    storeSeconds: new Histogram({ name: 'ratchet_ingest_store_seconds', help: 'Time to keep one batch, waiting for other writers included', buckets: [0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10], registers }),
    batchRecords: new Histogram({ name: 'ratchet_ingest_batch_records', help: 'Records of one batch', buckets: [1, 10, 30, 100, 300, 1000, 2000], registers }),
    inFlightBytes: new Gauge({ name: 'ratchet_ingest_in_flight_bytes', help: 'Bytes of the records that are being judged and kept now', registers }),
    lag: new Gauge({ name: 'ratchet_ingest_lag_records', help: 'Records of a partition of this process that its group has not committed', labelNames: ['topic', 'partition'], registers }),
    paused: new Gauge({ name: 'ratchet_ingest_paused', help: '1 while nothing is read because the store cannot keep it', registers }),
  };
}

export type IngestMetrics = ReturnType<typeof ingestMetrics>;
