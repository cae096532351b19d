"""Example values for a JSON Schema, the same every time; `echo` fills arguments and typed replies with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from agentkit.kind import is_object
from agentkit.testing.answer import Json

__all__ = ["example"]

_DEPTH: Final = 6  # deeper than this only what is required is filled in, so recursive schemas end
_BOTTOM: Final = 32  # a schema that demands itself without end is left here
_FORMATS: Final = {
    "date": "2024-01-02",
    "date-time": "2024-01-02T03:04:05Z",
    "time": "03:04:05Z",
    "duration": "P1D",
    "email": "someone@example.com",
    "uri": "https://example.com/",
    "uuid": "12345678-1234-4234-8234-123456789abc",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
}


def example(schema: Any, *, root: Json | None = None, depth: int = 0) -> Any:
    """Make a value that fits a JSON Schema.

    Args:
        schema: The schema; a boolean or an empty one fits anything. `pattern` is not obeyed.
        root: The document that `$ref` points into; the schema itself by default.
        depth: How deep in the value this one lies.

    Returns:
        The first of `const`, `default`, `examples`, `enum` that is there, else a value of the first type that is
        not null. Optional properties are filled too, down to a depth of 6.
    """
    if not is_object(schema) or depth > _BOTTOM:
        return "example"
    whole = schema if root is None else root
    flat = _flat(schema, whole)
    for key in ("const", "default"):
        if key in flat:
            return flat[key]
    for key in ("examples", "enum"):
        if flat.get(key):
            return flat[key][0]
    options = flat.get("anyOf") or flat.get("oneOf")
    if options:
        return example(_option(options, depth), root=whole, depth=depth + 1)
    match _kind(flat, depth):
        case "object":
            return _object(flat, whole, depth)
        case "array":
            return _array(flat, whole, depth)
        case "integer":
            return int(_number(flat, 1))
        case "number":
            return _number(flat, 1.5)
        case "boolean":
            return True
        case "null":
            return None
        case _:
            return _string(flat)


def _flat(schema: Json, root: Json) -> Json:
    """Follow `$ref` and fold `allOf` in, so that one level holds all that is said."""
    flat = dict(schema)
    while reference := flat.pop("$ref", None):
        target: Any = root
        for step in reference.lstrip("#").strip("/").split("/"):
            target = target[step.replace("~1", "/").replace("~0", "~")] if step else target
        flat = {**target, **flat}
    for part in flat.pop("allOf", ()):
        more = _flat(part, root)
        properties = {**flat.get("properties", {}), **more.get("properties", {})}
        required = [*flat.get("required", ()), *more.get("required", ())]
        flat |= {**more, **({"properties": properties, "required": required} if properties else {})}
    return flat


def _option(options: Sequence[Any], depth: int) -> Any:
    null = [option for option in options if option == {"type": "null"}]
    if null and depth > _DEPTH:
        return null[0]
    return next((option for option in options if option not in null), options[0])


def _kind(flat: Json, depth: int) -> str:
    kinds = flat.get("type", "object" if "properties" in flat else "any")
    if isinstance(kinds, str):
        return kinds
    if "null" in kinds and depth > _DEPTH:
        return "null"
    return next((kind for kind in kinds if kind != "null"), "null")


def _object(flat: Json, root: Json, depth: int) -> Json:
    required = flat.get("required", ())
    shown = {
        name: example(part, root=root, depth=depth + 1)
        for name, part in flat.get("properties", {}).items()
        if depth <= _DEPTH or name in required
    }
    values = flat.get("additionalProperties")
    if not shown and is_object(values):
        return {"key": example(values, root=root, depth=depth + 1)}
    return shown


def _array(flat: Json, root: Json, depth: int) -> list[Any]:
    heads = [example(part, root=root, depth=depth + 1) for part in flat.get("prefixItems", ())]
    least, most = flat.get("minItems", 0), flat.get("maxItems")
    wanted = max(least, 1 if depth <= _DEPTH and not heads else 0) if most is None else max(least, min(most, 1))
    more = [example(flat.get("items", {}), root=root, depth=depth + 1) for _ in range(wanted - len(heads))]
    if flat.get("uniqueItems") and len(more) > 1 and all(isinstance(value, str) for value in more):
        more = [f"{value} {place}" for place, value in enumerate(more, 1)]
    return [*heads, *more]


def _string(flat: Json) -> str:
    text = _FORMATS.get(flat.get("format", ""), "example")
    text = text.ljust(flat.get("minLength", 0), "x")
    return text[: flat.get("maxLength", len(text))]


def _number(flat: Json, start: float) -> Any:
    step = flat.get("multipleOf", 1 if isinstance(start, int) else 0.5)
    value = start if "multipleOf" not in flat else step
    if "exclusiveMinimum" in flat and value <= flat["exclusiveMinimum"]:
        value = flat["exclusiveMinimum"] + step
    if "minimum" in flat and value < flat["minimum"]:
        value = flat["minimum"]
    if "exclusiveMaximum" in flat and value >= flat["exclusiveMaximum"]:
        value = flat["exclusiveMaximum"] - step
    if "maximum" in flat and value > flat["maximum"]:
        value = flat["maximum"]
    return value
