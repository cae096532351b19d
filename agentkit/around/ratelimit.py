"""`RateLimit`: requests and tokens per minute, kept before anything is sent, so that the endpoint need not refuse."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from time import monotonic

from agentkit.around.child import renew_in_child
from agentkit.around.layer import Layer, leaving
from agentkit.around.line import Line
from agentkit.around.pace import Pace, Sent
from agentkit.errors import ConfigurationError, RateLimitError
from agentkit.model import Model, RequestWaited, report
from agentkit.wire.chunk import ChatCompletionChunk
from agentkit.wire.message import Message
from agentkit.wire.request import ChatRequest
from agentkit.wire.response import ChatCompletion, Usage

__all__ = ["RateLimit"]

_BYTES = 4  # to a token of English text; other scripts have more bytes and more tokens for each
_MEDIA = 1000  # tokens of an image, a sound or a file, at most what its bytes would be


class RateLimit(Layer):
    """A model that is sent at most so many requests and tokens within any 60 seconds; what is too much waits.

    The limits are those of this value in this process, among all the tasks, threads and event loops that share it;
    waiting is first come first served. A request's tokens are estimated before it is sent, a token for each four bytes
    and the token limit that it sets, and corrected once the reply says what was used. One that fails, or is left, stays
    counted as it was estimated. A retry within the model is not counted: `Retry(attempts=1)` where that matters.

    ```python
    model = RateLimit(ChatModel("gpt-4o", api_key=key), requests=500, tokens=30_000)
    ```

    Args:
        model: What is asked.
        requests: How many within `seconds`; None is no limit.
        tokens: How many, of prompts and replies together, within `seconds`; None is no limit.
        seconds: The length of the window.
        max_wait: Seconds that a request waits at most; None waits as long as it takes, 0 does not wait.

    Raises:
        ConfigurationError: At once, for limits that limit nothing or let nothing through, or what is no model.
    """

    def __init__(
        self,
        model: Model | str,
        *,
        requests: int | None = None,
        tokens: int | None = None,
        seconds: float = 60.0,
        max_wait: float | None = None,
    ) -> None:
        super().__init__(model)
        if requests is None and tokens is None:
            raise ConfigurationError("RateLimit limits nothing yet. Give `requests=`, `tokens=` or both.")
        for name, value in (("requests", requests), ("tokens", tokens), ("seconds", seconds)):
            if value is not None and value <= 0:
                raise ConfigurationError(f"RateLimit({name}={value}) would let no request through. Give more than 0.")
        given = {"requests": requests, "tokens": tokens, "seconds": seconds, "max_wait": max_wait}
        self._given = {name: value for name, value in given.items() if value is not None}
        self._tokens = tokens
        self._max_wait = max_wait
        self._pace = Pace(requests, tokens, seconds)
        self._renew()
        renew_in_child(self, RateLimit._renew)

    def _renew(self) -> None:
        self._line = Line()

    def _told(self) -> tuple[str, ...]:
        return tuple(f"{name}={value:.15g}" for name, value in self._given.items())

    async def complete(self, request: ChatRequest, /) -> ChatCompletion:
        """Wait until the limits allow it and answer with the whole reply.

        Raises:
            RateLimitError: The request would have had to wait longer than `max_wait`, or forever, for it alone is more
                than the limit of tokens; nothing was sent.
            APIError: No usable reply came.
        """
        sent = await self._enter(request)
        completion = await self._model.complete(request)
        self._correct(sent, completion.usage)
        return completion

    async def stream(self, request: ChatRequest, /) -> AsyncGenerator[ChatCompletionChunk]:
        """Wait until the limits allow it and answer with the reply in pieces, as they come.

        Raises:
            RateLimitError: The request would have had to wait longer than `max_wait`, or forever, for it alone is more
                than the limit of tokens; nothing was sent.
            APIError: No usable reply came.
        """
        sent = await self._enter(request)
        usage: Usage | None = None
        async with leaving(self._model.stream(request)) as chunks:
            async for chunk in chunks:
                usage = chunk.usage or usage  # the last one counts
                yield chunk
        self._correct(sent, usage)

    async def _enter(self, request: ChatRequest) -> Sent:
        tokens = self._estimate(request)
        reason = "requests" if "requests" in self._given else "tokens"
        passed: list[Sent] = []

        def admit() -> float:
            nonlocal reason
            now = monotonic()
            wait, why = self._pace.wait(tokens, now)
            reason = why or reason
            if wait <= 0:
                passed.append(self._pace.add(tokens, now))
            return wait

        def told(seconds: float) -> None:
            if self._max_wait is not None and seconds > self._max_wait:
                raise self._too_long(seconds)
            report(RequestWaited(self.name, seconds, reason))

        try:
            waited = await self._line.enter(admit, told, self._max_wait)
        except TimeoutError:
            raise self._too_long(None) from None
        if waited is not None:
            report(RequestWaited(self.name, waited, reason))
        return passed[0]

    def _estimate(self, request: ChatRequest) -> int:
        if self._tokens is None:
            return 0
        prompt = sum(map(_size, request.messages)) + sum(len(tool.encoded) for tool in request.tools) // _BYTES
        reply = (request.max_completion_tokens or request.max_tokens or 0) * (request.n or 1)
        if prompt + reply > self._tokens:
            raise RateLimitError(
                f"The request is estimated at {prompt + reply} tokens, {prompt} of its messages and tools and {reply} "
                f"that it allows the reply: {self!r} would never let it through; nothing was sent. Raise `tokens`, "
                "or send less, or allow the reply less.",
                attempts=0,
            )
        return prompt + reply

    def _correct(self, sent: Sent, usage: Usage | None) -> None:
        if usage is not None and usage.total_tokens and self._tokens is not None:  # some servers say 0 of everything
            self._line.change(lambda: self._pace.correct(sent, usage.total_tokens))

    def _too_long(self, seconds: float | None) -> RateLimitError:
        needed = f"would have had to wait {seconds:.1f} s" if seconds else f"has waited {self._max_wait:g} s"
        error = RateLimitError(
            f"The request {needed}, and {self!r} allows no longer wait; nothing was sent. "
            "Raise the limits or `max_wait`, or send less at once.",
            attempts=0,
        )
        error.retry_after = seconds
        return error


def _size(message: Message) -> int:
    """Estimate the tokens of a message; the bytes of images and the like are far more than their tokens."""
    size = len(message.encoded)
    if message.content and not isinstance(message.content, str):
        sizes = [len(part.encoded) for part in message.content if part.type != "text"]
        size -= sum(max(0, media - _MEDIA * _BYTES) for media in sizes)
    return size // _BYTES
