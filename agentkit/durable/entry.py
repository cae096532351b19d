"""What a database of DBOS shows: a workflow as an `Entry`, and each `Step` of it; `engine` reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dbos import StepInfo, WorkflowStatus

__all__ = ["Entry", "Step", "entry_of", "step_of"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A workflow as the database has it.

    Attributes:
        status: DBOS's word: ENQUEUED, PENDING, SUCCESS, ERROR, CANCELLED, ...
        executor: Who carries it out, or did last.
        text: What it was given.
        outcome: What it gave; the text of its error, where it failed.
        begun: When it was submitted, seconds since the epoch.
        changed: When its status changed last, the same.
    """

    id: str
    status: str
    queue: str
    executor: str
    text: str
    outcome: str
    begun: float
    changed: float


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a workflow.

    Attributes:
        number: Its place among those of the workflow.
        text: What it left; empty where it left none.
        below: The workflow that it began, or whose outcome it is.
    """

    number: int
    text: str = ""
    below: str = ""


def entry_of(one: WorkflowStatus) -> Entry:
    """Read a workflow as DBOS lists it."""
    given: Any = one.input["args"] if one.input else ()
    error = one.error
    return Entry(
        id=one.workflow_id,
        status=one.status,
        queue=one.queue_name or "",
        executor=one.executor_id or "",
        text=given[0] if given else "",
        outcome=str(getattr(error, "message", error)) if error is not None else one.output or "",
        begun=(one.created_at or 0) / 1000,
        changed=(one.updated_at or 0) / 1000,
    )


def step_of(one: StepInfo) -> Step:
    """Read a step as DBOS lists it."""
    below = one["child_workflow_id"] or ""
    return Step(one["function_id"], "" if below else one["output"] or "", below)
