"""What was spent, as one value: a run's state holds such sums, a ledger and a budget show them."""

from __future__ import annotations

from dataclasses import dataclass

from agentkit.wire.response import Usage

__all__ = ["NOTHING", "Spent"]


@dataclass(frozen=True, slots=True)
class Spent:
    """What requests and calls have taken.

    Attributes:
        requests: Requests, each attempt that may have been billed by itself.
        tool_calls: Calls that were begun.
        input_tokens: Those of prompts, cached ones among them.
        output_tokens: Those of replies, reasoning among them.
        cost: Dollars, of the requests whose cost is known.
        unpriced: Requests whose cost is not known.
    """

    requests: int = 0
    tool_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0
    unpriced: int = 0

    @property
    def tokens(self) -> int:
        """Give the tokens of prompts and replies together."""
        return self.input_tokens + self.output_tokens

    def added_to(self, usage: Usage) -> Usage:
        """Give a usage with these tokens added."""
        if not self.requests:
            return usage
        return usage + Usage(prompt_tokens=self.input_tokens, completion_tokens=self.output_tokens)

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            self.requests + other.requests,
            self.tool_calls + other.tool_calls,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cost + other.cost,
            self.unpriced + other.unpriced,
        )

    def __sub__(self, other: Spent) -> Spent:
        return Spent(
            self.requests - other.requests,
            self.tool_calls - other.tool_calls,
            self.input_tokens - other.input_tokens,
            self.output_tokens - other.output_tokens,
            round(self.cost - other.cost, 12),  # ledgers count to that digit
            self.unpriced - other.unpriced,
        )


NOTHING = Spent()
