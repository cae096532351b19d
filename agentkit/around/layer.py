"""A model around another model: `Layer` gives what every one of them has; the inner one is known as `Model` only."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Self, cast

from agentkit.errors import ConfigurationError
from agentkit.model import Fingerprinted, Model
from agentkit.providers import resolve
from agentkit.wire.chunk import ChatCompletionChunk
from agentkit.wire.request import ChatRequest

__all__ = ["Layer", "as_model", "close", "leaving"]


class Layer:
    """What stands around one model; what it does not say itself, the inner model says.

    It does not change once it is made, and is shared among tasks, threads and event loops.

    Args:
        model: What it stands around, a layer again if you like, or a name, `"provider:model"`.

    Raises:
        ConfigurationError: It is no model.
    """

    def __init__(self, model: Model | str) -> None:
        self._model = as_model(model, type(self).__name__)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join((repr(self._model), *self._told()))})"

    def _told(self) -> tuple[str, ...]:
        """Give the arguments after the model, as they are written."""
        return ()

    @property
    def model(self) -> Model:
        """Give the inner model."""
        return self._model

    @property
    def name(self) -> str:
        """Give the inner model's name."""
        return self._model.name

    @property
    def profile(self) -> Any:
        """Give the inner model's profile, by which an agent asks for typed outputs; AttributeError if it has none."""
        inner: Any = self._model
        return inner.profile

    @property
    def price(self) -> Any:
        """Give the inner model's price; AttributeError if it has none."""
        inner: Any = self._model
        return inner.price

    @property
    def settings(self) -> Any:
        """Give what the inner model is sent with by default; AttributeError if it has none."""
        inner: Any = self._model
        return inner.settings

    @property
    def fingerprint(self) -> Callable[[ChatRequest], Awaitable[str]]:
        """Give the inner model's `fingerprint`, so that a cache may go round; AttributeError if it has none."""
        return cast("Fingerprinted", self._model).fingerprint

    async def aclose(self) -> None:
        """Close the inner model; again is no error, and a later request opens what it needs."""
        await close(self._model)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def as_model(given: Any, owner: str) -> Model:
    """Give a model as it is, and the one that a name stands for.

    Raises:
        ConfigurationError: It is none, or no provider owns the name.
    """
    if isinstance(given, str):
        return resolve(given)
    if isinstance(given, type) or not isinstance(given, Model):
        seen = f"the class {given.__name__}" if isinstance(given, type) else f"a value of type {type(given).__name__}"
        raise ConfigurationError(
            f'{owner} takes models, and got {seen}. Give a ChatModel, a name, "provider:model", or anything with '
            "`name`, `complete` and `stream`."
        )
    return given


async def close(thing: object) -> None:
    """Close a model, or the iterator of a stream, where it can be closed."""
    aclose: Callable[[], Awaitable[None]] | None = getattr(thing, "aclose", None)
    if aclose is not None:
        await aclose()


@asynccontextmanager
async def leaving(chunks: AsyncIterator[ChatCompletionChunk]) -> AsyncGenerator[AsyncIterator[ChatCompletionChunk]]:
    """Close a stream when it is left, however that happens, so that its exchange ends at once."""
    try:
        yield chunks
    finally:
        await close(chunks)
