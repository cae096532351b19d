import os
import sqlite3
import stat
import subprocess
import sys
import threading

import pytest

from agentkit import sqlite as module
from agentkit.sqlite import SqliteFile, make_private, set_wal

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
many_threads = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")


def prepare(db):
    set_wal(db)
    db.execute("CREATE TABLE IF NOT EXISTS thing (name TEXT)")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.db"


@pytest.fixture
def file(path):
    file = SqliteFile(path, prepare, patience=5)
    yield file
    file.close()


def put(name):
    return lambda db: db.execute("INSERT INTO thing VALUES (?)", (name,)).rowcount


def names(db):
    return [name for (name,) in db.execute("SELECT name FROM thing ORDER BY name")]


def test_it_is_made_for_its_owner_and_opened_again_after_it_was_closed(file, path):
    file.use(put("a"))
    assert [stat.S_IMODE(one.stat().st_mode) for one in path.parent.iterdir()] == [0o600] * 3
    file.close()
    file.close()
    assert file.use(names) == ["a"]


def test_a_file_that_exists_keeps_its_rights(path):
    path.touch(0o640)
    make_private(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_link_to_a_file_that_is_not_there_is_made_for_its_owner(file, path):
    path.symlink_to(path.parent / "elsewhere.db")
    file = SqliteFile(path, prepare, patience=5)
    file.use(put("a"))
    file.close()
    assert stat.S_IMODE((path.parent / "elsewhere.db").stat().st_mode) == 0o600


def test_it_stays_the_same_file_where_the_working_directory_changes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = SqliteFile(":memory:", prepare, patience=5)
    file.use(put("a"))
    file.close()
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert file.use(names) == ["a"]
    file.close()
    assert [one.name for one in tmp_path.iterdir() if one.is_file()] == [":memory:"]


WRITER = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=0)
try:
    db.execute("INSERT INTO thing VALUES ('other')")
except sqlite3.OperationalError as error:
    print(error)
"""


def test_a_second_opening_in_one_process_frees_no_lock_of_the_first(path):
    def rollback_journal(db):  # its locks are on the file itself
        db.execute("CREATE TABLE IF NOT EXISTS thing (name TEXT)")

    file = SqliteFile(path, rollback_journal, patience=5)

    def hold(db):
        db.execute("BEGIN EXCLUSIVE")
        with pytest.raises(sqlite3.OperationalError):
            SqliteFile(path, rollback_journal, patience=0).use(names)
        said = subprocess.run([sys.executable, "-c", WRITER, path], capture_output=True, text=True, check=True).stdout
        db.execute("ROLLBACK")
        return said

    assert file.use(hold) == "database is locked\n"
    file.close()


def test_one_that_nobody_holds_any_more_is_closed_and_forgotten(path):
    held = SqliteFile(path, prepare, patience=5)._held
    assert held == []


def in_child(act):
    child = os.fork()
    if child == 0:
        fine = False
        try:
            fine = act()
        finally:
            os._exit(0 if fine else 1)
    return child


def ended_well(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@forks
@many_threads
def test_what_a_forked_child_writes_after_its_parent_closed_the_file_is_not_lost(file):
    file.use(put("parent"))
    (heard, say), (closed, close) = os.pipe(), os.pipe()

    def act():
        file.use(put("child"))
        os.write(say, b".")
        os.read(closed, 1)
        return file.use(put("child again")) == 1

    child = in_child(act)
    os.read(heard, 1)
    file.close()
    os.write(close, b".")
    assert ended_well(child)
    for end in (heard, say, closed, close):
        os.close(end)
    assert file.use(names) == ["child", "child again", "parent"]


@forks
@many_threads
def test_a_fork_waits_for_what_a_thread_does_with_the_file(file):
    begun, go = threading.Event(), threading.Event()

    def slow(db):
        begun.set()
        go.wait(10)
        return put("thread")(db)

    thread = threading.Thread(target=file.use, args=(slow,))
    thread.start()
    begun.wait(10)
    threading.Timer(0.05, go.set).start()
    assert ended_well(in_child(lambda: file.use(names) == ["thread"]))
    thread.join()


def test_a_fork_that_begins_while_another_ends_keeps_its_files_closed(monkeypatch):
    class Begins:
        """As soon as it is free, another thread's fork takes it."""

        def after_fork(self):
            module._forking.append(self)

    taken = Begins()
    monkeypatch.setattr(module, "_forking", [taken])
    module._after()
    assert module._forking == [taken]
