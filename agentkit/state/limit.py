"""How far a run may go: `RunLimits`, checked at the head of each step against what its state says was spent.

What parallel branches share is reserved from a ledger besides.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Any

from agentkit.errors import ConfigurationError, LimitExceededError
from agentkit.state.run import RunState

__all__ = ["COUNTED", "RunLimits", "check_bound", "over_limit", "told"]

COUNTED = ("requests", "tool_calls", "tokens", "input_tokens", "output_tokens", "cost")
"""What a ledger counts, in its order."""

_LEAST = {"concurrency": 1, "output_floor": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLimits:
    """Bounds of one run, of its resumed parts and of the runs that its tools start; None is no bound.

    Tokens and cost are reserved before a request is sent, so that they are not gone over: docs/budget.md says how.

    Attributes:
        turns: Replies of the model, 50 by default; of this run alone.
        requests: Requests that were answered, or may have been billed without an answer.
        tool_calls: Calls performed; a batch that would go over it does not start.
        tokens: Tokens of prompts and replies together.
        input_tokens: Tokens of prompts, cached ones too.
        output_tokens: Tokens of replies, reasoning too.
        cost: Dollars; the model's price must be known.
        seconds: Time, without pauses.
        concurrency: Calls that run at once, 16 by default.
        output_floor: Tokens of a reply, 256 by default: where less is left for it, the request is not sent.
        counted: Those of what a ledger counts that bound something, by name.
    """

    turns: int | None = 50
    requests: int | None = None
    tool_calls: int | None = None
    tokens: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: float | None = None
    seconds: float | None = None
    concurrency: int = 16
    output_floor: int = 256
    counted: tuple[tuple[str, Any], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for one in fields(self):
            if one.init:
                check_bound("RunLimits", one.name, getattr(self, one.name))
        bounds = ((name, getattr(self, name)) for name in COUNTED)
        object.__setattr__(self, "counted", tuple(bound for bound in bounds if bound[1] is not None))

    def check_turn(self, state: RunState) -> None:
        """Raise `LimitExceededError` where the next request would go over a limit."""
        if self.turns is not None and state.turns >= self.turns:
            raise over_limit("turns", state.turns, self.turns, _NOT_SENT)
        if not self.counted:
            return
        spent = state.spent
        for name, limit in self.counted:
            if name != "tool_calls" and (value := getattr(spent, name)) >= limit:
                raise over_limit(name, value, limit, _NOT_SENT)

    def check_calls(self, state: RunState, calls: int) -> None:
        """Raise `LimitExceededError` where a batch of calls would go over the limit; none of it has started."""
        if self.tool_calls is not None and state.spent.tool_calls + calls > self.tool_calls:
            what = f"the reply asks for {calls} more and none of them was run"
            raise over_limit("tool_calls", state.spent.tool_calls, self.tool_calls, what)


_NOT_SENT = "the next request was not sent"


def check_bound(owner: str, name: str, value: float | None) -> None:
    """Raise `ConfigurationError` for what is no bound."""
    least = _LEAST.get(name, 0)
    try:
        fits = not least if value is None else least <= value < math.inf
    except TypeError:  # it is no number
        fits = False
    if not fits:
        allowed = f"{least} or more" if least else "0 or more, or None"
        raise ConfigurationError(f"{owner}: {name}={value!r} is no bound. Give {allowed}.")


def told(value: float) -> str:
    """Show an amount: whole numbers as they are, dollars and seconds to the digits that matter."""
    if isinstance(value, int):
        return str(value)
    return f"{value:.2f}".rstrip("0").rstrip(".") if value >= 1 else f"{value:.2g}"


def over_limit(name: str, spent: float, limit: float, what: str) -> LimitExceededError:
    """Make the error of a limit that was reached."""
    error = LimitExceededError(
        f"The run reached its limit {name}={limit} (spent: {told(spent)}); {what}. "
        f"Go on with `agent.resume(error.state, limits=RunLimits({name}=...))`."
    )
    error.limit = name
    return error
