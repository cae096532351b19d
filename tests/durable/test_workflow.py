"""Runs that lose their worker: what was finished is not done again, and what is in doubt is as was chosen."""

import asyncio
import os
import select
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from agentkit import Agent, RunLimits, tool
from agentkit.durable import Queue, Record
from agentkit.durable.step import in_order
from agentkit.errors import LimitExceededError, RunCancelledError, RunError
from agentkit.testing import ScriptedModel
from agentkit.testing.reply import call, calls

VICTIM = """
import asyncio, importlib.util, signal, sys, threading
conftest, db, calls, where, marks, lease, below = sys.argv[1:]
spec = importlib.util.spec_from_file_location("scene_of_durable", conftest)
scene = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = scene
spec.loader.exec_module(scene)
from agentkit import Agent, tool
from agentkit.durable import DurableAgent

@tool(name="act", **eval(marks))
async def act(number: int) -> str:
    \"\"\"Act.\"\"\"
    print(f"begins {number}\\n", end="", flush=True)  # in one write, which no other thread's stands in
    if number == int(where):
        await asyncio.sleep(60)
    return f"did {number}"

agent = Agent(scene.Steady(int(calls)), tools=[act], name="clerk" if below else "demo")
durable = DurableAgent(scene.above(agent) if below else agent, db=db, lease=float(lease))
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
durable.serve()
print("works\\n", end="", flush=True)
while not stop.wait(0.1):  # a signal that comes just before a wait begins does not wake it
    pass
asyncio.run(durable.aclose())
"""


@contextmanager
def worker(db, calls=3, where=9, lease=1.0, *, below=False, **marks):
    """Start a worker in a process of its own, whose call of that number takes for ever."""
    conftest = str(Path(__file__).parent / "conftest.py")
    arguments = [conftest, db, str(calls), str(where), repr(marks), str(lease), "below" if below else ""]
    process = subprocess.Popen([sys.executable, "-c", VICTIM, *arguments], stdout=subprocess.PIPE, bufsize=0)
    process.said = []
    try:
        heard(process, "works")
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def heard(process, line):
    """Read what a worker says until a line, which may have come before another one that was waited for."""
    while line not in process.said:
        assert select.select([process.stdout], [], [], 30)[0], f"it never said {line!r}"
        said = process.stdout.readline()  # not buffered: select sees what no buffer holds
        assert said, f"it ended before it said {line!r}"
        process.said.append(said.decode().strip())
    process.said.remove(line)


def end(process, how, db):
    """Kill a worker, or stop it where it does not hold the file of SQLite, as in a write: all others would wait."""
    process.send_signal(how)
    if how == signal.SIGKILL:
        process.wait()
        return
    os.waitid(os.P_PID, process.pid, os.WSTOPPED)
    if not db.startswith("postgres"):
        other = sqlite3.connect(db, timeout=0, isolation_level=None)
        with closing(other), suppress(sqlite3.OperationalError):
            other.execute("BEGIN IMMEDIATE")
            return
        process.send_signal(signal.SIGCONT)
        end(process, how, db)


def wake(frozen, durable):
    """Let a worker go on that has lost its lease, until it has begun anew under another name."""
    others = durable.engine.execute("SELECT id FROM agentkit_worker")
    frozen.send_signal(signal.SIGCONT)
    while len(durable.engine.execute("SELECT id FROM agentkit_worker")) == len(others):
        assert frozen.poll() is None


def submitted(durable):
    asyncio.run(durable.submit("go", run_id="order-1"))


def contents(result):
    return [message.content for message in result.messages if message.role == "tool"]


def test_after_a_kill_nothing_finished_is_done_again_and_an_idempotent_call_is(make, db):
    done = []
    durable = make(lambda number: done.append(number) or f"did {number}", calls=3, idempotent=True)
    submitted(durable)
    with worker(db, where=1, idempotent=True) as process:
        heard(process, "begins 1")
        process.kill()
        process.wait()

    result = durable.run_sync("go", run_id="order-1")

    assert done == [1, 2]
    assert (result.output, contents(result)) == ("done 3", ["did 0", "did 1", "did 2"])


def test_after_a_kill_a_call_in_doubt_waits_for_a_decision(make, db):
    done = []
    durable = make(lambda number: done.append(number) or f"did {number}", calls=3)
    submitted(durable)
    with worker(db, where=1) as process:
        heard(process, "begins 1")
        process.kill()
        process.wait()

    result = durable.run_sync("go", run_id="order-1")
    (doubtful,) = result.pending
    assert doubtful.unknown.startswith("It was begun on ")
    assert done == []

    asyncio.run(durable.decide("order-1", [doubtful.give("was done")]))
    result = asyncio.run(durable.result("order-1"))
    assert done == [2]
    assert contents(result) == ["did 0", "was done", "did 2"]


