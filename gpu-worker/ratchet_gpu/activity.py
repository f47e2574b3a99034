"""The activity `trainAdapter`: checks what it is given, runs the trainer as a child process, keeps what comes out.

Everything that must survive a death of this process is in the run directory (run_directory.py): a retry goes on from
the last checkpoint, or returns the result that is already there.
"""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from opentelemetry import trace
from temporalio import activity

from ratchet_gpu import contracts
from ratchet_gpu.blobs import Blobs
from ratchet_gpu.canonical import canonical_json
from ratchet_gpu.config import Config
from ratchet_gpu.errors import RatchetError, safe_message
from ratchet_gpu.manifest import base_digests, build_manifest
from ratchet_gpu.metrics import Metrics
from ratchet_gpu.run_directory import EXIT_FAILED, EXIT_LOCKED, RunDirectory, read_json

TRAINER = (sys.executable, "-m", "ratchet_gpu.train")
_HEARTBEAT_SECONDS = 1.0
# Time between SIGTERM and SIGKILL. The trainer keeps nothing that a signal could lose.
_GRACE_SECONDS = 5.0

_tracer = trace.get_tracer("ratchet_gpu")


class TrainAdapter:
    def __init__(self, config: Config, metrics: Metrics) -> None:
        self._config = config
        self._metrics = metrics
        self._blobs = Blobs(config.home.blobs)

    @activity.defn(name="trainAdapter")
    async def run(self, asked: dict[str, Any]) -> dict[str, Any]:
        """TrainAdapterInput to TrainAdapterOutput (core/contracts/training.ts); failure types are codes of core/errors.ts."""
        try:
            output = await self._train(asked)
        except RatchetError as error:
            self._metrics.training_ended(error.code)
            raise error.as_failure() from None
        except asyncio.CancelledError:
            self._metrics.training_ended("CANCELLED")
            if activity.is_worker_shutdown():
                stopped = "The worker was stopped; training goes on from the last checkpoint."
                raise RatchetError("TRAINER_DIED", stopped).as_failure() from None
            raise
        except Exception as error:
            self._metrics.training_ended("INTERNAL")
            raise RatchetError("INTERNAL", f"{safe_message(error)} in trainAdapter.").as_failure() from None
        self._metrics.training_ended("OK")
        return output

    async def _train(self, asked: dict[str, Any]) -> dict[str, Any]:
        recipe = check_input(asked)
        base = find_base(self._config.models, asked["baseModel"])
        run = RunDirectory(self._config.home.run(asked["runId"]))
        examples = await asyncio.to_thread(self._check_examples, asked["examplesDigest"])
        activity.heartbeat(progress_of(None))
        run.path.mkdir(parents=True, exist_ok=True)
        request = {
            "input": {**asked, "recipe": recipe},
            "basePath": str(base),
            "examplesPath": str(self._blobs.path(asked["examplesDigest"])),
        }
        if read_json(run.result) is None or read_json(run.request) != request:
            run.prepare(request)
            with _tracer.start_as_current_span("train", attributes={"ratchet.examples": examples}):
                await run_trainer(run, self._report)
        result: dict[str, Any] = read_json(run.result)
        with _tracer.start_as_current_span("store adapter") as span:
            digest = await asyncio.to_thread(self._keep, asked, recipe, base, run, result)
            span.set_attribute("ratchet.adapter", digest)
        run.remove_checkpoints()
        names = ("steps", "tokens", "seconds", "tokensPerSecond", "firstLoss", "finalLoss", "peakMemoryBytes", "resumedFromStep")  # fmt: skip
        return {"schemaVersion": 1, "adapterDigest": digest, **{name: result[name] for name in names}}

    def _report(self, line: dict[str, Any] | None) -> None:
        self._metrics.training_progress(line)
        activity.heartbeat(progress_of(line))

    def _check_examples(self, digest: str) -> int:
        """Every line of the JSONL blob must be an Example. Returns how many there are."""
        lines = self._blobs.get(digest).decode("utf-8", "replace").splitlines()
        for number, line in enumerate(lines, 1):
            try:
                example = json.loads(line)
            except ValueError:
                raise RatchetError("DATASET_INVALID", f"Line {number} of {digest} is not JSON.") from None
            if (wrong := contracts.problem("Example", example)) is not None:
                raise RatchetError("DATASET_INVALID", f"Line {number} of {digest}: {wrong}.")
        if not lines:
            raise RatchetError("DATASET_INVALID", f"The examples {digest} are empty.")
        return len(lines)

    def _keep(
        self, asked: dict[str, Any], recipe: dict[str, Any], base: Path, run: RunDirectory, result: dict[str, Any]
    ) -> str:
        files = {
            name: self._blobs.put_file(run.adapter / name)
            for name in ("adapter_model.safetensors", "adapter_config.json")
        }
        manifest = build_manifest(asked, recipe, base_digests(base), files, result)
        if (wrong := contracts.problem("AdapterManifest", manifest)) is not None:
            raise RatchetError("INTERNAL", f"The manifest breaks its contract: {wrong}.")
        return self._blobs.put(canonical_json(manifest).encode("utf-8"))


