"""The run directory: one trainer at a time, checkpoints that count only when whole, and a trainer dies with its worker."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ratchet_gpu.errors import RatchetError
from ratchet_gpu.run_directory import RunDirectory, read_json


def holder(path):
    """Another process that holds the lock until killed."""
    code = (
        "import sys, time; from pathlib import Path; from ratchet_gpu.run_directory import RunDirectory\n"
        "with RunDirectory(Path(sys.argv[1])).lock():\n    print('held', flush=True)\n    time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    return process


def test_the_lock_excludes_another_process_and_goes_with_a_killed_one(tmp_path):
    run = RunDirectory(tmp_path / "run")
    process = holder(run.path)
    try:
        with pytest.raises(RatchetError) as caught, run.lock():
            pass
        assert caught.value.code == "RUN_DIRECTORY_LOCKED"
        with pytest.raises(RatchetError):
            run.prepare({"input": 1})
    finally:
        process.kill()
        process.wait()
    with run.lock():
        pass


def save(run, step, seconds=1.0, mark=True):
    path = run.path / f"checkpoint-{step}"
    path.mkdir(parents=True)
    (path / "optimizer.pt").write_bytes(b"x" * step)
    if mark:
        run.mark_complete(step, seconds)
    return path


def test_only_whole_checkpoints_count(tmp_path):
    run = RunDirectory(tmp_path)
    assert run.checkpoints() == []
    save(run, 5)
    save(run, 10)
    save(run, 15, seconds=7.5)
    cut = save(run, 20)
    (cut / "optimizer.pt").write_bytes(b"x")
    save(run, 25, mark=False)
    assert [checkpoint.step for checkpoint in run.checkpoints()] == [5, 10, 15]
    assert run.checkpoints()[-1].seconds == 7.5
    run.remove_incomplete()
    assert sorted(path.name for path in tmp_path.glob("checkpoint-*")) == [
        "checkpoint-10",
        "checkpoint-15",
        "checkpoint-5",
    ]


def test_progress_ignores_a_line_being_written(tmp_path):
    run = RunDirectory(tmp_path)
    assert run.last_progress() is None
    run.append_progress({"step": 1})
    run.append_progress({"step": 2})
    with run.progress.open("a") as file:
        file.write('{"step": 3, "lo')
    assert run.last_progress() == {"step": 2}


def test_another_request_starts_afresh_and_the_same_goes_on(tmp_path):
    run = RunDirectory(tmp_path)
    run.prepare({"input": 1})
    save(run, 5)
    run.append_progress({"step": 5})
    run.prepare({"input": 1})
    assert len(run.checkpoints()) == 1
    run.prepare({"input": 2})
    assert run.checkpoints() == []
    assert not run.progress.exists()
    assert read_json(run.request) == {"input": 2}


# The grandchild stands for the trainer, the child for the worker that gets killed.
TRAINER = "import os, sys, time\nfrom ratchet_gpu.process import die_with\ndie_with(int(sys.argv[1]))\nprint(os.getpid(), flush=True)\ntime.sleep(60)"
WORKER = "import os, subprocess, sys, time\nsubprocess.Popen([sys.executable, '-c', sys.argv[1], str(os.getpid())])\ntime.sleep(60)"


def gone(pid, within_s=5.0):
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state in "ZX":
            return True
        time.sleep(0.02)
    return False


def test_a_killed_worker_leaves_no_trainer():
    worker = subprocess.Popen([sys.executable, "-c", WORKER, TRAINER], stdout=subprocess.PIPE, text=True)
    trainer = int(worker.stdout.readline())
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    assert gone(trainer)


def test_a_trainer_that_lost_its_worker_before_it_started_ends():
    trainer = subprocess.run([sys.executable, "-c", TRAINER, "1"], capture_output=True, timeout=20, check=False)
    assert trainer.returncode == 1
    assert trainer.stdout == b""
