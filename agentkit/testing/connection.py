"""One HTTP/1.1 request read from a socket: `Recorded`, which the fake endpoint answers and tests look at."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

__all__ = ["Recorded", "receive"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One request as it came.

    Attributes:
        method: `POST`, ...
        path: The path without query (and without host, where the client spoke to us as to a proxy).
        headers: By name in small letters; a repeated header has its last value.
        body: The decoded JSON; None where the body is none.
        raw: The body's bytes.
        at: `time.monotonic()` when the whole request was in.
        keep_alive: Whether the client will send more on this connection.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: Any
    raw: bytes
    at: float
    keep_alive: bool


async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Recorded | None:
    """Read the next request; None where the client is done.

    Args:
        reader: The connection.
        writer: Its other half, for `100 Continue`.

    Raises:
        ValueError: What came is not HTTP/1.1.
    """
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").rstrip().split("\r\n")
    method, target, version = first.split(" ")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    if headers.get("transfer-encoding", "").lower() == "chunked":
        raw = await _chunked(reader)
    else:
        raw = await reader.readexactly(int(headers.get("content-length", 0)))
    return Recorded(
        method=method,
        path=urlsplit(target).path,
        headers=headers,
        body=_decoded(raw),
        raw=raw,
        at=time.monotonic(),
        keep_alive=version == "HTTP/1.1" and headers.get("connection", "").lower() != "close",
    )


async def _chunked(reader: asyncio.StreamReader) -> bytes:
    parts: list[bytes] = []
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        parts.append(await reader.readexactly(size))
        await reader.readexactly(2)
    await reader.readuntil(b"\r\n")
    return b"".join(parts)


def _decoded(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return None
