import asyncio
import errno
import gc
import os
import sys
import threading
import weakref

import pytest

from agentkit import secret
from agentkit.errors import ConfigurationError, MissingExtraError
from agentkit.session import engine as module
from agentkit.session.engine import Engines

READ = 'pip install "agentkit-chat[sql]"'


def engines(url, still=30.0, **options):
    return Engines(url, still, options)


def file(tmp_path, **options):
    return engines(f"sqlite:///{tmp_path / 'x.db'}", **options)


def one(connection):
    return connection.exec_driver_sql("SELECT 1").scalar()


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("postgresql://ada:hush-hush@db:5433/chat", "postgresql+asyncpg://ada:***@db:5433/chat"),
        ("postgres://db/chat?password=hush-hush", "postgresql+asyncpg://db/chat"),
        ("postgresql+asyncpg://db/chat", "postgresql+asyncpg://db/chat"),
        ("sqlite:////srv/chat.db", "sqlite+aiosqlite:////srv/chat.db"),
    ],
)
def test_a_place_names_the_driver_and_no_password(url, place):
    assert engines(url).place == place
    assert "hush-hush" not in secret.scrub("hush-hush" if "hush" in url else "")


@pytest.mark.parametrize(
    "url",
    [
        "chat.db",
        "postgresql://ada:hu@sh:x@db/chat",
        "postgresql://ada:hu@sh@db/chat",
        "postgresql://ada:hush@db:port/chat",
        7,
    ],
)
def test_a_url_that_is_none_is_refused_and_not_shown(url):
    with pytest.raises(ConfigurationError) as caught:
        engines(url)
    assert str(caught.value) == (
        "The URL of a SqlStore cannot be read; it is not shown here, for a password may be in it. Give one like "
        "postgresql://user:password@host:5432/database, with %40 for an @ in the password."
    )
    assert caught.value.__context__ is None  # which would show a part of it


def test_a_database_that_is_not_known_is_refused():
    with pytest.raises(ConfigurationError) as caught:
        engines("mysql+aiomysql://db/chat")
    assert str(caught.value) == (
        "A SqlStore cannot use 'mysql+aiomysql'. Give a URL that begins with postgresql:// (or "
        "postgresql+asyncpg://, postgresql+psycopg://) or sqlite:/// and the path of a file."
    )


@pytest.mark.parametrize(
    ("url", "file"), [("sqlite://", ":memory:"), ("sqlite:///file:x?mode=memory&uri=true", "file:x")]
)
def test_a_database_in_memory_is_refused(url, file):
    with pytest.raises(ConfigurationError) as caught:
        engines(url)
    assert str(caught.value) == (
        f"A SqlStore cannot use {file!r}: each connection would have a database of its own. "
        "Give the path of a file: sqlite:///chat.db, or sqlite:////srv/chat.db."
    )


@pytest.mark.parametrize(
    ("package", "url", "told"),
    [
        ("greenlet", "postgresql://db", f"SqlStore needs the package sqlalchemy with its extra asyncio|{READ}"),
        ("asyncpg", "postgresql://db", f"A SqlStore of postgresql+asyncpg needs the package asyncpg|{READ}"),
        ("aiosqlite", "sqlite:///x", f"A SqlStore of sqlite+aiosqlite needs the package aiosqlite|{READ}"),
        (
            "psycopg",
            "postgresql+psycopg://db",
            'A SqlStore of postgresql+psycopg needs the package psycopg|pip install "psycopg[binary]"',
        ),
    ],
)
def test_a_package_that_is_not_installed_is_named_with_the_command(monkeypatch, package, url, told):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError) as caught:
        engines(url)
    what, command = told.split("|")
    assert str(caught.value) == f"{what}, and it is not installed. Install it: {command}."


def test_a_new_file_is_for_its_owner_only_and_in_wal_mode(tmp_path):
    async def main():
        return await file(tmp_path).act(lambda db: db.exec_driver_sql("PRAGMA journal_mode").scalar())

    assert asyncio.run(main()) == "wal"
    assert (tmp_path / "x.db").stat().st_mode & 0o777 == 0o600


