"""The runs of a map: inputs pulled as there is room, run so many at once, kept, put in order and given out.

`Many` is its face. A run is a task of its own, so that nothing of one input reaches another.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from agentkit.errors import (
    AuthenticationError,
    ConfigurationError,
    InvalidRequestError,
    LimitExceededError,
    NotFoundError,
    RateLimitError,
    RunError,
)
from agentkit.http.fault import Fault
from agentkit.many.budget import Again, Budget
from agentkit.many.outcome import Outcome
from agentkit.many.summary import Tally
from agentkit.many.term import Terms
from agentkit.many.work import Job, Work
from agentkit.state.run import RunState

if TYPE_CHECKING:
    from agentkit.many.store import Key, MapStore

__all__ = ["Pool"]

_PAYMENT_REQUIRED = 402
_LEFT = (
    "The map was left before its end, so there is no more to read of it. Make another one, `agent.map(...)`; "
    "with `store=...` it goes on where this one stopped."
)


class Pool:
    """Runs the inputs of one source, from its making on; `take` while there is something to `wait` for, and `aclose`.

    Attributes:
        terms: How it is done.
        ready: Outcomes that can be given out.
        outstanding: How many inputs were pulled whose outcome was not given out.
    """

    def __init__(
        self,
        work: Work,
        source: AsyncIterator[Any],
        terms: Terms,
        *,
        budget: Budget,
        tally: Tally,
        store: MapStore | None,
    ) -> None:
        self._work, self._source, self.terms = work, source, terms
        self._budget, self._tally, self._store = budget, tally, store
        self.ready: deque[Outcome[Any]] = deque()
        self.outstanding = 0
        self._early: dict[int, Outcome[Any]] = {}  # that have to wait for one before them
        self._next = 0
        self._jobs: dict[asyncio.Task[None], Job] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._error: BaseException | None = None
        self._over = False
        self._moved = asyncio.Event()  # there is something to give out
        self._freed = asyncio.Event()  # there may be room for another input
        tally.begin()
        self._pumping = self._start(self._pump())

    def wake(self) -> None:
        """Have whoever waits for outcomes look again."""
        self._moved.set()

    async def wait(self, unless: Callable[[], bool] = bool) -> bool:
        """Wait until there are outcomes, and tell whether; there are none when the map is over, or `unless` is so.

        Raises:
            Exception: What ended the map before its inputs did, after all that could be given out.
        """
        while not (self.ready or self._over or unless()):
            self._moved.clear()
            await self._moved.wait()
        if self._over and not self.ready and self._error is not None:
            await self.aclose()
            raise self._error
        return bool(self.ready)

    def take(self) -> list[Outcome[Any]]:
        """Give out all outcomes that there are, and make room for as many inputs."""
        given = list(self.ready)
        self.ready.clear()
        self.given_out(len(given))
        return given

    def given_out(self, count: int) -> None:
        """Make room for as many inputs as outcomes were given out."""
        self.outstanding -= count
        self._freed.set()

    async def aclose(self) -> None:
        """Cancel what runs, and wait until it has ended; again is no error."""
        if not self._over:
            self._over, self._error = True, self._error or RunError(_LEFT)
        while self._tasks:
            tasks = tuple(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        self._tally.end()

    def _start(self, coroutine: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._freed.set()
        error = None if task.cancelled() else task.exception()
        if task.cancelled() and task is self._pumping and not self._over:
            error = RunError("The inputs were cancelled from inside: their iterable raised CancelledError. Mend that.")
        if error is not None:
            self._abort(error)

    def _abort(self, error: BaseException) -> None:
        """End the map at once: nothing more is begun, what runs is cancelled, the error is raised to the reader."""
        if not self._over:
            self._over, self._error = True, error
            for task in self._tasks:
                task.cancel()
        self._moved.set()

    async def _pump(self) -> None:
        """Pull inputs as there is room and begin them; then wait for those that run."""
        index = 0
        await self._work.open(self._budget.ledger)
        while self._error is None:
            await self._room()
            try:
                given = await anext(self._source)
            except StopAsyncIteration:
                break
            except Exception as error:  # noqa: BLE001 # of the caller's iterable: raised after what runs has ended
                self._error = error
                break
            self.outstanding += 1
            await self._begin(index, given)
            index += 1
        while len(self._tasks) > 1:  # this one is left
            self._freed.clear()
            await self._freed.wait()
        self._over = True
        self._tally.end()
        self._moved.set()

    async def _room(self) -> None:
        most = self.terms.concurrency
        while len(self._jobs) >= most or len(self.ready) >= most or self.outstanding >= self.terms.window:
            self._freed.clear()
            await self._freed.wait()

    async def _begin(self, index: int, given: Any) -> None:
        """Give an input's outcome out of the store, or begin its run while the budget lasts."""
        try:
            job = self._work.prepare(given)
        except Exception as error:  # noqa: BLE001 # of this input: a path that is not there, a part that is none
            self._settle(Outcome(index=index, input=given, error=error, cost=0.0))
            return
        key = self._store.key(job.state.messages[-1].encoded) if self._store else None
        kept = self._restored(index, given, key)
        if kept is not None:
            self._settle(kept)
            return
        over = await self._stopped_by(index)
        if over is not None and not await self._work.has(job):
            self._error = self._error or over
            return
        self._jobs[self._start(self._run(index, given, job, key))] = job

    async def _stopped_by(self, index: int) -> LimitExceededError | None:
        """Give the error of a bound of the budget that is reached before this input."""
        again: Again = "named" if self._work.is_named else "stored" if self._store is not None else "anew"
        over = self._budget.reached(len(self._jobs), self._tally.seconds, index, again)
        if over is None:  # though all that run took a request yet
            return None
        due = await self._work.due(list(self._jobs.values()))
        return self._budget.reached(due, self._tally.seconds, index, again)

    def _restored(self, index: int, given: Any, key: Key | None) -> Outcome[Any] | None:
        kept = self._store.get(key) if self._store and key else None
        if kept is None:
            return None
        try:
            output = self._work.load(kept.output)
        except ValueError:  # its type has become stricter: asked for again
            return None
        return replace(kept, index=index, input=given, _output=output)

    async def _run(self, index: int, given: Any, job: Job, key: Key | None) -> None:
        began, output = time.monotonic(), None
        failure: Exception | None = None
        task = asyncio.current_task()
        assert task is not None
        try:
            with self._budget:
                output = await self._work.run(job)
        except asyncio.CancelledError:
            if self._over:
                raise
            failure = _cancelled(job.state)
        except Exception as error:  # noqa: BLE001 # every outcome belongs to whoever reads them
            failure = error
            self._budget.hear(error)
        finally:
            state = job.state
            cost, usage = state.cost, state.below.added_to(state.usage)
            del self._jobs[task]
            self._freed.set()
            self._tally.spend(usage, cost)
        outcome: Outcome[Any] = Outcome(
            index=index,
            input=given,
            error=failure,
            usage=usage,
            cost=cost,
            seconds=time.monotonic() - began,
            attempts=len(state.attempts),
            model=self._work.model,
            _output=output,
        )
        try:
            self._keep(outcome, key)
            self._settle(outcome)
        except Exception as error:  # noqa: BLE001 # ends the map now, before another input is begun
            self._abort(error)

    def _keep(self, outcome: Outcome[Any], key: Key | None) -> None:
        if self._store is not None and key is not None:
            self._store.put(key, outcome, None if outcome.error else self._work.dump(outcome.output))

    def _settle(self, outcome: Outcome[Any]) -> None:
        """Count an outcome, and give it out once those before it are."""
        self._tally.add(outcome)
        if callable(self.terms.progress):
            self.terms.progress(self._tally.summary)
        if outcome.error is not None and (self.terms.on_error == "raise" or _hits_all(outcome.error)):
            outcome.error.add_note(f"It ended the map, at input {outcome.index}.")
            raise outcome.error
        if self.terms.ordered:
            self._early[outcome.index] = outcome
            while self._next in self._early:
                self.ready.append(self._early.pop(self._next))
                self._next += 1
        else:
            self.ready.append(outcome)
        self._moved.set()


def _cancelled(state: RunState) -> RunError:
    error = RunError("The run was cancelled from inside, by a tool or a function of its own. Try this input alone.")
    error.state = state
    return error


def _hits_all(error: Exception) -> bool:
    """Tell whether every other input would fail with it too."""
    if isinstance(error, RateLimitError):
        return error.status_code == _PAYMENT_REQUIRED or Fault.of(error.body).quota_used_up
    if isinstance(error, ConfigurationError):
        return not isinstance(error, InvalidRequestError)
    return isinstance(error, AuthenticationError | NotFoundError)
