"""Events as JSON: names that are fixed, one object each, `type` first, whatever they hold, and read back."""

import json
from dataclasses import fields
from typing import get_args

import pytest
from pydantic import BaseModel

from agentkit.agent.event import (
    AttemptFailed,
    Event,
    HandedOff,
    MessageInjected,
    ModelFellBack,
    OutputAsked,
    OutputReady,
    ProfileLearned,
    Progress,
    ReasoningDelta,
    ReplyCached,
    ReplyReceived,
    RequestRetried,
    RequestSent,
    RequestWaited,
    RunEnded,
    RunFailed,
    RunStarted,
    SubRunEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallReady,
    ToolCallStarted,
    ToolResulted,
    UsageReported,
    event_of,
)
from agentkit.wire.message import AssistantMessage, UserMessage
from agentkit.wire.response import Usage

FIVE = Usage(prompt_tokens=3, completion_tokens=2)
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}

EXAMPLES = [
    (RunStarted("r"), {"type": "run_started", "run_id": "r"}),
    (
        RequestSent("http://e", "m", 1, 87),
        {"type": "request_sent", "endpoint": "http://e", "model": "m", "attempt": 1, "bytes_sent": 87},
    ),
    (
        RequestRetried(1, "RateLimitError: slow", 0.5),
        {"type": "request_retried", "attempt": 1, "error": "RateLimitError: slow", "wait": 0.5},
    ),
    (
        RequestWaited("m", 1.5, "requests"),
        {"type": "request_waited", "model": "m", "seconds": 1.5, "reason": "requests"},
    ),
    (
        ModelFellBack("m", "n", "InternalServerError: down"),
        {"type": "model_fell_back", "model": "m", "next_model": "n", "error": "InternalServerError: down"},
    ),
    (ReplyCached("m", "5e1f"), {"type": "reply_cached", "model": "m", "fingerprint": "5e1f"}),
    (
        ProfileLearned("http://e", "stream_usage", "False", "unknown field"),
        {
            "type": "profile_learned",
            "endpoint": "http://e",
            "field": "stream_usage",
            "value": "False",
            "reason": "unknown field",
        },
    ),
    (TextDelta("Hi"), {"type": "text_delta", "text": "Hi"}),
    (ReasoningDelta("Hm"), {"type": "reasoning_delta", "text": "Hm"}),
    (ToolCallStarted(0, "add"), {"type": "tool_call_started", "index": 0, "name": "add"}),
    (ToolCallDelta(0, '{"a":'), {"type": "tool_call_delta", "index": 0, "arguments": '{"a":'}),
    (
        ToolCallReady("c", "add", {"a": None}),
        {"type": "tool_call_ready", "call_id": "c", "name": "add", "arguments": {"a": None}},
    ),
    (
        ToolResulted("c", "add", "3", "ok", 0.25),
        {"type": "tool_result", "call_id": "c", "name": "add", "content": "3", "status": "ok", "seconds": 0.25},
    ),
    (Progress("c", "add", {"step": 1}), {"type": "progress", "call_id": "c", "name": "add", "value": {"step": 1}}),
    (
        ReplyReceived(AssistantMessage(content="Hi"), None, "stop", FIVE),
        {
            "type": "reply",
            "message": {"role": "assistant", "content": "Hi"},
            "reasoning": None,
            "finish_reason": "stop",
            "usage": USAGE,
        },
    ),
    (
        MessageInjected(UserMessage(content="And?")),
        {"type": "message_injected", "message": {"role": "user", "content": "And?"}},
    ),
    (UsageReported(FIVE, FIVE), {"type": "usage", "usage": USAGE, "total": USAGE, "estimated": False}),
    (AttemptFailed("{", "not whole"), {"type": "attempt_failed", "text": "{", "reason": "not whole"}),
    (
        OutputAsked("tool", "final_result"),
        {"type": "output_asked", "mode": "tool", "tool": "final_result", "tools_first": False},
    ),
    (HandedOff("billing", "front"), {"type": "handed_off", "agent": "billing", "previous": "front"}),
    (OutputReady({"a": 1}), {"type": "output", "output": {"a": 1}}),
    (
        RunEnded("r", "stop", 1, FIVE),
        {"type": "run_ended", "run_id": "r", "finish_reason": "stop", "turns": 1, "usage": USAGE, "pending": 0},
    ),
    (
        RunFailed("r", "RateLimitError: slow", 1, FIVE),
        {"type": "run_failed", "run_id": "r", "error": "RateLimitError: slow", "turns": 1, "usage": USAGE},
    ),
    (
        SubRunEvent("r/c", TextDelta("Hi")),
        {"type": "sub_run", "run_id": "r/c", "event": {"type": "text_delta", "text": "Hi"}},
    ),
]
"""One of each; a page reads these names, so none of them changes."""


