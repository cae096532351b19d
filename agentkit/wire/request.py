"""The request of the contract; the agent's loop and users build it, a `Model` sends it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError
from pydantic_core import from_json

from agentkit.errors import InvalidRequestError
from agentkit.kind import is_object
from agentkit.wire.message import Message, parse_messages
from agentkit.wire.option import Flag, JsonSchema, ResponseFormat
from agentkit.wire.setting import LIMITS, Settings, refused
from agentkit.wire.value import WireValue, encode_map, is_empty, join_encoded

__all__ = ["ChatRequest", "FunctionDefinition", "JsonSchema", "ResponseFormat", "ToolDefinition"]


class FunctionDefinition(WireValue):
    """A function as the model is told of it; `parameters` is a JSON Schema object."""

    name: str
    description: str | None = None
    parameters: Mapping[str, Any] | None = None
    strict: bool | None = None


class ToolDefinition(WireValue):
    """One entry of `tools`; a custom tool has its own fields in `custom`."""

    type: str = "function"
    function: FunctionDefinition | None = None
    custom: Mapping[str, Any] | None = None

    @property
    def name(self) -> str:
        """Give the name that calls use."""
        return self.function.name if self.function else str((self.custom or {}).get("name", ""))

    @classmethod
    def of_bytes(cls, definition: Mapping[str, Any], encoded: bytes) -> Self:
        """Make an entry of its dict and the JSON of the same, which is then not encoded again."""
        made = cls.model_validate(definition)
        object.__setattr__(made, "_encoded", encoded)
        return made


class ChatRequest(Settings):
    """One request: the messages, the tools and the settings, flat as in the contract.

    Attributes:
        messages: At least one.
        model: The model's name at the endpoint; None lets the `Model` that sends it put its own.
        tools: At most 128 by the contract.
        stream: Set by the `Model`'s method, not by hand.
    """

    messages: tuple[Message, ...]
    model: str | None = None
    tools: Annotated[tuple[ToolDefinition, ...], Field(exclude_if=is_empty)] = ()
    stream: Flag | None = None

    @classmethod
    def parse(cls, request: Mapping[str, Any] | str | bytes) -> Self:
        """Read a request in the contract's JSON form, a dict or its encoding.

        Raises:
            InvalidRequestError: It is not of the contract; the text names the field and what is wrong.
        """
        try:
            given = dict(request) if isinstance(request, Mapping) else from_json(request)
        except ValueError as error:
            raise InvalidRequestError(f"The request is not JSON: {error}.") from error
        if not is_object(given) or not isinstance(given.get("messages"), list | tuple):
            raise InvalidRequestError("The request has no list `messages`. Give an object with `messages`.")
        given = {**given, "messages": parse_messages(given["messages"])}
        if given.get("tools", 0) is None:
            del given["tools"]
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            raise refused(error) from error

    @property
    def is_plain(self) -> bool:
        """Tell whether nothing is set but messages, tools and a model's name, as of most agents."""
        return self.__pydantic_fields_set__ <= _JOINED and not self.__pydantic_extra__

    def encode(self, *, model: str | None = None) -> bytes:
        """Give the JSON body: messages and tools are joined from their cached bytes, the few other fields encoded.

        Args:
            model: The model's name, in the place of the request's own.
        """
        named = self.model if model is None else model
        if self.is_plain:  # pydantic would walk all fields to find the one
            after = join_encoded(self.tools, b'],"tools":[', b"]}") if self.tools else b"]}"
            return join_encoded(self.messages, _begin(named), after)
        if named is not self.model:
            return self.replace(model=named).encode()
        begin = self.to_json(without=self._left_out())[:-1]
        comma = b"," if len(begin) > 1 else b""
        instead = self.extra_body or {}
        more: list[bytes] = []
        if self.tools and "tools" not in instead:
            more.append(join_encoded(self.tools, b'"tools":[', b"]"))
        if instead:
            more.append(encode_map(instead, "Settings.extra_body")[1:-1])
        if "messages" in instead:
            return begin + comma + b",".join(more) + b"}"
        end = b"],%b}" % b",".join(more) if more else b"]}"
        return join_encoded(self.messages, begin + comma + b'"messages":[', end)

    def _left_out(self) -> set[str]:
        left_out = {"messages", "tools", *(self.extra_body or ())}
        if not left_out.isdisjoint(LIMITS):  # one limit in two spellings
            left_out.update(LIMITS)
        if not self.tools:
            left_out |= {"tool_choice", "parallel_tool_calls"}
        if not self.stream:
            left_out.add("stream_options")
        return left_out


_JOINED = frozenset(("messages", "model", "tools"))


@lru_cache(maxsize=64)
def _begin(model: str | None) -> bytes:
    """Give the body of a plain request up to its first message."""
    return b'{"messages":[' if model is None else encode_map({"model": model}, "ChatRequest")[:-1] + b',"messages":['
