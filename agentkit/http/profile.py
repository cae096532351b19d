"""What an endpoint wants otherwise than most: `Profile`, which `ChatModel` obeys and providers give as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Profile"]

ToolChoiceForm = Literal["none", "auto", "required", "function", "allowed_tools"]
ReasoningField = Literal["reasoning", "reasoning_content", "reasoning_details"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How one endpoint wants to be asked; the defaults fit a server that nothing is known of.

    Attributes:
        max_tokens_field: How the token limit is spelled; most servers know only the older name.
        stream_usage: Whether a stream asks for its usage by `stream_options`; a few servers refuse the field.
        key_header: "authorization" sends `Authorization: Bearer KEY`, "api-key" sends `api-key: KEY` (Azure).
        path: What follows the base URL; `{model}` stands for the model's name (Azure's deployments).
        query: Pairs after the path, such as Azure's `api-version`.
        output_mode: How a typed output is asked for: by the schema of `response_format` ("native"), by a tool, by
            JSON mode, or in words alone.
        strict: Whether `strict` of tools and schemas is sent; where not, arguments are checked here all the same.
        tool_choices: The forms of `tool_choice` that are taken.
        required_word: What `tool_choice` "required" is called (Mistral: "any").
        parallel_tool_calls: Whether that field is taken.
        response_formats: The types of `response_format` that are taken.
        inline_refs: Whether `$ref` in schemas must be replaced by what it names.
        system_messages: Where instructions may stand: "anywhere", or joined into one message at the "first" place.
        developer_role: Whether the role `developer` is known; where not, such a message is sent as `system`.
        echo: The fields of an assistant message's reasoning that the endpoint wants back.
        echo_empty: Whether the first of them is sent, empty, where a message with calls has no reasoning.
        extra_content: Whether `extra_content` of calls (Gemini's thought signatures) goes back.
        call_ids: The form of call ids: "any", or nine letters and digits (Mistral).
        empty_content: Whether an assistant message may have an empty text.
        audio: How audio is given: "base64", or as a "data_uri" (Alibaba).
        unsupported: Further request fields that the endpoint refuses and that may be left out without changing the
            reply.
        source: Where the above is documented, or how it was found.
        checked: When, as YYYY-MM-DD.
    """

    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    stream_usage: bool = True
    key_header: Literal["authorization", "api-key"] = "authorization"
    path: str = "/chat/completions"
    query: tuple[tuple[str, str], ...] = ()
    output_mode: Literal["native", "tool", "json", "prompted"] = "tool"
    strict: bool = True
    tool_choices: tuple[ToolChoiceForm, ...] = ("none", "auto", "required", "function", "allowed_tools")
    required_word: Literal["required", "any"] = "required"
    parallel_tool_calls: bool = True
    response_formats: tuple[Literal["text", "json_object", "json_schema"], ...] = ("text", "json_object", "json_schema")
    inline_refs: bool = False
    system_messages: Literal["anywhere", "first"] = "anywhere"
    developer_role: bool = True
    echo: tuple[ReasoningField, ...] = ()
    echo_empty: bool = False
    extra_content: bool = True
    call_ids: Literal["any", "nine_alphanumeric"] = "any"
    empty_content: bool = True
    audio: Literal["base64", "data_uri"] = "base64"
    unsupported: tuple[str, ...] = ()
    source: str | None = None
    checked: str | None = None
