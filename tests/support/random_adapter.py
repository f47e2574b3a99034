"""Writes a random LoRA adapter (PEFT's format, all linear layers) for a Llama-shaped model, for tests without training.

    python tests/support/random_adapter.py --model MODEL_DIR --out DIR --seed 1 --scale 1.0
"""

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import save_file


def shapes(config: dict) -> dict[str, tuple[int, int]]:
    """Each linear layer's path inside a block, with its number of inputs and outputs."""
    hidden, inner, heads = config["hidden_size"], config["intermediate_size"], config["num_attention_heads"]
    head = config.get("head_dim") or hidden // heads
    keys = config["num_key_value_heads"] * head
    return {
        "self_attn.q_proj": (hidden, heads * head),
        "self_attn.k_proj": (hidden, keys),
        "self_attn.v_proj": (hidden, keys),
        "self_attn.o_proj": (heads * head, hidden),
        "mlp.gate_proj": (hidden, inner),
        "mlp.up_proj": (hidden, inner),
        "mlp.down_proj": (inner, hidden),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--scale", type=float, default=1.0, help="size of an update; 1 shifts each layer's output by about a tenth")
    arguments = parser.parse_args()

    config = json.loads((arguments.model / "config.json").read_text())
    generator = torch.Generator().manual_seed(arguments.seed)
    rank = arguments.rank
    tensors = {}
    for block in range(config["num_hidden_layers"]):
        for path, (inputs, outputs) in shapes(config).items():
            prefix = f"base_model.model.model.layers.{block}.{path}"
            tensors[f"{prefix}.lora_A.weight"] = torch.randn(rank, inputs, generator=generator) / inputs**0.5
            tensors[f"{prefix}.lora_B.weight"] = torch.randn(outputs, rank, generator=generator) * (0.02 * arguments.scale)
    arguments.out.mkdir(parents=True, exist_ok=True)
    save_file(tensors, arguments.out / "adapter_model.safetensors", metadata={"format": "pt"})
    adapter_config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": arguments.model.name,
        "inference_mode": True,
        "bias": "none",
        "fan_in_fan_out": False,
        "init_lora_weights": True,
        "lora_alpha": 2 * rank,
        "lora_dropout": 0.0,
        "r": rank,
        "target_modules": sorted(path.split(".")[-1] for path in shapes(config)),
    }
    (arguments.out / "adapter_config.json").write_text(json.dumps(adapter_config, indent=2, sort_keys=True))


if __name__ == "__main__":
    main()
