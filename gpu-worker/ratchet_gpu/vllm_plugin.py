"""vLLM plugin `ratchet_lora`: on CPU, LoRA is one matrix product per adapter in use, and rows without adapter stay alone.

vLLM 0.32 on CPU gathers the adapter's weights once per token, and reads slot -1 ("no adapter") as the last slot, so that
a request without adapter takes on another request's adapter when both share a batch (vllm-project/vllm PR #48421).
Asked for the log-probabilities of a prompt, vLLM computes the logits of more rows than its mapping covers: see `_changes_nothing`.
vLLM finds this module by the entry point `vllm.general_plugins` and calls `register` in each of its processes.
On any other platform than CPU nothing is changed.
"""

import inspect
from collections.abc import Callable
from functools import lru_cache
from types import ModuleType
from typing import Any, TypeAlias

import torch

# At few rows the float32 kernels start faster than the bfloat16 ones (5 against 16 µs at one row), from about 16 rows
# on bfloat16 is faster (25 against 54 µs at 256 rows).
_SMALL_BATCH_ROWS = 8

_Rows: TypeAlias = "slice | torch.Tensor"


@lru_cache(maxsize=256)
def _rows_by_slot(slots: tuple[int, ...], lengths: tuple[int, ...] | None) -> tuple[tuple[int, _Rows], ...]:
    """Which rows each adapter slot serves. Slot -1 is "no adapter" and gets no entry.

    `lengths` says how many rows in turn each slot covers, one row each when None. Every layer of a step asks for the same
    plan: it is kept.
    """
    runs: dict[int, list[tuple[int, int]]] = {}
    start = 0
    for position, slot in enumerate(slots):
        stop = start + (1 if lengths is None else lengths[position])
        if slot >= 0 and stop > start:
            own = runs.setdefault(slot, [])
            if own and own[-1][1] == start:
                own[-1] = (own[-1][0], stop)
            else:
                own.append((start, stop))
        start = stop
    plan: list[tuple[int, _Rows]] = []
    for slot, own in runs.items():
        if len(own) == 1:
            plan.append((slot, slice(*own[0])))
        else:
            plan.append((slot, torch.cat([torch.arange(first, last) for first, last in own])))
    return tuple(plan)


def _plan(slots: torch.Tensor, lengths: torch.Tensor | None, rows: int) -> tuple[tuple[int, _Rows], ...]:
    slot_list = slots.tolist()
    length_list = None if lengths is None else tuple(lengths.tolist())
    covered = len(slot_list) if length_list is None else sum(length_list)
    if covered != rows:
        raise ValueError(f"ratchet_lora: the adapter mapping covers {covered} rows, the batch has {rows}")
    return _rows_by_slot(tuple(slot_list), length_list)


def _changes_nothing(slots: torch.Tensor, rows: int, factor: torch.Tensor) -> bool:
    """True where the mapping covers other rows than the batch has, and it does not matter.

    For a prompt's log-probabilities vLLM computes logits of all its rows, under the mapping of the rows it samples. That is
    right only as long as no adapter changes the output layer (PEFT's "all-linear" leaves it alone): then there is nothing
    to add. Else `_plan` refuses, rather than give a row another adapter's logits.
    """
    return slots.shape[0] != rows and not bool(factor.any())


def _product(inputs: torch.Tensor, weights: torch.Tensor, slot: int, rows: _Rows, dtype: torch.dtype) -> torch.Tensor:
    """inputs[rows] times the transposed weights of one slot; weights are (slots, 1, out, in) or (slots, out, in)."""
    own = weights[slot]
    own = own.reshape(own.shape[-2:])
    picked = inputs[rows]
    kind = torch.float32 if picked.shape[0] <= _SMALL_BATCH_ROWS else dtype
    return torch.mm(picked.to(kind), own.to(kind).t())


def _shrink(
    inputs: torch.Tensor, weights: torch.Tensor, output: torch.Tensor, scale: float, plan: tuple[tuple[int, _Rows], ...]
) -> None:
    target = output[:, : weights.shape[-2]]
    # The result is rounded to the expand step's type afterwards in any case: nothing is lost by multiplying in it here.
    dtype = inputs.dtype if inputs.dtype == weights.dtype else output.dtype
    for slot, rows in plan:
        result = _product(inputs, weights, slot, rows, dtype)
        target[rows] = (result if scale == 1.0 else result * scale).to(output.dtype)


def _expand(
    inputs: torch.Tensor,
    weights: torch.Tensor,
    output: torch.Tensor,
    offset: int,
    size: int,
    add_inputs: bool,
    plan: tuple[tuple[int, _Rows], ...],
) -> None:
    target = output[:, offset : offset + size]
    for slot, rows in plan:
        result = _product(inputs, weights, slot, rows, output.dtype)[:, :size]
        if not add_inputs:
            target[rows] = result.to(output.dtype)
        elif isinstance(rows, slice):
            target[rows].add_(result)
        else:
            target.index_add_(0, rows, result.to(output.dtype))


def _common_size(weights: torch.Tensor, output: torch.Tensor) -> int:
    # Adapter and model may pad the vocabulary differently.
    return min(weights.shape[-2], output.shape[1])


