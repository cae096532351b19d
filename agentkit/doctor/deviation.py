"""Deviations from the contract, by name: what each looks like in a message's raw JSON and what agentkit does about it.

`reply` and `stream` look for those of the two forms of an answer and share what is here. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from agentkit.http.fault import clean
from agentkit.kind import is_array, is_object
from agentkit.schema.argument import ArgumentError, read_object
from agentkit.secret import scrub
from agentkit.wire.ending import is_cut, is_no_end
from agentkit.wire.response import ChatCompletion

__all__ = [
    "DONE",
    "Deviation",
    "array",
    "in_arguments",
    "in_calls",
    "in_envelope",
    "in_finish",
    "in_kind",
    "in_message",
    "in_usage",
    "is_renamed",
    "objects",
]

_OWN_ID: Final = "gives the call an id of its own"
_NEW_CALL: Final = "begins a new call at each new id or name"
_SSE: Final = "reads it, as the standard of server-sent events says"
_NAMED: Final = "reads it as `.reasoning` and keeps it out of the text"
_EMPTY: Final = "reads it as no text"
_BYTES: Final = "goes by the first bytes, not by the content-type"
_NONE: Final = "reads it as no arguments"
_CUT: Final = "takes it as `length`, and runs no call that may be cut"
_RAISES: Final = "raises the error that it is, by its code"
_REFUSES: Final = "runs nothing: tells the model what is wrong, and asks again"

DONE: Final[dict[str, str]] = {
    # of both forms
    "no_envelope": "leaves the fields empty",
    "no_finish_reason": "takes a whole reply by its text, calls or [DONE]",
    "unknown_finish_reason": "keeps it; whether there are calls decides, not this word",
    "finish_model_length": _CUT,
    "finish_max_tokens": _CUT,
    "finish_null": "takes it as none",
    "finish_stop_with_calls": "runs the calls: their presence decides, not finish_reason",
    "no_role": "takes the message as the assistant's",
    "no_choice_index": "numbers the choices itself",
    "content_absent": _EMPTY,
    "content_parts": "joins the texts of the parts",
    "content_object": "reads the object as its JSON text",
    "thinking_parts": _NAMED,
    "think_tags": _NAMED,
    "function_call": "reads it as a tool call",
    "null_tool_calls": "reads it as no calls",
    "empty_tool_calls": "reads it as no calls",
    "single_tool_call": "reads it as a list of one",
    "placeholder_calls": "leaves out what has no id, name and arguments",
    "no_id": _OWN_ID,
    "empty_id": _OWN_ID,
    "same_id": "tells the calls apart and gives the second an id of its own",
    "number_id": "reads the number as text",
    "no_type": "takes the call as a function's",
    "null_type": "takes the call as a function's",
    "flat_call": "reads name and arguments where they stand",
    "arguments_object": "encodes the object as the text that it should be",
    "null_arguments": _NONE,
    "no_arguments": _NONE,
    "empty_arguments": _NONE,
    "fenced_arguments": "unwraps the fence, without a turn",
    "double_encoded_arguments": "unwraps the JSON text, without a turn",
    "cut_arguments": _REFUSES,
    "trailing_junk": _REFUSES,
    "unusable_arguments": _REFUSES,
    "no_usage": "counts no tokens for such replies: limits and costs by tokens do not see them",
    "null_usage_counts": "takes a null count as 0 and a missing total as the sum",
    "other_counts": "reads them as `prompt_tokens` and `completion_tokens`",
    "wrong_total": "keeps the total as it is told",
    "empty_error": "takes the reply beside it",
    "no_content_type": _BYTES,
    "other_content_type": _BYTES,
    "two_choices": "gives both, and goes on with the first",
    "error_in_200": _RAISES,
    # of a plain answer
    "sse_for_plain": "reads the stream and joins it",
    "bom": "reads past the mark",
    "leading_whitespace": "reads past it",
    # of a stream
    "json_for_stream": "gives the whole reply as one chunk",
    "no_done": "takes the stream as whole once finish_reason came",
    "done_then_more": "leaves what comes after [DONE]",
    "comments": _SSE,
    "crlf": _SSE,
    "several_data_lines": _SSE,
    "no_blank_lines": "parts the JSON objects",
    "other_fields": _SSE,
    "data_without_space": _SSE,
    "choices_null": "reads it as a chunk without text",
    "error_mid_stream": _RAISES,
    "error_event": _RAISES,
    "error_line": _RAISES,
    "empty_choices_first": "reads it as a chunk without text",
    "interleaved_calls": "keeps the calls apart by their indexes",
    "empty_choices": "reads it as a chunk without text",
    "delta_null": "reads it as a chunk without text",
    "role_repeated": "keeps the first role",
    "null_content_deltas": _EMPTY,
    "finish_early": "ends the reply only at the end of the stream",
    "delta_after_finish": "takes what still comes",
    "no_index": _NEW_CALL,
    "shared_index": "begins a new call where an index is used again with another id",
    "index_from_one": "goes by which indexes differ, not by their values",
    "whole_calls": "takes the call as it is",
    "name_repeated": "takes the name once",
    "name_split": "joins the name",
    "id_repeated": "takes the id once",
    "new_ids": "goes on with the call of the same index, under its first id",
    "arguments_told_again": "takes them once",
    "cumulative_arguments": "takes the last",
    "message_again": "takes from it only what no delta told",
    "late_id": "takes the id when it comes",
    "usage_every_chunk": "takes the last usage, never a sum",
    "usage_split": "puts the counts together",
    "usage_in_choice": "reads it",
    "usage_with_choices": "reads both",
    "usage_unasked": "takes it",
}
"""What agentkit does about each deviation."""

_FINISHED: Final = ("stop", "length", "tool_calls", "content_filter", "function_call")
_COUNTS: Final = ("prompt_tokens", "completion_tokens", "total_tokens")
_SHOWN: Final = 60
_ABSENT: Final = object()
_DECODER: Final = json.JSONDecoder(strict=False)


@dataclass(frozen=True, slots=True)
class Deviation:
    """One deviation that was seen: its name, a key of `DONE`, and what was seen, in words."""

    name: str
    seen: str


def array(value: Any) -> Sequence[Any]:
    """Give a list as it is, and nothing for what is none."""
    return value if is_array(value) else ()


def objects(value: Any) -> list[dict[str, Any]]:
    """Give the objects of a list, and nothing for what is no list."""
    return [item for item in array(value) if is_object(item)]


def in_envelope(reply: dict[str, Any]) -> Iterator[Deviation]:
    """Look at the fields round the choices."""
    missing = [name for name in ("id", "object", "created", "model") if not reply.get(name)]
    if missing:
        yield Deviation("no_envelope", f"without {', '.join(missing)}")
    if "error" in reply and not reply["error"] and reply["error"] is not None:
        yield Deviation("empty_error", "an empty `error` beside the reply")


def in_kind(headers: Mapping[str, str], word: str) -> Iterator[Deviation]:
    """Look at the content-type, which should hold a word."""
    kind = headers.get("content-type", "")
    if not kind:
        yield Deviation("no_content_type", "no content-type")
    elif word not in kind:
        yield Deviation("other_content_type", f"the content-type is {_short(kind)}")


def in_message(message: dict[str, Any]) -> Iterator[Deviation]:
    """Look at the text, the reasoning and the older field for a call."""
    content = message.get("content")
    if is_array(content):
        thinking = any(part.get("type") == "thinking" for part in objects(content))
        yield (
            Deviation("thinking_parts", "thinking stands in parts of the content")
            if thinking
            else Deviation("content_parts", "the content is a list of parts")
        )
    elif is_object(content):
        yield Deviation("content_object", "the content is an object")
    elif isinstance(content, str) and "<think>" in content:
        yield Deviation("think_tags", "reasoning stands in <think> tags in the text")
    legacy = message.get("function_call")
    if is_object(legacy) and legacy.get("name"):
        yield Deviation("function_call", "a call came in the older field `function_call`")


def in_calls(calls: list[dict[str, Any]]) -> Iterator[Deviation]:
    """Look at calls that are whole: ids, types, and where name and arguments stand."""
    if not all(calls):
        yield Deviation("placeholder_calls", "an empty object stands among the calls")
        calls = [call for call in calls if call]
    ids = [call.get("id") for call in calls]
    if any(given is None for given in ids):
        yield Deviation("no_id", "a call without an id")
    if "" in ids:
        yield Deviation("empty_id", "a call with an empty id")
    if any(isinstance(given, int | float) for given in ids):
        yield Deviation("number_id", "a call's id is a number")
    texts = [given for given in ids if given]
    if len(set(texts)) < len(texts):
        yield Deviation("same_id", f"{len(texts)} calls share the id {_short(texts[0])}")
    if any("type" not in call for call in calls):
        yield Deviation("no_type", "a call without a type")
    if any("type" in call and call["type"] is None for call in calls):
        yield Deviation("null_type", "a call with the type null")
    if any(not is_object(call.get("function")) and "name" in call for call in calls):
        yield Deviation("flat_call", "name and arguments stand in the call itself")
    values = [function.get("arguments", _ABSENT) for call in calls if is_object(function := call.get("function"))]
    if any(is_object(value) for value in values):
        yield Deviation("arguments_object", "arguments are an object, not text")
    if None in values:
        yield Deviation("null_arguments", "arguments are null")
    if _ABSENT in values:
        yield Deviation("no_arguments", "a call without arguments")
    if "" in values:
        yield Deviation("empty_arguments", "arguments are an empty text")


def in_arguments(reply: ChatCompletion) -> Iterator[Deviation]:
    """Look at the arguments of calls, each whole as text, unless the token limit has cut them."""
    if is_cut(reply.choices[0].finish_reason):
        return
    for text in (call.function.arguments.strip() for call in reply.message.tool_calls):
        try:
            read_object(text)
        except ArgumentError:
            yield Deviation(_damage(text), f"arguments that cannot be used: {_short(text)}")
            continue
        if text.startswith("```"):
            yield Deviation("fenced_arguments", "arguments stand in a code fence")
        elif text.startswith('"'):
            yield Deviation("double_encoded_arguments", "arguments are JSON text of JSON text")


def _damage(text: str) -> str:
    """Name what is wrong with arguments that are refused."""
    try:
        _, end = _DECODER.raw_decode(text)
    except ValueError:
        return "cut_arguments"
    return "trailing_junk" if end < len(text) else "unusable_arguments"


def in_finish(reason: Any, *, calls: bool) -> Iterator[Deviation]:
    """Look at the word that a choice ends with."""
    if not reason:
        yield Deviation("no_finish_reason", "finish_reason is missing or null")
    elif reason not in _FINISHED:
        yield Deviation(_word(reason), f"finish_reason is {_short(reason)}")
    elif calls and reason == "stop":
        yield Deviation("finish_stop_with_calls", "finish_reason is `stop` beside calls")


def _word(reason: Any) -> str:
    """Name a finish_reason that is none of the contract's."""
    if is_no_end(reason):
        return "finish_null"
    if isinstance(reason, str) and is_cut(reason):
        return "finish_model_length" if reason == "model_length" else "finish_max_tokens"
    return "unknown_finish_reason"


def in_usage(usage: Any) -> Iterator[Deviation]:
    """Look at the counts of a whole reply."""
    if not is_object(usage) or not usage:
        yield Deviation("no_usage", "no usage")
        return
    if is_renamed(usage):
        yield Deviation("other_counts", "usage counts `input_tokens` and `output_tokens`")
        return
    counts = [count for name in _COUNTS if isinstance(count := usage.get(name), int)]
    if len(counts) < len(_COUNTS):
        missing = ", ".join(name for name in _COUNTS if not isinstance(usage.get(name), int))
        yield Deviation("null_usage_counts", f"usage without a number for {missing}")
    elif sum(counts[:-1]) != counts[-1]:
        yield Deviation("wrong_total", f"usage {counts[0]} + {counts[1]} is not its total {counts[2]}")


def is_renamed(usage: Any) -> bool:
    """Tell whether a usage has other names for its counts."""
    return is_object(usage) and "prompt_tokens" not in usage and "input_tokens" in usage


def _short(value: Any) -> str:
    text = clean(scrub(value if isinstance(value, str) else json.dumps(value)))
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")
