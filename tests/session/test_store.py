import asyncio

from agentkit import Agent
from agentkit.session import Record, Session, SessionInfo, SessionStore
from agentkit.testing import ScriptedModel


class Shelf:
    """A store in memory, as somebody else might write one."""

    lease = 30.0

    def __init__(self):
        self.records = {}
        self.holders = {}

    async def take(self, session, holder):
        return self.holders.setdefault(session, holder) == holder

    async def renew(self, session, holder):
        return self.holders.get(session) == holder

    async def release(self, session, holder):
        if self.holders.get(session) == holder:
            del self.holders[session]

    async def read(self, session):
        return self.records.get(session, Record())

    async def append(self, session, holder, messages, pending):
        if self.holders.get(session) != holder:
            return False
        before = await self.read(session)
        self.records[session] = Record((*before.messages, *messages), pending, before.notes)
        return True

    async def note(self, session, holder, notes):
        before = await self.read(session)
        self.records[session] = Record(before.messages, before.pending, notes)


def test_a_store_of_ones_own_serves_runs():
    store: SessionStore = Shelf()
    session = Session(store, "a")
    model = ScriptedModel(["One.", "Two."])
    agent = Agent(model)

    async def main():
        await agent.run("1", session=session)
        await agent.run("2", session=session)
        return await session.load()

    assert [message.content for message in asyncio.run(main())] == ["1", "One.", "2", "Two."]
    assert [message.content for message in model.requests[1].messages] == ["1", "One.", "2"]
    assert store.holders == {}


def test_an_empty_record_has_nothing():
    assert Record() == Record((), None, {})
    assert SessionInfo("a", "t", 1.0, 2.0, 3, pending=False).messages == 3
