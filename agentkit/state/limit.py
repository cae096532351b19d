"""How far a run may go, checked at the head of each step against what its state says was spent."""

from __future__ import annotations

from dataclasses import dataclass, fields

from agentkit.errors import ConfigurationError, LimitExceededError
from agentkit.state.run import RunState

__all__ = ["RunLimits", "over_limit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLimits:
    """Bounds of one run, its resumed parts included; None is no bound.

    Attributes:
        turns: Replies of the model, 50 by default.
        requests: Requests that were answered.
        tool_calls: Calls performed; a batch that would go over it does not start.
        tokens: Tokens by the endpoint's count, prompt and completion, checked before each request.
        seconds: Time, without pauses.
        concurrency: Calls that run at once, 16 by default.
    """

    turns: int | None = 50
    requests: int | None = None
    tool_calls: int | None = None
    tokens: int | None = None
    seconds: float | None = None
    concurrency: int = 16

    def __post_init__(self) -> None:
        for one in fields(self):
            value, needed = getattr(self, one.name), one.name == "concurrency"
            if (value is None and needed) or (value is not None and value < needed):
                allowed = "1 or more" if needed else "0 or more, or None"
                raise ConfigurationError(f"RunLimits: {one.name}={value} is no bound. Give {allowed}.")

    def check_turn(self, state: RunState) -> None:
        """Raise `LimitExceededError` where the next request would go over a limit."""
        spent = {"turns": state.turns, "requests": len(state.usages)}
        if self.tokens is not None:
            spent["tokens"] = state.usage.total_tokens
        for name, value in spent.items():
            limit = getattr(self, name)
            if limit is not None and value >= limit:
                raise over_limit(name, value, limit, "the next request was not sent")

    def check_calls(self, state: RunState, calls: int) -> None:
        """Raise `LimitExceededError` where a batch of calls would go over the limit; none of it has started."""
        if self.tool_calls is not None and state.tool_calls + calls > self.tool_calls:
            what = f"the reply asks for {calls} more and none of them was run"
            raise over_limit("tool_calls", state.tool_calls, self.tool_calls, what)


def over_limit(name: str, spent: float, limit: float, what: str) -> LimitExceededError:
    """Make the error of a limit that was reached."""
    error = LimitExceededError(
        f"The run reached its limit {name}={limit} (spent: {round(spent, 2)}); {what}. "
        f"Go on with `agent.resume(error.state, limits=RunLimits({name}=...))`."
    )
    error.limit = name
    return error
