"""The ways to run what an agent is: once, watched, resumed, over many inputs, each from sync code too."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, Iterable, Mapping
from typing import Any, Generic

from typing_extensions import TypeVar

from agentkit.agent.blocking import SyncStream, block
from agentkit.agent.conversation import finish
from agentkit.agent.field import model_of
from agentkit.agent.many import AgentWork, Elsewhere, SyncMany
from agentkit.agent.prompt import Prompt
from agentkit.agent.recipe import recipe_of
from agentkit.agent.result import Output, Result
from agentkit.agent.run import Recipe
from agentkit.agent.start import go_on, start
from agentkit.agent.stream import AgentStream
from agentkit.agent.swap import swapped, swaps
from agentkit.many import Many, OnError, Progress, Terms, Work
from agentkit.model import Model
from agentkit.output import OutputPlan
from agentkit.session import Session
from agentkit.state.decision import Decisions
from agentkit.state.limit import RunLimits
from agentkit.state.run import RunState
from agentkit.wire.message import Message
from agentkit.wire.setting import Settings

__all__ = ["Deps", "Runner"]

Deps = TypeVar("Deps", default=None)

_NO_DEPS: Any = None


class Runner(Generic[Deps, Output]):
    """What can be run: an `Agent`, which says with what."""

    _fields: dict[str, Any]
    _plan: OutputPlan[Any]
    _recipe: Recipe | None

    async def run(
        self,
        prompt: Prompt,
        *,
        deps: Deps = _NO_DEPS,
        history: Iterable[Message | Mapping[str, Any]] = (),
        model: str | Model | None = None,
        settings: Settings | None = None,
        limits: RunLimits | None = None,
        session: Session | None = None,
    ) -> Result[Output]:
        """Run until there is an output, or calls wait for a decision.

        Args:
            prompt: What the user says; None goes on from the history.
            deps: What tools get as `context.deps`.
            history: Earlier messages, ours (`result.messages`) or in OpenAI's dict format.
            model: In the place of the agent's own.
            settings: Over the agent's own.
            limits: In the place of the agent's own.
            session: Where the history comes from and is kept, `store.session("id")`, in the place of `history`.

        Raises:
            APIError: The endpoint gave no usable reply.
            RunError: The run cannot go on: a limit, no valid output, a refusal; `agent.resume(error.state)` goes on.
        """
        return await finish(start(self.recipe_for(model, settings, limits), prompt, deps, history, session))

    def run_sync(
        self,
        prompt: Prompt,
        *,
        deps: Deps = _NO_DEPS,
        history: Iterable[Message | Mapping[str, Any]] = (),
        model: str | Model | None = None,
        settings: Settings | None = None,
        limits: RunLimits | None = None,
        session: Session | None = None,
    ) -> Result[Output]:
        """Run as `run` does, from sync code; works in scripts, threads and notebooks."""
        run = start(self.recipe_for(model, settings, limits), prompt, deps, history, session)
        return block(lambda: finish(run))

    def stream(
        self,
        prompt: Prompt,
        *,
        deps: Deps = _NO_DEPS,
        history: Iterable[Message | Mapping[str, Any]] = (),
        model: str | Model | None = None,
        settings: Settings | None = None,
        limits: RunLimits | None = None,
        session: Session | None = None,
    ) -> AgentStream[Output]:
        """Run as `run` does and watch: `async with agent.stream(...) as stream: async for event in stream: ...`."""
        run = start(self.recipe_for(model, settings, limits), prompt, deps, history, session)
        return AgentStream(run, finish)

    def stream_sync(
        self,
        prompt: Prompt,
        *,
        deps: Deps = _NO_DEPS,
        history: Iterable[Message | Mapping[str, Any]] = (),
        model: str | Model | None = None,
        settings: Settings | None = None,
        limits: RunLimits | None = None,
        session: Session | None = None,
    ) -> SyncStream[Output]:
        """Watch a run from sync code: `with agent.stream_sync(...) as stream: for event in stream: ...`."""
        run = start(self.recipe_for(model, settings, limits), prompt, deps, history, session)
        return SyncStream(AgentStream(run, finish))

    async def resume(
        self,
        state: RunState | str | bytes,
        *,
        decisions: Decisions | None = None,
        deps: Deps = _NO_DEPS,
        model: str | Model | None = None,
        settings: Settings | None = None,
        limits: RunLimits | None = None,
        session: Session | None = None,
    ) -> Result[Output]:
        """Go on from a state: `result.state`, `error.state`, or the JSON of one.

        Args:
            state: The run so far. One from outside is trusted, for it decides what is run; read one that is signed by
                `RunState.from_json(document, key=...)`.
            decisions: On the calls of `result.pending`: by call id True, False, `Approve`, `Deny` or `Give`, or a list
                of what `call.approve()`, `call.deny()` and `call.give()` made. A call without one goes on waiting.
            deps: As for `run`; a state never holds them.
            model: In the place of the agent's own.
            settings: Over the agent's own.
            limits: In the place of the agent's own; what was spent stays spent.
            session: Of the run so far.

        Raises:
            StateError: The state or a decision is not as it must be; nothing was done.
        """
        return await finish(go_on(self.recipe_for(model, settings, limits), state, decisions, deps, session))

    def resume_sync(
        self,
        state: RunState | str | bytes,
        *,
        decisions: Decisions | None = None,
        deps: Deps = _NO_DEPS,
        model: str | Model | None = None,
        settings: Settings | None = None,
        limits: RunLimits | None = None,
        session: Session | None = None,
    ) -> Result[Output]:
        """Go on as `resume` does, from sync code."""
        run = go_on(self.recipe_for(model, settings, limits), state, decisions, deps, session)
        return block(lambda: finish(run))

    def resume_stream(
        self,
        state: RunState | str | bytes,
        *,
        decisions: Decisions | None = None,
        deps: Deps = _NO_DEPS,
        model: str | Model | None = None,
        settings: Settings | None = None,
        limits: RunLimits | None = None,
        session: Session | None = None,
    ) -> AgentStream[Output]:
        """Go on as `resume` does and watch: `async with agent.resume_stream(state, decisions=...) as stream: ...`."""
        return AgentStream(go_on(self.recipe_for(model, settings, limits), state, decisions, deps, session), finish)

    def resume_stream_sync(
        self,
        state: RunState | str | bytes,
        *,
        decisions: Decisions | None = None,
        deps: Deps = _NO_DEPS,
        model: str | Model | None = None,
        settings: Settings | None = None,
        limits: RunLimits | None = None,
        session: Session | None = None,
    ) -> SyncStream[Output]:
        """Go on as `resume` does and watch from sync code."""
        run = go_on(self.recipe_for(model, settings, limits), state, decisions, deps, session)
        return SyncStream(AgentStream(run, finish))

    def map(
        self,
        inputs: Iterable[Prompt] | AsyncIterable[Prompt],
        *,
        deps: Deps = _NO_DEPS,
        concurrency: int = 16,
        on_error: OnError = "keep",
        ordered: bool = True,
        store: str | os.PathLike[str] | None = None,
        progress: Progress = None,
        budget: RunLimits | None = None,
        model: str | Model | None = None,
        settings: Settings | None = None,
        limits: RunLimits | None = None,
        durable: Elsewhere | None = None,
    ) -> Many[Output]:
        """Run once for each input: `await agent.map(texts)`, or `async for outcome in agent.map(texts): ...`.

        Args:
            inputs: Prompts; each is read when there is room for its run.
            deps: What the tools of all runs get.
            concurrency: Runs at once.
            on_error: "keep" gives a failure as an outcome, "raise" ends the map. What no input could pass (a wrong key,
                no such model, no quota left) ends it in both.
            ordered: Whether outcomes come in the order of the inputs, or as they finish.
            store: A file that keeps the outcomes, so that the next call does only what is missing or failed.
            progress: None shows a bar on a terminal that has rich, True demands it; or a function of the `Summary`.
            budget: Requests, tool calls, tokens and seconds of all runs; over them no further input is begun.
            model: As for `run`.
            settings: As for `run`.
            limits: As for `run`: of each run.
            durable: Has workers carry out the runs: a `DurableAgent` of this agent, or its `spread`.

        Raises:
            ConfigurationError: An argument, or later the store, is not as it must be.
        """
        terms = Terms(
            concurrency=concurrency, on_error=on_error, ordered=ordered, store=store, progress=progress, budget=budget
        )
        return Many(self._work(durable, deps, (model, settings, limits, budget)), inputs, terms)

    def map_sync(
        self,
        inputs: Iterable[Prompt] | AsyncIterable[Prompt],
        *,
        deps: Deps = _NO_DEPS,
        concurrency: int = 16,
        on_error: OnError = "keep",
        ordered: bool = True,
        store: str | os.PathLike[str] | None = None,
        progress: Progress = None,
        budget: RunLimits | None = None,
        model: str | Model | None = None,
        settings: Settings | None = None,
        limits: RunLimits | None = None,
        durable: Elsewhere | None = None,
    ) -> SyncMany[Output]:
        """Run as `map` does, from sync code: `for outcome in agent.map_sync(texts): ...`, or its `result()`."""
        terms = Terms(
            concurrency=concurrency, on_error=on_error, ordered=ordered, store=store, progress=progress, budget=budget
        )
        return SyncMany(self._work(durable, deps, (model, settings, limits, budget)), inputs, terms)

    def _work(
        self,
        durable: Elsewhere | None,
        deps: Any,
        over: tuple[str | Model | None, Settings | None, RunLimits | None, RunLimits | None],
    ) -> Work:
        model, settings, limits, budget = over
        if durable is None:
            return AgentWork(self.recipe_for(model, settings, limits), self._fields, deps, finish)
        given = {"deps": deps, "model": model, "settings": settings, "limits": limits, "budget": budget}
        return durable.work(self, given)

    def recipe_for(
        self, model: str | Model | None = None, settings: Settings | None = None, limits: RunLimits | None = None
    ) -> Recipe:
        """Give what a run is made of, for what wraps an agent from above; the arguments are those of `run`.

        Raises:
            ConfigurationError: No run can be made of them.
        """
        if swaps:
            model = swapped(self, model)
        plain = model is None and settings is None and limits is None
        if plain and self._recipe is not None:
            self._recipe = self._recipe.renewed()
            return self._recipe
        fields = self._fields
        recipe = recipe_of(
            model_of(model if model is not None else fields["model"]),
            self._plan,
            fields,
            settings,
            limits or fields["limits"] or RunLimits(),
        )
        if plain and fields["model"] is not None:
            self._recipe = recipe
        return recipe
