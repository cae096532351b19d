"""Nothing is left behind: connections, tasks, threads and open files are counted before and after.

Two threads of ours outlive a run and are not counted: that of the sync face, which ends with the interpreter, and the
workers of sync functions (`agentkit-tool`), which end when nobody has used them for 10 seconds.
"""

import asyncio
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from agentkit import Agent, ChatModel, tool
from agentkit.agent.blocking import block
from agentkit.around import Cache, Concurrency, Fallback, RateLimit, SqliteStore
from agentkit.errors import (
    APIConnectionError,
    APITimeoutError,
    InternalServerError,
    RateLimitError,
    ReplyRefusedError,
    StreamCutError,
)
from agentkit.http import Retry, Timeout
from agentkit.testing import FakeEndpoint, Fault, call, calls
from agentkit.wire import ChatRequest

ONCE = Retry(attempts=1)
OURS = {"agentkit-portal", "agentkit-tool"}

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are counted as Linux shows them")


@tool
def add(a: int, b: int) -> int:
    return a + b


@tool
async def sub(a: int, b: int) -> int:
    return a - b


SUMS = calls(call("add", {"a": 1, "b": 2}), call("sub", {"a": 1, "b": 2}))
STALL = Fault.stall(60)


def request():
    return ChatRequest.parse({"messages": [{"role": "user", "content": "x"}]})


async def drained(model):
    async for _ in model.stream(request()):
        pass


def count():
    """Count threads and open files."""
    names = sorted(thread.name for thread in threading.enumerate() if thread.name not in OURS)
    return names, len(list(Path("/proc/self/fd").iterdir()))


async def all_closed(endpoint):
    """Wait until the endpoint has no connection any more."""
    while endpoint.open_connections:  # noqa: ASYNC110  # the endpoint has no event for it
        await asyncio.sleep(0.005)


async def cancelled(coroutine, endpoint):
    """Run something until the endpoint is asked, and cancel it."""
    asked = len(endpoint.requests)
    task = asyncio.create_task(coroutine)
    while len(endpoint.requests) == asked:  # noqa: ASYNC110  # the endpoint has no event for it
        await asyncio.sleep(0.005)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


async def runs_with_tools(model, endpoint):
    agent = Agent(model, tools=[add, sub])
    await asyncio.gather(*(agent.run("x") for _ in range(5)))


async def streams_left_early(model, endpoint):
    agent = Agent(model)
    for _ in range(3):
        async with agent.stream("x") as stream:
            async for event in stream:
                if event.type == "text_delta":
                    break
    left = model.stream(request())
    await anext(left)
    await left.aclose()


async def cancelled_requests(model, endpoint):
    await cancelled(Agent(model).run("x"), endpoint)
    await cancelled(anext(model.stream(request())), endpoint)


async def timeouts(model, endpoint):
    quick = model.replace(timeout=Timeout(total=0.05), retry=ONCE)
    for ending in (quick.complete(request()), anext(quick.stream(request()))):
        with pytest.raises(APITimeoutError):
            await ending
    await quick.aclose()


async def retries(model, endpoint):
    again = model.replace(retry=Retry(attempts=2, wait=0))
    await again.complete(request())
    with pytest.raises(InternalServerError):
        await again.complete(request())
    await again.aclose()


async def fallbacks(model, endpoint):
    once = model.replace(retry=ONCE)
    refusing = Fallback([once], refuse=lambda completion: "never good enough")
    async with Fallback([once, Fallback([once, once])]) as several:
        await several.complete(request())
        await drained(several)
        with pytest.raises(StreamCutError):
            await drained(several)
        with pytest.raises(ReplyRefusedError):
            await refusing.complete(request())
        with pytest.raises(ReplyRefusedError):
            await drained(refusing)
        left = several.stream(request())
        await anext(left)
        await left.aclose()


async def closed_while_in_use(model, endpoint):
    stream = model.stream(request())
    await anext(stream)
    await model.aclose()
    with suppress(APIConnectionError):  # where the rest had not come yet
        async for _ in stream:
            pass
    await model.complete(request())


