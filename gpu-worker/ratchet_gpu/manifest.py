"""The manifest that names an adapter: everything it was made from, and nothing that differs between two equal runs.

The base is named by the digests of its files: weights and configuration (`baseDigest`), tokenizer (`tokenizerDigest`),
chat template as the tokenizer applies it (`chatTemplateDigest`). The first two are digests of {file name: sha256}.
"""

import json
from pathlib import Path
from typing import Any

from ratchet_gpu.blobs import digest_of_bytes, digest_of_file
from ratchet_gpu.canonical import digest_of_json
from ratchet_gpu.errors import RatchetError

_WEIGHTS = ("*.safetensors", "*.safetensors.index.json", "config.json")
_TRAINING = (
    "steps",
    "tokens",
    "examples",
    "tooLong",
    "firstLoss",
    "finalLoss",
    "failureLossBefore",
    "failureLossAfter",
    "trainer",
)
_TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "tokenizer.model", "special_tokens_map.json", "vocab.json", "merges.txt", "added_tokens.json")  # fmt: skip


def base_digests(base: Path) -> dict[str, str]:
    """baseDigest, tokenizerDigest and chatTemplateDigest of a model directory. Reads all of its weights once."""

    def files(patterns: tuple[str, ...]) -> str:
        found = sorted({path for pattern in patterns for path in base.glob(pattern)})
        return digest_of_json({path.name: digest_of_file(path) for path in found})

    return {
        "baseDigest": files(_WEIGHTS),
        "tokenizerDigest": files(_TOKENIZER),
        "chatTemplateDigest": digest_of_bytes(_chat_template(base).encode("utf-8")),
    }


def _chat_template(base: Path) -> str:
    own_file = base / "chat_template.jinja"
    if own_file.is_file():
        return own_file.read_text("utf-8")
    template = json.loads((base / "tokenizer_config.json").read_text("utf-8")).get("chat_template")
    if not isinstance(template, str):
        raise RatchetError("BASE_MODEL_MISSING", f"The base model {base.name} has no chat template.")
    return template


def build_manifest(
    asked: dict[str, Any],
    recipe: dict[str, Any],
    digests: dict[str, str],
    files: dict[str, str],
    result: dict[str, Any],
) -> dict[str, Any]:
    """The AdapterManifest of core/contracts/adapter.ts. `asked` is TrainAdapterInput, `result` the trainer's result."""
    return {
        "schemaVersion": 1,
        "workload": asked["workload"],
        "baseModel": asked["baseModel"],
        **digests,
        "quantization": "nf4 double-quantized" if recipe["quantization"] == "nf4" else recipe["computeDtype"],
        "datasetDigest": asked["datasetDigest"],
        # Over the recipe as it was written, without the defaults filled in here.
        "recipeDigest": digest_of_json(asked["recipe"]),
        "recipe": recipe,
        "loraRank": result["loraRank"],
        "targetModules": result["targetModules"],
        "files": files,
        "training": {key: result[key] for key in _TRAINING},
    }
