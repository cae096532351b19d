"""A process that carries out runs."""

import asyncio
import threading

import pytest

from agentkit.durable import Queue, Worker
from agentkit.errors import ConfigurationError, RunError

sqlite_is_enough = pytest.mark.parametrize("db", ["sqlite"], indirect=True)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"name": ""}, "A queue cannot be called ''. Give another name."),
        ({"name": "q", "concurrency": 0}, "concurrency=0 is no number of runs at once. Give 1 or more."),
        ({"name": "q", "at_once": 0}, "at_once=0 is no number of runs at once. Give 1 or more."),
        (
            {"name": "q", "rate": (0, 1.0)},
            "rate=(0, 1.0) is no rate. Give how many runs may begin in how many seconds: (100, 60.0).",
        ),
    ],
)
def test_limits_that_are_none_are_refused(options, text):
    with pytest.raises(ConfigurationError) as caught:
        Queue(**options)
    assert str(caught.value) == text


@sqlite_is_enough
def test_two_agents_of_one_name_are_refused(make):
    one, other = make(), make()
    with pytest.raises(ConfigurationError) as caught:
        Worker(one.engine, [one, other])
    assert str(caught.value) == (
        "Two agents of this worker are called 'demo', and their runs could not be told apart. Give each a name of its "
        "own: DurableAgent(agent, name=...)."
    )


def test_no_more_runs_go_on_at_once_than_the_queue_lets(make):
    now, most = [], []

    async def act(number):
        now.append(number)
        most.append(len(now))
        await asyncio.sleep(0.05)
        now.pop()

    durable = make(act, calls=1, queue=Queue(name="slow", at_once=2))
    found = durable.agent.map_sync(["a"] * 6, durable=(durable.serve(), durable)[1]).result()
    assert found.summary.done == 6
    assert max(most) <= 2


def test_a_worker_carries_out_the_runs_of_several_agents_and_of_one_that_comes_later(make):
    one, other = make(calls=0, name="one"), make(calls=0, name="other")
    assert [durable.run_sync("go").output for durable in (one, other)] == ["done 0"] * 2
    assert one.serve() is other.serve()


@sqlite_is_enough
def test_a_run_of_an_agent_that_the_worker_has_not_says_what_it_has(make):
    one, other = make(calls=0, name="one", queue="q"), make(calls=0, name="other", queue="q")

    async def main():
        one.serve()
        await other.submit("go", run_id="order-1")
        await other.result("order-1")

    with pytest.raises(RunError) as caught:
        asyncio.run(main())
    assert str(caught.value) == (
        "The run 'order-1' ended with an error at its worker: The run 'order-1' is one of the agent 'other', and the "
        "worker that took it has only 'one'. Give that agent a queue of its own, or start a worker that has it. "
        "`resume` goes on with it."
    )


def test_a_worker_that_loses_its_lease_begins_anew_under_another_name(make):
    durable = make(calls=0, lease=0.5)
    worker = durable.serve()
    first = worker.id
    durable.engine.execute("DELETE FROM agentkit_worker")

    async def main():
        async with asyncio.timeout(20):
            while worker.id in (first, ""):  # noqa: ASYNC110 # of another thread
                await asyncio.sleep(0.01)
        return await durable.run("go")

    assert asyncio.run(main()).output == "done 0"


def test_a_worker_that_cannot_begin_anew_tries_again(make, monkeypatch, caplog):
    from agentkit.durable import worker as module
    from agentkit.durable.lease import Lease
    from agentkit.errors import JournalError

    monkeypatch.setattr(module, "_AGAIN", 0.0)
    durable = make(calls=0, lease=0.5)
    worker = durable.serve()
    first, take, away = worker.id, Lease.take, [1, 2]

    def late(lease):
        if away:
            raise JournalError(f"It is away ({away.pop()}).")
        take(lease)

    monkeypatch.setattr(Lease, "take", late)
    durable.engine.execute("DELETE FROM agentkit_worker")

    async def main():
        async with asyncio.timeout(20):
            while worker.id in (first, ""):  # noqa: ASYNC110 # of another thread
                await asyncio.sleep(0.01)

    asyncio.run(main())
    assert "The worker cannot begin anew, and tries again: It is away (1)." in caplog.text


@sqlite_is_enough
def test_a_worker_that_is_stopped_while_it_cannot_begin_anew_is_over_at_once(make, monkeypatch):
    from agentkit.durable import worker as module
    from agentkit.durable.lease import Lease
    from agentkit.errors import JournalError

    monkeypatch.setattr(module, "_AGAIN", 3600.0)
    durable = make(calls=0, lease=0.5)
    worker = durable.serve()
    tried = threading.Event()

    def refuse(lease):
        tried.set()
        raise JournalError("It is away.")

    monkeypatch.setattr(Lease, "take", refuse)
    durable.engine.execute("DELETE FROM agentkit_worker")
    assert tried.wait(20)
    (waiting,) = (one for one in threading.enumerate() if one.name == "agentkit worker")
    worker.stop()
    waiting.join(20)
    assert not waiting.is_alive()
    assert worker.id == ""


@sqlite_is_enough
def test_over_all_workers_fewer_runs_go_on_at_once_than_each_could_take(make):
    durable = make(calls=0, queue=Queue(name="few", concurrency=2))
    assert durable.run_sync("go").output == "done 0"


def test_what_a_worker_took_and_does_not_carry_out_goes_back_to_its_queue(make):
    durable = make(calls=0, lease=0.4)
    worker = durable.serve()

    async def main():
        await durable.submit("go", run_id="order-1")
        assert (await durable.result("order-1")).output == "done 0"
        schema = "dbos." if durable.engine.is_postgres else ""
        durable.engine.execute(
            f"UPDATE {schema}workflow_status SET status = 'PENDING', executor_id = :worker", worker=worker.id
        )  # as where its outcome could not be written
        return await durable.result("order-1", timeout=30)

    assert asyncio.run(main()).output == "done 0"


def test_entered_it_works_and_left_it_is_gone(make):
    durable = make(calls=0)

    async def main():
        async with Worker(durable.engine, [durable]) as worker:
            assert worker.id
            output = (await durable.result(await durable.submit("go"))).output
        return output, worker.id

    assert asyncio.run(main()) == ("done 0", "")
    with Worker(durable.engine, [durable]) as worker:
        assert worker.runs == 0
