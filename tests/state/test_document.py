"""A saved run as JSON: read back unchanged, or refused by name."""

import json
from dataclasses import replace

import pytest

from agentkit.errors import StateError
from agentkit.state import Attempt, PendingCall, RunState
from agentkit.testing.reply import call, calls, completion
from agentkit.tools.answer import Answer
from agentkit.wire.check import check_request
from agentkit.wire.content import ImagePart, ImageUrl
from agentkit.wire.message import AssistantMessage, ToolMessage, UserMessage
from agentkit.wire.request import ChatRequest
from agentkit.wire.response import ChatCompletion, Usage

START = RunState(run_id="r", messages=(UserMessage(content="x"),))

IMAGE = ImagePart(image_url=ImageUrl(url="https://example.org/a.png"))


def reply(said, **more):
    return ChatCompletion.parse({**completion(said, {"model": "m"}, number=1, size=40), **more})


def answer(call, status="ok", text="r", parts=()):
    return Answer(ToolMessage(tool_call_id=call.id, content=text), status, call.function.name, parts=parts)


def check(state):
    """Hold the contract's rules on the history with its open calls closed, as any next request would send it."""
    check_request(ChatRequest(messages=state.with_closed_calls("closed").messages))


def full():
    """A state with something in every field."""
    asked = START.with_reply(reply(calls(call("a", id="1"), call("b", {"k": None}, id="2"), content="Let me see.")))
    state = asked.with_answers((answer(asked.calls[0], parts=(IMAGE,)),))
    state = state.with_refusals((answer(asked.calls[0], "refused"),))
    return replace(
        state,
        start=1,
        attempts=(Attempt("t", "r", Usage(prompt_tokens=1, completion_tokens=2)), Attempt("u", "s")),
        correction=(AssistantMessage(content="t"), UserMessage(content="r")),
        forgiven=1,
        usages=(*state.usages, None),
        accepted="2",
        finishing=True,
        held=(PendingCall("2", "b", '{"k":null}'),),
        seconds=1.5,
    )


NO_NUMBER = (
    "This is no state of a run: turns: Input should be a valid integer, unable to parse string as an integer. "
    "Give what `to_json` gave."
)


def test_a_state_goes_through_json_and_back_unchanged():
    for state in (START, full(), RunState()):
        assert RunState.from_json(state.to_json()) == state
        assert RunState.from_json(state.to_json().encode()) == state
        assert RunState.from_json(RunState.from_json(state.to_json()).to_json()).to_json() == state.to_json()


def test_a_state_that_was_saved_before_estimates_were_kept_is_read():
    saved = json.loads(START.to_json())
    saved.pop("cut_usage", None)
    assert RunState.from_json(json.dumps(saved)) == START


def test_unknown_fields_of_messages_survive_json():
    signed = {"id": "1", "type": "function", "function": {"name": "a", "arguments": "{}"}}
    signed["extra_content"] = {"google": {"thought_signature": "s", "empty": None}}
    state = START.with_reply(reply({"tool_calls": [signed]}))
    back = RunState.from_json(state.to_json())
    assert back.calls[0].extra_content == {"google": {"thought_signature": "s", "empty": None}}
    assert back.messages[1].encoded == state.messages[1].encoded


def test_a_state_of_another_version_is_refused():
    saved = {**json.loads(START.to_json()), "version": 2}
    with pytest.raises(StateError) as caught:
        RunState.from_json(json.dumps(saved))
    assert str(caught.value) == (
        "The state has version 2; this agentkit reads version 1. Finish the run with the release that saved it."
    )


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ("{", "This is no state of a run: EOF while parsing an object at line 1 column 1. Give what `to_json` gave."),
        ("", "This is no state of a run: EOF while parsing a value at line 1 column 0. Give what `to_json` gave."),
        ("[]", None),
        ('"x"', None),
        (
            '{"turns": "many"}',
            NO_NUMBER,
        ),
        ('{"spent": 1}', None),
        ('{"messages": [{"role": "robot"}]}', None),
        (START.to_json()[:-3], None),
    ],
)
def test_a_damaged_state_is_refused(document, text):
    with pytest.raises(StateError) as caught:
        RunState.from_json(document)
    assert str(caught.value).startswith("This is no state of a run: ")
    assert str(caught.value).endswith(" Give what `to_json` gave.")
    assert text is None or str(caught.value) == text
