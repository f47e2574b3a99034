"""The trainer's parts on a tiny model: what the loss counts, that it equals TRL's, the float32 adapter, the verdict."""

import json
import math

import pytest

from ratchet_gpu.errors import RatchetError

torch = pytest.importorskip("torch")

from datasets import Dataset  # noqa: E402
from peft import LoraConfig, get_peft_model  # noqa: E402
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM  # noqa: E402
from trl import SFTConfig, SFTTrainer  # noqa: E402

from ratchet_gpu import train  # noqa: E402
from ratchet_gpu.run_directory import RunDirectory  # noqa: E402


def tiny():
    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=49152,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
        )
    )


@pytest.fixture(scope="module")
def trainer(base_model, make_examples, tmp_path_factory):
    return train.AdapterTrainer(
        model=tiny(),
        args=SFTConfig(
            output_dir=str(tmp_path_factory.mktemp("trainer")),
            per_device_train_batch_size=3,
            use_cpu=True,
            bf16=False,
            report_to="none",
            max_length=None,
            gradient_checkpointing=False,
            disable_tqdm=True,
        ),
        train_dataset=Dataset.from_list(train.chat_rows(make_examples(6))),
        processing_class=AutoTokenizer.from_pretrained(base_model),
        peft_config=LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"),
    )


def test_the_loss_counts_exactly_the_completion(trainer, make_examples):
    tokenizer = trainer.processing_class
    for example, row in zip(make_examples(6), trainer.train_dataset, strict=True):
        counted = [label for label in row["labels"] if label != -100]
        assert tokenizer.decode(counted) == example["completion"] + "<|im_end|>\n"
        # What comes before is what serving shows the model.
        start = row["labels"].index(counted[0])
        chat = [train.chat_message(message) for message in example["messages"]]
        assert tokenizer.decode(row["input_ids"][:start]) == tokenizer.apply_chat_template(
            chat, tokenize=False, add_generation_prompt=True
        )
        assert row["labels"][start:] == row["input_ids"][start:]


def test_tools_reach_the_chat_template_as_they_were_offered(make_examples):
    first, second = make_examples(2)
    tool = {"name": "find", "parameters": {"type": "object"}}
    rows = Dataset.from_list(train.chat_rows([{**first, "tools": [tool]}, second]))
    assert json.loads(rows[0]["tools"]) == [{"type": "function", "function": tool}]
    assert rows[1]["tools"] is None
    assert "tools" not in train.chat_rows([second])[0]


@pytest.mark.parametrize("items", [None, 50])
def test_the_loss_and_its_gradients_equal_those_of_trl(trainer, items):
    for name, parameter in trainer.model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    trainer.model.train()
    batch = trainer.data_collator([trainer.train_dataset[index] for index in range(3)])
    items = None if items is None else torch.tensor(items)

    def gradients(compute):
        trainer.model.zero_grad()
        loss = compute(trainer, trainer.model, dict(batch), num_items_in_batch=items)
        loss.backward()
        return loss.detach(), [p.grad.clone() for p in trainer.model.parameters() if p.requires_grad]

    ours, our_gradients = gradients(train.AdapterTrainer.compute_loss)
    theirs, their_gradients = gradients(SFTTrainer.compute_loss)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
    for ours, theirs in zip(our_gradients, their_gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


def adapted():
    return get_peft_model(tiny(), LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))


def test_an_adapter_in_bfloat16_is_refused_until_it_is_float32():
    model = adapted()
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.bfloat16()
    with pytest.raises(RatchetError, match="float32"):
        train.assert_float32(model)
    train.adapter_to_float32(model)
    train.assert_float32(model)


def test_a_base_without_adapter_is_refused():
    model = tiny()
    for parameter in model.parameters():
        parameter.requires_grad = False
    with pytest.raises(RatchetError, match="float32"):
        train.assert_float32(model)


def test_the_written_adapter_is_the_same_each_time_and_knows_no_path(tmp_path):
    written = []
    for attempt in ("a", "b"):
        run = RunDirectory(tmp_path / attempt)
        run.path.mkdir()
        torch.manual_seed(3)
        model = adapted()
        model.peft_config["default"].base_model_name_or_path = str(tmp_path)
        train.write_adapter(model, run, "small")
        assert sorted(path.name for path in run.adapter.iterdir()) == [
            "adapter_config.json",
            "adapter_model.safetensors",
        ]
        written.append(
            [(run.adapter / name).read_bytes() for name in ("adapter_config.json", "adapter_model.safetensors")]
        )
    config = json.loads(written[0][0])
    assert config["base_model_name_or_path"] == "small"
    assert config["target_modules"] == sorted(config["target_modules"])
    assert len(config["target_modules"]) == 14
    assert str(tmp_path).encode() not in written[0][0]
    assert written[0][0] == written[1][0]


@pytest.mark.parametrize(
    ("before", "after", "falls"),
    [
        (1.2, 0.4, True),
        (1.0, 0.97, True),
        (1.0, 0.99, False),
        (1.0, 1.0, False),
        (0.5, 0.9, False),
        (1.0, math.nan, False),
    ],
)
def test_a_run_whose_loss_did_not_fall_fails(before, after, falls):
    if falls:
        train.judge(before, after)
        return
    with pytest.raises(RatchetError) as caught:
        train.judge(before, after)
    assert caught.value.code == "TRAINING_DIVERGED"


def test_before_is_the_base_alone_and_after_the_adapter(trainer):
    rows = list(range(6))
    with torch.no_grad():
        for name, parameter in trainer.model.named_parameters():
            if "lora_B" in name:
                parameter.zero_()
        before, same = trainer.loss_before_and_after(rows)
        assert before == pytest.approx(same)
        for name, parameter in trainer.model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, std=0.5)
    base_again, after = trainer.loss_before_and_after(rows)
    assert base_again == pytest.approx(before)
    assert after != pytest.approx(before, rel=1e-3)


def test_a_loss_that_is_no_number_ends_the_run_at_once(tmp_path):
    watch = train.Watch(RunDirectory(tmp_path), train.Plan([0], [10]), 0.0)
    state = type("State", (), {"global_step": 1})
    with pytest.raises(RatchetError, match="step 1 of 1"):
        watch.on_log(None, state, None, logs={"loss": math.nan})


def test_tool_calls_and_names_reach_the_chat_template():
    message = {
        "role": "assistant",
        "parts": [{"text": "a", "trusted": True}, {"text": "b", "trusted": False}],
        "toolCalls": [{"id": "1", "name": "find", "arguments": "{}"}],
    }
    assert train.chat_message(message) == {
        "role": "assistant",
        "content": "ab",
        "tool_calls": [{"type": "function", "function": {"name": "find", "arguments": "{}"}}],
    }
    tool = {"role": "tool", "parts": [{"text": "c", "trusted": False}], "toolCallId": "1", "name": "find"}
    assert train.chat_message(tool) == {"role": "tool", "content": "c", "tool_call_id": "1", "name": "find"}
