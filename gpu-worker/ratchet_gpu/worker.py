"""Runs the GPU worker: polls Temporal's GPU task queue for `trainAdapter`, one training at a time.

    RATCHET_HOME=… RATCHET_MODELS=… TEMPORAL_ADDRESS=… python -m ratchet_gpu.worker

SIGTERM or SIGINT ends it: the trainer is stopped, and a later attempt goes on from its last checkpoint.
"""

import asyncio
import json
import logging
import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.client import Client
from temporalio.contrib.opentelemetry import TracingInterceptor
from temporalio.worker import Worker

from ratchet_gpu.activity import TrainAdapter
from ratchet_gpu.config import Config, parse_config
from ratchet_gpu.errors import RatchetError, safe_message
from ratchet_gpu.metrics import Metrics, serve
from ratchet_gpu.tracing import start_tracing

_log = logging.getLogger("ratchet_gpu")
_LONGEST_WAIT_SECONDS = 15.0
_PINO_LEVELS = {"DEBUG": 20, "INFO": 30, "WARNING": 40, "ERROR": 50, "CRITICAL": 60}


class JsonLines(logging.Formatter):
    """The lines that pino writes on the TypeScript side. An exception is named, its message never printed."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "level": _PINO_LEVELS.get(record.levelname, 30),
            "time": datetime.fromtimestamp(record.created, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            "name": "gpu-worker",
            "msg": record.getMessage(),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = safe_message(record.exc_info[1])
        return json.dumps(line)


async def connect(config: Config, stop: asyncio.Event) -> Client | None:
    """Waits for Temporal as long as it takes; None when told to stop before."""
    wait = 0.5
    said = 0.0
    while not stop.is_set():
        try:
            return await Client.connect(
                config.temporal_address,
                namespace=config.temporal_namespace,
                tls=config.tls if config.tls is not None else False,
                api_key=config.api_key,
                interceptors=[TracingInterceptor()],
            )
        except RuntimeError as error:
            if time.monotonic() - said > 30 or not said:
                said = time.monotonic()
                problem = RatchetError(
                    "TEMPORAL_UNAVAILABLE", f"Temporal does not answer at {config.temporal_address}."
                )
                _log.warning("%s Trying again until it does. (%s)", safe_message(problem), type(error).__name__)
        try:
            await asyncio.wait_for(stop.wait(), wait)
        except TimeoutError:
            wait = min(wait * 2, _LONGEST_WAIT_SECONDS)
    return None


async def work(config: Config) -> None:
    stop = asyncio.Event()
    for which in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(which, stop.set)
    metrics = Metrics()
    server = None if config.metrics_port is None else serve(metrics, config.metrics_host, config.metrics_port)
    if server is not None:
        _log.info("health and metrics at http://%s:%d", config.metrics_host, server.server_port)
    tracing = start_tracing(config.home.traces, config.otlp)
    try:
        client = await connect(config, stop)
        if client is None:
            return
        worker = Worker(
            client,
            task_queue=config.task_queue,
            activities=[TrainAdapter(config, metrics).run],
            max_concurrent_activities=1,
            # A training never ends in the time that a shutdown has: it is stopped, its checkpoints stay.
            graceful_shutdown_timeout=timedelta(0),
        )
        async with worker:
            metrics.polling = True
            _log.info(
                "ready: polling %s of %s at %s", config.task_queue, config.temporal_namespace, config.temporal_address
            )
            await stop.wait()
            metrics.polling = False
            _log.info("stopping")
    finally:
        tracing.shutdown()
        if server is not None:
            server.shutdown()


def main() -> int:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    try:
        config = parse_config()
    except RatchetError as error:
        print(f"{error.code}: {error.message}", file=sys.stderr)
        return 78
    logging.basicConfig(level=config.log_level, handlers=[handler])
    asyncio.run(work(config))
    return 0


if __name__ == "__main__":
    sys.exit(main())
