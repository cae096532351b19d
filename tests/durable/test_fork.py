"""The state that a fork of a run begins with."""

import asyncio

import pytest

from agentkit import Agent, errors, tool
from agentkit.agent.conversation import finish
from agentkit.agent.start import go_on, start
from agentkit.durable import Journal, Keeping, states_of
from agentkit.durable.fork import fork_of
from agentkit.media import image
from agentkit.state import RunState
from agentkit.testing import ScriptedModel, call, calls
from agentkit.wire.check import check_request
from agentkit.wire.content import text_of
from agentkit.wire.message import ToolMessage, UserMessage
from agentkit.wire.request import ChatRequest
from tests.durable.cut import PIXEL, Memory, World, nested, part, to_the_end

LOOK = call("look", {"city": "Oslo"}, id="a")


@tool
def look(city: str) -> str:
    """Look at a city."""
    return f"{city}: 4 degrees"


@tool
def draw() -> list:
    """Draw."""
    return ["a dot", image(PIXEL)]


@tool(approval=True)
def pay(amount: int) -> str:
    """Pay an amount."""
    return f"paid {amount}"


AGENT = Agent(tools=[look, draw, pay])


def recorded(*replies, agent=AGENT, history=()):
    """Run on a script to its end or pause; give the records."""

    async def run():
        book = Memory()
        run = start(agent.recipe_for(ScriptedModel(replies)), "Weather?", None, history)
        run.state = run.state.replace(run_id="order-42")
        run.keeper = Keeping(book)
        await finish(run)
        return book.records

    return asyncio.run(run())


def said(state):
    """Give role and text of each message."""
    return [(one.role, text_of(one.content)) for one in state.messages]


def went_on(state, *replies, agent=AGENT):
    """Let a fork go on; give the result and the first request."""
    model = ScriptedModel(replies)
    result = asyncio.run(agent.replace(model=model).resume(state))
    return result, model.requests


TWO = (LOOK, call("look", {"city": "Rome"}, id="b"), "4 and 20")


def test_a_fork_keeps_replies_and_their_results():
    records = recorded(*TWO)
    state = fork_of(records, 1, "order-42-b")
    assert (state.run_id, state.turns, len(state.usages)) == ("order-42-b", 1, 1)
    assert said(state) == [("user", "Weather?"), ("assistant", ""), ("tool", "Oslo: 4 degrees")]
    result, _ = went_on(state, "It is cold.")
    assert (result.output, result.turns, result.run_id) == ("It is cold.", 2, "order-42-b")


def test_nothing_kept_is_the_beginning():
    assert said(fork_of(recorded(*TWO), 0, "b")) == [("user", "Weather?")]


def test_all_kept_gives_the_output_again():
    result, requests = went_on(fork_of(recorded(*TWO), 3, "b"))
    assert (result.output, requests) == ("4 and 20", [])


