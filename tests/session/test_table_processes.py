"""Several processes on one session, some of them killed or frozen: nothing is mixed, nothing that was kept is lost."""

import asyncio
import os
import select
import signal
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager

import pytest

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there are no such signals")

OPEN = """
import asyncio, json, os, signal, sys
from agentkit import session
from agentkit.errors import SessionBusyError

def opened(lease):
    name, target, options = json.loads(sys.argv[1])
    return getattr(session, name)(target, lease=lease, **options)
"""

HAMMER = """
name, count, lease = sys.argv[2], int(sys.argv[3]), float(sys.argv[4])

async def main():
    store = opened(lease)
    for number in range(count):
        try:
            async with store.session("a").turn() as turn:
                begin = len(turn.messages)
                await turn.keep([{"role": "user", "content": f"{name} {number} at {begin}"}])
                await asyncio.sleep(0)
                await turn.keep([{"role": "assistant", "content": f"{name} {number}"}])
                print(f"{name} {number}\\n", end="", flush=True)  # in one write, which a kill does not cut
        except (SessionBusyError, OSError) as error:  # it stood still for too long
            print(type(error).__name__, file=sys.stderr, flush=True)
    await store.aclose()

asyncio.run(main())
"""

SLEEPER = """
async def main():
    store = opened(3)
    async with store.session("a").turn() as turn:
        await turn.keep([{"role": "user", "content": "sleeper begins"}])
        os.kill(os.getpid(), signal.SIGSTOP)  # before the lease is renewed: SQLite's own locks are not ours to end
        try:
            await turn.keep([{"role": "assistant", "content": "sleeper ends"}])
            print("kept", flush=True)
        except SessionBusyError as error:
            print("refused with", error.messages[0].content, flush=True)
    await store.aclose()

asyncio.run(main())
"""


