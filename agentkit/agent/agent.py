"""The agent: a model, tools, instructions and a wanted output as one immutable value that runs as often as asked."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, Self, cast, overload

from typing_extensions import TypeForm, TypeVar

from agentkit.agent.blocking import SyncStream, block
from agentkit.agent.driver import drive
from agentkit.agent.effect import Finished
from agentkit.agent.recipe import recipe_of
from agentkit.agent.result import Output, Result
from agentkit.agent.run import Instructions, Middleware, Recipe, Run
from agentkit.agent.start import Prompt, go_on, start
from agentkit.agent.stream import AgentStream
from agentkit.agent.swap import swapped
from agentkit.errors import ConfigurationError, UnknownModelError
from agentkit.model import Model
from agentkit.output import OutputPlan, OutputSpec
from agentkit.providers import resolve
from agentkit.state.decision import Decision
from agentkit.state.limit import RunLimits
from agentkit.state.run import RunState
from agentkit.tools.execute import OnToolError
from agentkit.tools.tool import Function, Tool
from agentkit.tools.toolbox import Toolbox
from agentkit.wire.message import Message
from agentkit.wire.setting import Settings

__all__ = ["Agent"]

Deps = TypeVar("Deps", default=None)

_NO_DEPS: Any = None


class Agent(Generic[Deps, Output]):
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
        self,
        model: str | Model | None = None,
        *,
        tools: Iterable[Tool[Deps] | Function] = ...,
        instructions: Instructions | Sequence[Instructions] | None = None,
        output: type[Output] = ...,
        settings: Settings | None = None,
        limits: RunLimits | None = None,
        middleware: Sequence[Middleware] = (),
        on_tool_error: OnToolError = "report",
        name: str | None = None,
    ) -> None: ...
    @overload
    def __init__(
        self,
        model: str | Model | None = None,
        *,
        tools: Iterable[Tool[Deps] | Function] = ...,
        instructions: Instructions | Sequence[Instructions] | None = None,
        output: TypeForm[Output],
        settings: Settings | None = None,
        limits: RunLimits | None = None,
        middleware: Sequence[Middleware] = (),
        on_tool_error: OnToolError = "report",
        name: str | None = None,
    ) -> None: ...
    @overload
    def __init__(
        self,
        model: str | Model | None = None,
        *,
        tools: Iterable[Tool[Deps] | Function] = ...,
        instructions: Instructions | Sequence[Instructions] | None = None,
        output: OutputSpec[Output] | Callable[..., Output],
        settings: Settings | None = None,
        limits: RunLimits | None = None,
        middleware: Sequence[Middleware] = (),
        on_tool_error: OnToolError = "report",
        name: str | None = None,
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
        _check(on_tool_error, middleware)
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
        self._models: dict[str, Model] = {}
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

    async def run(
        self,
        prompt: Prompt,
        *,
        deps: Deps = _NO_DEPS,
        history: Iterable[Message | Mapping[str, Any]] = (),
        model: str | Model | None = None,
        settings: Settings | None = None,
        limits: RunLimits | None = None,
    ) -> Result[Output]:
        """Run until there is an output, or calls wait for a decision.

        Args:
            prompt: What the user says; None goes on from the history.
            deps: What tools get as `context.deps`.
            history: Earlier messages, ours (`result.messages`) or in OpenAI's dict format.
            model: In the place of the agent's own.
            settings: Over the agent's own.
            limits: In the place of the agent's own.

        Raises:
            APIError: The endpoint gave no usable reply.
            RunError: The run cannot go on: a limit, no valid output, a refusal; `agent.resume(error.state)` goes on.
        """
        return await self._finish(start(self._recipe_for(model, settings, limits), prompt, deps, history))

    def run_sync(
        self,
        prompt: Prompt,
        *,
        deps: Deps = _NO_DEPS,
        history: Iterable[Message | Mapping[str, Any]] = (),
        model: str | Model | None = None,
        settings: Settings | None = None,
        limits: RunLimits | None = None,
    ) -> Result[Output]:
        """Run as `run` does, from sync code; works in scripts, threads and notebooks."""
        run = start(self._recipe_for(model, settings, limits), prompt, deps, history)
        return block(lambda: self._finish(run))

    def stream(
        self,
        prompt: Prompt,
        *,
        deps: Deps = _NO_DEPS,
        history: Iterable[Message | Mapping[str, Any]] = (),
        model: str | Model | None = None,
        settings: Settings | None = None,
        limits: RunLimits | None = None,
    ) -> AgentStream[Output]:
        """Run as `run` does and watch: `async with agent.stream(...) as stream: async for event in stream: ...`."""
        run = start(self._recipe_for(model, settings, limits), prompt, deps, history)
        return AgentStream(run, self._finish)

    def stream_sync(
        self,
        prompt: Prompt,
        *,
        deps: Deps = _NO_DEPS,
        history: Iterable[Message | Mapping[str, Any]] = (),
        model: str | Model | None = None,
        settings: Settings | None = None,
        limits: RunLimits | None = None,
    ) -> SyncStream[Output]:
        """Watch a run from sync code: `with agent.stream_sync(...) as stream: for event in stream: ...`."""
        run = start(self._recipe_for(model, settings, limits), prompt, deps, history)
        return SyncStream(AgentStream(run, self._finish))

    async def resume(
        self,
        state: RunState | str | bytes,
        *,
        decisions: Mapping[str, Decision] | None = None,
        deps: Deps = _NO_DEPS,
        model: str | Model | None = None,
        settings: Settings | None = None,
        limits: RunLimits | None = None,
    ) -> Result[Output]:
        """Go on from a state: `result.state`, `error.state`, or the JSON of one.

        Args:
            state: The run so far. One from outside is trusted: it decides what is run.
            decisions: On the calls of `result.pending`, by call id: True, False, `Approve`, `Deny` or `Give`. A call
                without a decision goes on waiting.
            deps: As for `run`; a state never holds them.
            model: In the place of the agent's own.
            settings: Over the agent's own.
            limits: In the place of the agent's own; what was spent stays spent.
        """
        return await self._finish(go_on(self._recipe_for(model, settings, limits), state, decisions, deps))

    def resume_sync(
        self,
        state: RunState | str | bytes,
        *,
        decisions: Mapping[str, Decision] | None = None,
        deps: Deps = _NO_DEPS,
        model: str | Model | None = None,
        settings: Settings | None = None,
        limits: RunLimits | None = None,
    ) -> Result[Output]:
        """Go on as `resume` does, from sync code."""
        run = go_on(self._recipe_for(model, settings, limits), state, decisions, deps)
        return block(lambda: self._finish(run))

    async def _finish(self, run: Run) -> Result[Output]:
        end = await drive(run)
        answers = tuple(run.answers)
        if isinstance(end, Finished):
            return Result(end.state, answers, end.output, run.reply)
        return Result(end.state, answers, reply=run.reply)

    def _recipe_for(self, model: str | Model | None, settings: Settings | None, limits: RunLimits | None) -> Recipe:
        model = swapped(self, model)
        plain = model is None and settings is None and limits is None
        if plain and self._recipe is not None:
            return self._recipe
        fields = self._fields
        recipe = recipe_of(
            self._model(model if model is not None else fields["model"]),
            self._plan,
            fields,
            (fields["settings"] or Settings()).merge(settings),
            limits or fields["limits"] or RunLimits(),
        )
        if plain and fields["model"] is not None:
            self._recipe = recipe
        return recipe

    def _model(self, model: str | Model | None) -> Model:
        if model is None:
            model = os.environ.get("AGENTKIT_MODEL", "").strip()
            if not model:
                raise UnknownModelError(
                    'No model is named. Write `Agent("provider:model")` or `agent.run(..., model="provider:model")`, '
                    'or set AGENTKIT_MODEL=provider:model. Without a key and network: `Agent("local")`.'
                )
        if isinstance(model, str):
            if model not in self._models:
                self._models[model] = resolve(model)
            return self._models[model]
        given: Any = model
        if not isinstance(given, Model):
            raise UnknownModelError(
                f"A model of type {type(given).__name__} lacks `name`, `complete` or `stream`. "
                'Give a name, `"provider:model"`, or a `ChatModel(...)`.'
            )
        return model


def _check(on_tool_error: Any, middleware: Sequence[Any]) -> None:
    if on_tool_error not in ("report", "raise") and not callable(on_tool_error):
        raise ConfigurationError(
            f"on_tool_error is {on_tool_error!r}, which is unknown. "
            'Give "report", "raise", or a function of the call and the exception.'
        )
    for layer in middleware:
        if not isinstance(layer, Middleware):
            raise ConfigurationError(
                f"{layer!r} is no middleware. Give objects of subclasses of `agentkit.agent.Middleware`."
            )
