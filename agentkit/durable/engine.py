"""A database of DBOS: its queues, the workflows in them and their steps; workers share it, and whoever submits.

`process` carries workflows out. What a run is, is not known here: a workflow gets a text and leaves texts.
"""

from __future__ import annotations

import asyncio
import logging
import re
import sqlite3
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import closing, suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from agentkit.durable.address import read_url
from agentkit.durable.entry import Entry, Step, entry_of, step_of
from agentkit.errors import ConfigurationError, JournalError, MissingExtraError
from agentkit.secret import scrub
from agentkit.sqlite import make_private, set_wal

if TYPE_CHECKING:
    from dbos import DBOSClient

__all__ = ["APPLICATION", "BELOW", "IDLE", "NAME", "TEXTS", "VERSION", "Engine", "engine_of", "is_of_database"]

_T = TypeVar("_T")

APPLICATION = "agentkit"
"""What DBOS calls all of this, of whatever agent."""

VERSION = "agentkit 1"
"""DBOS carries out only workflows of its own version; ours is that of the records, for all else may change."""

NAME = "agentkit.run"
"""What DBOS calls the workflow of a part of a run."""

BELOW = "agentkit.agent"
"""What it calls the workflow of a run that a call of another one began."""

TEXTS = "agentkit"
"""The key of the stream of a workflow."""

IDLE = 10.0
"""Seconds after which a server ends a transaction that says nothing: of a process that was frozen or lost in it.

Its locks would keep the others from their runs. Ours are done within milliseconds.
"""

_PICKUP = 0.1  # seconds between two looks of a worker for work in a queue, and of a reader for texts
_STEPS = 1000  # read at once


class Engine:
    """One database.

    Args:
        url: A path of an SQLite file, `sqlite:///...`, or `postgresql://...`.

    Attributes:
        url: As DBOS takes it; a password may be in it.
        place: The URL as errors may show it, without password.

    Raises:
        MissingExtraError: dbos is not installed.
        ConfigurationError: The URL is of a database that is not known here, or this Python's SQLite is too old.
    """

    def __init__(self, url: str) -> None:
        _need()
        self.url, self.place = read_url(url)
        if not self.is_postgres:
            _check_sqlite()
        self._client: DBOSClient | None = None
        self._file: tuple[int, int] | None = None
        self._guard = threading.Lock()

    @property
    def is_postgres(self) -> bool:
        """Tell whether it is a server; else it is a file of SQLite."""
        return not self.url.startswith("sqlite")

    def put_queue(
        self, name: str, *, concurrency: int | None, at_once: int | None, rate: tuple[int, float] | None
    ) -> None:
        """Make a queue, or change its limits.

        Args:
            name: Its name.
            concurrency: Runs at once, over all workers.
            at_once: Runs at once in each worker.
            rate: How many runs may begin within so many seconds, over all workers.
        """
        limiter: Any = {"limit": rate[0], "period": rate[1]} if rate else None
        self._do(
            lambda client: client.register_queue(
                name,
                global_concurrency=concurrency,
                worker_concurrency=at_once,
                limiter=limiter,
                polling_interval_sec=_PICKUP,
            )
        )

    def has_queue(self, name: str) -> bool:
        """Tell whether a queue was made."""
        return self._do(lambda client: client.retrieve_queue(name)) is not None

    def submit(self, id: str, queue: str, text: str) -> bool:  # noqa: A002 # as DBOS names it
        """Put a workflow into a queue, and tell whether there was none of that id yet."""
        from dbos import error  # noqa: PLC0415 # of an extra

        try:
            self._do(
                lambda client: client.enqueue(
                    {
                        "workflow_name": NAME,
                        "queue_name": queue,
                        "workflow_id": id,
                        "workflow_id_reuse_policy": "reject",
                        "app_version": VERSION,
                    },
                    text,
                )
            )
        except error.DBOSWorkflowIDInUseError:
            return False
        return True

    def entries(self, *, whole: bool = True, **which: Any) -> list[Entry]:
        """List workflows, by the words of DBOS's `list_workflows`: `workflow_ids`, `workflow_id_prefix`, `status`.

        Args:
            whole: Whether their texts are read.
            which: Which ones.
        """
        given = {"name": NAME, "load_input": whole, "load_output": whole, **which}
        return [entry_of(one) for one in self._do(lambda client: client.list_workflows(**given))]

    def steps(self, id: str) -> list[Step]:  # noqa: A002 # as DBOS names it
        """Give the steps of a workflow, in order."""
        found: list[Step] = []
        while True:
            page = self._do(partial(_steps, id, len(found)))
            found += map(step_of, page)
            if len(page) < _STEPS:
                return found

    def cancel(self, *ids: str) -> None:
        """Cancel workflows and those below them, from above: none is begun below one that is.

        Whoever carries one out stops within about a second, and no step of it is written.
        """
        self._do(lambda client: client.cancel_workflows(list(ids), cancel_children=True))

    def delete(self, ids: list[str]) -> None:
        """Forget workflows and those below them, with all that they wrote; one of the same id begins anew then."""
        self._do(lambda client: client.delete_workflows(ids, delete_children=True))

    def take_back(self, entry: Entry, queue: str) -> bool:
        """Put a workflow whose executor is gone back into its queue, and tell whether it was still that one's.

        What its executor writes later is refused: each taking out of a queue has a token of its own, which is
        compared in the transaction of each write.
        """
        # of DBOS's own recovery; there is no public way that asks for the executor in the same statement
        return bool(
            self._do(lambda client: client._sys_db.reenqueue_for_recovery(entry.id, [entry.executor], queue))  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] # pinned version
        )

    def execute(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        """Execute one statement of SQL in a transaction and give its rows; `:name` stands for a value.

        `NOW` in it is the database's clock, in seconds since the epoch.
        """
        return self._execute(statement, values)

    def execute_each(self, statement: str, rows: list[dict[str, Any]]) -> None:
        """Execute one statement for each of some rows of values, in one transaction."""
        self._execute(statement, rows)

    def _execute(self, statement: str, values: Any) -> list[tuple[Any, ...]]:
        if self.is_postgres:
            statement = re.sub(r":(\w+)", r"%(\1)s", statement.replace("NOW", "extract(epoch from clock_timestamp())"))
        else:
            statement = statement.replace("NOW", "((julianday('now') - 2440587.5) * 86400.0)")

        def act(client: DBOSClient) -> list[tuple[Any, ...]]:
            engine: Any = client._sys_db.engine  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] # its connections
            with engine.begin() as connection:
                result = connection.exec_driver_sql(statement, values)
                return [tuple(row) for row in result] if result.returns_rows else []

        return self._do(act)

    async def texts(self, id: str) -> AsyncIterator[str]:  # noqa: A002 # as DBOS names it
        """Give what `tell` wrote in a workflow, as it comes, until the workflow has ended."""
        client = await asyncio.to_thread(self.open)
        async for text in client.read_stream_async(id, TEXTS, polling_interval_sec=_PICKUP):
            yield cast("str", text)

    def close(self) -> None:
        """Close the connections; a later use opens them again."""
        with self._guard:
            if self._client is not None:
                self._client.destroy()
                self._client = self._file = None

    def _do(self, act: Callable[[Any], _T]) -> _T:
        from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415 # of an extra

        try:
            return act(self._looked_at(self.open()))
        except (SQLAlchemyError, OSError) as error:
            reason = scrub(str(getattr(error, "orig", None) or error).partition("\n")[0])
            server = "it runs"
            file = "the file is there, can be written, has room on its disk, and no process stands still that holds it"
            raise JournalError(
                f"The database {self.place!r} cannot be reached: {reason}. Runs that it has are not lost: they go on "
                f"when it is back. Look to it that {server if self.is_postgres else file}, and try again."
            ) from error

    def _looked_at(self, client: DBOSClient) -> DBOSClient:
        """See that a file is the one that was opened: SQLite would write to one that was taken away, and lose it."""
        if not self.is_postgres:
            seen = Path(self.place).stat()
            self._file = self._file or (seen.st_dev, seen.st_ino)
            if self._file != (seen.st_dev, seen.st_ino):
                raise OSError("another file stands in its place")
        return client

    def open(self) -> DBOSClient:
        """Make the database where it is not there yet, and open it."""
        from dbos import DBOS, DBOSClient, DBOSPortableJSONSerializer  # noqa: PLC0415 # of an extra

        with self._guard:
            if self._client is None:
                _be_silent()
                if not self.is_postgres:
                    _make_file(self.url.removeprefix("sqlite:///"))
                DBOS.migrate(self.url)
                self._client = DBOSClient(
                    system_database_url=self.url,
                    application_name=APPLICATION,
                    serializer=DBOSPortableJSONSerializer(),
                    retry_connection_errors=False,
                    sys_db_idle_transaction_timeout_sec=IDLE,
                )
            return self._client


