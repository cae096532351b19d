"""Events as JSON: one object each, `type` first, whatever they hold."""

import json

import pytest

from agentkit.agent.event import OutputReady, Progress, RunStarted, ToolCallReady
from agentkit.model import RequestRetried, RequestSent


def test_type_stands_first():
    assert RunStarted("r").to_json() == '{"type":"run_started","run_id":"r"}'


def test_events_of_the_floors_below_have_json_too():
    assert RequestSent("http://e", "m").to_json() == (
        '{"type":"request_sent","endpoint":"http://e","model":"m","attempt":1,"bytes_sent":0}'
    )
    assert RequestRetried(1, "RateLimitError: slow", 0.5).to_json() == (
        '{"type":"request_retried","attempt":1,"error":"RateLimitError: slow","wait":0.5}'
    )


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
    assert text.encode()


def test_an_output_of_none_is_shown():
    assert json.loads(OutputReady(None).to_json()) == {"type": "output", "output": None}


def test_arguments_keep_their_nulls():
    event = ToolCallReady("c", "look", {"city": None})
    assert json.loads(event.to_json())["arguments"] == {"city": None}
