"""Traces of the worker: OTLP when an endpoint is set, otherwise lines of RATCHET_HOME/traces.jsonl.

The fields of a line are those of workers/telemetry.ts; both processes append to one file, a whole batch per write.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

SERVICE = "ratchet-gpu-worker"


def start_tracing(traces: Path, otlp: bool) -> TracerProvider:
    """Sets the process's tracer provider; the caller shuts it down."""
    exporter: SpanExporter = OTLPSpanExporter() if otlp else FileSpanExporter(traces)
    provider = TracerProvider(resource=Resource.create({"service.name": SERVICE}))
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=500))
    trace.set_tracer_provider(provider)
    return provider


class FileSpanExporter(SpanExporter):
    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        data = "".join(span_line(span) + "\n" for span in spans).encode()
        try:
            file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                os.write(file, data)
            finally:
                os.close(file)
        except OSError:
            return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS


def span_line(span: ReadableSpan) -> str:
    context = span.get_span_context()
    return json.dumps(
        {
            "traceId": trace.format_trace_id(context.trace_id) if context else None,
            "spanId": trace.format_span_id(context.span_id) if context else None,
            "parentSpanId": trace.format_span_id(span.parent.span_id) if span.parent else None,
            "name": span.name,
            "service": SERVICE,
            "startTimeUnixNano": str(span.start_time),
            "endTimeUnixNano": str(span.end_time),
            "attributes": dict(span.attributes or {}),
            "status": span.status.status_code.name,
            "links": [
                {
                    "traceId": trace.format_trace_id(link.context.trace_id),
                    "spanId": trace.format_span_id(link.context.span_id),
                }
                for link in span.links
            ],
        },
        separators=(",", ":"),
    )
