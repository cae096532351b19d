"""The all-optional twin of an output type: what partial values are of, and which parts of them may be shown half.

Built once per reader, by pydantic's own field types; validators of models do not run in it.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Mapping, MutableMapping
from enum import Enum
from typing import Annotated, Any, Final, NamedTuple, Union, cast, get_args, get_origin

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    JsonValue,
    PlainValidator,
    RootModel,
    Tag,
    TypeAdapter,
    create_model,
)
from pydantic.fields import FieldInfo
from pydantic_core import core_schema
from typing_extensions import TypedDict, is_typeddict

from agentkit.kind import is_map
from agentkit.output.part import (
    LISTS,
    SETS,
    UNIONS,
    alias_of,
    is_changed,
    is_json_text,
    literals_of,
    members_of,
    parts_of,
    plain_type,
)
from agentkit.output.scan import Frame, decoded

__all__ = ["Twin", "twin_of"]

_MAPS: Final = (dict, Mapping, MutableMapping)
_NO_STRINGS: Final = (int, float, bool, type(None))
_KEPT: Final = (
    *("arbitrary_types_allowed", "coerce_numbers_to_str", "populate_by_name", "strict", "use_enum_values"),
    *("str_strip_whitespace", "str_to_lower", "str_to_upper", "validate_by_name"),
)


class _Withheld:
    """Shows nothing in the place of what is not valid yet."""

    def __init__(self, *, as_none: bool) -> None:
        self._as_none = as_none

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> Any:
        schema = handler(source)
        if self._as_none:
            return core_schema.with_default_schema(schema, default=None, on_error="default")
        return core_schema.with_default_schema(schema, on_error="omit")


_NONE: Final = _Withheld(as_none=True)
_OMITTED: Final = _Withheld(as_none=False)


class Twin:
    """How a type may be shown while it grows.

    Attributes:
        type: The twin type, for pydantic.
        is_text: Whether an open string may be shown.
        opener: The bracket of what may be shown open; "" for none, "*" for any.
        named: The twins of its parts, by name or index.
        rest: The twin of all other parts.
        kinds: Of a union, the members by their bracket.
        tag: The name of the part that tells which of `choices` it is.
        choices: The twins by the tag's value.
    """

    def __init__(self, type_: Any = Any, opener: str = "", *, is_text: bool = False) -> None:
        self.type = type_
        self.is_text = is_text
        self.opener = opener
        self.named: dict[Any, Twin] = {}
        self.rest: Twin | None = None
        self.kinds: dict[str, Twin] = {}
        self.tag: str | None = None
        self.choices: dict[Any, Twin] = {}

    def opened(self, frame: Frame, text: str) -> Twin | None:
        """Give the twin of an open object or array; None where it is not to be shown, or its kind is not known yet."""
        if frame.opener in self.kinds:
            return self.kinds[frame.opener].opened(frame, text)
        if self.tag is not None:
            place = frame.scalars.get(self.tag)
            return self.choices.get(decoded(text[slice(*place)])) if place else None
        return self if self.opener in (frame.opener, "*") else None

    def part(self, key: str | int | None) -> Twin | None:
        """Give the twin of a part; None for what is not shown."""
        return self.named.get(key, self.rest)


def _any() -> Twin:
    twin = Twin(Any, "*", is_text=True)
    twin.rest = twin
    return twin


def twin_of(type_: Any) -> Twin:
    """Make the twin of a type: models, dataclasses, TypedDicts, NamedTuples, lists, maps, tuples, unions of these."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # names that shadow others were told of where the type was written
        return _Maker().make(type_)