def test_a_worker_that_stands_still_past_its_lease_writes_nothing_when_it_goes_on(make, db):
    done = []
    durable = make(lambda number: done.append(number) or f"did {number}", calls=2, idempotent=True, lease=1.0)
    submitted(durable)
    with worker(db, calls=2, where=0, lease=0.4, idempotent=True) as frozen:
        heard(frozen, "begins 0")
        end(frozen, signal.SIGSTOP, db)
        result = durable.run_sync("go", run_id="order-1")
        steps = durable.engine.steps("order-1")
        wake(frozen, durable)
        assert durable.engine.steps("order-1") == steps
        submitted_again = asyncio.run(durable.submit("more", run_id="order-2"))
        assert asyncio.run(durable.result(submitted_again)).output == "done 2"
    assert done[:2] == [0, 1]
    assert (result.output, contents(result)) == ("done 2", ["did 0", "did 1"])


@pytest.mark.parametrize("below", [False, True])
def test_a_worker_that_drains_hands_its_runs_over_between_two_effects(make, db, below):
    done = []
    durable = make(lambda number: done.append(number) or f"did {number}", calls=3, below=below)
    submitted(durable)
    with worker(db, below=below) as draining:
        heard(draining, "begins 0")
        draining.send_signal(signal.SIGTERM)
        assert draining.wait(30) == 0
    result = durable.run_sync("go", run_id="order-1")
    assert not result.pending
    assert 0 not in done


def test_calls_that_run_at_once_and_end_the_other_way_round_are_recovered(make):
    order, ended = [], [asyncio.Event() for _ in range(5)]
    ended[4].set()

    @tool(idempotent=True)
    async def wait(number: int) -> str:
        """Wait."""
        await ended[number + 1].wait()
        order.append(number)
        ended[number].set()
        return f"waited {number}"

    batch = calls(*(call("wait", {"number": number}, id=f"call_{number}") for number in range(4)))
    durable = make(agent=Agent(ScriptedModel([batch, "done"]), tools=[wait], name="demo"))
    result = durable.run_sync("go", run_id="order-1")
    again = durable.run_sync("go", run_id="order-1")
    assert order == [3, 2, 1, 0]
    assert contents(result) == contents(again) == [f"waited {number}" for number in range(4)]


def test_the_run_of_an_agent_that_a_call_began_is_on_record_below_it_and_its_calls_wait_with_the_others(make):
    @tool(approval=True)
    def pay(amount: int) -> str:
        """Pay."""
        return f"paid {amount}"

    inner = Agent(ScriptedModel([call("pay", {"amount": 5}), "paid it"]), tools=[pay], name="clerk")
    outer = Agent(ScriptedModel([call("clerk", {"prompt": "pay"}), "done"]), tools=[inner.as_tool()], name="demo")
    durable = make(agent=outer)
    result = durable.run_sync("go", run_id="order-1")
    (waiting,) = result.pending
    assert (waiting.name, waiting.run_id.startswith("order-1/")) == ("pay", True)
    asyncio.run(durable.decide("order-1", [waiting.approve()]))
    result = asyncio.run(durable.result("order-1"))
    assert (result.output, contents(result)) == ("done", ["paid it"])


def workflows(durable):
    """List the workflows of a run, each with the one above it."""
    client = durable.engine.open()
    found = sorted(client.list_workflows(), key=lambda one: one.created_at)
    return [(one.workflow_id, one.parent_workflow_id, one.status, one.output) for one in found]


def test_the_run_of_an_agent_that_a_call_began_is_a_workflow_below_that_of_the_run(make):
    @tool(idempotent=True)
    def act(number: int) -> str:
        """Act."""
        return f"did {number}"

    inner = Agent(ScriptedModel([call("act", {"number": 1}), "inner"]), tools=[act], name="inner")
    middle = Agent(
        ScriptedModel([call("inner", {"prompt": "go"}, id="call_2"), "middle"]), tools=[inner.as_tool()], name="middle"
    )
    outer = Agent(
        ScriptedModel([call("middle", {"prompt": "go"}, id="call_1"), "outer"]), tools=[middle.as_tool()], name="demo"
    )
    durable = make(agent=outer)
    assert durable.run_sync("go", run_id="order-1").output == "outer"
    assert workflows(durable) == [
        ("order-1", None, "SUCCESS", "finished"),
        ("order-1/agent-3", "order-1", "SUCCESS", "finished"),
        ("order-1/agent-3/agent-3", "order-1/agent-3", "SUCCESS", "finished"),
    ]
    texts = [[step.text for step in durable.engine.steps(one) if step.text] for one, *_ in workflows(durable)]
    lines = [[line for text in each for line in text.partition(" ")[2].split("\n")] for each in texts]
    written = [{Record.from_json(line).run_id for line in each} for each in lines]
    assert written == [{"order-1"}, {"order-1/call_1"}, {"order-1/call_1/call_2"}]
    assert len(in_order(text for each in texts for text in each)) == sum(map(len, lines))  # one order of all
    asyncio.run(durable.delete("order-1"))
    assert workflows(durable) == []


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_what_an_agent_below_has_done_is_not_done_again_though_the_worker_is_killed_or_frozen(make, db, how):
    done = []
    durable = make(lambda number: done.append(number) or f"did {number}", calls=3, below=True, lease=1.0)
    submitted(durable)
    with worker(db, where=1, lease=0.4, below=True) as process:
        heard(process, "begins 1")
        end(process, how, db)
        result = durable.run_sync("go", run_id="order-1")
        if how == signal.SIGSTOP:
            wake(process, durable)
            end(process, signal.SIGKILL, db)  # else it might take up what is decided here
        (doubtful,) = result.pending
        assert doubtful.unknown.startswith("It was begun on ")
        asyncio.run(durable.decide("order-1", [doubtful.give("was done")]))
        result = asyncio.run(durable.result("order-1"))
    assert (result.output, contents(result), done) == ("done 1", ["done 3"], [2])
    assert [(one, status, output) for one, _, status, output in workflows(durable)] == [
        ("order-1", "SUCCESS", "paused"),
        ("order-1/agent-3", "CANCELLED", None),  # that of the worker that was lost
        ("order-1/agent-4", "SUCCESS", "paused"),
        ("order-1/2", "SUCCESS", "finished"),
        ("order-1/2/agent-2", "SUCCESS", "finished"),
    ]