def is_of_database(error: Exception) -> bool:
    """Tell whether an error is one of the database, not of what was done with it.

    One of DBOS's own is, too: where a step was written and the answer lost, it writes that as the step's error.
    """
    from dbos import error as errors  # noqa: PLC0415 # of an extra
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415 # of an extra

    return isinstance(error, SQLAlchemyError | errors.DBOSStepNondeterminismError)


_engines: dict[str, Engine] = {}


def engine_of(url: str) -> Engine:
    """Give the engine of a database, one for each in a process.

    Raises:
        MissingExtraError: dbos is not installed.
        ConfigurationError: The URL is of a database that is not known here.
    """
    _need()
    key = read_url(url)[0]
    if key not in _engines:
        _engines[key] = Engine(url)
    return _engines[key]


def _steps(id: str, offset: int, client: DBOSClient) -> list[Any]:  # noqa: A002 # as DBOS names it
    return list(client.list_workflow_steps(id, limit=_STEPS, offset=offset))


def _need() -> None:
    try:
        import_module("dbos")
    except ImportError as error:
        raise MissingExtraError(
            "A DurableAgent needs the package dbos, and it is not installed. "
            'Install it: pip install "agentkit-chat[durable]".'
        ) from error


def _check_sqlite() -> None:
    """See that SQLite knows what DBOS asks it for from Python 3.12 on: the time in parts of a second."""
    if sys.version_info >= (3, 12) and sqlite3.sqlite_version_info < (3, 42):
        raise ConfigurationError(
            f"With Python {sys.version_info[0]}.{sys.version_info[1]} DBOS needs SQLite 3.42, and this Python has "
            f"{sqlite3.sqlite_version}. Use a Python that was built with a newer one, or Python 3.11, or a Postgres: "
            'db="postgresql://...".'
        )


def _be_silent() -> None:
    """Have DBOS print nothing: it adds a handler of its own where its logger has none."""
    logger = logging.getLogger("dbos")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
        logger.setLevel(logging.WARNING)


def _make_file(path: str) -> None:
    try:
        make_private(path)
    except OSError as error:
        raise JournalError(
            f"The database {path!r} cannot be made: {error}. Name a file in a folder that exists and can be written."
        ) from error
    with closing(sqlite3.connect(path)) as db, suppress(sqlite3.Error):  # what is wrong is said by its first use
        ((mark,),) = db.execute("PRAGMA application_id")
        if mark:
            raise ConfigurationError(
                f"The file {path!r} is a database of something else, such as a journal or sessions (application_id "
                f"{mark:#x}). Give another one, such as runs.sqlite."
            )
        set_wal(db)
