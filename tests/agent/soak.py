"""Mixed runs over sockets: `python tests/agent/soak.py [RUNS]` says what is left of them: tasks, threads, memory.

The endpoint is a process of its own, so that memory and descriptors are those of the client alone.
"""

import asyncio
import gc
import json
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from agentkit import Agent, ChatModel, RunState, errors, tool
from agentkit.http import Retry
from agentkit.session import SqliteStore
from agentkit.testing import FakeEndpoint, Fault, call, calls
from agentkit.tools import thread
from agentkit.tools.thread import abandoned_threads

AT_ONCE = 40
LONG = "word " * 300
PROMPT = re.compile(r"(\w+) (\d+)$")
FAULTS = (Fault.status(503), Fault.disconnect(), Fault.truncate(1), Fault.status(400), Fault.html())


@tool
async def quick(number: int) -> int:
    """Double a number."""
    return 2 * number


@tool
def steady(number: int) -> int:
    """Double a number in a thread."""
    return 2 * number


@tool
async def broken() -> str:
    """Raise."""
    raise LookupError("There is none.")


@tool(timeout=0.01)
async def late() -> None:
    """Never end."""
    await asyncio.Event().wait()


@tool(timeout=0.01)
def late_in_thread() -> None:
    """End too late."""
    threading.Event().wait(0.05)


@tool
async def hang() -> None:
    """Never end, without a timeout."""
    await asyncio.Event().wait()


@tool(approval=True)
def pay(amount: int) -> str:
    """Pay."""
    return f"paid {amount}"


TOOLS = [quick, steady, broken, late, late_in_thread, hang, pay]
BATCH = [call("quick", {"number": 1}), call("steady", {"number": 2}), call("broken"), call("nope")]


def numbered(*several: Any) -> Any:
    """Give a function of the request that answers the turns of a run one after another, and then with a text."""
    return lambda turn, number: several[turn] if turn < len(several) else f"done {number}"


SCRIPTS: dict[str, Callable[[int, int], Any]] = {
    "tools": numbered(calls(*BATCH), call("quick", {"number": 3})),
    "late": numbered(calls(call("late"), call("late_in_thread"), call("quick", {"number": 1}))),
    "early": numbered(LONG),
    "cancel": numbered(call("quick", {"number": 1}), calls(call("hang"), call("steady", {"number": 2}))),
    "pause": numbered(calls(call("pay", {"amount": 1}), call("quick", {"number": 1}), call("pay", {"amount": 2}))),
    "typed": numbered('{"response": "no', '{"response": ["a", "b"]}'),
    "sub": numbered(calls(call("helper", {"prompt": "tools 1"}), call("helper", {"prompt": "plain 2"}))),
}


def serve() -> None:
    """Answer by the kind that the prompt names, until the standard input ends."""
    asked = count()

    def answer(request: dict[str, Any]) -> Any:
        messages = request["messages"]
        texts = [(place, one["content"]) for place, one in enumerate(messages) if one["role"] == "user"]
        place, found = next(
            (p, m) for p, text in reversed(texts) if isinstance(text, str) and (m := PROMPT.match(text))
        )
        if found[1] == "fault" and (number := next(asked)) % 2:
            return FAULTS[number // 2 % len(FAULTS)]
        turn = sum(one["role"] == "assistant" for one in messages[place:])
        return SCRIPTS.get(found[1], numbered())(turn, int(found[2]))

    with FakeEndpoint(record=False, replies=answer) as endpoint:
        sys.stdout.write(f"{endpoint.base_url}\n")
        sys.stdout.flush()
        sys.stdin.read()


@contextmanager
def endpoint() -> Iterator[str]:
    """Have the endpoint in a process of its own; give its address."""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, __file__, "--serve"], stdin=pipe, stdout=pipe, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.stdin.close()


@dataclass
class World:
    """What the runs share."""

    model: ChatModel
    store: SqliteStore
    threads: ThreadPoolExecutor
    ended: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        """Make the agents."""
        self.agent = Agent(self.model, tools=TOOLS)
        helper = self.agent.as_tool("helper", "Ask another agent.")
        self.leader = Agent(self.model, tools=[helper])
        self.typed = Agent(self.model, output=list[str])


async def run_plain(world: World, prompt: str) -> None:
    """Run to the end."""
    assert (await world.agent.run(prompt)).output.startswith("done")


async def run_streamed(world: World, prompt: str) -> None:
    """Watch to the end, and put something in."""
    async with world.agent.stream(prompt) as stream:
        stream.inject("Quickly.")
        _ = [event async for event in stream]
    assert stream.result.output.startswith("done"), (prompt, stream.result.messages)


async def run_early(world: World, prompt: str) -> None:
    """Leave in the middle of the reply."""
    async with world.agent.stream(prompt) as stream:
        async for _ in stream.text():
            break
    assert stream.cut_usage is not None or stream.state.turns  # all of it may have come in one read


async def run_cancelled(world: World, prompt: str) -> None:
    """Cancel where the tool hangs, from the loop or from a thread, and see that the history is whole."""
    async with world.agent.stream(prompt) as stream:
        try:
            async for event in stream:
                if event.type == "tool_call_ready" and event.name == "hang":
                    if random.random() < 0.5:
                        stream.cancel()
                    else:
                        world.threads.submit(stream.cancel)
        except errors.RunCancelledError:
            pass
        else:
            raise AssertionError("It was not cancelled.")
    assert not stream.state.open_calls


