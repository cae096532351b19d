"""The chunks of a streamed reply, pure: `ChunkDecoder` is fed what came and knows whether the reply came to its end."""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from typing import Any

from pydantic_core import from_json

from agentkit.errors import InvalidResponseError, StreamCutError
from agentkit.kind import is_object
from agentkit.wire.chunk import ChatCompletionChunk, ChunkChoice, one_chunk
from agentkit.wire.ending import is_broken_off
from agentkit.wire.merge import merge
from agentkit.wire.repair import repair_chunk
from agentkit.wire.sse import DONE, Event, SSEDecoder

__all__ = ["ChunkDecoder", "is_events", "one_chunk"]

_FIELDS = (b"data:", b"event:", b"id:", b"retry:", b"error:", b":")
_LONGEST = max(map(len, _FIELDS))
_NO_MARK = "neither a finish_reason nor [DONE] came"
_CHUNK_EVENTS = ("", "message", "error")  # others (`ping`) are not for us, unless they hold a chunk
_TEXT = rb'("(?:content|reasoning|reasoning_content|refusal|text)"\s*:\s*"%b)'
_HIGH = re.compile(_TEXT % rb'(?:[^"\\]|\\.)*?' + rb'(\\u[dD][89abAB][0-9a-fA-F]{2})(?=")')
_LOW = re.compile(_TEXT % b"" + rb"(\\u[dD][c-fC-F][0-9a-fA-F]{2})")


def is_events(begin: bytes) -> bool | None:
    """Tell by its first bytes whether a body is server-sent events; None where they are too few to tell.

    The content-type does not tell: recorded servers label either body as the other.
    """
    if begin[:1] == b"{":  # nearly all documents
        return False
    begin = begin.removeprefix(BOM_UTF8).lstrip()
    if begin.startswith(_FIELDS):
        return True
    few = len(begin) <= _LONGEST and any(name.startswith(begin) for name in _FIELDS)
    return None if few else False


class ChunkDecoder:
    """Turn network reads into chunks.

    Attributes:
        done: Whether `[DONE]` came after a reply had begun.
        failure: What stood in the place of a chunk; it is raised after the chunks before it were given out.
    """

    __slots__ = ("_begun", "_decoder", "_early", "_ended", "_half", "_reads", "done", "failure")

    def __init__(self) -> None:
        self._decoder = SSEDecoder()
        self._reads: list[bytes] = []
        self._begun: set[int] = set()  # choices
        self._ended: set[int] = set()
        self._early = False
        self._half = b""
        self.done = False
        self.failure: InvalidResponseError | None = None

    def feed(self, read: bytes) -> list[ChatCompletionChunk]:
        """Take what came and give the chunks that it ends."""
        self._reads.append(read)
        try:
            return self._chunks(self._decoder.feed(read))
        except InvalidResponseError as error:
            self.failure = error
            return []

    def end(self) -> list[ChatCompletionChunk]:
        """Give the chunks that only the end of the body ends; half an event there is no fault, but shows the cut."""
        return [] if self.failure is not None else self._chunks(self._decoder.end(), last=True)

    def _chunks(self, events: list[Event], *, last: bool = False) -> list[ChatCompletionChunk]:
        chunks: list[ChatCompletionChunk] = []
        known, parse = ChatCompletionChunk.known, ChatCompletionChunk.parse
        for name, data in events:
            if data[:1] != b"{" and self._is_mark(name, data):
                continue
            try:
                chunk = known(data) or parse(self._with_pairs(data))
                for choice in chunk.choices:
                    if choice.finish_reason or self._ended or choice.index not in self._begun:
                        self._watch(choice, data)
            except InvalidResponseError as error:
                if last and error.error is None:
                    self._ended.clear()
                else:
                    self.failure = error
                break
            if name == "error":  # an error that is not under `error`: some proxies
                self.failure = _named_error(data)
                break
            chunks.append(chunk)
        return chunks

    def _is_mark(self, name: str, data: bytes) -> bool:
        """Take what is no chunk by itself: nothing, the end, or what another kind of event holds."""
        data = data.strip()
        if data in (DONE, b'"[DONE]"'):
            self.done, self._early = self.done or bool(self._begun), not self._begun
            return True
        return not data or name not in _CHUNK_EVENTS

    def _watch(self, choice: ChunkChoice, data: bytes) -> None:
        """Note which choices began, which said why they ended, and which went on after that (Together)."""
        self._begun.add(choice.index)
        if is_broken_off(choice.finish_reason):
            repair_chunk(data)  # raises what it says of the error
        if choice.finish_reason:
            self._ended.add(choice.index)
        elif choice.delta.tool_calls or choice.delta.content:
            self._ended.discard(choice.index)

    def _with_pairs(self, data: bytes) -> bytes:
        """Hold back the first half of a surrogate pair that ends a text, and put it before the second half.

        Servers in JavaScript cut texts between the two, which is no character and would be lost. In arguments both
        stay, as the escapes that they are there.
        """
        if self._half:
            data = _LOW.sub(rb"\g<1>%b\g<2>" % self._half.replace(b"\\", b"\\\\"), data, count=1)
            self._half = b""
        if found := _HIGH.search(data):
            self._half = found[2]
            data = data[: found.start(2)] + data[found.end(2) :]
        return data

    @property
    def finished(self) -> bool:
        """Tell whether chunks said of each choice that came why it ended."""
        return bool(self._ended) and self._ended == self._begun

    @property
    def whole(self) -> bool:
        """Tell whether the reply came to its end; of a reply that was cut off both marks are missing."""
        return self.done or self.finished

    @property
    def lack(self) -> str:
        """Say what a stream that is not whole lacks."""
        return "[DONE] came before anything else" if self._early else _NO_MARK

    def cut(self, reason: str, endpoint: str) -> StreamCutError:
        """Make the error of a stream that ended too soon, with what came until then."""
        again = ChunkDecoder()
        chunks = again.feed(b"".join(self._reads)) + again.end()
        error = StreamCutError(
            f"The stream of {endpoint} was cut off: {reason}. What came is in `error.partial`.", endpoint=endpoint
        )
        error.partial = merge(chunks) if chunks else None
        return error


def _named_error(data: bytes) -> InvalidResponseError:
    text = data[:500].decode("utf-8", "replace")
    error = InvalidResponseError(f"The endpoint sent an event named 'error': {text}.")
    error.body = text
    try:
        found: Any = from_json(data)
    except ValueError:  # read as a chunk all the same, by `repair`
        found = None
    error.error = found if is_object(found) else {"message": text}
    return error
