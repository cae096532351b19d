"""A model that says what a script says, in order, and keeps what it was asked; for tests of agents, no mocks needed."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any

from agentkit.errors import ScriptError
from agentkit.testing.chunk import chunked
from agentkit.testing.reply import completion
from agentkit.wire.check import check_request
from agentkit.wire.chunk import ChatCompletionChunk
from agentkit.wire.request import ChatRequest
from agentkit.wire.response import ChatCompletion

__all__ = ["ScriptedModel", "ScriptedReply"]

ScriptedReply = str | Mapping[str, Any] | ChatCompletion | Exception | Callable[[ChatRequest], Any]
"""A text, a message (`call(...)`, `calls(...)`) or a whole reply, an error to raise, or a function of the request that
gives one of these; the function may assert what it expects."""


class ScriptedModel:
    """Answer each request with the next reply of a script.

    Args:
        replies: In order.
        name: The model's name.

    Attributes:
        requests: What was asked, in order; each passed the contract's checks.
    """

    def __init__(self, replies: Iterable[ScriptedReply], *, name: str = "scripted") -> None:
        self._replies = deque(replies)
        self._name = name
        self.requests: list[ChatRequest] = []

    @property
    def name(self) -> str:
        """Give the model's name."""
        return self._name

    async def complete(self, request: ChatRequest, /) -> ChatCompletion:
        """Give the next reply, whole.

        Raises:
            ScriptError: The script is used up.
            InvalidRequestError: The request breaks the contract.
        """
        return self._next(request)

    async def stream(self, request: ChatRequest, /) -> AsyncIterator[ChatCompletionChunk]:
        """Give the next reply in pieces, word by word."""
        reply = self._next(request).to_dict()
        for chunk in chunked(reply, usage=True):
            yield ChatCompletionChunk.parse(chunk)

    def assert_complete(self) -> None:
        """Raise `ScriptError` unless every reply was asked for."""
        if self._replies:
            raise ScriptError(
                f"ScriptedModel: {len(self._replies)} replies of the script were not asked for; "
                f"{len(self.requests)} requests came. Shorten the script, or find out why less was asked."
            )

    def _next(self, request: ChatRequest) -> ChatCompletion:
        check_request(request)
        self.requests.append(request)
        if not self._replies:
            last = getattr(request.messages[-1], "content", None)
            raise ScriptError(
                f"ScriptedModel: the script is used up; request {len(self.requests)} came after its last reply, "
                f"its last message: {str(last)[:200]!r}. Add a reply, or find out why more was asked."
            )
        reply: Any = self._replies.popleft()
        while callable(reply):
            reply = reply(request)
        if isinstance(reply, Exception):
            raise reply
        if isinstance(reply, ChatCompletion):
            return reply
        body = completion(reply, {"model": self.name}, number=len(self.requests), size=len(request.encode()))
        return ChatCompletion.parse(body)
