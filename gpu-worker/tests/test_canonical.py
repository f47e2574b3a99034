"""Canonical JSON against the vectors that core/digest.ts is held to, and what it must refuse."""

import json
import math
import random
import struct
from pathlib import Path

import pytest

from ratchet_gpu.canonical import canonical_json, digest_of_json

VECTORS = json.loads((Path(__file__).parents[2] / "tests/contracts/canonical.json").read_text("utf-8"))["cases"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_golden_vector(vector):
    assert canonical_json(vector["value"]) == vector["canonical"]
    assert digest_of_json(vector["value"]) == vector["digest"]


@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, -math.inf, 2**53 + 1, -(2**53) - 1, "\ud800", {1: "a"}, {"a": {2, 3}}, b"bytes"],
    ids=repr,
)
def test_refuses_what_json_cannot_carry(value):
    with pytest.raises(ValueError, match=r"\w") as caught:
        canonical_json(["seeded-secret", value])
    assert "seeded-secret" not in str(caught.value)


def test_every_double_comes_back_as_itself():
    rng = random.Random(5)
    for _ in range(20_000):
        (value,) = struct.unpack("<d", rng.getrandbits(64).to_bytes(8, "little"))
        if math.isfinite(value):
            text = canonical_json(value)
            assert float(text) == value
            assert len(text) <= len(repr(value)) + 16


def test_order_of_keys_and_form_of_numbers_do_not_matter():
    assert (
        canonical_json({"b": 1.0, "a": [1e0, 10 / 10]}) == canonical_json({"a": [1, 1], "b": 1}) == '{"a":[1,1],"b":1}'
    )
