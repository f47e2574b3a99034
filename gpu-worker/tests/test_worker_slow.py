"""The worker on a real Temporal server with the real model: killed in the middle of training, it ends with one adapter."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.contrib.opentelemetry import TracingInterceptor
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from ratchet_gpu.blobs import Blobs
from ratchet_gpu.home import Home
from ratchet_gpu.run_directory import RunDirectory

QUEUE = "ratchet-gpu-test"


@workflow.defn(name="night")
class Night:
    @workflow.run
    async def run(self, asked: dict) -> dict:
        return await workflow.execute_activity(
            "trainAdapter",
            asked,
            task_queue=QUEUE,
            start_to_close_timeout=timedelta(minutes=10),
            heartbeat_timeout=timedelta(seconds=6),
            retry_policy=RetryPolicy(initial_interval=timedelta(seconds=1)),
        )


def start_worker(home, models, address):
    env = {
        **os.environ,
        "RATCHET_HOME": str(home.root),
        "RATCHET_MODELS": str(models),
        "TEMPORAL_ADDRESS": address,
        "TEMPORAL_GPU_TASK_QUEUE": QUEUE,
    }
    with (home.root / "worker.log").open("ab") as log:
        return subprocess.Popen([sys.executable, "-m", "ratchet_gpu.worker"], env=env, stdout=log, stderr=log)


def trainers_of(run):
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"ratchet_gpu.train" in command and str(run.path).encode() in command:
            found.append(int(entry.name))
    return found


async def until(condition, seconds, what):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        await asyncio.sleep(0.1)


@pytest.mark.slow
def test_a_killed_worker_goes_on_from_the_last_checkpoint(tmp_path, base_model, make_examples):
    home = Home(tmp_path / "home")
    blobs = Blobs(home.blobs)
    lines = make_examples(16)
    digest = blobs.put("".join(json.dumps(line) + "\n" for line in lines).encode())
    asked = {
        "schemaVersion": 1,
        "runId": "night-1",
        "workload": "tickets",
        "baseModel": base_model.name,
        "datasetDigest": digest,
        "examplesDigest": digest,
        "recipe": {"maxSteps": 8, "batchSize": 4, "epochs": 4, "saveEverySteps": 2},
    }
    run = RunDirectory(home.run("night-1"))

    async def go():
        server = await WorkflowEnvironment.start_local(
            dev_server_existing_path=str(Path(sys.executable).parent / "temporal"),
            interceptors=[TracingInterceptor(TracerProvider(resource=Resource.create({})).get_tracer("test"))],
        )
        processes = []
        try:
            address = server.client.service_client.config.target_host
            processes.append(start_worker(home, base_model.parent, address))
            flows = Worker(
                server.client, task_queue="flows", workflows=[Night], workflow_runner=UnsandboxedWorkflowRunner()
            )
            async with flows:
                handle = await server.client.start_workflow("night", asked, id="night-1", task_queue="flows")
                await until(lambda: (run.last_progress() or {"step": 0})["step"] >= 3, 240, "step 3")
                processes[0].kill()
                await until(lambda: not trainers_of(run), 5, "the trainer to end with its worker")
                processes.append(start_worker(home, base_model.parent, address))
                return await asyncio.wait_for(handle.result(), 300)
        finally:
            for process in processes:
                process.send_signal(signal.SIGTERM)
                process.wait(30)
            await server.shutdown()

    home.root.mkdir(parents=True, exist_ok=True)
    output = asyncio.run(go())
    assert output["steps"] == 8
    assert output["resumedFromStep"] >= 2
    manifest = json.loads(blobs.get(output["adapterDigest"]))
    assert set(manifest["files"]) == {"adapter_config.json", "adapter_model.safetensors"}
    assert manifest["loraRank"] == 16

    # The worker's spans are in one trace, under the span that the caller's side sent along.
    spans = [json.loads(line) for line in home.traces.read_text().splitlines()]
    run_span = next(span for span in spans if span["name"] == "RunActivity:trainAdapter" and span["status"] != "ERROR")
    assert run_span["parentSpanId"]
    for name in ("train", "store adapter"):
        span = next(span for span in spans if span["name"] == name and span["traceId"] == run_span["traceId"])
        assert span["parentSpanId"] == run_span["spanId"]
    for text in (home.traces.read_text(), (home.root / "worker.log").read_text(), run.log.read_text()):
        assert lines[0]["completion"] not in text
