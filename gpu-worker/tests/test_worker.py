"""The worker's surroundings: settings, logs, traces, health, and waiting for Temporal."""

import asyncio
import json
import logging
import urllib.error
import urllib.request

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import Link, Status, StatusCode

from ratchet_gpu import worker
from ratchet_gpu.config import parse_config
from ratchet_gpu.errors import RatchetError
from ratchet_gpu.metrics import Metrics, serve
from ratchet_gpu.tracing import FileSpanExporter

SECRET = "seeded-secret-4711"


def test_every_wrong_setting_is_named_and_no_value_repeated():
    wrong = {
        "METRICS_PORT": SECRET,
        "LOG_LEVEL": SECRET,
        "TEMPORAL_TLS": SECRET,
        "TEMPORAL_TLS_CERT": f"/{SECRET}",
        "TEMPORAL_API_KEY": SECRET,
        "RATCHET_ENV": "production",
    }
    with pytest.raises(RatchetError) as caught:
        parse_config(wrong)
    assert caught.value.code == "CONFIG_INVALID"
    for name in ("METRICS_PORT", "LOG_LEVEL", "TEMPORAL_TLS:", "TEMPORAL_TLS_CERT", "an API key without TLS"):
        assert name in caught.value.message
    assert SECRET not in caught.value.message


def test_defaults_are_those_of_the_typescript_side():
    config = parse_config({})
    assert (config.temporal_address, config.temporal_namespace, config.task_queue) == (
        "127.0.0.1:7233",
        "default",
        "ratchet-gpu",
    )
    assert config.metrics_port is None
    assert config.tls is None


def test_a_log_line_names_an_exception_and_does_not_quote_it():
    try:
        raise ValueError(SECRET)
    except ValueError as error:
        record = logging.LogRecord("x", logging.WARNING, "", 1, "failed", (), (type(error), error, error.__traceback__))
    line = worker.JsonLines().format(record)
    assert SECRET not in line
    assert json.loads(line)["error"] == "ValueError"
    assert json.loads(line)["level"] == 40


def test_spans_are_appended_as_whole_lines_with_parent_and_links(tmp_path):
    path = tmp_path / "home" / "traces.jsonl"
    provider = TracerProvider(resource=Resource.create({}))
    provider.add_span_processor(SimpleSpanProcessor(FileSpanExporter(path)))
    tracer = provider.get_tracer("test")
    with tracer.start_as_current_span("outer", attributes={"ratchet.examples": 3}) as outer:
        link = Link(outer.get_span_context())
        with tracer.start_as_current_span("inner", links=[link]) as inner:
            inner.set_status(Status(StatusCode.ERROR))
    child, parent = (json.loads(line) for line in path.read_text().splitlines())
    assert set(child) == {
        "traceId", "spanId", "parentSpanId", "name", "service", "startTimeUnixNano", "endTimeUnixNano", "attributes",
        "status", "links",
    }  # fmt: skip
    assert child["traceId"] == parent["traceId"]
    assert child["parentSpanId"] == parent["spanId"] == child["links"][0]["spanId"]
    assert parent["parentSpanId"] is None
    assert (child["status"], parent["status"]) == ("ERROR", "UNSET")
    assert parent["attributes"] == {"ratchet.examples": 3}
    assert int(parent["startTimeUnixNano"]) <= int(child["startTimeUnixNano"]) <= int(child["endTimeUnixNano"])


def test_health_and_metrics():
    metrics = Metrics()
    server = serve(metrics, "127.0.0.1", 0)
    try:
        base = f"http://127.0.0.1:{server.server_port}"
        with pytest.raises(urllib.error.HTTPError, match="503"):
            urllib.request.urlopen(f"{base}/healthz")
        metrics.polling = True
        metrics.training_progress({"step": 3, "totalSteps": 20, "tokens": 700})
        metrics.training_ended("TRAINER_DIED")
        metrics.training_progress({"step": 4, "totalSteps": 20, "tokens": 900})
        assert json.load(urllib.request.urlopen(f"{base}/healthz")) == {"ok": True}
        text = urllib.request.urlopen(f"{base}/metrics").read().decode()
        assert 'ratchet_gpu_trainings_total{code="TRAINER_DIED"} 1' in text
        assert "ratchet_gpu_training_step 4" in text
    finally:
        server.shutdown()
        server.server_close()


def test_waits_for_temporal_with_one_message_and_stops_when_told(caplog):
    # Port 9 (discard) is never served here.
    config = parse_config({"TEMPORAL_ADDRESS": "127.0.0.1:9"})

    async def go():
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(1.2, stop.set)
        return await asyncio.wait_for(worker.connect(config, stop), 15)

    with caplog.at_level(logging.WARNING):
        assert asyncio.run(go()) is None
    messages = [record.getMessage() for record in caplog.records if record.name == "ratchet_gpu"]
    assert len(messages) == 1
    assert messages[0].startswith("TEMPORAL_UNAVAILABLE: Temporal does not answer at 127.0.0.1:9.")
