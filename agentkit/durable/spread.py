"""A map whose runs go to workers: `agent.map(inputs, durable=...)`, with all else as the map of one process has it."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Protocol, TypeVar

from agentkit import errors
from agentkit.agent import Agent
from agentkit.agent.prompt import Prompt, user_message
from agentkit.agent.result import Result
from agentkit.durable.engine import Engine
from agentkit.durable.part import model_name
from agentkit.durable.purse import Purse
from agentkit.durable.recovery import check_id
from agentkit.durable.standing import RunStatus
from agentkit.durable.watch import OVER
from agentkit.errors import (
    AgentkitError,
    AuthenticationError,
    ConfigurationError,
    InvalidRequestError,
    JournalError,
    LimitExceededError,
    NotFoundError,
    RunError,
)
from agentkit.output import OutputPlan
from agentkit.state.ledger import Ledger
from agentkit.state.limit import RunLimits
from agentkit.state.run import RunState, new_run_id
from agentkit.wire.setting import Settings

__all__ = ["Durable", "DurableWork", "Spread"]

_T = TypeVar("_T")
_log = logging.getLogger("agentkit.durable")

_OF_THE_MAP = "The map's budget "  # begins the text of its error, as a ledger of a map has it
_DIGEST = 10  # bytes of an input's content in the id of its run
_OF_ALL = (ConfigurationError, AuthenticationError, NotFoundError)  # no input could pass these
_LONGEST = 170  # characters of a name: ids have 200, and 22 and a number follow
_AT_ONCE = 500  # runs that are deleted by one statement
_AGAIN = 1.0  # seconds until a database that is away is asked again


class Durable(Protocol):
    """What a map needs of a `DurableAgent`."""

    @property
    def name(self) -> str:
        """What its runs name it by."""
        ...

    @property
    def agent(self) -> Agent[Any, Any]:
        """What runs."""
        ...

    @property
    def engine(self) -> Engine:
        """The database."""
        ...

    async def submit(
        self,
        prompt: Prompt,
        *,
        run_id: str | None,
        model: str | None,
        settings: Settings | None,
        limits: RunLimits | None,
        budget: str,
    ) -> str:
        """Leave a run to a worker."""
        ...

    async def result(self, run_id: str) -> Result[Any]:
        """Wait for a run."""
        ...

    async def status(self, run_id: str) -> RunStatus:
        """Tell how a run stands."""
        ...

    async def cancel(self, run_id: str) -> None:
        """Cancel a run."""
        ...


class Spread:
    """Which durable agent a map's runs are of, and what they are called; `DurableAgent.spread` makes it.

    Args:
        durable: Whose runs.
        name: What their ids begin with; None begins new ones each time.

    Raises:
        ConfigurationError: The name is none.
    """

    def __init__(self, durable: Durable, name: str | None) -> None:
        if name is not None and not _is_name(name):
            raise ConfigurationError(
                f"A map over workers cannot be called {name!r:.100}, for the ids of its runs begin with that. Give a "
                f"text of 1 to {_LONGEST} characters, none of them a slash, a control character or half of one."
            )
        self._durable, self._name = durable, name

    def work(self, agent: Any, given: Mapping[str, Any], /) -> DurableWork:
        """Give what the map has done for each input.

        Args:
            agent: Whose map it is.
            given: The map's `deps`, `model`, `settings`, `limits` and `budget`.

        Raises:
            UnknownModelError: No provider owns the name of the model.
            ConfigurationError: It is another agent's map, or something is given that only the workers have.
        """
        durable = self._durable
        if agent is not durable.agent:
            raise ConfigurationError(
                f"The map is of another agent than the durable one {durable.name!r}, whose runs the workers know. "
                "Write `durable.agent.map(inputs, durable=durable)`."
            )
        if given["deps"] is not None:
            raise ConfigurationError(
                "A map over workers takes no `deps`: it would hold in this process alone. Give the durable agent a "
                "function, DurableAgent(agent, deps=...), which gives what tools get by the id of a run."
            )
        model_name(given["model"])
        return DurableWork(durable, self._name, given)

    async def delete(self) -> None:
        """Forget a map: the runs of this name, and what they have spent of its budget; the next one begins anew.

        Raises:
            RunError: Some of its runs are queued or go on; nothing was done.
            ConfigurationError: It has no name by which its runs could be found.
            JournalError: The database cannot be reached.
        """
        if self._name is None:
            raise ConfigurationError(
                "A map without a name cannot be deleted, for its runs have no name in common. Name the one that you "
                "made: `durable.spread(name).delete()`; or delete run by run, `durable.delete(run_id)`."
            )
        await asyncio.to_thread(self._delete, self._name)

    def _delete(self, name: str) -> None:
        engine, ids = self._durable.engine, re.compile(rf"{re.escape(name)}-[0-9a-f]{{{2 * _DIGEST}}}-\d+(/\d+)?")
        entries = [one for one in engine.entries(whole=False, workflow_id_prefix=f"{name}-") if ids.fullmatch(one.id)]
        under_way = sum(entry.status not in OVER for entry in entries)
        if under_way:
            raise RunError(
                f"Runs of the map {name!r} are queued or go on ({under_way}), so nothing of it is deleted. Wait for "
                "their end, or cancel them first: `durable.cancel(run_id)`."
            )
        for begin in range(0, len(entries), _AT_ONCE):
            engine.delete([entry.id for entry in entries[begin : begin + _AT_ONCE]])
        Purse(engine, _purse_of(self._durable, name), Ledger()).remove()


class _Job:
    """The run of one input."""

    def __init__(self, run_id: str, prompt: Prompt) -> None:
        self.run_id, self.prompt = run_id, prompt
        self.state = RunState(run_id=run_id, messages=(user_message(prompt),))
        self.submission: asyncio.Future[str] | None = None


class DurableWork:
    """Runs over many inputs, each submitted when there is room for it."""

    def __init__(self, durable: Durable, name: str | None, given: Mapping[str, Any]) -> None:
        self._durable = durable
        self.is_named: bool = name is not None
        self._name = name or new_run_id()
        self._bounds: RunLimits | None = given["budget"]
        self._terms: dict[str, Any] = {name: given[name] for name in ("model", "settings", "limits")}
        self._terms["budget"] = ""
        self._purse: Purse | None = None
        self._seen: Counter[bytes] = Counter()
        self._waits = False
        self._plan: OutputPlan[Any] = OutputPlan.of(durable.agent.output_type)

    @property
    def model(self) -> str:
        """The name of the model, if one was given, else of the durable agent: which one it has, the workers know."""
        return self._terms["model"] or self._durable.name

    async def open(self, budget: Ledger, /) -> None:
        """Open the map's purse, and take what earlier runs of its name have spent.

        Raises:
            JournalError: The database cannot be reached. Later on it is waited for, as the workers do.
        """
        await asyncio.to_thread(self._durable.engine.execute, "SELECT 1")
        if self._bounds is not None and self._bounds.counted:
            self._terms["budget"] = _purse_of(self._durable, self._name)
            self._purse = Purse(self._durable.engine, self._terms["budget"], budget)
            await self._purse.open(self._bounds)

    async def has(self, job: _Job, /) -> bool:
        """Tell whether a map of this name has begun a run before, which has not failed."""
        if not self.is_named:
            return False
        try:
            status = await self._patiently(lambda: self._durable.status(job.run_id))
        except RunError:
            return False
        return status.standing not in ("failed", "cancelled")

    async def due(self, jobs: Iterable[_Job], /) -> int:
        """Count the runs that have spent nothing yet, as far as the database knows."""
        purse, ids = self._purse, [job.run_id for job in jobs]
        if purse is None:
            return 0
        await self._patiently(purse.settle)  # before: what is read between the two must not count in both
        return len(ids) - await self._patiently(lambda: purse.count(ids))

    def prepare(self, given: Any, /) -> _Job:
        """Make the run of an input, and do not submit it.

        Raises:
            InvalidRequestError: It is no prompt.
        """
        if given is None:
            raise InvalidRequestError("An input is None, and a map has no history to go on from. Give a prompt.")
        digest = hashlib.blake2b(user_message(given).encoded, digest_size=_DIGEST).digest()
        number = self._seen[digest]
        self._seen[digest] += 1
        return _Job(f"{self._name}-{digest.hex()}-{number}", given)

    async def run(self, job: _Job, /) -> Any:
        """Submit a run, wait for it and give its output; that of a run that waits raises `PendingCallsError`."""
        durable = self._durable
        try:
            await self._patiently(lambda: self._submit(job))
            result = await self._patiently(lambda: durable.result(job.run_id))
        except asyncio.CancelledError:
            await asyncio.shield(self._withdraw(job))
            raise
        except AgentkitError as error:
            job.state = error.state or job.state
            if isinstance(error, LimitExceededError) and self._purse and str(error).startswith(_OF_THE_MAP):
                error.ledger = self._purse.ledger
            await self._learn()
            await self._check_worker(job, error)
            raise
        job.state = result.state
        await self._learn()
        return result.output

    async def _check_worker(self, job: _Job, error: AgentkitError) -> None:
        """Raise `ConfigurationError` where a run ended with what every other one would end with, too."""
        if type(error) is not RunError:
            return
        told = (await self._patiently(lambda: self._durable.status(job.run_id))).error
        kind = getattr(errors, told.partition(": ")[0], None)
        if isinstance(kind, type) and issubclass(kind, _OF_ALL) and not issubclass(kind, InvalidRequestError):
            of_all = ConfigurationError(
                f"The run {job.run_id!r} ended at its worker as every run of the map would: {told.removesuffix('.')}. "
                "Mend that at the workers, and call the map again."
            )
            of_all.state = error.state
            raise of_all from error

    async def _submit(self, job: _Job) -> None:
        """Submit a run; where this is cancelled, what submits it in a thread is not, and `_withdraw` waits for it."""
        submit = self._durable.submit(job.prompt, run_id=job.run_id, **self._terms)
        job.submission = asyncio.ensure_future(submit)
        await asyncio.shield(job.submission)

    async def _withdraw(self, job: _Job) -> None:
        """Leave no run of a map without a name behind; one that could not be cancelled is told of."""
        if job.submission is None:
            return
        await asyncio.wait([job.submission])
        if self.is_named:
            return
        try:
            await self._durable.cancel(job.run_id)
        except JournalError as error:
            _log.warning("The run %s of a map that was left could not be cancelled, and goes on: %s", job.run_id, error)
        except RunError:
            pass  # it was not submitted

    async def _patiently(self, ask: Callable[[], Awaitable[_T]]) -> _T:
        """Ask again and again while the database is away, as the workers do, whose runs go on when it is back."""
        while True:
            try:
                answer = await ask()
            except JournalError as error:
                if error.__cause__ is None:  # a run ended with it, at its worker
                    raise
                if not self._waits:  # told once, however many runs the map waits for
                    _log.warning("The map waits for its database: %s", error)
                self._waits = True
                await asyncio.sleep(_AGAIN)
            else:
                self._waits = False
                return answer

    async def _learn(self) -> None:
        """Learn what was spent, before the next input is begun."""
        if self._purse is not None:
            with suppress(JournalError):  # the workers keep to the bounds all the same
                await self._purse.settle()

    def identity(self) -> dict[str, str]:
        """Say what is asked for: the durable agent and its type of output; what its workers have, they know."""
        return {"agent": self._durable.name, "output": str(self._plan.name or self._durable.agent.output_type)}

    def dump(self, output: Any, /) -> str:
        """Write an output as JSON."""
        return self._plan.dump(output)

    def load(self, text: str, /) -> Any:
        """Read an output as its type; neither the output's function nor validators are called."""
        return self._plan.load(text)


def _purse_of(durable: Durable, name: str) -> str:
    return f"{durable.name}/{name}"


def _is_name(name: Any) -> bool:
    with suppress(ConfigurationError):
        return isinstance(name, str) and len(check_id(name)) <= _LONGEST
    return False
