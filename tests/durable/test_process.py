"""DBOS in this process."""

import asyncio
import sqlite3
import threading
from contextlib import closing, suppress

import pytest

from agentkit.durable import engine as module
from agentkit.durable import process
from agentkit.durable.engine import BELOW, Engine, is_of_database
from agentkit.durable.entry import Step
from agentkit.durable.watch import wait_for
from agentkit.errors import ConfigurationError

pytest.importorskip("dbos")


@pytest.fixture
def engine(db):
    engine = Engine(db)
    engine.put_queue("q", concurrency=None, at_once=4, rate=None)
    yield engine
    process.end()
    engine.close()


def carried_out(engine, perform):
    async def main():
        process.begin(engine, "worker", ["q"], perform)
        engine.submit("order-1", "q", "text")
        await wait_for(engine, "order-1")
        return engine.entries(workflow_ids=["order-1"])[0]

    return asyncio.run(main())


def test_a_workflow_gets_its_id_and_text_and_leaves_steps_and_an_outcome(engine):
    async def perform(workflow, text):
        async def body():
            return f"{workflow} {text}"

        return await process.step("first", body)

    entry = carried_out(engine, perform)
    assert (entry.status, entry.outcome, entry.executor) == ("SUCCESS", "order-1 text", "worker")
    assert engine.steps("order-1") == [Step(1, "order-1 text")]


def test_a_step_that_raises_leaves_nothing_and_the_error_is_raised_as_it_is(engine):
    raised = []

    async def perform(workflow, text):
        async def body():
            raise ZeroDivisionError

        try:
            await process.step("first", body)
        except ZeroDivisionError as error:
            raised.append(error)
        process.go_on_after(6)

        async def again():
            return "done"

        return await process.step("second", again)

    assert carried_out(engine, perform).outcome == "done"
    assert len(raised) == 1
    assert engine.steps("order-1") == [Step(1), Step(7, "done")]


def test_a_workflow_below_has_steps_and_an_outcome_of_its_own_and_its_error_is_raised_as_it_is(engine):
    raised = []

    async def perform(workflow, text):
        async def body():
            return await process.step("first", said)

        async def said():
            return "said"

        async def fail():
            raise ZeroDivisionError("no")

        await process.below("one", body)
        try:
            await process.below("two", fail)
        except ZeroDivisionError as error:
            raised.append(error)
        return "done"

    assert carried_out(engine, perform).outcome == "done"
    assert len(raised) == 1
    first, second = sorted(engine.entries(name=BELOW), key=lambda one: one.text)
    assert (first.text, first.status, first.outcome) == ("one", "SUCCESS", "said")
    assert (second.text, second.status, second.outcome) == ("two", "ERROR", "ZeroDivisionError: no")
    assert engine.steps("order-1") == [
        *(Step(number, below=first.id) for number in (1, 2)),
        *(Step(number, below=second.id) for number in (3, 4)),
    ]
    assert engine.steps(first.id) == [Step(1, "said")]


def test_a_workflow_below_that_is_cut_off_has_ended_so(engine):
    async def perform(workflow, text):
        begun = asyncio.Event()

        async def stay():
            begun.set()
            await asyncio.Event().wait()

        below = asyncio.create_task(process.below("one", stay))
        await begun.wait()
        below.cancel()
        with suppress(asyncio.CancelledError):
            await below
        return "cut off"

    assert carried_out(engine, perform).outcome == "cut off"
    (entry,) = engine.entries(name=BELOW)
    assert (entry.status, entry.outcome) == ("ERROR", "CancelledError")


def test_who_lost_a_workflow_begins_none_below_it(engine):
    begun, goes, done = threading.Event(), threading.Event(), []

    async def perform(workflow, text):
        begun.set()
        await asyncio.to_thread(goes.wait)

        async def body():
            done.append(text)
            return ""

        await process.below("one", body)
        return ""

    async def main():
        process.begin(engine, "worker", ["q"], perform)
        engine.submit("order-1", "q", "text")
        await asyncio.to_thread(begun.wait)
        engine.put_queue("nowhere", concurrency=None, at_once=None, rate=None)
        engine.cancel("order-1")
        goes.set()
        await wait_for(engine, "order-1")

    asyncio.run(main())
    process.end()
    assert done == []
    assert engine.entries(name=BELOW) == []