async def run_paused(world: World, prompt: str) -> None:
    """Pause, go through JSON, and resume with one call allowed and one denied."""
    result = await world.agent.run(prompt)
    state = RunState.from_json(result.state.to_json())
    first, second = (waiting.id for waiting in result.pending)
    assert (await world.agent.resume(state, decisions={first: True, second: False})).output.startswith("done")


async def run_typed(world: World, prompt: str) -> None:
    """Get an output that is invalid first."""
    result = await world.typed.run(prompt)
    assert (result.output, len(result.attempts)) == (["a", "b"], 1)


async def run_in_session(world: World, prompt: str) -> None:
    """Run twice in a session, and delete it."""
    name = prompt.replace(" ", "-")
    for _ in range(2):
        await world.agent.run(prompt, session=world.store.session(name))
    assert len(await world.store.session(name).load()) == 4
    await world.store.delete(name)


async def run_sub(world: World, prompt: str) -> None:
    """Have a sub-agent run twice at once."""
    assert (await world.leader.run(prompt)).output.startswith("done")


async def run_sync(world: World, prompt: str) -> None:
    """Run in a thread, whole and streamed."""

    def both() -> None:
        assert world.agent.run_sync(prompt).output.startswith("done")
        with world.agent.stream_sync(prompt) as stream:
            for _ in stream.text():
                break

    await asyncio.get_running_loop().run_in_executor(world.threads, both)


async def run_faulty(world: World, prompt: str) -> None:
    """Run against an endpoint that fails every other time."""
    with suppress(errors.APIError):
        await run_streamed(world, prompt)


KINDS: dict[str, Callable[[World, str], Awaitable[None]]] = {
    "plain": run_plain,
    "tools": run_streamed,
    "late": run_plain,
    "early": run_early,
    "cancel": run_cancelled,
    "pause": run_paused,
    "typed": run_typed,
    "session": run_in_session,
    "sub": run_sub,
    "sync": run_sync,
    "fault": run_faulty,
}


async def soak(world: World, numbers: range) -> None:
    """Do the runs, so many at once."""
    left = iter(numbers)

    async def work() -> None:
        for number in left:
            kind = [*KINDS][number % len(KINDS)]
            await KINDS[kind](world, f"{kind} {number}")
            world.ended[kind] += 1

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))


@asynccontextmanager
async def world_at(url: str) -> AsyncIterator[World]:
    """Make what the runs share, and take it away again."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(8) as threads:
        model = ChatModel("m", base_url=url, retry=Retry(attempts=3, wait=0))
        store = SqliteStore(Path(folder) / "chat.db")
        try:
            yield World(model, store, threads)
        finally:
            await store.aclose()
            await model.aclose()


@dataclass(frozen=True)
class Left:
    """What is there beside the program itself."""

    tasks: int
    threads: int
    descriptors: int

    @classmethod
    def now(cls) -> "Left":
        """Count, once the threads that wait for another job have gone."""
        gc.collect()
        tasks = len(asyncio.all_tasks()) - 1
        folder = Path("/proc/self/fd")
        descriptors = len([*folder.iterdir()]) if folder.exists() else 0
        return cls(tasks, threading.active_count(), descriptors)

    def is_more(self, than: "Left") -> bool:
        """Tell whether there is more of anything."""
        pairs = ((self.tasks, than.tasks), (self.threads, than.threads), (self.descriptors, than.descriptors))
        return any(mine > theirs for mine, theirs in pairs)


async def settled(most: Left) -> Left:
    """Give what is left, as soon as that is no more than there may be, or after some seconds."""
    end = time.monotonic() + 20
    while ((left := Left.now()).is_more(most) or abandoned_threads()) and time.monotonic() < end:  # noqa: ASYNC110 # nothing tells of it
        await asyncio.sleep(0.05)
    return left


def memory() -> tuple[int, int]:
    """Give the resident memory in KiB, and how many objects there are."""
    gc.collect()
    found = re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text(encoding="ascii"))
    return int(found[1]) if found else 0, len(gc.get_objects())


async def measure(runs: int) -> None:
    """Do the runs in ten parts and print what there is after each, and what is left at the end."""
    thread._IDLE_SECONDS = 0.5
    with endpoint() as url:
        Agent(ChatModel("m", base_url=url)).run_sync("plain 0")  # the thread of the sync face is there from now on
        before = Left.now()
        begun, cpu = time.monotonic(), time.process_time()
        async with world_at(url) as world:
            sys.stdout.write("runs     memory KiB   objects\n")
            for part in range(10):
                await soak(world, range(runs * part // 10, runs * (part + 1) // 10))
                resident, objects = memory()
                sys.stdout.write(f"{runs * (part + 1) // 10:>6} {resident:>12} {objects:>9}\n")
                sys.stdout.flush()
            ended = world.ended
        del world  # the connections of the other loop are closed with the model
        left = await settled(before)
    seconds, cpu = time.monotonic() - begun, time.process_time() - cpu
    sys.stdout.write(
        f"{json.dumps(ended)}\nbefore: {before}\nafter:  {left}\n{seconds:.0f} s, {cpu / runs * 1e3:.1f} ms CPU a run\n"
    )
    if left.is_more(before):
        sys.exit("Something was left behind.")


if __name__ == "__main__":
    if sys.argv[1:] == ["--serve"]:
        serve()
    else:
        asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000))
