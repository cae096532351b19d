"""Records as lines of JSON, and answers in them."""

import json

import pytest

from agentkit.durable.record import Record, answer_of, line_of, plain_answer
from agentkit.errors import StateError
from agentkit.media import image
from agentkit.tools.answer import Answer, answer_error, answer_value
from agentkit.wire.message import ToolMessage
from tests.durable.cut import PIXEL


def test_a_record_is_one_line_of_json_and_read_again():
    record = Record("order-42/call_1", "calling", 3, "call_7", '{"name":"pay","arguments":"{}"}', 1_700_000_000.5)
    assert record.to_json() == (
        '["order-42/call_1","calling",3,"call_7","{\\"name\\":\\"pay\\",\\"arguments\\":\\"{}\\"}",1700000000.5]'
    )
    assert Record.from_json(record.to_json()) == record
    assert record.content == {"name": "pay", "arguments": "{}"}


def test_a_record_has_the_time_at_which_it_was_made():
    first, second = Record("run", "begin", 0), Record("run", "asking", 0)
    assert 0 < first.at <= second.at
    assert first.content == {}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('["run"', "EOF while parsing a list at line 1 column 6"),
        ('["run","begin",0,"","{}"]', "zip() argument 2 is shorter than argument 1"),
        ('["run","dreamt",0,"","{}",0.0]', "Input should be 'begin', 'decided', 'asking', 'replied', 'calling', "),
        ("7", "'int' object is not iterable"),
    ],
)
def test_what_is_no_record_is_refused(line, why):
    with pytest.raises(StateError) as caught:
        Record.from_json(line)
    assert str(caught.value).startswith(f"This is no record of a run: {why}")
    assert str(caught.value).endswith(". Give what `to_json` gave.")


@pytest.mark.parametrize(
    ("data", "why"),
    [("[1]", "it is no JSON object"), ("{", "EOF while parsing an object at line 1 column 1")],
)
def test_data_that_cannot_be_read_names_the_record(data, why):
    with pytest.raises(StateError) as caught:
        _ = Record("run", "replied", 2, data=data).content
    assert str(caught.value) == f"The record 'replied' of the run 'run', turn 2, cannot be read: {why}."


@pytest.mark.parametrize(
    ("kind", "data", "why"),
    [
        ("calling", '{"arguments":"{}"}', "it has no `name`"),
        ("calling", '{"name":"pay"}', "it has no `arguments`"),
        ("answered", "{}", "it has no `answer`"),
        ("changed", '{"change":[1]}', "its `change` is [1]"),
        ("calling", '{"name":null,"arguments":"{}"}', "its `name` is None"),
        ("replied", '{"cost":[1]}', "its `cost` is [1]"),
        ("asking", '{"instructions":"Be brief."}', "its `instructions` is 'Be brief.'"),
    ],
)
def test_data_of_another_shape_than_its_kind_has_names_the_record(kind, data, why):
    with pytest.raises(StateError) as caught:
        _ = Record("run", kind, 2, data=data).content
    assert str(caught.value) == f"The record {kind!r} of the run 'run', turn 2, cannot be read: {why}."


def test_a_line_holds_no_half_of_a_surrogate_pair():
    assert line_of({"a": "\ud800b"}) == '{"a":"\ufffdb"}'
    assert line_of(["ä", 1]) == '["ä",1]'


@pytest.mark.parametrize(
    "answer",
    [
        answer_value("c", "look", {"a": 1}, seconds=0.5),
        answer_value("c", "draw", ["a dot", image(PIXEL)]),
        answer_error("c", "look", ValueError("no")),
        Answer(ToolMessage(tool_call_id="c", content="Not run: no."), "denied", "pay"),
    ],
)
def test_an_answer_through_json_is_the_same_but_for_what_only_the_program_kept(answer):
    read = answer_of(json.loads(line_of(plain_answer(answer))))
    assert (read.message, read.status, read.tool_name) == (answer.message, answer.status, answer.tool_name)
    assert (read.parts, read.seconds) == (answer.parts, answer.seconds)
    assert read.value is None
    assert read.error is None


def test_what_is_no_answer_is_refused():
    with pytest.raises(StateError) as caught:
        answer_of({"message": {"role": "tool", "tool_call_id": "c", "content": "x"}, "status": "gone"})
    assert str(caught.value).startswith("This is no answer of a call on record: status: Input should be 'ok', ")
    with pytest.raises(StateError, match=r"^This is no answer of a call on record: answer: "):
        answer_of(None)
