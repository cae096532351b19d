"""What a model may call is a `Tool`: what is sent to the model about it, and how the model's call becomes a call of it.

`decorator` makes tools of functions, `toolbox` collects them, `execute` calls them; this module knows no run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from types import CodeType, MethodType
from typing import Any, Final, Generic, NoReturn, Protocol, Self, TypeAlias

from typing_extensions import TypeVar

from agentkit.errors import ConfigurationError, SchemaError, ToolDefinitionError
from agentkit.schema.signature import Draft, Signature, is_async
from agentkit.schema.sketch import sketch_signature
from agentkit.schema.strict import to_strict
from agentkit.tools.context import Context, is_context

__all__ = ["Approval", "Function", "Tool", "check_name"]

Deps_contra = TypeVar("Deps_contra", contravariant=True, default=Any)

Approval: TypeAlias = bool | Callable[[Context[Any], Mapping[str, Any]], bool | Awaitable[bool]]

_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def check_name(name: str, remedy: str) -> None:
    """Raise `ToolDefinitionError` where no tool may bear the name; the remedy is how to write another one."""
    if not _NAME.fullmatch(name):
        raise ToolDefinitionError(
            f"{name!r} is no name for a tool: the contract allows 1 to 64 letters, digits, `_` and `-`. "
            f"Give another one, `{remedy}`."
        )


class Function(Protocol):
    """A plain function, as opposed to a `Tool`, which has no code of its own and names the deps that it needs."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...  # noqa: D102 - as of every function

    @property
    def __code__(self) -> CodeType: ...


