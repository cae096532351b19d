"""The agent: a model, tools, instructions and a wanted output as one immutable value that runs as often as asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Self, cast, overload

from typing_extensions import TypeForm, TypeVar, Unpack

from agentkit.agent.chooser import named
from agentkit.agent.field import Options, SettingsOf, check_fields, settings_of, tools_of
from agentkit.agent.handoff import check_handoffs
from agentkit.agent.result import Output
from agentkit.agent.run import Instructions, Middleware, Recipe
from agentkit.agent.runner import Deps, Runner
from agentkit.agent.subagent import describe, tool_of
from agentkit.model import Model
from agentkit.output import OutputPlan, OutputSpec
from agentkit.state.limit import RunLimits
from agentkit.tools.execute import OnToolError
from agentkit.tools.tool import Approval, Tool
from agentkit.tools.toolbox import Toolbox
from agentkit.wire.setting import Settings

__all__ = ["Agent"]

_Deps = TypeVar("_Deps")  # of an agent whose output is a JSON Schema


class Agent(Runner[Deps, Output]):
    """A model with tools and instructions, asked for one kind of output.

    It is immutable and holds no conversation: share it among tasks, threads and event loops.

    Args:
        model: A name (`"provider:model"`, `"local"`) or any `Model`; None reads `AGENTKIT_MODEL` at the run.
        tools: Tools and plain functions; a `Toolbox` too; or a function (sync or async) of the context, which is asked
            for them before each turn.
        instructions: Sent first with each request and never kept in the history: a text, a function (sync or async)
            of the context, or several of either.
        output: What a run gives: str (default), any type that pydantic can read, a function whose arguments are
            asked for, or an `OutputSpec`.
        settings: Request fields; those of a run win over them, and a None there switches one off. A function (sync or
            async) of the context is asked for them before each turn.
        limits: How far a run may go: 50 turns and 16 calls at once, unless said.
        middleware: What stands around requests and calls, the first outermost.
        on_tool_error: "report" tells the model what a tool raised, "raise" ends the run, a function decides.
        name: Shown by `repr`; what it is called as a tool, in a handoff, in a saved state and as `result.agent`.

    Raises:
        ToolDefinitionError: A function cannot be a tool; the text says what to write instead.
        ConfigurationError: `on_tool_error`, a middleware or an instruction is none, or `settings` are no `Settings`.
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
        tools: Iterable[Any] | Callable[..., Any] = (),
        instructions: Instructions | Sequence[Instructions] | None = None,
        output: Any = str,
        settings: Settings | SettingsOf[Any] | None = None,
        limits: RunLimits | None = None,
        middleware: Sequence[Middleware] = (),
        on_tool_error: OnToolError = "report",
        name: str | None = None,
    ) -> None:
        check_fields(on_tool_error, middleware, instructions)
        self._fields: dict[str, Any] = {
            "model": model,
            "tools": tools_of(tools),
            "instructions": instructions,
            "output": output,
            "settings": settings_of(settings),
            "limits": limits,
            "middleware": tuple(middleware),
            "on_tool_error": on_tool_error,
            "name": name,
        }
        self._plan: OutputPlan[Any] = OutputPlan.of(output)
        check_handoffs(self._fields["tools"], name, self.output_type)
        self._recipe: Recipe | None = None

    def replace(self, **changes: Any) -> Self:
        """Give a copy with some of the constructor's arguments changed."""
        return type(self)(**{**self._fields, **changes})

    @overload
    def as_tool(
        self: Agent[None, Any],
        name: str | None = None,
        description: str | None = None,
        *,
        approval: Approval = False,
        retries: int | None = None,
        timeout: float | None = None,
        sequential: bool = False,
    ) -> Tool[Any]: ...
    @overload
    def as_tool(
        self,
        name: str | None = None,
        description: str | None = None,
        *,
        approval: Approval = False,
        retries: int | None = None,
        timeout: float | None = None,
        sequential: bool = False,
    ) -> Tool[Deps]: ...
    def as_tool(
        self,
        name: str | None = None,
        description: str | None = None,
        *,
        approval: Approval = False,
        retries: int | None = None,
        timeout: float | None = None,
        sequential: bool = False,
    ) -> Tool[Any]:
        """Make a tool that runs this agent on a prompt and gives its output; the deps are those of the run that calls.

        Calls of its run that wait for decisions wait with those of the run that calls, in `result.pending`.

        Args:
            name: The agent's, unless given.
            description: What the agent does, for the model that is to call it; its name and instructions, unless given.
            approval: As of `tool`, like those that follow.
            retries: How often the model may call again after a refusal.
            timeout: Seconds that its run may take, or a part of it between pauses.
            sequential: Whether the calls beside it wait.

        Raises:
            ToolDefinitionError: There is no name, or it is none for a tool.
        """
        known = name or self.name
        said = describe(f"Ask the agent {known}.", self.instructions) if description is None else description
        options: dict[str, Any] = {"approval": approval, "retries": retries, "timeout": timeout}
        return tool_of(self.recipe_for, known, said, sequential=sequential, **options)

    def __repr__(self) -> str:
        model, tools = self._fields["model"], self._fields["tools"]
        shown = {
            "name": self._fields["name"],
            "model": model if isinstance(model, str | None) else model.name,
            "tools": list(tools.names) if isinstance(tools, Toolbox) else named(tools),
            "output": getattr(self._plan.spec.type, "__name__", None) or str(self._plan.spec.type),
        }
        return f"Agent({', '.join(f'{key}={value!r}' for key, value in shown.items() if value)})"

    @property
    def name(self) -> str | None:
        """Give the name, if it has one."""
        return cast("str | None", self._fields["name"])

    @property
    def instructions(self) -> Instructions | Sequence[Instructions] | None:
        """Give the instructions as they were given."""
        return cast("Instructions | Sequence[Instructions] | None", self._fields["instructions"])

    @property
    def output_type(self) -> Any:
        """Give what the output is: a type, a function, a JSON Schema."""
        return self._plan.spec.type

    def recipe_within(self, limits: RunLimits, /) -> Recipe:
        """Give what a run goes on with that is handed over to this agent; its limits stay."""
        return self.recipe_for(limits=limits)

    @property
    def toolbox(self) -> Toolbox:
        """Give the tools; an empty toolbox where a function of the context chooses them, for only a run has those."""
        tools = self._fields["tools"]
        return tools if isinstance(tools, Toolbox) else Toolbox()
