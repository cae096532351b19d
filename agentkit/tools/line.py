"""Lines that tools log are born here, by the standard library's logging; whoever shows runs may listen to them.

The context hands out a `CallLog`; this module knows neither a call nor what shows its lines.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, MutableMapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from agentkit.secret import scrub

__all__ = ["CallLog", "Line", "lines"]

_LOGGER = logging.getLogger("agentkit.tool")


@dataclass(frozen=True, slots=True)
class Line:
    """One line that was logged, known keys hidden.

    Attributes:
        level: The standard library's number for it: `logging.INFO` is 20.
        text: The message with its arguments put in.
        extra: What stands beside it: the run, the call, the tool, and what the caller added.
        exc_info: The exception, True for the one that is being handled, or nothing.
    """

    level: int
    text: str
    extra: Mapping[str, Any]
    exc_info: Any = None


lines: ContextVar[Callable[[Line], None] | None] = ContextVar("agentkit_lines", default=None)
"""Who is shown the lines from INFO on, beside the handlers of the standard library; sub-runs and threads inherit it."""


class CallLog(logging.LoggerAdapter[logging.Logger]):
    """The standard library's logger with what its lines belong to."""

    def __init__(self, extra: Mapping[str, object]) -> None:
        super().__init__(_LOGGER, extra)

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 # the standard library's name
        """Tell whether a line of this level is shown to anybody."""
        return self._listener(level) is not None or super().isEnabledFor(level)

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Log a line: to whoever shows this run, and to the standard library's handlers."""
        show = self._listener(level)
        if show is not None:
            extra = self.process(msg, dict(kwargs))[1]["extra"]
            record = logging.LogRecord(_LOGGER.name, level, "", 0, msg, args, None)
            show(Line(level, scrub(_text(record)), extra, kwargs.get("exc_info")))
            if not _LOGGER.hasHandlers():  # else the standard library would show warnings again, by its last resort
                return
        super().log(level, msg, *args, **{**kwargs, "stacklevel": kwargs.get("stacklevel", 1) + 1})

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Add what the line belongs to; before Python 3.13 an adapter drops what the caller adds."""
        added: Mapping[str, Any] = kwargs.get("extra") or {}
        hidden = {name: scrub(value) if isinstance(value, str) else value for name, value in added.items()}
        kwargs["extra"] = {**hidden, **(self.extra or {})}
        return msg, kwargs

    def _listener(self, level: int) -> Callable[[Line], None] | None:
        return lines.get() if level >= logging.INFO else None


def _text(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 # a line that does not fit its arguments is no failure of the tool
        return f"{record.msg} {record.args!r}"


def _hide(record: logging.LogRecord) -> bool:
    """Hide known keys from the handlers; a line without one keeps its template and arguments."""
    text = _text(record)
    if (hidden := scrub(text)) != text:
        record.msg, record.args = hidden, ()
    return True


_LOGGER.addFilter(_hide)
