"""Several processes on one session, some of them killed or frozen: nothing is mixed, nothing that was kept is lost."""

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager

import pytest

from agentkit.session import SqliteStore

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there are no such signals")

HAMMER = """
import asyncio, sys
from agentkit.session import SqliteStore

path, name, count, lease = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])

async def main():
    store = SqliteStore(path, lease=lease)
    for number in range(count):
        async with store.session("a").turn() as turn:
            begin = len(turn.messages)
            await turn.keep([{"role": "user", "content": f"{name} {number} at {begin}"}])
            await asyncio.sleep(0)
            await turn.keep([{"role": "assistant", "content": f"{name} {number}"}])
            print(name, number, flush=True)
    await store.aclose()

asyncio.run(main())
"""

SLEEPER = """
import asyncio, os, signal, sys
from agentkit.errors import SessionBusyError
from agentkit.session import SqliteStore

async def main():
    store = SqliteStore(sys.argv[1], lease=1)
    async with store.session("a").turn() as turn:
        await turn.keep([{"role": "user", "content": "sleeper begins"}])
        os.kill(os.getpid(), signal.SIGSTOP)  # before the lease is renewed: SQLite's own locks are not ours to end
        try:
            await turn.keep([{"role": "assistant", "content": "sleeper ends"}])
            print("kept", flush=True)
        except SessionBusyError as error:
            print("refused with", error.messages[0].content, flush=True)

asyncio.run(main())
"""


@contextmanager
def started(script, *arguments):
    process = subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def loaded(path):
    async def main():
        store = SqliteStore(path)
        messages = await store.session("a").load()
        await store.aclose()
        return messages

    return asyncio.run(main())


def whole_turns(path):
    """See that no turn stands in another one, and give those that came to their end."""
    messages = loaded(path)
    whole, position = [], 0
    while position < len(messages):
        name, number, _, begin = messages[position].content.split()
        assert int(begin) == position  # it saw all that stands before it
        after = messages[position + 1] if position + 1 < len(messages) else None
        if after is not None and after.role == "assistant":
            assert after.content == f"{name} {number}"
            whole.append(after.content)
            position += 1
        position += 1
    return whole


def test_processes_that_hammer_one_session_mix_and_lose_nothing(tmp_path):
    path = tmp_path / "chat.db"
    with started(HAMMER, path, "x", 25, 30) as one, started(HAMMER, path, "y", 25, 30) as other:
        said = [process.communicate(timeout=120) for process in (one, other)]
    assert [error for _, error in said] == ["", ""]
    whole = whole_turns(path)
    assert Counter(whole) == Counter(f"{name} {number}" for name in "xy" for number in range(25))
    assert len(loaded(path)) == 100


def test_processes_that_are_killed_lose_nothing_that_they_kept_and_free_the_session(tmp_path):
    path = tmp_path / "chat.db"
    told = []
    with started(HAMMER, path, "steady", 30, 0.3) as steady:
        for life in range(4):
            with started(HAMMER, path, f"killed{life}", 1000, 0.3) as process:
                told += [process.stdout.readline().strip() for _ in range(3)]
                process.send_signal(signal.SIGKILL)
                told += process.stdout.read().splitlines()
        out, error = steady.communicate(timeout=120)
    assert error == ""
    told += out.splitlines()
    whole = whole_turns(path)
    assert max(Counter(whole).values()) == 1
    assert set(told) <= set(whole)
    assert len(whole) - len(told) <= 4  # kept by one that was killed before it said so
    assert sum(one.startswith("steady") for one in whole) == 30


def test_a_frozen_process_that_wakes_up_after_its_time_adds_nothing(tmp_path):
    path = tmp_path / "chat.db"
    with started(SLEEPER, path) as sleeper:
        assert os.WIFSTOPPED(os.waitpid(sleeper.pid, os.WUNTRACED)[1])
        with started(HAMMER, path, "x", 2, 0.2) as other:
            assert other.communicate(timeout=60) == ("x 0\nx 1\n", "")
        os.kill(sleeper.pid, signal.SIGCONT)
        said, error = sleeper.communicate(timeout=60)
    assert (said, error) == ("refused with sleeper ends\n", "")
    assert [message.content for message in loaded(path)] == ["sleeper begins", "x 0 at 1", "x 0", "x 1 at 3", "x 1"]


RUN = """
import asyncio, os, signal, sys
from agentkit import Agent, tool
from agentkit.session import SqliteStore
from agentkit.testing import ScriptedModel, call

@tool(approval=True)
def pay(amount: int) -> str:
    "Pay."
    with open(sys.argv[2], "a") as done:
        print(amount, file=done)
    return f"paid {amount}"

session = SqliteStore(sys.argv[1], lease=0.2).session("a")
if sys.argv[3] == "ask":
    Agent(ScriptedModel([call("pay", {"amount": 5})]), tools=[pay]).run_sync("Pay 5.", session=session)
    os.kill(os.getpid(), signal.SIGKILL)
state = asyncio.run(session.pending())
agent = Agent(ScriptedModel(["Paid."]), tools=[pay])
result = agent.resume_sync(state, decisions={"call_1_0_0": True}, session=session)
print(result.output, len(asyncio.run(session.load())))
"""


def test_a_run_that_waits_is_resumed_in_another_process_after_the_first_was_killed(tmp_path):
    places = tmp_path / "chat.db", tmp_path / "paid"
    with started(RUN, *places, "ask") as first:
        assert first.wait(60) == -signal.SIGKILL
    with started(RUN, *places, "resume") as second:
        assert second.communicate(timeout=60) == ("Paid. 4\n", "")
    assert places[1].read_text() == "5\n"