def test_a_run_that_is_cancelled_takes_those_below_it_along(make):
    begun = threading.Event()

    async def stay(number):
        begun.set()
        await asyncio.Event().wait()

    durable = make(stay, below=True)
    submitted(durable)
    durable.serve()
    assert begun.wait(20)
    asyncio.run(durable.cancel("order-1"))
    with pytest.raises(RunCancelledError):
        asyncio.run(durable.result("order-1"))
    assert [status for *_, status, _ in workflows(durable)] == ["CANCELLED", "CANCELLED"]


def test_a_workflow_below_that_is_cancelled_on_its_own_ends_the_run_which_goes_on_then(make):
    begun, goes = threading.Event(), []

    async def stay(number):
        begun.set()
        if not goes:
            await asyncio.Event().wait()
        return "did it"

    durable = make(stay, below=True, idempotent=True)
    submitted(durable)
    durable.serve()
    assert begun.wait(20)
    durable.engine.cancel("order-1/agent-3")
    with pytest.raises(RunError) as caught:
        asyncio.run(durable.result("order-1"))
    assert str(caught.value) == (
        "The run 'order-1/call_0' of an agent that a call began is the workflow 'order-1/agent-3', which was "
        "cancelled, or is another worker's. The run above ends with it. What is on record stays: `resume` goes on "
        "from there."
    )
    goes.append(True)
    asyncio.run(durable.resume("order-1"))
    assert asyncio.run(durable.result("order-1")).output == "done 1"


@pytest.mark.parametrize("db", ["sqlite"], indirect=True)
def test_a_difference_of_the_agent_is_logged_and_the_run_goes_on(make, caplog):
    durable = make(calls=1, approval=True)
    durable.run_sync("go", run_id="order-1")
    asyncio.run(durable.aclose())
    later = make(agent=durable.agent.replace(instructions="Be brief."))
    asyncio.run(later.decide("order-1", {"call_0": True}))
    assert later.run_sync("go", run_id="order-1").output == "done 1"
    assert "Run 'order-1' goes on with an agent that is not as it was when the run began: " in caplog.text


@pytest.mark.parametrize("signal_", [signal.SIGKILL, signal.SIGSTOP])
def test_what_the_runs_of_a_map_spent_counts_once_though_their_worker_is_killed_or_frozen(make, db, signal_):
    durable = make(calls=2, idempotent=True, lease=1.0)

    async def mapped():
        budget = RunLimits(requests=100)
        return await durable.agent.map(["a", "b", "c"], durable=durable.spread("may"), budget=budget)

    async def main():
        mapping = asyncio.create_task(mapped())
        with worker(db, calls=2, where=1, lease=1.0, idempotent=True) as lost:
            for _ in range(3):  # each has had two replies
                await asyncio.to_thread(heard, lost, "begins 1")
            end(lost, signal_, db)
            durable.serve()
            found = await mapping
            lost.send_signal(signal.SIGCONT)
            return found

    found = asyncio.run(main())
    assert found.outputs == ["done 2"] * 3
    assert found.summary.spent == {"requests": 9}
    assert found.summary.usage.total_tokens == sum(
        row[0] for row in durable.engine.execute("SELECT input_tokens + output_tokens FROM agentkit_spent")
    )


def test_two_workers_keep_to_one_budget(make, db):
    durable = make(calls=3, queue=Queue(name="demo", at_once=2))

    async def main():
        inputs = [str(number) for number in range(40)]
        budget = RunLimits(requests=50)
        many = durable.agent.map(inputs, durable=durable.spread("may"), budget=budget, concurrency=6)
        with worker(db, calls=3):
            durable.serve()
            with pytest.raises(LimitExceededError):
                [outcome async for outcome in many]
        return many.summary

    summary = asyncio.run(main())
    assert 50 <= summary.spent["requests"] <= 53  # with what was on its way at two workers
    assert set(summary.failed) <= {"LimitExceededError"}
