"""One chunk of a streamed reply; models give them, `merge` joins them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError

from agentkit.wire.ending import is_no_end
from agentkit.wire.repair import as_bytes, needs_counts, repair_chunk
from agentkit.wire.response import ChatCompletion, Usage, reasoning_of
from agentkit.wire.value import WireValue, is_empty

__all__ = ["ChatCompletionChunk", "ChunkChoice", "Delta", "FunctionDelta", "ToolCallDelta", "one_chunk"]


class FunctionDelta(WireValue):
    """A piece of a call's function."""

    name: str | None = None
    arguments: str | None = None


class ToolCallDelta(WireValue):
    """A piece of a call; `index` tells which one, where the server sends it."""

    index: int | None = None
    id: str | None = None
    type: str | None = None
    function: FunctionDelta | None = None


class Delta(WireValue):
    """A piece of the message; `reasoning` reads any of its dialects."""

    role: str | None = None
    content: str | None = None
    refusal: str | None = None
    tool_calls: Annotated[tuple[ToolCallDelta, ...], Field(exclude_if=is_empty)] = ()
    function_call: FunctionDelta | None = None
    audio: Any = None
    annotations: tuple[Any, ...] | None = None
    reasoning_text: Annotated[str | None, Field(alias="reasoning")] = None
    reasoning_content: str | None = None
    reasoning_details: tuple[Any, ...] | None = None

    @property
    def reasoning(self) -> str | None:
        """Give the piece of reasoning text, None where there is none."""
        return reasoning_of(self)


class ChunkChoice(WireValue):
    """A piece of one of `n` replies."""

    index: int
    delta: Delta
    finish_reason: str | None = None
    logprobs: Any = None
    error: None = None


class ChatCompletionChunk(WireValue):
    """One `data:` of a stream; `choices` is empty in a usage chunk."""

    id: str | None = None
    object: str | None = None
    created: int | None = None
    model: str | None = None
    system_fingerprint: str | None = None
    service_tier: str | None = None
    choices: tuple[ChunkChoice, ...]
    usage: Usage | None = None
    error: None = None

    @property
    def says_something(self) -> bool:
        """Tell whether it has more than a role: many servers send that before they begin, Azure its filters."""
        return any(
            choice.finish_reason or any(value for name, value in choice.delta if name != "role")
            for choice in self.choices
        )

    @classmethod
    def parse(cls, chunk: Mapping[str, Any] | str | bytes) -> Self:
        """Read a chunk, a dict or its JSON; known deviations are put right.

        Raises:
            InvalidResponseError: It is no chunk, or an error in its place (`.error` then has that).
        """
        raw = as_bytes(chunk)
        return cls.known(raw) or cls.model_validate(repair_chunk(raw))

    @classmethod
    def known(cls, raw: bytes) -> Self | None:
        """Read the JSON of a chunk that does not deviate; give None for any other, which `parse` reads."""
        try:
            read: Self = cls.__pydantic_validator__.validate_json(raw)
        except ValidationError:
            return None
        extra = read.__pydantic_extra__
        if extra and "x_groq" in extra:  # there may be a usage or an error in it
            return None
        choices = read.choices
        if choices and choices[0].finish_reason is not None and any(map(_ends_oddly, choices)):
            return None
        return None if read.usage is not None and needs_counts(read.usage) else read


def _ends_oddly(choice: ChunkChoice) -> bool:
    """Tell whether the end of a choice is none, or has the usage in it (Moonshot)."""
    return is_no_end(choice.finish_reason) or "usage" in (choice.__pydantic_extra__ or ())


def one_chunk(completion: ChatCompletion) -> ChatCompletionChunk:
    """Give a whole reply as the one chunk of a stream, for what does not stream: some servers, and caches."""
    reply = completion.to_dict()
    for choice in reply["choices"]:
        message = choice.pop("message")
        calls = message.get("tool_calls") or ()
        message["tool_calls"] = [{**call, "index": position} for position, call in enumerate(calls)]
        choice["delta"] = message
    return ChatCompletionChunk.parse({**reply, "object": "chat.completion.chunk"})
