"""`recording` puts a `Cassette` at the transport, which keeps what endpoints answer, and answers in their place later.

It knows the transport's taps and nothing of agents, so it serves every model that speaks HTTP, wherever it was built.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, Literal, Self, cast, get_args

from agentkit.errors import AgentkitError, APIConnectionError, APITimeoutError, ConfigurationError, RecordingError
from agentkit.http.transport import Outgoing, Reply, taps
from agentkit.testing.difference import difference, nearest
from agentkit.testing.track import Sent, Track, load, save

__all__ = ["Cassette", "Mode", "recording"]

Mode = Literal["replay", "record", "off"]

_VARIABLE: Final = "AGENTKIT_RECORD"
_AGAIN: Final = "Record it with `pytest --agentkit-record=record`, or with AGENTKIT_RECORD=record in the environment."


def recording(path: str | Path, mode: Mode | None = None, *, allow_repeats: bool = False) -> Cassette:
    """Put a cassette between all models of this process and the network, inside `with` or `async with`.

    ```python
    with recording("tests/cassettes/weather.json") as cassette:
        agent.run_sync("What is the weather in Oslo?")
    cassette.assert_complete()
    ```

    Args:
        path: The cassette, a JSON file; folders are made.
        mode: "replay" answers from the cassette and opens no connection; "record" asks the endpoints and writes the
            cassette anew at the end; "off" does nothing. None reads AGENTKIT_RECORD, and without it replays.
        allow_repeats: Whether the last recording of a request also answers all further ones that are the same.

    Raises:
        ConfigurationError: There is no such mode.
        RecordingError: On entering: the file is no cassette. On leaving: it cannot be written; or a request had no
            recording, and the error that said so was caught on its way.
    """
    wanted = mode or os.environ.get(_VARIABLE, "").strip().lower() or "replay"
    if wanted not in get_args(Mode):
        raise ConfigurationError(f"The mode {wanted!r} is unknown. Write replay, record or off (also in {_VARIABLE}).")
    return Cassette(Path(path), cast("Mode", wanted), allow_repeats=allow_repeats)


class Cassette:
    """The recordings of one file, in use; made by `recording`.

    It answers a request with the recording of the same one: method, URL and canonical body, without secrets. What was
    recorded several times answers in that order; otherwise the order is free, so parallel requests may race.

    Attributes:
        path: The file.
        mode: "replay", "record" or "off".
    """

    def __init__(self, path: Path, mode: Mode, *, allow_repeats: bool) -> None:
        self.path = path
        self.mode = mode
        self._repeats = allow_repeats
        self._tracks: list[Track] = []
        self._known: list[Sent] = []  # the requests of the tracks
        self._keys: list[str] = []  # and by what they are found
        self._used: set[int] = set()
        self._lock = threading.Lock()
        self._missed: RecordingError | None = None

    def __enter__(self) -> Self:
        self._tracks = load(self.path) if self.mode == "replay" else []
        self._known = [track.sent for track in self._tracks]
        self._keys = [sent.key for sent in self._known]
        self._used.clear()
        self._missed = None
        if self.mode != "off":
            taps.append(self._record if self.mode == "record" else self._replay)
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if self.mode == "record":
            taps.remove(self._record)
            answered = [track for track in self._tracks if track.status]
            if answered or (error is None and self.path.exists()):  # what failed at once wipes nothing
                save(self.path, answered)
        elif self.mode == "replay":
            taps.remove(self._replay)
            if self._missed is not None and error is None:
                raise self._missed

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.__exit__(kind, error, trace)

    def __repr__(self) -> str:
        return f"<Cassette {self._shown}, mode {self.mode}, {len(self)} recordings>"

    def __len__(self) -> int:
        return len(self._tracks)

    def assert_complete(self) -> None:
        """Raise `RecordingError` where recordings were not asked for in a replay."""
        left = [place for place in range(len(self._tracks)) if place not in self._used]
        if self.mode == "replay" and left:
            raise RecordingError(
                f"{len(left)} of the {len(self)} recordings in {self._shown} were not asked for: number "
                f"{', '.join(str(place + 1) for place in left)}. Find out why less was asked. {_AGAIN}"
            )

    @property
    def _shown(self) -> str:
        try:
            return self.path.relative_to(Path.cwd()).as_posix()
        except ValueError:
            return self.path.as_posix()

    async def _record(self, request: Outgoing, send: Callable[[], Awaitable[Reply]]) -> Reply:
        track = Track(url=request.url, body=request.body)
        self._tracks.append(track)  # in the order in which they were sent
        reply = await send()  # without a reply there is nothing to keep
        track.status = reply.status
        track.headers = dict(reply.headers)
        return _Kept(reply, track)

    async def _replay(self, request: Outgoing, _: Callable[[], Awaitable[Reply]]) -> Reply:
        sent = Sent.of(request.url, request.body)
        key = sent.key
        with self._lock:
            same = [place for place, known in enumerate(self._keys) if known == key]
            found = next((place for place in same if place not in self._used), None)
            if found is None and self._repeats and same:
                found = same[-1]
            if found is not None:
                self._used.add(found)
                return _Played(self._tracks[found], request.where)
            missed = RecordingError(self._miss(sent, len(same)))
            self._missed = self._missed or missed
        raise missed

    def _miss(self, sent: Sent, same: int) -> str:
        """Say why a request has no answer, and what to do."""
        if not self._known:
            what = "is empty" if self.path.exists() else "is not there"
            return f"The cassette {self._shown} {what}, so {sent.method} {sent.url} has no answer. {_AGAIN}"
        if same:
            times = "once" if same == 1 else f"{same} times"
            return (
                f"{self._shown} has this request to {sent.url} {times}, and it was sent once more. Find out why, or "
                f"write recording(..., allow_repeats=True). {_AGAIN}"
            )
        place = nearest(sent, self._known)
        return (
            f"{self._shown} has no recording of this request to {sent.url}. The nearest of its {len(self)} is number "
            f"{place + 1}; - was recorded, + was sent:\n{difference(self._known[place], sent)}\n"
            f"Undo what changed the request, or take it over. {_AGAIN}"
        )


class _Kept:
    """A reply that is kept on a track while it is read."""

    def __init__(self, reply: Reply, track: Track) -> None:
        self._reply = reply
        self._track = track
        self.status = reply.status
        self.headers = reply.headers

    async def read(self, seconds: float | None) -> bytes:
        try:
            data = await self._reply.read(seconds)
        except AgentkitError as error:
            self._track.ending = "timeout" if isinstance(error, TimeoutError) else "broke"
            self._track.error = str(error)
            raise
        self._track.reply += data
        if not data:
            self._track.ending = "whole"
        return data

    async def aclose(self) -> None:
        await self._reply.aclose()


class _Headers(dict[str, str]):
    """Headers by name in any case."""

    def __init__(self, given: Mapping[str, str]) -> None:
        super().__init__({name.lower(): text for name, text in given.items()})

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override] # only texts are asked
        return super().get(name.lower(), default)


class _Played:
    """A recorded reply; each event of a stream is one read."""

    def __init__(self, track: Track, where: str) -> None:
        self._track = track
        self._where = where
        self._parts: Iterator[bytes] = iter(re.split(rb"(?<=\n\n)|(?<=\r\n\r\n)", bytes(track.reply)))
        self.status = track.status
        self.headers: Mapping[str, str] = _Headers(track.headers)

    async def read(self, seconds: float | None) -> bytes:  # noqa: ARG002  # nothing is waited for
        part = next((part for part in self._parts if part), b"")
        if part or self._track.ending == "whole":
            return part
        if self._track.ending == "timeout":
            raise APITimeoutError(self._track.error, endpoint=self._where)
        if self._track.ending == "broke":
            raise APIConnectionError(self._track.error, endpoint=self._where)
        raise RecordingError(
            f"The recording of {self._where} ends here, after {len(self._track.reply)} bytes: its reader left the "
            f"stream then. {_AGAIN}"
        )

    async def aclose(self) -> None:
        """Nothing is open."""
