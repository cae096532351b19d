"""Who lives, and what becomes of the runs of those who do not."""

import subprocess
import sys
import threading

import pytest

from agentkit.durable.engine import Engine
from agentkit.durable.lease import _TABLE as TABLE
from agentkit.durable.lease import Lease, take_over
from agentkit.errors import JournalError

pytest.importorskip("dbos")

GONE = """
import sys
from agentkit.durable.engine import Engine
from agentkit.durable.lease import Lease
lease = Lease(Engine(sys.argv[1]), 600.0, lambda: None)
lease.take()
print(lease.id)
"""


@pytest.fixture
def engine(db):
    engine = Engine(db)
    yield engine
    engine.close()


def rows(engine):
    return [one for (one,) in engine.execute("SELECT id FROM agentkit_worker ORDER BY id")]


def running(engine, executor):
    """Have a workflow that a worker took, which is not here."""
    engine.submit("order-1", "q", "text")
    schema = "dbos." if engine.is_postgres else ""
    engine.execute(
        f"UPDATE {schema}workflow_status SET status = 'PENDING', executor_id = :executor",  # of this test
        executor=executor,
    )


def standing(engine):
    (entry,) = engine.entries(workflow_ids=["order-1"])
    return entry.status, entry.queue


def test_a_lease_is_a_row_until_it_is_left_and_then_its_runs_go_elsewhere(engine):
    lease = Lease(engine, 60.0, lambda: None)
    assert not lease.is_fresh
    lease.take()
    assert (rows(engine), lease.is_fresh) == ([lease.id], True)
    running(engine, lease.id)
    lease.leave()
    assert (rows(engine), lease.is_fresh) == ([], False)
    assert standing(engine) == ("ENQUEUED", "q")


def test_a_lease_whose_row_is_gone_is_lost_and_says_so(engine):
    lost = threading.Event()
    lease = Lease(engine, 0.2, lost.set)
    lease.take()
    engine.execute("DELETE FROM agentkit_worker")
    assert lost.wait(10)
    assert not lease.is_fresh


def test_runs_of_a_worker_that_was_silent_too_long_go_elsewhere_and_those_of_others_stay(engine):
    lease = Lease(engine, 60.0, lambda: None)
    lease.take()
    for name, seconds in (("silent", -1.0), ("living", 600.0)):
        engine.execute("INSERT INTO agentkit_worker VALUES (:id, '', NOW, :seconds)", id=name, seconds=seconds)
    running(engine, "living")
    assert take_over(engine, lease.id) == 0
    assert standing(engine)[0] == "PENDING"
    engine.execute("UPDATE agentkit_worker SET seconds = -1 WHERE id = 'living'")
    assert take_over(engine, lease.id) == 1
    assert standing(engine) == ("ENQUEUED", "q")
    assert rows(engine) == [lease.id]
    lease.leave()


def test_who_could_not_renew_takes_nobody_for_silent_until_the_others_had_their_time(engine):
    clock = [1000.0]
    lease = Lease(engine, 60.0, lambda: None)
    lease._renewed = lease._seen = clock[0]

    def goes_elsewhere(later):
        clock[0] += later
        engine.execute("DELETE FROM agentkit_worker WHERE id = 'silent'")
        engine.execute("INSERT INTO agentkit_worker VALUES ('silent', '', NOW, -1)")
        lease._take_over(clock[0], everywhere=False)
        return rows(engine) == []

    engine.execute(TABLE)
    assert [goes_elsewhere(later) for later in (30.0, 40.0, 10.0, 90.0, 30.0, 29.0, 2.0)] == [
        False,  # it has just begun
        True,
        True,
        False,  # the database was away: the silent one may not have been able to renew
        False,
        False,
        True,
    ]


def test_a_database_that_is_away_is_told_of_once(engine, caplog, monkeypatch):
    lease = Lease(engine, 0.04, lambda: None)
    lease.take()
    execute, tried, back = engine.execute, [], threading.Event()

    def away(statement, **values):
        if len(tried) < 3:
            tried.append(statement)
            raise JournalError("It is away.")
        if statement.startswith("UPDATE"):
            back.set()
        return execute(statement, **values)

    monkeypatch.setattr(engine, "execute", away)
    assert back.wait(20)
    lease.leave()
    told = f"The worker {lease.id} could not renew its lease, and tries again: It is away."
    assert [message for message in caplog.messages if "renew" in message] == [told]


def test_runs_of_whom_no_row_is_left_are_found_too(engine):
    lease = Lease(engine, 60.0, lambda: None)
    lease.take()
    running(engine, "nobody")
    assert take_over(engine, lease.id) == 0
    assert take_over(engine, lease.id, everywhere=True) == 1
    lease.leave()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process is known by its silence alone")
def test_a_process_of_this_machine_that_is_no_more_need_not_be_waited_for(engine, db):
    done = subprocess.run([sys.executable, "-c", GONE, db], capture_output=True, text=True, check=True)
    gone = done.stdout.strip()
    assert rows(engine) == [gone]
    running(engine, gone)
    lease = Lease(engine, 60.0, lambda: None)
    lease.take()
    assert (rows(engine), standing(engine)[0]) == ([lease.id], "ENQUEUED")
    lease.leave()
