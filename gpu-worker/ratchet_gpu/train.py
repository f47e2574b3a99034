"""Trains one LoRA adapter: TRL's SFTTrainer with PEFT and bitsandbytes, the whole recipe top to bottom.

    python -m ratchet_gpu.train RUN_DIR [--parent PID]

RUN_DIR/request.json says what to train ({input, basePath, examplesPath}); the other files are listed in
run_directory.py. Killed at any moment and started again, it goes on from the last complete checkpoint. With --parent
it ends when that process does. Exit codes: 0 the adapter is there, 65 failure.json says why not, 75 another trainer
holds the directory; anything else is a death to be tried again.

No forward pass in eval mode before or while training: on CPUs with AVX512-BF16 bitsandbytes would repack the 4-bit
weights on it, and training in the same process would stall at a high loss without an error. So there is no evaluation
here; held-out loss belongs into a process of its own.
"""

import argparse
import json
import logging
import math
import os
import resource
import shutil
import sys
import time
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

_CORES = len(os.sched_getaffinity(0))
# Before the libraries read them: never ask the hub, one thread per core and none of the tokenizer's own.
os.environ.update(
    HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", TOKENIZERS_PARALLELISM="false", OMP_NUM_THREADS=str(_CORES)
)

import torch
from datasets import Dataset, disable_progress_bars
from peft import LoraConfig
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig, TrainerCallback
from transformers.utils.logging import disable_progress_bar
from trl import SFTConfig, SFTTrainer

from ratchet_gpu.errors import RatchetError, safe_trace
from ratchet_gpu.plan import Plan, plan_run
from ratchet_gpu.process import die_with
from ratchet_gpu.run_directory import EXIT_FAILED, EXIT_LOCKED, RunDirectory, read_json, write_json

# Checkpointing of activations costs a second forward pass: only models that would not fit otherwise pay for it.
_CHECKPOINTING_FROM_PARAMETERS = 1_000_000_000
# Failure rows whose loss is compared before and after; a loss that fell by less than this has not learned (healthy
# runs fall by half and more).
_JUDGED_ROWS = 8
_LEAST_FALL = 0.02


