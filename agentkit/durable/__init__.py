"""Runs that outlive their process: what a run did is a list of records, their fold is its state, and it goes on."""

from agentkit.durable.agent import DurableAgent
from agentkit.durable.book import Book, OnUnknown
from agentkit.durable.divergence import Divergence
from agentkit.durable.file import RunSummary, Status
from agentkit.durable.journal import Journal
from agentkit.durable.keeping import Keeping
from agentkit.durable.past import Past, past_of, requests_of, states_of
from agentkit.durable.record import Record
from agentkit.durable.replay import Replay
from agentkit.durable.standing import RunStatus
from agentkit.durable.worker import Queue, Worker

__all__ = [
    "Book",
    "Divergence",
    "DurableAgent",
    "Journal",
    "Keeping",
    "OnUnknown",
    "Past",
    "Queue",
    "Record",
    "Replay",
    "RunStatus",
    "RunSummary",
    "Status",
    "Worker",
    "past_of",
    "requests_of",
    "states_of",
]
