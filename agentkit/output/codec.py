"""A finished value as JSON text and back, typed by what a run gives; `plan` offers it, for stores.

It calls neither the output's function nor its validators.
"""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any, Final

from pydantic import ConfigDict, PydanticUserError, TypeAdapter

from agentkit.errors import ConfigurationError, SchemaError, ToolDefinitionError
from agentkit.schema.parameter import result_of

__all__ = ["Codec"]

_BYTES: Final = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")


class Codec:
    """Values of one type as JSON text.

    Args:
        name: The output's name, for errors.
        type_: The type of the values; Any for plain JSON.
        function: What makes the values, in place of `type_`: its hint of the result is their type.
    """

    def __init__(self, name: str, type_: Any = Any, function: Any = None) -> None:
        self._name, self._given, self._function = name, type_, function

    def dump(self, value: Any) -> str:
        """Write a value as compact JSON that `load` gives back equal.

        Raises:
            SchemaError: Nothing can be made of the type.
            ConfigurationError: The value has no JSON that gives it back equal.
        """
        adapter = self._adapter
        try:
            if adapter is None:
                text = json.dumps(value, allow_nan=False, separators=(",", ":"))
            else:
                text = adapter.dump_json(value, by_alias=False, round_trip=True, warnings="error").decode()
            loaded = self.load(text)
        except (ValueError, TypeError, RecursionError) as error:
            raise self._lost(value, str(error).splitlines()[0]) from error
        if not _is_same(loaded, value, adapter, text):
            raise self._lost(value, f"its JSON gives back another value, {loaded!r:.100}")
        return text

    def load(self, text: str) -> Any:
        """Read what `dump` wrote.

        Raises:
            SchemaError: Nothing can be made of the type.
            ValueError: The text holds no value of the type.
        """
        if self._adapter is None:
            return json.loads(text)
        return self._adapter.validate_json(text, by_alias=False, by_name=True)

    @cached_property
    def _adapter(self) -> TypeAdapter[Any] | None:
        """The type's reader and writer, None for plain JSON."""
        try:
            type_ = self._given if self._function is None else result_of(self._function)
            return None if type_ in (Any, str) else _adapter_of(type_)
        except (PydanticUserError, ToolDefinitionError, TypeError) as error:
            raise SchemaError(
                f"Output {self._name!r} cannot be stored, for nothing can be made of its type: "
                f"{str(error).splitlines()[0]} Annotate it with a type that pydantic reads."
            ) from error

    def _lost(self, value: Any, reason: str) -> ConfigurationError:
        return ConfigurationError(
            f"Output {self._name!r} cannot be stored: a value of type {type(value).__name__} cannot be written as JSON "
            f"and read back the same: {reason.rstrip('.:')}. Give a value that JSON can hold, of the annotated type."
        )


def _adapter_of(type_: Any) -> TypeAdapter[Any]:
    try:
        return TypeAdapter(type_, config=_BYTES)
    except PydanticUserError as error:
        if error.code != "type-adapter-config-unused":
            raise
        return TypeAdapter(type_)  # a model has a config of its own


def _is_same(loaded: Any, value: Any, adapter: TypeAdapter[Any] | None, text: str) -> bool:
    own: Any = type(value).__eq__
    if type(value) is type(loaded) and own is object.__eq__ and adapter is not None:  # a dataclass with eq=False, say
        return adapter.dump_json(loaded, by_alias=False, round_trip=True) == text.encode()
    return bool(loaded == value)