async def waits(model, endpoint):
    narrow = Concurrency(model, 1)
    stream = narrow.stream(request())
    await anext(stream)
    waiting = [asyncio.create_task(narrow.complete(request())) for _ in range(3)]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)
    await stream.aclose()
    slow = RateLimit(model, requests=1)
    await slow.complete(request())
    waiting = asyncio.create_task(slow.complete(request()))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    with pytest.raises(RateLimitError):
        await RateLimit(model, tokens=1).complete(request())


SCENES = [
    (runs_with_tools, [lambda asked: "done" if asked["messages"][-1]["role"] == "tool" else SUMS] * 10, []),
    (streams_left_early, ["one two three"] * 4, []),
    (cancelled_requests, ["x"] * 2, [STALL, Fault.stall(60)]),
    (timeouts, ["x"] * 2, [STALL, Fault.stall(60)]),
    (retries, ["x"] * 2, [Fault.status(503), None, Fault.status(500, times=2)]),
    (
        fallbacks,
        ["one two three"] * 8,
        [Fault.status(500), None, Fault.disconnect(), Fault.status(500), None, Fault.truncate(2)],
    ),
    (closed_while_in_use, ["one two three"] * 2, []),
    (waits, ["one two three"] * 2, []),
]


@pytest.fixture(autouse=True, scope="module")
def begun():
    """Have everything begun that a process begins once."""
    with FakeEndpoint(replies=["x"] * 2) as endpoint:
        model = ChatModel("m", base_url=endpoint.base_url)
        asyncio.run(Agent(model).run("x"))
        Agent(model).run_sync("x")
        block(model.aclose)


@pytest.mark.parametrize(("scene", "replies", "faults"), SCENES, ids=[scene[0].__name__ for scene in SCENES])
@pytest.mark.parametrize("chunk_delay", [0, 0.001], ids=["at_once", "paced"])
def test_nothing_is_left_behind(scene, replies, faults, chunk_delay):
    before = count()
    with FakeEndpoint(replies=replies, faults=faults, chunk_delay=chunk_delay) as endpoint:

        async def main():
            tasks = asyncio.all_tasks()
            model = ChatModel("m", base_url=endpoint.base_url)
            async with asyncio.timeout(30):
                await scene(model, endpoint)
                await model.aclose()
                await model.aclose()
                await all_closed(endpoint)
            assert asyncio.all_tasks() == tasks

        asyncio.run(main())
    assert count() == before


@pytest.mark.parametrize("ask", [lambda model: model.complete(request()), drained], ids=["whole", "streamed"])
def test_a_request_that_is_cancelled_at_any_point_leaves_nothing_behind_and_spoils_no_later_one(ask):
    before = count()
    with FakeEndpoint() as endpoint:

        async def main():
            tasks = asyncio.all_tasks()
            model = Concurrency(ChatModel("m", base_url=endpoint.base_url), 1)
            async with asyncio.timeout(30):
                for steps in range(60):
                    task = asyncio.create_task(ask(model))
                    for _ in range(steps):
                        await asyncio.sleep(0)
                    task.cancel()
                    await asyncio.wait([task])
                    await ask(model)
                await model.aclose()
                await all_closed(endpoint)
            assert asyncio.all_tasks() == tasks

        asyncio.run(main())
    assert count() == before


def test_nothing_is_left_behind_by_runs_in_sync_code(tmp_path):
    before = count()
    with FakeEndpoint() as endpoint:
        inner = ChatModel("m", base_url=endpoint.base_url)
        model = Cache(Concurrency(inner, 2), SqliteStore(tmp_path / "replies.db"))
        agent = Agent(model, tools=[add, sub])
        threads = [threading.Thread(target=agent.run_sync, args=(f"{number % 3}",)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        with agent.stream_sync("something else") as stream:
            next(iter(stream))
        with pytest.raises(RateLimitError):
            Agent(RateLimit(inner, tokens=1)).run_sync("x")
        block(model.aclose)
        block(model.aclose)

        async def closed():
            async with asyncio.timeout(30):
                await all_closed(endpoint)
            return len(asyncio.all_tasks())

        assert block(closed) == 1
    assert count() == before


def test_a_loop_that_ends_without_aclose_closes_its_connections():
    before = count()
    with FakeEndpoint() as endpoint:
        model = Fallback([Cache(Concurrency(ChatModel("m", base_url=endpoint.base_url), 2))])
        for _ in range(3):
            asyncio.run(Agent(model).run("x"))
    assert endpoint.open_connections == 0
    assert count() == before
