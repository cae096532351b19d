import asyncio
import time

import pytest

from agentkit.errors import ConfigurationError, SessionBusyError
from agentkit.session import LastTurns, Summary
from agentkit.testing import ScriptedModel


def user(text):
    return {"role": "user", "content": text}


def said(text):
    return {"role": "assistant", "content": text}


def texts(messages):
    return [message.content for message in messages]


def test_a_turn_reads_and_keeps(store):
    async def main():
        session = store.session("a")
        async with session.turn() as turn:
            assert turn.messages == ()
            await turn.keep([user("1"), said("one")])
            await turn.keep([user("2")])
            assert texts(turn.messages) == ["1", "one", "2"]
        async with session.turn() as turn:
            assert texts(await turn.history()) == ["1", "one", "2"]
        return await session.load()

    assert texts(asyncio.run(main())) == ["1", "one", "2"]


def test_what_is_pending_is_there_until_the_next_messages_are_kept(store):
    async def main():
        session = store.session("a")
        async with session.turn() as turn:
            await turn.keep([], pending='{"a": 1}')
        assert await session.pending() == '{"a": 1}'
        async with session.turn() as turn:
            assert turn.pending == '{"a": 1}'
            await turn.keep([user("1")])
        return await session.pending()

    assert asyncio.run(main()) is None


def test_a_later_turn_waits_for_the_end_of_the_one_before(store, monkeypatch):
    order = []

    async def main():
        begun, refused = asyncio.Event(), asyncio.Event()

        async def take(session, holder):
            granted = await type(store).take(store, session, holder)
            if not granted:
                refused.set()
            return granted

        monkeypatch.setattr(store, "take", take)

        async def first():
            async with store.session("a").turn() as turn:
                begun.set()
                await refused.wait()
                await turn.keep([user("first")])
                order.append("first ends")

        async def second():
            await begun.wait()
            async with store.session("a").turn() as turn:
                order.append("second begins")
                assert texts(turn.messages) == ["first"]

        await asyncio.gather(first(), second())

    asyncio.run(main())
    assert order == ["first ends", "second begins"]


def test_other_sessions_do_not_wait(store):
    async def main():
        async with store.session("a").turn(), store.session("b", on_busy="raise").turn() as turn:
            return turn.messages

    assert asyncio.run(main()) == ()


ADVICE = (
    "Run one after another, give each conversation a session of its own, or wait longer: "
    'store.session(id, on_busy="wait", patience=...).'
)


@pytest.mark.parametrize(
    ("options", "told"),
    [({"on_busy": "raise"}, ". "), ({"patience": 0.03}, ", and did not end within 0.03 s. ")],
)
def test_a_busy_session_is_an_error_when_patience_ends(store, options, told):
    async def main():
        async with store.session("a").turn():
            with pytest.raises(SessionBusyError) as caught:
                async with store.session("a", **options).turn():
                    pass
        async with store.session("a", on_busy="raise").turn():  # it is free again
            return caught.value

    assert str(asyncio.run(main())) == f"The session 'a' is busy: another run goes on in it{told}{ADVICE}"


def test_a_turn_that_fails_or_is_cancelled_frees_the_session(store):
    async def main():
        with pytest.raises(KeyError):
            async with store.session("a").turn():
                raise KeyError("no")
        begun = asyncio.Event()

        async def turn():
            async with store.session("a").turn():
                begun.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(turn())
        await begun.wait()
        waiting = asyncio.create_task(turn())
        await asyncio.sleep(0)
        for one in (waiting, task):
            one.cancel()
            with pytest.raises(asyncio.CancelledError):
                await one
        async with store.session("a", on_busy="raise").turn():
            return asyncio.all_tasks() - {asyncio.current_task()}

    assert len(asyncio.run(main())) == 1  # what renews the turn that is on


def test_a_turn_is_renewed_while_it_goes_on(place):
    async def main():
        store, times, long = place.open(lease=1.5), [], asyncio.Event()
        renew = store.renew

        async def counted(*claim):
            held = await renew(*claim)
            times.append(time.monotonic())
            if times[-1] - times[0] > 1.5:  # by now the first renewal alone would have ended
                long.set()
            return held

        store.renew = counted
        async with store.session("a").turn() as turn:
            async with asyncio.timeout(60):
                await long.wait()
            with pytest.raises(SessionBusyError):
                async with store.session("a", on_busy="raise").turn():
                    pass
            await turn.keep([user("still mine")])
        await store.aclose()

    asyncio.run(main())


