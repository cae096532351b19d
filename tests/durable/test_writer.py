"""Transactions of one file, done at once or by the thread that commits together what waits."""

import asyncio
import gc
import os
import sqlite3
import threading
import weakref

import pytest

from agentkit.durable import writer as module
from agentkit.durable.writer import Writer
from agentkit.sqlite import set_wal

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
many_threads = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")


def prepare(db):
    set_wal(db)
    db.execute("CREATE TABLE IF NOT EXISTS thing (name TEXT)")


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "x.db")


@pytest.fixture
def writer(path):
    writer = Writer(path, prepare, patience=5)
    yield writer
    writer.close()


def put(name):
    return lambda db: db.execute("INSERT INTO thing VALUES (?)", (name,)).rowcount


def names(db):
    return [name for (name,) in db.execute("SELECT name FROM thing ORDER BY rowid")]


def in_thread(db):
    return threading.current_thread().name


def test_a_quick_job_is_done_at_once_and_a_sure_or_long_one_by_the_thread(writer):
    async def main():
        return (
            await writer.act(in_thread),
            await writer.act(in_thread, sure=True),
            await writer.act(in_thread, quick=False),
        )

    assert asyncio.run(main()) == (threading.current_thread().name, "agentkit-journal", "agentkit-journal")


def test_after_many_quick_jobs_the_thread_does_one_which_keeps_the_log_short(writer, monkeypatch):
    monkeypatch.setattr(module, "_MOST_UNTIDIED", 2)

    async def main():
        return [await writer.act(in_thread) for _ in range(4)]

    mine = threading.current_thread().name
    assert asyncio.run(main()) == [mine, mine, "agentkit-journal", mine]


def test_what_waits_at_the_same_time_is_committed_together(writer):
    commits = []

    async def main():
        await writer.act(names, sure=True)
        writer._file.use(lambda db: db.set_trace_callback(commits.append))
        await asyncio.gather(*(writer.act(put(str(n)), sure=True) for n in range(500)))
        writer._file.use(lambda db: db.set_trace_callback(None))
        return await writer.act(names)

    assert asyncio.run(main()) == [str(n) for n in range(500)]
    assert commits.count("COMMIT") == 1
    assert commits[:2] == ["PRAGMA synchronous = FULL", "BEGIN IMMEDIATE"]


def test_only_what_must_be_sure_is_waited_for_on_the_disk(writer):
    said = []

    async def main():
        await writer.act(put("a"), quick=False)
        writer._file.use(lambda db: db.set_trace_callback(said.append))
        await writer.act(put("b"), quick=False)
        await writer.act(put("c"), sure=True)
        writer._file.use(lambda db: db.set_trace_callback(None))

    asyncio.run(main())
    assert [one for one in said if "PRAGMA" in one] == ["PRAGMA synchronous = NORMAL", "PRAGMA synchronous = FULL"]


def test_what_a_job_raises_is_its_own_and_the_others_go_on(writer):
    def fail(db):
        raise LookupError("not there")

    async def main():
        done = await asyncio.gather(
            *(writer.act(one, sure=True) for one in (put("a"), fail, put("b"))), return_exceptions=True
        )
        with pytest.raises(LookupError, match="not there"):
            await writer.act(fail)
        return done, await writer.act(names)

    (first, failed, last), kept = asyncio.run(main())
    assert (first, type(failed), last, kept) == (1, LookupError, 1, ["a", "b"])


def test_what_sqlite_refuses_is_undone_for_all_that_were_committed_with_it(writer):
    def wrong(db):
        db.execute("INSERT INTO thing VALUES ('half')")
        db.execute("INSERT INTO nothing VALUES (1)")

    async def main():
        jobs = (writer.act(one, sure=True) for one in (put("a"), wrong))
        done = await asyncio.gather(*jobs, return_exceptions=True)
        with pytest.raises(sqlite3.OperationalError):
            await writer.act(wrong)
        return done, await writer.act(names)

    done, kept = asyncio.run(main())
    assert [type(one) for one in done] == [sqlite3.OperationalError] * 2
    assert kept == []


def test_a_quick_job_that_another_process_hinders_waits_in_the_thread(writer, path):
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)

    async def main():
        await writer.act(names)
        other.execute("BEGIN IMMEDIATE")
        waiting = asyncio.ensure_future(writer.act(put("a")))
        await asyncio.sleep(0)
        assert not waiting.done()
        other.execute("COMMIT")
        return await waiting

    assert asyncio.run(main()) == 1
    other.close()


def test_a_cancelled_caller_waits_for_the_end_and_learns_what_went_wrong(writer):
    held, go = threading.Event(), threading.Event()

    def slow(db):
        held.set()
        go.wait(10)
        return put("a")(db)

    def fail(db):
        slow(db)
        raise LookupError("not there")

    async def cancelled(job):
        held.clear()
        go.clear()
        task = asyncio.ensure_future(writer.act(job, sure=True))
        await asyncio.to_thread(held.wait, 10)
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        go.set()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        return caught.value.__cause__

    async def main():
        return await cancelled(slow), await cancelled(fail), await writer.act(names)

    fine, cause, kept = asyncio.run(main())
    assert (fine, type(cause), kept) == (None, LookupError, ["a", "a"])


def test_threads_with_loops_of_their_own_write_together(writer):
    def work(name):
        asyncio.run(writer.act(put(name), sure=True))

    threads = [threading.Thread(target=work, args=(str(n),)) for n in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(asyncio.run(writer.act(names))) == [str(n) for n in range(10)]


def test_a_loop_that_was_closed_meanwhile_is_not_waited_for(writer):
    loop = asyncio.new_event_loop()
    future = loop.create_future()
    loop.close()
    module._settle_all([(future, 1, None)], [(put("a"), False, loop, future)])
    assert not future.done()


def test_it_can_be_used_again_after_it_was_closed(writer):
    async def main():
        await writer.act(put("a"), sure=True)
        writer.close()
        writer.close()
        await writer.act(put("b"), sure=True)
        return await writer.act(names)

    assert asyncio.run(main()) == ["a", "b"]


def test_one_that_nobody_holds_any_more_ends_its_thread(path):
    others = threading.enumerate()  # that of a closed one may be just about to end
    writer = Writer(path, prepare, patience=5)
    asyncio.run(writer.act(names, sure=True))
    (thread,) = [one for one in threading.enumerate() if one.name == "agentkit-journal" and one not in others]
    gone = weakref.ref(writer)
    del writer
    gc.collect()
    thread.join(10)
    assert gone() is None
    assert not thread.is_alive()


@forks
@many_threads
def test_a_forked_child_writes_with_a_thread_of_its_own(writer):
    asyncio.run(writer.act(put("parent"), sure=True))
    child = os.fork()
    if child == 0:
        fine = False
        try:
            fine = asyncio.run(writer.act(put("child"), sure=True)) == 1
        finally:
            os._exit(0 if fine else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    asyncio.run(writer.act(put("parent again"), sure=True))
    assert asyncio.run(writer.act(names)) == ["parent", "child", "parent again"]
