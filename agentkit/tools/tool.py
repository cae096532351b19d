"""A function becomes a `Tool` here: what is sent to the model about it, and how the model's call becomes a call of it.

`toolbox` collects tools and `execute` calls them; this module knows no run and no message.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from types import CodeType, MethodType
from typing import Any, Concatenate, Final, Generic, ParamSpec, Protocol, Self, TypeAlias, cast, overload

from typing_extensions import TypeVar

from agentkit.errors import SchemaError, ToolDefinitionError
from agentkit.schema.parameter import UnresolvedHintError, target_of
from agentkit.schema.signature import Draft, Signature, is_async
from agentkit.schema.sketch import sketch_signature
from agentkit.schema.strict import to_strict
from agentkit.tools.context import Context, is_context

__all__ = ["Approval", "Function", "Tool", "as_tool", "tool"]

Deps_contra = TypeVar("Deps_contra", contravariant=True, default=Any)
_Deps = TypeVar("_Deps")
_P = ParamSpec("_P")

Approval: TypeAlias = bool | Callable[[Context[Any], Mapping[str, Any]], bool | Awaitable[bool]]

_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")


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
    _draft: Draft | Signature = field(kw_only=True, repr=False)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ToolDefinitionError(
                f"{self.name!r} is no name for a tool: the contract allows 1 to 64 letters, digits, `_` and `-`. "
                "Give another one, `tool(function, name=...)`."
            )
        if self.retries is not None and self.retries < 0:
            raise ToolDefinitionError(f"Tool {self.name!r}: retries is {self.retries}. Give 0 or more.")
        if self.timeout is not None and not self.timeout > 0:
            raise ToolDefinitionError(f"Tool {self.name!r}: timeout is {self.timeout}. Give seconds above 0, or None.")

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


class _Decorator(Protocol):
    @overload
    def __call__(self, function: Callable[Concatenate[Context[_Deps], _P], Any], /) -> Tool[_Deps]: ...
    @overload
    def __call__(self, function: Callable[..., Any], /) -> Tool[Any]: ...


@overload
def tool(
    function: Callable[Concatenate[Context[_Deps], _P], Any],
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    strict: bool | None = None,
    retries: int | None = None,
    timeout: float | None = None,
    sequential: bool = False,
    thread: bool = True,
    approval: Approval = False,
    require_descriptions: bool = False,
) -> Tool[_Deps]: ...
@overload
def tool(
    function: Callable[..., Any],
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    strict: bool | None = None,
    retries: int | None = None,
    timeout: float | None = None,
    sequential: bool = False,
    thread: bool = True,
    approval: Approval = False,
    require_descriptions: bool = False,
) -> Tool[Any]: ...
@overload
def tool(
    function: None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    strict: bool | None = None,
    retries: int | None = None,
    timeout: float | None = None,
    sequential: bool = False,
    thread: bool = True,
    approval: Approval = False,
    require_descriptions: bool = False,
) -> _Decorator: ...
def tool(  # noqa: D417 - the other arguments are the attributes of Tool, described there
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    strict: bool | None = None,
    retries: int | None = None,
    timeout: float | None = None,
    sequential: bool = False,
    thread: bool = True,
    approval: Approval = False,
    require_descriptions: bool = False,
) -> Tool[Any] | _Decorator:
    """Make a tool of a function: `@tool`, `@tool(name=..., timeout=...)`, or `tool(function)`.

    The schema comes from the type hints, the texts from `Annotated`, `Field` or the docstring (Google, NumPy, Sphinx,
    Epydoc). A parameter with the hint `Context` is filled in and never shown. Methods, partials and callable objects
    serve too. The options are the attributes of `Tool`; name and description are the function's own unless given.

    Args:
        function: Any callable with type hints, async or not.
        require_descriptions: Refuse a parameter without a description.

    Raises:
        ToolDefinitionError: When it cannot be told to a model; the text says what to write. Where a hint names
            something that does not exist yet, this comes at the first use, as when a `Toolbox` is made.
    """
    options: dict[str, Any] = {"strict": strict, "retries": retries, "timeout": timeout}
    options |= {"sequential": sequential, "thread": thread, "approval": approval}

    def make(function: Any) -> Tool[Any]:
        return _make(_draft(function, name, require_descriptions=require_descriptions), description, options)

    return make if function is None else make(function)


def as_tool(value: Tool[Any] | Callable[..., Any]) -> Tool[Any]:
    """Take a tool as it is and make one of anything else that can be called."""
    held: Any = getattr(value, "__func__", None)
    if isinstance(held, Tool):  # `@classmethod` over `@tool` binds the tool itself as of Python 3.13
        return cast("Tool[Any]", cast("Any", held).__get__(getattr(value, "__self__", None)))
    return cast("Any", value) if isinstance(value, Tool) else tool(value)


def _make(draft: Draft, description: str | None, options: dict[str, Any]) -> Tool[Any]:
    described = draft.docstring.description if description is None else description
    made: Tool[Any] = Tool(draft.function, draft.name, described, **options, _draft=draft)
    if made.strict and "signature" in draft.__dict__:
        _ = made.parameters  # refused here if at all
    return made


def _draft(function: Any, name: str | None, *, require_descriptions: bool) -> Draft:
    if isinstance(function, Tool):
        raise ToolDefinitionError(f"Tool {function.name!r} is a tool already. Change it by `.replace(...)`.")
    of_class = isinstance(function, classmethod)
    if isinstance(function, staticmethod | classmethod):
        function = cast("Any", function).__func__
    draft = Draft(function, name or _name(function), is_context, require_descriptions, of_class=of_class)
    try:
        _ = draft.signature
    except UnresolvedHintError:
        draft = replace(draft, names=_names_around(function))
        with suppress(UnresolvedHintError):  # it may resolve by the first use, which says so if not
            _ = draft.signature
    return draft


def _name(function: Any) -> str:
    target = target_of(function)
    own = getattr(function, "__name__", None) or (target.__name__ if hasattr(function, "func") else None)
    return str(own or type(function).__name__)


def _names_around(function: Any) -> dict[str, Any]:
    """Collect what hints name among the locals of the frames that the function is being defined in."""
    target = target_of(function)
    wanted = set(re.findall(r"\w+", " ".join(map(repr, target.__annotations__.values()))))
    found: dict[str, Any] = {}
    frame = sys._getframe(1)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] # the one way to local names
    while frame is not None:
        if frame.f_globals is target.__globals__ and frame.f_locals is not frame.f_globals:
            local = frame.f_locals
            found = {name: local[name] for name in wanted if name in local} | found
        frame = frame.f_back  # type: ignore[assignment] # None ends the loop
    return found
