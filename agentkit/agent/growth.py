"""A run's events read as partial values of its output, or as the finished elements of it; both streams use it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

from agentkit.agent.event import (
    AttemptFailed,
    Event,
    OutputAsked,
    OutputReady,
    ReplyReceived,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    UsageReported,
)
from agentkit.output import ElementReader, PartialReader
from agentkit.wire.content import text_of

__all__ = ["Growth", "begins", "ends"]

_PIECES = frozenset((TextDelta, ToolCallStarted, ToolCallDelta))
_ENDS = frozenset((ReplyReceived, AttemptFailed, OutputAsked))


class Growth:
    """Feeds a reader with what of a reply may be the output: its text, or the arguments of the output's tool.

    Args:
        reader: What reads it.
        output_tool: The name of the output's tool, in the mode "tool".
        tools_first: Whether replies are in free words until the output is asked for. One of these, or one beside the
            output's tool, that was the output after all is read when that is known.
        missed: Whether another loop took pieces of the reply that is on; it is read at its end then.

    Attributes:
        values: What was read and waits to be given out, so that a loop that is left loses none.
    """

    def __init__(
        self,
        reader: PartialReader | ElementReader,
        output_tool: str | None = None,
        *,
        tools_first: bool = False,
        missed: bool = False,
    ) -> None:
        self.values: deque[Any] = deque()
        self._reader = reader
        self._tool = output_tool
        self._tools_first = tools_first
        self._words = ""  # the last reply that was not asked for as the output, and may be it
        self._index: int | None = None
        self._fed = self._over = False
        self._missed = missed

    def take(self, events: Iterable[Event]) -> list[Any]:
        """Take the events that came together; give what is new after them, and where a reply ends among them."""
        values: list[Any] = []
        for event in events:
            if isinstance(event, TextDelta):
                if self._tool is None and not self._tools_first:
                    self._feed(event.text)
            elif isinstance(event, ToolCallStarted):
                if event.name == self._tool and self._index is None:
                    self._index = event.index
            elif isinstance(event, ToolCallDelta):
                if event.index == self._index:
                    self._feed(event.arguments)
            elif isinstance(event, OutputReady):
                values += self._take_words()
            elif isinstance(event, ReplyReceived) and not self._tools_first:
                values += self._end(event)
                self._words = self._free(event)
            else:
                self._pass(event)
        return values + ([] if self._over else self._reader.read())

    def miss(self, event: Event) -> None:
        """Let an event pass that another loop took."""
        if begins(event):
            self._missed = True
        else:
            self._pass(event)

    def _pass(self, event: Event) -> None:
        """Take from an event that gives no values what the next ones need."""
        if isinstance(event, OutputAsked):
            self._tool, self._tools_first = event.tool, event.tools_first
        if ends(event):
            self._close()
            self._words = self._free(event) if isinstance(event, ReplyReceived) else ""

    def _free(self, event: ReplyReceived) -> str:
        is_free = (self._tools_first or self._tool is not None) and not event.message.tool_calls
        return text_of(event.message.content) if is_free else ""

    def _take_words(self) -> list[Any]:
        words, self._words = self._words, ""
        if not words:
            return []
        self._feed(words)
        values = self._reader.read(ended=True)
        self._close()
        return values

    def _feed(self, text: str) -> None:
        if self._missed:
            return
        if self._over:
            self._reader.restart()
            self._over = False
        self._reader.feed(text)
        self._fed = True

    def _end(self, event: ReplyReceived) -> list[Any]:
        """Read a reply to its end; one that did not come in pieces, or of which some were missed, is read now."""
        if self._missed:
            self._fed, self._missed, self._over = False, False, True
        if not self._fed:
            calls = (call.function for call in event.message.tool_calls)
            given = next((call.arguments for call in calls if call.name == self._tool), "")
            if whole := given if self._tool else text_of(event.message.content):
                self._feed(whole)
        values = self._reader.read(ended=True) if self._fed else []
        self._close()
        return values

    def _close(self) -> None:
        self._fed, self._missed, self._over, self._index = False, False, True, None


def begins(event: Event) -> bool:
    """Tell whether an event is a piece of a reply."""
    return type(event) in _PIECES


def ends(event: Event) -> bool:
    """Tell whether the pieces before an event are over: the reply is whole, no output, or was cut."""
    return type(event) in _ENDS or (isinstance(event, UsageReported) and event.estimated)