class _Maker:
    """Makes the twins of one type and of what is in it; a type that holds itself is made once."""

    def __init__(self) -> None:
        self._made: dict[Any, Twin] = {}
        self._open: set[Any] = set()
        self._adapters: dict[Any, TypeAdapter[Any]] = {}

    def make(self, type_: Any) -> Twin:
        alias = alias_of(type_)
        if alias is None:
            return self._make(type_)
        if alias in self._open:
            return Twin(type_)  # inside itself it is shown when it is whole
        self._open.add(alias)
        made = self._make(type_)
        self._open.discard(alias)
        return made

    def _make(self, type_: Any) -> Twin:
        plain = plain_type(type_)
        origin, arguments = get_origin(plain) or plain, get_args(plain)
        if is_json_text(type_):
            return Twin(type_)
        if plain in (Any, object, JsonValue):
            return _any()
        if (reference := getattr(plain, "type_ref", None)) is not None:  # what pydantic has for a generic inside itself
            plain = next((one for one in self._open if _is_named(one, reference)), None)
            return self._again(plain, self._made[plain]) if plain else _any()
        if plain is str and not is_changed(type_):
            return Twin(str, is_text=True)
        if origin in UNIONS:
            return self._union(type_)
        if origin in LISTS:
            return self._list(arguments[0] if arguments else Any, list)
        if origin in SETS:
            return self._list(arguments[0] if arguments else Any, origin, shows_half=False)
        if origin in _MAPS:
            return self._map(*(arguments or (str, Any)))
        if origin is tuple:
            return self._tuple(arguments)
        if isinstance(origin, type) and (named := parts_of(plain)):
            return self._named(plain, named)
        if isinstance(origin, type) and issubclass(origin, RootModel):
            return self._root(plain)
        return Twin(type_)

    def _list(self, item: Any, kind: Any, *, shows_half: bool = True) -> Twin:
        inner = self.make(item)
        if not shows_half:  # equal elements are one, so that a half one cannot be told from a whole one
            return Twin(kind[Annotated[item, _OMITTED]])
        twin = Twin(kind[Annotated[inner.type, _OMITTED]], "[")
        twin.rest = inner
        return twin

    def _map(self, key: Any, value: Any) -> Twin:
        inner, made = self.make(value), cast("Any", dict)
        twin = Twin(made[key, Annotated[inner.type, _OMITTED]], "{")
        twin.rest = inner
        return twin

    def _tuple(self, items: tuple[Any, ...]) -> Twin:
        if not items or items[-1] is Ellipsis:
            inner = self.make(items[0] if items else Any)
            twin = Twin(tuple[Annotated[inner.type, _OMITTED], ...], "[")  # type: ignore[name-defined] # made as we run
            twin.rest = inner
            return twin
        inners = [self.make(item) for item in items]
        twin = Twin(tuple[tuple(_optional(inner.type) for inner in inners)], "[")  # type: ignore[misc] # made as we run
        twin.named = dict(enumerate(inners))
        return twin

    def _union(self, type_: Any) -> Twin:
        made = [(member, self.make(member)) for member in members_of(type_)]
        objects = [one for one in made if one[1].opener == "{"]
        arrays = [one for one in made if one[1].opener == "["]
        leaves = [one for one in made if one[1].opener not in ("{", "[")]
        union, shown = Twin(), [member for member, _ in leaves]
        for opener, several in (("{", objects), ("[", arrays)):
            only = several[0][1] if len(several) == 1 else _tagged(several)
            if only is not None:
                union.kinds[opener] = only
                shown.append(only.type)
            else:
                shown += [member for member, _ in several]  # which one it is shows only when it is whole
        texts = [one for one in leaves if plain_type(one[0]) not in _NO_STRINGS]
        union.is_text = len(texts) == 1 and plain_type(texts[0][0]) is str and texts[0][1].is_text
        union.type = Union[tuple(shown)]  # noqa: UP007 # of a tuple
        return union

    def _named(self, type_: Any, parts: dict[str, tuple[Any, Any]]) -> Twin:
        if type_ in self._made:
            made = self._made[type_]
            return made if type_ not in self._open else self._again(type_, made)
        twin = self._made[type_] = Twin(type_, "{")
        twin.rest = _any()
        self._open.add(type_)
        inner = {name: self.make(part) for name, (part, _) in parts.items()}
        for name, (_, keys) in parts.items():
            twin.named |= dict.fromkeys((name, *keys), inner[name])
        if issubclass(get_origin(type_) or type_, tuple):
            twin.kinds["["] = places = Twin(Any, "[")
            places.named = dict(enumerate(inner.values()))
        twin.type = _type_of(type_, {name: one.type for name, one in inner.items()})
        self._open.discard(type_)
        return twin

    def _again(self, type_: Any, made: Twin) -> Twin:
        """Give a twin inside itself; its type is not there yet."""

        def validated(data: Any) -> Any:
            if type_ not in self._adapters:
                self._adapters[type_] = TypeAdapter(self._made[type_].type)
            return self._adapters[type_].validate_python(data)

        twin = Twin(Annotated[Any, PlainValidator(validated)], made.opener)
        twin.named, twin.kinds, twin.rest = made.named, made.kinds, made.rest
        return twin

    def _root(self, type_: Any) -> Twin:
        if type_ in self._made:
            made = self._made[type_]
            return made if type_ not in self._open else self._again(type_, made)
        made = self._made[type_] = Twin(type_)  # inside itself it is shown when it is whole
        self._open.add(type_)
        type_.model_rebuild(raise_errors=False)
        twin = self.make(type_.model_fields["root"].annotation)
        root = create_model(f"Partial{type_.__name__}", __base__=cast("Any", RootModel)[twin.type])
        made.__dict__.update({**vars(twin), "type": root})
        self._open.discard(type_)
        return made


