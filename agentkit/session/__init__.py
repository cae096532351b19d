"""Conversations that outlive their process: stores, windows over long histories, and the repair of histories.

`SqliteStore` comes when it is first asked for, for an agent knows sessions, and few need SQLite.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from agentkit.session.repair import INTERRUPTED, repair
from agentkit.session.session import OnBusy, Session, Turn
from agentkit.session.store import Record, SessionInfo, SessionStore
from agentkit.session.summary import Summary
from agentkit.session.window import LastTokens, LastTurns, Window

if TYPE_CHECKING:
    from agentkit.session.sqlite import SqliteStore

__all__ = [
    "INTERRUPTED",
    "LastTokens",
    "LastTurns",
    "OnBusy",
    "Record",
    "Session",
    "SessionInfo",
    "SessionStore",
    "SqliteStore",
    "Summary",
    "Turn",
    "Window",
    "repair",
]


def __getattr__(name: str) -> Any:
    if name != "SqliteStore":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module("agentkit.session.sqlite"), name)
    globals()[name] = found
    return found
