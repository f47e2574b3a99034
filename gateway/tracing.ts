// One span for each request; what the caller sent as traceparent is its parent, and the event and the engine get its context.
import { ROOT_CONTEXT, SpanKind, isSpanContextValid, trace, type Span } from '@opentelemetry/api';
import type { Operation } from './apis.ts';

const tracer = trace.getTracer('ratchet.gateway');

/** @param traceparent W3C header value that already passed its pattern */
export function startAnswerSpan(operation: Operation, channel: string, traceparent: string | undefined): Span {
  const [, traceId, spanId, flags] = traceparent?.split('-') ?? [];
  const remote = traceId === undefined || spanId === undefined ? undefined : { traceId, spanId, traceFlags: parseInt(flags ?? '0', 16), isRemote: true };
  const parent = remote && isSpanContextValid(remote) ? trace.setSpanContext(ROOT_CONTEXT, remote) : ROOT_CONTEXT;
  return tracer.startSpan(`${operation} ${channel}`, { kind: SpanKind.SERVER, attributes: { 'gen_ai.operation.name': operation, 'gen_ai.request.model': channel } }, parent);
}

/** Undefined when nothing traces here and the caller sent no context. */
export function traceparentOf(span: Span): string | undefined {
  const context = span.spanContext();
  if (!isSpanContextValid(context)) return undefined;
  return `00-${context.traceId}-${context.spanId}-${context.traceFlags.toString(16).padStart(2, '0')}`;
}
