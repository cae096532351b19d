"""A run as a value: what it said, spent and waits for, and how far it may go."""

from agentkit.state.decision import Approve, Decision, Deny, Give
from agentkit.state.limit import RunLimits, over_limit
from agentkit.state.run import Attempt, PendingCall, RunState

__all__ = ["Approve", "Attempt", "Decision", "Deny", "Give", "PendingCall", "RunLimits", "RunState", "over_limit"]
