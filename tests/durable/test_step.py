"""The records of a run as the texts of steps."""

import asyncio

import pytest

from agentkit import Agent, tool
from agentkit.durable import step as module
from agentkit.durable.gate import Gate
from agentkit.durable.record import Record
from agentkit.durable.step import StepBook, in_order
from agentkit.errors import JournalError
from agentkit.testing import ScriptedModel
from agentkit.testing.reply import call


@pytest.fixture
def written(monkeypatch):
    """What is written, in its order, without an engine."""
    texts = []

    async def step(name, body, *, long=False):
        text = await body()
        texts.append((name, text, long))
        return text

    monkeypatch.setattr(module, "step", step)
    return texts


@tool(approval=True)
def pay() -> str:
    """Pay."""
    return "paid"


def record(kind, call_id=""):
    return Record("order-1", kind, 1, call_id)


def test_records_are_written_in_the_order_in_which_they_were_made_whenever_their_calls_began(written):
    book, ends = StepBook(Gate(lambda: True)), [asyncio.Event() for _ in range(3)]

    async def call(number):
        async def body():
            await ends[number].wait()
            if number:
                ends[number - 1].set()  # the call before it ends after it
            return record("answered", f"call_{number}")

        return await book.act(f"call {number}", body)

    async def main():
        calls = [asyncio.ensure_future(call(number)) for number in range(3)]
        await asyncio.sleep(0)
        ends[2].set()
        return await asyncio.gather(*calls)

    assert [one.call_id for one in asyncio.run(main())] == ["call_0", "call_1", "call_2"]
    assert [one.call_id for _, one in in_order(text for _, text, _ in written)] == ["call_2", "call_1", "call_0"]
    assert all(long for _, _, long in written)


def test_records_keep_the_order_in_which_they_were_made_whichever_step_begins_first(monkeypatch):
    texts, begins = [], {"answered order-1 a": asyncio.Event(), "answered order-1 b": asyncio.Event()}

    async def step(name, body, *, long=False):
        await begins[name].wait()
        begins["answered order-1 a"].set()
        texts.append(text := await body())
        return text

    monkeypatch.setattr(module, "step", step)

    async def main():
        book = StepBook(Gate(lambda: True))
        notes = [asyncio.ensure_future(book.note(record("answered", one))) for one in "ab"]
        await asyncio.sleep(0)
        begins["answered order-1 b"].set()
        await asyncio.gather(*notes)

    asyncio.run(main())
    assert [one.call_id for _, one in in_order(texts)] == ["a", "b"]


def test_that_a_request_is_about_to_be_sent_is_written_with_its_reply(written):
    book = StepBook(Gate(lambda: True), place=4)

    async def reply():
        return record("replied")

    async def main():
        await book.note(record("asking"))
        await book.act("ask 1", reply)
        await book.note(record("changed"))

    asyncio.run(main())
    assert [text.partition(" ")[0] for _, text, _ in written] == ["5", "7"]
    before = [f"{place} {record('changed').to_json()}" for place in range(1, 5)]
    kinds = [one.kind for _, one in in_order([*before, *(text for _, text, _ in written)])]
    assert kinds[4:] == ["asking", "replied", "changed"]


def test_a_worker_that_drains_writes_no_intent_and_finishes_what_has_one(written):
    gate = Gate(lambda: True)
    book = StepBook(gate)

    async def answer():
        return record("answered", "call_1")

    async def main():
        await book.note(record("calling", "call_1"))
        assert gate.under_way == 1
        gate.drains = True
        await book.act("call 1", answer)
        assert gate.under_way == 0
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(book.note(record("calling", "call_2")), 0.1)

    asyncio.run(main())
    assert [name for name, _, _ in written] == ["calling order-1 call_1", "call 1"]


def test_an_effect_that_is_cancelled_leaves_nothing_and_one_that_is_done_is_written_all_the_same(monkeypatch):
    texts, goes = [], asyncio.Event()

    async def step(name, body, *, long=False):
        text = await body()
        await goes.wait()  # the database
        texts.append(text)
        return text

    monkeypatch.setattr(module, "step", step)
    book = StepBook(Gate(lambda: True))

    async def never():
        await asyncio.Event().wait()

    async def done():
        return record("answered", "call_1")

    async def main():
        for body in (never, done):
            goes.clear()
            task = asyncio.ensure_future(book.act("call", body))
            for _ in range(5):
                await asyncio.sleep(0)
            task.cancel()
            asyncio.get_running_loop().call_soon(goes.set)
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())
    assert [one.call_id for _, one in in_order(texts)] == ["call_1"]


def test_nothing_is_written_after_a_record_that_was_not(monkeypatch):
    texts = []

    async def step(name, body, *, long=False):
        if name.startswith("begin"):
            raise asyncio.CancelledError  # the engine is stopped
        texts.append(await body())

    monkeypatch.setattr(module, "step", step)

    async def main():
        book = StepBook(Gate(lambda: True))
        with pytest.raises(asyncio.CancelledError):
            await book.note(record("begin"))
        with pytest.raises(JournalError) as caught:
            await book.note(record("changed"))
        return str(caught.value)

    assert asyncio.run(main()) == (
        "Nothing more of the run 'order-1' is written by this worker, for a record before could not be. It goes on "
        "from what is on record: at another worker, or when it is resumed."
    )
    assert texts == []


def test_where_a_record_is_not_there_yet_those_after_it_are_not_either():
    texts = [f"{place} {record('changed', str(place)).to_json()}" for place in (4, 2, 1, 2)]
    assert [place for place, _ in in_order(texts)] == [1, 2]
    assert in_order(texts[:1]) == in_order([]) == []  # the first one, too


def test_the_run_of_an_agent_leaves_how_it_ended_and_gives_its_result(monkeypatch):
    ended = []

    async def below(text, body):
        ended.append((text, await body()))

    monkeypatch.setattr(module, "below", below)
    agent = Agent(ScriptedModel([call("pay", {}), "done"]), tools=[pay])

    async def main():
        book = StepBook(Gate(lambda: True))
        waiting = await book.below("order-1/call_1", lambda: agent.run("go"))
        result = await book.below(
            "order-1/call_1", lambda: agent.resume(waiting.state, decisions=[waiting.pending[0].approve()])
        )
        return waiting.pending[0].name, result.output

    assert asyncio.run(main()) == ("pay", "done")
    assert ended == [("order-1/call_1", "paused"), ("order-1/call_1", "finished")]


def test_whatever_ends_a_line_elsewhere_stays_within_its_record():
    one = Record("order-1", "changed", 1, data='{"text": "a\u2028b\x85c\u2029d"}')
    assert in_order(["", f"1 {one.to_json()}\n{one.to_json()}"]) == [(1, one), (2, one)]