def train(run: RunDirectory) -> dict[str, Any]:
    """Trains, writes run.adapter, returns the content of result.json."""
    request = read_json(run.request)
    asked: dict[str, Any] = request["input"]
    recipe: dict[str, Any] = asked["recipe"]
    torch.set_num_threads(_CORES)

    dtype = {"bfloat16": torch.bfloat16, "float32": torch.float32}[recipe["computeDtype"]]
    on_gpu = torch.cuda.is_available()
    model = load_base(request["basePath"], recipe["quantization"], dtype)
    tokenizer = AutoTokenizer.from_pretrained(request["basePath"])
    examples = [json.loads(line) for line in Path(request["examplesPath"]).read_text("utf-8").splitlines()]

    trainer = AdapterTrainer(
        model=model,
        args=SFTConfig(
            output_dir=str(run.path),
            per_device_train_batch_size=recipe["microBatchSize"],
            gradient_accumulation_steps=max(1, recipe["batchSize"] // recipe["microBatchSize"]),
            learning_rate=recipe["learningRate"],
            lr_scheduler_type=recipe["schedule"],
            weight_decay=0.0,
            seed=recipe["seed"],
            save_steps=recipe["saveEverySteps"],
            save_total_limit=2,
            logging_steps=1,
            report_to="none",
            disable_tqdm=True,
            use_cpu=not on_gpu,
            # The adapter is multiplied in the compute type, kept and updated in float32.
            bf16=dtype == torch.bfloat16,
            gradient_checkpointing=model.num_parameters() >= _CHECKPOINTING_FROM_PARAMETERS,
            # Packed examples see each other's tokens with SDPA attention. Too long rows are left out, never cut.
            packing=False,
            max_length=None,
            # oneDNN keeps compiled kernels per length: without rounding, memory grows with every new length
            # (4.2 GB and rising after 14 steps of single rows, 3.2 GB and level with it; same speed).
            pad_to_multiple_of=64,
            completion_only_loss=True,
            dataloader_pin_memory=on_gpu,
        ),
        train_dataset=Dataset.from_list(chat_rows(examples)),
        processing_class=tokenizer,
        peft_config=LoraConfig(
            r=recipe["loraRank"],
            lora_alpha=recipe["loraAlpha"],
            lora_dropout=recipe["loraDropout"],
            target_modules="all-linear",
            task_type="CAUSAL_LM",
        ),
    )
    adapter_to_float32(trainer.model)
    fitting = [index for index, ids in enumerate(trainer.train_dataset["input_ids"]) if len(ids) <= recipe["maxLength"]]
    if not fitting:
        raise RatchetError(
            "DATASET_INVALID", f"All {len(examples)} examples are longer than {recipe['maxLength']} tokens."
        )
    trainer.train_dataset = trainer.train_dataset.select(fitting)
    plan = plan_run([len(ids) for ids in trainer.train_dataset["input_ids"]], recipe)
    trainer.follow(plan, recipe["warmupRatio"])

    run.remove_incomplete()
    last = next(reversed(run.checkpoints()), None)
    watch = Watch(run, plan, last.seconds if last else 0.0)
    trainer.add_callback(watch)
    trainer.train(resume_from_checkpoint=str(last.path) if last else None)

    failures = [at for at in sorted(set(plan.order)) if not examples[fitting[at]]["source"]["replay"]]
    before, after = trainer.loss_before_and_after(failures or sorted(set(plan.order)))
    judge(before, after)
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    quarter = max(1, len(losses) // 4)
    config = write_adapter(trainer.model, run, asked["baseModel"])
    tokens = plan.tokens_after[-1]
    return {
        "steps": plan.steps,
        "tokens": tokens,
        "examples": len(fitting),
        "tooLong": len(examples) - len(fitting),
        # Means of the first and of the last quarter of the steps: one step's loss says as much about its examples.
        "firstLoss": round(sum(losses[:quarter]) / quarter, 6),
        "finalLoss": round(sum(losses[-quarter:]) / quarter, 6),
        "failureLossBefore": round(before, 6),
        "failureLossAfter": round(after, 6),
        "seconds": round(watch.seconds(), 3),
        "tokensPerSecond": round(tokens / watch.seconds(), 3),
        "peakMemoryBytes": torch.cuda.max_memory_allocated() if on_gpu else peak_resident_bytes(),
        "resumedFromStep": last.step if last else None,
        "loraRank": config["r"],
        "targetModules": config["target_modules"],
        "trainer": "; ".join(f"{name} {version(name)}" for name in _NAMED_VERSIONS),
    }


_NAMED_VERSIONS = ("ratchet-gpu", "trl", "peft", "bitsandbytes", "transformers", "torch")


def load_base(path: str, quantization: str, dtype: torch.dtype) -> Any:
    quantized = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )
    return AutoModelForCausalLM.from_pretrained(
        path,
        dtype=dtype,
        attn_implementation="sdpa",
        quantization_config=quantized if quantization == "nf4" else None,
        device_map={"": 0} if torch.cuda.is_available() else None,
    )


def chat_rows(examples: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Examples as TRL's prompt and completion: the loss counts the completion alone, so no untrusted span ever does.

    Tools travel as JSON text (TRL reads it back): as columns, every tool would get the others' keys.
    """
    rows: list[dict[str, Any]] = [
        {
            "prompt": [chat_message(message) for message in example["messages"]],
            "completion": [{"role": "assistant", "content": example["completion"]}],
        }
        for example in examples
    ]
    if any("tools" in example for example in examples):
        for row, example in zip(rows, examples, strict=True):
            tools = [{"type": "function", "function": tool} for tool in example.get("tools", [])]
            row["tools"] = json.dumps(tools) if tools else None
    return rows


def chat_message(message: dict[str, Any]) -> dict[str, Any]:
    chat: dict[str, Any] = {"role": message["role"], "content": "".join(part["text"] for part in message["parts"])}
    if "name" in message:
        chat["name"] = message["name"]
    if "toolCallId" in message:
        chat["tool_call_id"] = message["toolCallId"]
    if "toolCalls" in message:
        chat["tool_calls"] = [
            {"type": "function", "function": {"name": call["name"], "arguments": call["arguments"]}}
            for call in message["toolCalls"]
        ]
    return chat


class AdapterTrainer(SFTTrainer):
    """SFTTrainer that follows a plan and, on CPU, multiplies by the vocabulary only where the loss counts."""

    plan: Plan

    def follow(self, plan: Plan, warmup_ratio: float) -> None:
        self.plan = plan
        self.args.max_steps = plan.steps
        # Rounded down: the first warm-up step has a rate of 0, which a run of 20 steps cannot spare.
        self.args.warmup_steps = math.floor(warmup_ratio * plan.steps)

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        return self.plan.order

    def loss_before_and_after(self, rows: list[int]) -> tuple[float, float]:
        """Loss on some of these rows with the base alone and with the adapter: the same rows, so few are enough.

        Training is over by now, and even so nothing runs in eval mode.
        """
        chosen = rows[:: max(1, len(rows) // _JUDGED_ROWS)][:_JUDGED_ROWS]

        def mean() -> float:
            total, counted = 0.0, 0
            with torch.no_grad(), self.compute_loss_context_manager():
                for row in chosen:
                    batch = self._prepare_inputs(self.data_collator([self.train_dataset[row]]))
                    count = int((batch["labels"][:, 1:] != -100).sum())
                    total += float(self.compute_loss(self.model, batch)) * count
                    counted += count
            return total / counted

        with self.model.disable_adapter():
            before = mean()
        return before, mean()

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """TRL's loss. Off the GPU, TRL multiplies every position by the vocabulary and drops most of it afterwards."""
        if inputs["input_ids"].device.type != "cpu" or return_outputs:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        causal = model.get_base_model()
        hidden = causal.base_model(
            input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], use_cache=False
        ).last_hidden_state[:, :-1]
        labels = inputs["labels"][:, 1:]
        counted = labels != -100
        logits = causal.get_output_embeddings()(hidden[counted])
        loss = torch.nn.functional.cross_entropy(logits.float(), labels[counted], reduction="sum")
        return loss / (counted.sum() if num_items_in_batch is None else num_items_in_batch)


class Watch(TrainerCallback):
    """Keeps the promises of a run while it runs: float32 adapter, unpacked base, finite loss, progress, marks."""

    def __init__(self, run: RunDirectory, plan: Plan, seconds_before: float) -> None:
        self._run = run
        self._plan = plan
        self._before = seconds_before
        self._started = time.monotonic()
        self._first_step = 0

    def seconds(self) -> float:
        return self._before + time.monotonic() - self._started

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        assert_float32(model)
        self._started = time.monotonic()
        self._first_step = state.global_step

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        assert_not_repacked(model)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        if logs is None or "loss" not in logs:
            return
        step, total = state.global_step, self._plan.steps
        if not math.isfinite(logs["loss"]):
            raise RatchetError("TRAINING_DIVERGED", f"The loss is not a number at step {step} of {total}.")
        elapsed = time.monotonic() - self._started
        self._run.append_progress(
            {
                "step": step,
                "totalSteps": total,
                "loss": logs["loss"],
                "tokens": self._plan.tokens_after[step - 1],
                "seconds": round(self.seconds(), 2),
                "secondsLeft": round(elapsed / (step - self._first_step) * (total - step), 1),
            }
        )

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._run.mark_complete(state.global_step, self.seconds())

    def on_train_end(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        assert_float32(model)


def adapter_to_float32(model: Any) -> None:
    """TRL casts the adapter of a quantized base to bfloat16, where small updates are lost."""
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()


def assert_float32(model: Any) -> None:
    trained = [parameter.dtype for parameter in model.parameters() if parameter.requires_grad]
    if not trained or set(trained) != {torch.float32}:
        raise RatchetError("RECIPE_INVALID", "The adapter is not held in float32; its updates would be rounded away.")


def assert_not_repacked(model: Any) -> None:
    for parameter in model.parameters():
        if getattr(getattr(parameter, "quant_state", None), "packing_format_for_cpu", False):
            raise RatchetError(
                "TRAINING_DIVERGED",
                "bitsandbytes repacked the 4-bit base for inference (a forward pass in eval mode); "
                "training on it would stall.",
            )


def judge(before: float, after: float) -> None:
    """Raises TRAINING_DIVERGED when the loss on the failure rows did not fall."""
    if not after <= before * (1 - _LEAST_FALL):
        raise RatchetError(
            "TRAINING_DIVERGED",
            f"The loss on the failure rows did not fall: {before:.4f} with the base, {after:.4f} with the adapter.",
        )


def write_adapter(model: Any, run: RunDirectory, base_name: str) -> dict[str, Any]:
    """Writes run.adapter, whole or not at all: float32 weights and a config that is the same for the same run."""
    made = run.path / "adapter.tmp"
    shutil.rmtree(made, ignore_errors=True)
    shutil.rmtree(run.adapter, ignore_errors=True)
    model.save_pretrained(str(made))
    (made / "README.md").unlink(missing_ok=True)
    with safe_open(made / "adapter_model.safetensors", "pt") as weights:
        types = {weights.get_slice(name).get_dtype() for name in weights.keys()}  # noqa: SIM118
    if types != {"F32"}:
        raise RatchetError("RECIPE_INVALID", f"The saved adapter holds {', '.join(sorted(types))}, not float32.")
    config: dict[str, Any] = read_json(made / "adapter_config.json")
    # PEFT writes a set in random order, and the base's path on this machine.
    config["target_modules"] = sorted(config["target_modules"])
    config["base_model_name_or_path"] = base_name
    (made / "adapter_config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", "utf-8")
    made.rename(run.adapter)
    return config


def peak_resident_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m ratchet_gpu.train", description=__doc__.partition("\n")[0])
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("--parent", type=int)
    options = parser.parse_args(arguments)
    if options.parent is not None:
        die_with(options.parent)
    # Libraries quote examples in warnings; the log must not hold any.
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    disable_progress_bar()
    disable_progress_bars()
    run = RunDirectory(options.run_dir)
    try:
        with run.lock():
            run.failure.unlink(missing_ok=True)
            if read_json(run.result) is None:
                write_json(run.result, train(run))
    except RatchetError as error:
        print(f"{error.code}: {error.message}", file=sys.stderr)
        if error.code == "RUN_DIRECTORY_LOCKED":
            return EXIT_LOCKED
        write_json(run.failure, {"code": error.code, "message": error.message})
        return EXIT_FAILED
    except Exception as error:
        # The usual traceback would print messages of libraries, which quote examples.
        print(safe_trace(error), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
