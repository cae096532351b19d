"""The objects that a request's optional fields hold; `setting` and `request` are made of them.

Most are plain dicts with typed members, so that they are written as the contract shows them and sent exactly so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Required

from pydantic import BeforeValidator, ConfigDict, PlainValidator, Strict
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from agentkit.wire.content import TextPart
from agentkit.wire.value import WireValue

__all__ = [
    "AllowedTools",
    "AudioOutput",
    "Flag",
    "Integer",
    "JsonSchema",
    "NamedTool",
    "Number",
    "Prediction",
    "ResponseFormat",
    "Stop",
    "StreamOptions",
    "Texts",
    "TokenId",
    "ToolChoice",
    "UserLocation",
    "WebSearchOptions",
]


def _number(given: Any) -> Any:
    if isinstance(given, int | float) and not isinstance(given, bool):
        return given
    raise PydanticCustomError("number", "Input should be a valid number")


def _texts(given: Any) -> Any:
    if isinstance(given, list | tuple):
        texts: tuple[Any, ...] = tuple(given)  # pyright: ignore[reportUnknownArgumentType,reportUnknownVariableType] # looked at below
        if all(isinstance(text, str) for text in texts):
            return texts
    raise PydanticCustomError("texts", "Input should be a list of texts")


def _stop(given: Any) -> Any:
    try:
        return given if isinstance(given, str) else _texts(given)
    except PydanticCustomError as error:
        raise PydanticCustomError("stop", "Input should be a text or a list of texts") from error


def _choice(given: Any) -> Any:
    if isinstance(given, str) and given:
        return given
    if isinstance(given, Mapping) and isinstance(given.get("type"), str):  # pyright: ignore[reportUnknownMemberType] # any mapping
        return dict(given)  # pyright: ignore[reportUnknownArgumentType,reportUnknownVariableType] # sent as it is
    raise PydanticCustomError(
        "tool_choice", "Input should be none, auto, required, a tool's name, or the contract's object with its `type`"
    )


Flag = Annotated[bool, Strict()]
Integer = Annotated[int, Strict()]
Number = Annotated[int | float, BeforeValidator(_number)]  # both, so that 0 is not sent as 0.0; True is neither
Stop = Annotated[str | Sequence[str], BeforeValidator(_stop)]  # a list is kept as a tuple
Texts = Annotated[Sequence[str], BeforeValidator(_texts)]
TokenId = Annotated[str, BeforeValidator(lambda given: str(given) if type(given) is int else given)]


class AudioOutput(TypedDict, total=False):
    """How audio is spoken: a voice's name, or `{"id": ...}` of one's own; wav, mp3, flac, opus, pcm16, aac."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc] # how pydantic wants it written
    voice: Required[str | Mapping[str, Any]]
    format: Required[str]


class Prediction(TypedDict, total=False):
    """What most of the reply is expected to be, as text or text parts."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc] # how pydantic wants it written
    type: Required[Literal["content"]]
    content: Required[str | tuple[TextPart, ...]]


class UserLocation(TypedDict, total=False):
    """Roughly where the user is: any of city, country (two letters), region, timezone (IANA)."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc] # how pydantic wants it written
    type: Required[Literal["approximate"]]
    approximate: Required[Mapping[str, str]]


class WebSearchOptions(TypedDict, total=False):
    """How the web is searched; `search_context_size` is low, medium or high."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc] # how pydantic wants it written
    search_context_size: str
    user_location: UserLocation | None


class StreamOptions(TypedDict, total=False):
    """What a stream carries besides the reply; only sent with a stream."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc] # how pydantic wants it written
    include_usage: Flag
    include_obfuscation: Flag


class NamedTool(TypedDict, total=False):
    """The tool that must be called: `{"type": "function", "function": {"name": ...}}`, or a custom one alike."""

    type: Required[Literal["function", "custom"]]
    function: Mapping[str, str]
    custom: Mapping[str, str]


class AllowedTools(TypedDict):
    """The tools that may (mode auto) or must (required) be called, under the key `allowed_tools` with `mode`."""

    type: Literal["allowed_tools"]
    allowed_tools: Mapping[str, Any]


ToolChoice = Annotated[str | NamedTool | AllowedTools, PlainValidator(_choice)]


class JsonSchema(WireValue):
    """The schema of a `json_schema` response format; `schema` stands under its own name in the JSON."""

    name: str
    description: str | None = None
    strict: bool | None = None

    @property
    def definition(self) -> Mapping[str, Any]:
        """Give the JSON Schema (the field `schema`, a word that pydantic keeps for itself)."""
        return (self.model_extra or {}).get("schema") or {}


class ResponseFormat(WireValue):
    """The form of the reply: text, json_object, or json_schema with its schema."""

    type: str
    json_schema: JsonSchema | None = None
