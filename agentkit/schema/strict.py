"""A JSON Schema becomes one of the strict mode of OpenAI's structured outputs here, or is refused with path and reason.

The rules are those of https://platform.openai.com/docs/guides/structured-outputs (supported schemas). What strict mode
cannot check but a validator of ours does check anyway (lengths, uniqueness, defaults) moves into the description.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Final

from agentkit.errors import SchemaError
from agentkit.kind import is_map
from agentkit.schema.inline import resolve
from agentkit.schema.keyword import NOTES

__all__ = ["admits_null", "to_strict", "why_not_strict"]

_LEVELS: Final = 10
_PROPERTIES: Final = 5_000
_ENUM_VALUES: Final = 1_000
_CHARACTERS: Final = 120_000
_NODES: Final = 20_000

_TOLD: Final = frozenset({"title", "description"})
_BOUNDS: Final = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minItems", "maxItems"})
_KEPT: Final = _TOLD | _BOUNDS | {"type", "enum", "const", "pattern", "format", "multipleOf"}
_CONDITIONS: Final = frozenset({"if", "then", "else", "dependentRequired", "dependentSchemas"})
_REFUSED: Final = _CONDITIONS | {"not", "contains", "patternProperties", "$dynamicRef", "$recursiveRef"}
_FORMATS: Final = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"})
_NOTES: Final = {
    key: NOTES[key]
    for key in (
        *("minLength", "maxLength", "uniqueItems", "minProperties", "maxProperties"),
        *("format", "pattern", "default"),
    )
}
_NOT_PLAIN: Final = re.compile(r"[^\w.-]+")
_LOOKAROUND: Final = ("(?=", "(?!", "(?<")
_JSON_TYPES: Final[dict[Any, str]] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    type(None): "null",
}


def to_strict(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Copy a JSON Schema into strict mode: all properties required, no others allowed, only the keywords it knows.

    An optional property becomes nullable, and null then means that it is left out. `oneOf` becomes `anyOf`, a single
    `allOf` is merged, a `$ref` with keywords beside it is replaced by what it names (recursion through plain references
    is allowed).

    Raises:
        SchemaError: With the JSON path and the reason, for what strict mode cannot say: open maps, values of any type,
            a root that is no object, `not`, conditions, more than 10 levels, 5,000 properties or 1,000 enum values.
    """
    try:
        return _Strict(schema).convert()
    except RecursionError as error:
        raise SchemaError(f"$: more than {_LEVELS} levels of nesting.") from error


def why_not_strict(schema: Mapping[str, Any]) -> str | None:
    """Give the reason that a schema has no strict form, or None where it has one."""
    try:
        to_strict(schema)
    except SchemaError as error:
        return str(error)
    return None


def admits_null(node: Any, root: Mapping[str, Any]) -> bool:
    """Tell whether null is a value of a schema, through unions and references."""
    seen: set[str] = set()
    todo = [node]
    while todo:
        node = todo.pop()
        if not is_map(node):
            if node is True:
                return True
            continue
        kinds = node.get("type", ())
        if "null" in ([kinds] if isinstance(kinds, str) else kinds) or None in node.get("enum", ()):
            return True
        if not node or ("const" in node and node["const"] is None):
            return True
        todo += [*node.get("anyOf", ()), *node.get("oneOf", ())]
        if isinstance(ref := node.get("$ref"), str) and ref not in seen:
            seen.add(ref)
            todo.append(resolve(root, ref, "$"))
    return False


