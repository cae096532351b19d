"""The tools as the engine reads them, and what it wrote in terms of the tools as they were given.

`dialogue` offers tools through it. The engine knows no `$ref`, omits what the text does not say instead of writing
null, and mends some arguments by rules of its own.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from agentkit.errors import SchemaError, UnsupportedRequestError
from agentkit.local.reading import Call
from agentkit.schema.inline import inline_refs
from agentkit.wire.request import ToolDefinition

__all__ = ["Offer", "make_offer", "offer_tools", "pick", "to_engine"]

_NOISE = frozenset(("title", "additionalProperties", "default", "examples", "$schema"))
# The engine widens arguments of these names to the whole place phrase: "Beijing and in Oslo" for the first of two.
_WIDENED = frozenset(("address", "destination", "location", "place", "query", "venue", "where"))
# A value that is no object comes in a property "response", a name that tells the engine nothing: of twelve short texts
# with a list, a number or a word to read it was sure of one under it, and of four under these; each was right.
_WRAPPING = "response"
_TELLING = {"array": "items", "integer": "value", "number": "value"}
_SHOWN = 5  # beyond five the engine embeds every tool first, 0.3 s each


@dataclass(frozen=True, slots=True)
class Offer:
    """One tool: its name, what it is for, and its parameters in the engine's form.

    Attributes:
        nullable: Required parameters that may be null; the engine leaves them out, so they are put back.
        aliased: Whether names that the engine widens are given as aliases.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    nullable: tuple[str, ...] = ()
    aliased: bool = False

    def to_engine(self) -> dict[str, Any]:
        """Give the tool as the engine reads it."""
        parameters = dict(self.parameters)
        alias = self._aliases()
        parameters["properties"] = {alias.get(name, name): value for name, value in parameters["properties"].items()}
        parameters["required"] = [alias.get(name, name) for name in parameters["required"]]
        return {"name": self.name, "description": self.description, "parameters": parameters}

    @property
    def described(self) -> bool:
        """Tell whether a parameter has a description."""
        return any("description" in value for value in self.parameters["properties"].values())

    def bare(self) -> Offer:
        """Give the offer without the descriptions of its parameters."""
        properties = {
            name: {key: part for key, part in value.items() if key != "description"}
            for name, value in self.parameters["properties"].items()
        }
        return replace(self, parameters={**self.parameters, "properties": properties})

    def read(self, call: Call) -> Call:
        """Give a call of the engine as the tool's author expects it."""
        names = {alias: name for name, alias in self._aliases().items()}
        given = {names.get(name, name): value for name, value in call.arguments.items()}
        return Call(self.name, {**dict.fromkeys(name for name in self.nullable if name not in given), **given})

    def widened(self, call: Call) -> bool:
        """Tell whether an argument may hold several places or queries that the engine ran together."""
        return any(
            name in _WIDENED and isinstance(value, str) and re.search(r"\band\b|&", value)
            for name, value in call.arguments.items()
        )

    def _aliases(self) -> dict[str, str]:
        properties = self.parameters["properties"]
        if properties.keys() == {_WRAPPING} and (telling := _TELLING.get(properties[_WRAPPING].get("type"))):
            return {_WRAPPING: telling}
        widened = [name for name in properties if name in _WIDENED] if self.aliased else []
        return {name: f"{name}_name" for name in widened if f"{name}_name" not in properties}


def make_offer(name: str, description: str | None, schema: Mapping[str, Any] | None) -> Offer:
    """Make the engine's form of a function or of a wanted record.

    Raises:
        SchemaError: The schema recurs, or refers outside of itself.
        UnsupportedRequestError: The schema is of something other than an object.
    """
    try:
        inlined = inline_refs(schema or {})
    except SchemaError as error:
        raise SchemaError(
            f"The embedded model reads no references, and the schema of {name!r} has one that must stay. {error} "
            "Give a type of fixed depth, or use another model."
        ) from error
    if inlined.get("type", "object") != "object":
        raise UnsupportedRequestError(
            f"The embedded model writes objects only, and the schema of {name!r} is of type {inlined['type']!r}. "
            "Put it into an object with one property."
        )
    slim: dict[str, Any] = {"type": "object", "properties": {}, "required": [], **_slim(inlined)}
    nullable = tuple(key for key in inlined.get("required", ()) if key not in slim["required"])
    return Offer(name, description or "", slim, nullable)


