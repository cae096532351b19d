"""An agent's runs as the work of a map, and the map for sync code; `Agent.map` and `Agent.map_sync` make them."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterable, Callable, Coroutine, Iterable, Iterator, Mapping
from typing import Any, Generic, Protocol, Self

from pydantic_core import to_json

from agentkit.agent.blocking import block, is_over
from agentkit.agent.result import Output, Result
from agentkit.agent.run import Recipe, Run
from agentkit.agent.start import start
from agentkit.errors import InvalidRequestError, SchemaError
from agentkit.many import Feed, Many, MapResult, Outcome, Summary, Terms, Work
from agentkit.many.pool import Pool
from agentkit.many.source import total_of
from agentkit.output import OutputPlan
from agentkit.state.ledger import Ledger

__all__ = ["AgentWork", "Elsewhere", "SyncMany"]

_Finish = Callable[[Run], Coroutine[Any, Any, Result[Any]]]


class Elsewhere(Protocol):
    """What has a map's runs carried out by others: `durable` brings it."""

    def work(self, agent: Any, given: Mapping[str, Any], /) -> Work:
        """Give what is done for each input of an agent's map.

        Args:
            agent: The agent.
            given: The map's `deps`, `model`, `settings`, `limits` and `budget`.
        """
        ...


class AgentWork:
    """One agent's runs over many inputs.

    Args:
        recipe: What the runs share.
        fields: The agent's, as they were given.
        deps: What tools get.
        finish: Drives a run to its result.
    """

    def __init__(self, recipe: Recipe, fields: Mapping[str, Any], deps: Any, finish: _Finish) -> None:
        self._recipe, self._fields, self._deps, self._finish = recipe, fields, deps, finish

    @property
    def model(self) -> str:
        """The name of the model."""
        return self._recipe.model.name

    @property
    def is_named(self) -> bool:
        """Tell that they are of this map alone."""
        return False

    async def open(self, budget: Ledger, /) -> None:
        """Do nothing: the runs spend from the ledgers that are in force around them."""

    async def has(self, job: Run, /) -> bool:  # noqa: ARG002 # of the protocol
        """Tell that a run is not there before it is begun."""
        return False

    async def due(self, jobs: Iterable[Run], /) -> int:
        """Count the runs that have not had their first reply."""
        return sum(not job.state.usages for job in jobs)

    def prepare(self, given: Any, /) -> Run:
        """Make the run of an input.

        Raises:
            InvalidRequestError: It is no prompt.
        """
        if given is None:
            raise InvalidRequestError("An input is None, and a map has no history to go on from. Give a prompt.")
        self._recipe = self._recipe.renewed()  # an endpoint may have taught another way to ask
        return start(self._recipe, given, self._deps, ())

    async def run(self, job: Run, /) -> Any:
        """Run, and give the output; that of a run that waits for decisions raises `PendingCallsError`."""
        return (await self._finish(job)).output

    def identity(self) -> dict[str, str]:
        """Say what the agent asks for: output, instructions that are texts, tools; neither model nor settings.

        Of tools that a function chooses, only that is said: what it will give is not known before the runs.

        Raises:
            SchemaError: The output's type cannot be written.
        """
        plan: OutputPlan[Any] = self._recipe.plan
        try:
            plan.load("")
        except SchemaError:
            raise
        except ValueError:
            pass  # as it should be: the type is known, and no text is none of its values
        wanted = {"name": plan.name, "description": plan.spec.description, "schema": plan.schema}
        tools = {tool.name: tool.definition for tool in self._recipe.toolbox}
        return {
            "output": "text" if plan.is_text else _json({name: value for name, value in wanted.items() if value}),
            "instructions": "\n\n".join(_texts(self._fields["instructions"])),
            "tools": "a function" if callable(self._fields["tools"]) else _json(tools) if tools else "",
        }

    def dump(self, output: Any, /) -> str:
        """Write an output as JSON."""
        return self._recipe.plan.dump(output)

    def load(self, text: str, /) -> Any:
        """Read an output as its type; neither the output's function nor validators are called."""
        return self._recipe.plan.load(text)


class SyncMany(Generic[Output]):
    """A map for sync code, lazy as the builtin `map`: iterate it, or ask for `result()`; `with` closes it at its end.

    A sync iterable of inputs is read in the thread that iterates; the runs go on in a thread of agentkit's own.
    """

    def __init__(self, work: Work, inputs: Iterable[Any] | AsyncIterable[Any], terms: Terms) -> None:
        self._feed = None if isinstance(inputs, AsyncIterable) else Feed(inputs)
        self._many = Many[Output](work, self._feed or inputs, terms, total=total_of(inputs))
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
        """Cancel what runs, wait until it has ended, close the inputs and the store; again is no error."""
        try:
            if not is_over():  # at the end of the program, which has cancelled all and lets go of what is left
                block(self._many.aclose)
        finally:
            if self._feed is not None:
                self._feed.close()

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
        if self._feed is not None:
            self._feed.wake = self._pool.wake

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


def _texts(instructions: Any) -> list[str]:
    several = [instructions] if isinstance(instructions, str) or callable(instructions) else instructions or ()
    return [one for one in several if isinstance(one, str)]


def _json(value: Any) -> str:
    return to_json(value, fallback=str).decode()
