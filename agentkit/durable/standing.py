"""How a run stands, as its users are told: its status, or the error that it ended with."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from agentkit import errors
from agentkit.durable.entry import Entry
from agentkit.durable.part import Part, number_of
from agentkit.durable.past import Past
from agentkit.errors import AgentkitError, ConfigurationError, LimitExceededError, RunCancelledError, RunError

__all__ = ["RunStatus", "Standing", "error_of", "output_of", "owned", "status_of"]

Standing = Literal["queued", "running", "paused", "finished", "failed", "cancelled"]

_REACHED = re.compile(r" reached its limit (\w+)=")  # as all who raise it say
_STANDING: dict[str, Standing] = {"ENQUEUED": "queued", "PENDING": "running", "CANCELLED": "cancelled"}


@dataclass(frozen=True, slots=True)
class RunStatus:
    """How a run stands.

    Attributes:
        run_id: The run.
        standing: queued, running, paused (calls wait for a decision), finished, failed or cancelled.
        part: Which part of it this is, from 1; to go on after a pause or an error begins another.
        worker: Who carries it out, or did last; empty while it waits for one.
        error: Class and text of the error, where it failed.
        begun: When this part was submitted, in seconds since 1970.
        changed: When that changed last.
        model: The name of the model that it was given in the place of the agent's own; empty for that.
    """

    run_id: str
    standing: Standing
    part: int
    worker: str
    error: str
    begun: float
    changed: float
    model: str = ""


def status_of(last: Entry) -> RunStatus:
    """Say how a run stands, by its last part."""
    standing: Standing = _STANDING.get(last.status, "failed")
    if last.status == "SUCCESS":
        standing = "paused" if last.outcome == "paused" else "finished"
    error = last.outcome if standing == "failed" else ""
    run_id = last.id.partition("/")[0]
    model = Part.from_json(last.text).model
    return RunStatus(run_id, standing, number_of(last.id), last.executor, error, last.begun, last.changed, model)


def owned(last: Entry, name: str) -> Entry:
    """Give the last part of a run as it is, where the run is of the agent in whose queue its next part would wait.

    Raises:
        ConfigurationError: It is another one's, whose tools and model that agent's workers may not have.
    """
    run_id, whose = last.id.partition("/")[0], Part.from_json(last.text).agent
    if whose != name:
        raise ConfigurationError(
            f"The run {run_id!r} is of the agent {whose!r}, and {name!r} is named. Name the one that it is of."
        )
    return last


def output_of(past: Past) -> str:
    """Give the output of a run that has finished, as JSON.

    Raises:
        RunError: It has none.
    """
    if past.output is not None:
        return past.output
    lost = RunError(
        f"The run {past.state.run_id!r} has finished, and its output has no JSON, by which alone it comes from its "
        "worker. The last reply is in `error.state`. Let the output's function give text, numbers, lists, dicts, "
        "dataclasses or pydantic models."
    )
    lost.state = past.state
    raise lost


def error_of(last: Entry, past: Past | None) -> AgentkitError:
    """Make the error that a run ended with: of its own class where that is made of a text, else one that shows it."""
    error: AgentkitError
    run_id = last.id.partition("/")[0]
    told = last.outcome.replace("`agent.resume(error.state", f"`durable.resume({run_id!r}")  # not beside the record
    name, _, text = told.partition(": ")
    kind = getattr(errors, name, None)
    if last.status == "CANCELLED":
        error = RunCancelledError(f"The run {run_id!r} was cancelled. `resume` goes on with it.")
    elif isinstance(kind, type) and issubclass(kind, RunError):
        error = kind(text)
        if isinstance(error, LimitExceededError) and (reached := _REACHED.search(text)):
            error.limit = reached[1]
        error.add_note(f"The run {run_id!r} ended with it at its worker; `resume` goes on with it.")
    else:
        told = told.removesuffix(".") or "it was begun too often without coming to an end"
        error = RunError(f"The run {run_id!r} ended with an error at its worker: {told}. `resume` goes on with it.")
    error.state = None if past is None else past.state
    return error
