"""A book is any object with two methods."""

import asyncio

from agentkit.agent.conversation import finish
from agentkit.durable import Book, Keeping
from tests.durable.cut import World, parallel, part


class Lines:
    """Writes lines of JSON, and the names of what was carried out."""

    def __init__(self):
        self.lines, self.records, self.names = [], [], []

    async def note(self, record, *, sure=False):
        self.lines.append((record.to_json(), sure))

    async def act(self, name, body):
        self.names.append(name)
        record = await body()
        await self.note(record)
        return record


def test_what_is_carried_out_is_named_by_turn_and_call_in_the_order_in_which_it_begins():
    book = Lines()
    taken: Book = book
    run = part(parallel(World()), book)
    run.keeper = Keeping(taken)
    asyncio.run(finish(run))
    assert book.names == [
        "ask 1",
        "call 1 a",
        "call 1 b",
        "ask 2",
        "call 2 a",
        "call 2 b",
        "call 2 d",
        "ask 3",
        "call 3 a",
        "ask 4",
    ]
    assert all("\n" not in line for line, _ in book.lines)
