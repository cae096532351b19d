"""A run as a value: what it said, spent and waits for, and how far it may go."""

from agentkit.state.budget import Budget
from agentkit.state.decision import Approve, Decision, Decisions, Deny, Give, PendingCall, decision_of
from agentkit.state.limit import RunLimits, over_limit
from agentkit.state.run import Attempt, RunState
from agentkit.state.spent import Spent

__all__ = [
    "Approve",
    "Attempt",
    "Budget",
    "Decision",
    "Decisions",
    "Deny",
    "Give",
    "PendingCall",
    "RunLimits",
    "RunState",
    "Spent",
    "decision_of",
    "over_limit",
]
