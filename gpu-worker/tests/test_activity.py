"""The activity around a stand-in trainer: checks, heartbeats, cancellation, codes, and one adapter for one request."""

import asyncio
import json
import os
import sys

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from ratchet_gpu import activity as module
from ratchet_gpu import contracts
from ratchet_gpu.activity import TrainAdapter
from ratchet_gpu.canonical import canonical_json, digest_of_json
from ratchet_gpu.config import parse_config
from ratchet_gpu.metrics import Metrics
from ratchet_gpu.run_directory import RunDirectory, read_json

SECRET = "seeded-secret-4711"
DIGEST = "sha256:" + "0" * 64
RESULT = {
    "steps": 2,
    "tokens": 900,
    "examples": 1,
    "tooLong": 0,
    "firstLoss": 0.9,
    "finalLoss": 0.1,
    "failureLossBefore": 1.0,
    "failureLossAfter": 0.1,
    "seconds": 3.5,
    "tokensPerSecond": 257.1,
    "peakMemoryBytes": 1,
    "resumedFromStep": None,
    "loraRank": 16,
    "targetModules": ["k_proj", "q_proj"],
    "trainer": "stand-in",
}
# Stand-ins for the trainer process: run as `python -c CODE RUN_DIR --parent PID`.
HEAD = """
import json, os, signal, sys, time
from pathlib import Path
run = Path(sys.argv[1])
(run / "started").open("a").write("x")
"""
TRAINS = HEAD + (
    "with (run / 'progress.jsonl').open('a') as f:\n"
    " f.write(json.dumps({'step': 1, 'totalSteps': 2, 'loss': 0.9, 'tokens': 450, 'seconds': 1, 'secondsLeft': 1}) + '\\n')\n"
    "time.sleep(0.3)\n"
    "(run / 'adapter').mkdir()\n"
    "(run / 'adapter/adapter_model.safetensors').write_bytes(b'weights')\n"
    "(run / 'adapter/adapter_config.json').write_text('{}')\n"
    f"(run / 'result.json').write_text('''{json.dumps(RESULT)}''')\n"
)
FAILS = (
    HEAD
    + "(run / 'failure.json').write_text(json.dumps({'code': 'TRAINING_DIVERGED', 'message': 'It rose.'})); sys.exit(65)"
)
LOCKED = HEAD + "sys.exit(75)"
DIES = HEAD + "os.kill(os.getpid(), signal.SIGKILL)"
HANGS = (
    HEAD + "signal.signal(signal.SIGTERM, signal.SIG_IGN); (run / 'pid').write_text(str(os.getpid())); time.sleep(60)"
)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A home with one valid examples blob, a base model's files, and a way to run the activity with a stand-in."""
    models = tmp_path / "models"
    (models / "small").mkdir(parents=True)
    for name in ("config.json", "model.safetensors", "tokenizer.json", "chat_template.jinja"):
        (models / "small" / name).write_text(name)
    config = parse_config({"RATCHET_HOME": str(tmp_path / "home"), "RATCHET_MODELS": str(models)})
    monkeypatch.setattr(module, "_HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr(module, "_GRACE_SECONDS", 0.2)
    return Place(config, monkeypatch)


class Place:
    def __init__(self, config, monkeypatch):
        self.config = config
        self.monkeypatch = monkeypatch
        self.metrics = Metrics()
        self.training = TrainAdapter(config, self.metrics)
        self.heartbeats = []

    def asked(self, lines=None, **changes):
        source = {"interactionDigest": DIGEST, "correctionDigest": None, "failureClasses": [], "replay": False}
        message = {"role": "user", "parts": [{"text": SECRET, "trusted": False}]}
        example = {
            "schemaVersion": 1,
            "kind": "sft",
            "messages": [message],
            "completion": SECRET,
            "clusterId": DIGEST,
            "source": source,
        }
        blob = "\n".join(lines or [canonical_json(example)]) + "\n"
        digest = self.training._blobs.put(blob.encode())
        return {
            "schemaVersion": 1,
            "runId": "nightly:tickets/1",
            "workload": "tickets",
            "baseModel": "small",
            "datasetDigest": DIGEST,
            "examplesDigest": digest,
            "recipe": {"maxSteps": 2},
            **changes,
        }

    def run(self, code, asked, cancel_when=None):
        self.monkeypatch.setattr(module, "TRAINER", (sys.executable, "-c", code))
        environment = ActivityEnvironment()
        environment.on_heartbeat = lambda *details: self.heartbeats.append(details[0])

        async def go():
            task = asyncio.ensure_future(environment.run(self.training.run, asked))
            if cancel_when is not None:
                while not cancel_when():
                    await asyncio.sleep(0.02)
                environment.cancel()
            return await task

        return asyncio.run(go())

    def directory(self, asked):
        return RunDirectory(self.config.home.run(asked["runId"]))


def test_gives_an_adapter_named_by_its_manifest_and_does_not_train_twice(place):
    asked = place.asked()
    output = place.run(TRAINS, asked)
    assert contracts.problem("TrainAdapterOutput", output) is None
    manifest = json.loads(place.training._blobs.get(output["adapterDigest"]))
    assert digest_of_json(manifest) == output["adapterDigest"]
    assert contracts.problem("AdapterManifest", manifest) is None
    assert manifest["recipe"]["loraRank"] == 16
    assert manifest["recipeDigest"] == digest_of_json(asked["recipe"])
    assert {name: place.training._blobs.get(digest) for name, digest in manifest["files"].items()} == {
        "adapter_model.safetensors": b"weights",
        "adapter_config.json": b"{}",
    }
    text = canonical_json(manifest)
    assert str(place.config.home.root) not in text
    assert str(place.config.models) not in text

    assert [beat for beat in place.heartbeats if contracts.problem("TrainProgress", beat)] == []
    assert {beat["step"] for beat in place.heartbeats} == {0, 1}

    assert place.run(DIES, asked) == output
    assert (place.directory(asked).path / "started").read_text() == "x"
    assert 'ratchet_gpu_trainings_total{code="OK"} 2' in place.metrics.text()


@pytest.mark.parametrize(
    ("code", "type_", "again"),
    [(FAILS, "TRAINING_DIVERGED", False), (LOCKED, "RUN_DIRECTORY_LOCKED", True), (DIES, "TRAINER_DIED", True)],
)
def test_the_end_of_the_trainer_is_told_by_code(place, code, type_, again):
    with pytest.raises(ApplicationError) as caught:
        place.run(code, place.asked())
    assert caught.value.type == type_
    assert caught.value.non_retryable is not again


def test_a_retry_after_a_death_keeps_the_directory_and_another_request_does_not(place):
    asked = place.asked()
    with pytest.raises(ApplicationError):
        place.run(DIES, asked)
    run = place.directory(asked)
    place.run(TRAINS, asked)
    assert (run.path / "started").read_text() == "xx"
    place.run(TRAINS, {**asked, "recipe": {"maxSteps": 3}})
    assert (run.path / "started").read_text() == "x"
    assert read_json(run.request)["input"]["recipe"]["maxSteps"] == 3


def test_cancelling_ends_a_trainer_that_ignores_sigterm(place):
    asked = place.asked()
    pid_file = place.directory(asked).path / "pid"
    with pytest.raises(asyncio.CancelledError):
        place.run(HANGS, asked, cancel_when=lambda: pid_file.exists() and pid_file.read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)


@pytest.mark.parametrize(
    ("changes", "type_", "words"),
    [
        ({"schemaVersion": 2}, "REQUEST_INVALID", "/schemaVersion breaks const 1"),
        ({"recipe": {"loraRank": SECRET}}, "RECIPE_INVALID", "/recipe/loraRank breaks type"),
        ({"recipe": {"mystery": 1}}, "RECIPE_INVALID", "/recipe has a key"),
        ({"baseModel": "absent"}, "BASE_MODEL_MISSING", "absent"),
        ({"baseModel": "../home"}, "BASE_MODEL_MISSING", "RATCHET_MODELS"),
        ({"examplesDigest": DIGEST}, "NOT_FOUND", DIGEST),
    ],
)
def test_a_wrong_input_is_refused_before_anything_starts(place, changes, type_, words):
    with pytest.raises(ApplicationError) as caught:
        place.run(TRAINS, place.asked(**changes))
    assert caught.value.type == type_
    assert caught.value.non_retryable
    assert words in caught.value.message
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("line", ["{" + SECRET, json.dumps({"kind": SECRET}), json.dumps(SECRET)])
def test_a_wrong_example_is_named_by_its_line_and_not_quoted(place, line):
    good = place.asked()
    first = place.training._blobs.get(good["examplesDigest"]).decode().strip()
    with pytest.raises(ApplicationError) as caught:
        place.run(TRAINS, place.asked(lines=[first, line]))
    assert caught.value.type == "DATASET_INVALID"
    assert "Line 2" in caught.value.message
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


def test_damaged_examples_are_not_trained_on(place):
    asked = place.asked()
    place.training._blobs.path(asked["examplesDigest"]).write_bytes(b"{}\n")
    with pytest.raises(ApplicationError) as caught:
        place.run(TRAINS, asked)
    assert caught.value.type == "BLOB_CORRUPT"
