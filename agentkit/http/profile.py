"""What an endpoint wants otherwise than most: `Profile`, which `ChatModel` obeys and providers give as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Profile"]


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
    """

    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    stream_usage: bool = True
    key_header: Literal["authorization", "api-key"] = "authorization"
    path: str = "/chat/completions"
    query: tuple[tuple[str, str], ...] = ()
    output_mode: Literal["native", "tool", "json", "prompted"] = "tool"
