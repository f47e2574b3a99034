"""Settings of the GPU worker, parsed once at start; the names and defaults are those of workers/config.ts."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from temporalio.service import TLSConfig

from ratchet_gpu.errors import RatchetError
from ratchet_gpu.home import Home

_LEVELS = {
    "trace": "DEBUG",
    "debug": "DEBUG",
    "info": "INFO",
    "warn": "WARNING",
    "error": "ERROR",
    "silent": "CRITICAL",
}


@dataclass(frozen=True)
class Config:
    home: Home
    models: Path
    temporal_address: str
    temporal_namespace: str
    task_queue: str
    tls: TLSConfig | None
    api_key: str | None = field(repr=False)
    otlp: bool
    metrics_host: str
    metrics_port: int | None
    log_level: str


def parse_config(env: Mapping[str, str] = os.environ) -> Config:
    """Raises CONFIG_INVALID naming every wrong setting; values are not repeated, they may be secrets."""
    wrong: list[str] = []

    def text(name: str, default: str | None = None) -> str | None:
        return env.get(name) or default

    def content(name: str) -> bytes | None:
        path = text(name)
        if path is None:
            return None
        try:
            return Path(path).read_bytes()
        except OSError:
            wrong.append(f"{name}: the file cannot be read")
            return None

    port: int | None = None
    port_text = text("METRICS_PORT")
    if port_text is not None:
        if port_text.isascii() and port_text.isdigit() and int(port_text) <= 65535:
            port = int(port_text)
        else:
            wrong.append("METRICS_PORT: must be a port, 0 to 65535")
    level = _LEVELS.get(text("LOG_LEVEL", "info") or "")
    if level is None:
        wrong.append(f"LOG_LEVEL: must be one of {', '.join(_LEVELS)}")
    use_tls = text("TEMPORAL_TLS", "false")
    if use_tls not in ("true", "false", "1", "0"):
        wrong.append("TEMPORAL_TLS: must be true or false")
    ca, cert, key = (content(name) for name in ("TEMPORAL_TLS_CA", "TEMPORAL_TLS_CERT", "TEMPORAL_TLS_KEY"))
    if (text("TEMPORAL_TLS_CERT") is None) != (text("TEMPORAL_TLS_KEY") is None):
        wrong.append("TEMPORAL_TLS_CERT: a client certificate needs its key, and a key its certificate")
    api_key = text("TEMPORAL_API_KEY")
    tls_on = use_tls in ("true", "1") or cert is not None
    if api_key is not None and not tls_on and text("RATCHET_ENV") == "production":
        wrong.append("TEMPORAL_TLS: an API key without TLS is refused in production")
    if wrong:
        raise RatchetError("CONFIG_INVALID", f"{len(wrong)} setting(s) are wrong:\n  " + "\n  ".join(wrong))
    return Config(
        home=Home(Path(text("RATCHET_HOME", ".ratchet/home") or "").resolve()),
        models=Path(text("RATCHET_MODELS", ".ratchet/models") or "").resolve(),
        temporal_address=text("TEMPORAL_ADDRESS", "127.0.0.1:7233") or "",
        temporal_namespace=text("TEMPORAL_NAMESPACE", "default") or "",
        task_queue=text("TEMPORAL_GPU_TASK_QUEUE", "ratchet-gpu") or "",
        tls=TLSConfig(server_root_ca_cert=ca, client_cert=cert, client_private_key=key) if tls_on else None,
        api_key=api_key,
        otlp=text("OTEL_EXPORTER_OTLP_ENDPOINT") is not None,
        metrics_host=text("METRICS_HOST", "127.0.0.1") or "",
        metrics_port=port,
        log_level=level or "INFO",
    )
