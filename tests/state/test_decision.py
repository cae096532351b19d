"""Decisions and the calls that wait for them: plain values with words of their own, bound to each other, and JSON."""

import json
from dataclasses import dataclass, replace

import pytest

from agentkit import media
from agentkit.errors import StateError
from agentkit.state import Approve, Deny, Give, PendingCall, decision_of
from agentkit.tools.result import ToolResult

PAY = PendingCall("p", "pay", '{"amount":5}', "r", 1)
PNG = b"\x89PNG\r\n\x1a\n----"

FORMS = (
    'Write {"decision": "approve", "call": digest, "arguments": {...} or nothing}, '
    '{"decision": "deny", "call": digest, "reason": "..."} or {"decision": "give", "call": digest, "result": ...}.'
)


def test_an_approval_keeps_the_arguments_unless_others_are_given():
    assert Approve().arguments is None
    assert Approve({"amount": 3}).arguments == {"amount": 3}


def test_a_denial_has_a_reason():
    assert Deny().reason == "The user declined this call."
    assert Deny("Too much.").reason == "Too much."


def test_decisions_are_compared_by_value_and_not_changed():
    assert Give(1) == Give(1) != Give(2)
    assert Approve() != Approve(call="d")
    with pytest.raises(AttributeError):
        Give(1).result = 2


def test_a_call_makes_decisions_that_are_bound_to_it():
    assert PAY.approve() == Approve(call=PAY.digest)
    assert PAY.approve({"amount": 3}) == Approve({"amount": 3}, call=PAY.digest)
    assert PAY.deny() == Deny(call=PAY.digest)
    assert PAY.deny("Too much.") == Deny("Too much.", call=PAY.digest)
    assert PAY.give(7) == Give(7, call=PAY.digest)


def test_the_digest_is_that_of_the_call_alone_and_stays_the_same():
    assert PAY.digest == "8660aa8534b22c8235e00d906aad1a9222d2cb9e3c3bba34670435bcf727e2ae"
    assert replace(PAY, external=True).digest == PAY.digest
    changes = [{"id": "q"}, {"name": "look"}, {"arguments": '{"amount": 5}'}, {"run_id": "s"}, {"turn": 2}]
    changed = {replace(PAY, **change).digest for change in changes}
    assert len(changed | {PAY.digest}) == 6


def test_no_part_of_a_call_can_pass_for_another_one():
    assert PendingCall("a,b", "c", "").digest != PendingCall("a", "b,c", "").digest
    assert PendingCall('a","b', "c", "").digest != PendingCall("a", 'b","c', "").digest


def test_what_is_known_of_a_call_is_told_and_its_digest_does_not_depend_on_it():
    call = replace(PAY, unknown="It was begun.")
    assert call.digest == PAY.digest
    assert json.loads(call.to_json())["unknown"] == "It was begun."
    assert PendingCall.from_json(call.to_json()) == call
    old = {name: value for name, value in json.loads(PAY.to_json()).items() if name != "unknown"}
    assert PendingCall.from_json(json.dumps(old)) == PAY


def test_the_digest_survives_what_json_cannot_hold():
    half = replace(PAY, arguments='{"text":"\ud83d"}')
    assert PendingCall.from_json(half.to_json()).digest == half.digest


def test_a_waiting_call_goes_through_json_with_its_digest():
    for call in (PAY, replace(PAY, external=True), PendingCall("ä", "b", "not JSON")):
        assert json.loads(call.to_json())["digest"] == call.digest
        assert PendingCall.from_json(call.to_json()) == PendingCall.from_json(call.to_json().encode()) == call


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ("[]", "it is no JSON object"),
        ("{", "EOF while parsing an object at line 1 column 1"),
        ('{"id": "p", "name": "pay"}', "arguments: Field required"),
        ('{"id": "p", "name": "pay", "arguments": {}}', "arguments: Input should be a valid string"),
        (PAY.to_json().replace("5", "6", 1), "its digest is that of another one"),
    ],
)
def test_what_is_no_waiting_call_is_refused(document, why):
    with pytest.raises(StateError) as caught:
        PendingCall.from_json(document)
    assert str(caught.value) == f"This is no call that waits: {why}. Give what `to_json` gave."


@dataclass
class Size:
    width: int


@pytest.mark.parametrize(
    "decision",
    [
        Approve(),
        PAY.approve(),
        PAY.approve({}),
        PAY.approve({"amount": 3, "note": None}),
        Deny("No."),
        PAY.deny(""),
        PAY.give(None),
        PAY.give({"receipt": [1, 2.5, "ä", True]}),
        PAY.give("text"),
    ],
)
def test_a_decision_goes_through_json(decision):
    assert decision_of(decision.to_json()) == decision_of(json.loads(decision.to_json())) == decision


def test_what_json_has_no_word_for_is_written_as_the_model_would_be_told():
    assert decision_of(PAY.give(Size(3)).to_json()) == PAY.give({"width": 3})
    assert decision_of(PAY.give((1, float("inf"))).to_json()) == PAY.give([1, "Infinity"])


@pytest.mark.parametrize(
    ("result", "why"),
    [
        (PNG, "it would be told to the model otherwise when it is read"),
        (media.image(PNG), "it would be told to the model otherwise when it is read"),
        ([1, ValueError("x")], "it would be told to the model otherwise when it is read"),
        (ToolResult("x"), f"Unable to serialize unknown type: {ToolResult}"),
    ],
)
def test_a_result_that_json_would_change_is_not_written(result, why):
    with pytest.raises(StateError) as caught:
        Give(result).to_json()
    assert str(caught.value) == (
        f"A decision's result of type {type(result).__name__} cannot be written as JSON: {why}. "
        "Give text, numbers, lists, dicts, dataclasses or pydantic models, or decide where the run is resumed."
    )


@pytest.mark.parametrize(
    ("written", "decision"),
    [
        ({"decision": "approve"}, Approve()),
        ({"decision": "approve", "arguments": None}, Approve()),
        ({"decision": "approve", "call": None}, Approve()),
        ({"decision": "deny", "call": "d"}, Deny(call="d")),
        ({"decision": "give", "result": False}, Give(False)),
    ],
)
def test_a_decision_may_be_written_by_hand(written, decision):
    assert decision_of(written) == decision_of(json.dumps(written)) == decision


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({}, "`decision` is None"),
        ({"decision": True}, "`decision` is True"),
        ({"decision": ["approve"]}, "`decision` is ['approve']"),
        ({"decision": "yes"}, "`decision` is 'yes'"),
        ({"decision": "approve", "reason": "x"}, "it has `reason`, which 'approve' has not"),
        ({"decision": "approve", "arguments": "{}"}, "`arguments` is '{}'"),
        ({"decision": "approve", "call": 5}, "`call` is 5"),
        ({"decision": "deny", "reason": None}, "`reason` is None"),
        ({"decision": "give"}, "`result` is None"),
        ("true", "it is no JSON object"),
        ("yes", "expected value at line 1 column 1"),
    ],
)
def test_what_is_no_decision_is_refused_with_how_to_write_one(document, why):
    with pytest.raises(StateError) as caught:
        decision_of(document)
    assert str(caught.value) == f"This is no decision: {why}. {FORMS}"


@pytest.mark.parametrize(
    "written", ['{"city": "Oslo"}', '```json\n{"city": "Oslo"}\n```', '"{\\"city\\": \\"Oslo\\"}"']
)
def test_a_waiting_call_gives_its_arguments_as_an_object_however_they_were_written(written):
    assert PendingCall("c1", "weather", written).parsed_arguments == {"city": "Oslo"}
