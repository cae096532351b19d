"""The journal: what each run did is written to a file as it happens, and the same call goes on where it was.

It wraps an agent from above, so that a run needs no engine to outlive its process.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from functools import partial
from math import inf
from typing import Any

from agentkit.agent.blocking import SyncStream, block
from agentkit.agent.keeper import Origin
from agentkit.agent.prompt import Prompt
from agentkit.agent.result import Output, Result
from agentkit.agent.run import Run
from agentkit.agent.runner import Deps, Runner
from agentkit.agent.start import go_on, start
from agentkit.agent.stream import AgentStream
from agentkit.durable.book import OnUnknown
from agentkit.durable.file import RecordFile, RunSummary, Status
from agentkit.durable.fork import fork_of
from agentkit.durable.hold import hold
from agentkit.durable.record import Record
from agentkit.durable.recovery import Recovery, check_id, number_of
from agentkit.durable.replay import Replay, replay
from agentkit.errors import ConfigurationError
from agentkit.model import Model
from agentkit.state.decision import Decisions
from agentkit.state.limit import RunLimits
from agentkit.wire.message import Message
from agentkit.wire.setting import Settings

__all__ = ["Journal"]

_NO_DEPS: Any = None
_CHOICES = ("ask", "fail", "retry")


class Journal:
    """Runs that are written down in a file of SQLite while they go, so that none of what they finished is done twice.

    The file is made with the rights 0600, for it holds whole conversations; no keys and no `deps` are in it. Threads
    and processes of one machine share it; on network file systems it may not be used.

    Args:
        path: The file; its folder must exist. A file of locks stands beside it, `-wal` and `-shm` while it is open.
        on_unknown: What becomes of a call that was begun before a crash and of which nothing says how it ended, where
            its tool is not idempotent: "ask" lets the run pause, as for an approval, "fail" ends it, "retry" calls it
            again.

    Raises:
        ConfigurationError: At once, where the file cannot be opened, holds something else, or is of a later version.
    """

    def __init__(self, path: str | os.PathLike[str], *, on_unknown: OnUnknown = "ask") -> None:
        if on_unknown not in _CHOICES:
            raise ConfigurationError(f'on_unknown is {on_unknown!r}, which is unknown. Give "ask", "fail" or "retry".')
        self._file = RecordFile(path)
        self._recovery = Recovery(self._file, on_unknown)

    def __repr__(self) -> str:
        return f"Journal({self._file.name!r})"

    async def run(
        self,
        agent: Runner[Deps, Output],
        prompt: Prompt,
        *,
        run_id: str,
        deps: Deps = _NO_DEPS,
        history: Iterable[Message | Mapping[str, Any]] = (),
        model: str | Model | None = None,
        settings: Settings | None = None,
        limits: RunLimits | None = None,
    ) -> Result[Output]:
        """Begin a run, let it go on where it was cut off or failed, or give what it ended with; the same call for all.

        Args:
            agent: Who runs.
            prompt: What the user says; the same one each time.
            run_id: What the run is called in this journal: 1 to 200 characters, none of them a slash.
            deps: As for `agent.run`; never written.
            history: As for `agent.run`; the same one each time.
            model: As for `agent.run`.
            settings: As for `agent.run`.
            limits: As for `agent.run`; what was spent before a crash stays spent.

        Returns:
            The result; of one that waits for decisions, `result.pending` says on what, and `resume` takes them.

        Raises:
            RunInUseError: It goes on in another process or task.
            RunMismatchError: The run of that id began with another prompt or history.
            UnknownOutcomeError: A call is in doubt, and `on_unknown` is "fail".
            JournalError: The file cannot be written; nothing is lost, and the same call goes on.
            AgentkitError: As `agent.run` raises it; the same call goes on.
        """
        return await self._recovery.begin(_run(agent, prompt, run_id, (deps, history), (model, settings, limits)))

    def run_sync(
        self,
        agent: Runner[Deps, Output],
        prompt: Prompt,
        *,
        run_id: str,
        deps: Deps = _NO_DEPS,
        history: Iterable[Message | Mapping[str, Any]] = (),
        model: str | Model | None = None,
        settings: Settings | None = None,
        limits: RunLimits | None = None,
    ) -> Result[Output]:
        """Run as `run` does, from sync code; works in scripts, threads and notebooks."""
        run = _run(agent, prompt, run_id, (deps, history), (model, settings, limits))
        return block(partial(self._recovery.begin, run))

    def stream(
        self,
        agent: Runner[Deps, Output],
        prompt: Prompt,
        *,
        run_id: str,
        deps: Deps = _NO_DEPS,
        history: Iterable[Message | Mapping[str, Any]] = (),
        model: str | Model | None = None,
        settings: Settings | None = None,
        limits: RunLimits | None = None,
    ) -> AgentStream[Output]:
        """Run as `run` does and watch: `async with journal.stream(agent, prompt, run_id=...) as stream: ...`.

        What was done before is not shown again, but it is in `stream.state` once the run goes on. Leaving early cuts
        the run off; the same call goes on.
        """
        run = _run(agent, prompt, run_id, (deps, history), (model, settings, limits))
        return AgentStream(run, self._recovery.begin)

    def stream_sync(
        self,
        agent: Runner[Deps, Output],
        prompt: Prompt,
        *,
        run_id: str,
        deps: Deps = _NO_DEPS,
        history: Iterable[Message | Mapping[str, Any]] = (),
        model: str | Model | None = None,
        settings: Settings | None = None,
        limits: RunLimits | None = None,
    ) -> SyncStream[Output]:
        """Watch a run from sync code, as `stream` does."""
        run = _run(agent, prompt, run_id, (deps, history), (model, settings, limits))
        return SyncStream(AgentStream(run, self._recovery.begin))

    async def resume(
        self,
        agent: Runner[Deps, Output],
        run_id: str,
        *,
        decisions: Decisions | None = None,
        deps: Deps = _NO_DEPS,
        model: str | Model | None = None,
        settings: Settings | None = None,
        limits: RunLimits | None = None,
    ) -> Result[Output]:
        """Go on with a run by its id: with decisions on the calls that it waits for, or just where it is.

        Args:
            agent: Who runs.
            run_id: Which run.
            decisions: On the calls of `result.pending`, as for `agent.resume`. To approve a call in doubt is to run it
                again, to give is to say what it did, to deny is to leave it at that.
            deps: As for `run`.
            model: As for `run`.
            settings: As for `run`.
            limits: As for `run`.

        Raises:
            StateError: A decision is none, or not on a call that waits; nothing was done.
            ConfigurationError: There is no such run.
            AgentkitError: As for `run`.
        """
        run = _run(agent, None, run_id, (deps, ()), (model, settings, limits))
        return await self._recovery.go_on(run, decisions)

    def resume_sync(
        self,
        agent: Runner[Deps, Output],
        run_id: str,
        *,
        decisions: Decisions | None = None,
        deps: Deps = _NO_DEPS,
        model: str | Model | None = None,
        settings: Settings | None = None,
        limits: RunLimits | None = None,
    ) -> Result[Output]:
        """Go on as `resume` does, from sync code."""
        run = _run(agent, None, run_id, (deps, ()), (model, settings, limits))
        return block(partial(self._recovery.go_on, run, decisions))

    def resume_stream(
        self,
        agent: Runner[Deps, Output],
        run_id: str,
        *,
        decisions: Decisions | None = None,
        deps: Deps = _NO_DEPS,
        model: str | Model | None = None,
        settings: Settings | None = None,
        limits: RunLimits | None = None,
    ) -> AgentStream[Output]:
        """Go on as `resume` does and watch, as `stream` does."""
        run = _run(agent, None, run_id, (deps, ()), (model, settings, limits))
        return AgentStream(run, partial(self._recovery.go_on, decisions=decisions))

    def resume_stream_sync(
        self,
        agent: Runner[Deps, Output],
        run_id: str,
        *,
        decisions: Decisions | None = None,
        deps: Deps = _NO_DEPS,
        model: str | Model | None = None,
        settings: Settings | None = None,
        limits: RunLimits | None = None,
    ) -> SyncStream[Output]:
        """Go on as `resume` does and watch from sync code."""
        run = _run(agent, None, run_id, (deps, ()), (model, settings, limits))
        return SyncStream(AgentStream(run, partial(self._recovery.go_on, decisions=decisions)))

    async def fork(
        self,
        agent: Runner[Deps, Output],
        source: str,
        *,
        at: int,
        run_id: str,
        prompt: Prompt = None,
        results: Mapping[str, Any] | None = None,
        deps: Deps = _NO_DEPS,
        model: str | Model | None = None,
        settings: Settings | None = None,
        limits: RunLimits | None = None,
    ) -> Result[Output]:
        """Begin a run with the first turns of another one, which stays as it is; the same call goes on, as for `run`.

        Args:
            agent: Who goes on.
            source: The id of the other run.
            at: How many of its replies are kept, with the results of their calls; 0 is its beginning.
            run_id: Of the new run.
            prompt: In the place of the other's, at 0; later said after what is kept.
            results: What stands in the place of the results of kept calls, by call id.
            deps: As for `run`.
            model: As for `run`.
            settings: As for `run`.
            limits: As for `run`; what the kept turns have spent counts.

        Raises:
            StateError: The other run has no such turn or call, or a call in it is in doubt.
            RunMismatchError: There is a run of the new id, and it began with something else.
            ConfigurationError: There is no such run.
            AgentkitError: As for `run`.
        """
        there = await self._file.find(check_id(run_id))
        begun = inf if there is None else (await self._file.records(there))[0].at
        state = fork_of(await self.records(source), at, run_id, prompt=prompt, results=results, begun=begun)
        run = go_on(agent.recipe_for(model, settings, limits), state, None, deps)
        run.origin = Origin(agent, settings, limits)
        return await self._recovery.begin(run)

    async def replay(
        self,
        agent: Runner[Deps, Any],
        run_id: str,
        *,
        deps: Deps = _NO_DEPS,
        settings: Settings | None = None,
        limits: RunLimits | None = None,
    ) -> Replay:
        """Compare a run with what today's agent does, without network and tools; see `agentkit.durable.replay`.

        Raises:
            ConfigurationError: There is no such run.
        """
        return await replay(await self.records(run_id), agent, deps=deps, settings=settings, limits=limits)

    async def runs(self, *, limit: int = 100, status: Status | None = None) -> tuple[RunSummary, ...]:
        """Give the runs of this journal, the one that began last first.

        Args:
            limit: How many at most.
            status: "open" (goes on, or was cut off), "paused", "finished" or "failed"; None gives all.

        Raises:
            JournalError: The file cannot be read.
        """
        return await self._file.runs(limit, status)

    async def records(self, run_id: str) -> tuple[Record, ...]:
        """Give all that is written of a run and its sub-runs, in the order in which it happened.

        Raises:
            ConfigurationError: There is no such run.
            JournalError: The file cannot be read.
        """
        return await self._file.records(await number_of(self._file, run_id))

    async def delete(self, run_id: str) -> None:
        """Forget a run; one of that id begins anew then.

        Raises:
            ConfigurationError: There is no such run.
            RunInUseError: It goes on in another process or task.
            JournalError: The file cannot be written.
        """
        await number_of(self._file, run_id)
        held = await hold(self._file, run_id)
        try:
            await held.delete()
        finally:
            held.free()

    def close(self) -> None:
        """Close the file; again is no error, and a later use opens it again."""
        self._file.close()


def _run(
    agent: Runner[Any, Any],
    prompt: Prompt,
    run_id: str,
    given: tuple[Any, Iterable[Message | Mapping[str, Any]]],
    over: tuple[str | Model | None, Settings | None, RunLimits | None],
) -> Run:
    deps, history = given
    check_id(run_id)
    run = start(agent.recipe_for(*over), prompt, deps, history)
    run.state, run.origin = run.state.replace(run_id=run_id), Origin(agent, *over[1:])
    return run
