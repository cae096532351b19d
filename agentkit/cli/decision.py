"""`agentkit decide` and `agentkit resume`: what waits for a person, or has failed, goes on at a worker."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from json import loads
from typing import Annotated, Any

import typer
from pydantic_core import from_json

from agentkit.agent.blocking import block
from agentkit.cli.approval import waiting_text, wanted_of
from agentkit.cli.likeness import close_to
from agentkit.cli.screen import Screen
from agentkit.cli.submission import WAITING, ModelOption, RunArgument, archive_of
from agentkit.cli.text import call_text, json_text, one_line
from agentkit.cli.worker import DbOption, QueueOption, load_durable
from agentkit.durable.agent import DurableAgent
from agentkit.durable.standing import owned
from agentkit.errors import ConfigurationError, RunError
from agentkit.state.decision import Approve, Deny, Give, PendingCall

__all__ = ["DecideCommand", "ResumeCommand"]

AgentArgument = Annotated[
    str, typer.Argument(metavar="MODULE:AGENT", help="The agent, as for `agentkit worker`.", show_default=False)
]


@dataclass(frozen=True)
class DecideCommand:
    """What was asked for on the command line; `perform` does it."""

    agent: AgentArgument
    run: RunArgument
    call: Annotated[
        str | None,
        typer.Argument(
            metavar="CALL", help="The call's id; without it those that wait are listed.", show_default=False
        ),
    ] = None
    db: DbOption = None
    queue: QueueOption = None
    approve: Annotated[bool, typer.Option("--approve", help="Run the call; one in doubt runs again.")] = False
    approve_all: Annotated[
        bool, typer.Option("--approve-all", help="Run every call that waits for approval; none that is in doubt.")
    ] = False
    deny: Annotated[
        str | None,
        typer.Option("--deny", metavar="REASON", help="Do not run it; the model is told why.", show_default=False),
    ] = None
    give: Annotated[
        str | None,
        typer.Option("--give", metavar="JSON", help="Do not run it; this is its result.", show_default=False),
    ] = None
    json: Annotated[bool, typer.Option("--json", help="List as one JSON document.")] = False

    def perform(self) -> int:
        """List what waits or decide, and give the exit code."""
        self._check()
        durable = load_durable(self.agent, self.db, self.queue)
        owned(archive_of(durable.engine).last(self.run), durable.name)
        waiting = block(partial(_waiting, durable, self.run))
        out, err = Screen(sys.stdout), Screen(sys.stderr)
        if self.call is None and not self.approve_all:
            if self.json:
                out.write(json_text([loads(call.to_json()) for call in waiting]) + "\n")
            else:
                _list(waiting, "waits for {}", out)
                err.line(
                    f"Decide: agentkit decide {self.agent} {self.run} CALL --approve, --deny REASON or --give JSON"
                )
            return WAITING
        decided = self._plain(waiting) if self.call is None else [self._named(waiting, self.call)]
        decisions = [self._decision(call) for call in decided]
        block(lambda: durable.decide(self.run, decisions))
        _list(decided, "approved" if self._approves else "given" if self.deny is None else "denied", out)
        _list([call for call in waiting if call not in decided], "still waits for {}", err)
        return 0

    @property
    def _approves(self) -> bool:
        return self.approve or self.approve_all

    def _check(self) -> None:
        """See that the options are one decision, or none where no call is named.

        Raises:
            ConfigurationError: They are not.
        """
        given = {"--approve": self.approve, "--approve-all": self.approve_all}
        given |= {"--deny": self.deny is not None, "--give": self.give is not None}
        names = [name for name, one in given.items() if one]
        if len(names) > 1:
            raise ConfigurationError(f"{' and '.join(names)} are several decisions. Give one of them.")
        if names and self.json:
            raise ConfigurationError(f"--json lists the calls that wait, and {names[0]} decides. Give one of them.")
        if self.approve_all and self.call is not None:
            raise ConfigurationError(f"--approve-all is on every call, and {self.call!r} is one. Write --approve.")
        if names and self.call is None and not self.approve_all:
            raise ConfigurationError(
                f"{names[0]} is on one call, and none is named. Write its id behind the run's; without an option those "
                "that wait are listed."
            )
        if self.call is not None and not names:
            raise ConfigurationError(
                f"Nothing is said of the call {self.call!r}. Write --approve, --deny REASON or --give JSON."
            )

    def _named(self, waiting: Sequence[PendingCall], wanted: str) -> PendingCall:
        found = next((call for call in waiting if call.id == wanted), None)
        if found is None:
            names = [call.id for call in waiting]
            raise ConfigurationError(
                f"The run {self.run!r} has no call {wanted!r} that waits.{close_to(wanted, names)} "
                f"Waiting: {', '.join(names)}."
            )
        return found

    def _plain(self, waiting: Sequence[PendingCall]) -> list[PendingCall]:
        plain = [call for call in waiting if not call.external and not call.unknown]
        if not plain:
            raise ConfigurationError(
                f"None of the calls of the run {self.run!r} waits for approval alone: "
                f"{', '.join(f'{call.id} for {wanted_of(call)}' for call in waiting)}. Decide on each by its id."
            )
        return plain

    def _decision(self, call: PendingCall) -> Approve | Deny | Give:
        if self._approves:
            return call.approve()
        if self.deny is not None:
            return call.deny(self.deny) if self.deny else call.deny()
        try:
            result: Any = from_json(str(self.give), allow_inf_nan=False)
        except ValueError as error:
            raise ConfigurationError(
                f"--give {self.give!r} is no JSON: {error}. A text has quotes of its own: --give '\"done\"'."
            ) from error
        return call.give(result)


@dataclass(frozen=True)
class ResumeCommand:
    """What was asked for on the command line; `perform` does it."""

    agent: AgentArgument
    run: RunArgument
    db: DbOption = None
    queue: QueueOption = None
    model: ModelOption = None

    def perform(self) -> int:
        """Let the run go on, and give the exit code; one that waits needs a decision."""
        durable = load_durable(self.agent, self.db, self.queue)
        owned(archive_of(durable.engine).last(self.run), durable.name)
        if block(lambda: durable.status(self.run)).standing == "paused":
            waiting = block(partial(_waiting, durable, self.run))
            Screen(sys.stderr).line(f"error: {waiting_text(waiting, self.run)}")
            return WAITING
        block(lambda: durable.resume(self.run, model=self.model))
        return 0


async def _waiting(durable: DurableAgent[Any, Any], run_id: str) -> Sequence[PendingCall]:
    status = await durable.status(run_id)
    if status.standing != "paused":
        again = " `agentkit resume` goes on with it." if status.standing in ("failed", "cancelled") else ""
        raise RunError(f"The run {run_id!r} is {status.standing}, so none of its calls waits for a decision.{again}")
    return (await durable.result(run_id)).pending


def _list(calls: Sequence[PendingCall], what: str, screen: Screen) -> None:
    for call in calls:
        said = what.format(wanted_of(call))
        known = f" ({one_line(call.unknown)})" if call.unknown and "{}" in what else ""
        screen.line(f"{one_line(call.id)} {call_text(call.name, call.arguments)}: {said}{known}")
