"""One function is read once, here: its name, description, JSON Schema, and the way from a text to Python arguments.

`tools/tool` builds on it. It knows no tool, no run and no context but by the predicate that it is given.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, Final, NoReturn, cast

from pydantic import PydanticUserError
from pydantic.errors import PydanticUndefinedAnnotation
from pydantic_core import PydanticSerializationError, to_jsonable_python

from agentkit.errors import ToolDefinitionError
from agentkit.schema.annotation import note_of, to_schemas
from agentkit.schema.docstring import Docstring, parse_docstring
from agentkit.schema.parameter import (
    Parameter,
    UnresolvedHintError,
    is_receiver,
    raw_parameters,
    read_parameters,
    target_of,
)
from agentkit.schema.stamp import Stamps
from agentkit.schema.validator import Validator, refusal

__all__ = ["Draft", "Signature", "is_async", "read_signature"]

_EMPTY: Final = inspect.Parameter.empty


@dataclass(frozen=True)
class Signature:
    """One function, read once.

    Attributes:
        name: What the model calls it.
        description: What it does, in the words of its docstring unless given.
        parameters: The JSON Schema of its arguments, an object; read-only, copy it before changing it.
        hidden: The parameters that the model does not see.
        context: The parameter that takes the context, if there is one.
        is_async: Whether calling it gives a coroutine.
    """

    name: str
    description: str
    parameters: dict[str, Any]
    hidden: frozenset[str]
    context: str | None
    is_async: bool
    _members: Sequence[Parameter] = field(repr=False)

    def validate(self, arguments: str | bytes, *, null_means_default: bool = False) -> dict[str, Any]:
        """Read a call's arguments, complete and lossless, into values by the function's own names.

        Args:
            arguments: The JSON text that the model wrote.
            null_means_default: Whether null stands for an optional argument left out, as it must in strict mode.

        Raises:
            ArgumentError: In words for the model.
        """
        text = arguments if isinstance(arguments, str) else arguments.decode(errors="replace")
        read = partial(self._validator.validate, null_means_default=null_means_default)
        values = read(text.strip())
        if found := self._stamps.find(text, values, read):
            raise refusal(found)
        return values

    def bind(self, values: Mapping[str, Any], context: Any) -> tuple[list[Any], dict[str, Any]]:
        """Sort validated values, and the context, into what is passed by position and what by keyword."""
        named = dict(values)
        if self.context is not None:
            named[self.context] = context
        positional: list[Any] = []
        for parameter in self._by_position:
            if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
                positional.extend(named.pop(parameter.name, ()))
            else:
                positional.append(named.pop(parameter.name, parameter.default))
        return positional, named

    @cached_property
    def _stamps(self) -> Stamps:
        return Stamps(self.parameters)

    @cached_property
    def _validator(self) -> Validator:
        return Validator(self._members)

    @cached_property
    def _by_position(self) -> Sequence[Parameter]:
        """The parameters that cannot be passed by keyword, and those before `*args`, which then cannot either."""
        kinds: set[Any] = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL}
        if any(parameter.kind is inspect.Parameter.VAR_POSITIONAL for parameter in self._members):
            kinds.add(inspect.Parameter.POSITIONAL_OR_KEYWORD)
        return [member for member in self._members if member.kind in kinds and member.role != "receiver"]


@dataclass(frozen=True)
class Draft:
    """A function looked at whose hints may not resolve yet; `signature` resolves them, once.

    Attributes:
        function: Any callable.
        name: What the model calls it.
        is_context: Tells the hint of the context parameter.
        require_descriptions: Whether each parameter must be described.
        names: Further names that hints may use.
        of_class: Whether it is a class method, to be bound to the class.
    """

    function: Any
    name: str
    is_context: Callable[[Any], bool]
    require_descriptions: bool = False
    names: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    of_class: bool = False

    @cached_property
    def is_method(self) -> bool:
        """Whether the function is a method that is not bound to its object."""
        return any(is_receiver(p, self.function) for p in self._raw[:1])

    @cached_property
    def docstring(self) -> Docstring:
        """The docstring, split; its description is the text on the result where it says nothing else."""
        known = [p.name for p in self._raw]
        text: str | None = target_of(self.function).__doc__
        if text is None and not inspect.isfunction(self.function):
            # a method takes its base's words, an object those of its class
            owner = self.function if inspect.ismethod(self.function) else cast("Any", type(self.function))
            text = inspect.getdoc(owner)
        read = parse_docstring(text, [name for name in known if name not in {"self", "cls"}], where=self._where)
        if not read.description and read.returns:
            return Docstring(f"Returns: {read.returns}", read.params, read.returns)
        return read

    @cached_property
    def signature(self) -> Signature:
        """The function, read.

        Raises:
            ToolDefinitionError: When it cannot be a tool; `UnresolvedHintError` when a hint may still come to resolve.
        """
        members = read_parameters(self.function, self._raw, self._where, is_context=self.is_context, names=self.names)
        context = next((member for member in members if member.role == "context"), None)
        return Signature(
            name=self.name,
            description=self.docstring.description,
            parameters=self._schema(members),
            hidden=frozenset(member.name for member in members if member.role in {"context", "receiver"}),
            context=context.name if context else None,
            is_async=is_async(self.function),
            _members=members,
        )

    @cached_property
    def _raw(self) -> list[inspect.Parameter]:
        return raw_parameters(self.function, self._where)

    @property
    def _where(self) -> str:
        return f"Tool {self.name!r}"

    def _schema(self, members: Sequence[Parameter]) -> dict[str, Any]:
        told = [member for member in members if member.role in {"argument", "rest"}]
        schemas, definitions = self._ask(told)
        made: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}
        for member in told:
            schema = schemas[member.name]
            if member.role == "rest":
                made["additionalProperties"] = schema or True
                continue
            if member.kind is not inspect.Parameter.VAR_POSITIONAL:
                _add_default(schema, member.default)
            description = note_of(member.annotation) or self.docstring.params.get(member.name)
            if "description" not in schema and description:
                schema["description"] = description
            if self.require_descriptions and not schema.get("description"):
                raise ToolDefinitionError(
                    f"{self._where}: parameter {member.name!r} has no description, and one is required. "
                    f"Describe it under `Args:` in the docstring, or write `Annotated[..., Field(description=...)]`."
                )
            made["properties"][member.key] = schema
        if required := [member.key for member in told if member.required]:
            made["required"] = required
        return made | ({"$defs": definitions} if definitions else {})

    def _ask(self, members: Sequence[Parameter]) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
        try:
            return to_schemas({member.name: member.annotation for member in members})
        except (PydanticUserError, PydanticUndefinedAnnotation, TypeError) as error:
            if len(members) > 1:  # which of them is it?
                for member in members:
                    self._ask([member])
            (member, *_) = members
            _refuse(error, self._where, member)


def read_signature(
    function: Any,
    *,
    name: str | None = None,
    description: str | None = None,
    is_context: Callable[[Any], bool] = lambda _: False,
    require_descriptions: bool = False,
) -> Signature:
    """Read a function: its schema from hints and docstring, its hidden parameters, its colour.

    Args:
        function: Any callable with annotations.
        name: What the model calls it; the function's own name by default.
        description: In place of the docstring's.
        is_context: Tells the hint of a parameter that the caller fills in.
        require_descriptions: Whether each parameter must be described.

    Raises:
        ToolDefinitionError: When the function cannot be told to a model.
    """
    read = Draft(function, name or target_of(function).__name__, is_context, require_descriptions).signature
    if description is None:
        return read
    return replace(read, description=description)


def is_async(function: Any) -> bool:
    """Tell whether calling a callable gives a coroutine, through partials, methods and callable objects."""
    call = getattr(cast("Any", type(function)), "__call__", None)  # noqa: B004 - the method itself is wanted
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)


def _add_default(schema: dict[str, Any], default: Any) -> None:
    """Write a default into a schema, where JSON can hold it; it is never compared, for its `__eq__` is not ours."""
    if default is _EMPTY:
        return
    try:
        # a set has no order of its own, and a schema that changes from process to process is no cached prefix
        ordered: Any = sorted(cast("Any", default), key=repr) if isinstance(default, set | frozenset) else default
        encoded = to_jsonable_python(ordered)
        json.dumps(encoded, allow_nan=False)
    except (PydanticSerializationError, ValueError, TypeError):
        return
    schema["default"] = encoded


def _refuse(error: Exception, where: str, member: Parameter) -> NoReturn:
    code = getattr(error, "code", None)
    if code == "typed-dict-version":
        raise ToolDefinitionError(
            f"{where}: parameter {member.name!r} uses `typing.TypedDict`, which hides its optional keys before Python "
            "3.12. Import TypedDict from typing_extensions."
        ) from error
    if code in {"class-not-fully-defined", "undefined-annotation"}:
        raise UnresolvedHintError(f"{where}: the type of parameter {member.name!r} is not complete: {error}") from error
    raise ToolDefinitionError(
        f"{where}: parameter {member.name!r} is of type {_show(member.annotation)}, which has no JSON Schema. "
        "Take what JSON can hold (str, int, a list, a model) and build the object inside the function."
    ) from error


def _show(annotation: Any) -> str:
    return annotation.__qualname__ if isinstance(annotation, type) else str(annotation).replace("typing.", "")