def check_input(asked: Any) -> dict[str, Any]:
    """Returns the recipe with its defaults. Raises RECIPE_INVALID or REQUEST_INVALID naming the place."""
    wrong = contracts.problem("TrainAdapterInput", asked)
    if wrong is not None:
        code = "RECIPE_INVALID" if wrong.startswith("/recipe") else "REQUEST_INVALID"
        raise RatchetError(code, f"The input of trainAdapter: {wrong}.")
    return {**contracts.defaults("TrainAdapterInput", "recipe"), **asked["recipe"]}


def find_base(models: Path, name: str) -> Path:
    path = (models / name).resolve()
    if not path.is_relative_to(models) or not (path / "config.json").is_file():
        raise RatchetError("BASE_MODEL_MISSING", f"No base model {name} in RATCHET_MODELS ({models}).")
    return path


def progress_of(line: dict[str, Any] | None) -> dict[str, Any]:
    """TrainProgress from the last line of progress.jsonl; before the first step there is none."""
    known = line or {"step": 0, "totalSteps": 0, "loss": None, "tokens": 0, "secondsLeft": None}
    return {"schemaVersion": 1, **{key: known[key] for key in ("step", "totalSteps", "loss", "tokens", "secondsLeft")}}


async def run_trainer(run: RunDirectory, report: Callable[[dict[str, Any] | None], None]) -> None:
    """Runs `python -m ratchet_gpu.train` to its end, reporting progress every second. Cancelled, it ends the trainer.

    Raises what the trainer gave as its reason, TRAINER_DIED when it gave none.
    """
    with run.log.open("ab") as log:
        # Started from the event loop's thread, which lives as long as the worker: the kernel ties the child's life
        # (PR_SET_PDEATHSIG) to the thread that started it. Its own session keeps Ctrl-C for the worker to handle.
        child = await asyncio.create_subprocess_exec(
            *TRAINER, str(run.path), "--parent", str(os.getpid()),
            stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        ended = asyncio.ensure_future(child.wait())
        while not ended.done():
            await asyncio.wait({ended}, timeout=_HEARTBEAT_SECONDS)
            report(run.last_progress())
    finally:
        await _end(child)
    code = child.returncode
    if code == EXIT_LOCKED:
        raise RatchetError("RUN_DIRECTORY_LOCKED", f"Another trainer works in runs/{run.path.name}.")
    if code == EXIT_FAILED and (failure := read_json(run.failure)) is not None:
        raise RatchetError(failure["code"], failure["message"])
    if code != 0:
        how = f"by signal {-code}" if code is not None and code < 0 else f"with exit code {code}"
        raise RatchetError("TRAINER_DIED", f"The trainer ended {how}; see runs/{run.path.name}/trainer.log.")


async def _end(child: asyncio.subprocess.Process) -> None:
    if child.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        child.terminate()
    try:
        await asyncio.wait_for(child.wait(), _GRACE_SECONDS)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()
