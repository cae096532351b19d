"""A run's events read as partial values of its output, or as the finished elements of it; both streams use it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from agentkit.agent.event import AttemptFailed, Event, ReplyReceived, TextDelta, ToolCallDelta, ToolCallStarted
from agentkit.output import ElementReader, PartialReader
from agentkit.wire.content import text_of

__all__ = ["Growth"]


class Growth:
    """Feeds a reader with what of a reply may be the output: its text, or the arguments of the output's tool.

    Args:
        reader: What reads it.
        output_tool: The name of the output's tool, in the mode "tool".
    """

    def __init__(self, reader: PartialReader | ElementReader, output_tool: str | None) -> None:
        self._reader = reader
        self._tool = output_tool
        self._index: int | None = None
        self._fed = self._over = False

    def take(self, events: Iterable[Event]) -> list[Any]:
        """Take the events that came together; give what is new after them, and where a reply ends among them."""
        values: list[Any] = []
        for event in events:
            if isinstance(event, TextDelta):
                if self._tool is None:
                    self._feed(event.text)
            elif isinstance(event, ToolCallStarted):
                if event.name == self._tool and self._index is None:
                    self._index = event.index
            elif isinstance(event, ToolCallDelta):
                if event.index == self._index:
                    self._feed(event.arguments)
            elif isinstance(event, ReplyReceived):
                values += self._end(event)
            elif isinstance(event, AttemptFailed):
                self._over = True
        return values + ([] if self._over else self._reader.read())

    def _feed(self, text: str) -> None:
        if self._over:
            self._reader.restart()
            self._over = False
        self._reader.feed(text)
        self._fed = True

    def _end(self, event: ReplyReceived) -> list[Any]:
        """Read a reply to its end; one that did not come in pieces is read now."""
        if not self._fed:
            calls = (call.function for call in event.message.tool_calls)
            given = next((call.arguments for call in calls if call.name == self._tool), "")
            if whole := given if self._tool else text_of(event.message.content):
                self._feed(whole)
        values = self._reader.read(ended=True) if self._fed else []
        self._fed, self._over, self._index = False, True, None
        return values
