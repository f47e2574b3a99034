"""The plugin's operations against a naive reference: one row at a time, rows without adapter untouched."""

import types

import pytest
import torch

from ratchet_gpu import vllm_plugin as plugin

SLOTS, RANK, WIDTH, OUT = 4, 16, 24, 40
MAPPINGS = {
    "one adapter": [2] * 12,
    "one row": [1],
    "no adapter": [-1] * 5,
    "mixed": [0, -1, 3, 0, -1, -1, 2, 2, 3, 0, 1, -1, 1],
    "base first": [-1, -1, -1, 3, 3],
    "long": ([1] * 30 + [-1] * 20 + [3] * 40 + [1] * 9) * 2,
}


def naive(inputs, weights, mapping):
    """Rows of the delta, None where no adapter answers."""
    weights = weights.reshape(SLOTS, weights.shape[-2], weights.shape[-1]).double()
    return [None if slot < 0 else weights[slot] @ row for row, slot in zip(inputs.double(), mapping, strict=True)]


def run_lengths(mapping):
    slots, lengths = torch.unique_consecutive(torch.tensor(mapping), return_counts=True)
    starts = torch.cumsum(lengths, 0) - lengths
    return starts, lengths, slots, len(slots), int(lengths.max()), len(mapping)


def close(actual, expected, dtype):
    torch.testing.assert_close(
        actual.double(),
        expected,
        rtol=3e-2 if dtype == torch.bfloat16 else 1e-5,
        atol=6e-2 if dtype == torch.bfloat16 else 1e-5,
    )


@pytest.mark.parametrize("mapping", MAPPINGS.values(), ids=MAPPINGS.keys())
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("four_dimensional", [True, False], ids=["4d", "3d"])
@pytest.mark.parametrize("prefill", [True, False], ids=["sgmv", "bgmv"])
@pytest.mark.parametrize("add_inputs", [True, False], ids=["add", "set"])
def test_equals_the_naive_reference(mapping, dtype, four_dimensional, prefill, add_inputs):
    torch.manual_seed(7)
    n = len(mapping)
    inputs = torch.randn(n, WIDTH).to(dtype)
    a = torch.randn(SLOTS, 1, RANK, WIDTH).to(dtype)
    b = torch.randn(SLOTS, 1, OUT, RANK).to(dtype) / 4
    if not four_dimensional:
        a, b = a[:, 0], b[:, 0]
    where = run_lengths(mapping) if prefill else (torch.tensor(mapping),)
    shrink, expand, expand_slice = (
        (plugin.sgmv_shrink, plugin.sgmv_expand, plugin.sgmv_expand_slice)
        if prefill
        else (plugin.bgmv_shrink, plugin.bgmv_expand, plugin.bgmv_expand_slice)
    )

    buffer = torch.zeros(n, RANK)
    shrink(inputs, a, buffer, *where, 0.5)
    for row, delta in enumerate(naive(inputs, a, mapping)):
        close(buffer[row], torch.zeros(RANK).double() if delta is None else 0.5 * delta, dtype)

    deltas = naive(buffer, b, mapping)
    before = torch.randn(n, OUT + 20).to(dtype)

    # The whole width; the output is wider than the adapter, as with a padded vocabulary.
    output = before.clone()
    expand(buffer, b, output, *where, add_inputs)
    for row, delta in enumerate(deltas):
        expected = before[row].double().clone()
        if delta is not None:
            expected[:OUT] = delta + (expected[:OUT] if add_inputs else 0)
        close(output[row], expected, dtype)

    # A slice in the middle; everything beside it stays bit for bit.
    output = before.clone()
    expand_slice(buffer, b, output, *where, 10, OUT, add_inputs)
    for row, delta in enumerate(deltas):
        expected = before[row].double().clone()
        if delta is not None:
            expected[10 : 10 + OUT] = delta + (expected[10 : 10 + OUT] if add_inputs else 0)
        close(output[row], expected, dtype)
    assert torch.equal(output[:, :10], before[:, :10])
    assert torch.equal(output[:, 10 + OUT :], before[:, 10 + OUT :])
    alone = [row for row, slot in enumerate(mapping) if slot < 0]
    assert torch.equal(output[alone], before[alone])


def test_a_narrow_output_takes_the_common_width():
    torch.manual_seed(1)
    buffer, b, output = torch.randn(3, RANK), torch.randn(SLOTS, 1, OUT, RANK), torch.zeros(3, OUT - 8)
    plugin.bgmv_expand(buffer, b, output, torch.tensor([0, -1, 2]), True)
    torch.testing.assert_close(output[2], (b[2, 0] @ buffer[2])[: OUT - 8])
    assert not output[1].any()


def test_a_mapping_that_does_not_cover_the_batch_is_an_error():
    with pytest.raises(ValueError, match="covers 2 rows, the batch has 3"):
        plugin.bgmv_shrink(
            torch.ones(3, WIDTH), torch.ones(SLOTS, 1, RANK, WIDTH), torch.zeros(3, RANK), torch.tensor([0, 1])
        )


def test_a_prompts_log_probabilities_need_no_mapping_while_no_adapter_changes_the_output_layer():
    inputs, logits, buffer = torch.randn(9, WIDTH), torch.randn(9, OUT), torch.ones(9, RANK)
    before, one = logits.clone(), torch.tensor([2])
    a, b = torch.zeros(SLOTS, 1, RANK, WIDTH), torch.zeros(SLOTS, 1, OUT, RANK)
    plugin.bgmv_shrink(inputs, a, buffer, one)
    plugin.bgmv_expand(buffer, b, logits, one, True)
    assert torch.equal(logits, before)
    assert not buffer.any()
    # An adapter that changes it: which rows are whose cannot be known.
    a[1] = 1
    with pytest.raises(ValueError, match="covers 1 rows, the batch has 9"):
        plugin.bgmv_shrink(inputs, a, buffer, one)


def twin():
    module = types.ModuleType("twin")
    for operation in plugin.OPERATIONS:
        copy = types.FunctionType(operation.__code__, {}, operation.__name__, operation.__defaults__)
        setattr(module, operation.__name__, copy)
    return module


def test_replaces_all_six_and_may_run_twice():
    module = twin()
    plugin.replace_operations(module, "0.32.0")
    plugin.replace_operations(module, "0.32.0")
    assert all(getattr(module, operation.__name__) is operation for operation in plugin.OPERATIONS)


def test_refuses_operations_that_it_does_not_know():
    module = twin()
    del module.sgmv_shrink

    def bgmv_expand(inputs, weights, output):
        pass

    original = module.bgmv_shrink
    module.bgmv_expand = bgmv_expand
    with pytest.raises(RuntimeError, match=r"bgmv_expand has other parameters; sgmv_shrink is missing"):
        plugin.replace_operations(module, "9.9")
    assert module.bgmv_shrink is original


@pytest.mark.slow
def test_the_installed_vllm_is_known_and_changed_on_cpu():
    punica_cpu = pytest.importorskip("vllm.lora.punica_wrapper.punica_cpu")
    from vllm.platforms import current_platform

    if not current_platform.is_cpu():
        pytest.skip("this vLLM does not serve on CPU: the plugin leaves it alone")
    plugin.register()
    assert all(getattr(punica_cpu, operation.__name__) is operation for operation in plugin.OPERATIONS)
