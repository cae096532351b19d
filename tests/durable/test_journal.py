"""Runs of a journal: the same call begins, goes on and gives the result; nothing that was finished is done again."""

import asyncio
import logging
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from pydantic import BaseModel

from agentkit import Agent, ChatModel, Context, Give, OutputSpec, RunLimits, Settings, ToolRetry, errors, tool
from agentkit.agent.event import OutputReady, RunEnded, RunStarted, TextDelta, ToolCallReady
from agentkit.durable import Journal
from agentkit.durable import hold as holding
from agentkit.errors import (
    ConfigurationError,
    JournalError,
    LimitExceededError,
    RunInUseError,
    RunMismatchError,
    StateError,
    UnknownOutcomeError,
)
from agentkit.testing import FakeEndpoint, Fault, ScriptedModel, call, calls


class Bill(BaseModel):
    """What is due."""

    euros: int


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs.db"


@pytest.fixture
def journal(path):
    journal = Journal(path)
    yield journal
    journal.close()


@pytest.fixture
def paid():
    return []


@pytest.fixture
def pay(paid):
    @tool
    def pay(to: str) -> str:
        """Pay somebody."""
        paid.append(to)
        return f"paid {to}"

    return pay


def cut_after(journal, run_id, kind, number=1):
    """Let what came after a record be as if the process had died before it was written."""
    records = asyncio.run(journal.records(run_id))
    places = [place for place, record in enumerate(records) if record.kind == kind]
    last = len(records) - places[number - 1] - 1
    statement = (
        "DELETE FROM record WHERE number IN (SELECT record.number FROM record JOIN run ON run.number = run"
        " WHERE id = ? ORDER BY record.number DESC LIMIT ?)"
    )
    journal._file._writer._file.use(lambda db: db.execute(statement, (run_id, last)))
    journal._file._writer._file.use(lambda db: db.execute("UPDATE run SET status = 'open' WHERE id = ?", (run_id,)))


def kinds(journal, run_id):
    return [record.kind for record in asyncio.run(journal.records(run_id))]


def test_a_run_is_written_down_and_the_same_call_gives_its_result(journal, pay, paid):
    model = ScriptedModel([call("pay", {"to": "Ann"}), "Done."])
    agent = Agent(model, tools=[pay], name="clerk")
    first = journal.run_sync(agent, "Pay Ann.", run_id="order-42")
    again = journal.run_sync(agent, "Pay Ann.", run_id="order-42")
    assert (first.output, first.run_id, paid) == ("Done.", "order-42", ["Ann"])
    assert again.state == first.state
    assert (again.output, again.agent, again.reply) == ("Done.", "clerk", first.reply)
    assert [(one.message, one.status) for one in again.answers] == [(one.message, one.status) for one in first.answers]
    model.assert_complete()
    assert kinds(journal, "order-42") == [
        "begin", "asking", "replied", "calling", "answered", "asking", "replied", "finished",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "number", "asked", "paid_again"),
    [
        ("begin", 1, 2, 1),
        ("asking", 1, 2, 1),
        ("replied", 1, 1, 1),
        ("answered", 1, 1, 0),
        ("asking", 2, 1, 0),
        ("replied", 2, 0, 0),
        ("finished", 1, 0, 0),
    ],
)
def test_it_goes_on_from_wherever_it_was_cut(journal, pay, paid, *, kind, number, asked, paid_again):
    script = [call("pay", {"to": "Ann"}), "Done."]
    whole = journal.run_sync(Agent(ScriptedModel(script), tools=[pay]), "Pay Ann.", run_id="a")
    cut_after(journal, "a", kind, number)
    paid.clear()
    rest = ScriptedModel(script[len(script) - asked :])
    result = journal.run_sync(Agent(rest, tools=[pay]), "Pay Ann.", run_id="a")
    rest.assert_complete()
    assert (result.output, len(paid), result.turns, result.usage) == ("Done.", paid_again, 2, whole.usage)
    # the ids of calls are the model's, and where it is asked again they may be others
    assert [one.role for one in result.messages] == [one.role for one in whole.messages]
    assert kinds(journal, "a")[-1] == "finished"


def test_a_call_in_doubt_waits_for_a_decision_and_says_what_is_known(journal, pay, paid):
    script = [call("pay", {"to": "Ann"}), "Done."]
    journal.run_sync(Agent(ScriptedModel(script), tools=[pay]), "Pay Ann.", run_id="a")
    cut_after(journal, "a", "calling")
    agent = Agent(ScriptedModel(["Done."]), tools=[pay])
    result = journal.run_sync(agent, "Pay Ann.", run_id="a")
    (waiting,) = result.pending
    assert (waiting.name, waiting.arguments, len(paid)) == ("pay", '{"to":"Ann"}', 1)
    assert waiting.unknown.startswith("It was begun on ")
    assert waiting.unknown.endswith(" UTC, and it is not known whether it was done.")
    assert journal.run_sync(agent, "Pay Ann.", run_id="a").pending == result.pending
    assert asyncio.run(journal.runs())[0].status == "paused"
    done = journal.resume_sync(agent, "a", decisions=[waiting.give("paid Ann, by the bank's own list")])
    assert (done.output, len(paid)) == ("Done.", 1)


