"""The store on disk: private, shared by threads and processes, closed and reopened, and honest about other files."""

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
import threading

import pytest

from agentkit.around import SqliteStore, Store, sqlite
from agentkit.errors import ConfigurationError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "replies.db"


@pytest.fixture
def make(path):
    """Give a function that opens a store which is closed after the test."""
    made = []

    def make(**options):
        made.append(SqliteStore(path, **options))
        return made[-1]

    yield make
    for store in made:
        store.close()


def test_what_is_kept_outlives_the_store(make):
    async def main():
        first = make()
        await first.put("a", b"1")
        await first.put("a", b"\x00 2")
        await first.aclose()
        second = make()
        return await second.get("a"), await second.get("b")

    assert asyncio.run(main()) == (b"\x00 2", None)
    assert isinstance(make(), Store)


def test_it_is_closed_again_and_again_and_opened_by_the_next_use(make):
    async def main():
        store = make()
        await store.put("a", b"1")
        await store.aclose()
        await store.aclose()
        store.close()
        return await store.get("a")

    assert asyncio.run(main()) == b"1"


def test_what_is_too_old_is_gone_and_deleted(make, path, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(sqlite, "time", lambda: now[0])

    async def main():
        store = make(seconds=10)
        await store.put("a", b"1")
        now[0] = 1009.9
        assert await store.get("a") == b"1"
        now[0] = 1010.0
        assert await store.get("a") is None
        await store.put("b", b"2")

    asyncio.run(main())
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT key FROM agentkit_reply_1").fetchall() == [("b",)]
    db.close()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such rights")
def test_the_files_are_the_users_own(make, path):
    asyncio.run(make().put("a", b"1"))
    files = sorted(path.parent.iterdir())
    assert [file.name for file in files] == ["replies.db", "replies.db-shm", "replies.db-wal"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_threads_share_one_store(make):
    store = make()

    async def main(number):
        for key in range(20):
            await store.put(f"{number}.{key}", b"x")
            assert await store.get(f"{number}.{key}") == b"x"

    failed = []

    def run(number):
        try:
            asyncio.run(main(number))
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []


WRITER = """
import asyncio, sys
from agentkit.around import SqliteStore

async def main():
    sys.stdin.readline()
    store = SqliteStore(sys.argv[1])
    for number in range(30):
        await store.put(f"{sys.argv[2]}.{number}", b"x")
    await store.aclose()

asyncio.run(main())
"""


def test_processes_share_one_file_from_its_making_on(make, path):
    begun = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), name], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        for name in "abc"
    ]
    for process in begun:
        process.stdin.write(b"go\n")
        process.stdin.flush()
    assert [process.communicate(timeout=60)[1] for process in begun] == [b""] * 3

    async def main():
        store = make()
        return [await store.get(f"{name}.{number}") for name in "abc" for number in range(30)]

    assert asyncio.run(main()) == [b"x"] * 90


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_opens_the_file_for_itself(make):
    store = make()
    asyncio.run(store.put("a", b"1"))
    child = os.fork()
    if child == 0:
        try:
            same = asyncio.run(store.get("a")) == b"1"
        finally:
            os._exit(0 if same else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert asyncio.run(store.get("a")) == b"1"


def test_another_program_s_tables_and_other_versions_are_left_alone(make, path):
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE agentkit_reply_0 (what TEXT)")
        db.execute("INSERT INTO agentkit_reply_0 VALUES ('old')")
    asyncio.run(make().put("a", b"1"))
    assert db.execute("SELECT what FROM agentkit_reply_0").fetchall() == [("old",)]
    db.close()


def test_a_file_that_is_no_database_is_refused_at_once(path):
    path.write_text("these are no replies, and far too long a text to be a database's head" * 20)
    with pytest.raises(ConfigurationError) as caught:
        SqliteStore(path)
    assert str(caught.value) == (
        f"SqliteStore cannot use {str(path)!r}: file is not a database. Name a file in a folder that exists, "
        "a new one or one that a SqliteStore made."
    )


def test_a_folder_that_does_not_exist_is_refused_at_once(tmp_path):
    with pytest.raises(ConfigurationError) as caught:
        SqliteStore(tmp_path / "none" / "replies.db")
    assert "No such file or directory" in str(caught.value)


def test_a_fault_of_the_file_is_an_os_error(make, path):
    store = make()
    with sqlite3.connect(path) as db:
        db.execute("DROP TABLE agentkit_reply_1")
    db.close()
    with pytest.raises(OSError) as caught:
        asyncio.run(store.get("a"))
    assert str(caught.value) == f"SqliteStore({str(path)!r}): no such table: agentkit_reply_1"


def test_a_bound_that_keeps_nothing_is_refused(path):
    with pytest.raises(ConfigurationError) as caught:
        SqliteStore(path, seconds=0)
    assert str(caught.value) == "SqliteStore(seconds=0) would keep nothing. Give more than 0."
    assert not path.exists()


def test_it_shows_its_file(make, path):
    assert repr(make(seconds=60)) == f"SqliteStore({str(path)!r}, seconds=60)"


def test_one_that_nobody_holds_any_more_is_closed(path):
    connections = SqliteStore(path)._file._held
    assert connections == []
