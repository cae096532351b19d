"""What a `$ref` points at is found here, and schemas without any are made for endpoints that know none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, Final
from urllib.parse import unquote

from agentkit.errors import SchemaError
from agentkit.kind import is_array, is_map, is_object

__all__ = ["children", "inline_refs", "resolve"]

_MAPS: Final = frozenset({"properties", "patternProperties", "dependentSchemas"})
_LISTS: Final = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
_ONES: Final = frozenset({"items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames"})
_DEFINITIONS: Final = frozenset({"$defs", "definitions"})
_LIMIT: Final = 20_000


def inline_refs(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Copy a JSON Schema with every local `$ref` replaced by what it points at; keywords beside a `$ref` win.

    Raises:
        SchemaError: With the path, where a `$ref` recurs, points nowhere or elsewhere, or the whole would grow beyond
            20,000 subschemas.
    """
    seen = 0

    def copy(node: Any, path: str, within: tuple[str, ...]) -> Any:
        nonlocal seen
        if not is_map(node):
            return node  # a boolean schema
        if (seen := seen + 1) > _LIMIT:
            raise SchemaError(f"{path}: inlining its references makes more than {_LIMIT:,} subschemas.")
        made: dict[str, Any] = {}
        if isinstance(ref := node.get("$ref"), str):
            if ref in within:
                raise SchemaError(f"{path}: {ref} contains itself, so it cannot be written without references.")
            target = copy(resolve(schema, ref, path), path, (*within, ref))
            if not is_object(target):
                return target
            made = target
        for key, value in node.items():
            if key != "$ref" and key not in _DEFINITIONS:
                made[key] = children(key, value, f"{path}.{key}", lambda child, at: copy(child, at, within))
        return made

    try:
        made: dict[str, Any] = copy(schema, "$", ())
    except RecursionError as error:
        raise SchemaError("$: the schema is nested too deep to be written without references.") from error
    return made


def resolve(root: Mapping[str, Any], ref: str, path: str) -> Any:
    """Follow one JSON Pointer inside `root` (RFC 6901, in a URI fragment: `~0`, `~1` and percent escapes).

    Raises:
        SchemaError: When it points outside of the document or at nothing.
    """
    if ref != "#" and not ref.startswith("#/"):
        raise SchemaError(f"{path}: {ref!r} points outside of the schema. Copy what it names into `$defs`.")
    node: Any = root
    for step in ref.removeprefix("#").split("/")[1:]:
        key = unquote(step).replace("~1", "/").replace("~0", "~")
        if is_map(node) and key in node:
            node = node[key]
        elif is_array(node) and key.isdecimal() and int(key) < len(node):
            node = node[int(key)]
        else:
            raise SchemaError(f"{path}: {ref!r} points at nothing in the schema.")
    if not is_map(node) and not isinstance(node, bool):
        raise SchemaError(f"{path}: {ref!r} points at something that is no schema.")
    return node


def children(key: str, value: Any, path: str, copy: Callable[[Any, str], Any]) -> Any:
    """Copy what stands at one keyword: the schemas in it by `copy`, which is given their paths, all else as it is."""
    if key in _MAPS and is_map(value):
        return {name: copy(child, f"{path}.{name}") for name, child in value.items()}
    if key in _LISTS and is_array(value):
        return [copy(child, f"{path}[{index}]") for index, child in enumerate(value)]
    if key in _ONES:
        if is_array(value):  # the `items` of older drafts
            return [copy(child, f"{path}[{index}]") for index, child in enumerate(value)]
        return copy(value, path)
    return deepcopy(value)