@pytest.mark.parametrize("choice", ["retry", "fail"])
def test_a_call_in_doubt_follows_the_choice(journal, path, pay, paid, choice):
    script = [call("pay", {"to": "Ann"}), "Done."]
    journal.run_sync(Agent(ScriptedModel(script), tools=[pay]), "Pay Ann.", run_id="a")
    cut_after(journal, "a", "calling")
    other = Journal(path, on_unknown=choice)
    agent = Agent(ScriptedModel(["Done."]), tools=[pay])
    if choice == "retry":
        assert other.run_sync(agent, "Pay Ann.", run_id="a").output == "Done."
        assert paid == ["Ann", "Ann"]
    else:
        for _ in range(2):
            with pytest.raises(UnknownOutcomeError):
                other.run_sync(agent, "Pay Ann.", run_id="a")
        assert paid == ["Ann"]
        (waiting,) = journal.run_sync(agent, "Pay Ann.", run_id="a").pending
        assert other.resume_sync(agent, "a", decisions=[waiting.approve()]).output == "Done."
        assert paid == ["Ann", "Ann"]
    other.close()


def test_an_idempotent_call_runs_again_with_the_key_that_it_had(journal):
    keys = []

    @tool(idempotent=True)
    def charge(context: Context, to: str) -> str:
        """Charge."""
        keys.append(context.idempotency_key)
        return to

    script = [call("charge", {"to": "Ann"}), "Done."]
    journal.run_sync(Agent(ScriptedModel(script), tools=[charge]), "Go.", run_id="a")
    cut_after(journal, "a", "calling")
    assert journal.run_sync(Agent(ScriptedModel(["Done."]), tools=[charge]), "Go.", run_id="a").output == "Done."
    assert len(keys) == 2
    assert keys[0] == keys[1]


def test_another_prompt_under_the_same_id_is_refused_and_shows_what_differs(journal):
    agent = Agent(ScriptedModel(["Done."]))
    start = "Write to everybody who has ordered since "
    journal.run_sync(agent, f"{start}May.", run_id="a")
    with pytest.raises(RunMismatchError) as caught:
        journal.run_sync(agent, f"{start}June.", run_id="a")
    assert str(caught.value) == (
        "Run 'a' began with another prompt: then '…o has ordered since May.', now '…o has ordered since June.'. "
        "Give what it began with, so that it goes on, or another id to begin a run of its own."
    )
    with pytest.raises(RunMismatchError) as caught:
        journal.run_sync(agent, f"{start}May.", run_id="a", history=[{"role": "user", "content": "Hello."}])
    assert str(caught.value) == (
        "Run 'a' began with another history. "
        "Give what it began with, so that it goes on, or another id to begin a run of its own."
    )
    result = journal.run_sync(agent, f"{start}May.", run_id="a")
    assert result.output == "Done."


def test_what_begins_without_a_prompt_goes_on_from_its_history(journal):
    history = [{"role": "user", "content": "Hello."}]
    agent = Agent(ScriptedModel(["Hello!"]))
    for _ in range(2):
        assert journal.run_sync(agent, None, run_id="a", history=history).output == "Hello!"


@pytest.mark.parametrize("given", ["", "a/b", "a\nb", "a\x00", "\ud800", "x" * 201, 7, None])
def test_an_id_that_can_be_none_is_refused(journal, given):
    with pytest.raises(ConfigurationError) as caught:
        journal.run_sync(Agent(ScriptedModel([])), "Go.", run_id=given)
    assert str(caught.value) == (
        f"A run's id is {given!r:.100}. Give a text of 1 to 200 characters, none of them a slash, a control character "
        "or half of one."
    )


def test_ids_of_other_scripts_are_fine(journal):
    agent = Agent(ScriptedModel(["Done."]))
    assert journal.run_sync(agent, "Go.", run_id="заказ 42: ü ✓").run_id == "заказ 42: ü ✓"


def test_a_choice_that_is_none_is_refused(path):
    with pytest.raises(ConfigurationError) as caught:
        Journal(path, on_unknown="maybe")
    assert str(caught.value) == 'on_unknown is \'maybe\', which is unknown. Give "ask", "fail" or "retry".'
    assert not path.exists()


@pytest.mark.parametrize("act", ["resume", "records", "delete", "fork"])
def test_a_run_that_there_is_not_is_said_to_be_none(journal, path, act):
    agent = Agent(ScriptedModel([]))
    act = {
        "resume": lambda: journal.resume(agent, "a"),
        "records": lambda: journal.records("a"),
        "delete": lambda: journal.delete("a"),
        "fork": lambda: journal.fork(agent, "a", at=0, run_id="b"),
    }[act]
    with pytest.raises(ConfigurationError) as caught:
        asyncio.run(act())
    assert str(caught.value) == (
        f"The journal {str(path)!r} has no run 'a'. Begin it, `journal.run(agent, prompt, run_id=...)`; "
        "`journal.runs()` lists those that there are."
    )
    assert repr(journal) == f"Journal({str(path)!r})"


