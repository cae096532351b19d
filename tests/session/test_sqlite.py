import asyncio

from agentkit.session import SqliteStore


def test_a_store_shows_its_file(tmp_path):
    store = SqliteStore(tmp_path / "chat.db")
    assert (repr(store), store.lease) == (f"SqliteStore({str(tmp_path / 'chat.db')!r})", 30.0)
    asyncio.run(store.aclose())


def test_a_store_that_was_closed_opens_its_file_again(tmp_path):
    async def main():
        store = SqliteStore(tmp_path / "chat.db")
        await store.aclose()
        found = await store.list()
        await store.aclose()
        return found

    assert asyncio.run(main()) == ()
