"""Deviations of a streamed answer, found in its raw bytes; pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import groupby, pairwise
from typing import Any, Final

from agentkit.doctor.deviation import (
    Deviation,
    in_arguments,
    in_calls,
    in_envelope,
    in_finish,
    in_kind,
    in_message,
    in_usage,
    is_renamed,
    objects,
)
from agentkit.doctor.reply import in_head
from agentkit.http.stream import is_events
from agentkit.kind import is_array, is_object
from agentkit.wire.ending import is_no_end
from agentkit.wire.response import ChatCompletion
from agentkit.wire.sse import DONE, SSEDecoder

__all__ = ["in_error", "in_stream"]

_ERROR_EVENT: Final = re.compile(rb"(?m)^event: ?error")
_ERROR_LINE: Final = re.compile(rb"(?m)^error:")
_LINES: Final = {
    "comments": (re.compile(rb"(?m)^:"), "comment lines between the events"),
    "crlf": (re.compile(rb"\r\n"), "lines end with CR LF"),
    "several_data_lines": (re.compile(rb"(?m)^data:[^\r\n]*\r?\ndata:"), "an event has several `data:` lines"),
    "data_without_space": (re.compile(rb"(?m)^data:[^ \r\n]"), "`data:` without a space after it"),
    "other_fields": (re.compile(rb"(?m)^(event|id|retry):"), "events have other fields than `data`"),
}


def in_stream(raw: bytes, headers: Mapping[str, str], reply: ChatCompletion, *, usage_asked: bool) -> list[Deviation]:
    """Look at a streamed answer.

    Args:
        raw: The body as it came.
        headers: By name in small letters.
        reply: The same as agentkit joins it.
        usage_asked: Whether the request had `stream_options`.
    """
    if not is_events(raw):
        return [Deviation("json_for_stream", "a stream request is answered with one JSON document")]
    payloads = _payloads(raw)
    end = payloads.index(DONE) if DONE in payloads else len(payloads)
    chunks = [chunk for data in payloads[:end] if is_object(chunk := _decoded(data))]
    found = [*in_head(raw), *_in_lines(raw, headers), *_in_end(payloads)]
    found += _in_chunks(chunks)
    deltas = [delta for choice in _choices(chunks) if is_object(delta := choice.get("delta"))]
    found += _in_deltas(deltas)
    found += _in_pieces([call for delta in deltas for call in objects(delta.get("tool_calls"))], reply)
    found += in_arguments(reply)
    found += _in_finish(chunks)
    return [*found, *_in_usage(chunks, asked=usage_asked, came=reply.usage is not None)]


def in_error(raw: bytes) -> Deviation:
    """Name an error that came under the status 200."""
    if _ERROR_LINE.search(raw):
        return Deviation("error_line", "a line `error:` in a stream")
    if _ERROR_EVENT.search(raw):
        return Deviation("error_event", "an event of the type `error` in a stream")
    if is_events(raw):
        return Deviation("error_mid_stream", "an error in a stream, under the status 200")
    return Deviation("error_in_200", "an error under the status 200")


def _payloads(raw: bytes) -> list[bytes]:
    decoder = SSEDecoder()
    return [event.data.strip() for event in (*decoder.feed(raw), *decoder.end())]


def _decoded(data: bytes) -> Any:
    try:
        return json.loads(data, strict=False)
    except ValueError:
        return None


def _choices(chunks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give the pieces of the first choice."""
    choices = [choice for chunk in chunks for choice in objects(chunk.get("choices"))]
    return [choice for choice in choices if choice.get("index") in (0, None)]


def _in_lines(raw: bytes, headers: Mapping[str, str]) -> Iterator[Deviation]:
    several = _LINES["several_data_lines"][0].search(raw)
    parted = several is None or _decoded(several.group()[len(b"data:") :].splitlines()[0]) is None
    for name, (pattern, seen) in _LINES.items():
        if pattern.search(raw) and (parted or name != "several_data_lines"):
            yield Deviation(name, seen)
    if not parted:
        yield Deviation("no_blank_lines", "no blank lines between the events")
    yield from in_kind(headers, "event-stream")


def _in_end(payloads: list[bytes]) -> Iterator[Deviation]:
    if DONE not in payloads:
        yield Deviation("no_done", "no `[DONE]` at the end")
    elif payloads.index(DONE) < len(payloads) - 1:
        yield Deviation("done_then_more", "more events after `[DONE]`")


