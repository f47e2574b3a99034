"""The plan of a run: exact budgets, every example in every epoch, little padding, the same for the same seed."""

import random

import pytest

from ratchet_gpu.errors import RatchetError
from ratchet_gpu.plan import plan_run

RECIPE = {"batchSize": 8, "microBatchSize": 2, "epochs": 2, "seed": 17}
_rng = random.Random(3)
LENGTHS = [_rng.randint(200, 800) for _ in range(96)]


def test_two_epochs_see_every_example_twice():
    plan = plan_run(LENGTHS, RECIPE)
    assert plan.steps == 24
    assert sorted(plan.order) == sorted([*range(96)] * 2)
    assert plan.tokens_after[-1] == 2 * sum(LENGTHS)
    assert plan.tokens_after[4] == sum(LENGTHS[index] for index in plan.order[: 5 * 8])


def test_the_same_seed_gives_the_same_plan():
    assert plan_run(LENGTHS, RECIPE) == plan_run(LENGTHS, RECIPE)
    assert plan_run(LENGTHS, RECIPE).order != plan_run(LENGTHS, {**RECIPE, "seed": 18}).order


def test_the_token_budget_ends_the_run_before_the_step_that_would_pass_it():
    whole = plan_run(LENGTHS, RECIPE)
    for budget in (whole.tokens_after[9], whole.tokens_after[9] + 1, whole.tokens_after[10] - 1):
        plan = plan_run(LENGTHS, {**RECIPE, "maxTokens": budget})
        assert plan.tokens_after == whole.tokens_after[:10]
        assert plan.order == whole.order[:80]


def test_max_steps_cuts_but_does_not_stretch():
    assert plan_run(LENGTHS, {**RECIPE, "maxSteps": 20}).steps == 20
    assert plan_run(LENGTHS, {**RECIPE, "maxSteps": 500}).steps == 24


def test_few_examples_still_fill_a_step():
    plan = plan_run([10, 20, 30], RECIPE)
    assert plan.steps == 1
    assert len(plan.order) == 8


def test_micro_batches_hold_examples_of_like_length():
    def padded(order):
        return sum(2 * max(LENGTHS[a], LENGTHS[b]) for a, b in zip(order[::2], order[1::2], strict=True))

    plan = plan_run(LENGTHS, RECIPE)
    real = sum(LENGTHS[index] for index in plan.order)
    shuffled = [*range(96)] * 2
    random.Random(1).shuffle(shuffled)
    assert padded(plan.order) < 1.03 * real < padded(shuffled)


@pytest.mark.parametrize("change", [{"batchSize": 8, "microBatchSize": 3}, {"maxTokens": 100}])
def test_what_cannot_be_run_is_refused(change):
    with pytest.raises(RatchetError) as caught:
        plan_run(LENGTHS, {**RECIPE, **change})
    assert caught.value.code == "RECIPE_INVALID"
