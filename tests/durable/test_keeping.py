"""Runs written down while they go, cut after each record, and gone on with from the fold of what was left."""

import asyncio
import json
from collections import Counter

import pytest

from agentkit import Agent, tool
from agentkit.agent.conversation import finish
from agentkit.durable import past_of
from agentkit.errors import ToolRetriesExceededError
from agentkit.testing import call, calls
from agentkit.wire.check import check_request
from agentkit.wire.request import ChatRequest
from tests.durable.cut import SCENES, Memory, World, part, to_the_end, tools_of

QUIET = {"begin", "asking", "replied", "paused", "finished"}  # nothing is on its way when these are written


def plain(state):
    """Leave out what is on record of runs below, and the clock."""
    return state.replace(seconds=0.0, subs={})


def find(past, run_id):
    """Give what is known of a run, or of one below it."""
    if past.first.run_id == run_id:
        return past
    return next((found for one in past.below.values() if (found := find(one, run_id))), None)


def whole(scene):
    world, book = World(), Memory()
    agent = scene(world)
    result, asked = asyncio.run(to_the_end(agent, book))
    return world, book, result, asked


def keys_of(records, kind):
    """Give the idempotency keys of the calls that records tell of as begun, or as answered."""
    keys = {}
    found = Counter()
    for record in records:
        if record.kind == "calling":
            keys[record.run_id, record.turn, record.call_id] = record.content["idempotency_key"]
            found[keys[record.run_id, record.turn, record.call_id]] += kind == "calling"
        elif record.kind == kind == "answered" and (record.run_id, record.turn, record.call_id) in keys:
            found[keys[record.run_id, record.turn, record.call_id]] += 1
    return +found


@pytest.mark.parametrize("scene", SCENES)
def test_the_fold_is_the_state_of_the_run_after_every_record(scene):
    _, book, _, _ = whole(scene)
    for place, (record, (state, waiting)) in enumerate(zip(book.records, book.lives, strict=True), 1):
        if record.kind in QUIET:
            folded = find(past_of(book.records[:place]), record.run_id).state
            live = state.replace(injected=(*state.injected, *waiting))
            assert plain(folded) == plain(live), (place, record)


@pytest.mark.parametrize("scene", SCENES)
def test_a_run_that_is_cut_after_any_record_goes_on_and_repeats_nothing_that_is_finished(scene):
    world, book, result, _ = whole(scene)
    replies = sum(record.kind == "replied" for record in book.records)
    assert world.asked == replies
    for place in range(1, len(book.records) + 1):
        kept = book.records[:place]
        if past_of(kept).output is not None:
            continue
        again, second = World(), Memory(kept)
        agent = scene(again)
        ended, asked = asyncio.run(to_the_end(agent, second))
        assert ended.output == result.output
        assert ended.messages == result.messages, (place, kept[-1])
        assert ended.usage == result.usage
        assert ended.state.tool_calls == result.state.tool_calls
        assert ended.turns == result.turns
        check_request(ChatRequest(messages=ended.messages))
        assert again.asked == replies - sum(record.kind == "replied" for record in kept)
        begun, answered = keys_of(kept, "calling"), keys_of(kept, "answered")
        assert not set(answered) & set(again.done), (place, kept[-1])  # nothing finished is repeated
        assert set(answered) | set(again.done) == set(world.done)  # nothing is lost
        doubtful = set(begun) - set(answered)
        assert all(again.done[key] == 1 for key in again.done)
        idempotent = {key for key in doubtful if _tool(kept, key) == "fetch"}
        assert len([one for one in asked if one.unknown]) == len(doubtful - idempotent)


def _tool(records, key):
    return next(
        r.content["name"] for r in records if r.kind == "calling" and json.loads(r.data)["idempotency_key"] == key
    )


def test_refusals_of_a_batch_that_is_cut_count_as_they_would_have():
    @tool(retries=1)
    def pick(number: int) -> str:
        """Pick."""
        raise AssertionError(number)

    def stubborn(world):
        wrong = calls(call("pick", {"number": "x"}, id="a"), call("fetch", {"number": 1}, id="b"))
        return Agent(world.model(wrong, wrong, "never"), tools=[pick, tools_of(world)["fetch"]])

    def end(book):
        with pytest.raises(ToolRetriesExceededError, match=r"^The calls of tool 'pick' were refused 2 times in a row"):
            asyncio.run(finish(part(stubborn(World()), book)))
        return sum(record.kind == "replied" for record in book.records)

    book = Memory()
    assert end(book) == 2
    for place in range(1, len(book.records)):
        assert end(Memory(book.records[:place])) == 2, (place, book.records[place - 1].kind)
