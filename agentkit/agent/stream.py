"""A run that is watched while it goes: events as they come, the text, the output as it grows, the result at the end.

The run is a task of its own; events wait in a bounded line, so that a slow reader slows the reading of the endpoint.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Iterable, Mapping
from contextlib import suppress
from typing import Any, Generic, Self, TypeVar

from agentkit.agent.event import Event, OutputAsked, Progress, SubRunEvent, TextDelta
from agentkit.agent.growth import Growth, begins, ends
from agentkit.agent.prompt import Prompt
from agentkit.agent.result import Output, Result
from agentkit.agent.run import Run
from agentkit.errors import RunError
from agentkit.output import ElementReader, PartialReader
from agentkit.state.run import RunState
from agentkit.wire.message import Message
from agentkit.wire.response import Usage

__all__ = ["AgentStream"]

_Element = TypeVar("_Element")

_MOST_WAITING = 1000


_UNENTERED = (
    "The stream was not entered. Write `async with agent.stream(...) as stream:`, "
    "or `with agent.stream_sync(...) as stream:`."
)


class AgentStream(Generic[Output]):
    """The events of one run; enter it with `async with`, iterate, and read `result`.

    Events, `text()`, `partials()` and `items()` are ways of reading one line of events: each event is given to the loop
    that asks for it, so read in one loop at a time. `result` is there after any of them has ended.

    Leaving early cancels the run and closes its connection at once; `state` then holds a valid history, `usage` what
    the finished requests cost, `cut_usage` an estimate of the one that was cut. An error of the run is raised where
    the events end.
    """

    def __init__(self, run: Run, finish: Callable[[Run], Coroutine[Any, Any, Result[Output]]]) -> None:
        self._run = run
        self._finish = finish
        self._events: deque[Event] = deque()
        self._task: asyncio.Task[Result[Output]] | None = None
        self._more: asyncio.Future[None] | None = None
        self._less: asyncio.Future[None] | None = None
        self._thread = 0
        self._growths: dict[Any, Growth] = {}
        self._asked = run.asked  # by the events that were given out
        self._begun = False  # of the reply that is on, some was given out

    async def __aenter__(self) -> Self:
        if self._task is not None:
            raise RunError("The stream was entered before. Make another one, `agent.stream(...)`.")
        self._run.watcher, self._run.room = self._emit, self._room
        self._thread = threading.get_ident()
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._finish(self._run), name=f"agentkit run {self._run.state.run_id}")
        self._task.add_done_callback(self._ended)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Leave: cancel the run, if it still goes, and close its connection; again is no error."""
        task = self._started()
        if not task.done():
            task.cancel()
            await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # read, so that an error nobody waited for is not logged as forgotten

    def inject(self, message: Prompt | Message | Mapping[str, Any]) -> None:
        """Put what the user says into the run, from any thread: it is sent with the next request.

        That is after the results of the calls that run. Where the run would end with the reply that is on its way, it
        goes on instead. What was not sent when the run stopped is in `state.injected`, and a resumed run sends it.

        Args:
            message: Text, content parts, or a user message, ours or in OpenAI's dict format.

        Raises:
            InvalidRequestError: It is none of these.
            RunError: The run has ended, or waits for decisions.
        """
        self._run.inject(message)

    def cancel(self) -> None:
        """Cancel the run, from any task or thread, also one of its own tools; this does not wait until it has ended.

        Readers get the events until then, and after them `RunCancelledError`, whose `state` has a valid history.
        Called again, or after the end, it does nothing.
        """
        self._run.cancel()

    async def __aiter__(self) -> AsyncIterator[Event]:
        while await self._wait():
            while self._events:  # one by one, so that leaving the loop early loses none
                event = self._events.popleft()
                self.given_out((event,))
                yield event

    async def batch(self) -> list[Event]:
        """Wait for events and give all that came; empty when they have ended.

        Raises:
            AgentkitError: What the run ended with, after its last event.
        """
        await self._wait()
        return [self._events.popleft() for _ in range(len(self._events))]  # a tool's thread may append meanwhile

    async def _wait(self) -> bool:
        task = self._started()
        if self._waiting:
            raise RunError("Two loops read one stream at once. Read in one, and pass on what the other needs.")
        while not self._events:
            if self._less is not None and not self._less.done():
                self._less.set_result(None)
            if task.cancelled():
                raise self._left()
            if task.done():
                task.result()
                return False
            self._more = self._loop.create_future()
            await self._more
        return True

    async def text(self) -> AsyncIterator[str]:
        """Give the pieces of the replies' text as they come."""
        while await self._wait():
            while self._events:
                event = self._events.popleft()
                self.given_out((event,))
                if isinstance(event, TextDelta):
                    yield event.text

    async def partials(self) -> AsyncIterator[Any]:
        """Give the output as it grows: each value whole, new, and of the output type's all-optional twin.

        Of `output=str` the text of the reply so far. One for each network read, of more than 64 KB for each 2 % more;
        none that equals the last. After an attempt that was no valid output, or a reply that only called tools, they
        begin anew. `result.output` is what was validated in full; see `agentkit.output.PartialReader`.
        """
        async for value in self._grown(PartialReader):
            yield value

    async def items(self: AgentStream[Collection[_Element] | None]) -> AsyncIterator[_Element]:
        """Give each element of a list once, when it is finished, validated in full as the list's element type.

        Elements that a later attempt repeats at their place are not given again; those it changes are.

        Raises:
            ConfigurationError: The output is no list.
        """
        async for value in self._grown(ElementReader):
            yield value

    async def _grown(self, reader: Callable[[Any], PartialReader | ElementReader]) -> AsyncIterator[Any]:
        growth = self.growth(reader)
        while True:
            while growth.values:  # of an earlier loop that was left, too
                yield growth.values.popleft()
            events = await self.batch()
            if not events:
                return
            self.given_out(events, growth)

    def growth(self, reader: Callable[[Any], PartialReader | ElementReader]) -> Growth:
        """Give what reads this run's events as values: one for each kind, so that a later loop goes on with it."""
        if reader not in self._growths:
            made, asked = reader(self._run.recipe.plan.spec), self._asked
            self._growths[reader] = Growth(made, asked.tool, tools_first=asked.tools_first, missed=self._begun)
        return self._growths[reader]

    def given_out(self, events: Iterable[Event], taker: Growth | None = None) -> None:
        """Have the taker, if there is one, read events, and those of other loops know that they missed them."""
        if taker is not None:
            taker.values.extend(taker.take(events))
        for event in events:
            if isinstance(event, OutputAsked):
                self._asked = event
            self._begun = begins(event) or (self._begun and not ends(event))
            for growth in self._growths.values():
                if growth is not taker:
                    growth.miss(event)

    @property
    def result(self) -> Result[Output]:
        """Give the result; read it after the events have ended.

        Raises:
            RunError: The run has not ended yet, or was left early.
        """
        task = self._started()
        if not task.done():
            raise RunError("The run has no result yet. Read `stream.result` after its events have ended.")
        if task.cancelled():
            raise self._left()
        return task.result()

    @property
    def state(self) -> RunState:
        """Give the run as far as it came."""
        return self._run.state

    @property
    def usage(self) -> Usage:
        """Give the tokens of the requests that have finished."""
        return self._run.state.usage

    @property
    def cut_usage(self) -> Usage | None:
        """Give our estimate, marked `estimated`, of requests that were cut; None where none was."""
        return self._run.state.cut_usage

    @property
    def _waiting(self) -> bool:
        return self._more is not None and not self._more.done()

    def _left(self) -> RunError:
        error = RunError(
            "The stream was left, or its run cancelled, before its end. Its history so far is `stream.state`; "
            "`agent.resume(stream.state)` goes on."
        )
        error.state = self._run.state
        return error

    def _started(self) -> asyncio.Task[Result[Output]]:
        if self._task is None:
            raise RunError(_UNENTERED)
        return self._task

    def _emit(self, event: Any) -> None:
        told = event.event if isinstance(event, SubRunEvent) else event
        if len(self._events) >= _MOST_WAITING and isinstance(told, Progress):
            return  # a tool cannot be made to wait for a slow reader, and its progress is no loss
        self._events.append(event)
        if threading.get_ident() == self._thread:
            self._wake()
        else:
            with suppress(RuntimeError):  # the loop is closed: the run was left and its tool's thread goes on
                self._loop.call_soon_threadsafe(self._wake)

    def _ended(self, _: object) -> None:
        self._run.settle()  # of a task that was cancelled before its first step
        self._run.room = None  # which holds the stream, and the stream the run: both are freed without the collector
        self._wake()

    def _wake(self) -> None:
        more = self._more
        if more is not None and not more.done():
            more.set_result(None)

    def _room(self) -> Awaitable[None] | None:
        return self._wait_for_room() if len(self._events) > _MOST_WAITING else None

    async def _wait_for_room(self) -> None:
        while len(self._events) > _MOST_WAITING:
            self._less = self._loop.create_future()
            await self._less
