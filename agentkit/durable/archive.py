"""The runs of a database: which parts they have, what is on record of them, and how another part is submitted.

`agent` asks it for its users, `workflow` for the worker that carries a part out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from agentkit.durable.engine import Engine
from agentkit.durable.entry import Entry, Step
from agentkit.durable.part import Part, number_of
from agentkit.durable.past import Past, past_of
from agentkit.durable.record import Record
from agentkit.durable.step import in_order
from agentkit.durable.watch import OVER
from agentkit.errors import RunError, RunMismatchError

__all__ = ["Archive"]

_SHOWN = 120
_NOWHERE = "agentkit cancelled"  # a queue that no worker takes from


class Archive:
    """What a database has of runs.

    Args:
        engine: The database.
        queue: Into which parts are submitted.
    """

    def __init__(self, engine: Engine, queue: str) -> None:
        self._engine, self._queue = engine, queue

    def submit(self, part: Part) -> str:
        """Submit a run's first part, or see that there is the same one, and give the run's id.

        If that run has failed, it goes on by the settings, limits, model and budget of this part.

        Raises:
            RunMismatchError: There is a run of that id which began with something else.
        """
        if self._engine.submit(part.id, self._queue, part.to_json()):
            return part.run_id
        entries = self._entries(part.run_id)
        _check_same(part, Part.from_json(entries[0].text))
        if entries[-1].status == "ERROR":
            self._submit_after(entries[-1], now=part)
        return part.run_id

    def go_on(self, last: Entry, **given: Any) -> None:
        """Submit another part of a run that goes on no more and has no output.

        Args:
            last: Its last part, on which decisions were made.
            given: What the new part has of its own: `decisions`, `model`, `settings`, `limits`, as a `Part` has them.

        Raises:
            RunError: It goes on, has finished, or somebody else has just submitted that part.
        """
        run_id = Part.from_json(last.text).run_id
        if last.status not in OVER or last.outcome == "finished":
            how = "has finished" if last.status in OVER else "goes on already"
            raise RunError(f"The run {run_id!r} {how}, so there is nothing to resume. `result` gives what comes of it.")
        if not self._submit_after(last, **given) and given:
            raise RunError(
                f"Somebody else has just gone on with the run {run_id!r}, and the {' and '.join(given)} given here "
                "were not taken. `status` tells how it stands now."
            )

    def cancel(self, run_id: str) -> None:
        """Cancel a run that is queued, goes on or waits for decisions; one that is over stays as it is."""
        last = self.last(run_id)
        if last.status == "SUCCESS" and last.outcome == "paused":  # that part is over: it is the next one
            self._submit_after(last, _NOWHERE)
            last = self.last(run_id)
        self._engine.cancel(last.id)

    def delete(self, run_id: str) -> None:
        """Forget a run that is over, or waits for decisions.

        Raises:
            RunError: It goes on, or there is no such run.
        """
        last = self.last(run_id)
        if last.status not in OVER:
            raise RunError(
                f"The run {run_id!r} is queued or goes on, so it is not deleted. Cancel it first, or wait for its end."
            )
        self._engine.delete(_ids(run_id, number_of(last.id) + 1))

    def last(self, run_id: str) -> Entry:
        """Give the last part of a run.

        Raises:
            RunError: There is no such run.
        """
        found = self._entries(run_id)
        if not found:
            raise RunError(f"There is no run {run_id!r} in the database {self._engine.place!r}. Submit it first.")
        return found[-1]

    def past(self, last: Entry) -> Past | None:
        """Fold all that is on record of a run; None where no worker has begun it."""
        part = Part.from_json(last.text)
        records = self.records(part.run_id, number_of(last.id) + 1)
        return past_of(records) if records else None

    def records(self, run_id: str, before: int) -> list[Record]:
        """Read the records of a run's parts before one, by its number."""
        return [record for one in _ids(run_id, before) for _, record in self._read(self._engine.steps(one))]

    def take_over(self, part: Part) -> tuple[int, list[Record], list[tuple[int, Record]]]:
        """Give the number of a part's last step, the records of the parts before it, and its own with their places.

        Whoever had one of them may still write what is below it, until that is cancelled; so it is, and read then.
        """
        parts = [self._engine.steps(one) for one in _ids(part.run_id, part.number + 1)]
        below = {step.below for steps in parts for step in steps if step.below}
        if below:
            self._engine.cancel(*below)
        *before, own = map(self._read, parts)
        number = max((step.number for step in parts[-1]), default=0)
        return number, [record for one in before for _, record in one], own

    def _read(self, steps: list[Step]) -> list[tuple[int, Record]]:
        return in_order(self._texts(steps))

    def _texts(self, steps: list[Step]) -> Iterator[str]:
        """Give the texts of a workflow's steps, and of those below it."""
        yield from (step.text for step in steps if step.text)
        for below in {step.below: None for step in steps if step.below}:
            yield from self._texts(self._engine.steps(below))

    def _entries(self, run_id: str) -> list[Entry]:
        found = self._engine.entries(workflow_ids=[run_id])
        if found:  # SQLite takes a prefix for the same as another one in capital letters
            further = self._engine.entries(workflow_id_prefix=f"{run_id}/")
            found += [entry for entry in further if entry.id.startswith(f"{run_id}/")]
        return sorted(found, key=lambda entry: number_of(entry.id))

    def _submit_after(self, last: Entry, queue: str = "", now: Part | None = None, **given: Any) -> bool:
        """Submit the next part, with the terms of the one before, or with those that were given now."""
        before = Part.from_json(last.text)
        part = replace(now or before, **{"number": before.number + 1, "decisions": {}, **given})
        if self.records(part.run_id, part.number):  # else no worker has begun the run, and what it was given is here
            part = replace(part, history=(), prompt=None)
        return self._engine.submit(part.id, queue or self._queue, part.to_json())


def _ids(run_id: str, before: int) -> list[str]:
    return [Part(agent="", run_id=run_id, number=number).id for number in range(1, before)]


def _check_same(now: Part, then: Part) -> None:
    for what in ("agent", "prompt", "history"):
        was, given = (json.loads(one.to_json()).get(what) for one in (then, now))
        if was != given:
            told = [json.dumps(one, ensure_ascii=False)[:_SHOWN] for one in (was, given)]
            raise RunMismatchError(
                f"Run {now.run_id!r} began with another {what}: then {told[0]}, now {told[1]}. Give what it began "
                "with, so that it goes on, or another id to begin a run of its own."
            )
