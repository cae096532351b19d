import asyncio
import threading
import time
from dataclasses import replace

import pytest

from agentkit import Agent, tool
from agentkit.errors import ConfigurationError, SessionBusyError
from agentkit.session import SqlStore
from agentkit.testing import ScriptedModel, call


def user(text):
    return {"role": "user", "content": text}


async def put(store, session, *messages):
    async with store.session(session).turn() as turn:
        await turn.keep(messages)


async def versions(store):
    return await store.act(lambda tables: tables.ask("SELECT version FROM {p}version"))


def test_a_store_shows_its_database_and_no_password():
    store = SqlStore("postgresql://ada:hush-hush@db/chat?password=hush-hush", lease=7)
    assert repr(store) == "SqlStore('postgresql+asyncpg://ada:***@db/chat')"
    assert store.lease == 7


def test_a_prefix_that_is_no_name_is_refused(tmp_path):
    with pytest.raises(ConfigurationError) as caught:
        SqlStore(f"sqlite:///{tmp_path / 'x.db'}", prefix="x; DROP")
    assert str(caught.value) == (
        "The prefix of a SqlStore's tables is 'x; DROP'. Give at most 50 of a to z, 0 to 9 and _, the first no digit."
    )


def test_stores_with_other_prefixes_know_nothing_of_each_other(sql_place):
    async def main():
        one = sql_place.open()
        sql_place.options = {"prefix": f"other_{sql_place.options.get('prefix', '')}"}
        other = sql_place.open()
        await put(one, "a", user("1"))
        return len(await one.list()), len(await other.list())

    assert asyncio.run(main()) == (1, 0)


def test_many_that_begin_at_once_make_the_tables_once(sql_place):
    found = []

    async def main():
        stores = [sql_place.open() for _ in range(4)]
        await asyncio.gather(*(put(store, f"{number}", user("1")) for number, store in enumerate(stores)))
        found.append(await versions(stores[0]))

    threads = [threading.Thread(target=lambda: asyncio.run(main())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [[(1,)]] * 3


def test_tables_of_a_later_version_are_refused(sql_place):
    async def main():
        store = sql_place.open()
        await store.list()
        await store.act(lambda tables: tables.change("UPDATE {p}version SET version = 2", {}))
        with pytest.raises(ConfigurationError) as caught:
            await sql_place.open().list()
        return str(caught.value)

    assert asyncio.run(main()) == (
        f"The sessions in {sql_place.shown!r} have version 2; this agentkit reads version 1. "
        "Go on with the release that made them, or give another prefix."
    )


def test_runs_from_sync_code_and_from_several_loops_share_a_session(sql_place):
    store = sql_place.open()
    agent = Agent(ScriptedModel(["One.", "Two.", "Three."]))
    agent.run_sync("1", session=store.session("a"))
    asyncio.run(agent.run("2", session=store.session("a")))
    agent.run_sync("3", session=store.session("a"))
    messages = asyncio.run(store.session("a").load())
    assert [message.content for message in messages] == ["1", "One.", "2", "Two.", "3", "Three."]


def test_many_sessions_at_once_need_few_connections(sql_place):
    async def main():
        sql_place.options = {**sql_place.options, "options": {"pool_size": 2, "max_overflow": 0}}
        store = sql_place.open()
        begun = asyncio.Barrier(40)

        async def talk(number):
            async with store.session(f"{number}").turn() as turn:
                await begun.wait()  # all have their sessions now
                await turn.keep([user("1")])

        await asyncio.gather(*(talk(number) for number in range(40)))
        return len(await store.list())

    assert asyncio.run(main()) == 40


def test_a_cancelled_caller_waits_for_the_end_of_what_it_began(sql_place):
    async def main():
        store = sql_place.open()
        await store.list()
        begun = asyncio.Event()
        loop = asyncio.get_running_loop()

        def slow(tables):
            loop.call_soon(begun.set)
            for number in range(100):
                tables.change("INSERT INTO {p}lease VALUES (:session, '', 0)", {"session": f"{number}"})

        task = asyncio.create_task(store.act(slow))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await store.act(lambda tables: tables.ask("SELECT count(*) FROM {p}lease"))

    assert asyncio.run(main()) == [(100,)]


def test_a_run_that_loses_its_connections_on_its_way_is_kept(postgres_place):
    store, other = postgres_place.open(), postgres_place.open()

    @tool
    async def cut() -> int:
        """End all connections but this one."""
        end = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        return len(await other.act(lambda tables: tables.ask(end + " AND backend_type = 'client backend'")))

    async def main():
        agent = Agent(ScriptedModel([call("cut", {}), "One."]), tools=[cut])
        await agent.run("1", session=store.session("a"))
        return [message.content for message in await store.session("a").load()]

    said = asyncio.run(main())
    assert int(said.pop(2)) >= 1
    assert said == ["1", None, "One."]


def test_leases_go_by_the_clock_of_the_server_and_not_by_that_of_a_machine(postgres_place, monkeypatch):
    async def main():
        store = postgres_place.open()
        begin = time.time()
        async with store.session("a").turn() as turn:
            monkeypatch.setattr("agentkit.session.sql.time", lambda: begin + 86_400)
            with pytest.raises(SessionBusyError):
                async with store.session("a", on_busy="raise").turn():
                    pass
            await turn.keep([user("1")])
        return (await store.list())[0].updated - begin

    assert 0 <= asyncio.run(main()) < 3600


def test_a_role_that_may_not_make_tables_works_where_they_are(postgres_place):
    role = postgres_place.options["prefix"] + "guest"
    guest = replace(postgres_place, target=postgres_place.target.replace("postgres@", f"{role}@"))

    async def main():
        store = postgres_place.open()
        await store.act(lambda tables: tables.change(f"CREATE ROLE {role} LOGIN", {}))
        with pytest.raises(OSError) as caught:
            await replace(guest, options={"prefix": f"{role}_"}).open().list()
        for name in ("session", "message", "lease", "version"):
            grant = f"GRANT SELECT, INSERT, UPDATE, DELETE ON {{p}}{name} TO {role}"
            await store.act(lambda tables, grant=grant: tables.change(grant, {}))
        await put(guest.open(), "a", user("1"))
        return str(caught.value).partition("reached: ")[2], len(await store.list())

    assert asyncio.run(main()) == ("permission denied for schema public", 1)


def test_forks_and_deletions_at_once_neither_mix_nor_lock_each_other(sql_place):
    async def main():
        store = sql_place.open()
        await put(store, "a", user("1"), user("2"))

        async def fork():
            try:
                return [message.content for message in await (await store.fork("a", "b")).load()]
            except ConfigurationError:
                return None

        async def delete():
            try:
                await store.delete("b")
            except ConfigurationError:
                return

        for _ in range(5):
            forked = await asyncio.gather(*(fork() for _ in range(4)), *(delete() for _ in range(2)))
            assert all(one in (None, [], ["1", "2"]) for one in forked)  # [] where it was deleted before it was read
        return [message.content for message in await store.session("a").load()]

    assert asyncio.run(main()) == ["1", "2"]
