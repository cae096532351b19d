"""Calls that were begun and have no outcome on record: asked about, failed, or run again, wherever they are."""

import asyncio
import json

import pytest

from agentkit import Agent, Context, RunLimits, tool
from agentkit.agent.conversation import finish
from agentkit.durable import past_of
from agentkit.durable.keeping import Keeping
from agentkit.durable.replay import replay
from agentkit.errors import (
    InternalServerError,
    JournalError,
    LimitExceededError,
    StateError,
    ToolFailedError,
    UnknownOutcomeError,
)
from agentkit.state import Approve, PendingCall
from agentkit.testing import call, calls
from tests.durable.cut import Memory, World, part, to_the_end, tools_of

AT = 1_772_366_405.0  # 2026-03-01 12:00:05 UTC
BEGUN = "It was begun on 2026-03-01 at 12:00:05 UTC, and it is not known whether it was done."


def scene(world, **options):
    """Pay and look at once, once with an approval."""
    tools = tools_of(world)
    model = world.model(calls(call("pay", {"amount": 1}, id="p"), call("look", {"number": 1}, id="q")), "done")
    return Agent(model, tools=[tools["pay"].replace(**options), tools["look"]])


def cut(make, *, name="pay", decisions=True):
    """Run until the intent of a call of a tool is on record, and end there."""
    world, book = World(), Memory()
    agent = make(world)
    result = asyncio.run(finish(part(agent, book)))
    if result.pending:
        asyncio.run(finish(part(agent, book, {one.id: decisions for one in result.pending})))
    at = next(
        place
        for place, record in enumerate(book.records)
        if record.kind == "calling" and record.content["name"] == name
    )
    kept = book.records[: at + 1]
    kept[-1] = type(kept[-1])(*(getattr(kept[-1], one) for one in ("run_id", "kind", "turn", "call_id", "data")), AT)
    return kept


def go_on(make, kept, decisions=None, **options):
    world, book = World(), Memory(kept)
    result = asyncio.run(finish(part(make(world), book, decisions, **options)))
    return world, book, result


def told(result, call_id):
    return next(m.content for m in result.messages if m.role == "tool" and m.tool_call_id == call_id)


def test_a_doubtful_call_waits_with_what_is_known_of_it_and_others_run():
    kept = cut(scene)
    world, book, result = go_on(scene, kept)
    assert result.pending == (PendingCall("p", "pay", '{"amount":1}', "order-1", 1, unknown=BEGUN),)
    assert PendingCall.from_json(result.pending[0].to_json()) == result.pending[0]
    assert "pay" not in {record.content.get("name") for record in book.records[len(kept) :]}
    assert len(world.done) <= 1
    assert past_of(book.records).state == result.state


@pytest.mark.parametrize(
    ("decision", "text", "times"),
    [
        ("approve", "paid 1", 1),
        ("give", "it went out", 0),
        ("deny", "Not run again: Leave it.", 0),
        ("false", "Not run again: The user declined this call.", 0),
    ],
)
def test_whoever_decides_runs_it_again_says_what_it_did_or_leaves_it(decision, text, times):
    kept = cut(scene)
    _, book, waiting = go_on(scene, kept)
    held = waiting.pending[0]
    made = {
        "approve": held.approve(),
        "give": held.give("it went out"),
        "deny": held.deny("Leave it."),
        "false": False,
    }[decision]
    world, _, result = go_on(scene, book.records, {"p": made})
    assert result.output == "done"
    assert told(result, "p") == text
    assert world.done.total() == times


def test_a_decision_may_be_given_before_anyone_was_asked():
    _, _, result = go_on(scene, cut(scene), {"p": False})
    assert told(result, "p") == "Not run again: The user declined this call."


def test_an_idempotent_tool_runs_again_unasked_with_the_same_key_and_without_a_second_approval():
    def make(world):
        return scene(world, idempotent=True)

    kept = cut(make)
    key = kept[-1].content["idempotency_key"]
    world, _, result = go_on(make, kept)
    assert result.output == "done"
    assert world.done[key] == 1


def test_retry_runs_it_again_unasked():
    world, _, result = go_on(scene, cut(scene), on_unknown="retry")
    assert result.output == "done"
    assert sorted(world.done.values()) in ([1], [1, 1])


def test_fail_ends_the_run_before_anything_runs_and_says_what_to_do():
    kept = cut(scene)
    for _ in range(2):  # as often as it goes on
        world, book = World(), Memory(kept)
        with pytest.raises(UnknownOutcomeError) as caught:
            asyncio.run(finish(part(scene(world), book, on_unknown="fail")))
        assert str(caught.value) == (
            "The call 'p' of tool 'pay' has no outcome on record, and on_unknown=\"fail\" ends the run there. "
            f"{BEGUN} Find out what it did and resume with a decision: give its result, approve it to run it again, or "
            "deny it."
        )
        assert [one.unknown for one in caught.value.state.held] == [BEGUN]
        assert not world.done
        assert book.records[-1].kind == "failed"
        kept = book.records
    _, _, result = go_on(scene, kept, {"p": caught.value.state.held[0].give("out")}, on_unknown="fail")
    assert told(result, "p") == "out"


