"""Content codings undone, pure and bounded: `Inflater`, which the transport feeds what came over the network."""

from __future__ import annotations

import zlib

from agentkit.errors import InvalidResponseError

__all__ = ["ACCEPTED", "MOST_BODY", "Inflater"]

ACCEPTED = "gzip, deflate"
MOST_BODY = 64 * 1024 * 1024
_MEMBER = b"\x1f\x8b"  # how a member of gzip begins; a body may have several (RFC 1952, 2.2)
_EITHER = 32 + zlib.MAX_WBITS  # reads the head of gzip or zlib
_BARE = -zlib.MAX_WBITS  # some servers' "deflate" has no zlib head (RFC 9110, 8.4.1.2)


class Inflater:
    """Undo the coding of one body; bodies without one pass as they are.

    Args:
        coding: The `Content-Encoding` header.
        most: The most bytes the body may have, 64 MiB by default.

    Raises:
        InvalidResponseError: The coding was not asked for.
    """

    __slots__ = ("_between", "_engine", "_head", "_left", "_most")

    def __init__(self, coding: str | None, most: int = MOST_BODY) -> None:
        parts = coding.lower().split(",") if coding else ()
        names = [name for part in parts if (name := part.strip()) not in ("", "identity")]
        if names and (len(names) > 1 or names[0] not in ("gzip", "x-gzip", "deflate")):
            raise InvalidResponseError(
                f"The answer has content-encoding {coding!r}; asked for was {ACCEPTED!r}. Look for a proxy on the way."
            )
        self._engine = zlib.decompressobj(_EITHER) if names else None
        self._most = self._left = most
        self._between = b""  # what came of a next member's head
        self._head = b"" if names == ["deflate"] else None  # until it is certain which deflate it is

    def feed(self, read: bytes) -> bytes:
        """Take what came and give what it stands for.

        Raises:
            InvalidResponseError: The body grows beyond the bound, or is not of its coding.
        """
        data = read if self._engine is None else self._inflate(read)
        self._left -= len(data)
        if self._left < 0:
            raise InvalidResponseError(
                f"The answer is larger than {self._most} bytes; it was left. No reply of the contract is so large."
            )
        return data

    def _inflate(self, read: bytes) -> bytes:
        assert self._engine is not None
        made: list[bytes] = []
        room = self._left + 1
        while read and room > 0:
            if self._engine.eof:
                read = self._between + read
                self._between = read if len(read) < len(_MEMBER) else b""
                if not read.startswith(_MEMBER):  # the first byte of one, or padding, which gzip leaves out too
                    break
                self._engine = zlib.decompressobj(_EITHER)
            made.append(self._decompress(read, room))
            room -= len(made[-1])
            read = self._engine.unused_data
        return b"".join(made)

    def _decompress(self, read: bytes, room: int) -> bytes:
        assert self._engine is not None
        try:
            data = self._engine.decompress(read, room)
        except zlib.error:
            if self._head is None:
                text = "The answer is damaged: it is not of the content-encoding that it names."
                raise InvalidResponseError(text) from None
            begin, self._head, self._engine = self._head + read, None, zlib.decompressobj(_BARE)
            return self._decompress(begin, room)
        if self._head is not None:
            self._head = None if data else self._head + read
        return data
