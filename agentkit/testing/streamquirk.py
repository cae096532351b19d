"""Deviations in how a reply is told: functions over the chunks of a stream, and over the bytes of a body's pieces."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from itertools import pairwise, zip_longest
from typing import Any, Final

from agentkit.testing.answer import Json, error_body
from agentkit.testing.chunk import DONE

__all__ = ["CHUNK_QUIRKS", "PIECE_QUIRKS"]

CHUNK_QUIRKS: Final[dict[str, Callable[[list[Json]], list[Json]]]] = {}
"""Every quirk of a stream's chunks by its name, in the order in which they are played."""

PIECE_QUIRKS: Final[dict[str, Callable[[list[bytes]], list[bytes]]]] = {}
"""Every quirk of the bytes by its name: a stream's events with the closing `[DONE]`, or one JSON document.

Their order here is that in which they are played: what is told first, then how its lines are framed.
"""


def _chunks(change: Callable[[list[Json]], list[Json]]) -> Callable[[list[Json]], list[Json]]:
    CHUNK_QUIRKS[change.__name__.lstrip("_")] = change
    return change


def _pieces(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[list[bytes]], list[bytes]]:
    PIECE_QUIRKS[change.__name__.lstrip("_")] = change
    return change


def _choices(chunks: list[Json]) -> Iterator[Json]:
    return (choice for chunk in chunks for choice in chunk.get("choices") or ())


def _deltas(chunks: list[Json]) -> Iterator[Json]:
    return (choice["delta"] for choice in _choices(chunks))


def _calls(chunks: list[Json]) -> Iterator[Json]:
    several = (call for delta in _deltas(chunks) for call in delta.get("tool_calls") or ())
    return (call for call in several if "function" in call)


def _indexed(chunks: list[Json]) -> Iterator[Json]:
    return (call for call in _calls(chunks) if "index" in call)


@_chunks
def _no_index(chunks: list[Json]) -> list[Json]:
    """Deltas of calls have no index, and each call is whole in one (Mistral, Gemini)."""
    chunks = _whole_calls(chunks)
    for call in _calls(chunks):
        del call["index"]
    return chunks


@_chunks
def _no_index_in_pieces(chunks: list[Json]) -> list[Json]:
    """Deltas of calls have no index, and a call comes in several, of which the first has its id and name."""
    for call in _calls(chunks):
        call.pop("index", None)
    return chunks


@_chunks
def _whole_calls(chunks: list[Json]) -> list[Json]:
    """Each call is whole in one delta (Mistral, xAI)."""
    kept: list[Json] = []
    known: dict[tuple[int, int], Json] = {}
    for chunk in chunks:
        call = next(_indexed([chunk]), None)
        place = (chunk["choices"][0]["index"], call["index"]) if call else None
        if call and place in known:
            known[place]["function"]["arguments"] += call["function"]["arguments"]
            continue
        kept.append(chunk)
        if call and place:
            known[place] = call
    return kept


@_chunks
def _interleaved_calls(chunks: list[Json]) -> list[Json]:
    """The deltas of several calls take turns."""
    tracks: dict[int, list[Json]] = {}
    for chunk in chunks:
        for call in _indexed([chunk]):
            tracks.setdefault(call["index"], []).append(chunk)
    woven = iter([chunk for turn in zip_longest(*tracks.values()) for chunk in turn if chunk])
    return [next(woven) if any(_indexed([chunk])) else chunk for chunk in chunks]


@_chunks
def _name_repeated(chunks: list[Json]) -> list[Json]:
    """Every delta of a call has its id and name again."""
    first: dict[tuple[int, int], Json] = {}
    for choice in _choices(chunks):
        for call in _indexed([{"choices": [choice]}]):
            known = first.setdefault((choice["index"], call["index"]), call)
            call |= {key: known[key] for key in ("id", "type") if key in known}
            call["function"]["name"] = known["function"]["name"]
    return chunks


