"""A saved run as a JSON document: how it is written, and what is checked before it is read; `RunState` uses it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import from_json

from agentkit.errors import StateError
from agentkit.kind import is_object
from agentkit.wire.value import well_formed

__all__ = ["read_document", "write_document"]

VERSION = 1

_T = TypeVar("_T")


def write_document(plain: Any) -> str:
    """Write a state's plain JSON values as one line."""
    return well_formed(json.dumps(plain, ensure_ascii=False, separators=(",", ":")))


def read_document(document: Any, validate: Callable[[Any], _T]) -> _T:
    """Read what `write_document` gave.

    Raises:
        StateError: It is no state, or of another version.
    """
    if not isinstance(document, str | bytes | bytearray):
        raise StateError(
            f"This is no state of a run: it is of type {type(document).__name__}. "
            "Give `result.state`, `error.state`, or what `to_json` gave."
        )
    try:
        return validate(_of_this_version(from_json(document)))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(step) for step in first["loc"]) or "document"
        raise StateError(f"This is no state of a run: {where}: {first['msg']}. Give what `to_json` gave.") from error
    except StateError:
        raise
    except ValueError as error:
        raise StateError(f"This is no state of a run: {error}. Give what `to_json` gave.") from error


def _of_this_version(given: Any) -> Any:
    version = given.get("version") if is_object(given) else None
    if version is not None and version != VERSION:
        raise StateError(
            f"The state has version {version!r}; this agentkit reads version {VERSION}. "
            "Finish the run with the release that saved it."
        )
    return given
