"""The account of a run or of a budget: what is spent and reserved of its limits; `reserve` asks it, under one lock.

It knows nothing of models: what a request may take is handed in.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from agentkit.errors import LimitExceededError
from agentkit.state.limit import RunLimits, told
from agentkit.state.order import Order, Row
from agentkit.state.spent import Spent

__all__ = ["Ledger", "Need", "count", "count_calls", "guard", "row_of", "spent_of"]

Owner = Literal["run", "budget", "map"]

_PICO = 10**12  # of a dollar, so that sums are exact
_UNBOUNDED = 1 << 62
_REQUESTS, _CALLS, _INPUT, _OUTPUT, _COST, _UNPRICED = range(6)

_WHOSE: dict[Owner, tuple[str, str]] = {
    "run": ("The run", "Go on with `agent.resume(error.state, limits=RunLimits({name}=...))`."),
    "budget": ("The budget", "Go on with `agent.resume(error.state)` within a Budget of more."),
    "map": ("The map's budget", "Call the map again with a higher budget=RunLimits({name}=...)."),
}

_locks = [threading.RLock()]  # a coroutine that the garbage collector ends may give back while it is held


def guard() -> threading.RLock:
    """Give the lock of all ledgers."""
    return _locks[0]


def _renew() -> None:
    _locks[0] = threading.RLock()  # another thread of the parent may have held it when this child was forked


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What a request may take.

    Attributes:
        input_tokens: Those of its prompt, at most.
        output_tokens: Those of its replies, at most; None where nothing bounds them yet.
        least: With how many of those it can be sent.
        cost: Dollars before its reply.
        rate: Dollars for each token of the reply.
    """

    input_tokens: int
    output_tokens: int | None
    least: int
    cost: float = 0.0
    rate: float = 0.0

    def row(self, output: int) -> Row:
        """Give what is reserved with so many tokens for the replies."""
        return [1, 0, self.input_tokens, output, _pico(self.cost) + _pico(self.rate) * output, 0]


