"""DBOS in this process: what takes workflows out of queues, and what a workflow does that is carried out here.

The worker starts and stops it, the book of a run writes steps. What a run is, is not known here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from agentkit.durable.engine import APPLICATION, NAME, TEXTS, VERSION, Engine, is_of_database
from agentkit.errors import ConfigurationError
from agentkit.secret import scrub

if TYPE_CHECKING:
    from dbos import DBOSConfig

__all__ = ["Perform", "begin", "end", "go_on_after", "listen", "step", "tell"]

_log = logging.getLogger("agentkit.durable")

Perform = Callable[[str, str], Awaitable[str]]
"""Carries out a workflow: gets its id and its text, gives its outcome."""

_PICKUP = 0.1  # seconds between two looks for notifications
_AGAIN = 1.0  # seconds until a step is written again
_MOST_ATTEMPTS = 100  # workers that may be lost by one workflow, as DBOS has it by default


class _Door:
    """By which DBOS, of which a process has one, comes to what carries out its workflows."""

    engine: Engine | None = None
    perform: Perform | None = None
    known = False  # to DBOS, which keeps what was registered
    ends = False  # whoever still writes does not wait for a database that is away

    @staticmethod
    async def carry_out(text: str) -> str:
        from dbos import DBOS  # noqa: PLC0415 # of an extra

        perform, workflow = _Door.perform, DBOS.workflow_id
        assert perform is not None
        assert workflow is not None
        return await perform(workflow, text)


def begin(engine: Engine, executor: str, queues: list[str], perform: Perform) -> None:
    """Begin to carry out workflows in this process, on an event loop of a thread of DBOS's own.

    Args:
        engine: The database.
        executor: What this process is called in it; no other one may be, nor have been.
        queues: Whose workflows.
        perform: Does it.

    Raises:
        ConfigurationError: This process carries out those of another database.
    """
    from dbos import DBOS  # noqa: PLC0415 # of an extra

    if _Door.engine is not None:
        raise ConfigurationError(
            f"This process already is a worker of the database {_Door.engine.place!r}, and cannot be one of "
            f"{engine.place!r} too. Start another process, or stop that worker first."
        )
    engine.open()
    _Door.engine, _Door.perform, _Door.ends = engine, perform, False
    DBOS(config=_config(engine, executor))
    if not _Door.known:
        DBOS.workflow(name=NAME, max_recovery_attempts=_MOST_ATTEMPTS)(_Door.carry_out)
        _Door.known = True
        _take_in_turn()
    DBOS.listen_queues(queues)
    try:
        with ThreadPoolExecutor(1) as aside:  # DBOS would take over an event loop that runs in the thread that asks
            aside.submit(DBOS.launch).result()
        _wait_for_no_server()
    except BaseException:
        end()
        raise


def _wait_for_no_server() -> None:
    """Have DBOS raise where a server is away, as `step` waits itself.

    DBOS would wait in threads that nothing can stop, for longer and longer, up to 90 s after the server is back.
    """
    from dbos._dbos import _get_dbos_instance as instance_of  # noqa: PLC0415 # pyright: ignore[reportPrivateUsage] # pinned version

    setattr(instance_of()._sys_db, "_retry_connection_errors", False)  # noqa: B010, SLF001 # pyright: ignore[reportPrivateUsage] # as DBOSClient offers it


def _take_in_turn() -> None:
    """Have workers on one file of SQLite take from a queue one after another.

    Python's sqlite3 begins a transaction where the first row is written, so what DBOS counts before, to keep to the
    limits of a queue, was no longer true when it took: two workers took more.
    """
    from dbos._sys_db_sqlite import SQLiteSystemDatabase  # noqa: PLC0415 # of an extra; pinned version

    @contextmanager
    def begin(database: Any, _: object) -> Generator[Any]:
        with database.engine.connect() as connection, connection.begin():
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection

    setattr(SQLiteSystemDatabase, "_begin", begin)  # noqa: B010 # asked by what takes alone


def _config(engine: Engine, executor: str) -> DBOSConfig:
    from dbos import DBOSPortableJSONSerializer  # noqa: PLC0415 # of an extra

    return {
        "name": APPLICATION,
        "system_database_url": engine.url,
        "application_version": VERSION,
        "executor_id": executor,
        "serializer": DBOSPortableJSONSerializer(),
        "log_level": "WARNING",
        "enable_otlp": False,
        "notification_listener_polling_interval_sec": _PICKUP,
    }


def end() -> None:
    """Stop to take workflows; those that run are cancelled, and stay as they are in the database."""
    from dbos import DBOS  # noqa: PLC0415 # of an extra

    _Door.ends = True
    DBOS.destroy()
    _Door.engine = _Door.perform = None


def listen(queue: str) -> None:
    """Take workflows out of a further queue, too, where this process carries them out already."""
    from dbos._dbos import _get_dbos_instance as instance_of  # noqa: PLC0415 # pyright: ignore[reportPrivateUsage] # pinned version

    instance = instance_of()
    queues = instance._listening_queues  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] # read anew each second
    if queues is not None and queue not in queues:
        queues.append(queue)


async def step(name: str, body: Callable[[], Awaitable[str]], *, long: bool = False) -> str:
    """Carry out a part of the workflow that runs here, and write its text.

    A body that raises leaves nothing, and its step counts as not begun. Where the database is away, this waits for it,
    or for the process to end. What was done is written then; where that is not known, it is so twice.

    Args:
        name: What it is called in DBOS's lists.
        body: Does it, and gives the text.
        long: Whether it is stopped where the workflow is cancelled meanwhile.
    """
    from dbos import DBOS  # noqa: PLC0415 # of an extra

    done: list[str] = []
    failed: list[Exception] = []
    told = False

    async def carry_out() -> str:
        if not done:
            try:
                done.append(await body())
            except Exception as error:  # noqa: BLE001 # raised below: DBOS would write it as the step's outcome
                failed.append(error)
                done.append("")
        return done[0]

    while True:
        try:
            text = await DBOS.run_step_async({"name": name, "preemptible": long}, carry_out)
        except Exception as error:
            if not is_of_database(error) or _Door.ends:
                raise
            level = logging.DEBUG if told else logging.WARNING  # once for each step, however long it is away
            _log.log(level, "A step could not be written, and is tried again: %s", scrub(f"{error}".partition("\n")[0]))
            told = True
            await asyncio.sleep(_AGAIN)
            continue
        if failed:
            raise failed[0]
        return text


def go_on_after(number: int) -> None:
    """Give the next step of the workflow that runs here the number after this one, whatever was written before.

    So the steps that are on record need not be gone through again, and what was cut off leaves a gap.
    """
    from dbos._context import assert_current_dbos_context  # noqa: PLC0415 # of an extra; pinned version

    assert_current_dbos_context().function_id = number


async def tell(text: str) -> None:
    """Write a text into the stream of the workflow whose step runs here."""
    from dbos import DBOS  # noqa: PLC0415 # of an extra

    await DBOS.write_stream_async(TEXTS, text)
