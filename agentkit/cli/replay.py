"""`agentkit replay`: a recorded run against today's agent, without network and without a tool."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import typer

from agentkit.agent.blocking import block
from agentkit.cli.journal import FileArgument, records_of
from agentkit.cli.reference import load_agent, load_value
from agentkit.cli.screen import Screen
from agentkit.cli.text import json_text
from agentkit.durable.replay import Replay, replay

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
        str,
        typer.Argument(
            metavar="MODULE:AGENT",
            help="The agent as it is today: module:agent or path/to/file.py:agent, or a function that makes it.",
            show_default=False,
        ),
    ]
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
        agent = load_agent(self.agent)
        deps = None if self.deps is None else load_value(self.deps, "deps")
        found = block(lambda: replay(records, agent, deps=deps))
        if self.json:
            out.write(json_text(_plain(found), indent=2 if out.terminal else None) + "\n")
        else:
            out.line(found.text, "green" if found.divergence is None else "yellow")
        return 0 if found.divergence is None else _DIVERGED


def _plain(found: Replay) -> dict[str, Any]:
    plain = asdict(found)
    return {"run_id": plain.pop("run_id"), "same": found.divergence is None, **plain}