def _in_chunks(chunks: list[dict[str, Any]]) -> Iterator[Deviation]:
    if chunks:
        named = next((chunk for chunk in chunks if chunk.get("choices")), chunks[0])
        yield from in_envelope(named)
    if any(chunk.get("choices", 0) is None for chunk in chunks):
        yield Deviation("choices_null", "a chunk with `choices: null`")
    empty = [place for place, chunk in enumerate(chunks) if chunk.get("choices") == [] and not chunk.get("usage")]
    if empty:
        name = "empty_choices" if empty[0] else "empty_choices_first"
        yield Deviation(name, "a chunk without choices that has no usage either")
    indexes = {choice.get("index") for chunk in chunks for choice in objects(chunk.get("choices"))} - {None}
    if len(indexes) > 1:
        yield Deviation("two_choices", f"{len(indexes)} choices, though one was asked for")
    choices = _choices(chunks)
    if any(not isinstance(choice.get("index"), int) for choice in choices):
        yield Deviation("no_choice_index", "a choice without an index")
    bare = [place for place, choice in enumerate(choices) if not is_object(choice.get("delta"))]
    again = [place for place in bare if place and is_object(choices[place].get("message"))]
    if again:
        yield Deviation("message_again", "the whole message comes again after its deltas")
    if len(bare) > len(again):
        yield Deviation("delta_null", "a choice whose delta is null or missing")


def _in_deltas(deltas: list[dict[str, Any]]) -> Iterator[Deviation]:
    roles = sum(1 for delta in deltas if delta.get("role"))
    if not roles:
        yield Deviation("no_role", "no delta has a role")
    elif roles > 1:
        yield Deviation("role_repeated", f"{roles} deltas have the role")
    if any(delta.get("content", 0) is None and not delta.get("tool_calls") for delta in deltas[1:]):
        yield Deviation("null_content_deltas", "deltas with the content null")
    texts = [delta["content"] for delta in deltas if isinstance(delta.get("content"), str)]
    shaped = [delta["content"] for delta in deltas if is_array(delta.get("content")) or is_object(delta.get("content"))]
    for content in ("".join(texts), *shaped[:1]):
        yield from in_message({"content": content})
    legacy = next((delta["function_call"] for delta in deltas if delta.get("function_call")), None)
    yield from in_message({"function_call": legacy})


def _in_pieces(pieces: list[dict[str, Any]], reply: ChatCompletion) -> Iterator[Deviation]:
    """Look at the pieces of calls: `index` says which call one belongs to, the first has id, type and name."""
    yield from in_calls([piece for piece in pieces if not piece])
    pieces = [piece for piece in pieces if piece]
    if not pieces:
        return
    indexes = [index for piece in pieces if isinstance(index := piece.get("index"), int)]
    if len(indexes) < len(pieces):
        yield Deviation("no_index", "pieces of calls without an index")
    elif min(indexes) > 0:
        yield Deviation("index_from_one", f"the first call has the index {min(indexes)}")
    if len([index for index, _ in groupby(indexes)]) > len(set(indexes)):
        yield Deviation("interleaved_calls", "the pieces of several calls take turns")
    tracks = _tracks(pieces, "index")
    if any(len({piece["id"] for piece in track if piece.get("id") and _name(piece)}) > 1 for track in tracks):
        yield Deviation("shared_index", "calls with different ids share an index")
        tracks = _tracks(pieces, "id")
    for track in tracks:
        yield from _in_track(track)
        yield from _in_told(track)
    if len(pieces) == len(reply.message.tool_calls):
        yield Deviation("whole_calls", "each call comes whole in one piece")
    yield from in_calls([_with_arguments(track) for track in tracks])


def _tracks(pieces: list[dict[str, Any]], name: str) -> list[list[dict[str, Any]]]:
    """Put the pieces of each call together: by "index", or by "id"; one that has neither goes on with the last call."""
    tracks: dict[Any, list[dict[str, Any]]] = {}
    last: Any = None
    for place, piece in enumerate(pieces):
        own: Any = piece.get(name)
        if own is None and name == "index" and (piece.get("id") or _name(piece)):
            own = f"piece {place}"
        last = own or last if name == "id" else (last if own is None else own)
        tracks.setdefault(last, []).append(piece)
    return list(tracks.values())


def _name(piece: dict[str, Any]) -> Any:
    function = piece.get("function")
    return function.get("name") if is_object(function) else None


