"""Runs whose processes are killed, frozen, or find the disk full: nothing is repeated, nothing is lost.

`make kill` kills at every boundary of an effect; here are 20 kills at random, and what else can befall a journal.
"""

import os
import signal
import sqlite3
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

HERE = Path(__file__).parent
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked, stopped and killed")


@pytest.fixture(scope="module")
def kill():
    before = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(HERE)
        import kill

        yield kill
    for name in {"engine", "kill", "scene", "verdict"} - before:
        del sys.modules[name]


@pytest.fixture(scope="module")
def world(kill):
    with kill.World.open() as world:
        yield world


@pytest.fixture(scope="module")
def second(world):
    return world.new_nursery()


@pytest.fixture
def drama(kill, world):
    return kill.Drama(world, kill.Plan("journal", "short"), world.expected("journal", "short"))


def begun_twice(drama):
    ends = [line["ident"] for line in drama.trial.ledger if line["word"] == "start"]
    return {ident for ident in ends if ends.count(ident) > 1}


def killed(kill, world, engine, seed, most):
    """Play runs until so many processes were killed."""
    before = world.kills.total()
    for plan in kill.at_random(world, engine, 100, seed):
        kill.Drama(world, plan, world.expected(engine, plan.scene)).play()
        if world.kills.total() >= before + most:
            return


@pytest.mark.parametrize("seed", range(4))
def test_killed_runs_go_on_with_no_effect_repeated_and_none_lost(kill, world, seed):
    killed(kill, world, "journal", seed, 5)


def test_killed_workflows_go_on_with_no_effect_repeated_and_none_lost(kill, world):
    pytest.importorskip("dbos")
    killed(kill, world, "dbos", 1, 3)


@pytest.mark.real
def test_killed_workflows_at_a_server_go_on_with_no_effect_repeated_and_none_lost(kill):
    pytest.importorskip("dbos")
    with kill.server(), kill.World.open() as world:
        killed(kill, world, "postgres", 2, 5)


def test_second_process_is_refused_while_the_first_is_frozen_and_the_first_ends_the_run(world, second, drama):
    first = world.nursery
    held = first.run(drama.job(stop="pay at work", hold=True))
    ledger = drama.trial.ledger
    refused = second.run(drama.job())
    assert refused["error"] == "RunInUseError"
    assert f"process {held['pid']}" in refused["text"]
    assert drama.trial.ledger == ledger
    drama.play(first.say("go on"))


def test_run_of_a_frozen_process_goes_on_as_soon_as_that_is_killed(world, second, drama):
    first = world.nursery
    held = first.run(drama.job(stop="fetch at work", hold=True))
    assert second.run(drama.job())["error"] == "RunInUseError"
    os.kill(held["pid"], signal.SIGKILL)
    drama.play(first.say("kill"))


def test_of_processes_that_begin_one_run_at_once_one_runs_it(world, second, drama):
    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(lambda nursery: nursery.run(drama.job()), [world.nursery, second]))
    errors = {one["error"] for one in outcomes if "error" in one}
    assert errors <= {"RunInUseError"}
    done = [one for one in outcomes if "output" in one]  # another that came after the end has the same result
    assert done
    assert not begun_twice(drama)
    drama.play(done[0])


FULL = {
    "size": "disk I/O error. See that there is room on its disk, and that it is where it was, on a local one.",
    "pages": "database or disk is full. Make room on its disk.",
}


@pytest.mark.parametrize("scarce", ["size", "pages"])
def test_full_disk_is_a_clear_error_each_time_and_the_run_goes_on_when_there_is_room(kill, world, scarce):
    drama = kill.Drama(world, kill.Plan("journal", "grand"), world.expected("journal", "grand"))
    texts, outcome, room, decisions = [], {}, 34_000, []
    while "output" not in outcome:
        outcome = world.nursery.run(drama.job(decisions=decisions, **limited(scarce, room)))
        drama.over(outcome)
        decisions = drama.decided(outcome["pending"]) if "pending" in outcome else []
        if "error" in outcome:
            assert outcome["error"] == "JournalError"
            texts.append(outcome["text"])
            room += 5_000
    begin = f"The journal '{drama.trial.folder}/runs.db' cannot be written: {FULL[scarce]}"
    assert len(texts) > 3
    assert all(text.startswith(begin) for text in texts), texts
    drama.play()


def limited(scarce, room):
    return {scarce: room if scarce == "size" else room // 4096}


def test_process_that_had_no_room_writes_what_was_done_as_soon_as_there_is(kill, world, drama):
    kept = 0
    for room in range(34_000, 100_000, 3_000):
        drama = kill.Drama(world, drama.plan, drama.expected)
        outcome = world.nursery.run(drama.job(size=room, again=True))
        kept += "keeps what was done in memory" in outcome.get("before", {}).get("text", "")
        drama.trial.failed = True
        drama.play(outcome)
        assert not drama.trial.doubts
        if "before" not in outcome:
            break
    assert kept


def test_database_that_is_locked_for_long_is_a_clear_error_and_nothing_is_lost(world, drama):
    path = drama.trial.folder / "runs.db"
    world.nursery.run(drama.job(stop="pay at work", hold=True, patience=0.1))
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        outcome = world.nursery.say("go on")
        db.execute("ROLLBACK")
    assert outcome["error"] == "JournalError"
    assert outcome["text"].startswith(f"The journal '{path}' cannot be written: database is locked. Another process ")
    drama.over(outcome)
    drama.play()


def test_database_that_is_locked_for_a_while_is_waited_for(world, drama):
    world.nursery.run(drama.job(stop="pay at work", hold=True))
    path = drama.trial.folder / "runs.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as db, ThreadPoolExecutor() as pool:
        db.execute("BEGIN IMMEDIATE")
        outcome = pool.submit(world.nursery.say, "go on")
        threading.Event().wait(0.2)  # nothing tells that it waits
        db.execute("ROLLBACK")
        assert "output" in outcome.result()
    drama.play(outcome.result())
