"""An agent's runs as the work of a map, and the map for sync code; `Agent.map` and `Agent.map_sync` make them."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import AsyncIterable, Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, Generic, Literal, Self

from pydantic_core import to_json

from agentkit.agent.blocking import block
from agentkit.agent.result import Output, Result
from agentkit.agent.run import Recipe, Run
from agentkit.agent.start import start
from agentkit.errors import ConfigurationError, InvalidRequestError
from agentkit.many import Budget, Feed, Many, MapResult, Outcome, Summary, Terms
from agentkit.many.pool import Pool
from agentkit.output import OutputPlan
from agentkit.state.limit import RunLimits
from agentkit.state.run import RunState

__all__ = ["AgentWork", "MapTerms", "OnError", "Progress", "SyncMany", "many_of", "sync_many_of"]

OnError = Literal["keep", "raise"]
Progress = bool | Callable[[Summary], object] | None
_Finish = Callable[[Run], Coroutine[Any, Any, Result[Any]]]


class AgentWork:
    """One agent's runs over many inputs.

    Args:
        recipe: What the runs share.
        instructions: The agent's, as they were given.
        deps: What tools get.
        finish: Drives a run to its result.
    """

    def __init__(self, recipe: Recipe, instructions: Any, deps: Any, finish: _Finish) -> None:
        self._recipe, self._instructions, self._deps, self._finish = recipe, instructions, deps, finish

    def prepare(self, given: Any, /) -> _AgentJob:
        """Make the run of an input.

        Raises:
            InvalidRequestError: It is no prompt.
        """
        if given is None:
            raise InvalidRequestError("An input is None, and a map has no history to go on from. Give a prompt.")
        self._recipe = self._recipe.renewed()  # an endpoint may have taught another way to ask
        return _AgentJob(start(self._recipe, given, self._deps, ()), self._finish)

    def identity(self) -> dict[str, str]:
        """Say what the agent asks for: output, instructions that are texts, tools; neither model nor settings."""
        plan: OutputPlan[Any] = self._recipe.plan
        wanted = {"name": plan.name, "description": plan.spec.description, "schema": plan.schema}
        tools = {tool.name: tool.definition for tool in self._recipe.toolbox}
        return {
            "output": "text" if plan.is_text else _json({name: value for name, value in wanted.items() if value}),
            "instructions": "\n\n".join(_texts(self._instructions)),
            "tools": _json(tools) if tools else "",
        }

    def check_storable(self) -> None:
        """Raise `SchemaError` where the output's type cannot be written to a store."""
        try:
            self._recipe.plan.load("")
        except ConfigurationError:
            raise
        except ValueError:
            return  # as it should be: the type is known, and no text is none of its values

    def dump(self, output: Any, /) -> str:
        """Write an output as JSON."""
        return self._recipe.plan.dump(output)

    def load(self, text: str, /) -> Any:
        """Read an output as its type; neither the output's function nor validators are called."""
        return self._recipe.plan.load(text)


class _AgentJob:
    """The run of one input."""

    def __init__(self, run: Run, finish: _Finish) -> None:
        self._run, self._finish = run, finish

    @property
    def message(self) -> bytes:
        """The encoded message of the user."""
        return self._run.state.messages[-1].encoded

    @property
    def state(self) -> RunState:
        """The run as far as it came."""
        return self._run.state

    @property
    def cost(self) -> float | None:
        """What the endpoint billed; 0 where it answered no request."""
        state = self._run.state
        result: Result[Any] = Result(state)
        return result.cost if state.usages else 0.0

    @property
    def model(self) -> str:
        """The name of the model."""
        return self._run.recipe.model.name

    async def run(self) -> Any:
        """Run, and give the output; that of a run that waits for decisions raises `PendingCallsError`."""
        return (await self._finish(self._run)).output


