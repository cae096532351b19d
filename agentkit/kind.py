"""Decoded JSON is told apart here so that type checkers follow, and empty fields are made; every floor may ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from typing_extensions import TypeIs

__all__ = ["is_array", "is_map", "is_object", "new_dict", "new_list", "new_set"]

# The factories of empty fields: `dict[str, int]`, which a checker would take too, costs six times as much to call.
new_dict: Callable[[], dict[Any, Any]] = dict
new_list: Callable[[], list[Any]] = list
new_set: Callable[[], set[Any]] = set


def is_object(value: object) -> TypeIs[dict[str, Any]]:
    """Tell whether a value is a decoded JSON object."""
    return isinstance(value, dict)


def is_array(value: object) -> TypeIs[list[Any]]:
    """Tell whether a value is a decoded JSON array."""
    return isinstance(value, list)


def is_map(value: object) -> TypeIs[Mapping[str, Any]]:
    """Tell whether a value can be read like a JSON object, a schema that somebody keeps read-only included."""
    return isinstance(value, Mapping)