@_chunks
def _name_split(chunks: list[Json]) -> list[Json]:
    """A call's name comes in two deltas."""
    kept: list[Json] = []
    for chunk in chunks:
        kept.append(chunk)
        for call in _indexed([chunk]):
            name = call["function"].get("name", "")
            if len(name) > 1:
                call["function"]["name"] = name[: len(name) // 2]
                rest = {"index": call["index"], "function": {"name": name[len(name) // 2 :]}}
                kept.append({**chunk, "choices": [{**chunk["choices"][0], "delta": {"tool_calls": [rest]}}]})
    return kept


@_chunks
def _shared_index(chunks: list[Json]) -> list[Json]:
    """All calls have the index 0; only a new id tells them apart."""
    for call in _calls(chunks):
        call["index"] = 0
    return chunks


@_chunks
def _finish_early(chunks: list[Json]) -> list[Json]:
    """finish_reason comes with the last delta of text or arguments (Mistral, Gemini)."""
    kept: list[Json] = []
    for chunk in chunks:
        last = next(_choices([chunk]), None)
        before = next((one for one in _choices(kept[::-1]) if last and one["index"] == last["index"]), None)
        if last and before and not last["delta"]:
            before["finish_reason"] = last["finish_reason"]
        else:
            kept.append(chunk)
    return kept


@_chunks
def _null_content_deltas(chunks: list[Json]) -> list[Json]:
    """Every delta without text has the content null."""
    for delta in _deltas(chunks):
        delta.setdefault("content", None)
    return chunks


@_chunks
def _role_repeated(chunks: list[Json]) -> list[Json]:
    """Every delta has the role (OpenRouter, Ollama)."""
    for delta in _deltas(chunks):
        delta["role"] = "assistant"
    return chunks


@_chunks
def _no_role(chunks: list[Json]) -> list[Json]:
    """No delta has a role (Cloudflare)."""
    for delta in _deltas(chunks):
        delta.pop("role", None)
    return chunks


@_chunks
def _delta_null(chunks: list[Json]) -> list[Json]:
    """A chunk has the delta null, and so has the last (Azure)."""
    for choice in _choices(chunks):
        choice["delta"] = choice["delta"] or None
    blank = [{**choice, "delta": None, "logprobs": None} for choice in _choices(chunks[:1])]
    return [*chunks[:1], {**chunks[0], "choices": blank}, *chunks[1:]]


@_chunks
def _choices_null(chunks: list[Json]) -> list[Json]:
    """A chunk has the choices null, and so has the one with the usage."""
    for chunk in chunks:
        chunk["choices"] = chunk.get("choices") or None
    return [*chunks[:1], {**chunks[0], "choices": None}, *chunks[1:]]


@_chunks
def _usage_every_chunk(chunks: list[Json]) -> list[Json]:
    """Every chunk has a usage, growing, whether asked for or not; the last one is right."""
    last = next((chunk["usage"] for chunk in reversed(chunks) if chunk.get("usage")), None)
    total = last or {"prompt_tokens": 7, "completion_tokens": len(chunks), "total_tokens": 7 + len(chunks)}
    for place, chunk in enumerate(chunks[:-1]):
        prompt, done = total.get("prompt_tokens", 0), min(place, total.get("completion_tokens", 0))
        chunk["usage"] = {"prompt_tokens": prompt, "completion_tokens": done, "total_tokens": prompt + done}
    chunks[-1]["usage"] = total
    return chunks


@_chunks
def _empty_choices_first(chunks: list[Json]) -> list[Json]:
    """A chunk without choices, id and model comes first (Azure's prompt filter)."""
    safe = {"hate": {"filtered": False, "severity": "safe"}}
    results = [{"prompt_index": 0, "content_filter_results": safe}]
    return [
        {"choices": [], "created": 0, "id": "", "model": "", "object": "", "prompt_filter_results": results},
        *chunks,
    ]


@_chunks
def _error_mid_stream(chunks: list[Json]) -> list[Json]:
    """An error object follows the second chunk and ends the stream."""
    return [*chunks[:2], error_body("The server is overloaded.", kind="server_error", code="overloaded")]


@_pieces
def _error_event(pieces: list[bytes]) -> list[bytes]:
    """An event of the type `error` follows the second chunk and ends the stream (Groq)."""
    error: Any = error_body("Tool call validation failed.", code="tool_use_failed")
    error["error"]["failed_generation"] = "<function=no_such_tool>{}"
    return [*pieces[:2], b"event: error\ndata: %b\n\n" % json.dumps(error).encode()]


@_pieces
def _error_line(pieces: list[bytes]) -> list[bytes]:
    """A line `error:`, which is no field of events, follows the second chunk and ends the stream (llama-box)."""
    error = {"detail": "failed to decode", "error": {"message": "failed to decode", "code": 500}}
    return [*pieces[:2], b"error: %b\n\n" % json.dumps(error).encode()]


@_pieces
def _no_done(pieces: list[bytes]) -> list[bytes]:
    """`[DONE]` is missing."""
    return [piece for piece in pieces if piece != DONE]


@_pieces
def _done_then_more(pieces: list[bytes]) -> list[bytes]:
    """After `[DONE]` comes a chunk, and `[DONE]` again."""
    late = b'data: {"choices":[{"index":0,"delta":{"content":" too late"},"finish_reason":null}]}\n\n'
    return [*pieces, late, DONE]


@_pieces
def _pings(pieces: list[bytes]) -> list[bytes]:
    """Events of the type `ping`, whose data is no JSON, stand between the others (proxies)."""
    return [part for piece in pieces for part in (b"event: ping\ndata: still here\n\n", piece)]


@_pieces
def _several_data_lines(pieces: list[bytes]) -> list[bytes]:
    """The JSON of an event lies on several `data:` lines."""
    return [_indented(piece) if piece.startswith(b"data: {") else piece for piece in pieces]


def _indented(piece: bytes) -> bytes:
    lines = json.dumps(json.loads(piece[len(b"data: ") :]), indent=1).splitlines()
    return "".join(f"data: {line}\n" for line in lines).encode() + b"\n"


@_pieces
def _no_blank_lines(pieces: list[bytes]) -> list[bytes]:
    """No blank lines part the events: each `data:` line is one."""
    return [re.sub(rb"\n\n\Z", b"\n", piece) for piece in pieces]


@_pieces
def _data_without_space(pieces: list[bytes]) -> list[bytes]:
    """`data:` is not followed by a space."""
    return [re.sub(rb"(?m)^data: ", b"data:", piece) for piece in pieces]


@_pieces
def _comments(pieces: list[bytes]) -> list[bytes]:
    """Comment lines stand between the events (OpenRouter)."""
    return [line for piece in pieces for line in (b": OPENROUTER PROCESSING\n\n", piece)]


@_pieces
def _other_fields(pieces: list[bytes]) -> list[bytes]:
    """Events have `id`, `retry` and `event` fields too."""
    return [b"event: message\nid: %d\nretry: 1000\n%b" % (place, piece) for place, piece in enumerate(pieces)]


@_pieces
def _leading_whitespace(pieces: list[bytes]) -> list[bytes]:
    """Blank lines keep the connection alive before the body (OpenRouter)."""
    return [b"\n         \n", b"\n        \n", *pieces]


@_pieces
def _bom(pieces: list[bytes]) -> list[bytes]:
    """A byte order mark comes first."""
    return [b"\xef\xbb\xbf" + pieces[0], *pieces[1:]]


@_pieces
def _crlf(pieces: list[bytes]) -> list[bytes]:
    """Lines end with CR LF, and the two come in different network reads (Perplexity)."""
    return [part for piece in pieces for part in (piece.replace(b"\n", b"\r\n")[:-1], b"\n")]


@_pieces
def _split_utf8(pieces: list[bytes]) -> list[bytes]:
    """Network reads end in the middle of lines and of characters."""
    body = b"".join(pieces)
    edges = [0, *(place for place in range(1, len(body)) if place % 23 == 0 or 0x80 <= body[place] < 0xC0), len(body)]
    return [body[start:end] for start, end in pairwise(edges)]
