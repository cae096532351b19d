"""`agentkit replay`: a recorded run against today's agent, without network and without a tool."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import typer

from agentkit.agent import Agent
from agentkit.agent.blocking import block
from agentkit.cli.journal import FileArgument, records_of
from agentkit.cli.reference import load_agent, load_recorded, load_value
from agentkit.cli.screen import Screen
from agentkit.cli.text import json_text
from agentkit.durable import Record
from agentkit.durable.replay import Replay, replay
from agentkit.errors import AgentkitError, ConfigurationError

__all__ = ["ReplayCommand"]

_DIVERGED = 1  # the exit code


@dataclass(frozen=True)
class ReplayCommand:
    """What was asked for on the command line; `perform` does it."""

    file: FileArgument
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="The run's id, or that of one below it.", show_default=False)
    ]
    agent: Annotated[
        str | None,
        typer.Argument(
            metavar="MODULE:AGENT",
            help="The agent as it is today: module:agent or path/to/file.py:agent, or a function that makes it. "
            "Where the journal says where it stands, that is imported without this.",
            show_default=False,
        ),
    ] = None
    deps: Annotated[
        str | None,
        typer.Option(
            "--deps", metavar="MODULE:NAME", help="What functions of the context get as deps.", show_default=False
        ),
    ] = None
    json: Annotated[bool, typer.Option("--json", help="One JSON document; the texts that differ are whole.")] = False

    def perform(self) -> int:
        """Compare and give the exit code."""
        out = Screen(sys.stdout)
        records = records_of(self.file, self.run)
        agent = self._recorded(records[0]) if self.agent is None else load_agent(self.agent)
        deps = None if self.deps is None else load_value(self.deps, "deps")
        found = block(lambda: replay(records, agent, deps=deps))
        if self.json:
            out.write(json_text(_plain(found), indent=2 if out.terminal else None) + "\n")
        else:
            out.line(found.text, "green" if found.divergence is None else "yellow")
        return 0 if found.divergence is None else _DIVERGED

    def _recorded(self, begin: Record) -> Agent[Any, Any]:
        """Import the agent from where the run's first record says that it stood.

        Raises:
            ConfigurationError: It says nothing, or there is no agent any more.
        """
        advice = f"Name the agent of today: agentkit replay {self.file} {self.run} module:agent."
        source = begin.content.get("source")
        if not isinstance(source, str):
            raise ConfigurationError(
                f"The journal does not say where the agent of run {self.run!r} stands: it was no module's, or the run "
                f"is of an earlier release. {advice}"
            )
        try:
            return load_recorded(source)
        except AgentkitError as error:
            raise ConfigurationError(
                f"The journal says that the agent of run {self.run!r} is {source!r:.200}, and that gives none. "
                f"{error} {advice}"
            ) from error


def _plain(found: Replay) -> dict[str, Any]:
    plain = asdict(found)
    return {"run_id": plain.pop("run_id"), "same": found.divergence is None, **plain}