def test_while_the_database_is_away_a_workflow_below_waits_to_begin(engine, monkeypatch, caplog):
    from sqlalchemy.exc import OperationalError

    monkeypatch.setattr(process, "_AGAIN", 0.0)
    done, begin = [], process._begin_below

    async def away(text, body):
        if not done:
            done.append("asked")
            raise OperationalError("INSERT", {}, Exception("connection is bad"))
        await begin(text, body)
        raise OperationalError("UPDATE", {}, Exception("connection is bad"))  # of the outcome

    monkeypatch.setattr(process, "_begin_below", away)

    async def perform(workflow, text):
        async def body():
            done.append(text)
            return ""

        await process.below("one", body)
        return "done"

    assert carried_out(engine, perform).outcome == "done"
    assert done == ["asked", "text"]
    assert "The run of an agent could not be written, and is tried again: " in caplog.text


def test_while_the_database_is_away_what_was_done_waits_and_is_written_then(engine, monkeypatch, caplog):
    from dbos import DBOS
    from sqlalchemy.exc import OperationalError

    monkeypatch.setattr(process, "_AGAIN", 0.0)
    done, write = [], DBOS.run_step_async

    async def away(options, body):
        if not done:
            await body()
            raise OperationalError("INSERT", {}, Exception("connection is bad"))
        return await write(options, body)

    monkeypatch.setattr(DBOS, "run_step_async", away)

    async def perform(workflow, text):
        async def body():
            done.append(text)
            return "done"

        return await process.step("first", body)

    assert carried_out(engine, perform).outcome == "done"
    assert (done, engine.steps("order-1")) == (["text"], [Step(1, "done")])
    assert "A step could not be written, and is tried again: " in caplog.text


def test_a_step_that_was_written_though_the_database_could_not_say_so_is_written_once_more(engine, monkeypatch):
    from dbos._sys_db import SystemDatabase
    from sqlalchemy.exc import OperationalError

    monkeypatch.setattr(process, "_AGAIN", 0.0)
    done, record = [], SystemDatabase.record_operation_result

    def cut(self, result, **options):
        record(self, result, **options)
        if result["output"] and len(done) == 1:
            done.append("cut")
            raise OperationalError("INSERT", {}, Exception("connection is bad"))

    monkeypatch.setattr(SystemDatabase, "record_operation_result", cut)

    async def perform(workflow, text):
        async def body():
            done.append(text)
            return "done"

        return await process.step("first", body)

    assert carried_out(engine, perform).outcome == "done"
    assert (done, engine.steps("order-1")) == (["text", "cut"], [Step(1, "done"), Step(2, "done")])


@pytest.mark.parametrize("written", [False, True])
def test_a_connection_that_breaks_at_the_end_of_a_workflow_is_not_its_error(engine, monkeypatch, written):
    from dbos._sys_db import SystemDatabase
    from sqlalchemy.exc import OperationalError

    monkeypatch.setattr(process, "_AGAIN", 0.0)
    asked, write = [], SystemDatabase.update_workflow_outcome

    def cut(self, *outcome, **options):
        asked.append(outcome[1])
        if len(asked) > 1:
            return write(self, *outcome, **options)
        if written:
            write(self, *outcome, **options)
        raise OperationalError("UPDATE", {}, Exception("connection is bad"))

    monkeypatch.setattr(SystemDatabase, "update_workflow_outcome", cut)

    async def perform(workflow, text):
        return "done"

    entry = carried_out(engine, perform)
    assert (entry.status, entry.outcome) == ("SUCCESS", "done")
    if not written:
        assert asked == ["SUCCESS", "SUCCESS"]


def test_a_workflow_whose_end_cannot_be_written_when_the_process_ends_stays_open(engine, monkeypatch):
    from dbos._sys_db import SystemDatabase
    from sqlalchemy.exc import OperationalError

    monkeypatch.setattr(process, "_AGAIN", 3600.0)
    asked, write = threading.Event(), SystemDatabase.update_workflow_outcome

    def away(self, *outcome, **options):
        if asked.is_set():
            return write(self, *outcome, **options)
        asked.set()
        raise OperationalError("UPDATE", {}, Exception("connection is bad"))

    monkeypatch.setattr(SystemDatabase, "update_workflow_outcome", away)

    async def perform(workflow, text):
        return "done"

    process.begin(engine, "worker", ["q"], perform)
    engine.submit("order-1", "q", "text")
    assert asked.wait(10)
    process.end()
    assert [entry.status for entry in engine.entries(workflow_ids=["order-1"])] == ["PENDING"]


def test_while_the_database_is_away_events_wait(engine, monkeypatch, caplog):
    from dbos import DBOS
    from sqlalchemy.exc import OperationalError

    monkeypatch.setattr(process, "_AGAIN", 0.0)
    asked, write = [], DBOS.write_stream_async

    async def away(key, text):
        asked.append(text)
        if len(asked) == 1:
            raise OperationalError("INSERT", {}, Exception("connection is bad"))
        await write(key, text)

    monkeypatch.setattr(DBOS, "write_stream_async", away)

    async def perform(workflow, text):
        async def body():
            await process.tell("told")
            return ""

        return await process.step("tell", body)

    async def told():
        return [text async for text in engine.texts("order-1")]

    carried_out(engine, perform)
    assert asyncio.run(told()) == ["told"]
    assert asked == ["told", "told"]
    assert "An event could not be written, and is tried again: " in caplog.text