def test_the_output_of_a_finished_run_is_read_as_its_type_without_calling_anything(journal):
    called = []

    def positive(bill: Bill) -> Bill:
        called.append("validator")
        if bill.euros < 0:
            raise ValueError("negative")
        return bill

    agent = Agent(ScriptedModel(['{"euros": 5}']), output=OutputSpec(Bill, validators=[positive]))
    for _ in range(2):
        assert journal.run_sync(agent, "Read it.", run_id="a").output == Bill(euros=5)
    assert called == ["validator"]

    def book(euros: int) -> Bill:
        called.append("function")
        return Bill(euros=euros)

    agent = Agent(ScriptedModel(['{"euros": 5}']), output=book)
    for _ in range(2):
        assert journal.run_sync(agent, "Book it.", run_id="b").output == Bill(euros=5)
    assert called == ["validator", "function"]


def test_an_output_of_an_older_type_is_an_error_that_says_where_it_is(journal):
    journal.run_sync(Agent(ScriptedModel(['{"euros": 5}']), output=Bill), "Read it.", run_id="a")

    class Other(BaseModel):
        """Another one."""

        cents: int

    with pytest.raises(RunMismatchError) as caught:
        journal.run_sync(Agent(ScriptedModel([]), output=Other), "Read it.", run_id="a")
    said = str(caught.value)
    assert said.startswith("Run 'a' has finished, and its output is none of what the agent gives now: ")
    assert said.endswith(
        ". Ask with an agent whose output has the old type, or read the JSON of the last of `journal.records(run_id)`."
    )
    assert caught.value.state.run_id == "a"


def test_a_run_that_waits_goes_on_by_its_id(journal, paid):
    @tool(approval=True)
    def pay(to: str) -> str:
        """Pay."""
        paid.append(to)
        return f"paid {to}"

    script = [calls(call("pay", {"to": "Ann"}), call("pay", {"to": "Bob"})), "Done."]
    agent = Agent(ScriptedModel(script), tools=[pay])
    result = journal.run_sync(agent, "Pay both.", run_id="a")
    ann, bob = result.pending
    assert journal.run_sync(agent, "Pay both.", run_id="a").pending == (ann, bob)
    with pytest.raises(StateError):
        journal.resume_sync(agent, "a", decisions={"nobody": True})
    (left,) = journal.resume_sync(agent, "a", decisions=[ann.approve()]).pending
    assert (left, paid) == (bob, ["Ann"])
    assert journal.resume_sync(agent, "a").pending == (bob,)
    done = journal.resume_sync(agent, "a", decisions=[bob.deny("No.")])
    assert (done.output, paid) == ("Done.", ["Ann"])
    assert [(one.tool_name, one.status) for one in done.answers] == [("pay", "ok"), ("pay", "denied")]
    assert journal.resume_sync(agent, "a").output == "Done."


def test_what_was_decided_holds_though_the_process_died_before_it_was_done(journal, paid):
    @tool(approval=True)
    def pay(to: str) -> str:
        """Pay."""
        paid.append(to)
        return f"paid {to}"

    agent = Agent(ScriptedModel([call("pay", {"to": "Ann"}), "Done.", "Done."]), tools=[pay])
    (ann,) = journal.run_sync(agent, "Pay.", run_id="a").pending
    journal.resume_sync(agent, "a", decisions=[ann.approve()])
    cut_after(journal, "a", "decided")
    assert journal.run_sync(agent, "Pay.", run_id="a").output == "Done."
    assert paid == ["Ann", "Ann"]  # the first one was undone with the records


def test_a_run_that_failed_goes_on_when_it_is_called_again(journal, pay, paid):
    def refuse(_):
        raise errors.AuthenticationError("The key is none.")

    agent = Agent(ScriptedModel([call("pay", {"to": "Ann"}), refuse, "Done."]), tools=[pay])
    with pytest.raises(errors.AuthenticationError):
        journal.run_sync(agent, "Pay Ann.", run_id="a")
    (summary,) = asyncio.run(journal.runs(status="failed"))
    assert (summary.turns, summary.prompt) == (1, "Pay Ann.")
    assert journal.run_sync(agent, "Pay Ann.", run_id="a").output == "Done."
    assert paid == ["Ann"]
    assert asyncio.run(journal.runs(status="failed")) == ()
    assert "failed" in kinds(journal, "a")


