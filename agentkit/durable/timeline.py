"""The records of one run in their order, each with the state after it, and where what belongs together ends; pure."""

from __future__ import annotations

from collections.abc import Sequence

from agentkit.durable.past import requests_of, states_of
from agentkit.durable.record import Record
from agentkit.state.run import RunState

__all__ = ["ENDS", "Timeline", "error_of"]

ENDS = ("paused", "failed")
"""The kinds of records at which a part of a run ends, and the run does not."""

_SEEN = ("messages", "correction", "attempts", "accepted", "finishing")


class Timeline:
    """What was recorded of one run, without those below it.

    Args:
        records: Of the run and those below it.

    Attributes:
        steps: Its records, each with the state after it.
        requests: What was asked, by the identity of the `asking` record.
    """

    def __init__(self, records: Sequence[Record]) -> None:
        self.steps: list[tuple[Record, RunState]] = list(states_of(records))
        self.requests = {id(record): request for record, request in requests_of(records)}

    def next(self, place: int) -> int:
        """Give the place of the next record that tells more than what changed, else of the last one."""
        later = range(place + 1, len(self.steps))
        return next((at for at in later if self.steps[at][0].kind != "changed"), len(self.steps) - 1)

    def end_of_batch(self, place: int) -> int:
        """Give the place of the last record that tells of the open calls of the state at a place."""
        end, attempts = place, len(self.steps[place][1].attempts)
        for at in range(place + 1, len(self.steps)):
            kind, before = self.steps[at][0].kind, self.steps[at - 1][1]
            if kind in ENDS:
                return at if kind == "paused" or before.open_calls else max(end, place + 1)
            goes_on = not (before.accepted or before.handed or len(before.attempts) > attempts)
            if kind not in ("calling", "answered") and not (kind == "changed" and (before.open_calls or goes_on)):
                break
            end = at
        return max(end, place + 1)

    def check(self, place: int) -> int:
        """Give the place of the record that tells what became of the reply in hand at a place."""
        before, end = self.steps[place][1], place + 1
        while end + 1 < len(self.steps) and self._is_unseen(before, end):
            end += 1
        return end

    def handover(self, place: int) -> int:
        """Give the place of the record by which the handoff at a place has taken effect."""
        end = place + 1
        while end + 1 < len(self.steps) and self.steps[end][0].kind == "changed" and self.steps[end][1].handed:
            end += 1
        return end

    def _is_unseen(self, before: RunState, at: int) -> bool:
        """Tell whether a record has nothing of what becomes of a reply."""
        record, after = self.steps[at]
        return record.kind == "changed" and all(getattr(before, name) == getattr(after, name) for name in _SEEN)


def error_of(record: Record) -> str:
    """Give the class of the error that a run ended with; nothing of other records."""
    return str(record.content.get("error", "")).partition(":")[0] if record.kind == "failed" else ""
