"""Who of a process uses a database, and the worker that ends with the last one."""

import asyncio
import gc
import threading

import pytest


def test_the_worker_goes_on_until_the_last_agent_that_is_served_is_closed(make):
    one, other = make(calls=0, name="one"), make(calls=0, name="other")

    async def main():
        assert (await one.run("go")).output == "done 0"
        assert (await other.run("go")).output == "done 0"
        worker = other.serve()
        await one.aclose()
        await one.aclose()  # again is nothing
        assert worker.id
        assert (await other.run("go", run_id="later")).output == "done 0"
        await other.aclose()
        assert not worker.id
        return worker

    worker = asyncio.run(main())
    assert other.run_sync("go", run_id="later").output == "done 0"  # it is used again
    assert other.serve() is not worker


def test_a_run_that_is_under_way_is_not_disturbed_by_another_that_is_closed(make):
    begun, go = asyncio.Event(), asyncio.Event()
    loops = []

    async def act(number):
        loops.append(asyncio.get_running_loop())
        begun.set()
        await go.wait()
        return "did"

    one, other = make(calls=0, name="one"), make(act, calls=1, name="other")

    async def main():
        await one.run("go")
        running = asyncio.create_task(other.run("go", run_id="order-1"))
        while not begun.is_set():  # noqa: ASYNC110 # of the worker's event loop
            await asyncio.sleep(0.01)
        await one.aclose()
        loops[0].call_soon_threadsafe(go.set)
        return await running

    result = asyncio.run(main())
    assert result.output == "done 1"
    assert not result.pending


@pytest.mark.parametrize("db", ["sqlite"], indirect=True)
def test_connections_are_open_until_the_last_user_is_closed_or_gone(make, monkeypatch):
    from agentkit.durable import DurableAgent

    one, other = make(calls=0, name="one"), make(calls=0, name="other")
    users = [one, other, DurableAgent(one.agent, db=one.engine.place, name="third")]
    closed, close = [], one.engine.close
    monkeypatch.setattr(one.engine, "close", lambda: closed.append(True) or close())

    async def main():
        for durable in users:
            await durable.submit("go")
        await one.aclose()
        assert (await other.status(await other.submit("go"))).standing == "queued"
        await other.aclose()
        assert closed == []

    asyncio.run(main())
    users.clear()
    gc.collect()
    asyncio.run(one.aclose())
    assert closed == [True]


def test_a_worker_ends_though_leaving_is_cancelled_and_the_next_begins_after_it(monkeypatch):
    pytest.importorskip("dbos")
    from agentkit.durable import roster

    seen, draining, goes_on = [], threading.Event(), threading.Event()

    class Slow:
        def __init__(self, *_, **__):
            pass

        def start(self):
            seen.append("start")

        async def drained(self):
            draining.set()
            await asyncio.to_thread(goes_on.wait)

        def stop(self):
            seen.append("stop")

    class Place:
        def close(self):
            seen.append("close")

    class Agent:
        pass

    monkeypatch.setattr(roster, "Worker", Slow)
    place, first, second = Place(), Agent(), Agent()

    async def main():
        roster.serve(place, first, 10.0)
        leaving = asyncio.create_task(roster.leave(place, first))
        await asyncio.to_thread(draining.wait)
        leaving.cancel()
        serving = asyncio.create_task(asyncio.to_thread(roster.serve, place, second, 10.0))
        await asyncio.wait([leaving])
        goes_on.set()
        await serving
        await roster.leave(place, second)

    asyncio.run(main())
    assert [one for one in seen if one != "close"] == ["start", "stop", "start", "stop"]
    assert seen[-1] == "close"
