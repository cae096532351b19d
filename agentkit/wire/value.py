"""The ground of every wire value: frozen, typed, unknown fields kept, its encoded bytes cached.

Only the contract's modules beside it derive from `WireValue`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from operator import attrgetter
from typing import Any, Self, TypeGuard

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticSerializationError, to_jsonable_python

from agentkit.errors import InvalidRequestError

__all__ = ["WireValue", "is_array", "is_empty", "is_object", "join_encoded", "well_formed"]


def is_empty(value: object) -> bool:
    """Tell whether an optional list field is left out of the JSON: servers refuse `"tool_calls": []`."""
    return not value


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Tell whether decoded JSON is an object."""
    return isinstance(value, dict)


def is_array(value: object) -> TypeGuard[list[Any]]:
    """Tell whether decoded JSON is an array."""
    return isinstance(value, list)


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
    # The second is what an endpoint of another dialect is sent instead (`http.dialect`); no copy carries either along.
    __slots__ = ("_encoded", "_spoken")

    @property
    def encoded(self) -> bytes:
        """Give the compact JSON, encoded once for the life of the value; a copy encodes anew."""
        try:
            return self._encoded  # type: ignore[no-any-return,attr-defined] # a slot, which pydantic does not declare
        except AttributeError:
            encoded = self.to_json()
            object.__setattr__(self, "_encoded", encoded)
            return encoded

    def to_json(self, *, without: Collection[str] = ()) -> bytes:
        """Encode as compact JSON without the fields that are not set.

        Lone surrogates (file names of other encodings, text cut by UTF-16) become U+FFFD.

        Args:
            without: Fields to leave out besides.

        Raises:
            InvalidRequestError: An unknown field holds what JSON does not have.
        """
        exclude = set(without) or None
        try:
            return self.__pydantic_serializer__.to_json(self, by_alias=True, exclude_none=True, exclude=exclude)
        except PydanticSerializationError:
            pass  # rare: read as Python's values and written without the surrogates, or refused by name
        values = self.model_dump(by_alias=True, exclude_none=True, exclude=exclude)
        try:
            text = json.dumps(values, ensure_ascii=False, separators=(",", ":"), default=to_jsonable_python)
        except (PydanticSerializationError, TypeError) as error:
            raise InvalidRequestError(
                f"{type(self).__name__} cannot be written as JSON: {error}. "
                "Give its fields only text, numbers, booleans, lists and maps."
            ) from error
        return well_formed(text).encode()

    def to_dict(self) -> dict[str, Any]:
        """Give the JSON as a new dict without the fields that are not set."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def replace(self, **changes: Any) -> Self:
        """Copy with some fields changed; values are taken as they are."""
        return self.model_copy(update=changes)


_ENCODED = attrgetter("_encoded")


def join_encoded(values: Sequence[WireValue]) -> bytes:
    """Join the encoded values with commas, at little more than the cost of copying their bytes."""
    known = len(values)
    while known and not hasattr(values[known - 1], "_encoded"):  # a history grows at its end
        known -= 1
    for value in values[known:]:
        _ = value.encoded
    try:
        return b",".join(map(_ENCODED, values))
    except AttributeError:  # one in between is new
        return b",".join([value.encoded for value in values])