def test_a_call_that_was_approved_with_other_arguments_runs_again_with_those():
    kept = cut(scene, decisions=Approve({"amount": 50}))
    key = kept[-1].content["idempotency_key"]
    _, book, waiting = go_on(scene, kept)
    held = waiting.pending[0]
    assert held.arguments == '{"amount":1}'
    assert held.unknown == f'{BEGUN} Its arguments were {{"amount":50}}.'
    world, _, result = go_on(scene, book.records, [held.approve()])
    assert told(result, "p") == "paid 50"
    assert world.done[key] == 1


def test_a_doubtful_call_waits_too_where_its_tool_is_gone():
    kept = cut(scene)

    def without(world):
        return scene(world).replace(tools=[tools_of(world)["look"]])

    _, book, result = go_on(without, kept, on_unknown="retry")
    assert result.pending[0].unknown == f"{BEGUN} It cannot run again: the agent has no tool any more that takes it."
    with pytest.raises(StateError, match="was approved, and its tool 'pay' is gone"):
        go_on(without, book.records, {"p": True})
    _, _, given = go_on(without, book.records, [result.pending[0].give("out")])
    assert told(given, "p") == "out"


def test_a_doubtful_call_waits_where_its_arguments_are_valid_no_more():
    @tool
    def pay(amount: int, to: str) -> str:
        """Pay."""
        return f"{amount} {to}"

    def other(world):
        return scene(world).replace(tools=[pay, tools_of(world)["look"]])

    _, book, result = go_on(other, cut(scene), on_unknown="retry")
    assert result.pending[0].unknown == f"{BEGUN} It cannot run again: the agent has no tool any more that takes it."
    with pytest.raises(StateError, match=r"^The arguments decided on for the call 'p' do not fit tool 'pay'"):
        go_on(other, book.records, {"p": True})


def test_a_run_goes_on_twice_and_a_call_that_was_run_again_is_doubtful_again():
    _, book, waiting = go_on(scene, cut(scene))
    _, second, _ = go_on(scene, book.records, [waiting.pending[0].approve()])
    at = max(place for place, record in enumerate(second.records) if record.kind == "calling")
    assert second.records[at].call_id == "p"
    _, third, again = go_on(scene, second.records[: at + 1])
    assert [one.id for one in again.pending] == ["p"]
    world, _, result = go_on(scene, third.records, [again.pending[0].approve()])
    assert result.output == "done"
    assert world.done.total() == 1


def below(world):
    """The same two calls in an agent that is a tool."""
    model = world.model(call("worker", {"prompt": "go"}, id="w"), "top is done")
    return Agent(model, tools=[scene(world).replace(name="worker").as_tool()])


def test_a_call_of_an_agent_is_never_doubtful_but_the_one_in_its_run_is():
    kept = cut(below)
    assert [*past_of(kept).doubtful] == ["w/p"]
    _, book, result = go_on(below, kept)
    assert [(one.id, one.unknown) for one in result.pending] == [("w/p", BEGUN)]
    world, _, ended = go_on(below, book.records, {"w/p": True})
    assert ended.output == "top is done"
    assert world.done.total() == 1


def test_fail_in_the_run_of_an_agent_ends_the_whole_run_and_can_be_decided():
    kept = cut(below)
    book = Memory(kept)
    with pytest.raises(UnknownOutcomeError) as caught:
        asyncio.run(finish(part(below(World()), book, on_unknown="fail")))
    assert [one.id for one in caught.value.state.held] == ["w/p"]
    _, _, ended = go_on(below, book.records, {"w/p": False}, on_unknown="fail")
    assert ended.output == "top is done"


def test_what_an_agent_was_at_waits_where_it_is_no_tool_any_more():
    def renamed(world):
        return below(world).replace(tools=[scene(world).replace(name="worker").as_tool("clerk")])

    def replaced(world):
        @tool
        def worker(prompt: str) -> str:
            """Work."""
            raise AssertionError(prompt)

        return below(world).replace(tools=[worker])

    known = "An agent was at work on it, and is its tool no more: it is not known how far that came."
    for other in (renamed, replaced):
        _, book, result = go_on(other, cut(below))
        assert [(one.id, one.name, one.unknown) for one in result.pending] == [("w", "worker", known)]
        assert asyncio.run(replay(book.records, other(World()))).text.startswith("order-1 diverges. Turn 1: the tool")
        world, _, given = go_on(other, book.records, [result.pending[0].give("paid 1")])
        assert (told(given, "w"), given.output, world.done) == ("paid 1", "top is done", {})
        _, _, back = go_on(below, book.records)
        assert [(one.id, one.unknown) for one in back.pending] == [("w/p", BEGUN)]
    with pytest.raises(UnknownOutcomeError, match=r"^The call 'w' of tool 'worker' has no outcome on record"):
        go_on(renamed, cut(below), on_unknown="fail")


