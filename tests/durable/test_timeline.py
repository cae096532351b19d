"""The records of one run in their order, and what of them belongs together."""

import asyncio

import pytest

from agentkit.durable.record import Record
from agentkit.durable.timeline import Timeline, error_of
from tests.durable.cut import Memory, World, handed, nested, parallel, to_the_end, typed


def timeline_of(scene):
    book = Memory()
    asyncio.run(to_the_end(scene(World()), book))
    return Timeline(book.records)


def kinds(timeline, begin, end):
    return [record.kind for record, _ in timeline.steps[begin + 1 : end + 1]]


def first(timeline, kind, begin=0):
    return next(place for place, (record, _) in enumerate(timeline.steps) if place >= begin and record.kind == kind)


def test_a_batch_ends_with_the_last_word_on_its_calls():
    timeline = timeline_of(parallel)
    begin = first(timeline, "replied")
    end = timeline.end_of_batch(begin)
    assert set(kinds(timeline, begin, end)) <= {"calling", "answered", "changed"}
    assert not timeline.steps[end][1].open_calls
    assert timeline.steps[end + 1][0].kind == "asking"


def test_a_batch_that_waits_ends_with_the_pause():
    timeline = timeline_of(nested)
    begin = first(timeline, "replied")
    assert timeline.steps[timeline.end_of_batch(begin)][0].kind == "paused"


def test_an_error_after_a_batch_is_no_part_of_it():
    timeline = timeline_of(parallel)
    begin = first(timeline, "replied")
    end = timeline.end_of_batch(begin)
    state = timeline.steps[end][1]
    failed = Record(state.run_id, "failed", 1, data='{"error":"ValueError: no"}')
    timeline.steps[end + 1 :] = [(failed, state)]
    assert timeline.end_of_batch(begin) == end
    begun = first(timeline, "calling")
    timeline.steps[begun + 1 :] = [(failed, timeline.steps[begun][1])]
    assert timeline.end_of_batch(begin) == begun + 1


def test_a_handoff_is_no_part_of_the_batch_before():
    timeline = timeline_of(handed)
    begin = timeline.end_of_batch(first(timeline, "replied"))
    assert (timeline.steps[begin][1].handed, timeline.steps[begin][1].agent) == ("transfer_to_closer", None)
    assert timeline.steps[timeline.handover(begin)][1].agent == "closer"


def test_the_check_of_a_reply_ends_with_what_it_changed():
    timeline = timeline_of(typed)
    refused = first(timeline, "replied", first(timeline, "answered"))
    assert kinds(timeline, refused, timeline.check(refused)) == ["changed"]
    taken = len(timeline.steps) - 2
    assert kinds(timeline, taken, timeline.check(taken)) == ["finished"]


def test_what_only_changed_is_passed_over():
    timeline = timeline_of(typed)
    refused = first(timeline, "replied", first(timeline, "answered"))
    assert timeline.steps[timeline.next(refused)][0].kind == "asking"
    last = len(timeline.steps) - 1
    assert timeline.next(last) == last


def test_only_requests_of_the_run_itself_are_found():
    timeline = timeline_of(nested)
    asked = [record for record, _ in timeline.steps if record.kind == "asking"]
    assert len(asked) == len(timeline.requests) == 2


@pytest.mark.parametrize(
    ("record", "name"),
    [(Record("a", "failed", 1, data='{"error": "OutputError: No."}'), "OutputError"), (Record("a", "paused", 1), "")],
)
def test_the_class_of_an_error_is_what_stands_before_its_text(record, name):
    assert error_of(record) == name
