"""A wanted output made ready, once per agent: what to ask for in each mode, how to read it, how to finish it.

The agent's loop and driver use it; it knows neither requests nor runs.
"""

from __future__ import annotations

import inspect
import json
import re
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Generic, NewType, TypeVar, Union, cast, get_args, get_origin

from pydantic import ValidationError
from typing_extensions import TypeAliasType

from agentkit.errors import SchemaError
from agentkit.kind import is_map
from agentkit.output.codec import Codec
from agentkit.output.detail import summary_of
from agentkit.output.parse import Rejected
from agentkit.output.reading import Reading
from agentkit.output.shape import FunctionShape, SchemaShape, Shape, TypeShape
from agentkit.output.spec import Mode, OutputSpec
from agentkit.schema import to_strict
from agentkit.schema.argument import shorten
from agentkit.tools.context import Context, ToolRetry
from agentkit.tools.decorator import as_tool
from agentkit.tools.thread import run_in_thread
from agentkit.tools.tool import Tool
from agentkit.wire.request import FunctionDefinition, JsonSchema, ResponseFormat, ToolDefinition

__all__ = ["Asked", "OutputPlan"]

O = TypeVar("O")  # noqa: E741 # as DESIGN names it

_TOOL: Final = "final_result"
_MOST: Final = 500  # characters of what a validator raised, as of what a tool raises
_UNIONS: Final = (Union, types.UnionType)
_ALIASES: Final = (TypeAliasType, getattr(typing, "TypeAliasType", TypeAliasType))  # two classes before Python 3.14
_BY_POSITION: Final = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_NO_NAME: Final = re.compile(r"[^a-zA-Z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request carries so that the output comes.

    Attributes:
        tools: The tool whose arguments are the output, in the mode "tool".
        tool_choice: "required" with it, unless the model may just answer.
        response_format: In the modes "native" and "json".
        instructions: The schema in words, in the modes "json" and "prompted".
    """

    tools: tuple[ToolDefinition, ...] = ()
    tool_choice: str | None = None
    response_format: ResponseFormat | None = None
    instructions: str | None = None


class OutputPlan(Generic[O]):
    """How one output is asked for, read and finished.

    Raises:
        SchemaError: A JSON Schema has a pattern that cannot be read, or a `$ref` that points at nothing.

    Attributes:
        spec: What is wanted.
        is_text: Whether the reply's text is the output as it is.
        allows_text: Whether a text may be the output, beside something typed.
        is_function: Whether the output is what a function makes of the value that is read.
        is_read: Whether the value that is read is the output, for neither a function nor a validator gets it.
    """

    def __init__(self, spec: OutputSpec[O]) -> None:
        self.spec = spec
        self._members = _members(spec.type)
        typed = [member for member in self._members if member not in (str, type(None))]
        self.allows_text = str in self._members
        self.is_text = self.allows_text and not typed
        self._tool = as_tool(spec.type) if _is_function(spec.type) else None
        self.is_function = self._tool is not None
        self.is_read = not (self.is_function or spec.validators)
        self._asked: dict[Mode, Asked] = {}

    @classmethod
    def of(cls, output: Any) -> OutputPlan[Any]:
        """Make the plan of an output as callers write it: a type, a function, a schema, or a spec of one."""
        return OutputPlan[Any](cast("Any", output) if isinstance(output, OutputSpec) else OutputSpec(output))

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the output, an object at the root; read-only."""
        return self._shape.schema

    @property
    def is_wrapped(self) -> bool:
        """Whether the value is asked for in a field `response`, for it is no object itself."""
        return not self.is_text and self._shape.wrapped

    @property
    def name(self) -> str:
        """The output's name for the model, of letters, digits, `_` and `-`."""
        wanted: Any = self.spec.type
        if is_map(wanted):
            own = wanted.get("title")
        else:
            own = None if get_origin(wanted) is not None else getattr(wanted, "__name__", None)
        return _NO_NAME.sub("_", str(self.spec.name or own or "response")).strip("_")[:64] or "response"

    def ask(self, mode: Mode) -> Asked:
        """Say what a request must carry.

        Raises:
            SchemaError: The type has no JSON Schema, or no strict one and `strict=True` demands it.
        """
        if mode not in self._asked:
            self._asked[mode] = self._ask(mode)
        return self._asked[mode]

    def _ask(self, mode: Mode) -> Asked:
        if self.is_text:
            return Asked()
        if mode == "native":
            return Asked(response_format=self._native())
        if mode == "tool":
            choice = None if self.allows_text else "required"
            return Asked(tools=(self._as_tool(),), tool_choice=choice)
        if mode == "json":
            return Asked(response_format=ResponseFormat(type="json_object"), instructions=self._in_words(self._shape))
        return Asked(instructions=self._in_words(self._typed))

    def read(self, text: str) -> Any:
        """Turn the text of a reply, or the arguments of the output's tool, into the value; `finish` it then.

        Whole JSON counts first, then the one object or array in the text that fits; see `Reading`. Nothing that was cut
        is completed.

        Raises:
            Rejected: It is no valid output.
        """
        if not text.strip():
            if type(None) in self._members or (not self.is_text and self._shape.accepts_none):
                return None
            if not self.is_text:
                raise Rejected.nothing()
        if self.is_text:
            return text
        if not self.allows_text:
            return self._reading.read(text)
        try:
            return self._reading.read(text)
        except Rejected:
            if text.lstrip().startswith("{"):
                raise  # the model meant the object
            return text

    def locate(self, text: str) -> str | None:
        """Give the JSON in a text that `read` takes its value from; None where it takes none from JSON."""
        try:
            return self._reading.locate(text)[1]
        except Rejected:
            return None

    async def finish(self, value: Any, context: Context[Any]) -> O:
        """Call the output's function, if it is one, and its validators.

        Raises:
            Rejected: One of them raised ValueError, AssertionError (as pydantic has it) or `ToolRetry`.
        """
        try:
            if self._tool is not None:
                value = await _called(self._tool, value, context)
            for validator, takes_context in self._validators:
                value = await _settled(validator(context, value) if takes_context else validator(value))
        except ToolRetry as advice:
            raise Rejected(str(advice)) from advice
        except (ValueError, AssertionError) as error:
            raise Rejected(f"Your answer is not accepted: {_said(error)} Answer again, corrected.") from error
        return cast("O", value)

    def dump(self, value: O) -> str:
        """Write a finished value as compact JSON, from which `load` gives an equal value of the same type.

        The type is the output's, for a function what its hint of the result names; texts, raw JSON Schemas and
        functions without such a hint have plain JSON. Neither the function nor validators of the spec are called,
        but what a type itself does when pydantic reads it, is done. Fields that a type leaves out of its JSON make
        its values unequal, and so do validators that give another type.

        Raises:
            SchemaError: Nothing can be made of the type.
            ConfigurationError: The value has no JSON that gives it back equal.
        """
        return self._codec.dump(value)

    def load(self, text: str) -> O:
        """Read what `dump` wrote, typed, without asking, calling or validating anything of the spec.

        Raises:
            SchemaError: Nothing can be made of the type.
            ValueError: The text holds no value of the type, as after the type was changed.
        """
        return cast("O", self._codec.load(text))

    @cached_property
    def _codec(self) -> Codec:
        if self._tool is not None:
            return Codec(self.name, function=self._tool.function)
        return Codec(self.name, Any if self.is_text or is_map(self.spec.type) else self.spec.type)

    @cached_property
    def _reading(self) -> Reading:
        tool = self._tool.name if self._tool else _TOOL
        return Reading(self._shape, self._typed, (self.name, tool))

    @cached_property
    def _validators(self) -> tuple[tuple[Callable[..., Any], bool], ...]:
        """The validators, each with whether it takes the context."""
        return tuple((validator, _takes_context(validator)) for validator in self.spec.validators)

    @cached_property
    def _shape(self) -> Shape:
        """The shape of the whole type."""
        if self._tool is not None:
            return FunctionShape(self._tool)
        return SchemaShape(self.spec.type) if is_map(self.spec.type) else TypeShape(self.spec.type)

    @cached_property
    def _typed(self) -> Shape:
        """The shape without the text that may stand in its place."""
        if not self.allows_text:
            return self._shape
        return TypeShape(Union[tuple(member for member in self._members if member is not str)])  # noqa: UP007 # of a tuple

    def _native(self) -> ResponseFormat:
        schema, strict = self._strict(self._shape.schema, by_default=True)
        described = self.spec.description
        made = JsonSchema.model_validate(
            {"name": self.name, "description": described, "strict": strict, "schema": schema}
        )
        return ResponseFormat(type="json_schema", json_schema=made)

    def _as_tool(self) -> ToolDefinition:
        schema, strict = self._strict(self._typed.schema, by_default=False)
        own = self._tool.description if self._tool else schema.get("description")
        described = self.spec.description or own or "Give the final result. Call this once, when you are done."
        name = self.spec.name or (self._tool.name if self._tool else _TOOL)
        made = FunctionDefinition(name=name, description=described, parameters=schema, strict=strict)
        return ToolDefinition(function=made)

    def _strict(self, schema: dict[str, Any], *, by_default: bool) -> tuple[dict[str, Any], bool | None]:
        wanted = self.spec.strict
        if wanted is False or (wanted is None and not by_default):
            return schema, wanted
        try:
            return to_strict(schema), True
        except SchemaError as error:
            if wanted:
                raise SchemaError(
                    f"Output {self.name!r} cannot be strict. {error} Change the type, or leave `strict=True` out."
                ) from error
            return schema, None

    def _in_words(self, shape: Shape) -> str:
        may = "Answer in plain text, or" if self.allows_text and shape is self._typed else "Answer"
        what = f" It is: {self.spec.description}" if self.spec.description else ""
        schema = json.dumps(shape.schema, ensure_ascii=False, separators=(",", ":"))
        return f"{may} with one JSON object that fits this JSON Schema, and with nothing else.{what}\n{schema}"


def _members(type_: Any, within: tuple[Any, ...] = ()) -> tuple[Any, ...]:
    """Give the members of a union, the unions in it and behind names of unions too; of anything else itself."""
    meant = getattr(type_, "__value__", None) if isinstance(type_, _ALIASES) and type_ not in within else type_
    if get_origin(meant) in _UNIONS:
        return tuple(inner for member in get_args(meant) for inner in _members(member, (*within, type_)))
    return (type_,)


def _is_function(type_: Any) -> bool:
    if isinstance(type_, Tool):
        return True
    if not callable(type_) or isinstance(type_, (type, NewType, *_ALIASES)) or get_origin(type_) is not None:
        return False
    return type(type_).__module__ not in ("typing", "typing_extensions")


async def _called(tool: Tool[Any], arguments: Mapping[str, Any], context: Context[Any]) -> Any:
    if tool.is_async or not tool.thread:
        return await _settled(tool.call(arguments, context))
    return await _settled(await run_in_thread(tool.call, arguments, context))


async def _settled(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


def _takes_context(validator: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(validator).parameters.values()
    except (ValueError, TypeError):  # `str` and others not written in Python
        return False
    return len([one for one in parameters if one.default is one.empty and one.kind in _BY_POSITION]) > 1


def _said(error: Exception) -> str:
    said = summary_of(error) if isinstance(error, ValidationError) else str(error).strip() or "it failed a check"
    said = shorten(said, _MOST)
    return said if said.endswith((".", "!", "?")) else f"{said}."
