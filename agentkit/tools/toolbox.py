"""A set of tools with unique names is born here, `Toolbox`; agents send its definitions and look up calls in it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, cast

from agentkit.errors import ToolDefinitionError
from agentkit.tools.decorator import as_tool
from agentkit.tools.tool import Function, Tool

__all__ = ["Toolbox"]


class Toolbox:
    """An immutable sequence of tools with unique names; combined by `+`, changed by copies.

    Args:
        tools: Tools and plain functions, in the order in which they are sent.

    Raises:
        ToolDefinitionError: When two bear one name, or one cannot be told to a model.
    """

    def __init__(self, tools: Iterable[Tool[Any] | Function] = ()) -> None:
        self._tools: dict[str, Tool[Any]] = {}
        if callable(tools):
            if getattr(tools, "__name__", "") == "<lambda>":
                raise ToolDefinitionError(
                    "A lambda stands alone where several tools are taken. One that gives an agent's tools takes the "
                    "context: `tools=lambda context: [...]`."
                )
            name = as_tool(tools).name
            raise ToolDefinitionError(
                f"Tool {name!r} stands alone where several are taken. Put it in a list: `[{name}]`."
            )
        for value in tools:
            made = as_tool(value)
            if made.is_method:
                raise ToolDefinitionError(
                    f"Tool {made.name!r} is a method without its object. Take it from one, `thing.{made.name}`."
                )
            _ = made.parameters  # hints that did not resolve at decoration must do so now
            if (other := self._tools.get(made.name)) is not None:
                raise ToolDefinitionError(
                    f"Two tools are named {made.name!r}: {_origin(other)} and {_origin(made)}. "
                    "Rename one, `tool(function, name=...)`, or set one toolbox apart, `toolbox.prefix(...)`."
                )
            self._tools[made.name] = made

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in order."""
        return tuple(self._tools)

    @property
    def definitions(self) -> list[dict[str, Any]]:
        """A fresh copy of the `tools` of a request."""
        return [tool.definition for tool in self]

    @cached_property
    def encoded(self) -> bytes:
        """The `tools` of a request as compact JSON, joined from what each tool keeps."""
        return b"[" + b",".join(tool.encoded for tool in self) + b"]"

    def get(self, name: str) -> Tool[Any] | None:
        """Find a tool by name; None where there is none."""
        return self._tools.get(name)

    def prefix(self, prefix: str) -> Toolbox:
        """Copy with `prefix` before each name."""
        return self.rename(lambda name: f"{prefix}{name}")

    def filter(self, wanted: Callable[[Tool[Any]], object] | Collection[str]) -> Toolbox:
        """Copy with the tools that a predicate accepts, or that are named.

        Raises:
            KeyError: When a name is not among the tools.
        """
        if callable(wanted):
            return Toolbox(tool for tool in self if wanted(tool))
        names = [wanted] if isinstance(wanted, str) else wanted
        self._check(names)
        return Toolbox(tool for tool in self if tool.name in names)

    def rename(self, names: Mapping[str, str] | Callable[[str], str]) -> Toolbox:
        """Copy with other names, by a map from old to new or by a function of the old one.

        Raises:
            KeyError: When the map has a name that is not among the tools.
        """
        if not callable(names):
            changed = dict(names)
            self._check(changed)
            return Toolbox(tool.replace(name=changed.get(tool.name, tool.name)) for tool in self)
        return Toolbox(tool.replace(name=names(tool.name)) for tool in self)

    def __add__(self, other: Iterable[Tool[Any] | Function]) -> Toolbox:
        return Toolbox([*self, *other])

    def __radd__(self, other: Iterable[Tool[Any] | Function]) -> Toolbox:
        return Toolbox([*other, *self])

    def __getitem__(self, name: str) -> Tool[Any]:
        self._check([name])
        return self._tools[name]

    def __contains__(self, name: object) -> bool:
        return name in self._tools

    def __iter__(self) -> Iterator[Tool[Any]]:
        return iter(self._tools.values())

    def __len__(self) -> int:
        return len(self._tools)

    def __repr__(self) -> str:
        return f"Toolbox({', '.join(self._tools)})"

    def _check(self, names: Iterable[str]) -> None:
        for name in names:
            if name not in self._tools:
                raise KeyError(f"There is no tool {name!r}. The tools are: {', '.join(self._tools) or 'none'}.")


def _origin(tool: Tool[Any]) -> str:
    function: Any = tool.function
    named: Any = function if hasattr(function, "__qualname__") else cast("Any", type(function))
    return f"{named.__module__}:{named.__qualname__}"
