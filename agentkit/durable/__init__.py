"""Runs that outlive their process: what a run did is a list of records, their fold is its state, and it goes on.

`keeping` writes them (`record`) into a `book` and `past` folds them, with `account`, `definition`, `origin` and
`timeline`; the `journal` is over files of SQLite (`recovery`, `hold`, `lock`, `file`, `writer`), `fork` and `replay`
are over records (`rerun`, `double`, `comparison`, `divergence`).

All others are of DBOS: `agent` is the face, `engine` (at its `address`) and `process` alone know dbos, `part`,
`archive`, `watch`, `standing`, `spread` and `purse` are for whoever submits, `worker` (by the `roster`), `lease`,
`gate`, `workflow` and `step` for who carries out.
"""

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
