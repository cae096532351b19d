"""Many inputs through one kind of work: so many at once, in order, within a budget, kept in a file to go on from."""

from agentkit.many.budget import Budget
from agentkit.many.many import Many
from agentkit.many.outcome import MapResult, Outcome
from agentkit.many.pool import Terms
from agentkit.many.source import Feed
from agentkit.many.store import MapStore
from agentkit.many.summary import Summary
from agentkit.many.work import Job, Work

__all__ = ["Budget", "Feed", "Job", "Many", "MapResult", "MapStore", "Outcome", "Summary", "Terms", "Work"]
