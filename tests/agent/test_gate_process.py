"""A run that waits outlives its process: killed by SIGKILL, it goes on in another one, and every effect is counted."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agentkit.state import RunState

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")

KEY = "of the tests, 32 bytes or longer"

PROGRAM = """
import asyncio, os, sys
from agentkit import Agent, Context, RunState, Tool, tool
from agentkit.session import SqliteStore
from agentkit.testing import ScriptedModel, call, calls

what, where, stands = sys.argv[1:]
KEY = "of the tests, 32 bytes or longer"

def effect(context):
    with open("effects", "a") as file:
        file.write(f"{context.tool_name} {context.arguments} {context.idempotency_key}\\n")
        file.flush()
        os.fsync(file.fileno())
    stand(context.call_id)

def stand(place):
    if place == stands:
        print("stands", flush=True)
        sys.stdin.read()

@tool
def look(context: Context) -> str:
    effect(context)
    return "seen"

@tool(approval=True, sequential=True)
def pay(context: Context, amount: int) -> str:
    effect(context)
    return f"paid {amount}"

def asked(request):
    stand("request")
    return "done"

def save(result):
    with open("new", "w") as file:
        file.write(result.state.to_json(key=KEY))
        file.flush()
        os.fsync(file.fileno())
    os.replace("new", "state.json")

batch = calls(call("look", id="l"), call("pay", {"amount": 1}, id="p"), call("pay", {"amount": 2}, id="q"))
agent = Agent(ScriptedModel([batch] if what == "begin" else [asked]), tools=[look, pay])

async def main():
    store = SqliteStore("chat.db", lease=1.0)
    session = store.session("s") if where == "session" else None
    if what == "begin":
        result = await agent.run("x", session=session)
        if session is None:
            save(result)
        stand("pending")
    else:
        document = await session.pending() if session else open("state.json").read()
        state = RunState.from_json(document, key=None if session else KEY)
        decisions = [waits.approve() for waits in state.held]
        result = await agent.resume(state, decisions=decisions, session=session)
        told = [message.content for message in result.messages if message.role == "tool"]
        print(result.output, *told, sep="|", flush=True)
        if session:
            print(await session.pending(), len(await session.load()), flush=True)
    await store.aclose()

asyncio.run(main())
"""


class Processes:
    """The program in processes of their own, in one folder."""

    def __init__(self, folder, where):
        self._folder, self._where = folder, where

    def start(self, what, stands=""):
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, what, self._where, stands],
            cwd=self._folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    def kill(self, what, stands):
        """Start it, wait until it stands still at a place, and kill it there."""
        process = self.start(what, stands)
        try:
            assert process.stdout.readline() == "stands\n", process.stderr.read()
        finally:
            process.kill()
            process.communicate()
        assert process.returncode == -9

    def end(self, what):
        """Run it to its end and give what it printed."""
        out, err = self.start(what).communicate(timeout=60)
        assert err == ""
        return out.splitlines()

    def effects(self):
        """What was done, in order, each with its idempotency key."""
        lines = (self._folder / "effects").read_text().splitlines()
        return [tuple(line.rsplit(" ", 1)) for line in lines]

    def done(self):
        return [effect for effect, _ in self.effects()]


LOOK, ONE, TWO = "look {}", 'pay {"amount":1}', 'pay {"amount":2}'


@pytest.fixture(params=["file", "session"])
def processes(request, tmp_path):
    return Processes(tmp_path, request.param)


def check_end(processes, said):
    assert said[0] == "done|seen|paid 1|paid 2"
    if said[1:]:  # of a session: nothing waits any more, and the whole run was kept
        assert said[1:] == ["None 6"]


def test_a_run_that_waits_goes_on_in_another_process_after_a_kill(processes):
    processes.kill("begin", "pending")
    assert processes.done() == [LOOK]
    check_end(processes, processes.end("go on"))
    assert processes.done() == [LOOK, ONE, TWO]


@pytest.mark.parametrize(
    ("place", "before", "after"),
    [("p", [ONE], [ONE, TWO]), ("q", [ONE, TWO], [ONE, TWO]), ("request", [ONE, TWO], [ONE, TWO])],
    ids=["in the first call", "in the second call", "in the request"],
)
def test_what_was_done_when_a_resume_was_killed_is_done_again_with_the_same_key(processes, place, before, after):
    processes.kill("begin", "pending")
    processes.kill("go on", place)
    check_end(processes, processes.end("go on"))
    assert processes.done() == [LOOK, *before, *after]
    keys = {}
    for effect, key in processes.effects():
        keys.setdefault(effect, set()).add(key)
    assert {effect: len(several) for effect, several in keys.items()} == {LOOK: 1, ONE: 1, TWO: 1}
    assert len(set.union(*keys.values())) == 3


def test_what_ran_beside_a_waiting_call_is_done_again_where_the_process_was_killed_before_it_was_saved(processes):
    processes.kill("begin", "l")
    processes.kill("begin", "pending")
    assert processes.done() == [LOOK, LOOK]
    check_end(processes, processes.end("go on"))
    assert processes.done() == [LOOK, LOOK, ONE, TWO]


def test_the_file_that_another_process_reads_is_one_signed_json_document(tmp_path):
    Processes(tmp_path, "file").kill("begin", "pending")
    state = RunState.from_json((tmp_path / "state.json").read_text(), key=KEY)
    assert [(waits.id, waits.name) for waits in state.held] == [("p", "pay"), ("q", "pay")]
    assert [call.id for call in state.open_calls] == ["p", "q"]