def test_a_limit_counts_what_was_spent_before(journal, pay, paid):
    agent = Agent(ScriptedModel([call("pay", {"to": "Ann"}), "Done."]), tools=[pay])
    for _ in range(2):
        with pytest.raises(LimitExceededError) as caught:
            journal.run_sync(agent, "Pay Ann.", run_id="a", limits=RunLimits(turns=1))
        assert caught.value.__notes__ == [
            (
                "Run 'a' goes on where it was by the same call of the journal, with more where a limit was reached. "
                "`agent.resume` would leave the journal."
            )
        ]
    assert journal.run_sync(agent, "Pay Ann.", run_id="a", limits=RunLimits(turns=2)).output == "Done."
    assert paid == ["Ann"]


def test_a_stream_shows_the_run_and_one_that_has_ended_shows_its_end(journal):
    agent = Agent(ScriptedModel(["Hello, you."]))

    async def watch():
        async with journal.stream(agent, "Hello.", run_id="a") as stream:
            return [event async for event in stream], stream.result.output, stream.state.run_id

    first, output, run_id = asyncio.run(watch())
    assert (output, run_id) == ("Hello, you.", "a")
    assert "".join(event.text for event in first if isinstance(event, TextDelta)) == "Hello, you."
    again, output, _ = asyncio.run(watch())
    assert output == "Hello, you."
    assert [type(event) for event in again] == [RunStarted, OutputReady, RunEnded]
    with journal.stream_sync(agent, "Hello.", run_id="a") as stream:
        assert [type(event) for event in stream] == [RunStarted, OutputReady, RunEnded]
        assert stream.result.output == "Hello, you."


def test_a_stream_that_is_left_early_leaves_a_run_that_goes_on(journal, pay, paid):
    waits = [True]

    @tool(idempotent=True)
    async def wait() -> str:
        """Wait."""
        if waits.pop():
            waits.append(False)
            await asyncio.Event().wait()
        return "done"

    model = ScriptedModel([call("pay", {"to": "Ann"}), call("wait", {}), "Done."])
    agent = Agent(model, tools=[pay, wait])

    async def leave():
        async with journal.stream(agent, "Pay Ann.", run_id="a") as stream:
            async for event in stream:
                if isinstance(event, ToolCallReady) and event.name == "wait":
                    return

    asyncio.run(leave())
    assert kinds(journal, "a")[-3:] == ["replied", "calling", "changed"]
    assert [run.run_id for run in asyncio.run(journal.runs(status="open"))] == ["a"]
    result = journal.run_sync(agent, "Pay Ann.", run_id="a")
    assert (result.output, paid, result.turns) == ("Done.", ["Ann"], 3)
    model.assert_complete()


def test_a_resumed_stream_goes_on_with_decisions(journal, paid):
    @tool(approval=True)
    def pay(to: str) -> str:
        """Pay."""
        paid.append(to)
        return to

    agent = Agent(
        ScriptedModel([call("pay", {"to": "Ann"}), "Done.", call("pay", {"to": "Bob"}), "Done."]), tools=[pay]
    )

    async def watch():
        (ann,) = (await journal.run(agent, "Pay.", run_id="a")).pending
        async with journal.resume_stream(agent, "a", decisions=[ann.approve()]) as stream:
            return "".join([text async for text in stream.text()]), stream.result.output

    assert asyncio.run(watch()) == ("Done.", "Done.")
    (bob,) = journal.run_sync(agent, "Pay.", run_id="b").pending
    with journal.resume_stream_sync(agent, "b", decisions={bob.id: Give("paid")}) as stream:
        assert "".join(stream.text()) == "Done."
    assert paid == ["Ann"]


def test_a_stream_of_a_run_that_waits_shows_that_it_does(journal):
    @tool(approval=True)
    def pay(to: str) -> str:
        """Pay."""
        return to

    agent = Agent(ScriptedModel([call("pay", {"to": "Ann"})]), tools=[pay])
    journal.run_sync(agent, "Pay.", run_id="a")
    with journal.stream_sync(agent, "Pay.", run_id="a") as stream:
        events = list(stream)
        assert [type(event) for event in events] == [RunStarted, RunEnded]
        assert (events[1].pending, len(stream.result.pending)) == (1, 1)


def test_a_cancelled_run_goes_on_when_it_is_called_again(journal):
    begun = asyncio.Event()
    done = []

    @tool
    async def wait() -> str:
        """Wait."""
        begun.set()
        if not done:
            await asyncio.Event().wait()
        return "done"

    agent = Agent(ScriptedModel([call("wait", {}), "Done."]), tools=[wait])

    async def main():
        task = asyncio.create_task(journal.run(agent, "Wait.", run_id="a"))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        result = await journal.run(agent, "Wait.", run_id="a")
        (waiting,) = result.pending  # nobody knows what it did
        done.append(1)
        return await journal.resume(agent, "a", decisions=[waiting.approve()])

    assert asyncio.run(main()).output == "Done."


