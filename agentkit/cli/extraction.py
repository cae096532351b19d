"""The work of `agentkit extract` on many inputs: a map over a source into a target, and what is told at its end."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

from agentkit.agent.agent import Agent
from agentkit.agent.prompt import Prompt
from agentkit.cli.screen import Screen
from agentkit.cli.source import Source
from agentkit.cli.target import Target
from agentkit.errors import ConfigurationError, InvalidRequestError, LimitExceededError, StoreMismatchError
from agentkit.many.outcome import Outcome
from agentkit.many.summary import Summary
from agentkit.state.limit import RunLimits

__all__ = ["Extraction"]


class Extraction:
    """Inputs to outputs, in order.

    Args:
        agent: Who is asked.
        source: The inputs.
        target: Where the outputs go.
        dump: Turns an output into plain JSON values.
        err: Where people are told.
    """

    def __init__(
        self, agent: Agent[Any, Any], source: Source, target: Target, dump: Callable[[Any], Any], err: Screen
    ) -> None:
        self._agent, self._source, self._target, self._dump, self._err = agent, source, target, dump, err
        self._begun = deque[tuple[Any, str]]()  # id and place of each input that the map took and has not given back
        self._unread = 0  # inputs that the map never sees, for they cannot be read
        self._summary = Summary()

    def perform(self, *, concurrency: int, limit: int | None, tokens: int | None) -> int:
        """Work to the end, say what was done, and give the exit code: 0 all done, 1 some failed.

        Args:
            concurrency: How many inputs at once.
            limit: Only the first ones; None takes all.
            tokens: So many are spent at most; then no more inputs are begun.

        Raises:
            ConfigurationError: There are no inputs, or it cannot work at all.
            LimitExceededError: The tokens are spent.
        """
        try:
            asyncio.run(self._map(concurrency, limit, tokens))
        except LimitExceededError as error:
            self._tell(whole=False)
            spent = self._summary.usage.total_tokens
            goes_on = self._target.store is not None and spent > 0
            again = "Run the same command again to spend as much on the others." if goes_on else "Give a higher one."
            raise LimitExceededError(
                f"--max-tokens-total {tokens} leaves too little for another request ({spent:,} tokens are spent), "
                f"and no more inputs were begun. {again}"
            ) from error
        except StoreMismatchError as error:
            self._tell(whole=False)
            raise StoreMismatchError(f"{error} On the command line --fresh does so.") from error
        except BaseException:
            self._tell(whole=False)
            raise
        if not self._tell(whole=True):
            raise ConfigurationError(f"There are no inputs in {self._source.name!r}.")
        return 1 if self._summary.failed else 0

    async def _map(self, concurrency: int, limit: int | None, tokens: int | None) -> None:
        many = self._agent.map(
            self._prompts(limit),
            concurrency=concurrency,
            budget=RunLimits(tokens=tokens),
            store=self._target.store,
            progress=None if self._target.store else False,  # the outputs may be on the same terminal
        )
        try:
            async with many:
                async for outcome in many:
                    self._settle(outcome)
        finally:
            self._summary = self._with_unread(many.summary)

    async def _prompts(self, most: int | None) -> AsyncIterator[Prompt]:
        read = 0
        async for item in self._source:
            read += 1
            if item.fault is None:
                self._begun.append((item.id, item.place))
                yield item.prompt
            else:
                self._unread += 1
                self._target.failed(item.id, item.place, InvalidRequestError.__name__, item.fault)
            if read == most:
                return

    def _settle(self, outcome: Outcome[Any]) -> None:
        own, place = self._begun.popleft()
        if outcome.error is None:
            self._target.done(own, self._dump(outcome.output))
        else:
            self._target.failed(own, place, type(outcome.error).__name__, str(outcome.error))

    def _with_unread(self, summary: Summary) -> Summary:
        if not self._unread:
            return summary
        name = InvalidRequestError.__name__
        failed = {**summary.failed, name: summary.failed.get(name, 0) + self._unread}
        return replace(summary, failed=dict(sorted(failed.items(), key=lambda pair: -pair[1])))

    def _tell(self, *, whole: bool) -> bool:
        """Put the files in their places and say what was done; False where no input was."""
        summary, store = self._summary, self._target.store
        if not summary.done and not (whole and summary.failed):
            self._target.drop()
            return False
        where = self._target.end(whole=whole)
        again = "to try the failed ones" if whole else "to go on"
        if whole and not summary.failed:
            then = f" {store} keeps what is finished." if store else ""
        elif store:
            then = f" {store} keeps what is finished: run the same command again {again}."
        else:
            then = " Nothing is kept for another time; --out FILE would."
        self._err.line(f"{summary}.")
        self._err.line(f"{where}.{then}")
        return True
