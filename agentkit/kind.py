"""Decoded JSON is told apart here, in a way that type checkers follow; every floor may ask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typing_extensions import TypeIs

__all__ = ["is_array", "is_map", "is_object"]


def is_object(value: object) -> TypeIs[dict[str, Any]]:
    """Tell whether a value is a decoded JSON object."""
    return isinstance(value, dict)


def is_array(value: object) -> TypeIs[list[Any]]:
    """Tell whether a value is a decoded JSON array."""
    return isinstance(value, list)


def is_map(value: object) -> TypeIs[Mapping[str, Any]]:
    """Tell whether a value can be read like a JSON object, a schema that somebody keeps read-only included."""
    return isinstance(value, Mapping)