@contextmanager
def started(script, place, *arguments):
    process = subprocess.Popen(
        [sys.executable, "-c", OPEN + script, place.argument, *map(str, arguments)],
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


def loaded(place):
    async def main():
        store = place.open()
        messages = await store.session("a").load()
        await store.aclose()
        return messages

    return asyncio.run(main())


def whole_turns(place):
    """See that no turn stands in another one, and give those that came to their end."""
    messages = loaded(place)
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


def test_processes_that_hammer_one_session_mix_and_lose_nothing(shared_place):
    with started(HAMMER, shared_place, "x", 25, 30) as one, started(HAMMER, shared_place, "y", 25, 30) as other:
        said = [process.communicate(timeout=120) for process in (one, other)]
    assert [error for _, error in said] == ["", ""]
    whole = whole_turns(shared_place)
    assert Counter(whole) == Counter(f"{name} {number}" for name in "xy" for number in range(25))
    assert len(loaded(shared_place)) == 100


def test_processes_that_are_killed_lose_nothing_that_they_kept_and_free_the_session(shared_place):
    told = []
    with started(HAMMER, shared_place, "steady", 30, 30) as steady:
        for life in range(4):
            with started(HAMMER, shared_place, f"killed{life}", 1000, 0.3) as process:
                told += [process.stdout.readline().strip() for _ in range(3)]
                process.send_signal(signal.SIGKILL)
                told += process.stdout.read().splitlines()
        out, error = steady.communicate(timeout=120)
    assert error == ""
    told += out.splitlines()
    whole = whole_turns(shared_place)
    assert max(Counter(whole).values()) == 1
    assert set(told) <= set(whole)
    assert len(whole) - len(told) <= 4  # kept by one that was killed before it said so
    assert sum(one.startswith("steady") for one in whole) == 30


def test_a_frozen_process_that_wakes_up_after_its_time_adds_nothing(shared_place):
    with started(SLEEPER, shared_place) as sleeper:
        assert os.WIFSTOPPED(os.waitpid(sleeper.pid, os.WUNTRACED)[1])
        with started(HAMMER, shared_place, "x", 2, 0.2) as other:
            assert other.communicate(timeout=60) == ("x 0\nx 1\n", "")
        os.kill(sleeper.pid, signal.SIGCONT)
        said, error = sleeper.communicate(timeout=60)
    assert (said, error) == ("refused with sleeper ends\n", "")
    assert [message.content for message in loaded(shared_place)] == [
        "sleeper begins",
        "x 0 at 1",
        "x 0",
        "x 1 at 3",
        "x 1",
    ]


def test_processes_that_are_stopped_again_and_again_mix_and_lose_nothing(shared_place):
    """They stop wherever they are, in the midst of a transaction too; whoever took too long is refused."""
    told = []
    with started(HAMMER, shared_place, "x", 1000, 0.2) as x, started(HAMMER, shared_place, "y", 1000, 0.2) as y:
        for stopped, other in ((x, y), (y, x)) * 2:
            told.append(stopped.stdout.readline().strip())
            stopped.send_signal(signal.SIGSTOP)
            for _ in range(3):
                if select.select([other.stdout], [], [], 0.3)[0]:  # not where the stopped one has locked all of SQLite
                    told.append(other.stdout.readline().strip())
            stopped.send_signal(signal.SIGCONT)
        for process in (x, y):
            process.send_signal(signal.SIGKILL)
            told += process.stdout.read().splitlines()
            refused = process.stderr.read().split()
            assert set(refused) <= {"SessionBusyError", "OSError"}
    whole = whole_turns(shared_place)
    assert max(Counter(whole).values()) == 1
    assert set(told) <= set(whole)
    assert len(set(told)) == len(told) >= 4


FROZEN = """
async def main():
    store = opened(1)
    async with store.session("a").turn() as turn:
        def freeze(tables):
            tables.change("UPDATE {p}lease SET until = until", {})
            os.kill(os.getpid(), signal.SIGSTOP)
            tables.change("UPDATE {p}lease SET until = 0", {})
        try:
            await store.act(freeze)
        except OSError:
            print("undone", flush=True)

asyncio.run(main())
"""


@pytest.mark.real
def test_a_process_that_freezes_within_a_transaction_is_undone_by_postgres_so_that_others_go_on(server_place):
    with started(FROZEN, server_place) as frozen:
        assert os.WIFSTOPPED(os.waitpid(frozen.pid, os.WUNTRACED)[1])
        with started(HAMMER, server_place, "x", 2, 0.2) as other:
            assert other.communicate(timeout=60) == ("x 0\nx 1\n", "")
        os.kill(frozen.pid, signal.SIGCONT)
        assert frozen.communicate(timeout=60)[0] == "undone\n"
    assert len(loaded(server_place)) == 4


RUN = """
from agentkit import Agent, tool
from agentkit.testing import ScriptedModel, call

@tool(approval=True)
def pay(amount: int) -> str:
    "Pay."
    with open(sys.argv[2], "a") as done:
        print(amount, file=done)
    return f"paid {amount}"

session = opened(0.2).session("a")
if sys.argv[3] == "ask":
    Agent(ScriptedModel([call("pay", {"amount": 5})]), tools=[pay]).run_sync("Pay 5.", session=session)
    os.kill(os.getpid(), signal.SIGKILL)
state = asyncio.run(session.pending())
agent = Agent(ScriptedModel(["Paid."]), tools=[pay])
result = agent.resume_sync(state, decisions={"call_1_0_0": True}, session=session)
print(result.output, len(asyncio.run(session.load())))
"""


def test_a_run_that_waits_is_resumed_in_another_process_after_the_first_was_killed(shared_place, tmp_path):
    paid = tmp_path / "paid"
    with started(RUN, shared_place, paid, "ask") as first:
        assert first.wait(60) == -signal.SIGKILL
    with started(RUN, shared_place, paid, "resume") as second:
        assert second.communicate(timeout=60) == ("Paid. 4\n", "")
    assert paid.read_text() == "5\n"
