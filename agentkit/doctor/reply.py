"""Deviations of a plain answer, found in its raw bytes; pure."""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping
from typing import Any

from agentkit.doctor.deviation import (
    Deviation,
    array,
    in_arguments,
    in_calls,
    in_envelope,
    in_finish,
    in_kind,
    in_message,
    in_usage,
    objects,
)
from agentkit.kind import is_array, is_object
from agentkit.wire.response import ChatCompletion

__all__ = ["in_head", "in_reply"]


def in_head(raw: bytes) -> Iterator[Deviation]:
    """Look at what stands before an answer begins."""
    if raw.startswith(BOM_UTF8):
        yield Deviation("bom", "a byte order mark comes first")
    elif raw[:1].isspace():
        yield Deviation("leading_whitespace", "white space comes first")


def in_reply(raw: bytes, headers: Mapping[str, str], reply: ChatCompletion) -> Iterator[Deviation]:
    """Look at a whole answer.

    Args:
        raw: The body as it came.
        headers: By name in small letters.
        reply: The same as agentkit reads it.
    """
    yield from in_head(raw)
    try:
        document: Any = json.loads(raw.removeprefix(BOM_UTF8), strict=False)
    except ValueError:  # agentkit has read it, so it is the other form
        yield Deviation("sse_for_plain", "a plain request is answered with a stream")
        return
    yield from in_kind(headers, "json")
    if not is_object(document):
        return
    yield from in_envelope(document)
    choices = objects(document.get("choices"))
    if len(choices) > 1:
        yield Deviation("two_choices", f"{len(choices)} choices, though one was asked for")
    for choice in choices[:1]:
        yield from _in_choice(choice)
    yield from in_arguments(reply)
    yield from in_usage(document.get("usage"))


def _in_choice(choice: dict[str, Any]) -> Iterator[Deviation]:
    if not isinstance(choice.get("index"), int):
        yield Deviation("no_choice_index", "a choice without an index")
    message = choice.get("message")
    message = message if is_object(message) else {}
    if not message.get("role"):
        yield Deviation("no_role", "a message without a role")
    if "content" not in message:
        yield Deviation("content_absent", "a message without `content`")
    yield from in_message(message)
    calls = message.get("tool_calls")
    if "tool_calls" in message and calls is None:
        yield Deviation("null_tool_calls", "`tool_calls` is null")
    elif is_object(calls):
        yield Deviation("single_tool_call", "`tool_calls` is one object")
        calls = [calls]
    elif is_array(calls) and not calls:
        yield Deviation("empty_tool_calls", "`tool_calls` is an empty list")
    yield from in_calls(objects(calls))
    yield from in_finish(choice.get("finish_reason"), calls=any(array(calls)))
