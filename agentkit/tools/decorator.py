"""`tool` is born here, the decorator that makes a `Tool` of a function; `as_tool` makes one of whatever can be one."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast, overload

from agentkit.errors import ToolDefinitionError
from agentkit.schema.parameter import UnresolvedHintError, target_of
from agentkit.schema.signature import Draft
from agentkit.tools.context import Context, is_context
from agentkit.tools.tool import Approval, Tool

__all__ = ["as_tool", "tool"]

_Deps = TypeVar("_Deps")
_P = ParamSpec("_P")


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
    external: bool = False,
    idempotent: bool = False,
    max_characters: int | None = None,
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
    external: bool = False,
    idempotent: bool = False,
    max_characters: int | None = None,
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
    external: bool = False,
    idempotent: bool = False,
    max_characters: int | None = None,
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
    external: bool = False,
    idempotent: bool = False,
    max_characters: int | None = None,
    require_descriptions: bool = False,
) -> Tool[Any] | _Decorator:
    """Make a tool of a function: `@tool`, `@tool(name=..., timeout=...)`, or `tool(function)`.

    The schema comes from the type hints, the texts from `Annotated`, `Field` or the docstring (Google, NumPy, Sphinx,
    Epydoc). A parameter with the hint `Context` is filled in and never shown. Methods, partials and callable objects
    serve too. The options are the attributes of `Tool`; name and description are the function's own unless given.

    Args:
        function: Any callable with type hints, async or not.
        external: Never call the function, which only has the hints: its calls wait for results that are made elsewhere.
        require_descriptions: Refuse a parameter without a description.

    Raises:
        ToolDefinitionError: When it cannot be told to a model; the text says what to write. Where a hint names
            something that does not exist yet, this comes at the first use, as when a `Toolbox` is made.
    """
    options: dict[str, Any] = {"strict": strict, "retries": retries, "timeout": timeout}
    options |= {"sequential": sequential, "thread": thread, "approval": approval, "is_external": external}
    options |= {"idempotent": idempotent, "max_characters": max_characters}

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
