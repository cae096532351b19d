"""A request's place in the ledgers: `reserve` gives it, now or when others have given back, and its end settles it.

Who waits is served in order, across tasks, threads and event loops; who holds a reservation never waits, so that no
two wait for each other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress

from agentkit.errors import LimitExceededError
from agentkit.state.ledger import Ledger, Need, guard, row_of
from agentkit.state.spent import Spent

__all__ = ["Reservation", "reserve"]

_AMPLE = 4096  # tokens: a reply that nothing bounds need not wait for more
_LONGEST = 32_768  # ... and is given no more

Chain = tuple[Ledger, ...]


class Reservation:
    """What one request may take, held in each ledger of a chain until it is settled, cut or released.

    Attributes:
        output: Tokens that its replies may have.
        need: What was asked for.
    """

    __slots__ = ("_chain", "_rows", "need", "output")

    def __init__(self, chain: Chain, need: Need, output: int) -> None:
        self._chain, self.need, self.output = chain, need, output
        self._rows = [need.row(output)]
        for ledger in chain:
            ledger.hold(self._rows[0])

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
        rows = [([requests, calls, 0, 0, 0, unpriced], False), ([0, 0, *amounts, 0], True)]
        self._end(rows if guessed else [(row_of(spent), False)])

    def cut(self) -> None:
        """Count all that was reserved: the endpoint may have gone on to the end, and nobody says whether."""
        self._end([(row, True) for row in self._rows])

    def release(self) -> None:
        """Give back all: the request was not sent, or refused."""
        self._end([])

    async def again(self, *, lost: bool) -> None:
        """Reserve as much once more, for another attempt of the same request.

        Args:
            lost: Whether nobody will say what the attempt before it took; else the reply tells it of both.

        Raises:
            LimitExceededError: There is not as much.
        """
        need = Need(
            input_tokens=self.need.input_tokens,
            output_tokens=self.output,
            least=self.output,
            cost=self.need.cost,
            rate=self.need.rate,
        )
        if lost:
            self.cut()
        more = await reserve(self._chain, need, wait=lost)
        with guard():
            self._rows += more._rows  # noqa: SLF001 # of our own class
            more._rows = []  # noqa: SLF001 # the same

    async def aside(self, wait: Awaitable[None]) -> None:
        """Wait for a reader, and have nobody wait for this one meanwhile: who reads may be the one that would."""
        with guard():
            self._count(-len(self._rows))
        try:
            await wait
        finally:
            with guard():
                self._count(len(self._rows))

    def _count(self, holders: int) -> None:
        for ledger in self._chain:
            ledger.holders += holders
        if holders < 0:
            _serve(self._chain)

    def _end(self, spent: list[tuple[list[int], bool]]) -> None:
        with guard():
            rows, self._rows = self._rows, []
            if not rows:
                return
            for ledger in self._chain:
                for row in rows:
                    ledger.hold(row, -1)
                for row, guessed in spent:
                    ledger.spend(row, below=ledger is not self._chain[0], guessed=guessed)
            _serve(self._chain)


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

    __slots__ = ("_chain", "_future", "_loop", "_need", "_outcome", "_place", "_wait")

    def __init__(self, chain: Chain, need: Need, *, wait: bool) -> None:
        self._chain, self._need, self._wait = chain, need, wait
        self._place: Ledger | None = None
        self._outcome: Reservation | LimitExceededError | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._future: asyncio.Future[Reservation | LimitExceededError] | None = None

    def enter(self) -> Reservation | Ledger | LimitExceededError:
        """Take what there is, or a place at the end of the line of the ledger that is given."""
        with guard():
            waiting = next((ledger for ledger in self._chain if ledger.line), None) if self._wait else None
            outcome = waiting or self.decide()
            if isinstance(outcome, Ledger):
                self._loop = asyncio.get_running_loop()
                self._future = self._loop.create_future()
                self.stand(outcome)
            return outcome

    def stand(self, ledger: Ledger) -> None:
        """Take a place at the end of a line."""
        self._place = ledger
        ledger.line.append(self)

    async def served(self) -> Reservation | LimitExceededError:
        """Wait for the outcome; who leaves before gives back what it got meanwhile."""
        assert self._future is not None
        try:
            return await self._future
        except BaseException:
            with guard():
                if isinstance(self._outcome, Reservation):
                    self._outcome.release()
                elif self._place is not None:
                    with suppress(ValueError):
                        self._place.line.remove(self)
                    _serve((self._place,))
            raise

    def decide(self) -> Reservation | Ledger | LimitExceededError:
        """Give what is reserved, or the ledger to wait at, or why there is not enough."""
        need, wanted = self._need, self._need.output_tokens
        enough, grant = (max(_AMPLE, need.least), _LONGEST) if wanted is None else (wanted, wanted)
        bounded = [ledger for ledger in self._chain if ledger.bounded]
        for ledger in bounded:
            best, name = ledger.room(need, held=False)
            if best < need.least:
                return ledger.refusal(name, need)
        for ledger in bounded:
            now, name = ledger.room(need)
            if now < enough:
                if ledger.holders and self._wait:
                    return ledger
                if now < need.least:
                    return ledger.refusal(name, need)
                grant = min(grant, now)
            elif wanted is None:
                grant = min(grant, max(enough, now // (1 + ledger.holders)))
        return Reservation(self._chain, need, grant)

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


def _serve(chain: Chain) -> None:
    """Let the first of each line go while there is enough for it; another ledger may be what it waits for then."""
    for ledger in chain:
        while ledger.line:
            asking: _Asking = ledger.line[0]
            outcome = asking.decide()
            if outcome is ledger:
                break
            with suppress(ValueError):  # it left just now
                ledger.line.remove(asking)
            if isinstance(outcome, Ledger):
                asking.stand(outcome)
            else:
                asking.tell(outcome)
