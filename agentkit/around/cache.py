"""`Cache`: a reply that was given once is given again to the same request; nothing is sent or spent for it."""

from __future__ import annotations

import warnings
from collections.abc import AsyncGenerator
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json

from agentkit.around.layer import Layer, leaving
from agentkit.around.store import MemoryStore, Store
from agentkit.errors import ConfigurationError
from agentkit.model import Model, ReplyCached, report
from agentkit.wire.chunk import ChatCompletionChunk, one_chunk
from agentkit.wire.merge import merge
from agentkit.wire.request import ChatRequest
from agentkit.wire.response import ChatCompletion, Choice, Usage

__all__ = ["Cache"]

_WHOLE = ("stop", "tool_calls", "function_call", "eos", "end_turn")  # the last two: Together, Anthropic's proxies


class Cache(Layer):
    """A model whose replies are kept by what they were asked with: the address, the key, the exact body.

    Whole and streamed requests share what is kept; a kept reply is streamed as one chunk. Kept is only what ended as it
    should: no error, no stream that was left or cut off, no finish reason but `stop` and calls, nothing without a text
    or calls, no call with damaged arguments, no refusal. The same request made twice at once is sent twice.

    A reply that is given again is the same, its call ids too, so that the request that follows it is the same and is
    found again. Only its usage is zero, for nothing was spent; what it once cost is in `usage.cached_usage`.

    ```python
    model = Cache(ChatModel("gpt-4o", api_key=key), SqliteStore("replies.db"))
    ```

    Args:
        model: What is asked; it must have a `fingerprint`, as `ChatModel` and layers around it do.
        store: Where replies are kept; None is a `MemoryStore()` of its own. It is closed with the cache, and opened
            again when it is used again, so that several caches may share one.

    Raises:
        ConfigurationError: At once, for a model without a fingerprint, or what is no model or no store.
    """

    def __init__(self, model: Model | str, store: Store | None = None) -> None:
        super().__init__(model)
        if getattr(model, "fingerprint", None) is None:
            raise ConfigurationError(
                f"Cache needs a model that can name what a reply depends on, and {model!r} has no `fingerprint`. "
                "Use a ChatModel, or write `async def fingerprint(self, request) -> str`."
            )
        given: Any = MemoryStore() if store is None else store
        if isinstance(given, type) or not isinstance(given, Store):
            raise ConfigurationError(
                f"Cache keeps replies in a store, and got {given!r}. Give MemoryStore() or SqliteStore('replies.db')."
            )
        self._store = given

    def _told(self) -> tuple[str, ...]:
        return (repr(self._store),)

    async def complete(self, request: ChatRequest, /) -> ChatCompletion:
        """Answer with the kept reply, else with the model's.

        Raises:
            InvalidRequestError: The request breaks the contract.
            APIError: No usable reply came.
        """
        key = await self.fingerprint(request)
        kept = await self._find(key)
        if kept is not None:
            return kept
        completion = await self._model.complete(request)
        await self._keep(key, completion)
        return completion

    async def stream(self, request: ChatRequest, /) -> AsyncGenerator[ChatCompletionChunk]:
        """Answer with the kept reply as one chunk, else with the model's in pieces, as they come.

        Raises:
            InvalidRequestError: The request breaks the contract.
            APIError: No usable reply came.
        """
        key = await self.fingerprint(request)
        kept = await self._find(key)
        if kept is not None:
            yield one_chunk(kept)
            return
        came: list[ChatCompletionChunk] = []
        async with leaving(self._model.stream(request)) as chunks:
            async for chunk in chunks:
                came.append(chunk)
                yield chunk
        await self._keep(key, merge(came))

    async def aclose(self) -> None:
        """Close the inner model and the store; again is no error, and a later request opens what it needs."""
        try:
            await super().aclose()
        finally:
            await self._store.aclose()

    async def _find(self, key: str) -> ChatCompletion | None:
        try:
            value = await self._store.get(key)
        except OSError as error:
            _warn(f"A kept reply could not be read, so the request is sent: {error}")
            return None
        if value is None:
            return None
        try:
            kept = ChatCompletion.model_validate_json(value)
        except ValidationError:  # another version's, or damaged: the next reply takes its place
            return None
        report(ReplyCached(self.name, key))
        return kept.replace(usage=_free(kept.usage))

    async def _keep(self, key: str, completion: ChatCompletion) -> None:
        if not all(map(_is_whole, completion.choices)):
            return
        try:
            await self._store.put(key, completion.to_json())
        except OSError as error:
            _warn(f"A reply could not be kept: {error}")


def _is_whole(choice: Choice) -> bool:
    message = choice.message
    said: Any = message.content or message.tool_calls or message.function_call or message.audio
    whole = all(call.type != "function" or _is_json(call.function.arguments) for call in message.tool_calls)
    return choice.finish_reason in _WHOLE and bool(said) and whole and not message.refusal


def _is_json(arguments: str) -> bool:
    try:
        from_json(arguments or "{}")
    except ValueError:
        return False
    return True


def _free(usage: Usage | None) -> Usage:
    if usage is not None and "cached_usage" in (usage.model_extra or {}):  # kept from another cache
        return usage
    spent = {} if usage is None else {"cached_usage": usage.to_dict()}
    return Usage.model_validate({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0, "cost": 0.0, **spent})


def _warn(text: str) -> None:
    warnings.warn(text, RuntimeWarning, stacklevel=3)
