"""A file that keeps the outcomes of a map, so that the next call of it does only what is missing.

The pool writes each outcome before it is given out; SQLite's calls take microseconds and are made on the event loop.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from agentkit.errors import ConfigurationError, StoreMismatchError
from agentkit.many.outcome import Outcome
from agentkit.secret import scrub
from agentkit.sqlite import make_private
from agentkit.wire.response import Usage
from agentkit.wire.value import well_formed

__all__ = ["Key", "MapStore", "forget_store"]

Key = tuple[bytes, int]
"""A digest of an input's content, and which of the inputs with that content it is, from 0."""

_ID = 0x61676B6D  # "agkm", SQLite's application_id of a file that is ours
_VERSION = 1
_REASON = 1000  # characters of a failure's text that are kept
_SHOWN = 120  # characters of what differs between two agents
_BEFORE = 20
_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE agent (part TEXT PRIMARY KEY, said TEXT NOT NULL);
CREATE TABLE outcome (
    digest BLOB NOT NULL, occurrence INTEGER NOT NULL, output TEXT, error TEXT, reason TEXT, model TEXT NOT NULL,
    usage TEXT NOT NULL, cost REAL, seconds REAL NOT NULL, attempts INTEGER NOT NULL, at REAL NOT NULL,
    UNIQUE (digest, occurrence));
