"""An agent whose runs are carried out by workers and survive them: `DurableAgent`, the face of what DBOS does here."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any, Generic, Self

from agentkit.agent import Agent
from agentkit.agent.blocking import block
from agentkit.agent.event import Event, event_of
from agentkit.agent.prompt import Prompt, user_message
from agentkit.agent.result import Output, Result
from agentkit.agent.ruling import rulings
from agentkit.agent.runner import Deps
from agentkit.durable import roster
from agentkit.durable.archive import Archive
from agentkit.durable.book import OnUnknown
from agentkit.durable.engine import engine_of
from agentkit.durable.gate import Gate
from agentkit.durable.part import Part, plain_terms
from agentkit.durable.recovery import check_id
from agentkit.durable.spread import DurableWork, Spread
from agentkit.durable.standing import RunStatus, error_of, output_of, owned, status_of
from agentkit.durable.watch import wait_for
from agentkit.durable.worker import Queue, Worker
from agentkit.durable.workflow import Workflow
from agentkit.errors import ConfigurationError, RunError, RunMismatchError
from agentkit.output import OutputPlan
from agentkit.state.decision import Decisions
from agentkit.state.limit import RunLimits
from agentkit.state.run import new_run_id
from agentkit.wire.message import Message, parse_messages
from agentkit.wire.setting import Settings

__all__ = ["DurableAgent"]


class DurableAgent(Generic[Deps, Output]):
    """An agent whose runs go through a database, to whichever worker takes them.

    `run` makes this process a worker itself; `submit` leaves the run to others, `agentkit worker` starts those. Every
    one of them needs the same agent under the same name.

    Args:
        agent: What runs. Its model, tools and instructions are those of the worker.
        name: What its runs are called in the database; the agent's own name, unless given.
        db: The path of a file, which is one of SQLite, or a URL, `postgresql://user@host/database`.
        queue: Where its runs wait: a name, or a `Queue` with its limits; named as the agent, unless given.
        on_unknown: What becomes of a call that was begun and has no outcome on record, where its tool is not
            idempotent: "ask" lets the run wait for a decision, "fail" ends it, "retry" runs it again.
        deps: Gives, by the id of a run, what its tools get as `context.deps`; sync or async. It is asked in the worker.
        lease: Seconds that a worker may be silent until its runs are given to others.

    Attributes:
        name: As above.
        agent: The agent.
        queue: Where its runs wait.
        engine: The database.

    Raises:
        ConfigurationError: It has no name, or something here is none of what it must be.
        MissingExtraError: dbos is not installed.
    """

    def __init__(
        self,
        agent: Agent[Deps, Output],
        *,
        name: str | None = None,
        db: str = "agentkit.db",
        queue: str | Queue | None = None,
        on_unknown: OnUnknown = "ask",
        deps: Callable[[str], Any] | None = None,
        lease: float = 10.0,
    ) -> None:
        known = name or agent.name
        if not known:
            raise ConfigurationError(
                "A durable agent has no name, by which workers know whose a run is. Give one: DurableAgent(agent, "
                'name="orders").'
            )
        if on_unknown not in ("ask", "fail", "retry"):
            raise ConfigurationError(f'on_unknown is {on_unknown!r}, which is unknown. Give "ask", "fail" or "retry".')
        self.name: str = known
        self.agent = agent
        self.queue = queue if isinstance(queue, Queue) else Queue(name=queue or known)
        self.engine = engine_of(db)
        self._options: dict[str, Any] = {"name": known, "db": db, "queue": self.queue, "on_unknown": on_unknown}
        self._options |= {"deps": deps, "lease": lease}
        self._lease = lease
        self._archive = Archive(self.engine, self.queue.name)
        self._workflow = Workflow(agent, self.engine, self._archive, on_unknown, deps)
        self._plan: OutputPlan[Any] = OutputPlan.of(agent.output_type)

    def __repr__(self) -> str:
        return f"DurableAgent({self.name!r}, db={self.engine.place!r}, queue={self.queue.name!r})"

    def replace(self, **changes: Any) -> Self:
        """Give a copy with some of the constructor's keywords changed."""
        return type(self)(self.agent, **{**self._options, **changes})

    def spread(self, name: str | None = None) -> Spread:
        """Have a map spread its inputs over workers: `agent.map(inputs, durable=durable.spread("may"))`.

        A map of the same name goes on with the runs of the one before: none is begun twice, and leaving it cancels
        none. Without a name, which is what `durable=durable` is, leaving it cancels what it began.
        """
        return Spread(self, name)

    def work(self, agent: Any, given: Mapping[str, Any], /) -> DurableWork:
        """Give what `agent.map(..., durable=)` has done for each input."""
        return self.spread().work(agent, given)

    async def run(
        self,
        prompt: Prompt,
        *,
        run_id: str | None = None,
        history: Iterable[Message | Mapping[str, Any]] = (),
        model: str | None = None,
        settings: Settings | None = None,
        limits: RunLimits | None = None,
    ) -> Result[Output]:
        """Run until there is an output, or calls wait for a decision; this process is a worker from now on.

        The same call goes on where the run is, after a crash too, and gives the result of one that has finished.

        Args:
            prompt: What the user says; None goes on from the history.
            run_id: Its id, 1 to 200 characters without a slash; a new one, unless given.
            history: Earlier messages.
            model: The name of one in the place of the agent's own, "provider:model"; the worker has its key.
            settings: Over the agent's own.
            limits: In the place of the agent's own.

        Raises:
            RunMismatchError: There is a run of that id which began with something else.
            RunError: It failed, or was cancelled; other errors as far as their class is made of a text.
            JournalError: The database cannot be reached.
        """
        await asyncio.to_thread(self.serve)
        given = await self.submit(prompt, run_id=run_id, history=history, model=model, settings=settings, limits=limits)
        return await self.result(given)

    def run_sync(
        self,
        prompt: Prompt,
        *,
        run_id: str | None = None,
        history: Iterable[Message | Mapping[str, Any]] = (),
        model: str | None = None,
        settings: Settings | None = None,
        limits: RunLimits | None = None,
    ) -> Result[Output]:
        """Run as `run` does, from sync code."""
        terms: dict[str, Any] = {"model": model, "settings": settings, "limits": limits}
        return block(lambda: self.run(prompt, run_id=run_id, history=history, **terms))

    async def submit(
        self,
        prompt: Prompt,
        *,
        run_id: str | None = None,
        history: Iterable[Message | Mapping[str, Any]] = (),
        model: str | None = None,
        settings: Settings | None = None,
        limits: RunLimits | None = None,
        streamed: bool = False,
        budget: str = "",
    ) -> str:
        """Leave a run to a worker, and give its id; where there is one of that id, it goes on if it had failed.

        Args:
            prompt: As of `run`, like the next five.
            run_id: Its id.
            history: Earlier messages.
            model: The name of one.
            settings: Over the agent's own.
            limits: In the place of the agent's own.
            streamed: Whether events are written for `events`.
            budget: For a map: the purse that its runs spend from.

        Raises:
            RunMismatchError: There is a run of that id which began with something else.
            ConfigurationError: The settings have headers, which are not kept, or the model is no name of one.
        """
        part = Part(
            agent=self.name,
            run_id=check_id(new_run_id() if run_id is None else run_id),
            history=tuple(message.to_dict() for message in parse_messages(history)),
            prompt=None if prompt is None else user_message(prompt).to_dict(),
            streamed=streamed,
            budget=budget,
            **plain_terms(model, settings, limits),
        )
        return await asyncio.to_thread(self._open().submit, part)

    async def result(self, run_id: str, *, timeout: float | None = None) -> Result[Output]:  # noqa: ASYNC109 # of the wait alone: the run goes on
        """Wait for a run, and give its result: the output, or the calls that wait.

        Args:
            run_id: The run.
            timeout: Seconds to wait; the run goes on after them.

        Raises:
            RunCancelledError: It was cancelled; `error.state` is the run so far.
            RunError: It failed, as of `run`; the same, and `resume` goes on.
            RunError: It has finished with an output that has no JSON.
            RunMismatchError: Its output is none of what this agent gives.
            TimeoutError: It is not over yet.
        """
        last = await asyncio.to_thread(self._open().last, run_id)
        async with asyncio.timeout(timeout):
            await wait_for(self.engine, last.id)
        return await asyncio.to_thread(self._result, run_id)

    async def status(self, run_id: str) -> RunStatus:
        """Tell how a run stands.

        Raises:
            RunError: There is none of that id.
        """
        return status_of(await asyncio.to_thread(self._open().last, run_id))

    async def decide(self, run_id: str, decisions: Decisions) -> None:
        """Decide on calls that wait: another part of the run begins with that, at whichever worker takes it.

        Args:
            run_id: The run.
            decisions: As for `agent.resume`.

        Raises:
            StateError: A decision is none, or not on a call that waits; nothing was done.
            ConfigurationError: The run is of another agent.
            RunError: The run does not wait, or somebody else has just decided.
        """
        await asyncio.to_thread(self._decide, run_id, decisions)

    async def resume(
        self,
        run_id: str,
        *,
        model: str | None = None,
        settings: Settings | None = None,
        limits: RunLimits | None = None,
    ) -> None:
        """Go on with a run that has failed or was cancelled, at whichever worker takes it.

        Args:
            run_id: The run.
            model: As of `run`, like the next two; those that are not given are as the run had them.
            settings: Over the agent's own.
            limits: In the place of the agent's own.

        Raises:
            ConfigurationError: The run is of another agent; or as of `submit`.
            RunError: The run goes on already, or has finished.
        """
        terms = plain_terms(model, settings, limits)
        await asyncio.to_thread(lambda: self._archive.go_on(owned(self._open().last(run_id), self.name), **terms))

    async def cancel(self, run_id: str) -> None:
        """Cancel a run: what goes on stops in about a second, and a call that is on is then in doubt.

        A run that waits for decisions is cancelled, too; one that is over stays as it is.
        """
        await asyncio.to_thread(self._open().cancel, run_id)

    async def delete(self, run_id: str) -> None:
        """Forget a run that is over or waits for decisions; one of that id begins anew then.

        What it has spent of a map's budget stays spent: `spread(name).delete()` forgets a map with its runs. Of a run
        that was cancelled just now, a call that is on may come to its end, and is not written down.

        Raises:
            RunError: It is queued or goes on, or there is none of that id.
        """
        await asyncio.to_thread(self._open().delete, run_id)

    async def events(self, run_id: str) -> AsyncIterator[Event]:
        """Watch a run that was submitted with `streamed=True`: the events of its last part, from that part's start.

        Events of what a worker did that was lost then come twice: the second time from where another one went on, after
        a new `RunStarted`.

        Raises:
            RunError: The run was submitted without `streamed=True`.
        """
        last = await asyncio.to_thread(self._open().last, run_id)
        if not Part.from_json(last.text).streamed:
            raise RunError(
                f"The run {run_id!r} writes no events. Submit it with `streamed=True`; `result` waits for its end."
            )
        async for text in self.engine.texts(last.id):
            for event in json.loads(text):
                yield event_of(event)

    def serve(self) -> Worker:
        """Make this process a worker that carries out runs of this agent, beside those of others, and give it."""
        return roster.serve(self.engine, self, self._lease)

    async def aclose(self) -> None:
        """Use the database no more; the last one that does so in this process stops its worker, and disconnects.

        What is under way at the worker ends then, the rest goes on elsewhere. While others of this process go on to be
        served, it carries out the runs of this agent, too.
        """
        await roster.leave(self.engine, self)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def carry_out(self, text: str, gate: Gate, /) -> str:
        """Carry out one part of a run; the worker calls it."""
        return await self._workflow.carry_out(text, gate)

    def _open(self) -> Archive:
        roster.use(self.engine, self)
        return self._archive

    def _decide(self, run_id: str, decisions: Decisions) -> None:
        last = owned(self._open().last(run_id), self.name)
        past = self._archive.past(last)
        if past is None:
            raise RunError(f"The run {run_id!r} has not begun yet, so nothing of it waits for a decision.")
        self._archive.go_on(last, decisions=Part.plain_decisions(rulings(past.state, decisions)))

    def _result(self, run_id: str) -> Result[Output]:
        last = self._open().last(run_id)
        past = self._archive.past(last)
        if past is None or last.status != "SUCCESS":
            raise error_of(last, past)
        agent = past.state.agent or self.agent.name
        if last.outcome == "paused":
            return Result(past.state, past.answers, reply=past.reply, agent=agent)
        try:
            output = self._plan.load(output_of(past))
        except ValueError as error:
            mismatch = RunMismatchError(
                f"The run {run_id!r} has finished, and its output is none of what the agent gives now: {error}. Ask "
                "with an agent whose output has the old type; `agentkit result` shows the output as it is."
            )
            mismatch.state = past.state
            raise mismatch from error
        return Result(past.state, past.answers, output, past.reply, agent)