# Below: the six operations under the names and with the parameters that vLLM calls them by.


def bgmv_shrink(
    inputs: torch.Tensor,
    lora_b_weights: torch.Tensor,
    output_tensor: torch.Tensor,
    lora_indices_tensor: torch.Tensor,
    scaling: float = 1.0,
) -> None:
    if _changes_nothing(lora_indices_tensor, inputs.shape[0], lora_b_weights):
        output_tensor.zero_()
        return
    plan = _plan(lora_indices_tensor, None, inputs.shape[0])
    _shrink(inputs, lora_b_weights, output_tensor, scaling, plan)


def bgmv_expand(
    inputs: torch.Tensor,
    lora_b_weights: torch.Tensor,
    output_tensor: torch.Tensor,
    lora_indices_tensor: torch.Tensor,
    add_inputs: bool = True,
) -> None:
    if add_inputs and _changes_nothing(lora_indices_tensor, inputs.shape[0], inputs):
        return
    plan = _plan(lora_indices_tensor, None, inputs.shape[0])
    size = _common_size(lora_b_weights, output_tensor)
    _expand(inputs, lora_b_weights, output_tensor, 0, size, add_inputs, plan)


def bgmv_expand_slice(
    inputs: torch.Tensor,
    lora_b_weights: torch.Tensor,
    output_tensor: torch.Tensor,
    lora_indices_tensor: torch.Tensor,
    slice_offset: int,
    slice_size: int,
    add_inputs: bool = True,
) -> None:
    plan = _plan(lora_indices_tensor, None, inputs.shape[0])
    _expand(inputs, lora_b_weights, output_tensor, slice_offset, slice_size, add_inputs, plan)


def sgmv_shrink(
    inputs: torch.Tensor,
    lora_a_weights: torch.Tensor,
    output_tensor: torch.Tensor,
    b_seq_start_loc: torch.Tensor,
    seq_len_tensor: torch.Tensor,
    lora_indices_tensor: torch.Tensor,
    batches: int,
    max_seq_length: int,
    token_nums: int,
    scaling: float,
) -> None:
    plan = _plan(lora_indices_tensor, seq_len_tensor, inputs.shape[0])
    _shrink(inputs, lora_a_weights, output_tensor, scaling, plan)


def sgmv_expand(
    inputs: torch.Tensor,
    lora_b_weights: torch.Tensor,
    output_tensor: torch.Tensor,
    b_seq_start_loc: torch.Tensor,
    seq_len_tensor: torch.Tensor,
    lora_indices_tensor: torch.Tensor,
    batches: int,
    max_seq_length: int,
    token_nums: int,
    add_inputs: bool = False,
) -> None:
    plan = _plan(lora_indices_tensor, seq_len_tensor, inputs.shape[0])
    size = _common_size(lora_b_weights, output_tensor)
    _expand(inputs, lora_b_weights, output_tensor, 0, size, add_inputs, plan)


def sgmv_expand_slice(
    inputs: torch.Tensor,
    lora_b_weights: torch.Tensor,
    output_tensor: torch.Tensor,
    b_seq_start_loc: torch.Tensor,
    seq_len_tensor: torch.Tensor,
    lora_indices_tensor: torch.Tensor,
    batches: int,
    max_seq_length: int,
    token_nums: int,
    slice_offset: int,
    slice_size: int,
    add_inputs: bool = False,
) -> None:
    plan = _plan(lora_indices_tensor, seq_len_tensor, inputs.shape[0])
    _expand(inputs, lora_b_weights, output_tensor, slice_offset, slice_size, add_inputs, plan)


OPERATIONS: tuple[Callable[..., None], ...] = (
    bgmv_shrink,
    bgmv_expand,
    bgmv_expand_slice,
    sgmv_shrink,
    sgmv_expand,
    sgmv_expand_slice,
)


def _parameters(function: Callable[..., Any]) -> list[tuple[str, Any]]:
    return [(name, parameter.default) for name, parameter in inspect.signature(function).parameters.items()]


def replace_operations(module: ModuleType, version: str) -> None:
    """Puts our six operations in place of the module's own. Raises RuntimeError, changing nothing, if one differs."""
    unknown = []
    for ours in OPERATIONS:
        theirs = getattr(module, ours.__name__, None)
        if theirs is None:
            unknown.append(f"{ours.__name__} is missing")
        elif _parameters(theirs) != _parameters(ours):
            unknown.append(f"{ours.__name__} has other parameters")
    if unknown:
        raise RuntimeError(
            f"ratchet_lora does not know the LoRA operations of vLLM {version} on CPU ({module.__name__}: "
            f"{'; '.join(unknown)}). Without the plugin this engine may answer one request with another's adapter. "
            "Install the vLLM version of gpu-worker/requirements.txt, or a ratchet-gpu release made for this one."
        )
    for ours in OPERATIONS:
        setattr(module, ours.__name__, ours)


def register() -> None:
    """Called by vLLM in each of its processes; may be called again."""
    import vllm
    from vllm.platforms import current_platform

    if not current_platform.is_cpu():
        return
    from vllm.lora.punica_wrapper import punica_cpu

    replace_operations(punica_cpu, str(getattr(vllm, "__version__", "of unknown version")))
