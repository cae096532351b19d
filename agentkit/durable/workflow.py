"""One part of a run as a workflow: carried out in a worker, from where the records of its steps end.

The loop, and what of it is written down, are those of the journal; only the book is another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import nullcontext
from inspect import isawaitable
from typing import Any, TypeVar

from agentkit.agent import Agent
from agentkit.agent.conversation import finish
from agentkit.agent.keeper import Origin
from agentkit.agent.run import Run
from agentkit.agent.start import go_on, start
from agentkit.durable.archive import Archive
from agentkit.durable.book import OnUnknown
from agentkit.durable.engine import Engine
from agentkit.durable.gate import Gate
from agentkit.durable.keeping import Keeping
from agentkit.durable.part import Part
from agentkit.durable.past import Past, past_of
from agentkit.durable.process import go_on_after
from agentkit.durable.purse import spending
from agentkit.durable.record import Record
from agentkit.durable.recovery import tell_differences
from agentkit.durable.step import StepBook
from agentkit.durable.telling import Telling
from agentkit.errors import JournalError
from agentkit.secret import scrub
from agentkit.state.spent import NOTHING, Spent

__all__ = ["Workflow"]

_T = TypeVar("_T")
_AGAIN = 1.0  # seconds until a database that is away is asked again


class Workflow:
    """Carries out the parts of one agent's runs.

    Args:
        agent: What runs.
        engine: The database.
        archive: What it has of runs.
        on_unknown: What becomes of calls whose outcome is not known.
        deps: Gives, by the id of a run, what its tools get.
    """

    def __init__(
        self,
        agent: Agent[Any, Any],
        engine: Engine,
        archive: Archive,
        on_unknown: OnUnknown,
        deps: Callable[[str], Any] | None,
    ) -> None:
        self._agent, self._engine, self._archive = agent, engine, archive
        self._on_unknown: OnUnknown = on_unknown
        self._deps = deps

    async def carry_out(self, text: str, gate: Gate) -> str:
        """Carry out a part, and give how it ended: "finished" or "paused".

        Raises:
            Exception: It failed; class and text of the error are this one's text.
        """
        part = Part.from_json(text)
        number, before, own = await _patiently(self._archive.take_over, part)
        go_on_after(number)
        records = [*before, *(record for _, record in own)]
        past = past_of(records) if records else None
        if own and past is not None and past.ended is not None:  # the worker was lost after the last record
            async with spending(StepBook(gate), self._engine, part.budget, part.run_id, _spent(past)):
                return _ended(past.ended)
        telling = Telling() if part.streamed else None
        book = StepBook(gate, own[-1][0] if own else 0)
        try:
            return await self._carry_out(part, past, book, telling, is_new=not own)
        except Exception as error:  # noqa: BLE001 # whatever it is: the engine keeps its text
            raise _FailedError(scrub(f"{type(error).__name__}: {error}").removesuffix(": ")) from None
        finally:
            book.close()

    async def _carry_out(
        self, part: Part, past: Past | None, book: StepBook, telling: Telling | None, *, is_new: bool
    ) -> str:
        deps = None if self._deps is None else self._deps(part.run_id)
        run = self._run(part, past, await deps if isawaitable(deps) else deps, is_new=is_new)
        if telling is not None:
            run.watcher, run.room = telling.take, _no_wait
        async with spending(book, self._engine, part.budget, part.run_id, _spent(past)) as kept:
            run.keeper = Keeping(kept, self._on_unknown, past)
            async with telling or nullcontext():
                result = await finish(run)
        return "paused" if result.pending else "finished"

    def _run(self, part: Part, past: Past | None, deps: Any, *, is_new: bool) -> Run:
        settings, limits = part.terms
        recipe = self._agent.recipe_for(part.model or None, settings, limits)
        if past is None:
            run = start(recipe, part.said, deps, part.messages)
            run.state, run.origin = run.state.replace(run_id=part.run_id), Origin(self._agent, settings, limits)
            return run
        run = go_on(recipe, past.state, part.decided if is_new else None, deps)
        run.origin = Origin(self._agent, settings, limits)
        tell_differences(run, past)
        return run


class _FailedError(Exception):
    """How a run failed, as the engine keeps it."""


def _ended(record: Record) -> str:
    if record.kind == "failed":
        raise _FailedError(str(record.content.get("error", "")))
    return record.kind


def _spent(past: Past | None) -> Spent:
    """Give what a run has spent; calls whose runs are on their way were counted around it when they began."""
    return NOTHING if past is None else past.state.spent + Spent(tool_calls=len(past.state.subs))


async def _patiently(ask: Callable[..., _T], *what: Any) -> _T:
    """Ask the database again and again while it is away."""
    while True:
        try:
            return await asyncio.to_thread(ask, *what)
        except JournalError:
            await asyncio.sleep(_AGAIN)


def _no_wait() -> None:
    """Say that a reply may be streamed without waiting."""