@pytest.mark.parametrize(("event", "shown"), EXAMPLES, ids=lambda one: getattr(one, "type", ""))
def test_each_event_has_its_fixed_json_type_first_and_is_read_back(event, shown):
    text = event.to_json()
    assert json.loads(text) == shown
    assert [*json.loads(text)] == [*shown]
    assert [one.name for one in fields(event) if one.repr] == [*[name for name in shown if name != "type"], "type"]
    assert event_of(text) == event
    assert event_of(text.encode()) == event


def test_there_is_an_example_of_every_event_and_it_cannot_be_changed():
    assert [type(event) for event, _ in EXAMPLES] == sorted(
        get_args(Event), key=[type(event) for event, _ in EXAMPLES].index
    )
    for event, _ in EXAMPLES:
        with pytest.raises(AttributeError):
            event.type = "other"


def test_what_is_no_event_is_not_read():
    for text in ("{}", '{"type": "unknown"}', "nonsense"):
        with pytest.raises(ValueError, match="validation error"):
            event_of(text)


class Odd:
    def __str__(self):
        return "an odd thing"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"step": 1}, {"step": 1}),
        (Odd(), "an odd thing"),
        ({"of": Odd()}, {"of": "an odd thing"}),
    ],
)
def test_what_has_no_json_is_shown_by_its_text(value, shown):
    text = Progress("c", "tell", value).to_json()
    assert json.loads(text)["value"] == shown
    assert json.loads(SubRunEvent("r/c", Progress("c", "tell", value)).to_json())["event"]["value"] == shown
    assert text.encode()


class Mute:
    def __str__(self):
        raise RuntimeError("nothing to say")


LOOP = []
LOOP.append(LOOP)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (b"\xff", "b'\\xff'"),
        ("half \ud83d", "half �"),
        ({"k": b"\xff", "n": float("nan")}, {"k": "b'\\xff'", "n": "NaN"}),
        ({"\ud83d": [1, ("\udc00", None)]}, {"�": [1, ["�", None]]}),
        (LOOP, ["[[...]]"]),
        (Mute(), "<Mute>"),
    ],
    ids=["bytes", "half_a_pair", "bytes_inside", "halves_inside", "holds_itself", "no_text"],
)
def test_only_what_has_no_json_is_shown_by_its_text_and_the_event_is_read_back(value, shown):
    ready = ToolCallReady("c", "tell", {"value": value})
    assert event_of(ready.to_json()) == ToolCallReady("c", "tell", {"value": shown})
    assert event_of(SubRunEvent("r/c", ready).to_json()).event.arguments == {"value": shown}


def test_what_is_nested_too_deep_is_shown_by_its_text():
    deep = "the end"
    for _ in range(2000):
        deep = [deep]
    assert event_of(Progress("c", "tell", deep).to_json()).call_id == "c"


def test_texts_with_halves_of_surrogate_pairs_are_read_back():
    for event in (
        ToolCallDelta(0, "\ud83d"),
        ToolResulted("c", "tell", "\ud83d", "ok", float("nan")),
        ReplyReceived(AssistantMessage(content="\ud83d"), None, "stop", FIVE),
        RunFailed("r", "\ud83d", 1, FIVE),
    ):
        assert "�" in event.to_json()
        assert type(event_of(event.to_json())) is type(event)


def test_an_output_of_none_is_shown():
    assert json.loads(OutputReady(None).to_json()) == {"type": "output", "output": None}


def test_an_output_that_is_a_model_is_read_back_as_plain_json():
    class City(BaseModel):
        name: str

    assert event_of(OutputReady(City(name="Oslo")).to_json()) == OutputReady({"name": "Oslo"})
