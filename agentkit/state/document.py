"""A saved run as a JSON document: how it is written and signed, and what is checked before it is read."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import from_json

from agentkit.errors import ConfigurationError, StateError
from agentkit.kind import is_array, is_object
from agentkit.wire.value import well_formed

__all__ = ["MOST_BYTES", "read_document", "write_document"]

VERSION = 1

MOST_BYTES = 100_000_000
"""Of a document that is read, unless said otherwise."""

_SHORTEST_KEY = 16  # bytes; RFC 2104 advises 32 for SHA-256
_SIGNATURE = "hmac_sha256"

_T = TypeVar("_T")


def write_document(plain: Any, key: str | bytes | None = None) -> str:
    """Write a state's plain JSON values as one line.

    With a key, that line is the text `signed` of an object, beside its HMAC-SHA256 in hexadecimal digits: a store that
    writes JSON in its own way, as Postgres does, leaves a text as it is.
    """
    text = well_formed(_line(plain))
    return text if key is None else _line({"signed": text, _SIGNATURE: _sign(text, key)})


def read_document(
    document: Any, validate: Callable[[Any], _T], key: str | bytes | None = None, max_bytes: int = MOST_BYTES
) -> _T:
    """Read what `write_document` gave; what is signed is not looked at before its signature.

    Raises:
        StateError: It is no state, of another version, too long, or its signature is not as it must be.
        ConfigurationError: The key is none.
    """
    if not isinstance(document, str | bytes | bytearray):
        raise StateError(
            f"This is no state of a run: it is of type {type(document).__name__}. "
            "Give `result.state`, `error.state`, or what `to_json` gave."
        )
    size = len(document.encode(errors="replace") if isinstance(document, str) else document)
    if size > max_bytes:
        raise StateError(
            f"The state has {size} bytes, and at most {max_bytes} are read. If it may be that large: "
            "`RunState.from_json(document, max_bytes=...)`."
        )
    try:
        return validate(_of_this_version(_verified(from_json(document), key)))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(step) for step in first["loc"]) or "document"
        raise StateError(f"This is no state of a run: {where}: {first['msg']}. Give what `to_json` gave.") from error
    except (StateError, ConfigurationError):
        raise
    except ValueError as error:
        deep = str(error).startswith("recursion limit exceeded")
        why = "its JSON is nested more than 200 levels deep" if deep else error
        raise StateError(f"This is no state of a run: {why}. Give what `to_json` gave.") from error


def _line(plain: Any) -> str:
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":"))


def _sign(text: str, key: Any) -> str:
    secret = key.encode() if isinstance(key, str) else key
    if not isinstance(secret, bytes | bytearray) or len(secret) < _SHORTEST_KEY:
        raise ConfigurationError(
            f"The key that signs states is none: it is of type {type(key).__name__}, or shorter than {_SHORTEST_KEY} "
            "bytes. Give text or bytes that nobody can guess, as `secrets.token_bytes(32)` makes them once."
        )
    return hmac.new(secret, text.encode(errors="surrogatepass"), hashlib.sha256).hexdigest()


def _fits(text: str, signature: str, key: str | bytes) -> bool:
    return hmac.compare_digest(signature.encode(errors="replace"), _sign(text, key).encode())


def _verified(given: Any, key: str | bytes | None) -> Any:
    """Give the state's values; of a signed document those that were signed, once that is sure."""
    is_signed = is_object(given) and _SIGNATURE in given
    if key is None:
        if is_signed:
            raise StateError(
                "The state is signed. Read it with the key that it was signed with: "
                "`RunState.from_json(document, key=...)`."
            )
        return given
    if not is_signed:
        raise StateError(
            "The state is not signed, and a key was given to read it with. Read only what `to_json(key=...)` gave; "
            "leave `key` out for one that you trust."
        )
    text, signature = given.get("signed"), given[_SIGNATURE]
    if not (isinstance(text, str) and isinstance(signature, str) and _fits(text, signature, key)):
        raise StateError(
            "The state's signature is wrong: it was changed, or signed with another key. Do not resume it."
        )
    return from_json(text)


def _of_this_version(given: Any) -> Any:
    version = given.get("version") if is_object(given) else None
    if version is not None and version != VERSION:
        raise StateError(
            f"The state has version {version!r}; this agentkit reads version {VERSION}. "
            "Finish the run with the release that saved it."
        )
    return _filled(given) if is_object(given) else given


def _filled(given: dict[str, Any]) -> dict[str, Any]:
    """Add to calls that wait what they lack in states of the first releases: whose they are."""
    held, run = given.get("held"), {"run_id": given.get("run_id", ""), "turn": given.get("turns", 0)}
    if not is_array(held):
        return given
    return {**given, "held": [{**run, **call} if is_object(call) else call for call in held]}
