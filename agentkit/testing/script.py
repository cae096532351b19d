"""Which reply and which fault the next request gets; the fake endpoint asks it, in the order of the requests."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from agentkit.errors import ScriptError
from agentkit.testing.answer import Json, error_body
from agentkit.testing.echo import echo
from agentkit.testing.fault import Fault
from agentkit.testing.reply import Reply

__all__ = ["Script"]

_Item = TypeVar("_Item")


class Script:
    """Replies and faults, in order.

    Args:
        replies: One for each request, or a function that answers every one; None for the automatic reply.
        faults: One for each request, by name or value; None lets a request through.
    """

    def __init__(
        self, replies: Sequence[Reply] | Callable[[Json], Reply] | None, faults: Sequence[Fault | str | None]
    ) -> None:
        scripted = None if replies is None or callable(replies) else replies
        self._rule: Reply = replies if callable(replies) else echo
        self._replies = None if scripted is None else deque(one for reply in scripted for one in _repeated(reply))
        self._faults = deque(one for fault in faults for one in _repeated(_fault(fault)))
        self._asked = 0
        self._refused = 0
        self._failure: Exception | None = None

    def take(self, request: Json) -> tuple[Fault | None, str | bytes | Mapping[str, Any]]:
        """Give the next request its fault, if any, and its reply.

        A fault takes no reply away unless it lets it through. Where the script is used up, or a function of it
        raised, the fault is a 500 that says so.
        """
        self._asked += 1
        fault, reply = self._next()
        if reply is None:
            self._refused += 1
            text = f"FakeEndpoint: the script is used up; request {self._asked} came after its last reply."
            return _told(text, "script_used_up"), ""
        try:
            while callable(reply):
                reply = reply(request)
        except Exception as error:  # noqa: BLE001  # a function of a test may raise anything, its assertions too
            self._failure = error
            return _told(f"FakeEndpoint: the reply function failed with {error!r}.", "script_failed"), ""
        return (reply, "") if isinstance(reply, Fault) else (fault, reply)

    def _next(self) -> tuple[Fault | None, Reply | None]:
        fault = self._faults.popleft() if self._faults else None
        if self._replies is None:
            return fault, self._rule
        if fault is None and self._replies and isinstance(self._replies[0], Fault):
            fault = self._replies[0]
            self._replies.popleft()
        following = next((reply for reply in self._replies if not isinstance(reply, Fault)), None)
        if fault and not fault.whole:
            return fault, echo if following is None else following
        if following is not None:
            self._replies.remove(following)
        return fault, following

    def assert_complete(self) -> None:
        """Raise unless every reply and fault was asked for, and no more than these.

        Raises:
            ScriptError: Some are left, or there were more requests, or a function of the script raised.
        """
        if self._failure:
            raise ScriptError(f"FakeEndpoint: the reply function failed with {self._failure!r}.") from self._failure
        if self._refused:
            raise ScriptError(
                f"FakeEndpoint: {self._refused} of {self._asked} requests came after the last reply of the script. "
                "Add replies, or find out why more was asked."
            )
        left = len(self._replies or ()) + sum(fault is not None for fault in self._faults)
        if left:
            raise ScriptError(
                f"FakeEndpoint: {left} of its replies and faults were not asked for, after {self._asked} requests. "
                "Remove them, or find out why less was asked."
            )


def _told(text: str, code: str) -> Fault:
    """Make the 500 that says what is wrong with the script; the official SDK is told not to try again."""
    return Fault.status(500, body=error_body(text, kind="server_error", code=code), headers={"x-should-retry": "false"})


def _fault(fault: Fault | str | None) -> Fault | None:
    return Fault.named(fault) if isinstance(fault, str) else fault


def _repeated(item: _Item) -> Iterator[_Item]:
    for _ in range(item.times if isinstance(item, Fault) else 1):
        yield item
