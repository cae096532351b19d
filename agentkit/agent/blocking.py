"""The one sync face: a thread with an event loop of its own, on which every `run_sync` and `stream_sync` runs.

It starts with the first use, ends with the interpreter, and is made anew in a forked child.
"""

from __future__ import annotations

import asyncio
import atexit
import contextvars
import os
import threading
from collections import deque
from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from typing import Any, Generic, Self, TypeVar

from agentkit.agent.event import Event, TextDelta
from agentkit.agent.prompt import Prompt
from agentkit.agent.result import Output, Result
from agentkit.agent.stream import AgentStream
from agentkit.errors import ConfigurationError
from agentkit.output import ElementReader, PartialReader
from agentkit.state.run import RunState
from agentkit.wire.message import Message
from agentkit.wire.response import Usage

__all__ = ["SyncStream", "block", "is_over"]

_T = TypeVar("_T")
_PATIENCE = 5.0  # seconds that a cancelled run gets to end
_LOOK = 0.2  # seconds that the main thread waits without a look for signals

_lock = threading.Lock()
_forgotten: list[_Portal] = []  # of a forked child: closing them would unregister the parent's sockets
_portal: _Portal | None = None


class _Portal:
    """A daemon thread that runs an event loop."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="agentkit-portal", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        while not self._closing:
            with suppress(KeyboardInterrupt, SystemExit):  # raised by a coroutine: whoever waits for it is told
                self.loop.run_forever()
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        if tasks:
            self.loop.run_until_complete(asyncio.wait(tasks, timeout=_PATIENCE))
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()

    def close(self) -> None:
        """Cancel what runs, close the connections, end the thread; again is no error."""
        self._closing = True
        if self._thread.is_alive():
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join(2 * _PATIENCE)

    def call(self, make: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        """Run a coroutine on the loop, with the caller's context variables, and wait.

        Ctrl-C cancels it; the `KeyboardInterrupt` then has the `state` that the cancellation carried.
        """
        context, future = contextvars.copy_context(), Future[_T]()
        tasks: list[asyncio.Task[_T]] = []

        def start() -> None:
            task = self.loop.create_task(_made(make), context=context)
            tasks.append(task)
            task.add_done_callback(lambda done: _copy(done, future))

        def cancel() -> None:
            for task in tasks:
                task.cancel()
            if not tasks:  # Ctrl-C came before the start was on the loop: there is nothing to wait for
                future.cancel()

        try:
            self.loop.call_soon_threadsafe(start)  # in here: the run may be under way before this returns
            return _waited(future)
        except (KeyboardInterrupt, SystemExit) as stop:
            self.loop.call_soon_threadsafe(cancel)
            stop.state = _state_at_end(future)  # type: ignore[union-attr] # any error can carry it
            raise


async def _made(make: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
    return await make()  # in the task, so that what fails before there is a coroutine has somebody who waits for it


def _waited(future: Future[_T]) -> _T:
    """Wait for a run; where Ctrl-C comes just before a wait begins, or to another thread, it does not wake the wait."""
    if threading.current_thread() is threading.main_thread():  # which alone handles signals
        while not future.done():
            with suppress(TimeoutError):  # the look's: the run's own is given here, not raised
                future.exception(_LOOK)
    return future.result()


def _copy(done: asyncio.Task[Any], future: Future[Any]) -> None:
    try:
        future.set_result(done.result())
    except asyncio.CancelledError as cancelled:
        error = CancelledError()
        error.state = getattr(cancelled, "state", None)  # type: ignore[attr-defined] # any error can carry it
        future.set_exception(error)
    except BaseException as error:  # noqa: BLE001 # every outcome belongs to whoever waits
        future.set_exception(error)


def _state_at_end(future: Future[Any]) -> RunState | None:
    try:
        return getattr(future.exception(_PATIENCE), "state", None)
    except (TimeoutError, CancelledError):
        return None


def block(make: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
    """Run a coroutine from sync code and wait for it; works in threads and beside a running loop.

    Raises:
        ConfigurationError: Called on the portal's own loop, where waiting would never end.
    """
    portal = _get()
    try:
        running = asyncio.get_running_loop()
    except RuntimeError:
        running = None
    if running is portal.loop:
        raise ConfigurationError(
            "A blocking call (`run_sync`, `stream_sync`) was made inside an async run that blocks on it. "
            "Write `await agent.run(...)` there, or make the tool a plain `def` that runs in its own thread."
        )
    return portal.call(make)


def is_over() -> bool:
    """Tell whether the program ends: the thread has gone, and nothing can be run any more."""
    return _portal is not None and _portal.loop.is_closed()


def _get() -> _Portal:
    global _portal  # noqa: PLW0603 # one portal for a process is the point
    with _lock:
        if _portal is None:
            _portal = _Portal()
        return _portal


def _forget() -> None:
    global _portal, _lock  # noqa: PLW0603 # a forked child has neither the thread nor a lock that it held
    _lock = threading.Lock()
    if _portal is not None:
        atexit.unregister(_portal.close)
        _forgotten.append(_portal)
        _portal = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


class SyncStream(Generic[Output]):
    """An `AgentStream` for sync code; enter it with `with`, iterate, and read `result`."""

    def __init__(self, stream: AgentStream[Output]) -> None:
        self._stream = stream
        self._events: deque[Event] = deque()

    def __enter__(self) -> Self:
        block(self._stream.__aenter__)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave: cancel the run, if it still goes, and close its connection; again is no error."""
        block(self._stream.aclose)

    def inject(self, message: Prompt | Message | Mapping[str, Any]) -> None:
        """Put what the user says into the run, from any thread, as `AgentStream.inject` does."""
        self._stream.inject(message)

    def cancel(self) -> None:
        """Cancel the run, from any thread, as `AgentStream.cancel` does."""
        self._stream.cancel()

    def __iter__(self) -> Iterator[Event]:
        while self._events or self._fetch():
            event = self._events.popleft()
            self._stream.given_out((event,))
            yield event

    def _fetch(self) -> bool:
        self._events.extend(block(self._stream.batch))
        return bool(self._events)

    def text(self) -> Iterator[str]:
        """Give the pieces of the replies' text as they come."""
        return (event.text for event in self if isinstance(event, TextDelta))

    def partials(self) -> Iterator[Any]:
        """Give the output as it grows, as `AgentStream.partials` does."""
        return self._grown(PartialReader)

    def items(self: SyncStream[Collection[_T] | None]) -> Iterator[_T]:
        """Give each element of a list once, when it is finished, as `AgentStream.items` does.

        Raises:
            ConfigurationError: The output is no list.
        """
        return self._grown(ElementReader)

    def _grown(self, reader: Callable[[Any], PartialReader | ElementReader]) -> Iterator[Any]:
        growth = self._stream.growth(reader)
        while True:
            while growth.values:  # of an earlier loop that was left, too
                yield growth.values.popleft()
            if not (self._events or self._fetch()):
                return
            events, self._events = self._events, deque()
            self._stream.given_out(events, growth)

    @property
    def result(self) -> Result[Output]:
        """Give the result; read it after the events have ended."""
        return self._stream.result

    @property
    def state(self) -> RunState:
        """Give the run as far as it came."""
        return self._stream.state

    @property
    def usage(self) -> Usage:
        """Give the tokens of the requests that have finished."""
        return self._stream.usage

    @property
    def cut_usage(self) -> Usage | None:
        """Give our estimate, marked `estimated`, of requests that were cut; None where none was."""
        return self._stream.cut_usage
