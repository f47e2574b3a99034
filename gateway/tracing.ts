// One span for each request; what the caller sent as traceparent is its parent, and the event and the engine get its context.
import { ROOT_CONTEXT, SpanKind, isSpanContextValid, trace, type Span } from '@opentelemetry/api';
import { nameOf } from '../core/digest.ts';
import type { Turn } from './turn.ts';

const tracer = trace.getTracer('ratchet.gateway');

export function startAnswerSpan({ operation, channel, adapter, generation, headers }: Turn): Span {
  // It has passed its pattern already.
  const [, traceId, spanId, flags] = headers.traceparent?.split('-') ?? [];
  const remote = traceId === undefined || spanId === undefined ? undefined : { traceId, spanId, traceFlags: parseInt(flags ?? '0', 16), isRemote: true };
  const parent = remote && isSpanContextValid(remote) ? trace.setSpanContext(ROOT_CONTEXT, remote) : ROOT_CONTEXT;
  return tracer.startSpan(`${operation} ${channel}`, { kind: SpanKind.SERVER, attributes: { 'gen_ai.operation.name': operation, 'gen_ai.request.model': channel, 'ratchet.adapter.digest': nameOf(adapter), 'ratchet.generation': generation } }, parent);
}

/** Undefined when nothing traces here and the caller sent no context. */
export function traceparentOf(span: Span): string | undefined {
  const context = span.spanContext();
  if (!isSpanContextValid(context)) return undefined;
  return `00-${context.traceId}-${context.spanId}-${context.traceFlags.toString(16).padStart(2, '0')}`;
}
