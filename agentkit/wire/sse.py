"""Server-sent events from raw bytes, pure; the HTTP model feeds network reads and gets payloads.

The rules are those of https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation,
with known deviations: `data:` without a space, which the standard allows, a line `error: {...}` (GPUStack), and JSON
objects on `data:` lines that no blank line parts, of which the standard would make one event.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from typing import NamedTuple

from agentkit.errors import InvalidResponseError

__all__ = ["DONE", "Event", "SSEDecoder"]

DONE = b"[DONE]"
_MOST_BYTES = 16 * 1024 * 1024


class Event(NamedTuple):
    """One event: its name ("" where none was given) and its data."""

    name: str
    data: bytes


class SSEDecoder:
    """Turn network reads into events; holds what has not ended yet.

    An event without a name and without data (`data:` alone keeps a connection alive) is left out.

    Args:
        most_bytes: The longest line, and the longest data of one event, that is accepted; 16 MiB by default.
    """

    __slots__ = ("_data", "_data_bytes", "_held", "_held_bytes", "_most_bytes", "_name", "_started")

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._held: list[bytes] = []  # the reads of a line that has not ended; joined once, when it does
        self._held_bytes = 0
        self._data: list[bytes] = []
        self._data_bytes = 0
        self._name = ""
        self._most_bytes = most_bytes
        self._started = False

    def feed(self, read: bytes) -> list[Event]:
        """Take one network read and give the events that it ends.

        Raises:
            InvalidResponseError: A line or an event is longer than the bound.
        """
        if self._is_one_event(read):
            return [Event("", read[6:-2])]
        if not self._started and (read := self._without_mark(read)) == b"":
            return []
        if self._held and self._held[-1].endswith(b"\r"):  # it was a line's end, perhaps half of a CRLF
            half = self._held.pop()
            self._held_bytes -= len(half)
            read = half + read
        end = max(read.rfind(b"\n"), read.rfind(b"\r", 0, -1)) + 1
        rest = read[end:]
        events: list[Event] = []
        if end:
            ended = read[:end] if rest else read
            if self._held:
                ended = b"".join([*self._held, ended])
                self._held, self._held_bytes = [], 0
            events = self._events(ended.splitlines())
        if rest:
            self._held.append(rest)
            self._held_bytes += len(rest)
            self._bound("line", self._held_bytes)
        return events

    def end(self) -> list[Event]:
        """Give the events that the end of the stream ends, for some servers leave out the last blank line."""
        rest, self._held = b"".join(self._held), []
        return self._events([*rest.splitlines(), b""])

    def _is_one_event(self, read: bytes) -> bool:
        """Tell whether a read is one event with nothing before it: as most servers send each of their chunks."""
        return (
            read[:7] == b"data: {"
            and read[-2:] == b"\n\n"
            and self._started
            and not (self._held or self._data or self._name)
            and read.count(b"\n") == 2
            and b"\r" not in read
            and len(read) <= self._most_bytes
        )

    def _without_mark(self, read: bytes) -> bytes:
        """Take a byte order mark off the head; nothing while it may still be one."""
        read = b"".join([*self._held, read])
        if len(read) < len(BOM_UTF8) and BOM_UTF8.startswith(read):
            self._held = [read]
            return b""
        self._held, self._started = [], True
        return read.removeprefix(BOM_UTF8)

    def _events(self, lines: list[bytes]) -> list[Event]:
        events: list[Event] = []
        for line in lines:
            if not line:
                if self._data:
                    data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
                    self._data, self._data_bytes = [], 0
                    if data or self._name:
                        events.append(Event(self._name, data))
                self._name = ""
            elif line.startswith(b"data:"):
                data = line[6:] if line[5:6] == b" " else line[5:]
                if self._data and self._is_event_before(data):
                    events.append(Event(self._name, self._data.pop()))
                    self._data_bytes = 0
                self._data.append(data)
                self._data_bytes += len(line)
                self._bound("event", self._data_bytes)
            elif line.startswith(b"event:"):
                self._name = line[6:].strip().decode("utf-8", "replace")
            elif line.startswith(b"error:"):
                events.append(Event("error", line[6:].strip()))
        return events

    def _is_event_before(self, data: bytes) -> bool:
        """Tell whether the line that is held is an event of its own: a JSON object before another or the end."""
        held = self._data[0]
        return len(self._data) == 1 and held[:1] == b"{" and held[-1:] == b"}" and (data[:1] == b"{" or data == DONE)

    def _bound(self, what: str, size: int) -> None:
        if size > self._most_bytes:
            raise InvalidResponseError(
                f"A stream's {what} is longer than {self._most_bytes} bytes; the stream was left. "
                "The endpoint does not send server-sent events of the contract."
            )
