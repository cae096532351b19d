"""The face of a map: await it for all outcomes, or iterate it for one after another."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Generator, Iterable
from typing import TYPE_CHECKING, Any, Generic, Self

from agentkit.errors import RunError
from agentkit.many.bar import Bar, has_bar
from agentkit.many.budget import Budget
from agentkit.many.outcome import MapResult, Outcome, Output
from agentkit.many.pool import Pool
from agentkit.many.source import source_of, total_of
from agentkit.many.summary import Summary, Tally
from agentkit.many.term import Terms
from agentkit.many.work import Work

if TYPE_CHECKING:
    from agentkit.many.store import MapStore

__all__ = ["Many"]


class Many(Generic[Output]):
    """The runs of one agent over many inputs, each of which is begun when there is room for it.

    Await it, iterate it, or enter it with `async with` and iterate it then; nothing begins before. An outcome is given
    to the loop that asks for it, and not kept. Leaving cancels what runs and closes the store: at the end of the
    `async with`, and without one at the end of the loop.

    Args:
        work: What is done with an input.
        inputs: The inputs.
        terms: How.
        total: How many inputs there are, where they do not say so themselves.
    """

    def __init__(
        self, work: Work, inputs: Iterable[Any] | AsyncIterable[Any], terms: Terms, *, total: int | None = None
    ) -> None:
        self._work, self._source, self._terms = work, source_of(inputs), terms
        self._budget = Budget(terms.budget)
        self._tally = Tally(total_of(inputs) if total is None else total, lambda: self._budget.spent)
        self._bar = Bar(lambda: self.summary) if has_bar(terms.progress) else None
        self._store: MapStore | None = None
        self._pool: Pool | None = None
        self._entered = False

    @property
    def summary(self) -> Summary:
        """Give how the map stands; right at every moment, and the end of it afterwards."""
        return self._tally.summary

    async def __aenter__(self) -> Self:
        self.begin()
        self._entered = True
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __await__(self) -> Generator[Any, None, MapResult[Output]]:
        return self._all().__await__()

    async def __aiter__(self) -> AsyncIterator[Outcome[Output]]:
        pool = self._pool if self._entered and self._pool else self.begin()
        try:
            while pool.ready or await pool.wait():
                outcome = pool.ready.popleft()  # one by one, so that leaving the loop early loses none
                pool.given_out(1)
                yield outcome
        finally:
            if not self._entered:
                await self.aclose()

    async def aclose(self) -> None:
        """Cancel what runs, wait until it has ended, close the inputs and the store; again is no error."""
        try:
            if self._pool is not None:
                await self._pool.aclose()
                await self._source.aclose()
        finally:
            if self._bar is not None:
                self._bar.close()
            if self._store is not None:
                self._store.close()

    def begin(self) -> Pool:
        """Open the store and start, on the running loop; once.

        Raises:
            ConfigurationError: The store cannot be used, or holds outcomes of another agent.
            RunError: It was begun before.
        """
        if self._pool is not None:
            raise RunError(
                "The map was begun before, and its outcomes are given once. Make another one, `agent.map(...)`."
            )
        if self._terms.store is not None:
            from agentkit.many.store import MapStore  # noqa: PLC0415 # loads sqlite3, which few runs need

            self._store = MapStore(self._terms.store, self._work.identity())
        self._pool = Pool(
            self._work, self._source, self._terms, budget=self._budget, tally=self._tally, store=self._store
        )
        if self._bar is not None:
            self._bar.show()
        return self._pool

    async def _all(self) -> MapResult[Output]:
        outcomes: list[Outcome[Output]] = []
        try:
            pool = self.begin()
            while await pool.wait():
                outcomes += pool.take()
        finally:
            await self.aclose()
        outcomes.sort(key=lambda outcome: outcome.index)
        return MapResult(tuple(outcomes), self.summary)
