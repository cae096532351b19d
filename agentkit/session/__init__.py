"""Conversations that outlive their process: stores, windows over long histories, and the repair of histories."""

from agentkit.session.repair import INTERRUPTED, repair
from agentkit.session.session import OnBusy, Session, Turn
from agentkit.session.sqlite import SqliteStore
from agentkit.session.store import Record, SessionInfo, SessionStore
from agentkit.session.summary import Summary
from agentkit.session.window import LastTokens, LastTurns, Window

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