def test_a_stream_whose_run_is_cancelled_leaves_one_that_goes_on(journal, paid):
    streams = []

    @tool(idempotent=True)
    async def pay(to: str) -> str:
        """Pay, or stop it all at the first time."""
        if streams:
            streams.pop().cancel()
            await asyncio.Event().wait()
        paid.append(to)
        return to

    agent = Agent(ScriptedModel([call("pay", {"to": "Ann"}), "Done."]), tools=[pay])

    async def main():
        stream = journal.stream(agent, "Go.", run_id="a")
        stream.cancel()
        async with stream:
            with pytest.raises(errors.RunCancelledError):
                await stream.batch()
        async with journal.stream(agent, "Go.", run_id="a") as stream:
            streams.append(stream)
            with pytest.raises(errors.RunCancelledError):
                _ = [event async for event in stream]
        return (await journal.run(agent, "Go.", run_id="a")).output

    assert asyncio.run(main()) == "Done."
    assert paid == ["Ann"]


def test_500_runs_at_once_share_commits(journal):
    @tool
    async def pay(number: int) -> int:
        """Pay."""
        return number

    def reply(request):
        last = request.messages[-1]
        return call("pay", {"number": int(last.content)}) if last.role == "user" else f"Done: {last.content}"

    agent = Agent(ScriptedModel([reply] * 1000), tools=[pay])
    commits = []

    async def main():
        journal._file._writer._file.use(lambda db: db.set_trace_callback(commits.append))
        try:
            return await asyncio.gather(*(journal.run(agent, str(n), run_id=f"run-{n}") for n in range(500)))
        finally:
            journal._file._writer._file.use(lambda db: db.set_trace_callback(None))

    results = asyncio.run(main())
    assert [one.output for one in results] == [f"Done: {n}" for n in range(500)]
    assert len(asyncio.run(journal.runs(limit=1000, status="finished"))) == 500
    assert commits.count("COMMIT") < 200  # for 1,500 records that must be on the disk, and 3,500 others


def test_threads_with_loops_of_their_own_run_in_one_journal(journal):
    results = {}

    def work(name):
        agent = Agent(ScriptedModel([f"Done {name}."]))
        if name % 2:
            results[name] = journal.run_sync(agent, "Go.", run_id=f"run-{name}").output
        else:
            results[name] = asyncio.run(journal.run(agent, "Go.", run_id=f"run-{name}")).output

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {name: f"Done {name}." for name in range(8)}


def test_sync_runs_work_beside_a_running_loop_as_in_a_notebook(journal):
    async def main():
        return journal.run_sync(Agent(ScriptedModel(["Done."])), "Go.", run_id="a").output

    assert asyncio.run(main()) == "Done."


def test_a_second_task_is_refused_while_a_run_goes_on(journal, path):
    begun, go = asyncio.Event(), asyncio.Event()

    @tool
    async def wait() -> str:
        """Wait."""
        begun.set()
        await go.wait()
        return "done"

    agent = Agent(ScriptedModel([call("wait", {}), "Done."]), tools=[wait])

    async def main():
        task = asyncio.create_task(journal.run(agent, "Wait.", run_id="a"))
        await begun.wait()
        other = Journal(path)
        for refused in (other.run(agent, "Wait.", run_id="a"), journal.resume(agent, "a"), journal.delete("a")):
            with pytest.raises(RunInUseError, match=f"^Run 'a' goes on in process {os.getpid()} on .*; nothing was"):
                await refused
        other.close()
        go.set()
        return (await task).output

    assert asyncio.run(main()) == "Done."


def test_a_run_that_was_deleted_begins_anew(journal):
    agent = Agent(ScriptedModel(["One.", "Two."]))
    assert journal.run_sync(agent, "Go.", run_id="a").output == "One."
    asyncio.run(journal.delete("a"))
    assert asyncio.run(journal.runs()) == ()
    assert journal.run_sync(agent, "Go on.", run_id="a").output == "Two."


def test_a_fork_goes_on_from_a_turn_and_is_found_again(journal, pay, paid):
    agent = Agent(ScriptedModel([call("pay", {"to": "Ann"}), "Done."]), tools=[pay])
    journal.run_sync(agent, "Pay Ann.", run_id="a")
    (call_id,) = [record.call_id for record in asyncio.run(journal.records("a")) if record.kind == "answered"]
    other = Agent(ScriptedModel(["It failed."]), tools=[pay])
    for _ in range(2):
        forked = asyncio.run(journal.fork(other, "a", at=1, run_id="b", results={call_id: "no money"}))
        assert (forked.output, forked.run_id, forked.messages[2].content) == ("It failed.", "b", "no money")
    assert paid == ["Ann"]
    assert journal.run_sync(agent, "Pay Ann.", run_id="a").output == "Done."
    with pytest.raises(RunMismatchError):
        asyncio.run(journal.fork(other, "a", at=0, run_id="b"))


