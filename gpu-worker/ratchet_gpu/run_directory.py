"""The directory of one training run: the truth about what was asked, how far it came, and what came out.

request.json      what to train (written by the activity before the trainer starts)
lock              held (flock) by the trainer at work
progress.jsonl    one line per optimizer step, in the order they were run
checkpoint-N/     trainer state after step N; usable only with complete.json inside
adapter/          adapter_model.safetensors and adapter_config.json
result.json       written last: the run is done
failure.json      code and message, when the trainer itself gave up
trainer.log       what the trainer process printed
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ratchet_gpu.errors import RatchetError

# Exit codes of the trainer process: failure.json says why; another trainer holds the directory.
EXIT_FAILED = 65
EXIT_LOCKED = 75

_COMPLETE = "complete.json"


@dataclass(frozen=True)
class Checkpoint:
    path: Path
    step: int
    seconds: float
    """Time spent training up to this step, over all attempts."""


class RunDirectory:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.request = path / "request.json"
        self.progress = path / "progress.jsonl"
        self.adapter = path / "adapter"
        self.result = path / "result.json"
        self.failure = path / "failure.json"
        self.log = path / "trainer.log"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Raises RUN_DIRECTORY_LOCKED while another process holds it. The kernel lets go when the holder dies."""
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / "lock").open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RatchetError("RUN_DIRECTORY_LOCKED", f"Another trainer works in runs/{self.path.name}.") from None
            yield

    def prepare(self, request: dict[str, Any]) -> None:
        """Notes the request. Leftovers of another request under the same name are removed, of the same one kept."""
        if read_json(self.request) == request:
            return
        with self.lock():
            for entry in self.path.iterdir():
                if entry.is_dir():
                    shutil.rmtree(entry)
                elif entry.name != "lock":
                    entry.unlink()
            write_json(self.request, request)

    def checkpoints(self) -> list[Checkpoint]:
        """Complete checkpoints, the latest last."""
        found = []
        for path in self.path.glob("checkpoint-*"):
            mark = read_json(path / _COMPLETE)
            if mark is None:
                continue
            sizes: dict[str, int] = mark["files"]
            if all((path / name).is_file() and (path / name).stat().st_size == size for name, size in sizes.items()):
                found.append(Checkpoint(path, mark["step"], mark["seconds"]))
        return sorted(found, key=lambda checkpoint: checkpoint.step)

    def mark_complete(self, step: int, seconds: float) -> None:
        """Called when everything of checkpoint-<step> is written: a trainer killed while saving leaves no mark."""
        path = self.path / f"checkpoint-{step}"
        files = {file.name: file.stat().st_size for file in sorted(path.iterdir()) if file.is_file()}
        write_json(path / _COMPLETE, {"step": step, "seconds": seconds, "files": files})

    def remove_incomplete(self) -> None:
        complete = {checkpoint.path for checkpoint in self.checkpoints()}
        for path in self.path.glob("checkpoint-*"):
            if path not in complete:
                shutil.rmtree(path)

    def remove_checkpoints(self) -> None:
        for path in self.path.glob("checkpoint-*"):
            shutil.rmtree(path, ignore_errors=True)

    def append_progress(self, line: dict[str, Any]) -> None:
        with self.progress.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def last_progress(self) -> dict[str, Any] | None:
        """The last whole line; a line being written right now does not count."""
        try:
            with self.progress.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
                lines = file.read().split(b"\n")[:-1]
        except FileNotFoundError:
            return None
        last: dict[str, Any] | None = json.loads(lines[-1]) if lines else None
        return last


def write_json(path: Path, value: Any) -> None:
    """Whole or not at all."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(value, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
