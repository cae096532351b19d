"""Conversations that outlive their process: stores, windows over long histories, and the repair of histories.

`SqliteStore` and `SqlStore` come when they are first asked for, for an agent knows sessions, and few need SQL.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from agentkit.session.repair import INTERRUPTED, repair
from agentkit.session.session import OnBusy, Session, Turn
from agentkit.session.store import Record, SessionInfo, SessionStore
from agentkit.session.summary import Summary
from agentkit.session.window import LastTokens, LastTurns, Window

if TYPE_CHECKING:
    from agentkit.session.sql import SqlStore
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
    "SqlStore",
    "SqliteStore",
    "Summary",
    "Turn",
    "Window",
    "repair",
]


_LATE = {"SqlStore": "agentkit.session.sql", "SqliteStore": "agentkit.session.sqlite"}


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(_LATE[name]), name)
    globals()[name] = found
    return found