class SyncMany(Generic[Output]):
    """A map for sync code, lazy as the builtin `map`: iterate it, or ask for `result()`; `with` closes it at its end.

    A sync iterable of inputs is read in the thread that iterates; the runs go on in a thread of agentkit's own.
    """

    def __init__(self, many: Many[Output], feed: Feed | None) -> None:
        self._many, self._feed = many, feed
        self._ready: deque[Outcome[Output]] = deque()
        self._pool: Pool | None = None
        self._entered = False

    @property
    def summary(self) -> Summary:
        """Give how the map stands; right at every moment, and the end of it afterwards."""
        return self._many.summary

    def __enter__(self) -> Self:
        self._begin()
        self._entered = True
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Cancel what runs, wait until it has ended, and close the store; again is no error."""
        block(self._many.aclose)

    def __iter__(self) -> Iterator[Outcome[Output]]:
        if not self._entered:
            self._begin()
        try:
            while self._ready or self._fetch():
                yield self._ready.popleft()
        finally:  # at once where the loop is left: nothing else holds this generator
            if not self._entered:
                self.close()

    def result(self) -> MapResult[Output]:
        """Do all inputs and give their outcomes in order.

        Raises:
            Exception: What ended the map before its inputs did.
        """
        outcomes = sorted(self, key=lambda outcome: outcome.index)
        return MapResult(tuple(outcomes), self.summary)

    def _begin(self) -> None:
        async def begin() -> Pool:
            return self._many.begin()

        self._pool = block(begin)

    def _fetch(self) -> bool:
        """Wait for outcomes, and hand over inputs when there are too few; tell whether there are outcomes."""
        pool, feed = self._pool, self._feed
        assert pool is not None
        while not self._ready:
            read = feed.read(self._wanted(pool, feed)) if feed else None

            async def exchange(read: Any = read) -> list[Outcome[Output]]:
                if feed is not None:
                    feed.hand_over(*read)
                await pool.wait(unless=lambda: feed is not None and feed.hungry)
                return pool.take()

            self._ready.extend(block(exchange))
            if not self._ready and (feed is None or not feed.hungry):
                return False
        return True

    def _wanted(self, pool: Pool, feed: Feed) -> int:
        """Say how many inputs to read: as many as run at once wait at most, and all within the window."""
        room = min(pool.terms.concurrency, pool.terms.window - pool.outstanding) - feed.waiting
        return 0 if feed.ended else max(0, room)


@dataclass(frozen=True, slots=True)
class MapTerms:
    """The arguments of `Agent.map` that say how a map is done, as they were given."""

    concurrency: int
    on_error: OnError
    ordered: bool
    store: str | os.PathLike[str] | None
    progress: Progress
    budget: RunLimits | None


def many_of(work: AgentWork, inputs: Any, given: MapTerms) -> Many[Any]:
    """Make the map of `Agent.map`'s arguments.

    Raises:
        ConfigurationError: One of them cannot be.
        MissingExtraError: `progress` demands a bar, and rich is not installed.
    """
    progress, bar = (given.progress, False) if callable(given.progress) else (None, given.progress)
    terms = Terms(
        concurrency=given.concurrency,
        on_error=given.on_error,
        ordered=given.ordered,
        budget=Budget(given.budget),
        progress=progress,
    )
    return Many(work, inputs, terms, store=given.store, bar=bar)


def sync_many_of(work: AgentWork, inputs: Any, given: MapTerms) -> SyncMany[Any]:
    """Make the map of `Agent.map_sync`'s arguments, as `many_of` does; a sync iterable is read by who iterates."""
    feed = None if isinstance(inputs, AsyncIterable) else Feed(inputs)
    return SyncMany(many_of(work, inputs if feed is None else feed, given), feed)


def _texts(instructions: Any) -> list[str]:
    several = [instructions] if isinstance(instructions, str) or callable(instructions) else instructions or ()
    return [one for one in several if isinstance(one, str)]


def _json(value: Any) -> str:
    return to_json(value, fallback=str).decode()
