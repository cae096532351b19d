"""Where a map's inputs come from, one at a time and only when one is needed, whatever kind of iterable they are in."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Generator,
    Iterable,
    Iterator,
    Mapping,
    Sized,
)
from itertools import islice
from typing import Any, Self, cast

from agentkit.errors import ConfigurationError

__all__ = ["Feed", "source_of", "total_of"]

_PATIENCE = 0.01  # seconds that a sync caller reads inputs for before it hands on those it has


def source_of(inputs: Iterable[Any] | AsyncIterable[Any]) -> AsyncGenerator[Any]:
    """Make one reader of an iterable, sync or async; nothing is read yet. Closing it closes a generator.

    Raises:
        ConfigurationError: It is one text, one map, or no iterable.
    """
    _check(inputs)
    return _read(inputs)


async def _read(inputs: Iterable[Any] | AsyncIterable[Any]) -> AsyncGenerator[Any]:
    if isinstance(inputs, AsyncIterable):
        awaited = aiter(inputs)
        try:
            async for given in awaited:
                yield given
        finally:
            if isinstance(awaited, AsyncGenerator):
                await awaited.aclose()
    else:
        iterator = iter(inputs)
        try:
            for given in iterator:
                yield given
        finally:
            _close(iterator)


def _close(iterator: Iterator[Any] | None) -> None:
    """Have a generator end now, with the files that it holds; others are not ours to close."""
    if isinstance(iterator, Generator):
        iterator.close()


def _check(inputs: Any) -> None:
    """Raise `ConfigurationError` for what holds no inputs."""
    if isinstance(inputs, str | bytes | bytearray | Mapping):
        raise ConfigurationError(
            f"inputs is one {type(cast('Any', inputs)).__name__}, and a map wants many prompts. "
            "Write `agent.map([prompt])`, or `agent.run(prompt)` for one."
        )
    if not isinstance(inputs, Iterable | AsyncIterable):
        raise ConfigurationError(
            f"inputs is of type {type(inputs).__name__}, which cannot be iterated. "
            "Give a list, a generator, an async generator, or any other iterable of prompts."
        )


def total_of(inputs: Any) -> int | None:
    """Count the inputs where they can be counted beforehand."""
    return len(inputs) if isinstance(inputs, Sized) else None


class Feed(AsyncIterator[Any]):
    """Inputs that a sync caller reads in its own thread, a few at a time, whenever the map has none left.

    Attributes:
        hungry: Whether the map waits for more.
        wake: Called when it begins to wait.
    """

    def __init__(self, inputs: Iterable[Any], wake: Callable[[], None] = lambda: None) -> None:
        _check(inputs)
        self._inputs = inputs
        self._iterator: Iterator[Any] | None = None
        self._handed: deque[Any] = deque()
        self._came = asyncio.Event()
        self._end: BaseException | None = None
        self.hungry = False
        self.wake = wake

    @property
    def waiting(self) -> int:
        """Count the inputs that were handed over and not taken yet."""
        return len(self._handed)

    @property
    def ended(self) -> bool:
        """Whether the caller has no more."""
        return self._end is not None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        """Wait until the caller has handed over an input."""
        while not self._handed:
            if self._end is not None:
                raise self._end
            self.hungry = True
            self.wake()
            self._came.clear()
            await self._came.wait()
        return self._handed.popleft()

    def read(self, most: int) -> tuple[list[Any], BaseException | None]:
        """Read some inputs, in the caller's thread; the second is what ended them, if they ended."""
        pulled: list[Any] = []
        until = time.monotonic() + _PATIENCE
        try:
            if self._iterator is None:
                self._iterator = iter(self._inputs)
            for given in islice(self._iterator, most):
                pulled.append(given)
                if time.monotonic() > until:
                    return pulled, None
        except Exception as error:  # noqa: BLE001 # of the caller's iterable: raised where the outcomes end
            return pulled, error
        return pulled, StopAsyncIteration() if len(pulled) < most else None

    def hand_over(self, pulled: Iterable[Any], end: BaseException | None) -> None:
        """Take what was read, on the event loop."""
        self._handed.extend(pulled)
        self._end = self._end or end
        self.hungry = False
        self._came.set()

    def close(self) -> None:
        """Read no more, in the caller's thread; a generator ends now."""
        _close(self._iterator)