def test_a_run_of_an_agent_that_has_its_output_is_not_run_again():
    world, book = World(), Memory()
    asyncio.run(to_the_end(below(world), book))
    at = next(place for place, record in enumerate(book.records) if record.kind == "finished")
    assert book.records[at].run_id == "order-1/w"
    again, _, result = go_on(below, book.records[: at + 1])
    assert told(result, "w") == "done"
    assert again.asked == 1


def raising(world):
    @tool
    def pay(ctx: Context) -> str:
        """Pay."""
        world.done[ctx.idempotency_key] += 1
        raise OSError("the line is dead")

    tools = tools_of(world)
    model = world.model(calls(call("pay", id="p"), call("look", {"number": 1}, id="q")), "done")
    return Agent(model, tools=[pay, tools["look"]], on_tool_error="raise")


def test_a_call_whose_error_ended_the_run_is_doubtful_and_its_siblings_are_kept():
    book = Memory()
    with pytest.raises(ToolFailedError):
        asyncio.run(finish(part(raising(World()), book)))
    assert book.records[-1].kind == "failed"
    assert book.records[-1].content["error"].startswith("ToolFailedError: Tool 'pay' raised OSError: the line is dead")
    world, _, result = go_on(raising, book.records)
    assert [one.id for one in result.pending] == ["p"]
    assert not world.done


@pytest.mark.parametrize("way", ["cancelled", "out of time"])
def test_a_call_that_was_on_its_way_when_the_run_was_ended_is_doubtful(way):
    async def main(book):
        begun = asyncio.Event()

        @tool
        async def pay() -> str:
            """Pay."""
            begun.set()
            await asyncio.Event().wait()
            return "paid"

        limits = RunLimits(seconds=0.2) if way == "out of time" else None
        agent = Agent(World().model(call("pay", id="p"), "done"), tools=[pay], limits=limits)
        task = asyncio.create_task(finish(part(agent, book)))
        await begun.wait()
        if way == "cancelled":
            task.cancel()
        await task

    book = Memory()
    with pytest.raises((asyncio.CancelledError, LimitExceededError)) as caught:
        asyncio.run(main(book))
    assert caught.value.state.open_calls == ()
    assert book.records[-1].kind == ("changed" if way == "cancelled" else "failed")  # cut off, or ended with an error
    past = past_of(book.records)
    assert [one.id for one in past.state.open_calls] == ["p"]
    assert list(past.begun) == ["p"]
    assert past.ended == (None if way == "cancelled" else book.records[-1])


class Broken(Memory):
    """A book that fails at the nth record."""

    def __init__(self, most, records=()):
        super().__init__(records)
        self.most = most

    async def note(self, record, *, sure=False):
        if len(self.records) == self.most:
            raise JournalError("The disk is full.")
        await super().note(record, sure=sure)


def test_an_effect_does_not_happen_where_its_intent_cannot_be_written():
    whole = Memory()
    asyncio.run(to_the_end(below(World()), whole))
    for place, record in enumerate(whole.records):
        world, book = World(), Broken(place)
        with pytest.raises(JournalError, match="full") as caught:
            asyncio.run(to_the_end(below(world), book))
        if record.kind in ("calling", "asking"):
            answered = sum(one.kind == "answered" for one in book.records)
            assert world.done.total() <= answered
            assert world.asked == sum(one.kind == "replied" for one in book.records)
        noted = getattr(caught.value, "__notes__", [])
        assert all(one == "That the run ended could not be written down: The disk is full." for one in noted)


def test_a_request_that_failed_is_on_record_and_asked_again():
    world = World()
    agent = Agent(world.model(InternalServerError("down"), "done"))
    book = Memory()
    with pytest.raises(InternalServerError):
        asyncio.run(finish(part(agent, book)))
    assert [record.kind for record in book.records] == ["begin", "asking", "failed"]
    assert book.records[-1].content["error"] == "InternalServerError: down"
    result = asyncio.run(finish(part(Agent(World().model("done")), book)))
    assert result.output == "done"
    assert [record.kind for record in book.records[3:]] == ["asking", "replied", "finished"]
    assert json.loads(book.records[-1].content["output"]) == "done"


def test_only_what_must_not_happen_twice_unknown_is_written_surely():
    book = Memory()
    asyncio.run(to_the_end(scene(World()), book))
    sure = {record.kind for record, one in zip(book.records, book.sure, strict=True) if one}
    assert sure == {"begin", "decided", "calling", "paused", "finished"}
    idempotent = Memory()
    asyncio.run(to_the_end(scene(World(), idempotent=True), idempotent))
    intents = [s for r, s in zip(idempotent.records, idempotent.sure, strict=True) if r.kind == "calling"]
    assert sorted(intents) == [False, True]


def test_a_keeper_that_was_not_opened_writes_no_end():
    book = Memory()
    asyncio.run(Keeping(book).close(None, ValueError("no")))
    assert not book.records
