"""Which examples each optimizer step sees: a pure function of their lengths, the recipe and its seed.

The whole run is laid out before it starts. So the learning-rate schedule ends where the run ends, the token budget is
exact, and a resumed run sees what it would have seen.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ratchet_gpu.errors import RatchetError

# Examples are sorted by length inside windows of this many steps: enough to pad little, few enough to stay mixed.
_WINDOW_STEPS = 4


@dataclass(frozen=True)
class Plan:
    order: list[int]
    """Indices of examples, batchSize of them per step, in the order of training."""
    tokens_after: list[int]
    """Tokens seen (prompt and completion, padding excluded) after each step; its length is the number of steps."""

    @property
    def steps(self) -> int:
        return len(self.tokens_after)


def plan_run(lengths: list[int], recipe: dict[str, Any]) -> Plan:
    """`lengths` are tokens per example. Raises RECIPE_INVALID when no step fits."""
    batch, micro = recipe["batchSize"], recipe["microBatchSize"]
    if batch % micro:
        raise RatchetError("RECIPE_INVALID", f"recipe.batchSize ({batch}) is no multiple of microBatchSize ({micro}).")
    steps = max(1, round(len(lengths) * recipe["epochs"] / batch))
    steps = min(steps, recipe.get("maxSteps") or steps)
    order: list[int] = []
    tokens_after: list[int] = []
    tokens = 0
    for step in _steps(lengths, batch, micro, random.Random(recipe["seed"])):
        tokens += sum(lengths[index] for index in step)
        if len(tokens_after) == steps or tokens > (recipe.get("maxTokens") or tokens):
            break
        order += step
        tokens_after.append(tokens)
    if not tokens_after:
        raise RatchetError(
            "RECIPE_INVALID", f"recipe.maxTokens ({recipe['maxTokens']}) is less than one step takes ({tokens} tokens)."
        )
    return Plan(order, tokens_after)


def _steps(lengths: list[int], batch: int, micro: int, rng: random.Random) -> Iterator[list[int]]:
    """Steps without end: every epoch is a permutation, windows of them are put into micro-batches of like length."""

    def endless() -> Iterator[int]:
        while True:
            epoch = list(range(len(lengths)))
            rng.shuffle(epoch)
            yield from epoch

    stream = endless()
    while True:
        window = sorted((next(stream) for _ in range(batch * _WINDOW_STEPS)), key=lambda index: lengths[index])
        micro_batches = [window[at : at + micro] for at in range(0, len(window), micro)]
        rng.shuffle(micro_batches)
        flat = [index for micro_batch in micro_batches for index in micro_batch]
        for at in range(0, len(flat), batch):
            yield flat[at : at + batch]
