"""How far a whole map may go: the ledger that its runs share, looked at before each input is begun."""

from __future__ import annotations

from typing import Any, Literal, Self, cast

from agentkit.errors import ConfigurationError, LimitExceededError
from agentkit.model import ledgers
from agentkit.state.ledger import Ledger
from agentkit.state.limit import RunLimits, told

__all__ = ["Again", "Budget"]

Again = Literal["anew", "stored", "named"]
"""Whether the same map another time does all of it, spends as much on what is missing in a store, or goes on."""

_AGAIN: dict[Again, str] = {
    "anew": "Call it again with a higher budget=RunLimits({name}=...), or in parts; with `store=...` it goes on.",
    "stored": "Call it again with the same store: what is finished costs nothing then, and as much is spent on the "
    "others.",
    "named": "Call it again by the same name, with a higher budget=RunLimits({name}=...): what was spent stays spent, "
    "and nothing that is finished is done again.",
}
_LATER = "Call it again by the same name: nothing that is finished is done again, and the time begins anew."
_OF_A_RUN = ("turns", "concurrency")  # they have defaults, which are meant for one run


class Budget:
    """The bounds of a map, and what its runs have spent of them; each run is made within it.

    Args:
        limits: What all runs may take together: all that a ledger counts, and `seconds`; None is no bound.

    Attributes:
        ledger: What was spent; it is the runs' own, or whoever carries them out elsewhere puts it in.

    Raises:
        ConfigurationError: It is none, or bounds what only one run has.
    """

    def __init__(self, limits: RunLimits | None) -> None:
        if limits is not None and not isinstance(cast("Any", limits), RunLimits):
            raise ConfigurationError(
                f"budget={limits!r} does not say of what. Write budget=RunLimits(tokens=...), or cost, requests, "
                "tool_calls or seconds in the place of tokens."
            )
        self._seconds = limits.seconds if limits is not None else None
        self.ledger = Ledger(limits, owner="map")
        self._full: LimitExceededError | None = None
        for name in _OF_A_RUN if limits is not None else ():
            if getattr(limits, name) not in (None, getattr(RunLimits(), name)):
                raise ConfigurationError(
                    f"budget=RunLimits({name}={getattr(limits, name)}) bounds one run, and a budget is of the whole "
                    f"map. Write `{'limits=RunLimits(turns=...)' if name == 'turns' else 'concurrency=...'}` for each "
                    "run, and cost, tokens, requests, tool_calls or seconds for the map."
                )

    def __enter__(self) -> Self:
        """Have the run of this task spend from it."""
        if self._bounds:
            ledgers.set((self.ledger, *ledgers.get()))
        return self

    def __exit__(self, *_: object) -> None:
        """Leave it to the end of the task, which has a context of its own."""

    @property
    def _bounds(self) -> dict[str, float]:
        """Give those in force: over workers another map of the same name may have changed what is counted."""
        bounds = {} if self.ledger.limits is None else dict[str, float](self.ledger.limits.counted)
        return bounds if self._seconds is None else {**bounds, "seconds": self._seconds}

    @property
    def spent(self) -> dict[str, float]:
        """Give what was spent of each bound, by its name; of time the summary tells."""
        spent = self.ledger.spent
        return {name: getattr(spent, name) for name in self._bounds if name != "seconds"}

    def hear(self, error: Exception) -> None:
        """Note that a run came to the end of this, or of another budget around the map: no other would get further."""
        shared = isinstance(error, LimitExceededError) and any(error.ledger is one for one in ledgers.get())
        if shared and self._full is None:
            self._full = cast("LimitExceededError", error)

    def reached(self, first: int, seconds: float, index: int, again: Again) -> LimitExceededError | None:
        """Give the error of a bound that is reached, so that this input is not begun; None where none is.

        Args:
            first: How many runs have not had their first reply: each is going to take a request.
            seconds: Since the map began.
            index: Of the input.
            again: What comes of the same call another time.
        """
        full, spent = self._full, self.ledger.spent
        if full is not None and full.ledger is not self.ledger:
            return full
        for name, bound in self._bounds.items():
            value = seconds if name == "seconds" else getattr(spent, name)
            due = first if name == "requests" else 0
            if value + due >= bound or (full is not None and full.limit == name):
                shown = f"{told(value)}, and {due} are due" if due else told(value)
                return _over(name, shown, bound, index, again)
        return None


def _over(name: str, spent: str, limit: float, index: int, again: Again) -> LimitExceededError:
    hint = _LATER if (again, name) == ("named", "seconds") else _AGAIN[again].format(name=name)
    error = LimitExceededError(
        f"The map reached its budget {name}={limit} (spent: {spent}) before input {index}, which was not "
        f"begun, nor any after it. {hint}"
    )
    error.limit = name
    return error
