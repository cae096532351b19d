"""A map whose runs go to workers: `agent.map(inputs, durable=...)`, with all else as the map of one process has it."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Mapping
from typing import Any, Protocol

from agentkit.agent import Agent
from agentkit.agent.prompt import Prompt, user_message
from agentkit.agent.result import Result
from agentkit.errors import AgentkitError, ConfigurationError, InvalidRequestError
from agentkit.output import OutputPlan
from agentkit.state.limit import RunLimits
from agentkit.state.run import RunState, new_run_id
from agentkit.wire.setting import Settings

__all__ = ["Durable", "DurableWork", "Spread"]

_DIGEST = 10  # bytes of an input's content in the id of its run


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

    async def submit(
        self, prompt: Prompt, *, run_id: str | None, settings: Settings | None, limits: RunLimits | None
    ) -> str:
        """Leave a run to a worker."""
        ...

    async def result(self, run_id: str) -> Result[Any]:
        """Wait for a run."""
        ...

    async def cancel(self, run_id: str) -> None:
        """Cancel a run."""
        ...


class Spread:
    """Which durable agent a map's runs are of, and what they are called; `DurableAgent.spread` makes it.

    Args:
        durable: Whose runs.
        name: What their ids begin with; None begins new ones each time.
    """

    def __init__(self, durable: Durable, name: str | None) -> None:
        self._durable, self._name = durable, name

    def work(self, agent: Any, given: Mapping[str, Any], /) -> DurableWork:
        """Give what the map has done for each input.

        Args:
            agent: Whose map it is.
            given: The map's `deps`, `model`, `settings`, `limits` and `budget`.

        Raises:
            ConfigurationError: It is another agent's map, or something is given that only the workers have.
        """
        durable = self._durable
        if agent is not durable.agent:
            raise ConfigurationError(
                f"The map is of another agent than the durable one {durable.name!r}, whose runs the workers know. "
                "Write `durable.agent.map(inputs, durable=durable)`."
            )
        for name in ("deps", "model", "budget"):
            if given[name] is not None:
                raise ConfigurationError(
                    f"A map over workers takes no `{name}`: it would hold in this process alone. Give model and deps "
                    "to the durable agent, and bounds to each run by `limits`."
                )
        return DurableWork(durable, self._name, given)


class _Job:
    """The run of one input."""

    def __init__(self, run_id: str, prompt: Prompt) -> None:
        self.run_id, self.prompt = run_id, prompt
        self.state = RunState(run_id=run_id, messages=(user_message(prompt),))


class DurableWork:
    """Runs over many inputs, each submitted when there is room for it."""

    def __init__(self, durable: Durable, name: str | None, given: Mapping[str, Any]) -> None:
        self._durable, self._is_named = durable, name is not None
        self._name = name or new_run_id()
        self._settings, self._limits = given["settings"], given["limits"]
        self._seen: Counter[bytes] = Counter()
        self._plan: OutputPlan[Any] = OutputPlan.of(durable.agent.output_type)

    @property
    def model(self) -> str:
        """The name of the durable agent: which model it has, the workers know."""
        return self._durable.name

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
            await durable.submit(job.prompt, run_id=job.run_id, settings=self._settings, limits=self._limits)
            result = await durable.result(job.run_id)
        except asyncio.CancelledError:
            if not self._is_named:
                await asyncio.shield(durable.cancel(job.run_id))
            raise
        except AgentkitError as error:
            job.state = error.state or job.state
            raise
        job.state = result.state
        return result.output

    def identity(self) -> dict[str, str]:
        """Say what is asked for: the durable agent and its type of output; what its workers have, they know."""
        return {"agent": self._durable.name, "output": str(self._plan.name or self._durable.agent.output_type)}

    def dump(self, output: Any, /) -> str:
        """Write an output as JSON."""
        return self._plan.dump(output)

    def load(self, text: str, /) -> Any:
        """Read an output as its type; neither the output's function nor validators are called."""
        return self._plan.load(text)
