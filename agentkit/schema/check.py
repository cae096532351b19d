"""A JSON Schema becomes a function here that says by path what of a decoded JSON value differs from it.

Compiled once, by JSON Schema 2020-12 and the older spellings of `items` and `dependencies`. Not looked at, as any
keyword that is not known, are `unevaluatedProperties`, `unevaluatedItems` and `$dynamicRef`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from agentkit.errors import SchemaError
from agentkit.kind import is_array, is_map
from agentkit.schema.applicator import APPLICATORS, Check, anything, judged, nothing
from agentkit.schema.assertion import ASSERTIONS, EVERY
from agentkit.schema.difference import Difference
from agentkit.schema.inline import resolve

__all__ = ["compile_check"]


def compile_check(schema: Any) -> Check:
    """Make the function that gives what differs of a decoded JSON value; of a union, the member that comes nearest.

    Args:
        schema: A JSON Schema, boolean ones included; it is not kept.

    Raises:
        SchemaError: With its path, for what is no schema, a pattern that cannot be read, a `$ref` that points at
            nothing or only at itself.
    """
    compiler = _Compiler(schema)
    try:
        made = compiler.check(schema, "$")
        compiler.refuse_circles()
    except RecursionError as error:
        raise SchemaError("$: the schema is nested too deep.") from error

    def check(value: Any) -> Sequence[Difference]:
        token = judged.set({})
        try:
            return made(value)
        except RecursionError:
            return (Difference((), "depth", "should nest less deep", value),)
        finally:
            judged.reset(token)

    return check


class _Compiler:
    """One compilation: what was made of each subschema, and which of them judge the very value of which others."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._made: dict[int, Check] = {}
        self._same: dict[int, list[tuple[int, str]]] = {}
        self._anchors: dict[str, Any] | None = None

    def check(self, schema: Any, path: str, within: int | None = None) -> Check:
        """Compile one subschema; `within` is the one that applies it to its own value."""
        if isinstance(schema, bool):
            return anything if schema else nothing
        if not is_map(schema):
            raise SchemaError(f"{path}: {str(schema)[:60]!r} is no schema. Write an object, true or false.")
        if within is not None:
            self._same.setdefault(within, []).append((id(schema), path))
        if id(schema) not in self._made:
            self._compile(schema, path)
        return self._made[id(schema)]

    def refuse_circles(self) -> None:
        """Refuse schemas that apply themselves to the same value."""
        done: set[int] = set()

        def visit(node: int, path: str, above: frozenset[int]) -> None:
            if node in above:
                raise SchemaError(f"{path}: it refers to itself only.")
            if node not in done:
                for inner, at in self._same.get(node, ()):
                    visit(inner, at, above | {node})
                done.add(node)

        for node in [*self._same]:
            visit(node, "$", frozenset())

    def _compile(self, schema: Mapping[str, Any], path: str) -> None:
        kinds: list[Check] = []
        parts: dict[type, list[Check]] = {kind: [] for kind in EVERY}

        def check(value: Any) -> Sequence[Difference]:
            for kind in kinds:
                if wrong := kind(value):
                    return wrong  # nothing else can be said of what is of another type
            found: list[Difference] = []
            for part in parts[type(value)]:
                if wrong := part(value):
                    found += wrong
            return found

        self._made[id(schema)] = check  # before what is inside, which may refer to it
        for keyword, argument in schema.items():
            if keyword in ASSERTIONS:
                types, part = self._assertion(keyword, argument, path)
            elif keyword in APPLICATORS:
                types, make = APPLICATORS[keyword]
                part = make(self, schema, argument, f"{path}.{keyword}")
            else:
                continue
            if keyword == "type":
                kinds.append(part)
            elif part is not anything:
                for kind in types:
                    parts[kind].append(part)

    def _assertion(self, keyword: str, argument: Any, path: str) -> tuple[tuple[type, ...], Check]:
        types, (is_right, wanted), make = ASSERTIONS[keyword]
        if not is_right(argument):
            raise SchemaError(f"{path}.{keyword}: {str(argument)[:60]!r} is not {wanted}. Write {wanted}.")
        if (made := make(argument)) is None:
            return types, anything
        test, words = made
        return types, lambda value: () if test(value) else (Difference((), keyword, words, value),)

    def target(self, ref: Any, path: str) -> Any:
        """Find what a `$ref` points at."""
        if isinstance(ref, str) and ref.startswith("#") and ref[1:2] not in ("", "/"):
            if self._anchors is None:
                self._anchors = dict(_anchors(self._root))
            if ref[1:] in self._anchors:
                return self._anchors[ref[1:]]
            raise SchemaError(f"{path}: {ref!r} points at nothing in the schema.")
        if not isinstance(ref, str):
            raise SchemaError(f"{path}: {str(ref)[:60]!r} is no reference. Write a text, as '#/$defs/name'.")
        return resolve(self._root, ref, path) if is_map(self._root) else self._root


def _anchors(node: Any) -> Iterable[tuple[str, Any]]:
    todo = [node]
    while todo:
        node = todo.pop()
        if is_map(node):
            if isinstance(name := node.get("$anchor"), str):
                yield name, node
            todo += node.values()
        elif is_array(node):
            todo += node
