"""The messages of a conversation as the contract has them; requests, states and histories are made of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Annotated, Any, Literal, cast

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import to_json

from agentkit.errors import InvalidRequestError
from agentkit.kind import is_array, is_object
from agentkit.wire.content import Content
from agentkit.wire.reading import part_text
from agentkit.wire.value import WireValue, is_empty

__all__ = [
    "AssistantMessage",
    "CustomCall",
    "DeveloperMessage",
    "FunctionCall",
    "FunctionMessage",
    "Message",
    "SystemMessage",
    "ToolCall",
    "ToolMessage",
    "UserMessage",
    "open_calls",
    "parse_messages",
    "reasoning_of",
]


class FunctionCall(WireValue):
    """The function that a call names; `arguments` is JSON text exactly as the model wrote it."""

    name: str
    arguments: str = ""


class CustomCall(WireValue):
    """A call of a custom tool: free text instead of JSON arguments; `ToolCall.function` gives the same two."""

    name: str
    input: str = ""


class ToolCall(WireValue):
    """One call of an assistant message.

    `extra_content` and other unknown fields (Gemini's thought signatures) are kept, for the endpoint wants them back.
    """

    id: Annotated[str, Field(min_length=1)]
    type: str = "function"
    function: FunctionCall
    custom: CustomCall | None = None


class SystemMessage(WireValue):
    """Instructions."""

    role: Literal["system"] = "system"
    content: Content
    name: str | None = None


class DeveloperMessage(WireValue):
    """Instructions, as newer models of OpenAI name them."""

    role: Literal["developer"] = "developer"
    content: Content
    name: str | None = None


class UserMessage(WireValue):
    """What the user said."""

    role: Literal["user"] = "user"
    content: Content
    name: str | None = None


class AssistantMessage(WireValue):
    """What the model said, as it is sent back in a history.

    `reasoning` is the text of the model's reasoning. It is kept in the field that it came in (`reasoning`,
    `reasoning_content`, `reasoning_details`), and sent only to endpoints whose profile says that they want it back
    (`Profile.echo`), whether a reply brought it or you wrote it: most refuse a field that they do not know.
    """

    role: Literal["assistant"] = "assistant"
    content: Content | None = None
    refusal: str | None = None
    name: str | None = None
    tool_calls: Annotated[tuple[ToolCall, ...], Field(exclude_if=is_empty)] = ()
    function_call: FunctionCall | None = None
    audio: Any = None
    reasoning_text: str | None = Field(default=None, alias="reasoning")
    reasoning_content: str | None = None
    reasoning_details: tuple[Any, ...] | None = None

    @property
    def reasoning(self) -> str | None:
        """Give the reasoning text, None where there is none."""
        return reasoning_of(self)

    def to_json(self, *, without: Collection[str] = ()) -> bytes:
        """Encode; a missing content beside calls is sent as null, which some servers demand to see."""
        for call in self.tool_calls:
            if call.custom:
                return to_json(self._with_custom_calls())
        encoded = super().to_json(without=without)
        if self.content is None and self.tool_calls:
            return encoded.replace(b'{"role":"assistant",', b'{"role":"assistant","content":null,', 1)
        return encoded

    def _with_custom_calls(self) -> dict[str, Any]:
        """Give the JSON; a custom call is sent without the `function` that it is read through."""
        message: dict[str, Any] = {"role": "assistant", "content": None, **self.to_dict()}
        for call in message["tool_calls"]:
            if "custom" in call:
                del call["function"]
        return message


def reasoning_of(message: Any) -> str | None:
    """Read the reasoning text of a message or delta from the first of its dialects that has any."""
    if message.reasoning_text or message.reasoning_content:
        return str(message.reasoning_text or message.reasoning_content)
    details = message.reasoning_details or ()
    return part_text([*details]) or None


class ToolMessage(WireValue):
    """The result of one tool call."""

    role: Literal["tool"] = "tool"
    tool_call_id: str
    content: Content
    name: str | None = None


class FunctionMessage(WireValue):
    """The result of a legacy function call."""

    role: Literal["function"] = "function"
    name: str
    content: str | None = None


Message = Annotated[
    SystemMessage | DeveloperMessage | UserMessage | AssistantMessage | ToolMessage | FunctionMessage,
    Field(discriminator="role"),
]

_MESSAGES: TypeAdapter[tuple[Message, ...]] = TypeAdapter(tuple[Message, ...], config={"defer_build": True})
_NULLS_ARE_EMPTY = ("tool_calls",)
_OURS = frozenset((SystemMessage, DeveloperMessage, UserMessage, AssistantMessage, ToolMessage, FunctionMessage))


def _plain(message: Any) -> Any:
    """Read `"tool_calls": null`, which the official SDK's own dumps contain, as no calls, and replies as history.

    A call of a custom tool gets the `function` that it is read through.
    """
    if isinstance(message, Mapping):
        given = cast("Mapping[str, Any]", message)
        calls: Any = given.get("tool_calls")
        if is_array(calls) and any(is_object(call) and "custom" in call for call in calls):
            given = {**given, "tool_calls": [*map(_read_custom, calls)]}
        nulls = [name for name in _NULLS_ARE_EMPTY if name in given and given[name] is None]
        return {k: v for k, v in given.items() if k not in nulls} if nulls else given
    to_history = getattr(message, "to_history", None)
    return to_history() if callable(to_history) else message


def _read_custom(call: Any) -> Any:
    custom = call.get("custom") if is_object(call) else None
    if not is_object(custom) or call.get("function"):
        return call
    return {**call, "function": {"name": custom.get("name"), "arguments": custom.get("input", "")}}


def parse_messages(messages: Iterable[Any]) -> tuple[Message, ...]:
    """Read a history: our messages, replies, or dicts in the contract's JSON form, mixed as they come.

    Raises:
        InvalidRequestError: A message is not of the contract; the text names its position and what is wrong.
    """
    told = tuple(messages)
    if all(type(message) in _OURS for message in told):
        return told  # a long conversation is not read again
    given = [_plain(message) for message in told]
    try:
        return _MESSAGES.validate_python(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(step) for step in first["loc"][1:]) or "message"
        seen = repr(first["input"])[:200]
        raise InvalidRequestError(
            f"messages[{first['loc'][0]}] is not a message of the contract: {where}: {first['msg']}; seen: {seen}. "
            'Write e.g. {"role": "user", "content": "..."}.'
        ) from error


def open_calls(messages: tuple[Message, ...]) -> tuple[ToolCall, ...]:
    """Give the calls of the last assistant message that no tool message after it answers, in call order."""
    answered: set[str] = set()
    for message in reversed(messages):  # of each step of a run: isinstance costs four times as much
        if message.role == "tool":
            answered.add(message.tool_call_id)
        else:
            calls = message.tool_calls if message.role == "assistant" else ()
            return tuple([call for call in calls if call.id not in answered]) if calls else ()
    return ()
