"""The agent: a model, tools, instructions and a wanted output as one immutable value that runs as often as asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Self, cast, overload

from typing_extensions import TypeForm, TypeVar, Unpack

from agentkit.agent.field import Options, check_fields
from agentkit.agent.result import Output
from agentkit.agent.run import Instructions, Middleware, Recipe
from agentkit.agent.runner import Deps, Runner
from agentkit.model import Model
from agentkit.output import OutputPlan, OutputSpec
from agentkit.state.limit import RunLimits
from agentkit.tools.execute import OnToolError
from agentkit.tools.toolbox import Toolbox
from agentkit.wire.setting import Settings

__all__ = ["Agent"]

_Deps = TypeVar("_Deps")  # of an agent whose output is a JSON Schema


class Agent(Runner[Deps, Output]):
    """A model with tools and instructions, asked for one kind of output.

    It is immutable and holds no conversation: share it among tasks, threads and event loops.

    Args:
        model: A name (`"provider:model"`, `"local"`) or any `Model`; None reads `AGENTKIT_MODEL` at the run.
        tools: Tools and plain functions; a `Toolbox` too.
        instructions: Sent first with each request and never kept in the history: a text, a function (sync or async)
            of the context, or several of either.
        output: What a run gives: str (default), any type that pydantic can read, a function whose arguments are
            asked for, or an `OutputSpec`.
        settings: Request fields; those of a run win over them, and a None there switches one off.
        limits: How far a run may go: 50 turns and 16 calls at once, unless said.
        middleware: What stands around requests and calls, the first outermost.
        on_tool_error: "report" tells the model what a tool raised, "raise" ends the run, a function decides.
        name: Shown by `repr`, and yours to tell agents apart.

    Raises:
        ToolDefinitionError: A function cannot be a tool; the text says what to write instead.
        ConfigurationError: `on_tool_error` or a middleware is none, or `settings` are no `Settings`.
    """

    @overload
    def __init__(
        self, model: str | Model | None = None, *, output: type[Output] = ..., **options: Unpack[Options[Deps]]
    ) -> None: ...
    @overload
    def __init__(
        self, model: str | Model | None = None, *, output: TypeForm[Output], **options: Unpack[Options[Deps]]
    ) -> None: ...
    @overload
    def __init__(
        self,
        model: str | Model | None = None,
        *,
        output: Callable[..., Awaitable[Output]],
        **options: Unpack[Options[Deps]],
    ) -> None: ...
    @overload
    def __init__(
        self,
        model: str | Model | None = None,
        *,
        output: OutputSpec[Output] | Callable[..., Output],
        **options: Unpack[Options[Deps]],
    ) -> None: ...
    @overload
    def __init__(
        self: Agent[None, Any],
        model: str | Model | None = None,
        *,
        output: Mapping[str, Any],
        **options: Unpack[Options[None]],
    ) -> None: ...
    @overload
    def __init__(
        self: Agent[_Deps, Any],
        model: str | Model | None = None,
        *,
        output: Mapping[str, Any],
        **options: Unpack[Options[_Deps]],
    ) -> None: ...
    def __init__(
        self,
        model: str | Model | None = None,
        *,
        tools: Iterable[Any] = (),
        instructions: Instructions | Sequence[Instructions] | None = None,
        output: Any = str,
        settings: Settings | None = None,
        limits: RunLimits | None = None,
        middleware: Sequence[Middleware] = (),
        on_tool_error: OnToolError = "report",
        name: str | None = None,
    ) -> None:
        check_fields(on_tool_error, middleware)
        self._fields: dict[str, Any] = {
            "model": model,
            "tools": tools if isinstance(tools, Toolbox) else Toolbox(tools),
            "instructions": instructions,
            "output": output,
            "settings": settings if settings is None else Settings().merge(settings),
            "limits": limits,
            "middleware": tuple(middleware),
            "on_tool_error": on_tool_error,
            "name": name,
        }
        self._plan: OutputPlan[Any] = OutputPlan.of(output)
        self._recipe: Recipe | None = None

    def replace(self, **changes: Any) -> Self:
        """Give a copy with some of the constructor's arguments changed."""
        return type(self)(**{**self._fields, **changes})

    def __repr__(self) -> str:
        model = self._fields["model"]
        shown = {
            "name": self._fields["name"],
            "model": model if isinstance(model, str | None) else model.name,
            "tools": list(self.toolbox.names),
            "output": getattr(self._plan.spec.type, "__name__", None) or str(self._plan.spec.type),
        }
        return f"Agent({', '.join(f'{key}={value!r}' for key, value in shown.items() if value)})"

    @property
    def name(self) -> str | None:
        """Give the name, if it has one."""
        return cast("str | None", self._fields["name"])

    @property
    def toolbox(self) -> Toolbox:
        """Give the tools."""
        return cast("Toolbox", self._fields["tools"])
