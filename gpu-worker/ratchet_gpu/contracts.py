"""Validation with the JSON Schemas that are generated from core/contracts; an error names places, never values."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from ratchet_gpu.errors import RatchetError

_SCHEMAS = Path(__file__).resolve().parents[2] / "core" / "contracts" / "json"


@cache
def schema(name: str) -> dict[str, Any]:
    try:
        loaded: dict[str, Any] = json.loads((_SCHEMAS / f"{name}.schema.json").read_text("utf-8"))
    except OSError:
        raise RatchetError(
            "CONFIG_INVALID", f"{name}.schema.json is not in core/contracts/json; run the worker from a clone."
        ) from None
    return loaded


@cache
def _validator(name: str) -> Any:
    return Draft202012Validator(schema(name))


def problem(name: str, value: Any) -> str | None:
    """JSON pointer and broken rule of the most telling mistake, None when the value fits the contract."""
    error = best_match(_validator(name).iter_errors(value))
    return None if error is None else _place(error)


def _place(error: ValidationError) -> str:
    pointer = "".join(f"/{step}" for step in error.absolute_path) or "/"
    rule = str(error.validator)
    if rule == "required" and isinstance(error.instance, dict):
        missing = [key for key in error.validator_value if key not in error.instance]
        return f"{pointer} lacks {', '.join(missing)}"
    if rule == "additionalProperties":
        return f"{pointer} has a key that the contract does not know"
    if rule in ("type", "const", "enum", "minimum", "maximum", "exclusiveMinimum", "minLength", "minItems", "pattern"):
        return f"{pointer} breaks {rule} {json.dumps(error.validator_value)}"
    return f"{pointer} breaks {rule}"


def defaults(name: str, *path: str) -> dict[str, Any]:
    """Default of every property that has one, in the object schema at `path` (names of properties)."""
    node = schema(name)
    for step in path:
        node = node["properties"][step]
    return {key: rule["default"] for key, rule in node["properties"].items() if "default" in rule}
