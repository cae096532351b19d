"""The keywords of JSON Schema that apply other schemas, or judge a value part by part, are made into checks here.

`check` uses them and gives them itself, to compile what is inside. The source is JSON Schema 2020-12, core, chapter 10.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, Final, Protocol

from agentkit.errors import SchemaError
from agentkit.kind import is_array, is_map, is_object
from agentkit.schema.assertion import EVERY, matcher, show
from agentkit.schema.difference import Difference, closest

__all__ = ["APPLICATORS", "Check", "Compiler", "anything", "judged", "nothing"]

Check = Callable[[Any], Sequence[Difference]]

judged: ContextVar[dict[tuple[int, int], Sequence[Difference]]] = ContextVar("agentkit_judged")
"""What references gave in one check, by what they name and the value: the members of a union that recurs ask again
and again, at each level twice as often."""

_UNKNOWN: Final = "is not a known field"


class Compiler(Protocol):
    """What compiles the schemas that stand in others."""

    def check(self, schema: Any, path: str, within: int | None = None) -> Check:
        """Compile one subschema; `within` is the one that applies it to its own value."""
        ...

    def target(self, ref: Any, path: str) -> Any:
        """Find what a `$ref` points at."""
        ...


def anything(_value: Any) -> Sequence[Difference]:
    """Let every value fit."""
    return ()


def nothing(value: Any) -> Sequence[Difference]:
    """Let no value fit."""
    return (Difference((), "false", "should not be there", value),)


def _several(c: Compiler, schemas: Any, path: str, within: int | None = None) -> list[Check]:
    if not is_array(schemas):
        raise SchemaError(f"{path}: {str(schemas)[:60]!r} is no list of schemas. Write a list.")
    return [c.check(one, f"{path}[{at}]", within) for at, one in enumerate(schemas)]


def _named(c: Compiler, schemas: Any, path: str, within: int | None = None) -> dict[str, Check]:
    if not is_map(schemas):
        raise SchemaError(f"{path}: {str(schemas)[:60]!r} is no map of schemas. Write an object.")
    return {name: c.check(one, f"{path}.{name}", within) for name, one in schemas.items()}


def _names(value: Any, path: str) -> list[str]:
    if not is_array(value) or not all(isinstance(name, str) for name in value):
        raise SchemaError(f"{path}: {str(value)[:60]!r} is no list of names. Write a list of texts.")
    return value


def _pattern(_c: Compiler, _schema: Mapping[str, Any], given: Any, path: str) -> Check:
    if not isinstance(given, str):
        raise SchemaError(f"{path}: {str(given)[:60]!r} is no pattern. Write a text.")
    matches, words = matcher(given, path), f"should match {given}"
    return lambda value: () if matches(value) else (Difference((), "pattern", words, value),)


def _ref(c: Compiler, schema: Mapping[str, Any], ref: Any, path: str) -> Check:
    target = c.check(c.target(ref, path), f"{path}({ref})", id(schema))

    def check(value: Any) -> Sequence[Difference]:
        if not (is_object(value) or is_array(value)):
            return target(value)
        known, key = judged.get(), (id(target), id(value))
        if key not in known:
            known[key] = target(value)
        return known[key]

    return check


def _all_of(c: Compiler, schema: Mapping[str, Any], given: Any, path: str) -> Check:
    members = _several(c, given, path, id(schema))
    return lambda value: [one for member in members for one in member(value)]


def _any_of(c: Compiler, schema: Mapping[str, Any], given: Any, path: str) -> Check:
    members = _several(c, given, path, id(schema))

    def check(value: Any) -> Sequence[Difference]:
        failed: list[Sequence[Difference]] = []
        for member in members:
            if not (wrong := member(value)):
                return ()
            failed.append(wrong)
        return closest(failed) if failed else ()

    return check


def _one_of(c: Compiler, schema: Mapping[str, Any], given: Any, path: str) -> Check:
    members = _several(c, given, path, id(schema))

    def check(value: Any) -> Sequence[Difference]:
        failed = [wrong for member in members if (wrong := member(value))]
        fitting = len(members) - len(failed)
        if fitting == 1:
            return ()
        if fitting == 0:
            return closest(failed)
        words = f"should fit one alternative of the schema only, and fits {fitting}"
        return (Difference((), "oneOf", words, value),)

    return check


def _not(c: Compiler, schema: Mapping[str, Any], given: Any, path: str) -> Check:
    excluded = c.check(given, path, id(schema))
    words = "should not be as `not` of the schema says"
    if is_map(given) and given.keys() <= {"const", "enum", "type", "description"}:
        values = [given["const"]] if "const" in given else given.get("enum")
        words = f"should not be {'any of ' if values and len(values) > 1 else ''}{show(values)}" if values else words
    return lambda value: () if excluded(value) else (Difference((), "not", words, value),)


def _if(c: Compiler, schema: Mapping[str, Any], given: Any, path: str) -> Check:
    condition = c.check(given, path, id(schema))
    at = path.removesuffix("if")
    then = c.check(schema.get("then", True), f"{at}then", id(schema))
    otherwise = c.check(schema.get("else", True), f"{at}else", id(schema))
    return lambda value: otherwise(value) if condition(value) else then(value)


def _fields(c: Compiler, schema: Mapping[str, Any], _: Any, path: str) -> Check:
    """Compile `properties`, `patternProperties` and `additionalProperties`, which need one another."""
    at = path.rpartition(".")[0]
    known = _named(c, schema.get("properties", {}), f"{at}.properties")
    patterns = _named(c, schema.get("patternProperties", {}), f"{at}.patternProperties")
    matched = [(matcher(name, f"{at}.patternProperties"), check) for name, check in patterns.items()]
    rest = c.check(schema.get("additionalProperties", True), f"{at}.additionalProperties")

    def check(value: dict[str, Any]) -> Sequence[Difference]:
        found: list[Difference] = []
        for name, inner in value.items():
            checks = [known[name]] if name in known else []
            checks += [one for matches, one in matched if matches(name)]
            if not checks and rest is nothing:
                found.append(Difference((name,), "additionalProperties", _UNKNOWN, inner))
                continue
            for one in checks or [rest]:
                if wrong := one(inner):
                    found += [difference.below(name) for difference in wrong]
        return found

    return check


def _items(c: Compiler, schema: Mapping[str, Any], _: Any, path: str) -> Check:
    """Compile `prefixItems` and `items`, in the older spelling `items` and `additionalItems`."""
    at = path.rpartition(".")[0]
    items = schema.get("items", True)
    first, rest = ("items", "additionalItems") if is_array(items) else ("prefixItems", "items")
    places = _several(c, schema.get(first, []), f"{at}.{first}")
    others = c.check(schema.get(rest, True), f"{at}.{rest}")
    words = f"should have at most {len(places)} item{'' if len(places) == 1 else 's'}"

    def check(value: list[Any]) -> Sequence[Difference]:
        if others is nothing and len(value) > len(places):
            return (Difference((), "items", words, value),)
        found: list[Difference] = []
        for position, inner in enumerate(value):
            if wrong := (places[position] if position < len(places) else others)(inner):
                found += [difference.below(position) for difference in wrong]
        return found

    return check


def _contains(c: Compiler, schema: Mapping[str, Any], given: Any, path: str) -> Check:
    wanted = c.check(given, path)
    least, most = schema.get("minContains", 1), schema.get("maxContains")

    def check(value: list[Any]) -> Sequence[Difference]:
        count = sum(not wanted(inner) for inner in value)
        if count >= least and (most is None or count <= most):
            return ()
        bounds = f"at least {least}" if count < least else f"at most {most}"
        return (Difference((), "contains", f"should hold {bounds} as `contains` says, and holds {count}", value),)

    return check


def _required(_c: Compiler, _schema: Mapping[str, Any], given: Any, path: str) -> Check:
    absent = [(name, Difference((name,), "required", "is missing")) for name in _names(given, path)]
    return lambda value: [difference for name, difference in absent if name not in value]


def _dependent(c: Compiler, schema: Mapping[str, Any], given: Any, path: str) -> Check:
    """Compile `dependentRequired`, `dependentSchemas` and `dependencies`, which may be either."""
    if not is_map(given):
        raise SchemaError(f"{path}: {str(given)[:60]!r} is no map. Write an object.")
    parts = [
        (name, (_required if is_array(one) else _same)(c, schema, one, f"{path}.{name}")) for name, one in given.items()
    ]
    return lambda value: [one for name, part in parts if name in value for one in part(value)]


def _same(c: Compiler, schema: Mapping[str, Any], given: Any, path: str) -> Check:
    return c.check(given, path, id(schema))


def _property_names(c: Compiler, _schema: Mapping[str, Any], given: Any, path: str) -> Check:
    named = c.check(given, path)

    def check(value: dict[str, Any]) -> Sequence[Difference]:
        wrong = [(name, one) for name in value for one in named(name)]
        return [Difference((name,), "propertyNames", f"its name {one.expected}", name) for name, one in wrong]

    return check


_Make = Callable[[Compiler, Mapping[str, Any], Any, str], Check]


def _once(make: _Make, *before: str) -> _Make:
    """Let several keywords be compiled at the first of them that is there."""

    def made(c: Compiler, schema: Mapping[str, Any], given: Any, path: str) -> Check:
        return anything if any(name in schema for name in before) else make(c, schema, given, path)

    return made


APPLICATORS: Final[Mapping[str, tuple[tuple[type, ...], _Make]]] = {
    "$ref": (EVERY, _ref),
    "allOf": (EVERY, _all_of),
    "anyOf": (EVERY, _any_of),
    "oneOf": (EVERY, _one_of),
    "not": (EVERY, _not),
    "if": (EVERY, _if),
    "pattern": ((str,), _pattern),
    "required": ((dict,), _required),
    "properties": ((dict,), _fields),
    "patternProperties": ((dict,), _once(_fields, "properties")),
    "additionalProperties": ((dict,), _once(_fields, "properties", "patternProperties")),
    "propertyNames": ((dict,), _property_names),
    "dependentRequired": ((dict,), _dependent),
    "dependentSchemas": ((dict,), _dependent),
    "dependencies": ((dict,), _dependent),
    "prefixItems": ((list,), _items),
    "items": ((list,), _once(_items, "prefixItems")),
    "contains": ((list,), _contains),
}
"""By keyword: the types of values that it looks at, and what makes its check."""