def test_a_prompt_takes_the_place_of_the_first_at_the_beginning():
    records = recorded(*TWO, history=[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes?"}])
    state = fork_of(records, 0, "b", prompt="And Rome?")
    assert said(state) == [("user", "Hi"), ("assistant", "Yes?"), ("user", "And Rome?")]
    assert said(state.replace(messages=state.new_messages)) == [("user", "And Rome?")]


def test_a_prompt_is_said_after_what_is_kept():
    records = recorded(*TWO)
    assert said(fork_of(records, 1, "b", prompt="In Kelvin."))[-1] == ("user", "In Kelvin.")
    state = fork_of(records, 3, "b", prompt="In Kelvin.")
    result, _ = went_on(state, "277")
    assert said(result.state)[-3:] == [("assistant", "4 and 20"), ("user", "In Kelvin."), ("assistant", "277")]


def test_results_are_put_in_the_place_of_those_of_kept_calls():
    state = fork_of(recorded(*TWO), 2, "b", results={"a": {"degrees": -4}, "b": "Rome: 30"})
    assert [text for role, text in said(state) if role == "tool"] == ['{"degrees":-4}', "Rome: 30"]


def test_of_an_id_that_was_used_again_the_last_result_is_another():
    again = call("look", {"city": "Rome"}, id="a")
    state = fork_of(recorded(LOOK, again, "done"), 2, "b", results={"a": "Rome: 30"})
    assert [text for role, text in said(state) if role == "tool"] == ["Oslo: 4 degrees", "Rome: 30"]


def test_images_of_a_batch_stay_go_and_come_with_its_results():
    records = recorded(calls(call("draw", id="a"), call("draw", id="b")), "done")

    def carried(**results):
        state = fork_of(records, 1, "b", results=results)
        check_request(ChatRequest(messages=state.messages))
        last = state.messages[-1]
        return len([one for one in last.content if one.type == "image_url"]) if isinstance(last, UserMessage) else 0

    assert carried() == 2
    assert carried(a="none") == 1
    assert carried(a="none", b="none") == 0
    assert carried(a=[image(PIXEL), image(PIXEL)]) == 3
    plain = recorded(LOOK, "done")
    assert isinstance(fork_of(plain, 1, "b", results={"a": image(PIXEL)}).messages[-1], UserMessage)


def test_calls_that_were_held_wait_in_the_fork_as_its_own():
    state = fork_of(recorded(calls(call("pay", {"amount": 3}, id="p"), LOOK)), 1, "b")
    assert [(held.id, held.run_id) for held in state.held] == [("p", "b")]
    model = ScriptedModel(["paid"])
    result = asyncio.run(AGENT.replace(model=model).resume(state, decisions=[state.held[0].approve()]))
    assert "paid 3" in [text for role, text in said(result.state) if role == "tool"]


def test_a_result_of_a_held_call_lets_the_fork_go_on():
    records = recorded(calls(call("pay", {"amount": 3}, id="p"), call("draw", id="d")))
    state = fork_of(records, 1, "b", results={"p": "paid by hand"})
    assert (state.held, state.open_calls) == ((), ())
    assert went_on(state, "fine")[0].output == "fine"
    half = fork_of(
        recorded(calls(call("pay", {"amount": 3}, id="p"), call("draw", id="d"))), 1, "b", results={"d": "-"}
    )
    assert (half.carried, [held.id for held in half.held]) == ({}, ["p"])


def test_held_calls_are_declined_where_the_user_says_something_else():
    state = fork_of(recorded(call("pay", {"amount": 3}, id="p")), 1, "b", prompt="Never mind.")
    assert said(state)[-2:] == [("tool", "Not run: the user went on."), ("user", "Never mind.")]


def test_runs_below_go_on_in_the_fork_under_its_id():
    book = Memory()
    asyncio.run(finish(part(nested(World()), book)))
    state = fork_of(book.records, 1, "b")
    assert {one: sub.run_id for one, sub in state.subs.items()} == {"x": "b/x", "y": "b/y"}
    assert state.subs["x"].subs["m"].run_id == "b/x/m"
    assert {held.run_id for held in state.held} == {"b/x/m", "b/y"}
    world = World()
    agent = nested(world)

    async def go():
        result = await agent.resume(state)
        while result.pending:
            result = await agent.resume(result.state, decisions=[held.approve() for held in result.pending])
        return result

    assert asyncio.run(go()).output == "top is done"


def test_a_fork_can_be_forked():
    book = Memory()

    async def go():
        run = go_on(AGENT.recipe_for(ScriptedModel([LOOK, "again"])), fork_of(recorded_two, 2, "b"), None, None)
        run.keeper = Keeping(book)
        await finish(run)

    recorded_two = recorded(*TWO)
    asyncio.run(go())
    state = fork_of(book.records, 3, "c")
    assert (state.run_id, state.turns) == ("c", 3)
    with pytest.raises(errors.StateError) as caught:
        fork_of(book.records, 1, "c")
    assert str(caught.value) == (
        "The run 'b' has 4 turns, and at=1 is none of them. Give how many replies are kept: 2, with which it began, "
        "to 4."
    )


@pytest.mark.parametrize("at", [-1, 4, True, None])
def test_a_turn_that_is_none_is_refused(at):
    with pytest.raises(errors.StateError) as caught:
        fork_of(recorded(*TWO), at, "b")
    assert str(caught.value) == (
        f"The run 'order-42' has 3 turns, and at={at!r} is none of them. Give how many replies are kept: "
        "0, the beginning, to 3."
    )


def test_a_call_that_is_none_is_refused():
    with pytest.raises(errors.StateError) as caught:
        fork_of(recorded(*TWO), 1, "b", results={"b": 1})
    assert str(caught.value) == (
        "The kept turns of the run 'order-42' have no call 'b', whose result was given. Their calls are: a."
    )


def begun(records, kind="calling"):
    """Cut records right after an intent."""
    place = next(i for i, record in enumerate(records) if record.kind == kind)
    return records[: place + 1]


def test_a_call_in_doubt_is_not_run_again_unless_its_result_is_given():
    records = begun(recorded(*TWO))
    with pytest.raises(errors.StateError) as caught:
        fork_of(records, 1, "b")
    assert str(caught.value) == (
        "The call 'a' of the tool 'look' was begun, and nothing says how it ended: the fork would run it again. Say "
        "what it gave, `results={'a': ...}`, go on with the run itself first, or keep fewer turns."
    )
    assert said(fork_of(records, 1, "b", results={"a": "4"}))[-1] == ("tool", "4")
    assert said(fork_of(records, 0, "b")) == [("user", "Weather?")]


def test_a_call_in_doubt_in_a_run_below_is_not_run_again():
    book = Memory()
    asyncio.run(to_the_end(nested(World()), book))
    place = next(i for i, one in enumerate(book.records) if one.kind == "calling" and "/" in one.run_id)
    with pytest.raises(errors.StateError) as caught:
        fork_of(book.records[: place + 1], 1, "b")
    name = book.records[place]
    below = f"{name.run_id.removeprefix('order-1/')}/{name.call_id}"
    tool_name = name.content["name"]
    assert str(caught.value) == (
        f"The call '{below}' of the tool '{tool_name}' was begun, and nothing says how it ended: the fork would run it "
        "again. Go on with the run itself first, or keep fewer turns."
    )


def test_the_source_stays_as_it_is():
    records = recorded(*TWO)
    before = [record.to_json() for record in records]
    fork_of(records, 2, "b", prompt="x", results={"a": 1})
    assert [record.to_json() for record in records] == before
    *_, (_, state) = states_of(records)
    assert isinstance(state, RunState)
    assert any(isinstance(one, ToolMessage) for one in state.messages)


def test_a_journal_forks_with_another_model_and_refuses_an_id_that_is_taken(tmp_path):
    journal = Journal(tmp_path / "runs.db")
    journal.run_sync(AGENT, "Weather?", run_id="order-42", model=ScriptedModel(TWO))

    def fork(**options):
        return asyncio.run(journal.fork(AGENT, "order-42", at=1, run_id="b", **options))

    first = fork(results={"a": "Oslo: 30"}, model=ScriptedModel(["Hot."]))
    assert first.output == "Hot."
    assert fork(results={"a": "Oslo: 30"}, model=ScriptedModel([])).output == "Hot."
    with pytest.raises(errors.RunMismatchError):
        fork(results={"a": "Oslo: 31"}, model=ScriptedModel([]))
    assert asyncio.run(journal.replay(AGENT, "b")).divergence is None
    journal.close()


def test_a_fork_is_found_again_though_the_run_has_gone_on_since(tmp_path):
    journal, replies = Journal(tmp_path / "runs.db"), [call("pay", {"amount": 1}, id="p"), "Paid."]
    journal.run_sync(AGENT, "Pay.", run_id="order-42", model=ScriptedModel(replies[:1]))

    def fork(**options):
        return asyncio.run(journal.fork(AGENT, "order-42", at=1, run_id="b", **options))

    assert [one.run_id for one in fork(model=ScriptedModel([])).pending] == ["b"]
    result = journal.resume_sync(AGENT, "order-42", decisions={"p": True}, model=ScriptedModel(replies[1:]))
    assert result.output == "Paid."
    assert [one.run_id for one in fork(model=ScriptedModel([])).pending] == ["b"]
    journal.close()


def test_neither_the_run_itself_nor_an_older_one_is_a_fork_of_it(tmp_path):
    journal, agent = Journal(tmp_path / "runs.db"), Agent(ScriptedModel(["one", "two"]))

    async def refused(run_id):
        with pytest.raises(errors.RunMismatchError) as caught:
            await journal.fork(agent, "order-43", at=0, run_id=run_id)
        return str(caught.value)

    async def both():
        await journal.run(agent, "Hi", run_id="order-42")
        await journal.run(agent, "Hi", run_id="order-43")
        return await refused("order-43"), await refused("order-42")

    advice = "so it is no fork of it. Give another id, that of a new run."
    assert asyncio.run(both()) == (
        f"The run 'order-43' is the one that is to be forked, {advice}",
        f"The run 'order-42' began before the run 'order-43' did, {advice}",
    )
    journal.close()