def offer_tools(tools: Sequence[ToolDefinition]) -> tuple[Offer, ...]:
    """Make the engine's form of the tools of a request.

    Raises:
        UnsupportedRequestError: One is no function tool.
        SchemaError: The parameters of one recur.
    """
    offers: list[Offer] = []
    for tool in tools:
        if tool.function is None:
            raise UnsupportedRequestError(
                f"The embedded model calls function tools only, and tool {tool.name!r} is of type {tool.type!r}. "
                "Write it as a function, or use another model."
            )
        offers.append(make_offer(tool.function.name, tool.function.description, tool.function.parameters))
    return tuple(offers)


def to_engine(offers: Sequence[Offer]) -> str:
    """Give the tools as the JSON that the engine reads."""
    return json.dumps([offer.to_engine() for offer in offers], ensure_ascii=False)


def pick(offers: Sequence[Offer], text: str) -> tuple[Offer, ...]:
    """Give the five tools that share the most telling words with the text, in their own order."""
    if len(offers) <= _SHOWN:
        return tuple(offers)
    asked = _words(text)
    named = [_words(offer.name) for offer in offers]
    described = [_words(json.dumps(offer.to_engine())) for offer in offers]
    shared = {word: sum(word in words for words in described) for word in asked}

    def score(index: int) -> float:
        found = asked & described[index]
        return sum(math.log(1 + len(offers) / shared[word]) * (2 if word in named[index] else 1) for word in found)

    best = sorted(range(len(offers)), key=score, reverse=True)[:_SHOWN]
    return tuple(offers[index] for index in sorted(best))


def _words(text: str) -> set[str]:
    """Give the words of three letters and more, cut to five so that forms of one word meet."""
    return {word[:5] for word in re.findall(r"[^\W\d_]{3,}", text.lower())}


def _slim(schema: Any) -> Any:
    """Copy a schema without what only costs the engine attention; what may be null becomes optional."""
    if isinstance(schema, list):
        return [_slim(part) for part in cast("Sequence[Any]", schema)]
    if not isinstance(schema, Mapping):
        return schema
    given = cast("Mapping[str, Any]", schema)
    slim: dict[str, Any] = {key: value for key, value in given.items() if key not in _NOISE}
    for key in ("anyOf", "oneOf"):
        branches = [_slim(branch) for branch in slim.pop(key, ()) if not _is_null(branch)]
        if len(branches) == 1 and isinstance(branches[0], dict):
            slim = {**branches[0], **slim}
        elif branches:
            slim[key] = branches
    if isinstance(slim.get("type"), list):
        types = [kind for kind in slim["type"] if kind != "null"]
        slim["type"] = types[0] if len(types) == 1 else types
    if properties := slim.get("properties"):
        slim["required"] = [name for name in slim.get("required", ()) if not _may_be_null(properties.get(name))]
        slim["properties"] = {name: _slim(value) for name, value in properties.items()}
    for key in ("items", "prefixItems"):
        if key in slim:
            slim[key] = _slim(slim[key])
    return slim


def _is_null(schema: Any) -> bool:
    return isinstance(schema, Mapping) and cast("Mapping[str, Any]", schema).get("type") == "null"


def _may_be_null(schema: Any) -> bool:
    if not isinstance(schema, Mapping):
        return False
    given = cast("Mapping[str, Any]", schema)
    branches = [*given.get("anyOf", ()), *given.get("oneOf", ())]
    return "null" in (given.get("type") or ()) or any(_is_null(branch) for branch in branches)
