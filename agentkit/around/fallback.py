"""`Fallback`: several models for one; where the first fails, or its reply does not do, the next is asked."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from typing import Any, Self

from agentkit.around.layer import as_model, close, leaving
from agentkit.errors import (
    APIError,
    ConfigurationError,
    ContentFilterError,
    LocalModelError,
    ReplyRefusedError,
    ToolUseFailedError,
    UnsupportedRequestError,
)
from agentkit.model import Model, ModelFellBack, attempt_again, report
from agentkit.price import Price, dearest
from agentkit.secret import scrub
from agentkit.wire.chunk import ChatCompletionChunk
from agentkit.wire.merge import merge
from agentkit.wire.request import ChatRequest
from agentkit.wire.response import ChatCompletion, Usage
from agentkit.wire.setting import Settings

__all__ = ["Fallback", "is_worth_another"]

On = type[Exception] | tuple[type[Exception], ...] | Callable[[Exception], bool]
Refuse = Callable[[ChatCompletion], str | None]


def is_worth_another(error: Exception) -> bool:
    """Tell whether another model may do what this one failed at: the default of `Fallback(on=...)`.

    So it is with every `APIError`: what passes (429, 500, a lost connection), what stays so at that endpoint (a wrong
    key, no such model), and what it refuses (400: too long a context, a field or an image that it does not take); and
    with what its profile says that it does not take, as given or learned, so that it was not even sent. Not so where a
    content filter stopped the request, which is not to be evaded silently; nor where the model wrote a tool call that
    could not be read, for an agent tells it so.
    """
    return isinstance(error, APIError | UnsupportedRequestError | LocalModelError) and not isinstance(
        error, ContentFilterError | ToolUseFailedError
    )


class Fallback:
    """Models in the order in which they are asked, each only where those before it failed.

    A model's own retries come first; `ChatModel(retry=Retry(attempts=1))` goes to the next one at once. A stream falls
    back only before a chunk that says something was given out.

    ```python
    model = Fallback([ChatModel("gpt-4o", api_key=key), ChatModel("llama3.2", base_url="http://127.0.0.1:11434/v1")])
    ```

    Args:
        models: At least one, the preferred one first; names, `"provider:model"`, too. A request that names a model
            names the first one's: the others go by their own names.
        on: The errors at which the next one is asked: a class, several, or a function that tells; by default
            `is_worth_another`.
        refuse: A plain function of the reply that says why it does not do, None or "" where it does. A stream then is
            held until it is whole, for nothing that was given out can be taken back.

    Raises:
        ConfigurationError: At once, for no models or what is no model.
    """

    def __init__(self, models: Iterable[Model | str], *, on: On | None = None, refuse: Refuse | None = None) -> None:
        given: Any = models
        if isinstance(given, str) or not isinstance(given, Iterable):
            raise ConfigurationError(f"Fallback takes a list of models, and got {given!r}. Write Fallback([...]).")
        self._models = tuple(as_model(model, "Fallback") for model in models)
        if not self._models:
            raise ConfigurationError("Fallback got no models. Give at least one: Fallback([ChatModel(...), ...]).")
        self._is_on: Callable[[Exception], bool] = is_worth_another if on is None else _rule(on)
        self._refuse = refuse
        self._known: tuple[tuple[Any, ...], Any] = ((), None)  # profiles, and what they have in common

    def __repr__(self) -> str:
        return f"Fallback([{', '.join(map(repr, self._models))}])"

    @property
    def models(self) -> tuple[Model, ...]:
        """Give the models in their order."""
        return self._models

    @property
    def name(self) -> str:
        """Give the names of all, in their order."""
        return f"fallback({', '.join(model.name for model in self._models)})"

    @property
    def profile(self) -> Any:
        """Give the first profile there is, with what all models take; AttributeError if none has one.

        That concerns the longest reply, tools, the forms of `tool_choice` and `response_format`, a format beside tools,
        and the mode of typed outputs: the common one; a tool's where each takes a tool or a schema; else words alone.
        """
        given: tuple[Any, ...] = tuple(getattr(model, "profile", None) for model in self._models)
        known, common = self._known
        if len(known) != len(given) or any(now is not before for now, before in zip(given, known, strict=True)):
            common = _in_common(given)
            self._known = given, common
        return common

    @property
    def price(self) -> Price | None:
        """Give the price that none of the models goes over; None where one of them is not known."""
        return dearest(getattr(model, "price", None) for model in self._models)

    @property
    def settings(self) -> Settings:
        """Give the most choices that one of the models is asked for, and the longest reply where all of them say it."""
        given: list[Any] = [getattr(model, "settings", None) for model in self._models]
        choices = [one.n for one in given if one and one.n]
        longest = [one.max_completion_tokens or one.max_tokens for one in given if one]
        said = len(longest) == len(given) and all(longest)
        return Settings(n=max(choices, default=None), max_completion_tokens=max(longest) if said else None)

    @property
    def fingerprint(self) -> Callable[[ChatRequest], Awaitable[str]]:
        """Give the function that digests a request for all models; AttributeError where one of them has none."""
        given: list[Any] = list(self._models)
        digests: list[Callable[[ChatRequest], Awaitable[str]]] = [model.fingerprint for model in given]

        async def fingerprint(request: ChatRequest, /) -> str:
            parts: list[str] = []
            refused: list[UnsupportedRequestError] = []
            for place, each in enumerate(digests):
                try:
                    parts.append(await each(self._request(request, place)))
                except UnsupportedRequestError as error:  # then the others are asked
                    refused.append(error)
                    parts.append("unsupported")
            if len(refused) == len(parts):
                raise refused[-1]
            named = getattr(self._refuse, "__qualname__", type(self._refuse).__qualname__)
            return hashlib.sha256(" ".join(("fallback", named, *parts)).encode()).hexdigest()

        return fingerprint

    async def complete(self, request: ChatRequest, /) -> ChatCompletion:
        """Answer with the whole reply of the first model that gives one.

        The usage of replies that were refused is added to that of the one given.

        Raises:
            ReplyRefusedError: The last model's reply was refused, too.
            APIError: The last model's error. That of a model before it is noted on it, and is in the group that is
                its `__cause__`, if it has no other.
        """
        failed: list[Exception] = []
        for place, model in enumerate(self._models):
            try:
                completion = await model.complete(self._request(request, place))
                self._judge(completion, model)
            except Exception as error:
                if not self._goes_on(error, failed):
                    raise
                await attempt_again(error)
            else:
                usage = _usage(completion.usage, failed)
                return completion if usage is completion.usage else completion.replace(usage=usage)
        raise AssertionError  # the last one's error was raised

    async def stream(self, request: ChatRequest, /) -> AsyncGenerator[ChatCompletionChunk]:
        """Answer with the reply in pieces, of the first model that gives one; with `refuse`, all pieces at the end.

        Raises:
            ReplyRefusedError: The last model's reply was refused, too.
            APIError: As `complete`; or the error of a model whose reply had begun.
        """
        failed: list[Exception] = []
        for place, model in enumerate(self._models):
            async with leaving(model.stream(self._request(request, place))) as chunks:
                try:
                    begun = await self._begin(chunks, model, failed)
                except Exception as error:
                    if not self._goes_on(error, failed):
                        raise
                    await attempt_again(error)
                    continue
                for chunk in begun:
                    yield chunk
                async for chunk in chunks:
                    yield chunk
                return

    async def aclose(self) -> None:
        """Close all models, each once, also where closing one fails; again is no error."""
        async with AsyncExitStack() as stack:
            for model in {id(model): model for model in self._models}.values():
                stack.push_async_callback(close, model)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def _request(self, request: ChatRequest, place: int) -> ChatRequest:
        return request.replace(model=None) if place and request.model else request

    async def _begin(
        self, chunks: AsyncIterator[ChatCompletionChunk], model: Model, failed: list[Exception]
    ) -> list[ChatCompletionChunk]:
        """Wait for what is given out first: until a chunk says something, or all where the reply is to be judged."""
        begun: list[ChatCompletionChunk] = []
        async for chunk in chunks:
            begun.append(chunk)
            if self._refuse is None and chunk.says_something:
                return begun
        if self._refuse is None:
            return begun
        completion = merge(begun)
        self._judge(completion, model)
        usage = _usage(completion.usage, failed)
        if usage is not completion.usage:
            begun.append(ChatCompletionChunk(choices=(), usage=usage))
        return begun

    def _judge(self, completion: ChatCompletion, model: Model) -> None:
        reason = self._refuse(completion) if self._refuse is not None else None
        if reason:
            error = ReplyRefusedError(f"The reply of {model.name} was refused: {reason}")
            error.reply = completion
            raise error

    def _goes_on(self, error: Exception, failed: list[Exception]) -> bool:
        """Tell whether the next model is asked; where not, put the failures so far on the error."""
        place = len(failed)
        following = self._models[place + 1 : place + 2]
        if not following or not (isinstance(error, ReplyRefusedError) or self._is_on(error)):
            _explain(error, self._models, failed)
            return False
        report(ModelFellBack(self._models[place].name, following[0].name, _words(error)))
        failed.append(error)
        return True


def _in_common(given: tuple[Any, ...]) -> Any:
    """Give the first profile there is, with what all models take."""
    profiles = [profile for profile in given if profile is not None]
    if not profiles:
        raise AttributeError("None of these models has a profile.")
    modes = {getattr(profile, "output_mode", "native") for profile in given}
    common = {
        "output_mode": modes.pop() if len(modes) == 1 else "tool" if modes == {"native", "tool"} else "prompted",
        **{
            name: tuple(
                form for form in getattr(profiles[0], name) if all(form in getattr(one, name) for one in profiles)
            )
            for name in ("tool_choices", "response_formats")
        },
        "tools": all(getattr(profile, "tools", True) for profile in profiles),
        "max_output_tokens": min((one.max_output_tokens for one in profiles if one.max_output_tokens), default=None),
        "formats_with_tools": all(getattr(profile, "formats_with_tools", False) for profile in profiles),
    }
    return dataclasses.replace(profiles[0], **common)


def _rule(on: On) -> Callable[[Exception], bool]:
    """Make a function of the errors that were named."""
    if isinstance(on, type | tuple):
        return lambda error: isinstance(error, on)
    return on


def _words(error: Exception) -> str:
    return scrub(f"{type(error).__name__}: {error}")


def _explain(error: Exception, models: tuple[Model, ...], failed: list[Exception]) -> None:
    for model, earlier in zip(models, failed, strict=False):
        error.add_note(f"Fallback: before this, {model.name} failed: {_words(earlier)}")
    others = [earlier for earlier in failed if earlier is not error]
    if others and error.__cause__ is None:
        error.__cause__ = ExceptionGroup("the models that were asked before", others)


def _usage(own: Usage | None, failed: list[Exception]) -> Usage | None:
    """Add what refused replies cost to the usage of the one given; what the endpoint says besides is the latter's."""
    given = [error.reply.usage for error in failed if isinstance(error, ReplyRefusedError)]
    spent: list[Usage] = [usage for usage in given if usage is not None]
    if not spent:
        return own
    total = sum(spent, own or Usage())
    extra = dict(own.model_extra or {}) if own else {}
    costs: list[Any] = [getattr(usage, "cost", None) for usage in (*spent, *((own,) if own else ()))]
    if "cost" in extra:
        extra["cost"] = sum(costs) if all(isinstance(cost, int | float) for cost in costs) else None
    return total.replace(**extra)
