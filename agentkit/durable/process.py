"""DBOS in this process: what takes workflows out of queues, and what a workflow does that is carried out here.

The worker starts and stops it, the book of a run writes steps. What a run is, is not known here.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

from agentkit.durable.engine import APPLICATION, BELOW, IDLE, NAME, TEXTS, VERSION, Engine, is_of_database
from agentkit.errors import ConfigurationError, JournalError
from agentkit.secret import scrub

if TYPE_CHECKING:
    from dbos import DBOSConfig

__all__ = ["Perform", "begin", "below", "end", "go_on_after", "listen", "step", "tell"]

_log = logging.getLogger("agentkit.durable")

_T = TypeVar("_T")

Perform = Callable[[str, str], Awaitable[str]]
"""Carries out a workflow: gets its id and its text, gives its outcome."""

_WAITING = """SELECT 1 FROM workflow_status WHERE queue_name = ? AND status = 'ENQUEUED'
    AND status IN ('ENQUEUED', 'PENDING') LIMIT 1"""  # the second one is that of DBOS's index, which is taken for it
_PICKUP = 0.1  # seconds between two looks for notifications
_AGAIN = 1.0  # seconds until a step is written again
_MOST_ATTEMPTS = 100  # workers that may be lost by one workflow, as DBOS has it by default


_body: ContextVar[Callable[[], Awaitable[str]]] = ContextVar("agentkit_below")
"""Carries out the workflow that is about to begin below the one that runs here."""


class _EndedError(Exception):
    """How a workflow below ended, as DBOS keeps it."""


class _Door:
    """By which DBOS, of which a process has one, comes to what carries out its workflows."""

    engine: Engine | None = None
    perform: Perform | None = None
    below: Callable[[str], Awaitable[str]]  # as DBOS knows it
    known = False  # to DBOS, which keeps what was registered
    ends = threading.Event()  # whoever still writes does not wait for a database that is away

    @staticmethod
    async def carry_out(text: str) -> str:
        from dbos import DBOS  # noqa: PLC0415 # of an extra

        perform, workflow = _Door.perform, DBOS.workflow_id
        assert perform is not None
        assert workflow is not None
        return await perform(workflow, text)

    @staticmethod
    async def carry_out_below(text: str) -> str:  # noqa: ARG004 # for DBOS's lists
        return await _body.get()()


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
    _Door.engine, _Door.perform = engine, perform
    _Door.ends.clear()
    DBOS(config=_config(engine, executor))
    if not _Door.known:
        DBOS.workflow(name=NAME, max_recovery_attempts=_MOST_ATTEMPTS)(_Door.carry_out)
        _Door.below = DBOS.workflow(name=BELOW)(_Door.carry_out_below)
        _Door.known = True
        _take_in_turn()
    DBOS.listen_queues(queues)
    try:
        with ThreadPoolExecutor(1) as aside:  # DBOS would take over an event loop that runs in the thread that asks
            aside.submit(DBOS.launch).result()
        _wait_here_alone()
    except BaseException:
        end()
        raise


def _wait_here_alone() -> None:
    """Have DBOS raise where a server is away, as `step` waits itself, and write how a workflow ended until it could.

    DBOS would wait in threads that nothing can stop, for longer and longer, up to 90 s after the server is back. And it
    would take a connection that broke at the end of a workflow for the error of that one.
    """
    from dbos._dbos import _get_dbos_instance as instance_of  # noqa: PLC0415 # pyright: ignore[reportPrivateUsage] # pinned version

    database: Any = instance_of()._sys_db  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] # pinned version
    database._retry_connection_errors = False  # noqa: SLF001 # as DBOSClient offers it
    write = database.update_workflow_outcome

    def update_workflow_outcome(*outcome: Any, **options: Any) -> bool:
        while True:
            try:
                return bool(write(*outcome, **options))
            except Exception as error:
                if not is_of_database(error):
                    raise
                if _Door.ends.wait(_AGAIN):
                    raise asyncio.CancelledError from error  # any other error would be written as the workflow's

    database.update_workflow_outcome = update_workflow_outcome


def _take_in_turn() -> None:
    """Have workers on one file of SQLite take from a queue one after another, and only where there is something in it.

    Python's sqlite3 begins a transaction where the first row is written, so what DBOS counts before, to keep to the
    limits of a queue, was no longer true when it took: two workers took more. To look at a queue, ten times a second,
    takes no lock: a worker that is frozen with nothing to do would now and then hold the file.
    """
    from dbos._sys_db_sqlite import SQLiteSystemDatabase  # noqa: PLC0415 # of an extra; pinned version

    @contextmanager
    def begin(database: Any, _: object) -> Generator[Any]:
        with database.engine.connect() as connection, connection.begin():
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection

    def scopes(database: Any, queue: str) -> list[None]:
        with database.engine.connect() as connection:
            return [None] if connection.exec_driver_sql(_WAITING, (queue,)).first() else []

    setattr(SQLiteSystemDatabase, "_begin", begin)  # noqa: B010 # asked by what takes alone
    setattr(SQLiteSystemDatabase, "dequeue_scopes", scopes)  # noqa: B010 # before it


def _config(engine: Engine, executor: str) -> DBOSConfig:
    from dbos import DBOSPortableJSONSerializer  # noqa: PLC0415 # of an extra

    return {
        "name": APPLICATION,
        "system_database_url": engine.url,
        "sys_db_idle_transaction_timeout_sec": IDLE,
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

    _Door.ends.set()
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

    async def carry_out() -> str:
        if not done:
            try:
                done.append(await body())
            except Exception as error:  # noqa: BLE001 # raised below: DBOS would write it as the step's outcome
                failed.append(error)
                done.append("")
        return done[0]

    text = await _patiently("A step", lambda: DBOS.run_step_async({"name": name, "preemptible": long}, carry_out))
    if failed:
        raise failed[0]
    return text


async def below(text: str, body: Callable[[], Awaitable[str]]) -> None:
    """Carry out a part of the workflow that runs here as a workflow below it: the steps of its body are its own.

    It begins in one transaction with the step above that says so: whoever lost the workflow above begins none below.
    What its body raises is raised as it is. Its outcome is for DBOS's lists, where it stays open if that cannot be
    written.

    Args:
        text: What it is given, for DBOS's lists.
        body: Does it, and gives the outcome.

    Raises:
        JournalError: It was cancelled, or is another worker's. What the workflow above may do shows its own next step.
    """
    ended: list[BaseException | None] = []

    async def begin() -> None:
        try:
            await _begin_below(text, lambda: _noted(text, body, ended))
        except Exception as error:
            if not ended:
                raise
            _log.debug("How the run %s ended is not in DBOS's lists: %s", text, error)

    await _patiently("The run of an agent", begin)
    if ended[0] is not None:
        raise ended[0]


async def _noted(text: str, body: Callable[[], Awaitable[str]], ended: list[BaseException | None]) -> str:
    """Carry out what a workflow below does, and note how it ended, whatever DBOS makes of that."""
    from dbos import DBOS, error  # noqa: PLC0415 # of an extra

    try:
        outcome = await body()
    except (error.DBOSWorkflowCancelledError, error.DBOSWorkflowConflictIDError):
        lost = JournalError(
            f"The run {text!r} of an agent that a call began is the workflow {DBOS.workflow_id!r}, which was "
            "cancelled, or is another worker's. The run above ends with it. What is on record stays: `resume` goes on "
            "from there."
        )
        ended.append(lost)
        raise _EndedError(str(lost)) from None
    except BaseException as raised:  # noqa: BLE001 # raised where it began, once DBOS has a text of it
        ended.append(raised)
        raise _EndedError(scrub(f"{type(raised).__name__}: {raised}").removesuffix(": ")) from None
    ended.append(None)
    return outcome


async def _begin_below(text: str, body: Callable[[], Awaitable[str]]) -> None:
    from dbos import SetWorkflowID  # noqa: PLC0415 # of an extra
    from dbos._context import assert_current_dbos_context  # noqa: PLC0415 # of an extra; pinned version

    above = assert_current_dbos_context()
    _body.set(body)
    with SetWorkflowID(f"{above.workflow_id}/agent-{above.function_id + 1}"):  # no other one: its step is its name
        await _Door.below(text)


async def _patiently(what: str, write: Callable[[], Awaitable[_T]]) -> _T:
    """Write, again and again while the database is away and the process does not end."""
    told = False
    while True:
        try:
            return await write()
        except Exception as error:
            if not is_of_database(error) or _Door.ends.is_set():
                raise
            level = logging.DEBUG if told else logging.WARNING  # once for each, however long it is away
            _log.log(
                level, "%s could not be written, and is tried again: %s", what, scrub(f"{error}".partition("\n")[0])
            )
            told = True
            await asyncio.sleep(_AGAIN)


def go_on_after(number: int) -> None:
    """Give the next step of the workflow that runs here the number after this one, whatever was written before.

    So the steps that are on record need not be gone through again, and what was cut off leaves a gap.
    """
    from dbos._context import assert_current_dbos_context  # noqa: PLC0415 # of an extra; pinned version

    assert_current_dbos_context().function_id = number


async def tell(text: str) -> None:
    """Write a text into the stream of the workflow whose step runs here, as soon as the database is there."""
    from dbos import DBOS  # noqa: PLC0415 # of an extra

    await _patiently("An event", lambda: DBOS.write_stream_async(TEXTS, text))