class _Strict:
    """One conversion: the schema it reads from, what it counts, and the definitions still to be converted."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._nodes = self._properties = self._values = self._characters = 0
        self._names: dict[str, str] = {"#": "#"}
        self._pending: list[tuple[str, str]] = []

    def convert(self) -> dict[str, Any]:
        made = self._schema(self._object_at_root(), "$", ())
        definitions: dict[str, Any] = {}
        while self._pending:
            ref, name = self._pending.pop(0)
            definitions[name] = self._schema(resolve(self._root, ref, "$"), f"$.$defs.{name}", ())
        _check_levels(made, definitions)
        return made | ({"$defs": definitions} if definitions else {})

    def _object_at_root(self) -> Any:
        node: Any = self._root
        seen: set[str] = set()
        while is_map(node) and isinstance(ref := node.get("$ref"), str):
            if ref in seen:
                raise SchemaError(f"$: {ref} refers to itself only.")
            seen.add(ref)
            node = {**resolve(self._root, ref, "$"), **{key: node[key] for key in node if key in _TOLD}}
        if is_map(node) and ("anyOf" in node or "oneOf" in node):
            raise SchemaError("$: the root is a union, and strict mode wants an object there. Put it into a property.")
        if not is_map(node) or _type(node) != "object":
            raise SchemaError("$: the root is no object, and strict mode wants one there. Put it into a property.")
        return node

    def _schema(self, node: Any, path: str, within: tuple[str, ...]) -> dict[str, Any]:
        self._nodes += 1
        if self._nodes > _NODES:
            raise SchemaError(
                f"{path}: the schema grows beyond {_NODES:,} subschemas when its references are written out."
            )
        if not is_map(node):
            raise SchemaError(f"{path}: a boolean schema names no type, and strict mode wants one.")
        if refused := next((key for key in node if key in _REFUSED), None):
            raise SchemaError(f"{path}: strict mode knows no `{refused}`.")
        if isinstance(ref := node.get("$ref"), str):
            return self._reference(node, ref, path, within)
        if "allOf" in node:
            return self._schema(_merge(node, path), path, within)
        made = self._kept(node)
        union = [*node.get("anyOf", ()), *node.get("oneOf", ())]
        if union:
            members = [self._schema(member, f"{path}.anyOf[{at}]", within) for at, member in enumerate(union)]
            made = {key: made[key] for key in made if key in _TOLD} | {"anyOf": members}
            if "properties" in node or "items" in node:
                raise SchemaError(f"{path}: strict mode knows no union beside properties or items.")
            return made
        kind = _type(node)
        if not kind:
            raise SchemaError(f"{path}: no type is given, so any value fits, and strict mode wants one type named.")
        made["type"] = kind
        kinds = [kind] if isinstance(kind, str) else kind
        if "object" in kinds:
            made |= self._object(node, path, within)
        if "array" in kinds:
            made |= self._array(node, path, within)
        return made

    def _kept(self, node: Mapping[str, Any]) -> dict[str, Any]:
        made = {key: deepcopy(value) for key, value in node.items() if key in _KEPT}
        notes: list[str] = []
        for key, note in _NOTES.items():
            value = node.get(key)
            kept = (key == "format" and value in _FORMATS) or (
                key == "pattern" and not any(look in str(value) for look in _LOOKAROUND)
            )
            if key not in node or kept:
                continue
            made.pop(key, None)
            if (key == "uniqueItems" and not value) or (key == "default" and value is None):
                continue  # these say nothing
            notes.append(note.format(value if key in {"format", "pattern"} else json.dumps(value, ensure_ascii=False)))
        if notes:
            made["description"] = " ".join([*filter(None, [made.get("description")]), *notes])
        self._values += len(node.get("enum", ()))
        self._characters += sum(len(str(value)) for value in [*node.get("enum", ()), node.get("const", "")])
        if self._values > _ENUM_VALUES:
            raise SchemaError(f"$: the enums have more than {_ENUM_VALUES:,} values together.")
        return made

    def _object(self, node: Mapping[str, Any], path: str, within: tuple[str, ...]) -> dict[str, Any]:
        extra = node.get("additionalProperties", "properties" not in node)
        if extra is not False and not (extra is True and "additionalProperties" not in node and node.get("properties")):
            raise SchemaError(
                f"{path}: it is an open map, and strict mode wants every property named. "
                "Use a model with named fields, or a list of models with a key and a value."
            )
        required = node.get("required", ())
        made: dict[str, Any] = {}
        for name, child in node.get("properties", {}).items():
            at = f"{path}.{name}"
            self._properties += 1
            self._characters += len(name)
            made[name] = self._schema(child, at, within) if name in required else self._nullable(child, at, within)
        if self._properties > _PROPERTIES or self._characters > _CHARACTERS:
            raise SchemaError(
                f"$: more than {_PROPERTIES:,} properties, or {_CHARACTERS:,} characters of names and enums."
            )
        return {"properties": made, "required": list(made), "additionalProperties": False}

    def _nullable(self, node: Any, path: str, within: tuple[str, ...]) -> dict[str, Any]:
        if admits_null(node, self._root):
            return self._schema(node, path, within)
        if is_map(node) and "$ref" in node:  # keywords beside the reference can stand beside the union
            made = {"anyOf": [self._schema({"$ref": node["$ref"]}, path, within)]} | self._kept(node)
        else:
            made = self._schema(node, path, within)
        told = {key: made.pop(key) for key in sorted(_TOLD) if key in made}
        members = made["anyOf"] if made.keys() == {"anyOf"} else [made]
        return {"anyOf": [*members, {"type": "null"}], **told}

    def _array(self, node: Mapping[str, Any], path: str, within: tuple[str, ...]) -> dict[str, Any]:
        items: Any = node.get("items")
        if "prefixItems" not in node:
            if items is None:
                raise SchemaError(f"{path}: no type is given for the items, and strict mode wants one.")
            return {"items": self._schema(items, f"{path}.items", within)}
        # a tuple: its length is kept and each place allows what any place does; the exact places are checked by us
        places = [*node["prefixItems"], *([items] if is_map(items) else [])]
        made = [self._schema(place, f"{path}.prefixItems[{at}]", within) for at, place in enumerate(places)]
        apart = [place for at, place in enumerate(made) if place not in made[:at]]
        return {"items": apart[0] if len(apart) == 1 else {"anyOf": apart}}

    def _reference(self, node: Mapping[str, Any], ref: str, path: str, within: tuple[str, ...]) -> dict[str, Any]:
        beside = {key: value for key, value in node.items() if key not in {"$ref", "$defs", "definitions"}}
        target = resolve(self._root, ref, path)
        steps = ref.split("/")
        named = ref == "#" or (len(steps) == 3 and steps[1] in {"$defs", "definitions"})
        if named and not beside and not (is_map(target) and "$ref" in target):
            return {"$ref": self._name(ref)}
        if ref in within:
            if not named or beside.keys() - _NOTES.keys() - _TOLD:
                raise SchemaError(
                    f"{path}: {ref} contains itself, which strict mode allows through plain references only."
                )
            return {"anyOf": [{"$ref": self._name(ref)}]} | self._kept(beside)
        if not is_map(target):
            return self._schema(target, path, within)
        return self._schema({**target, **beside}, path, (*within, ref))

    def _name(self, ref: str) -> str:
        if ref not in self._names:
            name = _NOT_PLAIN.sub("_", ref.rpartition("/")[2])  # so that no pointer to it needs an escape
            while f"#/$defs/{name}" in self._names.values():  # `$defs` and `definitions` may both have one
                name += "_"
            self._names[ref] = f"#/$defs/{name}"
            self._pending.append((ref, name))
        return self._names[ref]


def _merge(node: Mapping[str, Any], path: str) -> dict[str, Any]:
    beside = {key: value for key, value in node.items() if key != "allOf"}
    (*first, last) = node["allOf"] or [None]
    if first or not is_map(last) or (beside.keys() & last.keys()) - _TOLD - {"default"}:
        raise SchemaError(
            f"{path}: strict mode knows no `allOf`, and only a single one can be merged. Write one schema."
        )
    return {**last, **beside}


def _type(node: Mapping[str, Any]) -> str | list[str] | None:
    """Name a node's type, read from its values or its shape where it is left unsaid."""
    if kind := node.get("type"):
        return kind if isinstance(kind, str) else list(kind)
    values = [node["const"]] if "const" in node else node.get("enum", ())
    kinds = list(dict.fromkeys(_JSON_TYPES.get(type(value), "object") for value in values))
    if kinds:
        return kinds[0] if len(kinds) == 1 else kinds
    return "object" if "properties" in node else "array" if "items" in node or "prefixItems" in node else None


def _check_levels(root: dict[str, Any], definitions: dict[str, Any]) -> None:
    known: dict[str, int] = {}

    def levels(node: dict[str, Any], path: str, within: tuple[str, ...]) -> int:
        if "$ref" in node:
            name = node["$ref"].rpartition("/")[2]
            if node["$ref"] == "#" or name in within:
                return 0  # recursion is allowed, and has no depth of its own
            if name not in known:
                known[name] = levels(definitions[name], path, (*within, name))
            return known[name]
        inner = [*node.get("anyOf", ()), *([node["items"]] if "items" in node else [])]
        deepest = max((levels(child, path, within) for child in inner), default=0)
        for name, child in node.get("properties", {}).items():
            deepest = max(deepest, 1 + levels(child, f"{path}.{name}", within))
        if deepest > _LEVELS:
            raise SchemaError(f"{path}: more than {_LEVELS} levels of nesting.")
        return deepest

    levels(root, "$", ())
