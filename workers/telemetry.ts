// Traces of every process: OTLP when an endpoint is set, otherwise one JSON line per span in a file.
import { appendFileSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { SpanStatusCode } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { NodeSDK, resources, tracing } from '@opentelemetry/sdk-node';
import { RatchetError } from '../core/errors.ts';
import { homePaths, type Config } from './config.ts';

type ReadableSpan = tracing.ReadableSpan;

/** What both languages write to traces.jsonl (gpu-worker/ratchet_gpu/tracing.py writes the same fields). */
function spanLine(span: ReadableSpan, service: string): string {
  const nano = ([seconds, nanos]: readonly [number, number]): string => `${seconds}${String(nanos).padStart(9, '0')}`;
  const context = span.spanContext();
  return JSON.stringify({
    traceId: context.traceId,
    spanId: context.spanId,
    parentSpanId: span.parentSpanContext?.spanId ?? null,
    name: span.name,
    service,
    startTimeUnixNano: nano(span.startTime),
    endTimeUnixNano: nano(span.endTime),
    attributes: span.attributes,
    status: span.status.code === SpanStatusCode.ERROR ? 'ERROR' : span.status.code === SpanStatusCode.OK ? 'OK' : 'UNSET',
    links: span.links.map((link) => ({ traceId: link.context.traceId, spanId: link.context.spanId })),
  });
}

/** Appends whole lines: several processes may share the file. */
class FileSpanExporter implements tracing.SpanExporter {
  readonly #path: string;
  readonly #service: string;
  constructor(path: string, service: string) {
    this.#path = path;
    this.#service = service;
    try {
      mkdirSync(dirname(path), { recursive: true });
    } catch (error) {
      throw new RatchetError('CONFIG_INVALID', `RATCHET_HOME: the folder ${dirname(path)} cannot be made`, { cause: error });
    }
  }
  export(spans: ReadableSpan[], done: (result: { code: number; error?: Error }) => void): void {
    try {
      appendFileSync(this.#path, spans.map((span) => `${spanLine(span, this.#service)}\n`).join(''));
      done({ code: 0 });
    } catch (error) {
      done({ code: 1, error: error instanceof Error ? error : new Error('trace file') });
    }
  }
  async shutdown(): Promise<void> {}
}

export interface Telemetry {
  resource: resources.Resource;
  spanProcessor: tracing.SpanProcessor;
  shutdown(): Promise<void>;
}

/** Sets the process's tracer provider. Spans name places and counts, never prompts or answers. */
export function startTelemetry(config: Config, serviceName: string): Telemetry {
  const exporter = config.otlpEndpoint === undefined ? new FileSpanExporter(homePaths(config.home).traces, serviceName) : new OTLPTraceExporter();
  const resource = resources.resourceFromAttributes({ 'service.name': serviceName });
  const spanProcessor = new tracing.BatchSpanProcessor(exporter, { scheduledDelayMillis: 500 });
  const sdk = new NodeSDK({ resource, spanProcessors: [spanProcessor], instrumentations: [], autoDetectResources: false });
  sdk.start();
  return { resource, spanProcessor, shutdown: () => sdk.shutdown() };
}
