"""The real trainer on the real model: NF4 learns on this processor, and a killed run ends as an unbroken one would."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from ratchet_gpu import contracts
from ratchet_gpu.run_directory import EXIT_FAILED, RunDirectory, read_json

RECIPE = {"maxSteps": 8, "batchSize": 4, "microBatchSize": 2, "saveEverySteps": 2, "epochs": 4}


def prepare(path, base_model, lines, **recipe):
    run = RunDirectory(path)
    run.path.mkdir(parents=True)
    file = path.parent / f"{path.name}.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    full = {**contracts.defaults("TrainAdapterInput", "recipe"), **RECIPE, **recipe}
    request = {
        "input": {"baseModel": base_model.name, "recipe": full},
        "basePath": str(base_model),
        "examplesPath": str(file),
    }
    run.prepare(request)
    return run


def start(run):
    command = [sys.executable, "-m", "ratchet_gpu.train", str(run.path), "--parent", str(os.getpid())]
    with run.log.open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log)


def adapter_bytes(run):
    return [(run.adapter / name).read_bytes() for name in ("adapter_model.safetensors", "adapter_config.json")]


@pytest.mark.slow
def test_nf4_learns_and_a_killed_run_ends_as_an_unbroken_one(tmp_path, base_model, make_examples):
    lines = make_examples(16)
    unbroken = prepare(tmp_path / "unbroken", base_model, lines)
    assert start(unbroken).wait(280) == 0, unbroken.log.read_text()
    result = read_json(unbroken.result)
    # Had bitsandbytes repacked the 4-bit base on the way, the loss would have stalled.
    assert result["finalLoss"] < 0.5 * result["firstLoss"]
    assert (result["steps"], result["examples"], result["resumedFromStep"]) == (8, 16, None)
    assert unbroken.last_progress()["tokens"] == result["tokens"]

    killed = prepare(tmp_path / "killed", base_model, lines)
    trainer = start(killed)
    end = time.monotonic() + 200
    while (killed.last_progress() or {"step": 0})["step"] < 5 and time.monotonic() < end and trainer.poll() is None:
        time.sleep(0.05)
    trainer.send_signal(signal.SIGKILL)
    assert trainer.wait() == -signal.SIGKILL
    assert not killed.result.exists()
    assert start(killed).wait(280) == 0, killed.log.read_text()
    again = read_json(killed.result)
    assert again["resumedFromStep"] == 4
    assert again["tokens"] == result["tokens"]
    assert again["firstLoss"] == result["firstLoss"]
    assert adapter_bytes(killed) == adapter_bytes(unbroken)
    # The completions are in no file beside the examples themselves.
    for run in (unbroken, killed):
        assert lines[0]["completion"] not in run.log.read_text()
        assert lines[0]["completion"] not in run.progress.read_text()


@pytest.mark.slow
def test_a_learning_rate_that_teaches_nothing_fails_the_run(tmp_path, base_model, make_examples):
    run = prepare(tmp_path / "run", base_model, make_examples(8), learningRate=1e-12, maxSteps=4)
    assert start(run).wait(280) == EXIT_FAILED, run.log.read_text()
    assert read_json(run.failure)["code"] == "TRAINING_DIVERGED"
    assert not run.result.exists()


@pytest.mark.slow
def test_the_trap_is_there_and_is_caught(base_model):
    """A forward pass in eval mode repacks the 4-bit weights on CPUs with AVX512-BF16: the trainer refuses to go on."""
    import torch
    from bitsandbytes.functional import has_avx512bf16
    from transformers import AutoTokenizer

    from ratchet_gpu import train
    from ratchet_gpu.errors import RatchetError

    if torch.cuda.is_available() or not has_avx512bf16():
        pytest.skip("SKIPPED: this processor has no AVX512-BF16, bitsandbytes does not repack here")
    model = train.load_base(str(base_model), "nf4", torch.bfloat16)
    train.assert_not_repacked(model)
    tokens = AutoTokenizer.from_pretrained(base_model)("hello", return_tensors="pt")
    model.train()
    model(**tokens)
    train.assert_not_repacked(model)
    model.eval()
    with torch.no_grad():
        model.base_model(**tokens)
    with pytest.raises(RatchetError, match="repacked"):
        train.assert_not_repacked(model)


@pytest.mark.gpu
def test_trains_on_a_gpu(tmp_path, base_model, make_examples):
    import torch

    if not torch.cuda.is_available():
        pytest.skip("SKIPPED, NOT TESTED: no CUDA device here; training on a GPU is unproven by this run")
    run = prepare(tmp_path / "run", base_model, make_examples(16))
    assert start(run).wait(280) == 0, run.log.read_text()
    result = read_json(run.result)
    assert result["finalLoss"] < 0.5 * result["firstLoss"]
