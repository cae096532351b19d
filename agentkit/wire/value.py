"""The ground of every wire value: frozen, typed, unknown fields kept, its encoded bytes cached.

Only the contract's modules beside it derive from `WireValue`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from operator import attrgetter
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticSerializationError, to_json, to_jsonable_python

from agentkit.errors import InvalidRequestError

__all__ = ["WireValue", "encode_map", "is_empty", "join_encoded", "known_until", "well_formed"]


def is_empty(value: object) -> bool:
    """Tell whether an optional list field is left out of the JSON: servers refuse `"tool_calls": []`."""
    return not value


def well_formed(text: str) -> str:
    """Join surrogates that stand as a pair and put U+FFFD for lone ones, which no UTF-8 can hold."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


class WireValue(BaseModel):
    """A frozen value of the contract.

    Fields that the contract does not know are kept (`value.model_extra`) and sent again. A None is "not set" and
    is not sent. Numbers in the place of text are read as text, as some servers send ids so.
    """

    model_config = ConfigDict(
        frozen=True, extra="allow", defer_build=True, coerce_numbers_to_str=True, protected_namespaces=()
    )
    # The second is what an endpoint of another dialect is sent instead (`http.dialect`), the third what stands before a
    # message in a history that was checked (`check`); no copy carries any of them along.
    __slots__ = ("_checked", "_encoded", "_spoken")

    @property
    def encoded(self) -> bytes:
        """Give the compact JSON, encoded once for the life of the value; a copy encodes anew."""
        try:
            encoded = _kept(self)
        except AttributeError:
            encoded = None
        if encoded is None:
            encoded = self.to_json()
            _keep(self, encoded)
        return encoded

    def to_json(self, *, without: Collection[str] = ()) -> bytes:
        """Encode as compact JSON without the fields that are not set.

        Lone surrogates (file names of other encodings, text cut by UTF-16) become U+FFFD.

        Args:
            without: Fields to leave out besides.

        Raises:
            InvalidRequestError: An unknown field holds what JSON does not have.
        """
        exclude = set(without) if without else None
        try:
            return self.__pydantic_serializer__.to_json(self, by_alias=True, exclude_none=True, exclude=exclude)
        except PydanticSerializationError:
            pass  # rare: read as Python's values and written without the surrogates, or refused by name
        return _encode_slowly(
            self.model_dump(by_alias=True, exclude_none=True, exclude=exclude), type(self).__name__, "its fields"
        )

    def to_dict(self) -> dict[str, Any]:
        """Give the JSON as a new dict without the fields that are not set."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def replace(self, **changes: Any) -> Self:
        """Copy with some fields changed; values are taken as they are."""
        fields, extra, known = {**self.__dict__}, {**(self.__pydantic_extra__ or {})}, self.__pydantic_fields__
        for name, value in changes.items():
            (fields if name in known else extra)[name] = value
        return _made(type(self), fields, extra, {*self.__pydantic_fields_set__, *changes})

    @classmethod
    def of_fields(cls, **fields: Any) -> Self:
        """Make a value of all its fields, which are taken as they are, for they are known to be right.

        That nothing is kept of it yet is written down: an empty slot would be an exception at each of the three looks.
        """
        made = _made(cls, fields, {}, set(fields))
        _note(made, None)
        _keep(made, None)
        _speak(made, None)
        return made


_Value = TypeVar("_Value", bound=WireValue)

_new = object.__new__
# Slots are set and read by their own descriptors: `setattr` takes half as long again, and pydantic's look-up thrice.
_set_fields: Callable[[Any, dict[str, Any]], None] = BaseModel.__dict__["__dict__"].__set__
_set_extra: Callable[[Any, dict[str, Any]], None] = BaseModel.__dict__["__pydantic_extra__"].__set__
_set_given: Callable[[Any, set[str]], None] = BaseModel.__dict__["__pydantic_fields_set__"].__set__
_set_private: Callable[[Any, None], None] = BaseModel.__dict__["__pydantic_private__"].__set__
_kept: Callable[[WireValue], bytes | None] = WireValue.__dict__["_encoded"].__get__
_keep: Callable[[WireValue, bytes | None], None] = WireValue.__dict__["_encoded"].__set__
_note: Callable[[WireValue, None], None] = WireValue.__dict__["_checked"].__set__
_speak: Callable[[WireValue, None], None] = WireValue.__dict__["_spoken"].__set__


def _made(cls: type[_Value], fields: dict[str, Any], extra: dict[str, Any], given: set[str]) -> _Value:
    """Do what pydantic's own copying does, at a quarter of its cost: each request and reply is a few copies."""
    made = _new(cls)  # looking `__new__` up in a model's class costs as much as the call
    _set_fields(made, fields)
    _set_extra(made, extra)
    _set_given(made, given)
    _set_private(made, None)
    return made


def encode_map(values: Mapping[str, Any], owner: str) -> bytes:
    """Encode a map of a caller's own as compact JSON, its None as null; lone surrogates become U+FFFD.

    Args:
        values: What is encoded.
        owner: Its name, for the error.

    Raises:
        InvalidRequestError: It holds what JSON does not have.
    """
    try:
        return to_json(values)
    except PydanticSerializationError:
        pass  # as above
    return _encode_slowly(values, owner, "it")


def _encode_slowly(values: Mapping[str, Any], owner: str, what: str) -> bytes:
    try:
        text = json.dumps(values, ensure_ascii=False, separators=(",", ":"), default=to_jsonable_python)
    except (PydanticSerializationError, TypeError, ValueError) as error:
        raise InvalidRequestError(
            f"{owner} cannot be written as JSON: {error}. Give {what} only text, numbers, booleans, lists and maps."
        ) from error
    return well_formed(text).encode()


def known_until(values: Sequence[WireValue], slot: str) -> int:
    """Count the values before those at the end whose slot is empty: a history grows there."""
    look: Any = WireValue.__dict__[slot].__get__
    for known in range(len(values), 0, -1):
        try:
            if look(values[known - 1]) is not None:
                return known
        except AttributeError:
            pass
    return 0


_ENCODED = attrgetter("_encoded")
_NEW = 4  # values at the end that may be new: a turn with two calls has three


def join_encoded(values: Sequence[WireValue], before: bytes = b"", after: bytes = b"") -> bytes:
    """Join the encoded values with commas between what stands before and after, at the cost of copying them once."""
    encoded = [value.encoded for value in values] if len(values) <= _NEW else _grown(values)
    if not encoded:
        return before + after
    encoded[0] = before + encoded[0]
    encoded[-1] += after
    return b",".join(encoded)


def _grown(values: Sequence[WireValue]) -> list[bytes]:
    """Encode a long history, of which most was before."""
    try:
        encoded = [*map(_ENCODED, values[:-_NEW]), *[value.encoded for value in values[-_NEW:]]]
    except AttributeError:
        encoded = []
    # more than those at the end may be new, and of some a None says so
    return encoded if encoded and all(encoded) else [value.encoded for value in values]