PRAGMA application_id = {_ID};
PRAGMA user_version = {_VERSION};
COMMIT;
"""
_COUNTS = "CREATE TEMP TABLE seen (digest BLOB PRIMARY KEY, times INTEGER NOT NULL) WITHOUT ROWID"
_COUNT = "INSERT INTO seen VALUES (?, 0) ON CONFLICT DO UPDATE SET times = times + 1 RETURNING times"
_GET = """SELECT output, model, usage, cost, seconds, attempts FROM outcome
WHERE digest = ? AND occurrence = ? AND error IS NULL"""
_NOTHING_DONE = "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM outcome WHERE error IS NULL)"
_PUT = "INSERT OR REPLACE INTO outcome VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


class MapStore:
    """The open file of one map; no other process, and no other map, can open it meanwhile.

    It is made with the rights 0600. Of the inputs it holds digests only; outputs and the reasons of failures are in it
    as they are.

    Args:
        path: The file; its folder must exist.
        identity: What is asked for, part by part, in words.
        fresh: Whether what it holds is forgotten.

    Raises:
        ConfigurationError: Another map has it open, it is no such file or a damaged one, or one of a later release.
        StoreMismatchError: Its outcomes are those of an agent that asked for something else.
    """

    def __init__(self, path: str | os.PathLike[str], identity: Mapping[str, str], *, fresh: bool = False) -> None:
        self.path = Path(path)
        try:
            self._db = _opened(self.path)
        except (OSError, ValueError, sqlite3.Error) as error:  # ValueError: a zero byte in the name
            raise self._refused(error) from error
        try:
            self._prepare({part: well_formed(said) for part, said in identity.items()}, fresh=fresh)
        except sqlite3.Error as error:
            self.close()
            raise self._refused(error) from error
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file; again is no error."""
        with suppress(sqlite3.Error):  # everything is committed; what cannot be tidied now is at the next opening
            self._db.close()

    def key(self, message: bytes) -> Key:
        """Give the key of the next input with that content."""
        digest = hashlib.blake2b(message, digest_size=20).digest()
        return digest, self._act(_COUNT, (digest,)).fetchone()[0]

    def get(self, key: Key) -> Outcome[str] | None:
        """Give what is kept of an input that was done, its output as text; None of one that is missing or failed.

        Raises:
            ConfigurationError: The file is damaged.
        """
        found = self._act(_GET, key).fetchone()
        if found is None:
            return None
        output, model, usage, cost, seconds, attempts = found
        return Outcome(
            index=-1,
            input=None,
            usage=Usage.model_validate_json(usage),
            cost=cost,
            seconds=seconds,
            attempts=attempts,
            model=model,
            restored=True,
            _output=output,
        )

    def put(self, key: Key, outcome: Outcome[Any], output: str | None) -> None:
        """Keep an outcome, in the place of one that failed before; it is on disk when this returns.

        Raises:
            ConfigurationError: The file cannot be written.
        """
        error = outcome.error
        reason = None if error is None else well_formed(scrub(str(error)))[:_REASON]
        name = None if error is None else type(error).__name__
        usage = outcome.usage.encoded.decode()
        told = (outcome.model, usage, outcome.cost, outcome.seconds, outcome.attempts, time.time())
        self._act(_PUT, (*key, output, name, reason, *told))

    def _act(self, statement: str, values: tuple[Any, ...]) -> sqlite3.Cursor:
        try:
            return self._db.execute(statement, values)
        except sqlite3.Error as error:
            raise self._refused(error) from error

    def _prepare(self, identity: dict[str, str], *, fresh: bool) -> None:
        """Look at what the file is before anything of it is changed."""
        db = self._db
        (ours,), (version,) = (db.execute(f"PRAGMA {name}").fetchone() for name in ("application_id", "user_version"))
        (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables and ours != _ID:
            raise ConfigurationError(
                f"The store {str(self.path)!r} is a database of something else, and was left as it is. "
                "Name a new file, or one that a map made."
            )
        if version > _VERSION:
            raise ConfigurationError(
                f"The store {str(self.path)!r} has version {version}; this agentkit reads version {_VERSION}. "
                "Go on with the release that made it, or name a new file."
            )
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")  # of WAL: a power cut may lose the last outcomes, nothing else
        db.execute("PRAGMA temp_store = FILE")  # what counts a million inputs need not be in memory
        db.execute("PRAGMA temp.journal_mode = OFF")
        if not tables:
            db.executescript(_SCHEMA)
        db.execute("BEGIN IMMEDIATE")  # the lock of a writer; EXCLUSIVE mode keeps it until the file is closed
        kept = dict(db.execute("SELECT part, said FROM agent"))
        if fresh or (kept != identity and db.execute(_NOTHING_DONE).fetchone()):
            db.execute("DELETE FROM outcome")
            db.execute("DELETE FROM agent")
            kept = {}
        if not kept:
            db.executemany("INSERT INTO agent VALUES (?, ?)", identity.items())
        db.execute("COMMIT")
        if kept and kept != identity:
            raise StoreMismatchError(_differences(str(self.path), kept, identity))
        db.execute(_COUNTS)

    def _refused(self, error: Exception) -> ConfigurationError:
        name = str(self.path)
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return ConfigurationError(
                f"The store {name!r} is open in another map, of this process or another. "
                "Wait until that one ends, or name a file of its own for each."
            )
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return ConfigurationError(
                f"The store {name!r} is no SQLite file, or a damaged one: {error}. "
                "Name a new file; what this one holds may be had by `sqlite3 FILE .recover`."
            )
        return ConfigurationError(
            f"The store {name!r} cannot be used: {error}. Name a file in a folder that exists and can be written, "
            "on a local disk that has room."
        )


def forget_store(path: str | os.PathLike[str]) -> None:
    """Empty the store of a map, so that the next one does everything again, of whatever agent.

    Raises:
        ConfigurationError: A map has it open, or it is no store.
    """
    MapStore(path, {}, fresh=True).close()


def _opened(path: Path) -> sqlite3.Connection:
    real = os.path.realpath(path)
    make_private(real)
    db = sqlite3.connect(real, timeout=0, isolation_level=None)
    db.execute("PRAGMA locking_mode = EXCLUSIVE")
    return db


def _differences(path: str, kept: Mapping[str, str], now: Mapping[str, str]) -> str:
    told = "; ".join(
        f"{part}: then {then}, now {said}"
        for part in sorted({*kept, *now})
        if kept.get(part) != now.get(part)
        for then, said in [_apart(kept.get(part, ""), now.get(part, ""))]
    )
    return (
        f"The store {path!r} holds outcomes of an agent that asked for something else. {told}. "
        "Name a new file for this agent, or delete that one to do everything again."
    )


def _apart(*said: str) -> list[str]:
    """Show two texts from a little before where they begin to differ."""
    same = next((i for i, (one, other) in enumerate(zip(*said, strict=False)) if one != other), min(map(len, said)))
    begin = max(0, same - _BEFORE)
    shown = [repr(("..." if begin else "") + text[begin : begin + _SHOWN]) for text in said]
    return [one if text else "nothing" for one, text in zip(shown, said, strict=True)]
