"""The records of one run in their order, and what of them belongs together."""

import asyncio

import pytest

from agentkit.durable.record import Record
from agentkit.durable.track import Track, error_of
from tests.durable.cut import Memory, World, handed, nested, parallel, to_the_end, typed


def track_of(scene):
    book = Memory()
    asyncio.run(to_the_end(scene(World()), book))
    return Track(book.records)


def kinds(track, begin, end):
    return [record.kind for record, _ in track.steps[begin + 1 : end + 1]]


def first(track, kind, begin=0):
    return next(place for place, (record, _) in enumerate(track.steps) if place >= begin and record.kind == kind)


def test_a_batch_ends_with_the_last_word_on_its_calls():
    track = track_of(parallel)
    begin = first(track, "replied")
    end = track.end_of_batch(begin)
    assert set(kinds(track, begin, end)) <= {"calling", "answered", "changed"}
    assert not track.steps[end][1].open_calls
    assert track.steps[end + 1][0].kind == "asking"


def test_a_batch_that_waits_ends_with_the_pause():
    track = track_of(nested)
    begin = first(track, "replied")
    assert track.steps[track.end_of_batch(begin)][0].kind == "paused"


def test_a_handoff_is_no_part_of_the_batch_before():
    track = track_of(handed)
    begin = track.end_of_batch(first(track, "replied"))
    assert (track.steps[begin][1].handed, track.steps[begin][1].agent) == ("transfer_to_closer", None)
    assert track.steps[track.handover(begin)][1].agent == "closer"


def test_the_check_of_a_reply_ends_with_what_it_changed():
    track = track_of(typed)
    refused = first(track, "replied", first(track, "answered"))
    assert kinds(track, refused, track.check(refused)) == ["changed"]
    taken = len(track.steps) - 2
    assert kinds(track, taken, track.check(taken)) == ["finished"]


def test_what_only_changed_is_passed_over():
    track = track_of(typed)
    refused = first(track, "replied", first(track, "answered"))
    assert track.steps[track.next(refused)][0].kind == "asking"
    last = len(track.steps) - 1
    assert track.next(last) == last


def test_only_requests_of_the_run_itself_are_found():
    track = track_of(nested)
    asked = [record for record, _ in track.steps if record.kind == "asking"]
    assert len(asked) == len(track.requests) == 2


@pytest.mark.parametrize(
    ("record", "name"),
    [(Record("a", "failed", 1, data='{"error": "OutputError: No."}'), "OutputError"), (Record("a", "paused", 1), "")],
)
def test_the_class_of_an_error_is_what_stands_before_its_text(record, name):
    assert error_of(record) == name