@dataclass(frozen=True, eq=False)
class Tool(Generic[Deps_contra]):
    """One function that a model may call; immutable, and still callable like the function.

    Made by `tool` or `Tool.from_schema`. As an attribute of a class it binds to the object, as a method does.

    Attributes:
        function: What is called.
        name: What the model calls it: 1 to 64 letters, digits, `_` and `-`.
        description: What it does, for the model.
        strict: True sends the strict form of the schema, False says that it is not strict, None says nothing.
        retries: How often in a row the model may call again after a refusal; None is 3.
        timeout: Seconds that one call's body may take; None is no limit.
        sequential: Whether the calls of one reply before and after this one wait for it.
        thread: Whether a function that is not async runs in a worker thread; False runs it on the event loop.
        approval: Whether a call waits for approval before it runs: always, never, or as a predicate of context and read
            arguments says, async or not.
        max_characters: A longer result is cut for the model, with a notice; None is 100,000.
        is_external: Whether it is carried out elsewhere: the function is never called, each call waits for its result.
        idempotent: Whether a call may run again where a crash has left open how it ended: done twice is done once, as
            where a service takes `context.idempotency_key`.
    """

    function: Callable[..., Any]
    name: str
    description: str
    strict: bool | None = None
    retries: int | None = None
    timeout: float | None = None
    sequential: bool = False
    thread: bool = True
    approval: Approval = False
    is_external: bool = False
    max_characters: int | None = None
    idempotent: bool = False
    _draft: Draft | Signature = field(kw_only=True, repr=False)

    def __post_init__(self) -> None:
        check_name(self.name, "tool(function, name=...)")
        if self.retries is not None and self.retries < 0:
            raise ToolDefinitionError(f"Tool {self.name!r}: retries is {self.retries}. Give 0 or more.")
        if self.timeout is not None and not self.timeout > 0:
            raise ToolDefinitionError(f"Tool {self.name!r}: timeout is {self.timeout}. Give seconds above 0, or None.")
        if self.max_characters is not None and self.max_characters < 1:
            raise ToolDefinitionError(
                f"Tool {self.name!r}: max_characters is {self.max_characters}. Give 1 or more, or None."
            )
        if self.is_external and self.approval is not False:
            raise ToolDefinitionError(
                f"Tool {self.name!r} is external: each of its calls waits for whoever carries it out, who may deny it "
                "too. Leave `approval` out."
            )

    @classmethod
    def from_schema(
        cls, name: str, description: str, parameters: Mapping[str, Any], function: Callable[..., Any]
    ) -> Self:
        """Make a tool of a function whose arguments are described by a JSON Schema in place of hints.

        Arguments are checked by the whole schema, as outputs are (docs/output.md says which keywords). The function is
        called with them by keyword, and with the context where it has a parameter for it.

        Raises:
            ToolDefinitionError: When the schema is not one of an object, or cannot be read.
        """
        if parameters.get("type") != "object":
            raise ToolDefinitionError(
                f"Tool {name!r}: its parameters are no schema of an object. Begin with `type: object`."
            )
        read = sketch_signature(function, name, description, deepcopy(dict(parameters)), is_context=is_context)
        return cls(function, name, description, _draft=read)

    @classmethod
    def external(cls, name: str, description: str, parameters: Mapping[str, Any]) -> Self:
        """Declare a tool that is carried out elsewhere: on a page, by a person, by another program.

        Its arguments are checked by the JSON Schema, then the run waits; `result.pending` has the call, and a decision
        gives its result. `@tool(external=True)` is the same for a function that only has hints.

        Raises:
            ToolDefinitionError: When the schema is not one of an object, or cannot be read.
        """

        def elsewhere(**_: Any) -> NoReturn:
            raise ConfigurationError(
                f"Tool {name!r} is carried out elsewhere and cannot be called here. Its calls wait in "
                "`result.pending`; give their results, `call.give(...)`."
            )

        return cls.from_schema(name, description, parameters, elsewhere).replace(is_external=True)

    @cached_property
    def signature(self) -> Signature:
        """The function, read; for a hint that did not resolve at decoration, read now.

        Raises:
            ToolDefinitionError: When the function cannot be told to a model.
        """
        return self._draft if isinstance(self._draft, Signature) else self._draft.signature

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """The JSON Schema that is sent for the arguments; read-only."""
        if not self.strict:
            return self.signature.parameters
        try:
            return to_strict(self.signature.parameters)
        except SchemaError as error:
            raise ToolDefinitionError(
                f"Tool {self.name!r} cannot be strict. {error} Change the parameter, or leave `strict=True` out."
            ) from error

    @property
    def definition(self) -> dict[str, Any]:
        """A fresh copy of the object that stands in a request's `tools`."""
        return deepcopy(self._definition())

    @cached_property
    def encoded(self) -> bytes:
        """The definition as compact JSON."""
        return json.dumps(self._definition(), ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()

    @cached_property
    def is_async(self) -> bool:
        """Whether calling the function gives a coroutine."""
        return is_async(self.function)

    @property
    def takes_context(self) -> bool:
        """Whether the function has a parameter for the context."""
        return self.signature.context is not None

    @property
    def is_method(self) -> bool:
        """Whether the function still lacks the object that it is a method of."""
        return isinstance(self._draft, Draft) and self._draft.is_method and self.function is self._draft.function

    def read(self, arguments: str) -> dict[str, Any]:
        """Read the arguments of a call, complete, lossless and valid, into values by the function's own names.

        Raises:
            ArgumentError: In words for the model.
        """
        return self.signature.validate(arguments, null_means_default=self.strict is True)

    def call(self, kwargs: Mapping[str, Any], context: Context[Deps_contra]) -> Any:
        """Call the function with what `read` gave; for an async one the result is to be awaited."""
        positional, named = self.signature.bind(kwargs, context)
        return self.function(*positional, **named)

    def replace(self, **changes: Any) -> Self:
        """Copy with other values of the attributes, `tool.replace(name="search_web", timeout=5.0)`."""
        if unknown := changes.keys() - {one.name for one in fields(self) if one.name not in {"function", "_draft"}}:
            raise TypeError(f"Tool.replace() knows no {', '.join(sorted(unknown))}.")
        made = replace(self, **changes)
        if made.strict:
            _ = made.parameters  # refused here if at all
        return made

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function as if it were no tool."""
        return self.function(*args, **kwargs)

    def __get__(self, instance: Any, owner: type | None = None) -> Tool[Deps_contra]:
        """Bind a method to its object; a tool made of anything else stays as it is."""
        holder = owner if isinstance(self._draft, Draft) and self._draft.of_class else instance
        if holder is None or not self.is_method:
            return self
        return replace(self, function=MethodType(self.function, holder))

    def _definition(self) -> dict[str, Any]:
        function: dict[str, Any] = {"name": self.name}
        if self.description:
            function["description"] = self.description
        function["parameters"] = self.parameters
        if self.strict is not None:
            function["strict"] = self.strict
        return {"type": "function", "function": function}
