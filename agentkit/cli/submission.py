"""`agentkit submit`, `status`, `result`, `cancel`: runs that workers carry out, from the shell."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from agentkit.agent.blocking import block
from agentkit.cli.approval import waiting_text
from agentkit.cli.likeness import close_file, is_file
from agentkit.cli.run import read_prompt
from agentkit.cli.screen import Screen
from agentkit.cli.text import json_text
from agentkit.cli.worker import DbOption, QueueOption, load_durable
from agentkit.durable.archive import Archive
from agentkit.durable.engine import Engine, engine_of
from agentkit.durable.standing import error_of, output_of, status_of
from agentkit.durable.watch import wait_for
from agentkit.errors import ConfigurationError

__all__ = [
    "WAITING",
    "CancelCommand",
    "ModelOption",
    "ResultCommand",
    "RunArgument",
    "StatusCommand",
    "SubmitCommand",
    "archive_of",
]

WAITING = 3  # the exit code of a run that waits for a decision

ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="PROVIDER:MODEL",
        help="The model in the place of the agent's own, such as openai:gpt-4o-mini; the worker has its key.",
        show_default=False,
    ),
]
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="The run's id.", show_default=False)]


@dataclass(frozen=True)
class SubmitCommand:
    """What was asked for on the command line; `perform` does it."""

    agent: Annotated[
        str, typer.Argument(metavar="MODULE:AGENT", help="The agent, as for `agentkit worker`.", show_default=False)
    ]
    prompt: Annotated[
        str, typer.Argument(metavar="PROMPT", help="What to say to the model; - reads stdin.", show_default=False)
    ]
    db: DbOption = None
    queue: QueueOption = None
    run: Annotated[
        str | None, typer.Option("--run", metavar="ID", help="The run's id; a new one by default.", show_default=False)
    ] = None
    model: ModelOption = None

    def perform(self) -> int:
        """Submit, write the run's id, and give the exit code."""
        prompt = read_prompt(self.prompt, "submit")
        durable = load_durable(self.agent, self.db, self.queue)
        Screen(sys.stdout).line(block(lambda: durable.submit(prompt, run_id=self.run, model=self.model)))
        return 0


@dataclass(frozen=True)
class StatusCommand:
    """What was asked for on the command line; `perform` does it."""

    run: RunArgument
    db: DbOption = None
    json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False

    def perform(self) -> int:
        """Write how the run stands, and give the exit code."""
        _, archive = _opened(self.db)
        status = status_of(archive.last(self.run))
        out = Screen(sys.stdout)
        if self.json:
            out.write(json_text(asdict(status)) + "\n")
        else:
            when = datetime.fromtimestamp(status.changed, UTC)
            told = f": {status.error}" if status.error else f" at {status.worker}" if status.worker else ""
            out.line(f"{status.standing}{told}, since {when:%Y-%m-%d %H:%M:%S} UTC")
        return 0


@dataclass(frozen=True)
class ResultCommand:
    """What was asked for on the command line; `perform` does it."""

    run: RunArgument
    db: DbOption = None

    def perform(self) -> int:
        """Wait for the run, write its output, and give the exit code."""
        engine, archive = _opened(self.db)
        last = archive.last(self.run)
        block(lambda: wait_for(engine, last.id))
        last = archive.last(self.run)
        past = archive.past(last)
        if past is None or last.status != "SUCCESS":
            raise error_of(last, past)
        if last.outcome == "paused":
            Screen(sys.stderr).line(f"error: {waiting_text(past.state.held, self.run)}")
            return WAITING
        Screen(sys.stdout).write(f"{output_of(past)}\n")
        return 0


@dataclass(frozen=True)
class CancelCommand:
    """What was asked for on the command line; `perform` does it."""

    run: RunArgument
    db: DbOption = None

    def perform(self) -> int:
        """Cancel the run, and give the exit code."""
        _, archive = _opened(self.db)
        archive.cancel(self.run)
        return 0


def archive_of(engine: Engine) -> Archive:
    """Give what a database has of runs that were submitted; none is made by asking.

    Raises:
        ConfigurationError: There is no such file.
    """
    if not engine.is_postgres and not is_file(engine.place):
        raise ConfigurationError(
            f"There is no database {engine.place!r}.{close_file(Path(engine.place))} Name the one that the run was "
            "submitted to, by --db or AGENTKIT_DB."
        )
    return Archive(engine, "")


def _opened(db: str | None) -> tuple[Engine, Archive]:
    engine = engine_of(db or os.environ.get("AGENTKIT_DB") or "agentkit.db")
    return engine, archive_of(engine)
