"""Many inputs through one kind of work: so many at once, in order, within a budget, kept in a file to go on from."""

from agentkit.many.many import Many
from agentkit.many.outcome import MapResult, Outcome
from agentkit.many.source import Feed
from agentkit.many.summary import Summary
from agentkit.many.term import OnError, Progress, Terms
from agentkit.many.work import Job, Work

__all__ = [
    "Feed",
    "Job",
    "Many",
    "MapResult",
    "OnError",
    "Outcome",
    "Progress",
    "Summary",
    "Terms",
    "Work",
]