def test_a_difference_of_the_agent_is_logged_once_when_its_run_goes_on(journal, pay, caplog):
    @tool
    def refund(to: str) -> str:
        """Give back."""
        return to

    first = Agent(
        ScriptedModel([call("pay", {"to": "Ann"})]), tools=[pay, refund], name="clerk", instructions="Be brief."
    )
    with pytest.raises(AssertionError):
        journal.run_sync(first, "Pay Ann.", run_id="a")
    caplog.set_level(logging.WARNING)
    with pytest.raises(AssertionError):
        journal.run_sync(first, "Pay Ann.", run_id="a")
    assert caplog.messages == []

    @tool
    def charge(to: str) -> str:
        """Charge."""
        return to

    second = Agent(
        ScriptedModel(["Done."], name="other"),
        tools=[pay.replace(description="Pay."), charge],
        name="cashier",
        instructions="Be long.",
    )
    assert journal.run_sync(second, "Pay Ann.", run_id="a").output == "Done."
    (record,) = caplog.records
    assert record.message == (
        "Run 'a' goes on with an agent that is not as it was when the run began: instructions; model 'scripted', now "
        "'other'; name 'clerk', now 'cashier'; tool 'charge' is new; tool 'pay' is another; tool 'refund' is gone."
    )
    assert (record.name, record.levelname) == ("agentkit.durable", "WARNING")
    assert journal.run_sync(second, "Pay Ann.", run_id="a").output == "Done."
    assert len(caplog.messages) == 1


def test_where_the_agent_stands_is_kept_and_that_it_moved_is_no_difference(journal, pay, caplog, monkeypatch):
    agent = Agent(ScriptedModel([call("pay", {"to": "Ann"})]), tools=[pay], name="clerk")
    with pytest.raises(AssertionError):
        journal.run_sync(agent, "Pay Ann.", run_id="made")
    monkeypatch.setattr(sys.modules[__name__], "CLERK", agent := agent.replace(name="clerk"), raising=False)
    model = ScriptedModel([call("pay", {"to": "Ann"})])
    with pytest.raises(AssertionError):
        journal.run_sync(agent, "Pay Ann.", run_id="a", model=model)
    begun = asyncio.run(journal.records("made"))[0].content, asyncio.run(journal.records("a"))[0].content
    assert [one.get("source") for one in begun] == [None, f"{__name__}:CLERK"]
    monkeypatch.delattr(sys.modules[__name__], "CLERK")
    monkeypatch.setattr(sys.modules[__name__], "OTHER", agent := agent.replace(), raising=False)
    caplog.set_level(logging.WARNING)
    for run_id in ("made", "a"):
        assert journal.run_sync(agent, "Pay Ann.", run_id=run_id, model=ScriptedModel(["Done."])).output == "Done."
    assert caplog.messages == []
    kinds = [record.kind for record in asyncio.run(journal.records("a"))]
    assert (kinds.count("begin"), kinds.count("decided")) == (1, 0)


def test_what_each_part_of_a_run_was_given_is_kept_where_it_is_another(journal, pay):
    warm, limits = Settings(temperature=0.9, extra_headers={"x": "secret"}), RunLimits(turns=5)
    agent = Agent(tools=[pay])
    down = errors.InternalServerError("Down.")
    for given in ({"settings": warm}, {"settings": warm}, {"limits": limits}, {"limits": limits}, {}):
        with pytest.raises(errors.InternalServerError):
            journal.run_sync(agent, "Hi", run_id="a", model=ScriptedModel([down]), **given)
    found = [record for record in asyncio.run(journal.records("a")) if "given" in record.content]
    assert [(one.kind, one.content["given"].keys()) for one in found] == [
        ("begin", {"settings"}),
        ("decided", {"limits"}),
        ("decided", set()),
    ]
    assert found[0].content["given"] == {"settings": {"temperature": 0.9}}
    assert found[1].content["given"]["limits"]["turns"] == 5


def test_a_call_that_ran_out_of_time_is_not_made_again_when_the_run_goes_on(journal):
    gate, begun = threading.Event(), []

    @tool(timeout=0.01)
    def ship(number: int) -> str:
        """Ship."""
        begun.append(number)
        gate.wait()
        return "shipped"

    agent, down = Agent(tools=[ship]), errors.InternalServerError("Down.")
    model = ScriptedModel([call("ship", {"number": 7}, id="s"), down])
    with pytest.raises(errors.InternalServerError):
        journal.run_sync(agent, "Ship 7.", run_id="a", model=model)
    last = ScriptedModel(["I cannot say whether it was shipped."])
    assert journal.run_sync(agent, "Ship 7.", run_id="a", model=last).output == "I cannot say whether it was shipped."
    gate.set()
    assert begun == [7]
    assert last.requests[0].messages[-1].content == (
        "The tool failed. Tool 'ship' did not end within 0.01 s. Its thread was left running: its effect may still "
        "happen."
    )


