"""What an endpoint wants otherwise than most: `Profile`, which `ChatModel` obeys and providers give as data.

It is written and read as JSON; `dialect` spells requests by it, `learn` derives a changed one from an endpoint's words.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, cast, get_args

from agentkit.errors import ConfigurationError
from agentkit.schema.keyword import SPARABLE

__all__ = ["Profile", "ReasoningField", "ToolChoiceForm"]

ToolChoiceForm = Literal["none", "auto", "required", "function", "allowed_tools"]
ReasoningField = Literal["reasoning", "reasoning_content", "reasoning_details"]
_ResponseFormat = Literal["text", "json_object", "json_schema"]

# What each field may hold, for all that come from a file or are written without a type checker.
_ONE_OF: dict[str, tuple[object, ...]] = {
    "max_tokens_field": ("max_tokens", "max_completion_tokens"),
    "stream_usage": (True, False),
    "key_header": ("authorization", "api-key"),
    "output_mode": ("native", "tool", "json", "prompted"),
    "strict": (True, False),
    "required_word": ("required", "any"),
    "tools": (True, False),
    "parallel_tool_calls": (True, False),
    "formats_with_tools": (True, False),
    "inline_refs": (True, False),
    "system_messages": ("anywhere", "first"),
    "developer_role": (True, False),
    "echo_empty": (True, False),
    "extra_content": (True, False),
    "call_ids": ("any", "nine_alphanumeric"),
    "empty_content": (True, False),
    "null_content": (True, False),
    "audio": ("base64", "data_uri"),
}
_SOME_OF: dict[str, tuple[str, ...]] = {
    "tool_choices": get_args(ToolChoiceForm),
    "response_formats": get_args(_ResponseFormat),
    "echo": get_args(ReasoningField),
}
_NEEDED = ("messages", "model", "stream", "tools")  # a request without them asks for something else


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How one endpoint wants to be asked; the defaults fit a server that nothing is known of.

    Attributes:
        max_tokens_field: How the token limit is spelled; most servers know only the older name.
        max_output_tokens: The most tokens that a reply of the model can have, None where that is not known. A higher
            limit is sent as this one, and where a budget needs a limit and none is set, this one is.
        stream_usage: Whether a stream asks for its usage by `stream_options`; a few servers refuse the field.
        key_header: "authorization" sends `Authorization: Bearer KEY`, "api-key" sends `api-key: KEY` (Azure).
        path: What follows the base URL; `{model}` stands for the model's name (Azure's deployments).
        query: Pairs after the path, such as Azure's `api-version`.
        output_mode: How a typed output is asked for: by the schema of `response_format` ("native"), by a tool, by
            JSON mode, or in words alone.
        strict: Whether `strict` of tools and schemas is sent; where not, arguments are checked here all the same.
        tools: Whether tools are taken at all.
        tool_choices: The forms of `tool_choice` that are taken.
        required_word: What `tool_choice` "required" is called (Mistral: "any").
        parallel_tool_calls: Whether that field is taken.
        response_formats: The types of `response_format` that are taken.
        formats_with_tools: Whether JSON mode or a schema may be asked for beside `tools`, and the model still calls
            these. Many endpoints refuse both at once, and others then never call a tool, so that it has to be known.
        unsupported_keywords: Keywords of JSON Schema that the schemas of tools and of `response_format` must not have;
            what they say is said in the description, and checked here. Only such can be named.
        inline_refs: Whether `$ref` in schemas must be replaced by what it names.
        system_messages: Where instructions may stand: "anywhere", or joined into one message at the "first" place.
        developer_role: Whether the role `developer` is known; where not, such a message is sent as `system`.
        echo: The fields of an assistant message's reasoning that the endpoint wants back.
        echo_empty: Whether the first of them is sent, empty, where a message with calls has no reasoning.
        extra_content: Whether `extra_content` of calls (Gemini's thought signatures) goes back.
        call_ids: The form of call ids: "any", or nine letters and digits (Mistral).
        empty_content: Whether an assistant message may have an empty text.
        null_content: Whether an assistant message with calls may have the content null; where not, it is an empty text.
        audio: How audio is given: "base64", or as a "data_uri" (Alibaba).
        unsupported: Further request fields that the endpoint refuses and that may be left out without changing the
            reply.
        source: Where the above is documented, or how it was found.
        checked: When, as YYYY-MM-DD.
    """

    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    max_output_tokens: int | None = None
    stream_usage: bool = True
    key_header: Literal["authorization", "api-key"] = "authorization"
    path: str = "/chat/completions"
    query: tuple[tuple[str, str], ...] = ()
    output_mode: Literal["native", "tool", "json", "prompted"] = "tool"
    strict: bool = True
    tools: bool = True
    tool_choices: tuple[ToolChoiceForm, ...] = ("none", "auto", "required", "function", "allowed_tools")
    required_word: Literal["required", "any"] = "required"
    parallel_tool_calls: bool = True
    response_formats: tuple[_ResponseFormat, ...] = ("text", "json_object", "json_schema")
    formats_with_tools: bool = False
    unsupported_keywords: tuple[str, ...] = ()
    inline_refs: bool = False
    system_messages: Literal["anywhere", "first"] = "anywhere"
    developer_role: bool = True
    echo: tuple[ReasoningField, ...] = ()
    echo_empty: bool = False
    extra_content: bool = True
    call_ids: Literal["any", "nine_alphanumeric"] = "any"
    empty_content: bool = True
    null_content: bool = True
    audio: Literal["base64", "data_uri"] = "base64"
    unsupported: tuple[str, ...] = ()
    source: str | None = None
    checked: str | None = None

    def __post_init__(self) -> None:
        for name, allowed in _ONE_OF.items():
            value = getattr(self, name)
            if not any(value is one or (isinstance(one, str) and value == one) for one in allowed):
                raise _wrong(name, value, " or ".join(map(json.dumps, allowed)))
        for name, known in _SOME_OF.items():
            self._read_list(name, known.__contains__, f"a list of {', '.join(map(json.dumps, known))}")
        self._read_list("unsupported", _is_droppable, f"a list of request fields other than {', '.join(_NEEDED)}")
        self._read_list("unsupported_keywords", _is_sparable, f"a list of {', '.join(sorted(SPARABLE))}")
        self._read_list("query", _is_pair, "a list of pairs of texts")
        object.__setattr__(self, "query", tuple(cast("tuple[str, str]", tuple(pair)) for pair in self.query))
        path: Any = self.path
        if not isinstance(path, str) or not path.startswith("/"):
            raise _wrong("path", self.path, "a text that begins with '/'")
        most: Any = self.max_output_tokens
        if most is not None and (not isinstance(most, int) or isinstance(most, bool) or most < 1):
            raise _wrong("max_output_tokens", most, "a whole number of 1 or more, or null")
        for name in ("source", "checked"):
            if not isinstance(getattr(self, name), str | None):
                raise _wrong(name, getattr(self, name), "a text or null")

    @classmethod
    def of(cls, given: Profile | Mapping[str, Any] | Path | None) -> Profile:
        """Take a profile as a caller gives it: itself, its fields, the path of its JSON, or None for the defaults.

        Raises:
            ConfigurationError: The file cannot be read, or a field is wrong.
        """
        if given is None:
            return _DEFAULT
        if isinstance(given, Profile):
            return given
        if not isinstance(given, Path):
            return cls.from_json(given)
        try:
            written = given.read_bytes()
        except OSError as error:
            raise ConfigurationError(
                f"The profile {given} cannot be read: {error.strerror}. `agentkit doctor` writes such a file."
            ) from error
        return cls.from_json(written)

    @classmethod
    def from_json(cls, document: str | bytes | Mapping[str, Any]) -> Self:
        """Read what `to_json` gave, or its decoded object; a field that is missing has its default.

        Raises:
            ConfigurationError: It is no JSON object, or a field is unknown or has a wrong value.
        """
        fields: Any = document
        if isinstance(document, str | bytes):
            try:
                fields = json.loads(document)
            except ValueError as error:
                raise ConfigurationError(
                    f"The profile is not JSON: {error}. Give what `Profile.to_json` or `agentkit doctor` wrote."
                ) from error
        if not isinstance(fields, Mapping):
            raise ConfigurationError(
                f"The profile is of type {type(fields).__name__}. "
                "Give a `Profile`, a map of its fields, or the `pathlib.Path` of its JSON."
            )
        given = cast("Mapping[str, Any]", fields)
        known = [field.name for field in dataclasses.fields(cls)]
        for name in given:
            if name not in known:
                near = difflib.get_close_matches(str(name), known, 1)
                guess = f" Did you mean '{near[0]}'?" if near else ""
                raise ConfigurationError(
                    f"Profile field '{name}' is unknown.{guess} The fields are {', '.join(known)}."
                )
        return cls(**given)

    def to_json(self) -> str:
        """Write all fields as one JSON object, indented, in their order."""
        return json.dumps(dataclasses.asdict(self), indent=2, ensure_ascii=False)

    def replace(self, **changes: Any) -> Self:
        """Copy with some fields changed.

        Raises:
            ConfigurationError: A value is not allowed.
        """
        return dataclasses.replace(self, **changes)

    def _read_list(self, name: str, fits: Callable[[Any], bool], allowed: str) -> None:
        """Take a list for the tuple that is meant; a text is none, though it can be searched like one."""
        value: Any = getattr(self, name)
        values = tuple(cast("list[Any]", value)) if isinstance(value, tuple | list) else None
        if values is None or not all(map(fits, values)):
            raise _wrong(name, getattr(self, name), allowed)
        object.__setattr__(self, name, values)


def _is_droppable(name: Any) -> bool:
    return isinstance(name, str) and name not in _NEEDED


def _is_sparable(keyword: Any) -> bool:
    return isinstance(keyword, str) and keyword in SPARABLE


def _is_pair(pair: Any) -> bool:
    if not isinstance(pair, tuple | list):
        return False
    texts = [part for part in cast("list[Any]", pair) if isinstance(part, str)]
    return len(texts) == len(cast("list[Any]", pair)) == 2


def _wrong(name: str, value: object, allowed: str) -> ConfigurationError:
    return ConfigurationError(f"Profile field '{name}' is {repr(value)[:200]}; allowed is {allowed}.")


_DEFAULT = Profile()
