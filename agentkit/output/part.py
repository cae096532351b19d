"""What a type is made of, read off its annotations: named parts, elements, members of a union; `twin` builds of it."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Collection, Iterable, Mapping, MutableSequence, Sequence
from collections.abc import Set as AbstractSet
from enum import Enum
from typing import Annotated, Any, Final, Literal, NewType, NotRequired, Required, Union, cast, get_args, get_origin

from pydantic import AliasChoices, BaseModel, Json, JsonValue, RootModel
from pydantic.fields import FieldInfo
from typing_extensions import ReadOnly, TypeAliasType, get_type_hints, is_typeddict

__all__ = [
    "LISTS",
    "SETS",
    "UNIONS",
    "alias_of",
    "element_of",
    "is_changed",
    "is_json_text",
    "literals_of",
    "members_of",
    "parts_of",
    "plain_type",
]

LISTS: Final[tuple[Any, ...]] = (list, Sequence, MutableSequence, Collection, Iterable)
SETS: Final[tuple[Any, ...]] = (set, frozenset, AbstractSet)
UNIONS: Final[tuple[Any, ...]] = (Union, types.UnionType)
_ALIASES: Final = (TypeAliasType, getattr(typing, "TypeAliasType", TypeAliasType))  # two classes before Python 3.14
_WRAPPERS: Final = (Annotated, Required, NotRequired, ReadOnly)
_TRIMS: Final = ("strip_whitespace", "to_lower", "to_upper")


def element_of(type_: Any) -> Any:
    """Give the type of the elements of a list, a set, a tuple of any length, optional or not; None for another type."""
    members = [member for member in members_of(type_) if member is not type(None)]
    plain = plain_type(members[0] if len(members) == 1 else type_)
    origin, arguments = get_origin(plain) or plain, get_args(plain)
    if origin in (*LISTS, *SETS):
        return arguments[0] if arguments else Any
    if origin is tuple and (not arguments or arguments[-1] is Ellipsis):
        return arguments[0] if arguments else Any
    return None


def plain_type(type_: Any) -> Any:
    """Take off what does not change how a value looks: annotations, aliases, new names."""
    return _unwrapped(type_)[0]


def alias_of(type_: Any) -> Any:
    """Give the alias that a type is named by, annotations taken off; None where it is none."""
    while get_origin(type_) in _WRAPPERS:
        type_ = get_args(type_)[0]
    return type_ if isinstance(type_, _ALIASES) or isinstance(get_origin(type_), _ALIASES) else None


def is_changed(type_: Any) -> bool:
    """Tell whether annotations of a type change its values: validators that are functions, or what trims a text."""
    return any(
        hasattr(note, "__get_pydantic_core_schema__") or any(getattr(note, name, None) for name in _TRIMS)
        for note in _unwrapped(type_)[1]
    )


def is_json_text(type_: Any) -> bool:
    """Tell whether a type is written as a text of JSON inside the JSON."""
    return any(isinstance(note, cast("Any", Json)) for note in _unwrapped(type_)[1])


def _unwrapped(type_: Any) -> tuple[Any, list[Any]]:
    notes: list[Any] = []
    while True:
        origin: Any = get_origin(type_)
        if origin in _WRAPPERS:
            type_, *more = get_args(type_)
            notes += more
        elif isinstance(type_, NewType):
            type_ = type_.__supertype__
        elif isinstance(type_, _ALIASES) and type_ is not cast("Any", JsonValue):
            type_ = type_.__value__
        elif isinstance(origin, _ALIASES):
            type_ = origin.__value__[get_args(type_)]
        else:
            return type_, notes


def members_of(type_: Any) -> Iterable[Any]:
    """Give the members of a union, those of unions in it too; of anything else itself."""
    plain = plain_type(type_)
    if get_origin(plain) in UNIONS:
        for member in get_args(plain):
            yield from members_of(member)
    else:
        yield type_


def literals_of(type_: Any) -> tuple[Any, ...]:
    """Give the values of a Literal as JSON has them; none for another type."""
    plain = plain_type(type_)
    values = get_args(plain) if get_origin(plain) is Literal else ()
    return tuple(value.value if isinstance(value, Enum) else value for value in values)


def parts_of(type_: Any) -> dict[str, tuple[Any, tuple[str, ...]]] | None:
    """Give the parts of a type with names, each with its type and its names in JSON; None for another type."""
    origin: Any = get_origin(type_) or type_
    if not _is_class(origin) or issubclass(origin, RootModel):
        return None
    if issubclass(origin, BaseModel):
        origin.model_rebuild(raise_errors=False)  # a type that was named before it was there may be by now
        return {name: (_annotated(one), _keys(one)) for name, one in origin.model_fields.items()}
    if not (_is_dataclass(origin) or is_typeddict(origin) or _is_named_tuple(origin)):
        return None
    hints = get_type_hints(origin, include_extras=True)
    given = dict(zip(getattr(origin, "__parameters__", ()), get_args(type_), strict=False))
    names = [one.name for one in dataclasses.fields(origin) if one.init] if _is_dataclass(origin) else hints
    own: dict[str, FieldInfo] = getattr(origin, "__pydantic_fields__", {})
    return {name: (_filled(hints[name], given), _keys(own[name]) if name in own else ()) for name in names}


def _is_class(type_: Any) -> bool:
    return isinstance(type_, type)


def _is_dataclass(type_: Any) -> bool:
    return dataclasses.is_dataclass(type_)


def _is_named_tuple(type_: Any) -> bool:
    return issubclass(type_, tuple) and hasattr(cast("Any", type_), "_fields")


def _annotated(field: FieldInfo) -> Any:
    return Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation


def _keys(field: FieldInfo) -> tuple[str, ...]:
    alias = field.validation_alias or field.alias
    if isinstance(alias, AliasChoices):
        return tuple(choice for choice in alias.choices if isinstance(choice, str))
    return (alias,) if isinstance(alias, str) else ()


def _filled(type_: Any, given: Mapping[Any, Any]) -> Any:
    """Put types in the places of a generic's variables."""
    if type_ in given:
        return given[type_]
    open_ = getattr(type_, "__parameters__", ())
    return type_[tuple(given.get(one, one) for one in open_)] if given and open_ else type_