def _is_named(type_: Any, reference: str) -> bool:
    """Tell whether pydantic's reference to a generic, as in `module.Name:id[int:id]`, is to this model."""
    origin = getattr(type_, "__pydantic_generic_metadata__", {}).get("origin")
    return origin is not None and reference.startswith(f"{origin.__module__}.{origin.__qualname__}:{id(origin)}[")


def _optional(type_: Any) -> Any:
    return Annotated[Union[type_, None], _NONE]  # noqa: UP007 # of what is no class


def _tagged(several: list[tuple[Any, Twin]]) -> Twin | None:
    """Make the twin of objects that are told apart by a part of theirs that is a Literal."""
    parts = [parts_of(plain_type(member)) or {} for member, _ in several]
    for name in parts[0] if parts else ():
        values = [literals_of(one[name][0]) if name in one else () for one in parts]
        flat = [value for some in values for value in some]
        if all(values) and len({*flat}) == len(flat):
            union, keys = Twin(), parts[0][name][1]
            tag = union.tag = keys[0] if keys else name
            twins = [twin for _, twin in several]
            union.choices = {value: twin for twin, some in zip(twins, values, strict=True) for value in some}
            numbers = {value: str(index) for index, some in enumerate(values) for value in some}
            choices = tuple(Annotated[twin.type, Tag(str(index))] for index, twin in enumerate(twins))
            union.type = Annotated[Union[choices], Discriminator(_teller((name, tag), numbers))]  # noqa: UP007 # of a tuple
            return union
    return None


def _teller(places: tuple[str, str], numbers: Mapping[Any, str]) -> Callable[[Any], str | None]:
    """Make what tells which one it is, of JSON that is read and of a value that is written."""
    name, tag = places

    def tell(value: Any) -> str | None:
        told = value.get(tag, value.get(name)) if is_map(value) else getattr(value, name, None)
        told = told.value if isinstance(told, Enum) else told
        return numbers.get(told) if isinstance(told, str | int | float) else None

    return tell


def _type_of(type_: Any, inner: Mapping[str, Any]) -> Any:
    origin = get_origin(type_) or type_
    name = f"Partial{getattr(origin, '__name__', 'Output')}"
    if is_typeddict(origin):
        return TypedDict(name, {key: Annotated[one, _OMITTED] for key, one in inner.items()}, total=False)  # type: ignore[operator] # made as we run
    optional = {key: _optional(one) for key, one in inner.items()}
    if issubclass(origin, tuple):
        made = NamedTuple(name, [*optional.items()])  # type: ignore[misc] # made as we run
        made.__new__.__defaults__ = (None,) * len(optional)
        return made
    known: dict[str, FieldInfo] = getattr(origin, "__pydantic_fields__", {})
    fields = {key: _field(known.get(key)) for key in optional}
    if not issubclass(origin, BaseModel):
        return dataclasses.make_dataclass(name, [(key, one, fields[key]) for key, one in optional.items()])
    given = cast("dict[str, Any]", origin.model_config)
    config = {key: given[key] for key in _KEPT if key in given}
    extra = "allow" if given.get("extra") == "allow" else "ignore"
    made_config = cast("ConfigDict", {**config, "extra": extra, "protected_namespaces": ()})
    pairs = {key: (one, fields[key]) for key, one in optional.items()}
    return create_model(name, __config__=made_config, **cast("Any", pairs))


def _field(given: FieldInfo | None) -> Any:
    """Make a field that may be missing, with the names in JSON of the one given."""
    if given is None:
        return Field(default=None)
    alias = given.validation_alias or given.alias
    return Field(default=None, validation_alias=alias, serialization_alias=given.serialization_alias or given.alias)
