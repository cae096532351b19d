"""Where a map's inputs come from, one at a time and only when one is needed, whatever kind of iterable they are in."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterable, Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Protocol, cast

from agentkit.errors import ConfigurationError

__all__ = ["Feed", "Source", "source_of"]

_PATIENCE = 0.01  # seconds that a sync caller reads inputs for before it hands on those it has


class Source(Protocol):
    """Gives one input after another."""

    async def take(self) -> Any:
        """Wait for the next input.

        Raises:
            StopAsyncIteration: There is none any more.
        """
        ...


def source_of(inputs: Iterable[Any] | AsyncIterable[Any]) -> Source:
    """Make the source of an iterable, sync or async; nothing is read yet.

    Raises:
        ConfigurationError: It is one text, one map, or no iterable.
    """
    _check(inputs)
    return _Awaited(inputs) if isinstance(inputs, AsyncIterable) else _Plain(inputs)


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


class _Plain:
    """Inputs of a sync iterable, read on the event loop."""

    def __init__(self, inputs: Iterable[Any]) -> None:
        self._inputs = inputs
        self._iterator: Iterator[Any] | None = None

    async def take(self) -> Any:
        """Read the next input."""
        if self._iterator is None:
            self._iterator = iter(self._inputs)
        for given in self._iterator:
            return given
        raise StopAsyncIteration


class _Awaited:
    """Inputs of an async iterable."""

    def __init__(self, inputs: AsyncIterable[Any]) -> None:
        self._inputs = inputs
        self._iterator: Any = None

    async def take(self) -> Any:
        """Wait for the next input."""
        if self._iterator is None:
            self._iterator = aiter(self._inputs)
        return await anext(self._iterator)


class Feed:
    """Inputs that a sync caller reads in its own thread, a few at a time, whenever the map has none left.

    Attributes:
        inputs: The iterable.
        hungry: Whether the map waits for more.
        wake: Called when it begins to wait.
    """

    def __init__(self, inputs: Iterable[Any], wake: Callable[[], None] = lambda: None) -> None:
        _check(inputs)
        self.inputs = inputs
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

    async def take(self) -> Any:
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
                self._iterator = iter(self.inputs)
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
