"""`Budget`: limits that several runs share, whichever task, thread or agent they are of."""

from __future__ import annotations

from typing import Self

from agentkit.model import ledgers
from agentkit.state.ledger import Ledger
from agentkit.state.limit import RunLimits, check_bound
from agentkit.state.spent import Spent

__all__ = ["Budget"]


class Budget:
    """What all runs that begin inside it may take together; None is no bound, and is counted all the same.

    ```python
    with Budget(cost=5.0) as budget:
        await asyncio.gather(*(agent.run(text) for text in texts))
    print(budget.spent.cost, budget.left)
    ```

    Those of tools, threads and `run_sync` are among them, and so are those of another budget inside it. It can be
    entered again, and from several threads; what was spent stays spent.

    Args:
        requests: Requests that were answered, or may have been billed.
        tool_calls: Calls of tools.
        tokens: Tokens of prompts and replies together.
        input_tokens: Tokens of prompts.
        output_tokens: Tokens of replies, reasoning too.
        cost: Dollars; the prices of the models must be known.
        output_floor: Tokens of a reply: where less is left for it, a request is not sent.

    Raises:
        ConfigurationError: One of them is no bound.
    """

    def __init__(
        self,
        *,
        requests: int | None = None,
        tool_calls: int | None = None,
        tokens: int | None = None,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
        cost: float | None = None,
        output_floor: int = 256,
    ) -> None:
        given = {name: value for name, value in locals().items() if name != "self"}
        for name, value in given.items():
            check_bound("Budget", name, value)
        self._given = given
        self._ledger = Ledger(RunLimits(turns=None, **given), owner="budget")

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value}" for name, value in self._given.items() if value is not None)
        return f"Budget({shown})"

    @property
    def spent(self) -> Spent:
        """Give what its runs have taken so far."""
        return self._ledger.spent

    @property
    def left(self) -> dict[str, float]:
        """Give what is neither spent nor reserved for requests on their way, by the name of each bound."""
        return self._ledger.left

    def __enter__(self) -> Self:
        ledgers.set((self._ledger, *ledgers.get()))
        return self

    def __exit__(self, *_: object) -> None:
        outer = list(ledgers.get())
        if self._ledger in outer:  # some frameworks leave a block in another context than they entered it in
            outer.remove(self._ledger)
            ledgers.set(tuple(outer))