def test_where_the_process_ends_nobody_waits_for_a_database_that_is_away(engine, monkeypatch):
    from dbos import DBOS
    from sqlalchemy.exc import OperationalError

    begun, raised = threading.Event(), []

    async def away(options, body):
        await body()
        raise OperationalError("INSERT", {}, Exception("connection is bad"))

    monkeypatch.setattr(DBOS, "run_step_async", away)

    async def perform(workflow, text):
        async def body():
            return "stopped"

        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            try:
                await process.step("last", body)
            except OperationalError as error:
                raised.append(error)

    process.begin(engine, "worker", ["q"], perform)
    engine.submit("order-1", "q", "text")
    assert begun.wait(20)
    process.end()
    assert len(raised) == 1


def test_an_error_of_a_workflow_is_its_outcome(engine):
    async def perform(workflow, text):
        raise ValueError("no")

    entry = carried_out(engine, perform)
    assert (entry.status, entry.outcome) == ("ERROR", "no")


@pytest.mark.parametrize("db", ["sqlite"], indirect=True)
def test_a_process_is_a_worker_of_one_database(engine, tmp_path):
    async def perform(workflow, text):
        return ""

    process.begin(engine, "worker", ["q"], perform)
    other = Engine(str(tmp_path / "other.sqlite"))
    with pytest.raises(ConfigurationError) as caught:
        process.begin(other, "worker", ["q"], perform)
    assert str(caught.value) == (
        f"This process already is a worker of the database {engine.place!r}, and cannot be one of {other.place!r} too. "
        "Start another process, or stop that worker first."
    )


@pytest.mark.parametrize("db", ["sqlite"], indirect=True)
def test_who_takes_from_a_queue_counts_under_the_lock_that_it_writes_with(engine):
    async def perform(workflow, text):
        return ""

    process.begin(engine, "worker", [], perform)
    from dbos._dbos import _get_dbos_instance as instance_of

    other = sqlite3.connect(engine.place, timeout=0)
    with instance_of()._sys_db._begin(None), pytest.raises(sqlite3.OperationalError) as caught:
        other.execute("BEGIN IMMEDIATE")
    assert str(caught.value) == "database is locked"
    other.close()


@pytest.mark.parametrize("db", ["sqlite"], indirect=True)
def test_who_looks_at_a_queue_takes_no_lock_and_reads_no_runs_that_are_over(engine):
    async def perform(workflow, text):
        return ""

    process.begin(engine, "worker", [], perform)
    from dbos._dbos import _get_dbos_instance as instance_of

    scopes = instance_of()._sys_db.dequeue_scopes
    with closing(sqlite3.connect(engine.place, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert scopes("q") == []
        other.execute("ROLLBACK")
        engine.submit("order-1", "q", "text")
        other.execute("BEGIN IMMEDIATE")
        assert (scopes("q"), scopes("other")) == ([None], [])
        ((*_, plan),) = other.execute(f"EXPLAIN QUERY PLAN {process._WAITING}", ("q",))
    assert plan.startswith("SEARCH workflow_status USING COVERING INDEX ")


@pytest.mark.real
@pytest.mark.parametrize("db", ["postgres"], indirect=True)
@pytest.mark.parametrize("who", ["worker", "caller"])
def test_who_stands_still_in_a_transaction_does_not_keep_the_others_from_their_runs(db, monkeypatch, who):
    from dbos._dbos import _get_dbos_instance as instance_of
    from sqlalchemy.exc import InternalError

    monkeypatch.setattr(module, "IDLE", 0.2)
    monkeypatch.setattr(process, "IDLE", 0.2)

    async def perform(workflow, text):
        return ""

    with closing(Engine(db)) as frozen, closing(Engine(db)) as other:
        frozen.execute("CREATE TABLE held (id INTEGER)")
        frozen.execute("INSERT INTO held VALUES (1)")
        process.begin(frozen, "worker", [], perform)
        database = instance_of()._sys_db if who == "worker" else frozen.open()._sys_db
        with pytest.raises(InternalError) as caught, database.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE held SET id = 2")
            assert connection.exec_driver_sql("SHOW idle_in_transaction_session_timeout").scalar() == "200ms"
            other.execute("UPDATE held SET id = 3")
        assert other.execute("SELECT id FROM held") == [(3,)]
        assert is_of_database(caught.value)  # so the other one writes again what it was about to
        process.end()
