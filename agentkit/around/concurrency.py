"""`Concurrency`: at most so many requests of a model at once, for servers with few slots and keys with such a limit."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from agentkit.around.child import renew_in_child
from agentkit.around.layer import Layer, leaving
from agentkit.around.line import Line
from agentkit.errors import ConfigurationError, RateLimitError
from agentkit.model import Model, RequestWaited, report
from agentkit.wire.chunk import ChatCompletionChunk
from agentkit.wire.request import ChatRequest
from agentkit.wire.response import ChatCompletion

__all__ = ["Concurrency"]


class Concurrency(Layer):
    """A model of which at most `n` requests are under way at once; the others wait, first come first served.

    The limit is that of this value in this process: among all the tasks, threads and event loops that share it. A
    stream holds its place until it has ended or was closed.

    ```python
    model = Concurrency(ChatModel("llama3.2", base_url="http://127.0.0.1:8080/v1"), 4)
    ```

    Args:
        model: What is asked.
        n: How many at once, at least 1.
        max_wait: Seconds that a request waits at most; None waits as long as it takes, 0 does not wait.

    Raises:
        ConfigurationError: At once, for an `n` below 1, or what is no model.
    """

    def __init__(self, model: Model | str, n: int, *, max_wait: float | None = None) -> None:
        super().__init__(model)
        if n < 1:
            raise ConfigurationError(f"Concurrency(n={n}) would let no request through. Give 1 or more.")
        self._n = n
        self._max_wait = max_wait
        self._renew()
        renew_in_child(self, Concurrency._renew)

    def _renew(self) -> None:
        self._free = self._n
        self._line = Line()

    def _told(self) -> tuple[str, ...]:
        return (str(self._n), *(() if self._max_wait is None else (f"max_wait={self._max_wait:g}",)))

    async def complete(self, request: ChatRequest, /) -> ChatCompletion:
        """Wait for a place and answer with the whole reply.

        Raises:
            RateLimitError: No place came free within `max_wait`; nothing was sent.
            APIError: No usable reply came.
        """
        async with self._place():
            return await self._model.complete(request)

    async def stream(self, request: ChatRequest, /) -> AsyncGenerator[ChatCompletionChunk]:
        """Wait for a place and answer with the reply in pieces, as they come.

        Raises:
            RateLimitError: No place came free within `max_wait`; nothing was sent.
            APIError: No usable reply came.
        """
        async with self._place(), leaving(self._model.stream(request)) as chunks:
            async for chunk in chunks:
                yield chunk

    @asynccontextmanager
    async def _place(self) -> AsyncGenerator[None]:
        try:
            waited = await self._line.enter(self._take, lambda _: None, self._max_wait)
        except TimeoutError:
            raise _full(self._n, self._max_wait) from None
        try:
            if waited is not None:
                report(RequestWaited(self.name, waited, "concurrency"))
            yield
        finally:
            self._line.change(self._give_back)

    def _take(self) -> float:
        if not self._free:
            return math.inf
        self._free -= 1
        return 0.0

    def _give_back(self) -> None:
        self._free = min(self._free + 1, self._n)  # of a forked child, which began with all places free


def _full(n: int, max_wait: float | None) -> RateLimitError:
    return RateLimitError(
        f"Concurrency({n}): all places were taken and none came free within max_wait={max_wait:g} s; nothing was sent. "
        "Raise `n` or `max_wait`, or send less at once.",
        attempts=0,
    )