class Ledger:
    """What is spent and reserved of some limits.

    Args:
        limits: The bounds; None where it only counts.
        owner: Whose it is.

    Attributes:
        bounded: Whether it bounds anything that is counted.
        priced: Whether it bounds what requests cost.
        floor: Where less tokens are left for a reply, the request is not sent.
        holders: How many requests are on their way and may give back.
        limits: The bounds, as they were given.
        order: Which runs within it have begun, and who waits.
        owner: Whose it is.
        news: Whether what was spent below, or guessed, has changed; whoever takes it over sets it back.
    """

    __slots__ = (
        "_below",
        "_bounds",
        "_guessed",
        "_held",
        "_process",
        "_spent",
        "bounded",
        "floor",
        "holders",
        "limits",
        "news",
        "order",
        "owner",
        "priced",
    )

    def __init__(self, limits: RunLimits | None = None, *, owner: Owner = "run") -> None:
        self.owner: Owner = owner
        self.news = False
        self.bind(limits)
        self._spent, self._below, self._guessed = [0] * 6, [0] * 6, [0] * 6
        self._open()

    def bind(self, limits: RunLimits | None) -> None:
        """Take other bounds from now on."""
        self.limits = limits
        self._bounds: list[tuple[str, int]] = []
        self.bounded = self.priced = False
        self.floor = limits.output_floor if limits is not None else 1
        if limits is not None and limits.counted:
            self._bounds = [(name, int(limit * _PICO) if name == "cost" else limit) for name, limit in limits.counted]
            self.bounded, self.priced = True, "cost" in dict(self._bounds)

    def _open(self) -> None:
        self.holders, self.order, self._held, self._process = 0, Order(), [0] * 6, os.getpid()

    def check_process(self) -> None:
        """Forget who holds and who waits where this is a forked child: that is its parent's."""
        if self._process != os.getpid():
            self._open()

    def begin(self, spent: Spent, below: Spent, guessed: Spent) -> None:
        """Begin with what an earlier part of the run has spent, and what of it others have, and what was guessed."""
        self._spent, self._below, self._guessed = row_of(spent), row_of(below), row_of(guessed)

    @property
    def spent(self) -> Spent:
        """Give what was spent."""
        return spent_of(self._spent)

    @property
    def reserved(self) -> Spent:
        """Give what requests on their way may take."""
        return spent_of(self._held)

    @property
    def below(self) -> Spent:
        """Give what others have spent of it, the runs that tools started."""
        return spent_of(self._below)

    @property
    def guessed(self) -> Spent:
        """Give what was counted as it was reserved, for nobody said what it was."""
        return spent_of(self._guessed)

    @property
    def left(self) -> dict[str, float]:
        """Give what is neither spent nor reserved, by the name of its limit."""
        with guard():
            left = {name: limit - self._used(name) for name, limit in self._bounds}
        return {name: value / _PICO if name == "cost" else value for name, value in left.items()}

    def _used(self, name: str, *kept: Row, held: bool = True) -> int:
        rows = (self._spent, self._held, *kept) if held else (self._spent,)
        return sum(row[place] for row in rows for place in _PLACES[name])

    def room(self, need: Need, *kept: Row, held: bool = True) -> tuple[int, str]:
        """Give how many tokens the reply can have, below 0 where the prompt does not fit; and the limit that says so.

        Args:
            need: Of the request.
            kept: What counts besides.
            held: Whether what others reserved counts; else as if they gave all of it back.
        """
        tightest, limiting = _UNBOUNDED, ""
        for name, limit in self._bounds:
            left = limit - self._used(name, *kept, held=held)
            if name == "tool_calls":
                continue
            if name == "requests":
                left = _UNBOUNDED if left > 0 else -1
            elif name == "input_tokens":
                left = _UNBOUNDED if left >= need.input_tokens else -1
            elif name == "tokens":
                left -= need.input_tokens
            elif name == "cost":
                left, rate = left - _pico(need.cost), _pico(need.rate)
                left = left // rate if left >= 0 and rate else _UNBOUNDED if left >= 0 else -1
            if left < tightest:
                tightest, limiting = left, name
        return tightest, limiting

    def hold(self, row: Row, holders: int = 1) -> None:
        """Reserve; with -1 give back."""
        self.holders += holders
        for place, value in enumerate(row):
            self._held[place] += value * holders

    def spend(self, row: Row, *, below: bool, guessed: bool = False) -> None:
        """Count as spent.

        Args:
            row: What.
            below: Whether it is of a run below, or whatever else shares this.
            guessed: Whether nobody said what it was.
        """
        rows = [self._spent]
        if guessed or below:
            rows.append(self._guessed if guessed else self._below)
            self.news = True
        for one in rows:
            for place, value in enumerate(row):
                one[place] += value

    def refusal(self, name: str, need: Need) -> LimitExceededError:
        """Make the error of a limit under which a request cannot be sent."""
        limit = dict(self._bounds)[name]
        why = {
            "requests": "",
            "input_tokens": f", for its prompt may have {need.input_tokens} tokens",
            "output_tokens": f", for its reply needs room for {need.least} tokens",
            "tokens": f", for its prompt may have {need.input_tokens} tokens and its reply needs room for {need.least}",
            "cost": f", for its prompt may cost {told(need.cost)} and a reply of {need.least} tokens "
            f"{told(need.least * need.rate)}",
        }[name]
        return self._over(name, limit, f"the next request was not sent{why}")

    def check_calls(self, calls: int) -> None:
        """Raise `LimitExceededError` where a batch of calls would go over the limit; none of it has started."""
        for name, limit in self._bounds:
            if name == "tool_calls" and self._spent[_CALLS] + calls > limit:
                raise self._over(name, limit, f"the reply asks for {calls} more and none of them was run")

    def _over(self, name: str, limit: int, what: str) -> LimitExceededError:
        scale = _PICO if name == "cost" else 1
        spent, all_ = self._used(name, held=False), self._used(name)
        shown = [told(value / scale if scale > 1 else value) for value in (spent, all_ - spent)]
        held = f", reserved by others: {shown[1]}" if all_ > spent else ""
        whose, hint = _WHOSE[self.owner]
        bound = told(limit / scale if scale > 1 else limit)
        error = LimitExceededError(
            f"{whose} reached its limit {name}={bound} (spent: {shown[0]}{held}); {what}. {hint.format(name=name)}"
        )
        error.limit, error.ledger = name, self
        return error


_PLACES = {
    "requests": (_REQUESTS,),
    "tool_calls": (_CALLS,),
    "tokens": (_INPUT, _OUTPUT),
    "input_tokens": (_INPUT,),
    "output_tokens": (_OUTPUT,),
    "cost": (_COST,),
}


def count_calls(chain: tuple[Ledger, ...], calls: int) -> None:
    """Count a batch of calls that is about to start, in all ledgers or in none.

    Raises:
        LimitExceededError: It would go over a limit of one of them.
    """
    with guard():
        for ledger in chain:
            ledger.check_calls(calls)
        for ledger in chain:
            ledger.spend([0, calls, 0, 0, 0, 0], below=ledger is not chain[0])


def count(chain: tuple[Ledger, ...], spent: Spent) -> None:
    """Count what was spent without a reservation."""
    with guard():
        for ledger in chain:
            ledger.spend(row_of(spent), below=ledger is not chain[0])


def row_of(spent: Spent) -> list[int]:
    """Give a sum as a ledger counts it."""
    cost = round(spent.cost * _PICO)
    return [spent.requests, spent.tool_calls, spent.input_tokens, spent.output_tokens, cost, spent.unpriced]


def spent_of(row: Sequence[int]) -> Spent:
    """Give what `row_of` made a row of."""
    requests, calls, given, made, cost, unpriced = row
    return Spent(requests, calls, given, made, cost / _PICO, unpriced)


def _pico(dollars: float) -> int:
    return -int(-dollars * _PICO // 1)
