"""Secrets taken out of what is recorded, before it touches the disk: known ones, and what looks like one."""

from __future__ import annotations

import json
import re
from typing import Any

from agentkit.secret import scrub
from agentkit.testing.answer import is_array, is_object

__all__ = ["mask_body", "mask_json", "mask_text"]

_HIDDEN = "[secret]"
_FIELD = re.compile(
    r"(?i)^(x-)?(api|access|subscription|client|auth)?[-_]?(key|token|secret)$|^(proxy-)?authorization$|^password$"
)
_PARAMETER = re.compile(
    r"(?i)([?&](?:[\w.-]*[-_.])?(?:(?:api|access|awsaccess|subscription)?key(?:id)?|\w*token|\w*secret"
    r"|sig(?:nature)?|auth(?:orization)?|password|credentials?)=)[^&#\s\"'<>\\)]+"
)
_LOGIN = re.compile(r"(?<=://)[^/\s\"'@:]+:[^/\s\"'@]+@")
# The keys of OpenAI and those who copied its form, Groq, xAI, Hugging Face, Perplexity, NVIDIA; Google; a whole header.
_KEY = re.compile(r"\b(?:sk|rk|gsk|xai|hf|pplx|nvapi)[-_][\w-]{20,}|\bAIza[\w-]{30,}|(?<=\bBearer )[\w.~+/-]{20,}=*")


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
    return {
        mask_text(name): _HIDDEN if isinstance(item, str) and item and _FIELD.search(name) else mask_json(item)
        for name, item in value.items()
    }


def mask_body(text: str) -> str:
    """Hide the secrets in a body: JSON, the events of a stream, or any text; what holds none stays as it is.

    JSON is read for it, since a server may spell the same key with escapes.
    """
    whole = _masked_document(text)
    if whole is not None:
        return whole
    return "".join(_masked_line(line) for line in re.split(r"(?<=\n)", text))


def _masked_line(line: str) -> str:
    begin, mark, rest = line.partition("{")
    whole = _masked_document(mark + rest.rstrip()) if mark else None
    return mask_text(line) if whole is None else begin + whole + rest[len(rest.rstrip()) :]


def _masked_document(text: str) -> str | None:
    """Give a JSON document without its secrets, None where the text is no document."""
    try:
        value = json.loads(text)
    except ValueError:
        return None
    masked = mask_json(value)
    return text if masked == value else json.dumps(masked, ensure_ascii=False)
