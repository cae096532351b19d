import asyncio
import re
import sqlite3
import stat
import threading

import pytest

from agentkit.errors import ConfigurationError
from agentkit.session.database import Database

SCHEMA = "CREATE TABLE thing (name TEXT)"


def opened(path, version=1):
    return Database(path, 77, version, SCHEMA)


def put(name):
    return lambda db: db.execute("INSERT INTO thing VALUES (?)", (name,))


def names(db):
    return [name for (name,) in db.execute("SELECT name FROM thing ORDER BY name")]


def test_a_new_file_is_for_its_owner_only_and_in_wal_mode(tmp_path):
    database = opened(tmp_path / "x.db")
    assert stat.S_IMODE((tmp_path / "x.db").stat().st_mode) == 0o600
    assert asyncio.run(database.act(lambda db: db.execute("PRAGMA journal_mode").fetchone())) == ("wal",)
    database.close()
    database.close()


def test_it_is_opened_again_after_it_was_closed(tmp_path):
    database = opened(tmp_path / "x.db")
    asyncio.run(database.act(put("a")))
    database.close()
    assert asyncio.run(database.act(names)) == ["a"]
    database.close()


def test_an_act_that_fails_leaves_nothing_behind(tmp_path):
    database = opened(tmp_path / "x.db")

    def fail(db):
        put("a")(db)
        raise KeyError("no")

    with pytest.raises(KeyError):
        asyncio.run(database.act(fail))
    assert asyncio.run(database.act(names)) == []
    database.close()


def test_what_sqlite_refuses_later_is_an_os_error(tmp_path):
    database = opened(tmp_path / "x.db")
    with pytest.raises(OSError) as caught:
        asyncio.run(database.act(lambda db: db.execute("SELECT * FROM others")))
    assert str(caught.value) == (f"The sessions in {str(tmp_path / 'x.db')!r} cannot be reached: no such table: others")
    database.close()


def test_a_cancelled_caller_waits_for_the_end_of_what_it_began(tmp_path):
    database = opened(tmp_path / "x.db")
    begun, go = threading.Event(), threading.Event()

    def slow(db):
        begun.set()
        go.wait(10)
        put("a")(db)

    async def main():
        task = asyncio.create_task(database.act(slow))
        await asyncio.to_thread(begun.wait, 10)
        task.cancel()
        await asyncio.sleep(0)
        go.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await database.act(names)

    assert asyncio.run(main()) == ["a"]
    database.close()


def test_a_file_that_cannot_be_opened_says_what_to_do(tmp_path):
    with pytest.raises(ConfigurationError) as caught:
        opened(tmp_path / "none" / "x.db")
    path = str(tmp_path / "none" / "x.db")
    assert str(caught.value) == (
        f"The file {path!r} cannot be used for sessions: [Errno 2] No such file or directory: {path!r}. "
        "Name a file in a folder that exists and can be written, a new one or one that a session store made."
    )


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "x.db"
    path.write_text("notes " * 300)
    with pytest.raises(ConfigurationError, match=re.escape("cannot be used for sessions: file is not a database.")):
        opened(path)
    assert path.read_text() == "notes " * 300


def test_a_database_of_something_else_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "x.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE mine (x)")
    db.close()
    before = path.read_bytes()
    with pytest.raises(ConfigurationError) as caught:
        opened(path)
    assert str(caught.value) == (
        f"The file {str(path)!r} is a database of something else, and was left as it is. "
        "Name a new file, or one that a session store made."
    )
    assert path.read_bytes() == before


def test_a_later_version_is_refused(tmp_path):
    path = tmp_path / "x.db"
    opened(path, version=2).close()
    with pytest.raises(ConfigurationError) as caught:
        opened(path)
    assert str(caught.value) == (
        f"The sessions in {str(path)!r} have version 2; this agentkit reads version 1. "
        "Go on with the release that made them, or name a new file."
    )


def test_a_zero_byte_in_the_name_is_refused():
    with pytest.raises(ConfigurationError) as caught:
        opened("a\0b")
    assert str(caught.value) == (
        "The file 'a\\x00b' cannot be used for sessions: a zero byte is in the name. "
        "Name a file in a folder that exists and can be written, a new one or one that a session store made."
    )
