"""Deviations in how a stream is told, delta by delta, beside those of `streamquirk`: functions over its chunks."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from agentkit.kind import is_object
from agentkit.testing.answer import Json, error_body
from agentkit.testing.usagequirk import taken_usage

__all__ = ["DELTA_QUIRKS"]

DELTA_QUIRKS: Final[dict[str, Callable[[list[Json]], list[Json]]]] = {}
"""Every such quirk by its name, in the order in which they are played."""

_BEYOND: Final = re.compile("[\U00010000-\U0010ffff]")


def _chunks(change: Callable[[list[Json]], list[Json]]) -> Callable[[list[Json]], list[Json]]:
    DELTA_QUIRKS[change.__name__.lstrip("_")] = change
    return change


def _choices(chunks: list[Json]) -> Iterator[Json]:
    return (choice for chunk in chunks for choice in chunk.get("choices") or ())


def _deltas(chunks: list[Json]) -> Iterator[Json]:
    return (choice["delta"] for choice in _choices(chunks) if is_object(choice.get("delta")))


def _calls(chunks: list[Json]) -> Iterator[Json]:
    return (call for delta in _deltas(chunks) for call in delta.get("tool_calls") or () if "function" in call)


def _ends(chunk: Json) -> bool:
    return any(choice.get("finish_reason") for choice in chunk.get("choices") or ())


def _said(chunk: Json, delta: Json, **more: Any) -> Json:
    """Copy a chunk with another delta in its first choice."""
    choice = {**chunk["choices"][0], "delta": delta, "finish_reason": None, **more}
    return {**chunk, "choices": [choice]}


@_chunks
def _finish_repeated(chunks: list[Json]) -> list[Json]:
    """finish_reason comes again in a further chunk (OpenRouter)."""
    return [one for chunk in chunks for one in ([chunk, copy.deepcopy(chunk)] if _ends(chunk) else [chunk])]


@_chunks
def _delta_after_finish(chunks: list[Json]) -> list[Json]:
    """The chunk with finish_reason comes before the last delta (Together)."""
    places = [place for place, chunk in enumerate(chunks) if _ends(chunk)]
    if len(places) == 1 and places[0] > 1:
        end = places[0]
        chunks[end - 1], chunks[end] = chunks[end], chunks[end - 1]
    return chunks


@_chunks
def _finish_absent(chunks: list[Json]) -> list[Json]:
    """Chunks have no finish_reason until it is known (xAI, Hugging Face, Cloudflare)."""
    for choice in _choices(chunks):
        if not choice.get("finish_reason"):
            choice.pop("finish_reason", None)
    return chunks


@_chunks
def _delta_absent(chunks: list[Json]) -> list[Json]:
    """A choice has no delta (Azure's content filter)."""
    first = next((chunk for chunk in chunks if chunk.get("choices")), None)
    if first is None:
        return chunks
    bare: Json = {"index": 0, "finish_reason": None, "logprobs": None, "content_filter_results": {}}
    return [*chunks[:1], {**first, "choices": [bare]}, *chunks[1:]]


@_chunks
def _empty_deltas(chunks: list[Json]) -> list[Json]:
    """Every second delta is empty."""
    return [
        one
        for chunk in chunks
        for one in ([chunk, _said(chunk, {})] if chunk.get("choices") and not _ends(chunk) else [chunk])
    ]


@_chunks
def _choices_absent(chunks: list[Json]) -> list[Json]:
    """A chunk has no choices."""
    return [
        *chunks[:1],
        {key: value for key, value in chunks[0].items() if key not in {"choices", "error"}},
        *chunks[1:],
    ]


@_chunks
def _ids_differ(chunks: list[Json]) -> list[Json]:
    """Every chunk has another id."""
    for place, chunk in enumerate(chunks):
        chunk["id"] = f"chatcmpl-{place}"
    return chunks


@_chunks
def _object_of_document(chunks: list[Json]) -> list[Json]:
    """`object` is `chat.completion` in chunks too (Perplexity)."""
    for chunk in chunks:
        chunk["object"] = "chat.completion"
    return chunks


@_chunks
def _message_beside_delta(chunks: list[Json]) -> list[Json]:
    """The whole message so far stands beside each delta (Perplexity)."""
    texts: dict[int, str] = {}
    for choice in _choices(chunks):
        piece = choice["delta"].get("content") if is_object(choice.get("delta")) else None
        index = choice.get("index", 0)
        texts[index] = texts.get(index, "") + (piece if isinstance(piece, str) else "")
        choice["message"] = {"role": "assistant", "content": texts[index]}
    return chunks


@_chunks
def _null_delta_calls(chunks: list[Json]) -> list[Json]:
    """Deltas have tool_calls, function_call and refusal null where they say nothing of them (Snowflake, Together)."""
    for delta in _deltas(chunks):
        for name in ("tool_calls", "function_call", "refusal"):
            delta.setdefault(name, None)
    return chunks


@_chunks
def _null_reasoning_deltas(chunks: list[Json]) -> list[Json]:
    """Deltas have the fields for reasoning, null or empty (OpenRouter, DeepSeek)."""
    for delta in _deltas(chunks):
        delta.setdefault("reasoning", None)
        delta.setdefault("reasoning_content", "")
        delta.setdefault("reasoning_details", [])
    return chunks


@_chunks
def _padding(chunks: list[Json]) -> list[Json]:
    """Chunks are padded, so that their size tells nothing (OpenAI's `obfuscation`, Mistral's `p`)."""
    for chunk in chunks:
        chunk |= {"obfuscation": "x7Kq", "p": "abcdefghijklm"}
    return chunks


@_chunks
def _late_id(chunks: list[Json]) -> list[Json]:
    """The id of a call comes in a delta after its name."""
    kept: list[Json] = []
    for chunk in chunks:
        named = [call for call in _calls([chunk]) if call["function"].get("name") and "index" in call]
        late: list[Json] = [
            {"index": call["index"], "id": call.pop("id"), "function": {}} for call in named if call.get("id")
        ]
        kept += [chunk, *(_said(chunk, {"tool_calls": [call]}) for call in late)]
    return kept


@_chunks
def _late_name(chunks: list[Json]) -> list[Json]:
    """The name of a call comes in a delta after its id."""
    kept: list[Json] = []
    for chunk in chunks:
        named: list[Json] = []
        for call in _calls([chunk]):
            function: Json = call["function"]
            if call.get("id") and "index" in call and function.get("name") and not function.get("arguments"):
                call["function"] = {}
                named.append({"index": call["index"], "function": function})
        kept += [chunk, *(_said(chunk, {"tool_calls": [call]}) for call in named)]
    return kept


@_chunks
def _new_ids(chunks: list[Json]) -> list[Json]:
    """Every delta of a call has another id; the first one has the name (vLLM)."""
    for place, call in enumerate(call for call in _calls(chunks) if not call["function"].get("name")):
        call["id"] = f"chatcmpl-tool-{place}"
    return chunks


@_chunks
def _arguments_told_again(chunks: list[Json]) -> list[Json]:
    """After the last delta of a call its whole arguments come once more (GLM's servers, proxies of Responses)."""
    told: dict[tuple[int, int], str] = {}
    ends: dict[tuple[int, int], Json] = {}
    for choice in _choices(chunks):
        for call in _calls([{"choices": [choice]}]):
            text = call["function"].get("arguments")
            if "index" in call and isinstance(text, str):
                place = (choice["index"], call["index"])
                told[place] = told.get(place, "") + text
                ends[place] = choice
    kept: list[Json] = []
    for chunk in chunks:
        again = [place for place, end in ends.items() if any(end is choice for choice in chunk.get("choices") or ())]
        pieces = [{"index": place[1], "function": {"arguments": told[place]}} for place in again]
        kept += [chunk, *(_said(chunk, {"tool_calls": [piece]}) for piece in pieces)]
    return kept


@_chunks
def _null_first_arguments(chunks: list[Json]) -> list[Json]:
    """The arguments are null in the delta that names a call."""
    for call in _calls(chunks):
        if call["function"].get("name") and call["function"].get("arguments") == "":
            call["function"]["arguments"] = None
    return chunks


@_chunks
def _empty_call_deltas(chunks: list[Json]) -> list[Json]:
    """After each delta of a call comes one that adds nothing, and one with no call at all (Ollama)."""
    kept: list[Json] = []
    for chunk in chunks:
        kept.append(chunk)
        for call in _calls([chunk]):
            if "index" in call:
                kept.append(_said(chunk, {"tool_calls": [{"index": call["index"], "function": {"arguments": ""}}]}))
                kept.append(_said(chunk, {"tool_calls": []}))
    return kept


@_chunks
def _calls_in_one_chunk(chunks: list[Json]) -> list[Json]:
    """All calls come whole in one chunk (Mistral)."""
    known: dict[tuple[int, int], Json] = {}
    holders: dict[int, Json] = {}
    kept: list[Json] = []
    for chunk in chunks:
        call = next(_calls([chunk]), None)
        if call is None or "index" not in call:
            kept.append(chunk)
            continue
        choice = chunk["choices"][0]
        place = (choice["index"], call["index"])
        if place in known:
            text = call["function"].get("arguments") or ""
            known[place]["function"]["arguments"] = (known[place]["function"].get("arguments") or "") + text
            continue
        known[place] = call
        if choice["index"] in holders:
            holders[choice["index"]]["choices"][0]["delta"]["tool_calls"].append(call)
        else:
            holders[choice["index"]] = chunk
            kept.append(chunk)
    return kept


@_chunks
def _split_surrogates(chunks: list[Json]) -> list[Json]:
    """A character beyond U+FFFF comes as the halves of its surrogate pair, in two chunks (servers in JavaScript)."""
    kept: list[Json] = []
    for chunk in chunks:
        kept.append(chunk)
        texts = [rest for delta in _deltas([chunk]) if (rest := _halved(delta, "content"))]
        kept += [_said(chunk, {"content": rest}) for rest in texts]
        for call in _calls([chunk]):
            if rest := _halved(call["function"], "arguments"):
                place = {"index": call["index"]} if "index" in call else {}
                kept.append(_said(chunk, {"tool_calls": [{**place, "function": {"arguments": rest}}]}))
    return kept


def _halved(holder: Json, key: str) -> str:
    """Leave a text up to the middle of its first such character and give the rest."""
    text: Any = holder.get(key)
    if not isinstance(text, str) or not (found := _BEYOND.search(text)):
        return ""
    pair = found.group().encode("utf-16-le")
    first, second = (pair[start : start + 2].decode("utf-16-le", "surrogatepass") for start in (0, 2))
    holder[key] = text[: found.start()] + first
    return second + text[found.end() :]


@_chunks
def _cumulative_arguments(chunks: list[Json]) -> list[Json]:
    """Each delta of a call has all of its arguments so far (proxies of DeepSeek's and Baidu's models)."""
    told: dict[tuple[int, int], str] = {}
    for choice in _choices(chunks):
        for call in _calls([{"choices": [choice]}]):
            text = call["function"].get("arguments")
            if "index" in call and isinstance(text, str):
                place = (choice["index"], call["index"])
                told[place] = call["function"]["arguments"] = told.get(place, "") + text
    return chunks


@_chunks
def _message_again(chunks: list[Json]) -> list[Json]:
    """At the end the whole message of each choice comes once more, in a chunk without a delta (MiniMax)."""
    whole = list(_choices(_calls_in_one_chunk(copy.deepcopy(chunks))))
    kept = [*chunks]
    for chunk in filter(_ends, chunks):
        for choice in chunk["choices"]:
            again = {key: value for key, value in choice.items() if key != "delta"}
            again["message"] = _joined([one for one in whole if one["index"] == choice["index"]])
            good = {"status_code": 0, "status_msg": ""}
            kept.append({**chunk, "object": "chat.completion", "choices": [again], "base_resp": good})
    return kept


def _joined(choices: list[Json]) -> Json:
    """Join the text and the calls of a choice, each of which is whole in one delta."""
    deltas = list(_deltas([{"choices": choices}]))
    texts = [delta["content"] for delta in deltas if isinstance(delta.get("content"), str)]
    made = [call for delta in deltas for call in delta.get("tool_calls") or ()]
    message: Json = {"role": "assistant", "content": "".join(texts)}
    return {**message, "tool_calls": made} if made else message


@_chunks
def _finish_null(chunks: list[Json]) -> list[Json]:
    """finish_reason is the text `null` until the end (proxies of Alibaba's own API)."""
    for choice in _choices(chunks):
        choice["finish_reason"] = choice.get("finish_reason") or "null"
    return chunks


@_chunks
def _error_with_code(chunks: list[Json]) -> list[Json]:
    """An error with a numeric code stands in the last chunk, beside an empty choice and a usage (OpenRouter)."""
    error: Any = error_body("Provider returned error")["error"] | {"code": 502, "metadata": {"raw": "overloaded"}}
    choice = {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": "error"}
    return [*chunks[:2], {**chunks[0], "choices": [choice], "usage": taken_usage(chunks), "error": error}]
