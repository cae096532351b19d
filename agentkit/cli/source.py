"""Where the inputs of `agentkit extract` come from: lines, rows, files, a folder, a pipe; read as they are needed.

What cannot be read is an input with a fault, so that one bad line does not end the work on the others.
"""

from __future__ import annotations

import asyncio
import csv
import os
import stat
import sys
import threading
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import suppress
from pathlib import Path

from agentkit.agent.prompt import Prompt
from agentkit.cli.likeness import close_file
from agentkit.cli.record import Item, line_item, text_item
from agentkit.errors import ConfigurationError
from agentkit.media import MOST_FILE
from agentkit.wire.mime import media_type_of

__all__ = ["Source"]

_CHUNK = 65536  # bytes read at once
_LINES = (".jsonl", ".ndjson")
_TABLES = {".csv": ",", ".tsv": "\t"}  # by their delimiters
_MEDIA = ("image/", "audio/", "application/pdf")  # how the media types begin that a prompt takes as parts


class Source:
    """Inputs in their order; iterate it once, with `async for`.

    Args:
        name: `-` for stdin, a folder, or a file: `.jsonl` has a JSON text or object on each line, `.csv` and `.tsv` a
            header and rows, any other is one input. A pipe is read as stdin is, where lines may be plain text too.
        field: Where the text of an object or a row is; dots reach into objects.
        own: Files that are no inputs, though they may lie in the folder.

    Attributes:
        name: The name for people.

    Raises:
        ConfigurationError: There is no such file, or it cannot be read.
    """

    def __init__(self, name: str, field: str, own: Collection[Path] = ()) -> None:
        self._path, self._field = Path(name), field
        self._own = {path.resolve() for path in own}
        self._is_stdin = self._is_stream = name == "-"
        self.name = "stdin" if self._is_stdin else name
        if self._is_stdin:
            return
        try:
            kind = self._path.stat().st_mode
        except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
            raise _no_input(self._path) from error
        self._is_stream = not (stat.S_ISREG(kind) or stat.S_ISDIR(kind))
        if not os.access(self._path, os.R_OK):
            raise ConfigurationError(f"{self.name!r} cannot be read: the rights to it are missing.")
        if stat.S_ISREG(kind) and self._path.resolve() in self._own:
            raise ConfigurationError(f"{self.name!r} is read, and written to as well. Name another file with --out.")

    async def __aiter__(self) -> AsyncIterator[Item]:
        if self._is_stream or self._path.suffix.lower() in _LINES:
            async for item in self._lines():
                yield item
            return
        for item in self._items():
            yield item

    def _items(self) -> Iterator[Item]:
        if self._path.is_dir():
            return self._folder(self._path)
        if (delimiter := _TABLES.get(self._path.suffix.lower())) is not None:
            return self._rows(delimiter)
        return iter([_file(self._path, self._path.name)])

    async def _lines(self) -> AsyncIterator[Item]:
        plain = False if not self._is_stream else None
        number = 0
        async for line in _split(self._chunks()):
            number += 1
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")  # noqa: PLW2901 # the mark that some editors write first
            if not line.strip():
                continue
            if plain is None:
                plain = not line.lstrip().startswith((b"{", b'"'))
            yield line_item(line, number, self.name, None if plain else self._field)

    async def _chunks(self) -> AsyncIterator[bytes]:
        if self._is_stdin:
            async for chunk in _read(sys.stdin.fileno()):
                yield chunk
            return
        with self._path.open("rb", buffering=0) as file:
            async for chunk in _read(file.fileno()):
                yield chunk

    def _rows(self, delimiter: str) -> Iterator[Item]:
        csv.field_size_limit(2**31 - 1)  # a cell may hold a long document; more is refused where a C long has 32 bits
        with self._path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            rows = csv.DictReader(file, delimiter=delimiter, restkey="")
            if self._field not in (names := rows.fieldnames or [self._field]):
                raise _no_column(self.name, self._field, names)
            for row in rows:
                cells = [cell for cell in row.values() if isinstance(cell, str)]
                line = rows.line_num - sum(cell.count("\n") for cell in cells)  # where the row begins
                place, text = f"{self.name}, line {line}", row[self._field]
                yield text_item(row.get("id") or line, place, text or "", f"column {self._field!r}")

    def _folder(self, folder: Path) -> Iterator[Item]:
        try:
            paths = sorted(folder.iterdir())
        except OSError as error:
            yield Item(self._id(folder), str(folder), fault=f"The folder cannot be read: {error.strerror}.")
            return
        for path in paths:
            if path.name.startswith(".") or path.resolve() in self._own:
                continue
            if path.is_dir():
                if not path.is_symlink():  # which may lead round in a circle
                    yield from self._folder(path)
            else:
                yield _file(path, self._id(path))

    def _id(self, path: Path) -> str:
        return path.relative_to(self._path).as_posix()


def _file(path: Path, name: str) -> Item:
    place = str(path)
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            return Item(name, place, fault="It is no file but a pipe, socket or device.")
        if found.st_size > MOST_FILE:
            return Item(name, place, fault=f"It has {found.st_size:,} bytes, and the limit is {MOST_FILE:,}.")
        data = path.read_bytes()
    except OSError as error:
        return Item(name, place, fault=f"It cannot be read: {error.strerror}.")
    if (kind := media_type_of(data)) is not None:
        if not kind.startswith(_MEDIA):
            return Item(name, place, fault=f"It is {kind}: neither text nor an image, PDF or audio. Convert it first.")
        prompt: Prompt = [path]  # read again when its turn comes, so that what waits is small
        return Item(name, place, prompt)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        text, bad = "", error.start
    else:
        bad = data.find(b"\0")
    if bad >= 0:
        fault = f"It is neither UTF-8 text (byte {bad + 1}) nor an image, PDF or audio. Convert it first."
        return Item(name, place, fault=fault)
    return text_item(name, place, text, "file")


async def _split(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    held = list[bytes]()  # the pieces of a line that has not ended
    async for chunk in chunks:
        first, *others = chunk.split(b"\n")
        held.append(first)
        for piece in others:
            yield b"".join(held)
            held = [piece]
    if last := b"".join(held):
        yield last


async def _read(descriptor: int) -> AsyncIterator[bytes]:
    """Read what is there, each time in a thread that may wait for ever without holding up the end of the program."""
    loop = asyncio.get_running_loop()
    while True:
        got = loop.create_future()
        threading.Thread(target=_read_once, args=(descriptor, loop, got), daemon=True).start()
        chunk = await got
        if not chunk:
            return
        yield chunk


def _read_once(descriptor: int, loop: asyncio.AbstractEventLoop, got: asyncio.Future[bytes]) -> None:
    def give(chunk: bytes, error: OSError | None) -> None:
        if got.done():  # nobody waits any more
            return
        if error is None:
            got.set_result(chunk)
        else:
            got.set_exception(error)

    chunk, failed = b"", None
    try:
        chunk = os.read(descriptor, _CHUNK)
    except OSError as error:
        failed = error
    with suppress(RuntimeError):  # the loop has ended
        loop.call_soon_threadsafe(give, chunk, failed)


def _no_input(path: Path) -> ConfigurationError:
    return ConfigurationError(
        f"There is no input {str(path)!r}.{close_file(path)} Name a file, a folder, or - for stdin."
    )


def _no_column(name: str, field: str, names: Collection[str]) -> ConfigurationError:
    return ConfigurationError(
        f"{name!r} has no column {field!r}. Its columns are {', '.join(names)}: say which holds the text, --field NAME."
    )
