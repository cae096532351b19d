"""Schemas without some keywords of JSON Schema are made here, for endpoints that refuse these.

What a keyword says is said in another way, in the description at the worst: our own validators check it all the same.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from functools import partial
from typing import Any, Final

from agentkit.errors import SchemaError
from agentkit.kind import is_array, is_map, is_object
from agentkit.schema.inline import children

__all__ = ["NOTES", "SPARABLE", "without_keywords"]

NOTES: Final = {
    "minLength": "At least {} characters.",
    "maxLength": "At most {} characters.",
    "uniqueItems": "No item twice.",
    "minProperties": "At least {} properties.",
    "maxProperties": "At most {} properties.",
    "minimum": "At least {}.",
    "maximum": "At most {}.",
    "exclusiveMinimum": "More than {}.",
    "exclusiveMaximum": "Less than {}.",
    "multipleOf": "A multiple of {}.",
    "minItems": "At least {} items.",
    "maxItems": "At most {} items.",
    "propertyNames": "Names of properties: {}.",
    "format": "Format: {}.",
    "pattern": "Pattern: {}.",
    "contentEncoding": "Encoding: {}.",
    "contentMediaType": "Media type: {}.",
    "default": "Default: {}.",
}
"""What a description says in a keyword's place."""

_SILENT: Final = frozenset(
    ("title", "examples", "deprecated", "readOnly", "writeOnly", "discriminator", "$schema", "$id", "$comment")
)
_OTHERWISE: Final = frozenset({"additionalProperties", "const", "oneOf", "prefixItems"})

SPARABLE: Final = _SILENT | _OTHERWISE | NOTES.keys()
"""The keywords that a schema can do without."""

_LOSSLESS: Final = _SILENT | {"const", "oneOf", "default"}
_CONDITIONS: Final = frozenset({"not", "if"})  # what allows more in there allows less in all
_DEFINITIONS: Final = frozenset({"$defs", "definitions"})
_WORDS: Final = frozenset({"format", "pattern", "contentEncoding", "contentMediaType"})  # told without quotes


def without_keywords(schema: Mapping[str, Any], keywords: Collection[str]) -> dict[str, Any]:
    """Copy a JSON Schema without some keywords; properties and definitions that are named like one stay.

    `const` becomes an `enum` of one value, `oneOf` becomes `anyOf`, a tuple an array of what its places allow; bounds,
    formats, patterns and defaults are told in the description; what only describes the schema is left out.

    Args:
        schema: It stays as it is.
        keywords: Some of `SPARABLE`.

    Raises:
        SchemaError: With the path, where a keyword says what cannot be said otherwise: the type of an open map's
            values, a second union, a bound within `not` or `if`.
    """

    def copy(node: Any, path: str, *, exact: bool = False) -> Any:
        if not is_map(node):
            return node  # a boolean schema
        spared = {key: node[key] for key in node if key in keywords}
        if exact and (lost := next((key for key in spared if key not in _LOSSLESS), None)):
            raise SchemaError(f"{path}: `{lost}` stands within a condition, where words cannot take its place.")
        kept = {key: value for key, value in node.items() if key not in keywords}
        made: dict[str, Any] = {}
        for key, value in (kept | _otherwise(spared, kept, path)).items():
            at, inner = f"{path}.{key}", partial(copy, exact=exact or key in _CONDITIONS)
            if key in _DEFINITIONS and is_map(value):
                made[key] = {name: inner(one, f"{at}.{name}") for name, one in value.items()}
            else:
                made[key] = children(key, value, at, inner)
        return _overlapping(made, kept)

    try:
        made: dict[str, Any] = copy(schema, "$")
    except RecursionError as error:
        raise SchemaError("$: the schema is nested too deep to be written without some keywords.") from error
    return made


def _overlapping(made: dict[str, Any], kept: Mapping[str, Any]) -> dict[str, Any]:
    """Let one of several members be any of them, where they may overlap for what they lost."""
    if made.get("oneOf") == kept.get("oneOf") or "anyOf" in made:
        return made
    return {"anyOf" if key == "oneOf" else key: value for key, value in made.items()}


def _otherwise(spared: Mapping[str, Any], kept: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Say in other keywords, or in words, what is left out of one schema."""
    made: dict[str, Any] = {}
    notes: list[str] = []
    for key, value in spared.items():
        if key in NOTES:
            notes += _note(key, value)
        elif key == "const":
            made["enum"] = [value]
        elif key == "oneOf":
            if "anyOf" in kept:
                raise SchemaError(f"{path}: `oneOf` stands beside `anyOf`, so it cannot become one. Write one union.")
            made["anyOf"] = value
        elif key == "prefixItems":
            made["items"] = _places(value, kept.get("items"))
        elif key == "additionalProperties" and is_map(value) and value:
            raise SchemaError(
                f"{path}: the values of an open map get their type from `additionalProperties`. "
                "Use a model with named fields, or a list of models with a key and a value."
            )
    if notes:
        made["description"] = " ".join([*filter(None, [kept.get("description")]), *notes])
    return made


def _note(key: str, value: Any) -> list[str]:
    if (key == "uniqueItems" and not value) or (key == "default" and value is None):
        return []  # these say nothing
    return [NOTES[key].format(value if key in _WORDS else json.dumps(value, ensure_ascii=False))]


def _places(places: Any, rest: Any) -> Any:
    """Give a schema for every place of a tuple: what any of them allows."""
    several = [*places, *([rest] if is_object(rest) else [])] if is_array(places) else []
    apart = [place for at, place in enumerate(several) if place not in several[:at]]
    return apart[0] if len(apart) == 1 else {"anyOf": apart}