def test_a_turn_that_slept_until_another_began_keeps_nothing_and_has_its_messages_on_the_error(place):
    async def main():
        store = place.open(lease=0.05)
        session = store.session("a")
        async with session.turn() as sleeper:
            await store.release("a", sleeper._holder)  # as if the lease had ended while the process stood still
            async with session.turn() as other:
                await other.keep([user("other")])
                with pytest.raises(SessionBusyError) as caught:
                    await sleeper.keep([user("sleeper")])
                await other.keep([said("Hello, other.")])
        assert texts(await session.load()) == ["other", "Hello, other."]
        await store.aclose()
        return caught.value

    error = asyncio.run(main())
    assert texts(error.messages) == ["sleeper"]
    assert str(error) == (
        "The turn of session 'a' was over before its messages were kept: its `async with` was left, another run took "
        "the session after this one did not move for 0.05 s, or the session was deleted. Nothing was added; the "
        "messages are in `error.messages`. Ask again."
    )


def test_a_lease_that_ended_but_that_nobody_took_still_keeps(place):
    async def main():
        store = place.open(lease=1e-6)  # over before it is looked at
        async with store.session("a").turn() as turn:
            await turn.keep([user("1")])
        messages = await store.session("a").load()
        await store.aclose()
        return messages

    assert texts(asyncio.run(main())) == ["1"]


def test_a_run_sees_the_session_through_its_window(store):
    async def slow(messages):
        await asyncio.sleep(0)
        return messages[1:]

    async def main():
        async with store.session("a").turn() as turn:
            await turn.keep([user("1"), said("one"), user("2"), said("two")])
        seen = []
        for window in (None, LastTurns(1), lambda messages: messages[-1:], slow):
            async with store.session("a", window=window).turn() as turn:
                seen.append(texts(await turn.history()))
        return seen

    whole = ["1", "one", "2", "two"]
    assert asyncio.run(main()) == [whole, whole[2:], whole[3:], whole[1:]]


def test_a_window_of_ones_own_orphans_nothing(store):
    calls = [{"id": "a", "type": "function", "function": {"name": "look", "arguments": "{}"}}]
    answered = [{"role": "assistant", "tool_calls": calls}, {"role": "tool", "tool_call_id": "a", "content": "x"}]

    async def main():
        async with store.session("a", window=lambda messages: messages[-2:]).turn() as turn:
            await turn.keep([user("1"), *answered, said("one")])
            return await turn.history()

    assert texts(asyncio.run(main())) == ["one"]


def test_a_summary_is_kept_in_the_store_so_that_another_process_does_not_ask_again(place):
    async def history(replies):
        store = place.open()
        async with store.session("a", window=Summary(ScriptedModel(replies), keep=1)).turn() as turn:
            if not turn.messages:
                await turn.keep([user("1"), said("one"), user("2"), said("two")])
            seen = await turn.history()
        await store.aclose()
        return seen

    first = asyncio.run(history(["They asked 1."]))
    assert asyncio.run(history([])) == first
    assert "They asked 1." in first[0].content


@pytest.mark.parametrize("given", ["", 7, "a\ud83d", "a\0", "a" * 501])
def test_an_id_that_is_none_is_refused(store, given):
    with pytest.raises(ConfigurationError) as caught:
        store.session(given)
    assert str(caught.value) == (
        f"A session's id is {given!r:.100}. Give a text of 1 to 500 characters, each of them whole and none a zero "
        "byte."
    )


def test_an_unknown_way_with_busy_sessions_is_refused(store):
    with pytest.raises(ConfigurationError) as caught:
        store.session("a", on_busy="queue")
    assert str(caught.value) == 'on_busy is \'queue\', which is unknown. Give "wait" or "raise".'
    assert repr(store.session("a")) == "Session('a')"
    assert store.session("a").id == "a"
