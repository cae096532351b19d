"""The fold of records: what a run did, what it is about to do, and what does not fit."""

import asyncio
import json
from dataclasses import replace

import pytest

from agentkit.durable import Record, past_of, requests_of, states_of
from agentkit.durable.past import request_for
from agentkit.errors import StateError
from agentkit.state import Approve, RunState
from tests.durable.cut import SCENES, Memory, World, approved, nested, parallel, to_the_end


def whole(scene):
    world, book = World(), Memory()
    result, _ = asyncio.run(to_the_end(scene(world), book))
    return world, book, result


def until(records, kind, number=0):
    """Cut after the nth record of a kind."""
    places = [place for place, record in enumerate(records) if record.kind == kind]
    return records[: places[number] + 1]


def test_a_whole_run_is_its_state_its_output_its_answers_and_its_last_reply():
    _, book, result = whole(parallel)
    past = past_of(book.records)
    assert past.first == book.records[0]
    assert past.ended == book.records[-1]
    assert past.state == result.state
    assert json.loads(past.output) == result.output
    assert past.reply.message.content == "done"
    assert [one.message for one in past.answers] == [one.message for one in result.answers]
    assert (past.begun, past.decided, past.passed, past.below) == ({}, {}, {}, {})


def test_what_was_begun_and_not_answered_is_known():
    _, book, _ = whole(parallel)
    past = past_of(until(book.records, "calling"))
    assert list(past.begun) == ["a"]
    assert past.ended is None
    assert past.output is None


def test_what_was_decided_holds_until_the_call_begins():
    _, book, _ = whole(approved)
    past = past_of(until(book.records, "decided"))
    assert past.decided["p1"] == Approve()
    assert past.decided["p2"] == Approve({"amount": 20})
    begun = next(place for place, one in enumerate(book.records) if one.kind == "calling" and one.call_id == "p1")
    assert "p1" not in past_of(book.records[: begun + 1]).decided
    assert "p2" in past_of(book.records[: begun + 1]).decided


def test_what_was_decided_for_a_run_below_is_that_runs_once_it_goes_on():
    _, book, _ = whole(nested)
    top = past_of(until(book.records, "decided"))
    assert top.passed == {"x/m/p": "x", "y/p": "y"}
    later = past_of(until(book.records, "decided", 2))
    assert not later.decided
    assert {name: dict(one.decided) for name, one in later.below.items() if one.decided}


def test_runs_below_stand_in_the_state_while_their_calls_are_open():
    _, book, result = whole(nested)
    past = past_of(until(book.records, "paused", 2))
    assert set(past.below) == {"order-1/x", "order-1/y"}
    assert set(past.state.subs) == {"x", "y"}
    assert {one.id for one in past.state.held} == {"x/m/p", "y/p"}
    assert past.own.subs == {}
    assert past_of(book.records).state == result.state


@pytest.mark.parametrize("scene", SCENES)
def test_the_states_are_those_of_the_run_alone_one_for_each_record(scene):
    _, book, result = whole(scene)
    states = list(states_of(book.records))
    assert [record for record, _ in states] == [record for record in book.records if record.run_id == "order-1"]
    assert states[-1][1].messages == result.messages
    assert [state.turns for _, state in states] == sorted(state.turns for _, state in states)


@pytest.mark.parametrize("scene", SCENES)
def test_the_requests_are_those_that_were_sent(scene):
    world, book, _ = whole(scene)
    bound = {"max_completion_tokens": None}  # put in by the budget, on the way
    sent = [request.replace(**bound).encode() for model in world.models for request in model.requests]
    told = [request.encode() for _, request in requests_of(book.records)]
    assert told
    assert all(one in sent for one in told)


def test_a_request_that_cannot_be_read_is_refused():
    with pytest.raises(StateError, match=r"^A request of the run 'run' cannot be read from its records\. "):
        request_for({"fields": {"temperature": "hot"}}, RunState(run_id="run"))


def test_a_run_that_began_anew_is_what_it_became_then():
    begin = Record("run", "begin", 0, data=json.dumps({"state": {"run_id": "run", "turns": 0}}))
    change = Record("run", "changed", 0, data='{"change":{"turns":4}}')
    assert past_of([begin, change]).state.turns == 4
    assert past_of([begin, change, begin]).state.turns == 0
    assert [state.turns for _, state in states_of([begin, change, begin])] == [0, 4, 0]


BEGIN = Record("run", "begin", 0, data='{"state":{"run_id":"run"}}')
ANSWER = '{"answer":{"message":{"role":"tool","tool_call_id":"c","content":""},"status":"ok","tool_name":"x"}}'
NUMBER = "turns: Input should be a valid integer, unable to parse string as an integer"


@pytest.mark.parametrize(
    ("records", "text"),
    [
        ([], "There are no records of a run. Is its id the right one?"),
        (
            [Record("run", "asking", 1)],
            "The records of the run 'run' do not begin with its beginning. Some are missing.",
        ),
    ],
)
def test_records_without_a_beginning_are_refused(records, text):
    with pytest.raises(StateError) as caught:
        past_of(records)
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("record", "before", "why"),
    [
        (Record("run", "begin", 0, data='{"state":{"turns":"x"}}'), [], NUMBER),
        (Record("run", "replied", 1), [BEGIN], "the reply cannot be read"),
        (Record("run", "answered", 1, "c", ANSWER), [BEGIN], "the call 'c' is not open"),
    ],
)
def test_records_that_do_not_fit_are_refused(record, before, why):
    with pytest.raises(StateError) as caught:
        past_of([*before, record])
    assert str(caught.value) == (
        f"The record {record.kind!r} of the run 'run', turn {record.turn}, does not fit those before it: {why}. "
        "Are there records missing, or of another run?"
    )


def test_states_of_records_without_a_beginning_are_refused():
    with pytest.raises(StateError, match="do not begin with its beginning"):
        list(states_of([Record("run", "asking", 1)]))


def test_an_answer_of_another_call_than_its_records_does_not_fit():
    _, book, _ = whole(parallel)
    records = until(book.records, "answered")
    other = replace(
        records[-1], data=records[-1].data.replace(f'"tool_call_id":"{records[-1].call_id}"', '"tool_call_id":"other"')
    )
    with pytest.raises(StateError) as caught:
        past_of([*records[:-1], other])
    assert str(caught.value) == (
        f"The record 'answered' of the run {other.run_id!r}, turn 1, does not fit those before it: it answers the call "
        "'other'. Are there records missing, or of another run?"
    )
