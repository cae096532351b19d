"""A request's place in the ledgers: `reserve` gives it, now or when others have given back, and its end settles it.

Runs are served in the order of their first requests, across tasks, threads and event loops, and leave to those before
them what their next requests need. Who holds a reservation never waits, so that no two wait for each other.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import replace
from time import monotonic

from agentkit.errors import LimitExceededError
from agentkit.state.ledger import Ledger, Need, guard, row_of
from agentkit.state.order import Row
from agentkit.state.spent import Spent

__all__ = ["Reservation", "leave", "reserve"]

_AMPLE = 4096  # tokens: a reply that nothing bounds need not wait for more
_LONGEST = 32_768  # ... and is given no more
_PATIENCE = 30.0  # seconds that something is kept for a run which asks for nothing, but is in its tools
_ANOTHER = (1, 0, 0, 0, 0, 0)  # of a request that is on its way, for the tokens of the next are in what it gives back

Chain = tuple[Ledger, ...]
Accounts = tuple[tuple[Ledger, Ledger | None], ...]
"""Each ledger of a chain, with the run within it for which it is asked; None is that of the ledger itself."""


def _accounts(chain: Chain) -> Accounts:
    accounts: list[tuple[Ledger, Ledger | None]] = []
    run: Ledger | None = None
    for ledger in chain:
        accounts.append((ledger, run))
        run = ledger if ledger.owner == "run" else run
    return tuple(accounts)


class Reservation:
    """What one request may take, held in each ledger of a chain until it is settled, cut or released.

    Attributes:
        output: Tokens that its replies may have.
        need: What was asked for.
    """

    __slots__ = ("_accounts", "_rows", "need", "output")

    def __init__(self, accounts: Accounts, need: Need, output: int) -> None:
        self._accounts, self.need, self.output = accounts, need, output
        self._rows = [need.row(output)]
        for ledger, _ in accounts:
            ledger.hold(self._rows[0])
        self._keep(_ANOTHER, math.inf)

    @property
    def attempts(self) -> int:
        """Count the attempts that the reply tells the usage of."""
        return len(self._rows)

    def settle(self, spent: Spent, *, guessed: bool = False) -> None:
        """Count what the request took, and give back the rest; a second end of it is none.

        Args:
            spent: What it took.
            guessed: Whether nobody said how many tokens that were.
        """
        requests, calls, *amounts, unpriced = row_of(spent)
        rows: list[tuple[Row, bool]] = [([requests, calls, 0, 0, 0, unpriced], False), ([0, 0, *amounts, 0], True)]
        self._end(rows if guessed else [(row_of(spent), False)], spent.tokens)

    def cut(self) -> None:
        """Count all that was reserved: the endpoint may have gone on to the end, and nobody says whether."""
        self._end([(row, True) for row in self._rows], self.need.input_tokens)

    def release(self) -> None:
        """Give back all: the request was not sent, or refused."""
        self._end([], self.need.input_tokens)

    async def again(self, *, lost: bool) -> None:
        """Reserve as much once more, for another attempt of the same request.

        Args:
            lost: Whether nobody will say what the attempt before it took; else the reply tells it of both.

        Raises:
            LimitExceededError: There is not as much.
        """
        if not self._rows:  # it has ended, and nobody would give back what is reserved now
            return
        need = replace(self.need, output_tokens=self.output, least=self.output)
        if lost:
            self.cut()
        more = await reserve(tuple(ledger for ledger, _ in self._accounts), need, wait=lost)
        with guard():
            self._rows += more._rows  # noqa: SLF001 # of our own class
            more._rows = []  # noqa: SLF001 # the same

    async def aside(self, wait: Awaitable[None]) -> None:
        """Wait for a reader, and have nobody wait for this one meanwhile: who reads may be the one that would."""
        with guard():
            self._keep((0,) * 6, 0.0)
            self._count(-len(self._rows))
        try:
            await wait
        finally:
            with guard():
                self._count(len(self._rows))

    def _count(self, holders: int) -> None:
        for ledger, _ in self._accounts:
            ledger.holders += holders
        if holders < 0:
            _serve(self._accounts)

    def _keep(self, row: Row, until: float) -> None:
        for ledger, run in self._accounts:
            if run is not None and ledger.bounded:
                ledger.order.keep(run, row, until=until)

    def _end(self, spent: list[tuple[Row, bool]], length: int) -> None:
        with guard():
            rows, self._rows = self._rows, []
            if not rows:
                return
            for ledger, run in self._accounts:
                for row in rows:
                    ledger.hold(row, -1)
                for row, guessed in spent:
                    ledger.spend(row, below=run is not None, guessed=guessed)
            following = replace(self.need, input_tokens=length)  # no shorter than that and its reply
            self._keep(following.row(following.least), monotonic() + _PATIENCE)
            _serve(self._accounts)


def leave(chain: Chain) -> None:
    """Keep nothing any more for the run whose ledger is the first, for it is over."""
    with guard():
        for ledger in chain[1:]:
            ledger.order.leave(chain[0])
        _serve(_accounts(chain))


async def reserve(chain: Chain, need: Need, *, wait: bool = True) -> Reservation:
    """Reserve what a request may take in all ledgers at once.

    Where not all of it is left, this waits for those who may give back before it takes less.

    Args:
        chain: The run's ledger first, then those around it.
        need: What it may take.
        wait: False where the caller holds a reservation itself.

    Raises:
        LimitExceededError: What is left is less than the least that it needs.
    """
    asking = _Asking(chain, need, wait=wait)
    outcome = asking.enter()
    if isinstance(outcome, Ledger):
        outcome = await asking.served()
    if isinstance(outcome, LimitExceededError):
        raise outcome
    return outcome


class _Asking:
    """One who asks for a reservation, and stands in a line of one ledger while it has to wait."""

    __slots__ = ("_accounts", "_future", "_loop", "_need", "_outcome", "_place", "_wait", "run")

    def __init__(self, chain: Chain, need: Need, *, wait: bool) -> None:
        self._accounts, self._need, self._wait = _accounts(chain), need, wait
        self._place: Ledger | None = None
        self.run: Ledger | None = None
        self._outcome: Reservation | LimitExceededError | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._future: asyncio.Future[Reservation | LimitExceededError] | None = None

    def enter(self) -> Reservation | Ledger | LimitExceededError:
        """Take what there is, or a place at the end of the line of the ledger that is given."""
        with guard():
            for ledger, _ in self._accounts:
                ledger.check_process()
            behind = (ledger for ledger, run in self._accounts if ledger.order.goes_before(run))
            outcome = (next(behind, None) if self._wait else None) or self.decide()
            if isinstance(outcome, Ledger):
                self._loop = asyncio.get_running_loop()
                self._future = self._loop.create_future()
                self.stand(outcome)
            return outcome

    def stand(self, ledger: Ledger) -> None:
        """Take a place in a line."""
        self._place, self.run = ledger, dict(self._accounts)[ledger]
        ledger.order.stand(self)

    async def served(self) -> Reservation | LimitExceededError:
        """Wait for the outcome; who leaves before gives back what it got meanwhile."""
        assert self._future is not None
        try:
            while not (await asyncio.wait((self._future,), timeout=_PATIENCE))[0]:
                with guard():
                    _serve(self._accounts)
            return self._future.result()
        except BaseException:
            with guard():
                if isinstance(self._outcome, Reservation):
                    self._outcome.release()
                elif self._place is not None:
                    with suppress(ValueError):
                        self._place.order.line.remove(self)
                    _serve(self._accounts)
            raise

    def decide(self) -> Reservation | Ledger | LimitExceededError:
        """Give what is reserved, or the ledger to wait at, or why there is not enough."""
        need, wanted = self._need, self._need.output_tokens
        enough, grant = (max(_AMPLE, need.least), _LONGEST) if wanted is None else (wanted, wanted)
        bounded = [account for account in self._accounts if account[0].bounded]
        for ledger, _ in bounded:
            best, name = ledger.room(need, held=False)
            if best < need.least:
                return ledger.refusal(name, need)
        for ledger, run in bounded:
            now, name = ledger.room(need)
            if self._wait and _is_short(ledger, run, need, enough):
                return ledger
            if now < need.least:
                return ledger.refusal(name, need)
            if now < enough:
                grant = min(grant, now)
            elif wanted is None:
                grant = min(grant, max(enough, now // (1 + ledger.holders)))
        return Reservation(self._accounts, need, grant)

    @property
    def is_there(self) -> bool:
        """Tell whether its loop is not closed."""
        return self._loop is not None and not self._loop.is_closed()

    def tell(self, outcome: Reservation | LimitExceededError) -> None:
        """Wake who waits; where its loop is closed nobody does, and what it got is given back."""
        assert self._loop is not None
        self._place, self._outcome = None, outcome
        try:
            self._loop.call_soon_threadsafe(self._wake)
        except RuntimeError:
            if isinstance(outcome, Reservation):
                outcome.release()

    def _wake(self) -> None:
        if self._future is not None and not self._future.done() and self._outcome is not None:
            self._future.set_result(self._outcome)


def _is_short(ledger: Ledger, run: Ledger | None, need: Need, enough: int) -> bool:
    """Tell whether there is too little for now: others may give back, or began before and need it."""
    if ledger.room(need, ledger.order.kept)[0] >= enough:
        return False
    kept = ledger.order.before(run, monotonic())
    return ledger.room(need, *kept)[0] < enough and (ledger.holders > 0 or bool(kept))


def _serve(accounts: Accounts) -> None:
    """Let the first of each line go while there is enough for it; another ledger may be what it waits for then."""
    for ledger, _ in accounts:
        line: list[_Asking] = ledger.order.line
        while line:
            asking = line[0]
            outcome = asking.decide() if asking.is_there else None
            if outcome is ledger:
                break
            with suppress(ValueError):  # it left just now
                line.remove(asking)
            if isinstance(outcome, Ledger):
                asking.stand(outcome)
            elif outcome is not None:
                asking.tell(outcome)