def _in_track(track: list[dict[str, Any]]) -> Iterator[Deviation]:
    """Look at the pieces of one call."""
    ids = [place for place, piece in enumerate(track) if piece.get("id")]
    if ids and ids[0]:
        yield Deviation("late_id", "a call's id comes after its first piece")
    if len({track[place]["id"] for place in ids}) > 1:
        yield Deviation("new_ids", "each piece of a call has another id")
    elif len(ids) > 1:
        yield Deviation("id_repeated", "each piece of a call has its id")
    names = [name for piece in track if (name := _name(piece))]
    if len(set(names)) > 1:
        yield Deviation("name_split", "a call's name comes in pieces")
    elif len(names) > 1:
        yield Deviation("name_repeated", "each piece of a call has its name")


def _in_told(track: list[dict[str, Any]]) -> Iterator[Deviation]:
    """Look whether the arguments of one call are told twice: in pieces, then whole."""
    functions = [piece["function"] for piece in track if is_object(piece.get("function"))]
    *before, last = [text for one in functions if isinstance(text := one.get("arguments"), str) and text] or [""]
    if len(before) > 1 and all(longer.startswith(shorter) for shorter, longer in pairwise((*before, last))):
        yield Deviation("cumulative_arguments", "each piece of a call has all its arguments so far")
    elif len(before) > 1 and "".join(before) == last:
        yield Deviation("arguments_told_again", "the whole arguments of a call come again after their pieces")


def _with_arguments(track: list[dict[str, Any]]) -> dict[str, Any]:
    """Give the first piece of a call, with the id that comes later and the arguments of all."""
    known = next((piece["id"] for piece in track if piece.get("id")), None)
    first = {**track[0], "id": known} if known else track[0]
    functions = [piece["function"] for piece in track if is_object(piece.get("function"))]
    told = [function["arguments"] for function in functions if "arguments" in function]
    texts = [value for value in told if isinstance(value, str)]
    if not told:
        return {**first, "function": {}} if functions else first
    arguments: Any = "".join(texts) if texts else next((value for value in told if value is not None), None)
    return {**first, "function": {"arguments": arguments}}


def _in_finish(chunks: list[dict[str, Any]]) -> Iterator[Deviation]:
    choices = _choices(chunks)
    deltas = [delta for choice in choices if is_object(delta := choice.get("delta"))]
    calls = any(any(objects(delta.get("tool_calls"))) for delta in deltas)
    reasons = [choice.get("finish_reason") for choice in choices]
    words = [reason for reason in reasons if is_no_end(reason)]
    yield from in_finish(words[0], calls=calls) if words else ()
    places = [place for place, reason in enumerate(reasons) if reason and not is_no_end(reason)]
    yield from in_finish(reasons[places[-1]] if places else None, calls=calls)
    if not places:
        return
    saying = [place for place, choice in enumerate(choices) if _says(choice.get("delta"))]
    if places[0] in saying:
        yield Deviation("finish_early", "finish_reason comes with the last piece of text or call")
    if any(place > places[0] for place in saying):
        yield Deviation("delta_after_finish", "text or calls come after finish_reason")


def _says(delta: Any) -> bool:
    return is_object(delta) and bool(delta.get("content") or any(objects(delta.get("tool_calls"))))


def _in_usage(chunks: list[dict[str, Any]], *, asked: bool, came: bool) -> Iterator[Deviation]:
    places = [place for place, chunk in enumerate(chunks) if chunk.get("usage")]
    if asked and not came:  # it may stand elsewhere: Groq's `x_groq`
        yield Deviation("no_usage", "no usage, though `stream_options` asked for it")
    elif not asked and places:
        yield Deviation("usage_unasked", "usage comes unasked")
    elif not places and any(choice.get("usage") for choice in _choices(chunks)):
        yield Deviation("usage_in_choice", "usage stands in a choice")
    told: list[Any] = [chunks[place]["usage"] for place in places]
    if any(is_renamed(usage) for usage in told):
        yield from in_usage(next(usage for usage in told if is_renamed(usage)))
    if len(places) > 1 and not any(_is_full(usage) for usage in told):
        yield Deviation("usage_split", f"the counts of usage stand in {len(places)} chunks")
    elif len(places) > 1:
        yield Deviation("usage_every_chunk", f"usage in {len(places)} of {len(chunks)} chunks")
    elif places and chunks[places[0]].get("choices"):
        yield Deviation("usage_with_choices", "usage comes in a chunk that has choices")


def _is_full(usage: Any) -> bool:
    return is_object(usage) and ("prompt_tokens" in usage) == ("completion_tokens" in usage)
