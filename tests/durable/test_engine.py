"""A database of workflows: what may be one, and what is told of it."""

import asyncio
import subprocess
import sys

import pytest

from agentkit import errors
from agentkit.durable import Journal
from agentkit.durable import engine as module
from agentkit.durable.engine import Engine, engine_of

pytest.importorskip("dbos")


def test_without_the_package_the_install_command_is_told(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "dbos", None)
    with pytest.raises(errors.MissingExtraError) as caught:
        engine_of(str(tmp_path / "runs.sqlite"))
    assert str(caught.value) == (
        "A DurableAgent needs the package dbos, and it is not installed. "
        'Install it: pip install "agentkit-chat[durable]".'
    )


def test_a_database_of_another_kind_is_refused():
    with pytest.raises(errors.ConfigurationError) as caught:
        Engine("mysql://host/runs")
    assert str(caught.value) == (
        "Durable runs cannot be kept in 'mysql'. Give the path of a file, which is one of SQLite, or a URL that begins "
        "with postgresql://."
    )


@pytest.mark.parametrize("version", [(3, 11, 9), (3, 13, 1)])
def test_a_sqlite_that_is_too_old_for_dbos_is_refused_where_it_would_fail(monkeypatch, tmp_path, version):
    monkeypatch.setattr(module.sys, "version_info", version)
    monkeypatch.setattr(module.sqlite3, "sqlite_version_info", (3, 40, 1))
    monkeypatch.setattr(module.sqlite3, "sqlite_version", "3.40.1")
    if version < (3, 12):
        assert Engine(str(tmp_path / "runs.db")).place
        return
    with pytest.raises(errors.ConfigurationError) as caught:
        Engine(str(tmp_path / "runs.db"))
    assert str(caught.value) == (
        "With Python 3.13 DBOS needs SQLite 3.42, and this Python has 3.40.1. Use a Python that was built with a newer "
        'one, or Python 3.11, or a Postgres: db="postgresql://...".'
    )


def test_a_path_is_a_file_of_sqlite_and_one_database_has_one_engine(tmp_path):
    path = tmp_path / "runs.sqlite"
    engine = engine_of(str(path))
    assert engine is engine_of(f"sqlite:///{path}")
    assert (engine.is_postgres, engine.place) == (False, str(path))


def test_a_password_is_never_shown():
    engine = Engine("postgres://ann:s3cretword@127.0.0.1:1/runs")
    assert engine.place == "postgresql://127.0.0.1/runs"
    assert engine.is_postgres


def test_a_server_that_is_not_there_is_told_of_and_nothing_is_lost():
    engine = Engine("postgresql://ann:s3cretword@127.0.0.1:1/runs")
    with pytest.raises(errors.JournalError) as caught:
        engine.entries(workflow_ids=["order-1"])
    text = str(caught.value)
    assert text.startswith("The database 'postgresql://127.0.0.1/runs' cannot be reached: ")
    assert text.endswith(
        "Runs that it has are not lost: they go on when it is back. Look to it that it runs, and try again."
    )
    assert "s3cretword" not in text


def test_a_file_that_cannot_be_used_is_told_of(tmp_path):
    path = tmp_path / "runs.sqlite"
    path.write_bytes(b"something else" * 1000)
    engine = Engine(str(path))
    with pytest.raises(errors.JournalError) as caught:
        engine.entries(workflow_ids=["order-1"])
    assert str(caught.value) == (
        f"The database {str(path)!r} cannot be reached: file is not a database. Runs that it has are not lost: they "
        "go on when it is back. Look to it that the file is there, can be written, has room on its disk, and no "
        "process stands still that holds it, and try again."
    )


def test_a_file_that_was_taken_away_is_told_of_and_works_when_it_is_back(tmp_path):
    path, aside = tmp_path / "runs.sqlite", tmp_path / "aside"
    engine = Engine(str(path))
    engine.submit("order-1", "q", "text")
    names = [one.name for one in tmp_path.iterdir()]
    aside.mkdir()
    for name in names:
        (tmp_path / name).rename(aside / name)
    told = []
    for _ in range(2):
        with pytest.raises(errors.JournalError) as caught:
            engine.submit("order-2", "q", "text")
        told.append(str(caught.value).partition(". Runs ")[0])
        path.touch()
    assert told == [
        f"The database {str(path)!r} cannot be reached: [Errno 2] No such file or directory: {str(path)!r}",
        f"The database {str(path)!r} cannot be reached: another file stands in its place",
    ]
    for name in names:
        (aside / name).replace(tmp_path / name)
    assert [engine.submit(name, "q", "text") for name in ("order-1", "order-2")] == [False, True]
    engine.close()


def test_a_file_that_cannot_be_made_is_told_of(tmp_path):
    engine = Engine(str(tmp_path / "none" / "runs.sqlite"))
    with pytest.raises(errors.JournalError) as caught:
        engine.open()
    path = str(tmp_path / "none" / "runs.sqlite")
    assert str(caught.value) == (
        f"The database {path!r} cannot be made: [Errno 2] No such file or directory: {path!r}. Name a file in a folder "
        "that exists and can be written."
    )


def test_workflows_are_submitted_once_listed_and_cancelled(db):
    engine = Engine(db)
    engine.put_queue("q", concurrency=3, at_once=2, rate=(5, 1.0))
    assert [engine.submit("order-1", "q", "text") for _ in range(2)] == [True, False]
    (entry,) = engine.entries(workflow_ids=["order-1"])
    assert (entry.id, entry.status, entry.queue, entry.text, entry.outcome) == ("order-1", "ENQUEUED", "q", "text", "")
    engine.cancel("order-1")
    assert [one.status for one in engine.entries(workflow_id_prefix="order")] == ["CANCELLED"]
    assert engine.steps("order-1") == []
    assert engine.execute("SELECT :number + 1, NOW > 1e9", number=4)[0][0] == 5
    engine.close()


def test_a_journal_is_no_file_for_workflows(tmp_path):
    path = str(tmp_path / "runs.db")
    asyncio.run(Journal(path).runs())
    with pytest.raises(errors.ConfigurationError) as caught:
        Engine(path).open()
    assert str(caught.value) == (
        f"The file {path!r} is a database of something else, such as a journal or sessions (application_id "
        "0x61676b72). Give another one, such as runs.sqlite."
    )


def test_the_file_is_its_owners_alone(tmp_path):
    path = tmp_path / "runs.sqlite"
    engine = Engine(str(path))
    engine.open()
    engine.close()
    assert path.stat().st_mode & 0o777 == 0o600


SILENT = """
import asyncio, socket, sys
from agentkit import Agent
from agentkit.durable import DurableAgent
from agentkit.testing import ScriptedModel

def shut(*arguments):
    raise AssertionError(f"it phones: {arguments}")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = shut

async def main():
    async with DurableAgent(Agent(ScriptedModel(["hello"]), name="demo"), db=sys.argv[1]) as durable:
        print((await durable.run("go")).output)

asyncio.run(main())
"""


def test_nothing_is_printed_and_nobody_is_phoned(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", SILENT, str(tmp_path / "runs.sqlite")], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr, done.returncode) == ("hello\n", "", 0)
