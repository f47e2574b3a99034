"""Error codes become Temporal failure types, and nothing of a record gets into a message or a trace."""

import json

import pytest

from ratchet_gpu import contracts
from ratchet_gpu.errors import RatchetError, error_table, safe_message, safe_trace

SECRET = "seeded-secret-4711"
DIGEST = "sha256:" + "0" * 64


def an_example(**changes):
    source = {"interactionDigest": DIGEST, "correctionDigest": None, "failureClasses": [], "replay": False}
    example = {
        "schemaVersion": 1,
        "kind": "sft",
        "messages": [{"role": "user", "parts": [{"text": SECRET, "trusted": False}]}],
        "completion": SECRET,
        "clusterId": DIGEST,
        "source": source,
    }
    return {**example, **changes}


@pytest.mark.parametrize(("code", "again"), [("TRAINER_DIED", True), ("DATASET_INVALID", False)])
def test_a_code_is_the_failure_type_and_says_whether_to_retry(code, again):
    failure = RatchetError(code, "Something happened.").as_failure()
    assert failure.type == code
    assert failure.non_retryable is not again
    assert error_table()[code]["next"] in failure.message


def test_an_unknown_code_is_refused():
    with pytest.raises(KeyError):
        RatchetError("NO_SUCH_CODE", "")


def test_foreign_messages_are_dropped():
    assert safe_message(ValueError(SECRET)) == "ValueError"
    assert safe_message(FileNotFoundError(2, SECRET)) == "FileNotFoundError (errno 2)"
    try:
        try:
            json.loads("{" + SECRET)
        except ValueError as error:
            raise RuntimeError(SECRET) from error
    except RuntimeError as error:
        text = safe_trace(error)
    assert SECRET not in text
    assert "JSONDecodeError" in text
    assert "test_errors.py" in text


def test_the_valid_example_is_valid():
    assert contracts.problem("Example", an_example()) is None


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"completion": [SECRET]}, "/completion breaks type"),
        ({"kind": SECRET}, "/kind breaks const"),
        ({"clusterId": SECRET}, "/clusterId breaks pattern"),
        ({"messages": [{"role": SECRET, "parts": []}]}, "/messages/0/role breaks enum"),
        ({"messages": [{"role": "user", "parts": [{"text": SECRET}]}]}, "/messages/0/parts/0 lacks trusted"),
        ({"messages": []}, "/messages breaks minItems"),
        ({"source": {}}, "/source lacks interactionDigest"),
    ],
)
def test_schema_errors_name_the_place_and_carry_no_value(changes, place):
    wrong = contracts.problem("Example", an_example(**changes))
    assert wrong is not None
    assert wrong.startswith(place)
    assert SECRET not in wrong
