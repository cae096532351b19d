"""`agentkit chat`: a conversation on the terminal, with streamed text, calls shown, and a few commands."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentkit.agent.event import AttemptFailed
from agentkit.cli.approval import ask_decision
from agentkit.cli.choice import Choice, InstructionsOption, ModelOption, ToolsOption, TurnsOption
from agentkit.cli.conversation import Conversation
from agentkit.cli.fault import error_line
from agentkit.cli.run import Spoken
from agentkit.cli.screen import Screen, event_line
from agentkit.cli.text import json_text
from agentkit.errors import AgentkitError
from agentkit.state.decision import Decision, Deny, PendingCall

with contextlib.suppress(ImportError):  # Windows has none
    importlib.import_module("readline")  # its presence gives `input` line editing and history

__all__ = ["ChatCommand"]

_HELP = """\
/help       this list
/reset      forget the conversation
/save FILE  write its messages as JSON
/quit       leave, as Ctrl-D does
Ctrl-C cancels the answer. Anything else is said to the model."""

_NOBODY = Deny("Nobody was there to approve this call.")


@dataclass(frozen=True)
class ChatCommand:
    """What was asked for on the command line; `perform` does it."""

    tools: ToolsOption = None
    model: ModelOption = None
    instructions: InstructionsOption = None
    max_turns: TurnsOption = None

    def perform(self) -> int:
        """Talk until the user leaves and give the exit code."""
        agent = Choice(self.model, self.tools, self.instructions, None, self.max_turns).agent()
        return _Chat(agent).go_on()


class _Chat:
    def __init__(self, agent: Any) -> None:
        self._out, self._err = Screen(sys.stdout), Screen(sys.stderr)
        self._spoken = Spoken(self._out)
        self._asks = sys.stdin.isatty() and self._out.terminal
        self._conversation = Conversation(agent, self._show, self._decide)

    def go_on(self) -> int:
        if self._asks:
            self._err.line("Say something, or /help. Ctrl-C cancels an answer, Ctrl-D leaves.", "dim")
        while (line := self._read()) is not None:
            words = line.strip()
            if words == "/quit":
                break
            if words.startswith("/"):
                self._obey(*words.partition(" ")[::2])
            elif words:
                self._say(words)
        return 0

    def _read(self) -> str | None:
        """Read a line; None at the end. Ctrl-C at the prompt drops what was typed."""
        while True:
            try:
                return input("> " if self._asks else "")
            except EOFError:
                self._out.write("\n" if self._asks else "")
                return None
            except KeyboardInterrupt:
                self._out.write("\n")

    def _say(self, prompt: str) -> None:
        try:
            self._conversation.say(prompt)
        except KeyboardInterrupt:
            self._err.line("(cancelled)", "dim")
        except AgentkitError as error:
            self._err.line(error_line(error), "red")
        self._out.end_line()

    def _show(self, event: Any) -> None:
        self._spoken.hear(event)
        line = event_line(event)
        if line and (self._err.terminal or isinstance(event, AttemptFailed)):
            self._out.end_line()
            self._err.line(*line)

    def _decide(self, call: PendingCall) -> Decision:
        return ask_decision(call, self._err, sys.stdin) if self._asks else _NOBODY

    def _obey(self, command: str, rest: str) -> None:
        match command, rest.strip():
            case "/help", _:
                self._out.line(_HELP)
            case "/reset", _:
                self._conversation.messages = ()
                self._err.line("(forgotten)", "dim")
            case "/save", "":
                self._err.line("error: /save needs the name of a file.", "red")
            case "/save", name:
                self._save(Path(name).expanduser())
            case _:
                self._err.line(f"error: There is no command {command}. /help lists them.", "red")

    def _save(self, path: Path) -> None:
        messages = [message.to_dict() for message in self._conversation.messages]
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)  # for the user's eyes only
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(json_text(messages, indent=2) + "\n")
        except OSError as error:
            self._err.line(f"error: {path} cannot be written: {error.strerror}.", "red")
        else:
            self._err.line(f"(saved {len(messages)} messages to {path})", "dim")
