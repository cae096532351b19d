import asyncio
import json

import pytest

from agentkit.errors import ConfigurationError, SessionBusyError
from agentkit.session.table import to_the_end
from agentkit.wire.message import parse_messages


def user(text):
    return {"role": "user", "content": text}


def said(text):
    return {"role": "assistant", "content": text}


async def put(store, session, *messages, pending=None):
    async with store.session(session).turn() as turn:
        await turn.keep(messages, pending=pending)


def with_store(place, act):
    async def main():
        store = place.open()
        try:
            return await act(store)
        finally:
            await store.aclose()

    return asyncio.run(main())


def test_sessions_are_listed_with_titles_the_last_first(place):
    async def act(store):
        await put(store, "a", user("  Where is\nmy parcel? " + "x" * 99), said("There."))
        await put(store, "b", user("Hi"), pending="{}")
        await put(store, "a", user("Thanks"))
        return await store.list()

    first, second = with_store(place, act)
    assert (first.id, first.title, first.messages, first.pending) == ("a", f"Where is my parcel? {'x' * 39}…", 3, False)
    assert (second.id, second.title, second.messages, second.pending) == ("b", "Hi", 1, True)
    assert first.created < second.created < first.updated


def test_a_session_that_nothing_was_kept_of_is_not_listed(place):
    async def act(store):
        async with store.session("a").turn():
            pass
        return await store.list(), await store.session("a").load(), await store.session("a").pending()

    assert with_store(place, act) == ((), (), None)


def test_a_title_that_was_given_stays(place):
    async def act(store):
        await put(store, "a", user("Hi"))
        await store.rename("a", "Parcels")
        await put(store, "a", user("Again"))
        return (await store.list())[0].title

    assert with_store(place, act) == "Parcels"


def test_a_deleted_session_is_gone_and_a_run_in_it_is_told(place):
    async def act(store):
        await put(store, "a", user("Hi"))
        async with store.session("a").turn() as turn:
            await store.delete("a")
            with pytest.raises(SessionBusyError):
                await turn.keep([user("Still?")])
        return await store.list(), await store.session("a").load()

    assert with_store(place, act) == ((), ())


def test_a_fork_goes_its_own_way(place):
    async def act(store):
        await put(store, "a", user("1"), said("one"), user("2"), said("two"))
        await put(store, "a", pending="{}")
        early = await store.fork("a", "b", at=2)
        whole = await store.fork("a", "c")
        await put(store, "b", user("3"))
        loaded = [[m.content for m in await one.load()] for one in (store.session("a"), early, whole)]
        return loaded, await whole.pending()

    loaded, pending = with_store(place, act)
    assert loaded == [["1", "one", "2", "two"], ["1", "one", "3"], ["1", "one", "2", "two"]]
    assert pending is None


HISTORY = [
    user("Hi"),
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "look", "arguments": "{}"}, "extra_content": {"s": 1}},
            {"id": "b", "type": "custom", "custom": {"name": "shell", "input": "ls"}},
        ],
    },
    {"role": "tool", "tool_call_id": "a", "content": "é", "odd": [1]},
    {"role": "tool", "tool_call_id": "b", "content": "total 0"},
    said("Done."),
]


def test_an_export_is_what_openai_takes_and_comes_back_with_nothing_lost(place):
    async def act(store):
        await put(store, "a", *HISTORY)
        return await store.export("a"), await store.session("a").load(), await store.export("a", "markdown")

    exported, loaded, text = with_store(place, act)
    assert json.loads(exported) == HISTORY
    assert loaded == parse_messages(HISTORY)
    assert text.startswith("## User\n\nHi\n\n## Assistant\n\nCalls look (a):")


def test_zero_bytes_and_half_of_a_surrogate_pair_harm_nothing(place):
    async def act(store):
        await put(store, "a", user("a\ud83d\0"))
        first = (await store.list())[0].title
        await store.rename("a", "b\ud83d\0")
        return first, (await store.list())[0].title, (await store.session("a").load())[0].content

    assert with_store(place, act) == ("a\ufffd\ufffd", "b\ufffd\ufffd", "a\ufffd\0")


