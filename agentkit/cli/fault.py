"""Any exception of a command to one line and an exit code; `main` uses it, and the chat for what it survives."""

from __future__ import annotations

from agentkit.cli.text import one_line
from agentkit.errors import AgentkitError, ConfigurationError
from agentkit.secret import scrub

__all__ = ["error_line", "exit_code"]


def error_line(error: BaseException) -> str:
    """Write an error on one line; one that is not of agentkit is named by its class, too."""
    text = str(error)
    if not isinstance(error, AgentkitError):
        text = f"{type(error).__name__}: {text}. Set AGENTKIT_DEBUG=1 to see the traceback."
    return f"error: {one_line(scrub(text), None)}"


def exit_code(error: BaseException) -> int:
    """Give 2 for what was written wrongly, 1 for a run that failed."""
    return 2 if isinstance(error, ConfigurationError) else 1
