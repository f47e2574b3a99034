"""What several test files need: the small real model, and examples for it."""

import json
import os
import random
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
DIGEST = "sha256:" + "0" * 64


@pytest.fixture(scope="session")
def base_model():
    """Directory of SmolLM2-135M-Instruct, which `npm run setup` puts there."""
    path = Path(os.environ.get("RATCHET_MODELS", REPOSITORY / ".ratchet" / "models")) / "smollm2-135m-instruct"
    if not (path / "model.safetensors").is_file():
        pytest.skip(f"SKIPPED: the real model is not at {path}; run `npm run setup`")
    return path


def examples(count, seed=1):
    """Short tickets whose right answer is JSON of a fixed form."""
    rng = random.Random(seed)
    made = []
    for _ in range(count):
        code, number = rng.choice(["REFUND", "TRACK", "RESET", "ESCALATE"]), rng.randint(100, 999)
        text = f"Order {number} needs {code.lower()}, please. Reported on {rng.choice(['Monday', 'Friday'])}."
        made.append(
            {
                "schemaVersion": 1,
                "kind": "sft",
                "messages": [
                    {"role": "system", "parts": [{"text": "Answer with one JSON object.", "trusted": True}]},
                    {
                        "role": "user",
                        "parts": [{"text": "Ticket: ", "trusted": True}, {"text": text, "trusted": False}],
                    },
                ],
                "completion": json.dumps({"code": code, "order": number, "queue": f"q-{number % 7}"}),
                "clusterId": DIGEST,
                "source": {
                    "interactionDigest": DIGEST,
                    "correctionDigest": None,
                    "failureClasses": ["malformed_json"],
                    "replay": False,
                },
            }
        )
    return made


@pytest.fixture(scope="session")
def make_examples():
    return examples