def test_no_secret_is_in_the_file(journal, path):
    key, password, header = "sk-live-0123456789", "hunter2-of-the-deps", "Bearer of-a-header"

    @tool
    def connect() -> str:
        """Connect."""
        raise ConnectionError(f"refused with {key}")

    class Database:
        secret = password

    body = {"error": {"message": f"{key} is no key that is known"}}
    with FakeEndpoint(replies=[call("connect", {}), "Done."], faults=[Fault.status(401, body=body)]) as endpoint:
        model = ChatModel("fake", base_url=endpoint.base_url, api_key=key, headers={"X-Auth": header})
        agent = Agent(model, tools=[connect])
        with pytest.raises(errors.AuthenticationError):
            journal.run_sync(agent, "Connect.", run_id="a", deps=Database())
        assert journal.run_sync(agent, "Connect.", run_id="a", deps=Database()).output == "Done."
    assert "failed" in kinds(journal, "a")
    journal.close()
    raw = b"".join(one.read_bytes() for one in path.parent.iterdir())
    assert b"refused with [secret]" in raw
    assert [secret for secret in (key, password, header) if secret.encode() in raw] == []


def test_the_files_are_for_their_owner_only(journal, path):
    journal.run_sync(Agent(ScriptedModel(["Done."])), "Go.", run_id="a")
    found = {one.name: stat.S_IMODE(one.stat().st_mode) for one in path.parent.iterdir()}
    assert found == dict.fromkeys(("runs.db", "runs.db-wal", "runs.db-shm", "runs.db.lock"), 0o600)


def test_a_disk_that_fills_up_loses_nothing(journal, path, paid):
    @tool
    def pay(to: str) -> str:
        """Pay somebody, and then there is no room."""
        paid.append(to)
        fill()
        return f"paid {to}" + "x" * 100_000

    def limit(pages):
        for file in (journal._file._writer._file, journal._file._writer._quick):
            # SQLite's own word for a file that may not grow is the one that it has for a disk without room
            file.use(lambda db: db.execute(f"PRAGMA max_page_count = {pages}").fetchone())

    def fill():
        limit(journal._file._writer._file.use(lambda db: db.execute("PRAGMA page_count").fetchone()[0]))

    model = ScriptedModel([call("pay", {"to": "Ann"}), "Done."])
    agent = Agent(model, tools=[pay])
    with pytest.raises(JournalError) as caught:
        journal.run_sync(agent, "Pay Ann.", run_id="a")
    assert str(caught.value) == (
        f"The journal {str(path)!r} cannot be written: database or disk is full. Make room on its disk. 1 outcome of "
        "run 'a' could not be written: this process keeps what was done in memory and writes it first when the run is "
        "run again here. If it ends before that, it is in doubt."
    )
    assert caught.value.state.messages[-1].content.startswith("paid Ann")
    with pytest.raises(JournalError):
        journal.run_sync(agent, "Pay Ann.", run_id="a")
    limit(1_000_000)
    result = journal.run_sync(agent, "Pay Ann.", run_id="a")
    assert (result.output, paid) == ("Done.", ["Ann"])
    assert not holding._unwritten


def test_a_file_that_goes_away_and_comes_back_loses_nothing(journal, path, paid):
    aside = path.with_suffix(".aside")

    @tool
    def pay(to: str) -> str:
        """Pay somebody while the file goes away."""
        paid.append(to)
        path.rename(aside)
        return f"paid {to}"

    agent = Agent(ScriptedModel([calls(call("pay", {"to": "Ann"})), "Done."]), tools=[pay])
    with pytest.raises(JournalError):
        journal.run_sync(agent, "Pay Ann.", run_id="a")
    with pytest.raises(JournalError) as caught:
        journal.run_sync(agent, "Pay Ann.", run_id="a")
    assert str(caught.value) == (
        f"The journal {str(path)!r} cannot be found: No such file or directory. "
        "See that it is where it was, on a local disk."
    )
    assert not path.exists()
    aside.rename(path)
    result = journal.run_sync(agent, "Pay Ann.", run_id="a")
    assert (result.output, paid) == ("Done.", ["Ann"])


def test_nothing_is_asked_or_called_where_it_cannot_be_written(journal, path, pay, paid):
    aside = path.with_suffix(".aside")

    def reply(_):
        path.rename(aside)
        return call("pay", {"to": "Ann"})

    model = ScriptedModel([reply, "Done."])
    agent = Agent(model, tools=[pay])
    with pytest.raises(JournalError, match="1 outcome of run 'a'"):
        journal.run_sync(agent, "Pay Ann.", run_id="a")
    assert (paid, len(model.requests)) == ([], 1)
    aside.rename(path)
    assert journal.run_sync(agent, "Pay Ann.", run_id="a").output == "Done."
    assert (paid, len(model.requests)) == (["Ann"], 2)


def test_a_result_of_many_megabytes_is_written_and_read(journal):
    @tool(max_characters=4_000_000)
    def read() -> str:
        """Read a lot."""
        return "ü" * 3_000_000

    agent = Agent(ScriptedModel([call("read", {}), "Done."]), tools=[read])
    journal.run_sync(agent, "Read.", run_id="a")
    assert len(journal.run_sync(agent, "Read.", run_id="a").messages[2].content) == 3_000_000


