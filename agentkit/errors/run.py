"""Errors of runs that cannot go on; each carries the state to go on from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agentkit.errors.root import AgentkitError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "BlockedError",
    "JournalError",
    "LengthError",
    "LimitExceededError",
    "OutputError",
    "PendingCallsError",
    "RefusalError",
    "RunCancelledError",
    "RunError",
    "RunInUseError",
    "SessionBusyError",
    "StateError",
    "ToolFailedError",
    "ToolRetriesExceededError",
    "UnknownOutcomeError",
]


class RunError(AgentkitError):
    """The run cannot go on as it is; `state` can be resumed."""


class BlockedError(RunError):
    """A guard did not let a text pass; `place` is "input" or "output", `reason` what the check said."""

    place: str = ""
    reason: str = ""


class LimitExceededError(RunError):
    """A limit of `RunLimits` or of a `Budget` was reached before the next step.

    Attributes:
        limit: Its name there.
        ledger: Whose it was, where it is shared: `agentkit` tells by it which run it ends.
    """

    limit: str = ""
    ledger: object = None


class ToolFailedError(RunError):
    """A tool raised in the call `call_id`, and `on_tool_error` is "raise"; `__cause__` is what it raised."""

    tool_name: str = ""
    call_id: str = ""


class ToolRetriesExceededError(RunError):
    """A tool's calls were refused more often than its `retries` allow; `arguments` are the last, as they came."""

    tool_name: str = ""
    arguments: str = ""


class OutputError(RunError):
    """No valid output came within the retries.

    Attributes:
        attempts: The failed attempts, oldest first, each with its raw text and the reason.
        text: The last raw text.
    """

    attempts: Sequence[Any] = ()
    text: str = ""


class LengthError(OutputError):
    """The reply was cut at the token limit before its output was whole."""


class RefusalError(OutputError):
    """The model declined; `text` is its refusal, `reply` the whole `ChatCompletion`."""

    reply: Any = None


class PendingCallsError(RunError):
    """`result.output` was read while calls wait for a decision."""


class SessionBusyError(RunError):
    """Another run goes on in the session, or took it over; `messages` are those that could not be kept."""

    messages: Sequence[Any] = ()


class RunCancelledError(RunError):
    """The run was cancelled by its own `cancel()`; every call in the history of `state` is answered."""


class JournalError(RunError):
    """The journal's file cannot be written or read; what was done and not written is kept in memory meanwhile."""


class RunInUseError(RunError):
    """Another process, or another task of this one, goes on with the run of a journal; nothing was done here."""


class StateError(RunError, ValueError):
    """A state cannot be read, or does not fit the agent it was given to."""


class UnknownOutcomeError(RunError):
    """A call was begun, nothing is on record of how it ended, and `on_unknown` is "fail"; `state.held` has it."""
