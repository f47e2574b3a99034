"""The golden examples that tests/contracts/golden.test.ts reads, validated with the same committed JSON Schemas."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import regex

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = sorted((ROOT / "tests/contracts/golden").glob("*.json"))
# Date formats are annotations unless a checker with its own dependency is there: zod and ajv check those on the TypeScript side.
FORMAT_ONLY = {("BlindTruth", "time")}


def pattern(validator: Any, wanted: str, instance: Any, _schema: Any) -> Any:
    """Patterns are those of JSON Schema (ECMA-262): names of people need \\p{L}, which Python's own `re` lacks."""
    if validator.is_type(instance, "string") and regex.search(wanted, instance) is None:
        yield jsonschema.ValidationError(f"does not match {wanted}")


Validator = jsonschema.validators.extend(jsonschema.Draft202012Validator, {"pattern": pattern})


def cases() -> list[tuple[str, dict[str, Any], bool, str]]:
    found = []
    for file in GOLDEN:
        golden = json.loads(file.read_text())
        found += [(file.stem, document, True, "valid") for document in golden["valid"]]
        for change in golden["invalid"]:
            if (file.stem, ".".join(change["path"])) in FORMAT_ONLY:
                continue
            document = copy.deepcopy(golden["valid"][0])
            target = document
            for key in change["path"][:-1]:
                target = target[key]
            target[change["path"][-1]] = change["value"]
            found.append((file.stem, document, False, ".".join(change["path"])))
    return found


@pytest.mark.parametrize(("name", "document", "valid", "what"), cases(), ids=lambda value: value if isinstance(value, str) else "")
def test_golden_example(name: str, document: dict[str, Any], valid: bool, what: str) -> None:
    schema = json.loads((ROOT / f"core/contracts/json/{name}.schema.json").read_text())
    assert Validator(schema).is_valid(document) is valid, what
