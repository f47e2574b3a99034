"""Errors with stable codes: the table is generated from core/errors.ts, the code is the Temporal failure type.

A message says what happened and where; it never carries a value of a record. Libraries love to quote values, so of a
foreign exception only the class and the places in the code are kept.
"""

import json
import traceback
from functools import cache
from pathlib import Path
from typing import TypedDict

from temporalio.exceptions import ApplicationError


class _Row(TypedDict):
    retryable: bool
    next: str


@cache
def error_table() -> dict[str, _Row]:
    table: dict[str, _Row] = json.loads((Path(__file__).parent / "errors.json").read_text("utf-8"))
    return table


class RatchetError(Exception):
    """An error that a person can act on; `code` is one of core/errors.ts."""

    def __init__(self, code: str, message: str) -> None:
        if code not in error_table():
            raise KeyError(f"{code} is not in core/errors.ts")
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def retryable(self) -> bool:
        return error_table()[self.code]["retryable"]

    def as_failure(self) -> ApplicationError:
        """The failure that Temporal keeps: type = code, retried or not as the table says."""
        text = f"{self.message} Next: {error_table()[self.code]['next']}"
        return ApplicationError(text, type=self.code, non_retryable=not self.retryable)


def safe_message(error: BaseException) -> str:
    """Our own words, or only the class of a foreign exception."""
    if isinstance(error, RatchetError):
        return f"{error.code}: {error.message}"
    if isinstance(error, OSError) and error.errno is not None:
        return f"{type(error).__name__} (errno {error.errno})"
    return type(error).__name__


def safe_trace(error: BaseException) -> str:
    """Places in the code and exception classes, innermost last; no message of a foreign exception."""
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.insert(0, current)
        current = current.__cause__ or current.__context__
    lines = []
    for each in chain:
        for frame in traceback.extract_tb(each.__traceback__):
            lines.append(f"  {Path(frame.filename).name}:{frame.lineno} in {frame.name}")
        lines.append(safe_message(each))
    return "\n".join(lines)
