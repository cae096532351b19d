"""What reaches a run from outside while it goes, from any task or thread: messages to put in, and the word to stop.

The driver and the check of the output ask it; it knows neither the state nor the loop.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress

from agentkit.errors import RunCancelledError, RunError
from agentkit.wire.message import UserMessage

__all__ = ["ENDED", "PAUSED", "Steering"]

ENDED = (
    "The run has ended, so that no message reaches it any more. Ask anew with it: "
    "`agent.run(message, history=stream.state.messages)`."
)
PAUSED = (
    "The run waits for decisions, so that no message reaches it now. Resume it as a stream and put the message into "
    "that: `agent.resume_stream(stream.state, decisions=...)`."
)


class Steering:
    """The messages that wait to be put into one run, and the task to cancel.

    Attributes:
        before: How often the task had been asked to end when the run began in it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[UserMessage] = []
        self._over = ""
        self._stop = self._cancelled = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[object] | None = None
        self._thread = self.before = 0

    def put(self, message: UserMessage) -> None:
        """Have a message wait for the next request.

        Raises:
            RunError: There will be none.
        """
        with self._lock:
            if self._over:
                raise RunError(self._over)
            self._waiting.append(message)

    def open(self) -> None:
        """Take messages again, where a middleware lets the run happen once more."""
        if self._over:
            with self._lock:
                self._over = ""

    @property
    def waiting(self) -> tuple[UserMessage, ...]:
        """Show what waits, and let it."""
        with self._lock:
            return (*self._waiting,)

    def take(self) -> tuple[UserMessage, ...]:
        """Give what waits, in the order in which it came."""
        if not self._waiting:
            return ()
        with self._lock:
            taken, self._waiting = (*self._waiting,), []
        return taken

    def take_or_close(self) -> tuple[UserMessage, ...]:
        """Give what waits; where that is nothing, the run ends, and nothing more is taken from this moment on."""
        with self._lock:
            taken, self._waiting = (*self._waiting,), []
            if not taken:
                self._over = ENDED
        return taken

    def close(self, why: str = ENDED) -> tuple[UserMessage, ...]:
        """Take nothing more, and give what waited."""
        if self._over and not self._waiting:
            return ()
        with self._lock:
            taken, self._waiting = (*self._waiting,), []
            self._over = self._over or why
        return taken

    def cancel(self) -> None:
        """Cancel the run, before it begins or while it goes; again, and after its end, nothing happens."""
        self._stop = True
        loop = self._loop
        if loop is None:
            return  # `begin` looks for itself
        if threading.get_ident() == self._thread:
            self._cancel()
        else:
            with suppress(RuntimeError):  # the loop is closed, and the run with it
                loop.call_soon_threadsafe(self._cancel)

    def begin(self) -> None:
        """Let the task that calls this be the one to cancel.

        Raises:
            asyncio.CancelledError: The run was cancelled before.
        """
        self._loop = loop = asyncio.get_running_loop()
        self._task = task = asyncio.current_task(loop)
        assert task is not None
        self.before, self._thread = task.cancelling(), threading.get_ident()
        if self._stop:
            self._cancel()
            raise asyncio.CancelledError

    def end(self) -> None:
        """Let no cancellation reach the task any more.

        Raises:
            asyncio.CancelledError: One did, and was not raised yet.
        """
        if self._cancelled:
            raise asyncio.CancelledError
        self._task = None

    async def own(self) -> RunCancelledError | None:
        """Give the error in which the run ends that was cancelled by `cancel`; None where it was not, or not only.

        The task goes on as if it had not been cancelled.
        """
        task, self._task = self._task, None
        if not self._cancelled or task is None:
            return None
        with suppress(asyncio.CancelledError):  # it may not have been raised yet, and would be at a later `await`
            await asyncio.sleep(0)
        if task.uncancel() > self.before:
            return None
        return RunCancelledError(
            "The run was cancelled. Its history so far is in `error.state`; `agent.resume(error.state)` goes on."
        )

    def _cancel(self) -> None:
        task = self._task
        if task is not None and not self._cancelled:
            self._cancelled = True
            task.cancel()