@pytest.mark.parametrize(
    "act",
    [
        lambda store: store.rename("x", "t"),
        lambda store: store.delete("x"),
        lambda store: store.fork("x", "y"),
        lambda store: store.export("x"),
    ],
)
def test_a_session_that_there_is_not_is_named(place, act):
    with pytest.raises(ConfigurationError) as caught:
        with_store(place, act)
    assert str(caught.value) == (
        f"There is no session 'x' in {place.shown!r}. `await store.list()` gives those there are."
    )


async def forked(store, new_id, at):
    await put(store, "a", user("1"))
    await store.fork("a", new_id, at=at)


def test_a_fork_that_cannot_be_says_why(place):
    with pytest.raises(ConfigurationError) as caught:
        with_store(place, lambda store: forked(store, "b", 9))
    assert str(caught.value) == "The session 'a' has 1 messages. Fork it at 0 to 1, not 9."
    with pytest.raises(ConfigurationError) as caught:
        with_store(place, lambda store: forked(store, "a", None))
    assert str(caught.value) == "There is a session 'a' already. Give the fork another id, or delete it."


def test_arguments_that_cannot_be_are_refused(place):
    with pytest.raises(ConfigurationError) as caught:
        with_store(place, lambda store: store.export("a", "pdf"))
    assert str(caught.value) == 'The format \'pdf\' is unknown. Give "json" or "markdown".'
    with pytest.raises(ConfigurationError) as caught:
        place.open(lease=0)
    assert str(caught.value) == f"{place.kind}(lease=0) would hold nothing. Give more than 0 seconds."


@pytest.mark.parametrize(
    "act",
    [
        lambda store: store.rename("a\ud83d", "t"),
        lambda store: store.delete("a\ud83d"),
        lambda store: store.fork("a\ud83d", "y"),
        lambda store: store.export("a\ud83d"),
    ],
)
def test_an_id_that_none_can_have_is_refused(place, act):
    with pytest.raises(ConfigurationError, match=r"^A session's id is 'a\\ud83d'"):
        with_store(place, act)


def test_a_run_that_began_in_an_empty_session_is_not_added_to_a_fork_that_took_its_id(place):
    async def act(store):
        await put(store, "a", user("1"))
        async with store.session("b").turn() as turn:
            fork = await store.fork("a", "b")
            with pytest.raises(SessionBusyError):
                await turn.keep([user("2")])
        return [message.content for message in await fork.load()]

    assert with_store(place, act) == ["1"]


def test_a_damaged_session_is_named_and_harms_no_other(place):
    async def act(store):
        await put(store, "a", user("1"))
        await put(store, "b", user("2"))
        damage = "UPDATE {p}message SET message = :half WHERE session = 'a'"
        await store.act(lambda tables: tables.change(damage, {"half": '{"role": '}))
        with pytest.raises(OSError) as caught:
            await store.session("a").load()
        await store.delete("a")
        return str(caught.value), [message.content for message in await store.session("b").load()]

    told, others = with_store(place, act)
    assert told == (
        f"The session 'a' in {place.shown!r} is damaged: EOF while parsing a value at line 1 column 9. "
        "`await store.delete(id)` forgets it; the others are as they were."
    )
    assert others == ["2"]


def test_a_caller_that_is_cancelled_again_and_again_waits_for_the_end_of_what_it_began():
    async def main():
        begun, go, done = asyncio.Event(), asyncio.Event(), []

        async def act():
            begun.set()
            await go.wait()
            done.append(1)

        task = asyncio.create_task(to_the_end(act()))
        await begun.wait()
        for _ in range(3):
            task.cancel()
            await asyncio.sleep(0)
        assert not task.done()
        go.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        return done

    assert asyncio.run(main()) == [1]
