"""Health and Prometheus metrics of the worker over HTTP: /healthz and /metrics."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Metrics:
    """Numbers about training; written by the activity, read by the HTTP thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ended: dict[str, int] = {}
        self._progress: dict[str, Any] | None = None
        self.polling = False

    def training_progress(self, line: dict[str, Any] | None) -> None:
        with self._lock:
            self._progress = line

    def training_ended(self, outcome: str) -> None:
        with self._lock:
            self._ended[outcome] = self._ended.get(outcome, 0) + 1
            self._progress = None

    def text(self) -> str:
        """Prometheus text format 0.0.4."""
        with self._lock:
            progress, ended = self._progress or {}, dict(self._ended)
        lines = [
            "# HELP ratchet_gpu_polling 1 while the worker asks Temporal for work.",
            "# TYPE ratchet_gpu_polling gauge",
            f"ratchet_gpu_polling {int(self.polling)}",
            "# HELP ratchet_gpu_trainings_total Trainings that ended, by code (OK, CANCELLED or an error code).",
            "# TYPE ratchet_gpu_trainings_total counter",
            *(f'ratchet_gpu_trainings_total{{code="{code}"}} {count}' for code, count in sorted(ended.items())),
        ]
        for name, key, text in (
            ("step", "step", "Optimizer step of the training that runs now."),
            ("steps", "totalSteps", "Planned steps of the training that runs now."),
            ("tokens", "tokens", "Tokens seen by the training that runs now."),
        ):
            lines += [
                f"# HELP ratchet_gpu_training_{name} {text}",
                f"# TYPE ratchet_gpu_training_{name} gauge",
                f"ratchet_gpu_training_{name} {progress.get(key, 0)}",
            ]
        return "\n".join(lines) + "\n"


def serve(metrics: Metrics, host: str, port: int) -> ThreadingHTTPServer:
    """Starts the server in a thread; `server_port` says which port it got. The caller shuts it down."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._answer(200, metrics.text(), "text/plain; version=0.0.4")
            elif self.path == "/healthz":
                ready = metrics.polling
                self._answer(200 if ready else 503, json.dumps({"ok": ready}) + "\n", "application/json")
            else:
                self._answer(404, "", "text/plain")

        def _answer(self, status: int, body: str, kind: str) -> None:
            data = body.encode()
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            """Health checks every few seconds are no news."""

    server = ThreadingHTTPServer((host, port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server
