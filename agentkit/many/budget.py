"""How far a whole map may go: what its runs have spent is held against one bound before each input is begun."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, cast

from agentkit.errors import ConfigurationError, LimitExceededError
from agentkit.state.limit import RunLimits
from agentkit.state.run import RunState

__all__ = ["Budget"]

_SPENT: dict[str, Callable[[RunState], int]] = {
    "requests": lambda state: len(state.usages),
    "tool_calls": lambda state: state.tool_calls,
    "tokens": lambda state: state.usage.total_tokens,
}
_OF_A_RUN = ("turns", "concurrency")  # they have defaults, which are meant for one run


class Budget:
    """The bounds of a map, and what its finished runs have spent of them.

    Args:
        limits: `requests`, `tool_calls`, `tokens` and `seconds` of all runs together; None is no bound.

    Raises:
        ConfigurationError: It is none, or bounds what only one run has.
    """

    def __init__(self, limits: RunLimits | None) -> None:
        if limits is not None and not isinstance(cast("Any", limits), RunLimits):
            raise ConfigurationError(
                f"budget={limits!r} does not say of what. Write budget=RunLimits(tokens=...), or requests, tool_calls "
                "or seconds in the place of tokens."
            )
        names = (*_SPENT, "seconds") if limits is not None else ()
        bounds = {name: getattr(limits, name) for name in names}
        self._bounds: dict[str, float] = {name: bound for name, bound in bounds.items() if bound is not None}
        self._spent = dict.fromkeys(_SPENT, 0)
        for name in _OF_A_RUN if limits is not None else ():
            if getattr(limits, name) not in (None, getattr(RunLimits(), name)):
                raise ConfigurationError(
                    f"budget=RunLimits({name}={getattr(limits, name)}) bounds one run, and a budget is of the whole "
                    f"map. Write `{'limits=RunLimits(turns=...)' if name == 'turns' else 'concurrency=...'}` for each "
                    "run, and requests, tool_calls, tokens or seconds for the map."
                )

    def add(self, state: RunState) -> None:
        """Count what a run has spent that is over."""
        for name in self._bounds.keys() & _SPENT.keys():
            self._spent[name] += _SPENT[name](state)

    def reached(
        self, running: Collection[RunState], seconds: float, index: int, *, stored: bool
    ) -> LimitExceededError | None:
        """Give the error of a bound that is reached, so that this input is not begun; None where none is.

        A run that goes counts what it has spent so far, and at least the request that it began with.
        """
        for name, bound in self._bounds.items():
            least = 1 if name == "requests" else 0
            value = seconds if name == "seconds" else self._spent[name]
            if name in _SPENT:
                value += sum(max(least, _SPENT[name](state)) for state in running)
            if value >= bound:
                return _over(name, value, bound, index, stored=stored)
        return None


def _over(name: str, spent: float, limit: float, index: int, *, stored: bool) -> LimitExceededError:
    again = (
        "Call it again with the same store: what is finished costs nothing then, and as much is spent on the others."
        if stored
        else f"Call it again with a higher budget=RunLimits({name}=...), or in parts; with `store=...` it goes on."
    )
    error = LimitExceededError(
        f"The map reached its budget {name}={limit} (spent: {round(spent, 2)}) before input {index}, which was not "
        f"begun, nor any after it. {again}"
    )
    error.limit = name
    return error
