"""Where the commands write: styled on a terminal, plain in a pipe or under NO_COLOR; and an event as one line."""

from __future__ import annotations

import os
from typing import Any, TextIO

from rich.console import Console, RenderableType
from rich.text import Text

from agentkit.agent.event import (
    AttemptFailed,
    HandedOff,
    OutputAsked,
    Progress,
    RequestRetried,
    SubRunEvent,
    ToolCallReady,
    ToolResulted,
)
from agentkit.cli.text import call_text, clean, json_text, one_line

__all__ = ["Screen", "event_line"]

_DONE = ("ok", "given")


class Screen:
    """One output stream.

    Attributes:
        terminal: Whether a person reads it.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.terminal = stream.isatty()
        self._midline = False
        self._console = Console(
            file=stream,
            force_terminal=self.terminal and not os.environ.get("NO_COLOR"),
            highlight=False,
            markup=False,
            emoji=False,
            soft_wrap=True,
        )

    def line(self, text: str, style: str = "") -> None:
        """Write a line of its own, clean on a terminal and off it."""
        self.end_line()
        self._console.print(Text(clean(text), style))
        self._stream.flush()

    def show(self, thing: RenderableType) -> None:
        """Write something of rich's, such as a table, made of clean texts."""
        self.end_line()
        self._console.print(thing, soft_wrap=False)
        self._stream.flush()

    def write(self, text: str) -> None:
        """Write a piece of text as it is, without an end of line; on a terminal it is cleaned."""
        if text:
            self._stream.write(clean(text) if self.terminal else text)
            self._stream.flush()
            self._midline = not text.endswith("\n")

    def end_line(self) -> None:
        """End the line that `write` began, if it did."""
        if self._midline:
            self.write("\n")


def event_line(event: Any) -> tuple[str, str] | None:
    """Give an event's line and style; None for one that has none."""
    match event:
        case ToolCallReady():
            return f"-> {call_text(event.name, event.arguments)}", "cyan"
        case ToolResulted():
            done = event.status in _DONE
            how = "" if done else f" {event.status}:"
            return f"<- {one_line(event.name)} {event.seconds:.2f} s:{how} {one_line(event.content)}", (
                "green" if done else "yellow"
            )
        case Progress():
            value = event.value if isinstance(event.value, str) else json_text(event.value)
            return f".. {one_line(event.name)}: {one_line(value)}", "dim"
        case RequestRetried():
            return f".. {one_line(event.error)}; asking again in {event.wait:.1f} s", "yellow"
        case AttemptFailed():
            return f".. no valid output, asking again: {one_line(event.reason)}", "yellow"
        case OutputAsked():
            first = ", once the tools are done" if event.tools_first else ""
            return f".. asking for the output in the mode {event.mode}{first}", "dim"
        case HandedOff():
            return f".. {one_line(event.agent)} goes on", "dim"
        case SubRunEvent():
            return event_line(event.event)
        case _:
            return None