def test_a_tool_that_asks_again_and_a_sub_agent_are_written_through_their_own_effects(journal, pay, paid):
    tries = []

    @tool
    def think() -> str:
        """Think."""
        tries.append(1)
        if len(tries) == 1:
            raise ToolRetry("Once more.")
        return "thought"

    clerk = Agent(
        ScriptedModel([call("think", {}), call("think", {}), call("pay", {"to": "Ann"}), "Paid."]), tools=[pay, think]
    )
    boss_script = [call("clerk", {"prompt": "Pay Ann."}), "All is paid."]
    boss = Agent(ScriptedModel(boss_script), tools=[clerk.as_tool("clerk", description="Pays.")])
    assert journal.run_sync(boss, "Have Ann paid.", run_id="a").output == "All is paid."
    records = asyncio.run(journal.records("a"))
    (below,) = {record.run_id for record in records} - {"a"}
    assert below.startswith("a/")
    assert [record.kind for record in records if record.run_id == "a"] == [
        "begin", "asking", "replied", "answered", "asking", "replied", "finished",
    ]  # fmt: skip
    cut_after(journal, "a", "answered", 3)  # of the clerk's payment
    clerk_again = Agent(ScriptedModel(["Paid."]), tools=[pay, think])
    boss_again = Agent(ScriptedModel(["All is paid."]), tools=[clerk_again.as_tool("clerk", description="Pays.")])
    result = journal.run_sync(boss_again, "Have Ann paid.", run_id="a")
    assert (result.output, paid, len(tries)) == ("All is paid.", ["Ann"], 2)


PROGRAM = """
import os, signal, sys
from pathlib import Path
from agentkit import Agent, tool
from agentkit.durable import Journal
from agentkit.testing import ScriptedModel, call

folder, how = Path(sys.argv[1]), sys.argv[2]

def note(word):
    with open(folder / "ledger", "a") as file:
        file.write(word + "\\n")

@tool
def first() -> str:
    "Do the first thing."
    note("first")
    return "done"

@tool(idempotent=True)
def second() -> str:
    "Do the second thing."
    note("second")
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "wait":
        print("in", flush=True)
        sys.stdin.read()
    return "done"

def reply(request):
    answered = sum(one.role == "tool" for one in request.messages)
    note(f"asked {answered}")
    return [call("first", {}), call("second", {}), "Done."][answered]

agent = Agent(ScriptedModel([reply] * 3), tools=[first, second])
result = Journal(folder / "runs.db").run_sync(agent, "Go.", run_id="a")
print(result.output)
"""


def program(tmp_path, how):
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path), how],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip


def test_what_a_killed_process_finished_is_not_done_again(tmp_path):
    killed = program(tmp_path, "kill")
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    said, wrong = program(tmp_path, "go").communicate()
    assert (said, wrong) == ("Done.\n", "")
    assert (tmp_path / "ledger").read_text().split("\n")[:-1] == [
        "asked 0", "first", "asked 1", "second", "second", "asked 2",
    ]  # fmt: skip
    assert program(tmp_path, "go").communicate() == ("Done.\n", "")


def test_a_process_that_stands_still_keeps_its_run_and_goes_on_with_it(tmp_path):
    process = program(tmp_path, "wait")
    assert process.stdout.readline() == "in\n"
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
    _, wrong = program(tmp_path, "go").communicate()
    assert f"RunInUseError: Run 'a' goes on in process {process.pid} on " in wrong
    process.send_signal(signal.SIGCONT)
    assert process.communicate() == ("Done.\n", "")
    assert (tmp_path / "ledger").read_text().count("second") == 1


FULL = """
import resource, sys
from agentkit import Agent, tool
from agentkit.durable import Journal
from agentkit.errors import JournalError
from agentkit.testing import ScriptedModel, call

def room(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

paid = []

@tool(max_characters=1_000_000)
def pay(number: int) -> str:
    "Pay, and write a long receipt."
    paid.append(number)
    return "x" * 300_000

def reply(request):
    done = sum(one.role == "tool" for one in request.messages)
    return call("pay", {"number": done}) if done < 10 else "Done."

journal, agent = Journal(sys.argv[1]), Agent(ScriptedModel([reply] * 20), tools=[pay])
room(1_000_000)
try:
    journal.run_sync(agent, "Go.", run_id="a")
except JournalError as error:
    print("cannot be written: disk I/O error" in str(error), len(paid) < 10)
room(resource.RLIM_INFINITY)
result = journal.run_sync(agent, "Go.", run_id="a")
print(result.output, paid == list(range(10)))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no limits of a file's size here")
def test_a_file_that_may_grow_no_more_loses_nothing(path):
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, env=environment, check=False
    )
    assert (done.stdout, done.stderr) == ("True True\nDone. True\n", "")