def test_where_the_working_directory_goes_later_makes_no_difference(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = engines("sqlite:///x.db")
    monkeypatch.chdir("/")
    asyncio.run(found.act(one))
    assert (tmp_path / "x.db").exists()


def test_a_transaction_that_fails_leaves_nothing_behind(tmp_path):
    def fail(db):
        db.exec_driver_sql("CREATE TABLE thing (name TEXT)")
        raise KeyError("no")

    async def main():
        found = file(tmp_path)
        with pytest.raises(KeyError):
            await found.act(fail)
        return await found.act(lambda db: db.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar())

    assert asyncio.run(main()) == 0


def test_what_the_database_refuses_is_an_os_error_without_the_values(tmp_path):
    found = file(tmp_path)
    with pytest.raises(OSError) as caught:
        asyncio.run(found.act(lambda db: db.exec_driver_sql("INSERT INTO missing VALUES (?)", ("private",))))
    assert str(caught.value) == f"The sessions in {found.place!r} cannot be reached: no such table: missing"
    assert "private" not in str(caught.value.__cause__)


def test_a_server_that_is_not_there_is_an_os_error_without_the_password():
    found = engines("postgresql://ada:hush-hush@127.0.0.1:1/chat")
    with pytest.raises(OSError) as caught:
        asyncio.run(found.act(one))
    assert str(caught.value) == (
        "The sessions in 'postgresql+asyncpg://ada:***@127.0.0.1:1/chat' cannot be reached: "
        f"[Errno {errno.ECONNREFUSED}] Connect call failed ('127.0.0.1', 1)"
    )
    assert "hush" not in repr(caught.value.__cause__)


def test_a_database_that_does_not_answer_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_PATIENCE", 0.02)
    monkeypatch.setattr(module, "_SHORTEST", 0.01)

    async def main():
        found = file(tmp_path, still=0.01, pool_size=1, max_overflow=0)
        pool = await found._pool()
        async with pool.engine.begin():
            with pytest.raises(OSError) as caught:
                await found.act(one)
        return str(caught.value).partition("reached: ")[2]

    assert asyncio.run(main()) == "no answer within 0.02 s"


def test_tasks_loops_and_threads_share_one_and_each_loop_has_its_own_connections(tmp_path):
    found = file(tmp_path)
    before, pools, answers = set(module._open), [], []

    async def main():
        answers.extend(await asyncio.gather(*(found.act(one) for _ in range(20))))
        pools.append(await found._pool())
        assert await found._pool() is pools[-1]

    threads = [threading.Thread(target=lambda: asyncio.run(main())) for _ in range(3)]
    for thread in threads:
        thread.start()
    asyncio.run(main())
    for thread in threads:
        thread.join()
    assert answers == [1] * 80
    assert len(set(pools)) == 4
    assert module._open == before  # each was closed when its loop ended
    assert all(pool.engine.pool.checkedin() == 0 for pool in pools)


def test_it_is_opened_again_after_it_was_closed(tmp_path):
    async def main():
        found = file(tmp_path)
        await found.aclose()
        await found.act(one)
        first = await found._pool()
        await found.aclose()
        await found.aclose()
        assert first.engine.pool.checkedin() == 0
        await found.act(one)
        return first is await found._pool()

    assert asyncio.run(main()) is False


def test_what_nobody_has_any_more_is_closed_when_another_is_opened(tmp_path):
    async def main():
        found = file(tmp_path)
        await found.act(one)
        lost = await found._pool()
        gone = weakref.ref(found)
        del found
        gc.collect()
        assert gone() is None
        await file(tmp_path).act(one)
        return lost.is_open, lost.engine.pool.checkedin()

    assert asyncio.run(main()) == (False, 0)


def test_a_loop_that_was_closed_by_hand_is_forgotten(tmp_path):
    found = file(tmp_path)
    before = set(module._open)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(found.act(one))
    (pool,) = module._open - before
    loop.run_until_complete(pool.engine.dispose())  # else its thread would be left
    loop.close()
    asyncio.run(found.act(one))
    assert module._open == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_has_connections_of_its_own_and_leaves_its_parents_alone(sql_place):
    async def main():
        found = engines(sql_place.target)
        await found.act(one)
        child = os.fork()
        if not child:
            status = 1
            try:
                asyncio.events._set_running_loop(None)
                status = 0 if asyncio.run(found.act(one)) == 1 else 2
            finally:
                os._exit(status)
        _, status = await asyncio.to_thread(os.waitpid, child, 0)
        return status, await found.act(one)

    assert asyncio.run(main()) == (0, 1)


def test_postgres_ends_a_transaction_that_stands_still(postgres_place):
    def limit(still):
        show = "SHOW idle_in_transaction_session_timeout"
        return asyncio.run(engines(postgres_place.target, still).act(lambda db: db.exec_driver_sql(show).scalar()))

    assert [limit(still) for still in (0.001, 30.0, float("inf"))] == ["5s", "30s", "1000000s"]


def test_what_the_url_says_in_words_of_libpq_is_read_by_each_driver(postgres_place):
    def shown(query, name):
        found = engines(postgres_place.target + query)
        return asyncio.run(found.act(lambda db: db.exec_driver_sql(f"SHOW {name}").scalar()))

    assert shown("&sslmode=prefer&application_name=shop", "application_name") == "shop"
    stricter = "&options=-cdefault_transaction_isolation%3Dserializable"
    assert shown(stricter, "default_transaction_isolation") == "serializable"
    assert shown(stricter, "transaction_isolation") == "read committed"  # who waited would be refused


def test_an_error_of_postgres_is_told_in_its_words(postgres_place):
    found = engines(postgres_place.target)
    with pytest.raises(OSError) as caught:
        asyncio.run(found.act(lambda db: db.exec_driver_sql("SELECT * FROM nothing")))
    assert str(caught.value) == f'The sessions in {found.place!r} cannot be reached: relation "nothing" does not exist'


def test_a_connection_that_the_server_ended_is_replaced(postgres_place):
    async def main():
        found, other = engines(postgres_place.target), engines(postgres_place.target)
        ours = await found.act(lambda db: db.exec_driver_sql("SELECT pg_backend_pid()").scalar())
        ended = await other.act(lambda db: db.exec_driver_sql(f"SELECT pg_terminate_backend({ours}, 5000)").scalar())
        return ended, await found.act(one)

    assert asyncio.run(main()) == (True, 1)
