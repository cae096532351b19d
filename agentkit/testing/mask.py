"""Secrets taken out of what is recorded, before it touches the disk: known ones, and what looks like one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from agentkit.kind import is_array, is_object
from agentkit.secret import scrub

__all__ = ["mask_body", "mask_bytes", "mask_json", "mask_text"]

_HIDDEN = "[secret]"
_FIELD = re.compile(
    r"(?i)^(?:[\w-]*[-_])?(?:api|access|auth|bearer|client|id|private|refresh|session|subscription)[-_]?(?:key|token|secret)$"
    r"|^(?:key|token|secret|password|(?:proxy-)?authorization|(?:set-)?cookie)$"
)
_PARAMETER = re.compile(
    r"(?i)([?&](?:[\w.-]*[-_.])?(?:(?:api|access|awsaccess|subscription)?key(?:id)?|\w*token|\w*secret"
    r"|sig(?:nature)?|auth(?:orization)?|password|credentials?)=)[^&#\s\"'<>\\)]+"
)
_LOGIN = re.compile(r"(?<=://)[^/\s\"'@:]+:[^/\s\"'@]+@")
# The keys of OpenAI and those who copied its form, Groq, xAI, Hugging Face, Perplexity, NVIDIA; Google; a whole header.
_KEY = re.compile(r"\b(?:sk|rk|gsk|xai|hf|pplx|nvapi)[-_][\w-]{20,}|\bAIza[\w-]{30,}|(?<=\bBearer )[\w.~+/-]{20,}=*")

_WORDS = ("id", "name", "role", "type")  # fields that an event tells whole


def mask_text(text: str) -> str:
    """Hide known secrets, what has the form of a key, a URL's login, and its parameters that are named like a key."""
    text = _KEY.sub(_HIDDEN, scrub(text))
    return _PARAMETER.sub(rf"\1{_HIDDEN}", _LOGIN.sub(f"{_HIDDEN}@", text))


def mask_json(value: Any) -> Any:
    """Hide the secrets in decoded JSON, the texts of fields that are named like a key too."""
    if isinstance(value, str):
        return mask_text(value)
    if is_array(value):
        return [mask_json(item) for item in value]
    if not is_object(value):
        return value
    tokens = ("token",) if "logprob" in value else ()  # what a model wrote opens nothing
    return {
        mask_text(name): _HIDDEN
        if isinstance(item, str) and item and name not in tokens and _FIELD.search(name)
        else mask_json(item)
        for name, item in value.items()
    }


def mask_bytes(body: bytes) -> bytes:
    """Hide the secrets in a body that is no UTF-8; the letters of keys are the same in most other encodings."""
    return mask_text(body.decode("latin-1")).encode("latin-1")


def mask_body(text: str) -> str:
    """Hide the secrets in a body: JSON, the events of a stream, or any text; what holds none stays as it is.

    JSON is read for it, since a server may spell the same key with escapes.
    """
    whole = _masked_document(text)
    if whole is not None:
        return whole
    return "".join(_unsplit([_masked_line(line) for line in re.split(r"(?<=\n)", text)]))


def _masked_line(line: str) -> str:
    begin, document, end = _parts(line)
    whole = _masked_document(document) if document else None
    return mask_text(line) if whole is None else begin + whole + end


def _parts(line: str) -> tuple[str, str, str]:
    """Cut a line in what stands before its JSON object, the object, and the line's end."""
    begin, mark, rest = line.partition("{")
    return begin, mark + rest.rstrip(), rest[len(rest.rstrip()) :]


def _masked_document(text: str) -> str | None:
    """Give a JSON document without its secrets, None where the text is no document."""
    try:
        value = json.loads(text)
    except ValueError:
        return None
    masked = mask_json(value)
    return text if masked == value else json.dumps(masked, ensure_ascii=False)


def _unsplit(lines: list[str]) -> list[str]:
    """Hide what a stream spells over several events: the whole text then stands in the first piece of it."""
    values: dict[int, Any] = {}
    pieces: dict[tuple[Any, ...], list[tuple[int, Any, str]]] = {}  # by the place in an event: line, holder, key
    for number, line in enumerate(lines):
        try:
            values[number] = json.loads(_parts(line)[1])
        except ValueError:
            continue
        for place, holder, key in _spelled(values[number], ()):
            pieces.setdefault(place, []).append((number, holder, key))
    changed: set[int] = set()
    for several in pieces.values():
        whole = "".join(holder[key] for _, holder, key in several)
        if (masked := mask_text(whole)) != whole:
            for number, holder, key in several:
                holder[key], masked = masked, ""
                changed.add(number)
    for number in changed:
        begin, _, end = _parts(lines[number])
        lines[number] = begin + json.dumps(values[number], ensure_ascii=False) + end
    return lines


def _spelled(value: Any, place: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any, str]]:
    """Find the texts in the deltas of an event, each with its place, holder and key."""
    if is_array(value):
        for number, item in enumerate(value):
            index: Any = item.get("index", number) if is_object(item) else number
            yield from _spelled(item, (*place, index))
    elif is_object(value):
        for name, item in value.items():
            if isinstance(item, str) and "delta" in place and name not in _WORDS:
                yield (*place, name), value, name
            yield from _spelled(item, (*place, name))
