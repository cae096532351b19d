"""`agentkit run`: one prompt to one output; text or JSON on stdout, what happens meanwhile on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from agentkit.agent import Agent
from agentkit.agent.event import ReplyReceived, TextDelta
from agentkit.agent.result import Result
from agentkit.cli.approval import ask_decision, waiting_text
from agentkit.cli.choice import Choice, InstructionsOption, ModelOption, ToolsOption, TurnsOption
from agentkit.cli.conversation import Conversation, Speaker
from agentkit.cli.journal import Written
from agentkit.cli.screen import Screen, event_line
from agentkit.cli.text import json_text
from agentkit.durable import Journal
from agentkit.errors import ConfigurationError
from agentkit.state.decision import Decision, PendingCall
from agentkit.state.run import new_run_id
from agentkit.wire.content import text_of

__all__ = ["RunCommand", "Spoken", "read_prompt", "result_json"]

_WAITING = 3  # the exit code of a run that waits for approval


@dataclass(frozen=True)
class RunCommand:
    """What was asked for on the command line; `perform` does it."""

    prompt: Annotated[
        str, typer.Argument(metavar="PROMPT", help="What to say to the model; - reads stdin.", show_default=False)
    ]
    tools: ToolsOption = None
    model: ModelOption = None
    instructions: InstructionsOption = None
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="MODULE:TYPE",
            help="The type of the output, or a .json file of its schema, or int ...; text by default.",
            show_default=False,
        ),
    ] = None
    max_turns: TurnsOption = None
    journal: Annotated[
        str | None,
        typer.Option(
            "--journal",
            metavar="FILE",
            help="Write the run down in a journal, such as runs.db: after a crash the same command goes on.",
            show_default=False,
        ),
    ] = None
    run_id: Annotated[
        str | None,
        typer.Option(
            "--run-id", metavar="ID", help="The run's id in the journal; a new one, unless given.", show_default=False
        ),
    ] = None
    json: Annotated[
        bool,
        typer.Option(
            "--json", help="One JSON document: output, messages, usage, finish_reason, turns, run_id, pending."
        ),
    ] = False
    stream: Annotated[
        bool, typer.Option("--stream", help="Text as it is written; with --json the events, one JSON object a line.")
    ] = False
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show the calls on stderr also where it is no terminal.")
    ] = False

    def perform(self) -> int:
        """Run and give the exit code."""
        prompt = read_prompt(self.prompt)
        agent = Choice(self.model, self.tools, self.instructions, self.output, self.max_turns).agent()
        out, err = Screen(sys.stdout), Screen(sys.stderr)
        spoken = Spoken(out)
        texts = self.stream and not self.json and self.output is None

        def show(event: Any) -> None:
            if self.stream and self.json:
                out.write(f"{json_text(json.loads(event.to_json()))}\n")
            elif texts:
                spoken.hear(event)
            if (err.terminal or self.verbose) and (line := event_line(event)):
                out.end_line()
                err.line(*line)

        def decide(call: PendingCall) -> Decision:
            return ask_decision(call, err, sys.stdin)

        asks = err.terminal and sys.stdin.isatty()
        with self._speaker(agent, err) as speaker:
            result = Conversation(speaker, show, decide if asks else None).say(prompt)
        if self.json and not self.stream:
            out.write(json_text(result_json(result), indent=2 if out.terminal else None) + "\n")
        elif not self.json and not result.pending:
            _print_output(result.output, out, spoken if texts else None)
        out.end_line()
        if result.pending:
            known = None if self.journal is None else result.run_id
            err.line(f"error: {waiting_text(result.pending, known, submitted=False)}")
            return _WAITING
        return 0

    @contextmanager
    def _speaker(self, agent: Agent[Any, Any], err: Screen) -> Generator[Speaker]:
        """Give what the prompt is said to: the agent, or the agent in a journal, which is closed afterwards.

        Raises:
            ConfigurationError: There is an id and no journal, or the file cannot be one.
        """
        if self.journal is None:
            if self.run_id is not None:
                raise ConfigurationError("--run-id names a run of a journal. Name its file, too: --journal runs.db.")
            yield agent
            return
        with closing(Journal(self.journal)) as journal:
            run_id = new_run_id() if self.run_id is None else self.run_id
            if self.run_id is None:
                err.line(f"The run is {run_id}: with --run-id {run_id} the same command goes on.")
            yield Written(agent, journal, run_id)


class Spoken:
    """The text of replies, written as it comes; a reply that came in one piece is written whole."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._heard = False
        self.last = ""

    def hear(self, event: Any) -> None:
        """Write what an event brings of the replies' text."""
        if isinstance(event, TextDelta):
            self._heard = True
            self._screen.write(event.text)
        elif isinstance(event, ReplyReceived):
            self.last = text_of(event.message.content)
            if not self._heard:
                self._screen.write(self.last)
            self._heard = False
            self._screen.end_line()


def result_json(result: Result[Any]) -> dict[str, Any]:
    """Give a result as one JSON document; one that waits holds the state to resume from, too."""
    document: dict[str, Any] = {
        "output": None if result.pending else result.output,
        "messages": [message.to_dict() for message in result.messages],
        "usage": result.usage.to_dict(),
        "finish_reason": result.finish_reason,
        "turns": result.turns,
        "run_id": result.run_id,
        "pending": [json.loads(call.to_json()) for call in result.pending],
    }
    if result.pending:
        document["state"] = json.loads(result.state.to_json())
    return document


def _print_output(output: Any, out: Screen, spoken: Spoken | None) -> None:
    if spoken is not None and spoken.last == output:
        return
    out.write(output if isinstance(output, str) else json_text(output, indent=2 if out.terminal else None))


def read_prompt(prompt: str, command: str = "run") -> str:
    """Give the prompt, from stdin where it is `-`.

    Raises:
        ConfigurationError: It is empty or not UTF-8.
    """
    if prompt == "-":
        try:
            prompt = sys.stdin.buffer.read().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ConfigurationError(
                f"The prompt on stdin is not UTF-8 (byte {error.start + 1}). Convert it first."
            ) from error
    if not prompt.strip():
        raise ConfigurationError(
            f"The prompt is empty. Write it in quotes behind `{command}`, or - to read it from stdin."
        )
    return prompt
