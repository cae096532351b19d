"""The file of a journal as commands name it: `runs` and `replay` read what is there, `run` writes a run into it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from agentkit.agent import Agent
from agentkit.agent.blocking import SyncStream, block
from agentkit.cli.likeness import close_file, close_to, is_file
from agentkit.durable import Journal, Record, RunSummary, Status
from agentkit.errors import ConfigurationError
from agentkit.state.decision import Decision
from agentkit.state.run import RunState
from agentkit.wire.message import Message

__all__ = ["FileArgument", "Written", "list_runs", "records_of"]

_T = TypeVar("_T")
_MOST = 1000  # runs among whose names those are looked for that are close

FileArgument = Annotated[
    str, typer.Argument(metavar="FILE", help="The journal's file, such as runs.db.", show_default=False)
]


class Written:
    """An agent whose one run is written down: it goes on where it was, or waits for the decisions that it waited for.

    Args:
        agent: The agent.
        journal: Where it is written.
        run_id: What the run is called there.
    """

    def __init__(self, agent: Agent[Any, Any], journal: Journal, run_id: str) -> None:
        self._agent, self._journal, self._run_id = agent, journal, run_id

    def stream_sync(self, prompt: str, /, *, history: tuple[Message, ...]) -> SyncStream[Any]:
        """Begin the run, or let it go on, or give what it ended with."""
        return self._journal.stream_sync(self._agent, prompt, run_id=self._run_id, history=history)

    def resume_stream_sync(self, _state: RunState, /, *, decisions: Mapping[str, Decision]) -> SyncStream[Any]:
        """Go on with decisions; the journal has the state."""
        return self._journal.resume_stream_sync(self._agent, self._run_id, decisions=decisions)


def list_runs(file: str, limit: int, status: Status | None) -> tuple[RunSummary, ...]:
    """Give the runs of a journal, the last one first.

    Raises:
        ConfigurationError: There is no such file, or it is no journal.
    """
    return _read(file, lambda journal: journal.runs(limit=limit, status=status))


def records_of(file: str, run_id: str) -> tuple[Record, ...]:
    """Give the records of a run, or of one below it by its own id, and of those below that.

    Raises:
        ConfigurationError: There is no such file or run.
    """

    async def read(journal: Journal) -> tuple[Record, ...]:
        names = [run.run_id for run in await journal.runs(limit=_MOST)]
        root = run_id.partition("/")[0]
        if root in names or len(names) == _MOST:
            records = await journal.records(root)
            found = tuple(one for one in records if f"{one.run_id}/".startswith(f"{run_id}/"))
            if found:
                return found
            names = list(dict.fromkeys(one.run_id for one in records))
        raise ConfigurationError(
            f"The journal {file!r} has no run {run_id!r}.{close_to(run_id, names)} "
            f"All are listed by `agentkit runs {file}`."
        )

    return _read(file, read)


def _read(file: str, ask: Callable[[Journal], Awaitable[_T]]) -> _T:
    if not is_file(file):
        raise ConfigurationError(f"There is no file {file!r}.{close_file(Path(file))}")
    journal = Journal(file)

    async def asked() -> _T:
        return await ask(journal)

    try:
        return block(asked)
    finally:
        journal.close()
