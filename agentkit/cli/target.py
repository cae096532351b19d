"""Where the outputs of `agentkit extract` go: a file that is whole when it appears, with failures beside; or stdout."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from agentkit.cli.screen import Screen
from agentkit.cli.text import json_text, one_line
from agentkit.errors import ConfigurationError
from agentkit.secret import scrub

__all__ = ["FileTarget", "StreamTarget", "Target"]


class FileTarget:
    """Lines in a file.

    They are written to `NAME.part` until the end, so that whoever reads the file never sees half of it. A file is
    opened when its first line comes; by then the store beside it is locked.

    Args:
        path: The file of the outputs.

    Attributes:
        store: Where the map keeps what is finished, for the same command another time.

    Raises:
        ConfigurationError: It is a folder, or its folder is not there.
    """

    def __init__(self, path: Path) -> None:
        if path.is_dir():
            raise ConfigurationError(f"{str(path)!r} is a folder. Name a file, such as --out {path / 'out.jsonl'}.")
        if path.exists() and not path.is_file():
            raise ConfigurationError(f"{str(path)!r} is no file but a pipe or device. Write --out - for stdout.")
        if not path.parent.is_dir():
            raise ConfigurationError(f"There is no folder {str(path.parent)!r} for the outputs. Make it first.")
        self._out = _Lines(path)
        self._failed = _Lines(path.with_name(f"{path.stem}.failed{path.suffix}"))
        self.store = path.with_name(f"{path.name}.sqlite")

    @property
    def own(self) -> list[Path]:
        """Every file that is written."""
        beside = [self.store.with_name(f"{self.store.name}{end}") for end in ("", "-wal", "-shm", "-journal")]
        return [self._out.path, self._out.part, self._failed.path, self._failed.part, *beside]

    def done(self, own: Any, output: Any) -> None:
        """Write an output."""
        self._out.write({"id": own, "output": output})

    def failed(self, own: Any, place: str, error: str, reason: str) -> None:
        """Write a failure."""
        self._failed.write({"id": own, "error": error, "reason": scrub(reason), "place": place})

    def end(self, *, whole: bool) -> str:
        """Put the files in their places and say which they are.

        Where the work broke off, an earlier file that has more lines stays as it is.
        """
        if not whole and (earlier := _count(self._out.path)) > self._out.count:
            self._out.drop()
            self._failed.drop()
            return f"{self._out.path} stays as it was: its {earlier:,} lines are more than these {self._out.count:,}"
        self._out.place(empty=True)
        self._failed.place(empty=False)
        beside = f", {self._failed.path} the failures with their reasons" if self._failed.count else ""
        first = "" if whole else f"first {self._out.count:,} "
        return f"{self._out.path} has the {first}outputs{beside}"

    def drop(self) -> None:
        """Leave everything as it was."""
        self._out.drop()
        self._failed.drop()


class StreamTarget:
    """Lines on stdout as they come, failures on stderr; nothing is kept for another time."""

    store = None
    own = ()

    def __init__(self, out: TextIO, err: Screen) -> None:
        self._out, self._err = out, err

    def done(self, own: Any, output: Any) -> None:
        """Write an output."""
        self._out.write(f"{json_text({'id': own, 'output': output})}\n")
        self._out.flush()

    def failed(self, own: Any, place: str, error: str, reason: str) -> None:
        """Write a failure; its place says what its id would."""
        del own
        self._err.line(f"{one_line(place, None)}: {error}: {one_line(scrub(reason))}", "yellow")

    def end(self, *, whole: bool) -> str:
        """Say where it went."""
        return "stdout has the outputs" if whole else "stdout has the first outputs"

    def drop(self) -> None:
        """Nothing is left to take away."""


Target = FileTarget | StreamTarget


class _Lines:
    """A file of JSON lines in the making.

    Attributes:
        path: Where it will be.
        part: Where it is until then.
        count: Its lines so far.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.part = path, path.with_name(f"{path.name}.part")
        self.count = 0
        self._file: TextIO | None = None

    def write(self, value: Any) -> None:
        """Add a line."""
        with self._told():
            self._open().write(f"{json_text(value)}\n")
        self.count += 1

    def place(self, *, empty: bool) -> None:
        """Put it where it will be; without a line, an empty file, or none."""
        with self._told():
            if self.count or empty:
                self._open().close()
                self.part.replace(self.path)
            else:
                self.path.unlink(missing_ok=True)
        self._file = None

    def drop(self) -> None:
        """Take what was made away."""
        if self._file is not None:
            with self._told():
                self._file.close()
                self.part.unlink(missing_ok=True)
            self._file = None

    def _open(self) -> TextIO:
        if self._file is None:
            self._file = self.part.open("w", encoding="utf-8", newline="\n")
        return self._file

    @contextmanager
    def _told(self) -> Generator[None]:
        try:
            yield
        except OSError as error:
            raise ConfigurationError(f"{self.path} cannot be written: {error.strerror}.") from error


def _count(path: Path) -> int:
    try:
        with path.open("rb") as lines:
            return sum(1 for _ in lines)
    except OSError:
        return 0
