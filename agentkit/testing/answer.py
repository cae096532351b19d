"""What goes back over a socket: the fake endpoint makes an `Answer`, faults spoil it, `send` writes it.

It knows HTTP/1.1 and JSON, not the contract.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Literal

__all__ = ["EVENT_STREAM", "JSON", "Answer", "Json", "encode", "error_body", "send"]

Json = dict[str, Any]

JSON: Final = "application/json"
EVENT_STREAM: Final = "text/event-stream; charset=utf-8"
_TEXT: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def encode(value: Any) -> bytes:
    """Write JSON as servers do: compact, in UTF-8; half a surrogate pair as its escape."""
    text = _TEXT.encode(value)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def error_body(
    message: str, *, kind: str = "invalid_request_error", param: str | None = None, code: str | None = None
) -> Json:
    """Shape an error as OpenAI does: `{"error": {"message", "type", "param", "code"}}`."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One HTTP answer, as it will be written.

    Attributes:
        status: The HTTP status; 0 writes no head at all.
        headers: Names and values; lengths and transfer coding are added by `send`.
        pieces: The body in parts; chunked, each part is one chunk (of a stream: one event).
        chunked: Chunked transfer coding in place of a Content-Length.
        length: A Content-Length that is not that of the pieces.
        wait: Seconds before the first byte.
        ending: What follows the last piece: the connection stays open, is cut, or falls silent.
        silence: Seconds of silence, after which the connection is cut; a client that leaves ends it.
    """

    status: int = HTTPStatus.OK
    headers: Sequence[tuple[str, str]] = ()
    pieces: Sequence[bytes] = ()
    chunked: bool = False
    length: int | None = None
    wait: float = 0
    ending: Literal["open", "cut", "silent"] = "open"
    silence: float = 0

    @property
    def body(self) -> bytes:
        """The pieces as one."""
        return b"".join(self.pieces)

    @classmethod
    def of_json(cls, value: Any, *, status: int = HTTPStatus.OK, headers: Sequence[tuple[str, str]] = ()) -> Answer:
        """Answer with one JSON document."""
        return cls(status=status, headers=(("Content-Type", JSON), *headers), pieces=(encode(value),))


async def send(
    answer: Answer,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    *,
    pause: float = 0,
    headers: Sequence[tuple[str, str]] = (),
) -> bool:
    """Write an answer, all at once or with a pause before each piece.

    Args:
        answer: What to write.
        reader: The other half of the connection, where a client's leaving shows.
        writer: The half to write on.
        pause: Seconds before each piece; 0 writes head and pieces in one go.
        headers: More headers, after the answer's own.

    Returns:
        Whether the connection can take another request.
    """
    if answer.wait:
        await asyncio.sleep(answer.wait)
    head, parts, end = _framed(answer, headers)
    if pause:
        writer.write(head)
        for part in parts:
            await asyncio.sleep(pause)
            if reader.at_eof() or writer.is_closing():
                return False
            writer.write(part)
            await writer.drain()
        writer.write(end)
    else:
        writer.write(b"".join((head, *parts, end)))
    await writer.drain()
    if answer.ending == "silent":
        await _left(reader, answer.silence)
    return answer.ending == "open"


def _framed(answer: Answer, headers: Sequence[tuple[str, str]]) -> tuple[bytes, Sequence[bytes], bytes]:
    head = _head(answer, headers) if answer.status else b""
    if not answer.chunked:
        return head, answer.pieces, b""
    parts = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in answer.pieces if piece]
    return head, parts, b"0\r\n\r\n" if answer.ending == "open" else b""


def _head(answer: Answer, headers: Sequence[tuple[str, str]]) -> bytes:
    try:
        phrase = HTTPStatus(answer.status).phrase
    except ValueError:  # 529 and the like are used, but in no register
        phrase = "Unknown"
    lines = [
        f"HTTP/1.1 {int(answer.status)} {phrase}",
        *(f"{name}: {value}" for name, value in (*answer.headers, *headers)),
    ]
    if answer.chunked:
        lines.append("Transfer-Encoding: chunked")
    else:
        lines.append(f"Content-Length: {len(answer.body) if answer.length is None else answer.length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


async def _left(reader: asyncio.StreamReader, seconds: float) -> None:
    """Wait until the client closes its side, at most so long."""
    try:
        async with asyncio.timeout(seconds):
            await reader.read(1)
    except TimeoutError:
        return
