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
_FORMAT = logging.Formatter()


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
            text = scrub(_text(_record(level, msg, args)))
            try:
                show(Line(level, text, extra, kwargs.get("exc_info")))
            except Exception:  # noqa: BLE001 # a line that cannot be shown is no failure of the tool
                logging.Handler().handleError(_record(level, text))
            if not _LOGGER.hasHandlers():  # else the standard library would show warnings again, by its last resort
                return
        super().log(level, msg, *args, **{**kwargs, "stacklevel": kwargs.get("stacklevel", 1) + 1})

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Add what the line belongs to; before Python 3.13 an adapter drops what the caller adds."""
        added: Mapping[str, Any] = kwargs.get("extra") or {}
        kwargs["extra"] = {**{name: _hidden(value) for name, value in added.items()}, **(self.extra or {})}
        return msg, kwargs

    def _listener(self, level: int) -> Callable[[Line], None] | None:
        return lines.get() if level >= logging.INFO else None


def _record(level: int, msg: Any, args: Any = ()) -> logging.LogRecord:
    return logging.LogRecord(_LOGGER.name, level, "", 0, msg, args, None)


def _text(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 # a line that does not fit its arguments is no failure of the tool
        said: Any = record.msg
        return f"{said if isinstance(said, str) else _shown(said)} {_shown(record.args)}"


def _shown(value: Any) -> str:
    try:
        return repr(value)
    except Exception:  # noqa: BLE001 # a value that cannot be shown is no failure of the tool
        return f"<{type(value).__qualname__}>"


def _hidden(value: Any) -> Any:
    """Hide known keys in what is added; a value that holds one is its text then."""
    text = value if isinstance(value, str) else _shown(value)
    return hidden if (hidden := scrub(text)) != text else value


def _hide(record: logging.LogRecord) -> bool:
    """Hide known keys from the handlers; a line without one keeps its template, arguments and exception."""
    text = _text(record)
    if (hidden := scrub(text)) != text:
        record.msg, record.args = hidden, ()
    if record.exc_info:
        trace = _FORMAT.formatException(record.exc_info)
        if (hidden := scrub(trace)) != trace:
            record.exc_text, record.exc_info = hidden, None
    return True


_LOGGER.addFilter(_hide)
