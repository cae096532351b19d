import asyncio

import pytest

from agentkit import Agent, RunLimits, RunState, tool
from agentkit.agent import RunEnded
from agentkit.errors import (
    ConfigurationError,
    InvalidRequestError,
    LimitExceededError,
    SessionBusyError,
    StateError,
    ToolFailedError,
)
from agentkit.http import ChatModel
from agentkit.session import LastTurns, SqliteStore
from agentkit.testing import FakeEndpoint, ScriptedModel, call, calls

SENT = []


@tool(approval=True)
def send(to: str) -> str:
    """Send a mail.

    Args:
        to: To whom.
    """
    SENT.append(to)
    return f"sent to {to}"


@tool
def look() -> str:
    """Look."""
    return "nothing"


@pytest.fixture
def session(tmp_path):
    SENT.clear()
    store = SqliteStore(tmp_path / "chat.db")
    yield store.session("a")
    asyncio.run(store.aclose())


def agent(*replies, **options):
    return Agent(ScriptedModel(replies), tools=[send, look], **options)


def texts(messages):
    return [message.content for message in messages]


def kept(session):
    return asyncio.run(session.load())


def pending(session):
    return asyncio.run(session.pending())


def test_a_run_goes_on_from_the_session_and_is_kept_in_it(session):
    anna = agent("One.", call("look", {}), "Two.")
    anna.run_sync("1", session=session)
    result = anna.run_sync("2", session=session)
    assert texts(result.messages) == ["1", "One.", "2", None, "nothing", "Two."]
    assert texts(result.new_messages) == ["2", None, "nothing", "Two."]
    assert kept(session) == result.messages


def test_all_four_faces_take_a_session(session):
    anna = agent("One.", "Two.", "Three.", "Four.")

    async def main():
        await anna.run("1", session=session)
        async with anna.stream("2", session=session) as stream:
            assert "".join([text async for text in stream.text()]) == "Two."
        return stream.result.messages

    assert texts(asyncio.run(main())) == ["1", "One.", "2", "Two."]
    anna.run_sync("3", session=session)
    with anna.stream_sync("4", session=session) as stream:
        assert isinstance([*stream][-1], RunEnded)
    assert kept(session) == stream.result.messages
    assert len(kept(session)) == 8


def test_a_run_sees_what_the_window_lets_through_and_the_session_keeps_all(session):
    session = session._store.session("a", window=LastTurns(1))
    anna = agent("One.", "Two.", "Three.")
    for prompt in "123":
        result = anna.run_sync(prompt, session=session)
    assert texts(result.messages) == ["2", "Two.", "3", "Three."]
    assert texts(kept(session)) == ["1", "One.", "2", "Two.", "3", "Three."]


def test_instructions_are_sent_first_and_never_kept(session):
    model = ScriptedModel(["One.", "Two."])
    anna = Agent(model, instructions="Be brief.")
    anna.run_sync("1", session=session)
    anna.run_sync("2", session=session)
    assert texts(model.requests[1].messages) == ["Be brief.", "1", "One.", "2"]
    assert texts(kept(session)) == ["1", "One.", "2", "Two."]


def test_a_run_that_fails_keeps_nothing_and_can_be_resumed_into_the_session(session):
    anna = agent("One.", call("look", {}), "Two.")
    anna.run_sync("1", session=session)
    with pytest.raises(LimitExceededError) as caught:
        anna.run_sync("2", session=session, limits=RunLimits(turns=1))
    assert texts(kept(session)) == ["1", "One."]
    result = anna.resume_sync(caught.value.state.to_json(), session=session)
    assert texts(result.messages) == ["1", "One.", "2", None, "nothing", "Two."]
    assert kept(session) == result.messages


def test_a_run_that_fails_with_words_that_were_said_before_can_be_resumed_into_the_session(session):
    anna = agent("Hello.", KeyError("no"), "Hello again.")
    anna.run_sync("Hi", session=session)
    with pytest.raises(KeyError) as caught:
        anna.run_sync("Hi", session=session)
    anna.resume_sync(caught.value.state, session=session)
    assert texts(kept(session)) == ["Hi", "Hello.", "Hi", "Hello again."]


def test_a_state_that_the_session_went_on_from_is_refused(session):
    anna = agent("One.", call("look", {}), "Two.", "Three.")
    anna.run_sync("1", session=session)
    with pytest.raises(LimitExceededError) as caught:
        anna.run_sync("2", session=session, limits=RunLimits(turns=1))
    anna.run_sync("3", session=session)
    with pytest.raises(StateError) as refused:
        anna.resume_sync(caught.value.state, session=session)
    assert str(refused.value) == (
        "The state does not go on from session 'a' as it is now: other messages were kept since, or its window is "
        "another. Ask anew with `agent.run(..., session=)`, or resume without `session`."
    )
    assert refused.value.state.messages == caught.value.state.messages
    assert texts(kept(session)) == ["1", "One.", "3", "Two."]


def test_a_run_that_waits_is_kept_apart_and_joins_the_session_when_it_ends(session):
    anna = agent("One.", calls(call("send", {"to": "ann"}), call("look", {})), "Sent.")
    anna.run_sync("1", session=session)
    paused = anna.run_sync("2", session=session)
    assert texts(kept(session)) == ["1", "One."]
    assert pending(session) == paused.state.to_json()
    result = anna.resume_sync(pending(session), decisions={paused.pending[0].id: True}, session=session)
    assert texts(kept(session)) == ["1", "One.", "2", None, "sent to ann", "nothing", "Sent."]
    assert kept(session) == result.messages
    assert pending(session) is None


def test_a_run_that_waits_goes_on_whatever_the_window_is_now(session):
    anna = agent("One.", call("send", {"to": "ann"}), "Sent.")
    anna.run_sync("1", session=session)
    paused = anna.run_sync("2", session=session)
    yes = {paused.pending[0].id: True}
    result = anna.resume_sync(pending(session), decisions=yes, session=session._store.session("a", window=LastTurns(1)))
    assert texts(result.messages) == texts(kept(session)) == ["1", "One.", "2", None, "sent to ann", "Sent."]


def test_a_new_prompt_ends_the_run_that_waits(session):
    anna = agent(calls(call("send", {"to": "ann"}), call("look", {})), "As you like.", "Two.")
    anna.run_sync("1", session=session)
    result = anna.run_sync("No, wait.", session=session)
    said = ["1", None, "Not run: the user went on.", "nothing", "No, wait.", "As you like."]
    assert texts(kept(session)) == texts(result.messages) == said
    assert texts(result.new_messages) == said[4:]
    assert pending(session) is None
    assert SENT == []
    anna.run_sync("2", session=session)
    assert len(kept(session)) == 8


def test_a_new_prompt_that_fails_leaves_the_run_that_waits(session):
    anna = agent(call("send", {"to": "ann"}), KeyError("no"), "Sent.")
    paused = anna.run_sync("1", session=session)
    with pytest.raises(KeyError):
        anna.run_sync("No, wait.", session=session)
    assert pending(session) == paused.state.to_json()
    anna.resume_sync(paused.state, decisions={paused.pending[0].id: True}, session=session)
    assert texts(kept(session)) == ["1", None, "sent to ann", "Sent."]


def test_a_new_prompt_that_was_cut_short_is_resumed_after_the_run_that_waited(session):
    anna = agent(call("send", {"to": "ann"}), call("look", {}), "All right.")
    anna.run_sync("1", session=session)
    with pytest.raises(LimitExceededError) as caught:
        anna.run_sync("No, wait.", session=session, limits=RunLimits(turns=1))
    anna.resume_sync(caught.value.state, session=session)
    said = ["1", None, "Not run: the user went on.", "No, wait.", None, "nothing", "All right."]
    assert texts(kept(session)) == said
    assert pending(session) is None


def test_what_was_decided_is_not_asked_for_again_where_the_run_fails_after_it(session):
    anna = agent(call("send", {"to": "ann"}), KeyError("no"), "Sent.")
    paused = anna.run_sync("1", session=session)
    with pytest.raises(KeyError) as caught:
        anna.resume_sync(paused.state, decisions={paused.pending[0].id: True}, session=session)
    assert kept(session) == ()
    waiting = RunState.from_json(pending(session))
    assert waiting.to_json() == caught.value.state.to_json()
    assert (waiting.open_calls, waiting.held) == ((), ())
    anna.resume_sync(pending(session), session=session)
    assert texts(kept(session)) == ["1", None, "sent to ann", "Sent."]
    assert SENT == ["ann"]


def test_a_resume_that_fails_before_anything_is_done_leaves_what_waits(session):
    anna = agent(call("send", {"to": "ann"}))
    paused = anna.run_sync("1", session=session)
    with pytest.raises(LimitExceededError):
        yes = {paused.pending[0].id: True}
        anna.resume_sync(paused.state, decisions=yes, session=session, limits=RunLimits(tool_calls=0))
    assert RunState.from_json(pending(session)).held == paused.pending


def test_an_older_state_of_the_run_that_waits_is_refused(session):
    anna = agent(call("send", {"to": "ann"}), call("send", {"to": "bob"}))
    first = anna.run_sync("1", session=session)
    anna.resume_sync(first.state, decisions={first.pending[0].id: True}, session=session)
    with pytest.raises(StateError) as caught:
        anna.resume_sync(first.state, decisions={first.pending[0].id: True}, session=session)
    assert str(caught.value) == (
        "The state is older than what session 'a' has of the same run, which would call tools twice. "
        "Resume `await session.pending()`."
    )
    assert caught.value.state.messages == first.state.messages
    assert SENT == ["ann"]


def test_a_state_of_a_run_that_has_ended_is_refused_where_the_window_shows_nothing_of_it_too(session):
    session = session._store.session("a", window=lambda _: ())
    anna = agent(call("send", {"to": "ann"}), "Sent.", "Again.")
    paused = anna.run_sync("1", session=session)
    yes = {paused.pending[0].id: True}
    anna.resume_sync(paused.state, decisions=yes, session=session)
    with pytest.raises(StateError, match="other messages were kept since"):
        anna.resume_sync(paused.state, decisions=yes, session=session)
    assert SENT == ["ann"]


def test_a_run_that_began_elsewhere_joins_the_session_once(session):
    session = session._store.session("a", window=lambda _: ())
    anna = agent(call("send", {"to": "ann"}), "Sent.")
    paused = anna.run_sync("1")
    yes = {paused.pending[0].id: True}
    anna.resume_sync(paused.state, decisions=yes, session=session)
    with pytest.raises(StateError, match="other messages were kept since"):
        anna.resume_sync(paused.state, decisions=yes, session=session)
    assert texts(kept(session)) == ["1", None, "sent to ann", "Sent."]


def test_a_state_that_waits_in_the_session_may_be_as_long_as_it_is(session, monkeypatch):
    anna = agent(call("send", {"to": "ann"}), "As you like.")
    anna.run_sync("1", session=session)
    monkeypatch.setitem(RunState.from_json.__func__.__kwdefaults__, "max_bytes", 10)
    assert anna.run_sync("No, wait.", session=session).output == "As you like."


def test_going_on_without_a_prompt_needs_a_session_where_nothing_waits(session):
    anna = agent(call("send", {"to": "ann"}), "Welcome.")
    anna.run_sync("1", session=session)
    with pytest.raises(StateError) as caught:
        anna.run_sync(None, session=session)
    assert str(caught.value) == (
        "A run waits in session 'a', and there is no prompt that goes on from it. Give one, or resume: "
        "`agent.resume(await session.pending(), decisions=..., session=session)`."
    )


def test_without_a_prompt_the_session_goes_on_as_it_is(session):
    async def main():
        async with session.turn() as turn:
            await turn.keep([{"role": "user", "content": "Hello?"}])
        return await agent("Hello.").run(None, session=session)

    result = asyncio.run(main())
    assert (result.output, texts(result.new_messages)) == ("Hello.", ["Hello."])
    assert texts(kept(session)) == ["Hello?", "Hello."]


def test_a_session_and_a_history_are_one_too_many(session):
    with pytest.raises(InvalidRequestError) as caught:
        agent().run_sync("1", session=session, history=[{"role": "user", "content": "Hi"}])
    assert str(caught.value) == (
        "Both `history` and `session` are given, and a session brings its own history. Give one of them; "
        "to put messages into a session: `async with session.turn() as turn: await turn.keep(messages)`."
    )


@pytest.mark.parametrize("ask", ["run_sync", "resume_sync"])
def test_a_session_that_is_none_is_refused(ask):
    with pytest.raises(ConfigurationError) as caught:
        getattr(agent(), ask)("1", session="ada")
    assert str(caught.value) == (
        "The session is 'ada', which is none. Give one of a store: "
        '`SqliteStore("chat.db").session("id")` of agentkit.session.'
    )


def test_two_runs_at_once_go_one_after_another(session):
    model = ScriptedModel([lambda request: f"after {len(request.messages)}"] * 8)

    async def main():
        await asyncio.gather(*(Agent(model).run(f"{count}", session=session) for count in range(8)))
        return await session.load()

    messages = asyncio.run(main())
    assert [message.content for message in messages[1::2]] == [f"after {count}" for count in range(1, 17, 2)]
    assert sorted(message.content for message in messages[::2]) == [*"01234567"]


def test_a_run_that_lost_its_session_has_all_of_it_on_the_error(session):
    async def steal():
        await session._store.delete("a")

    @tool
    async def sleep() -> str:
        """Stand still until others have taken over."""
        await steal()
        return "slept"

    anna = Agent(ScriptedModel(["One.", call("sleep", {}), "Two."]), tools=[sleep])
    anna.run_sync("1", session=session)
    with pytest.raises(SessionBusyError) as caught:
        anna.run_sync("2", session=session)
    assert texts(caught.value.messages) == ["2", None, "slept", "Two."]
    assert texts(caught.value.state.messages) == ["1", "One.", "2", None, "slept", "Two."]
    assert kept(session) == ()


def test_a_run_inside_a_run_of_the_same_session_is_told_that_it_is_busy(session):
    @tool
    async def inner() -> str:
        """Ask again in the same session."""
        again = session._store.session("a", on_busy="raise")
        return (await agent("Never.").run("x", session=again)).output

    result = Agent(ScriptedModel([call("inner", {}), "One."]), tools=[inner]).run_sync("1", session=session)
    assert result.messages[2].content.startswith("The tool failed. SessionBusyError: The session 'a' is busy")


def test_a_run_in_a_tool_that_is_called_again_keeps_what_it_did_before(session):
    inner = agent(call("send", {"to": "ann"}), "All right.")

    @tool
    async def ask() -> str:
        """Ask in a session of its own, and fail the first time."""
        return (await inner.run("1", session=session)).output

    outer = Agent(ScriptedModel([call("ask", {}), "Done."]), tools=[ask], on_tool_error="raise")
    with pytest.raises(ToolFailedError) as caught:
        outer.run_sync("Go.")
    outer.resume_sync(caught.value.state)
    assert texts(kept(session)) == ["1", None, "Not run: the user went on.", "1", "All right."]


def test_a_stream_that_is_left_keeps_nothing_and_frees_the_session(session):
    @tool
    async def wait() -> str:
        """Wait for ever."""
        await asyncio.Event().wait()
        return "never"

    anna = Agent(ScriptedModel([call("wait", {}), "Two."]), tools=[wait])

    async def main():
        async with anna.stream("1", session=session) as stream:
            async for event in stream:
                if event.type == "tool_call_started":
                    break
        return await anna.run("2", session=session)

    assert texts(asyncio.run(main()).messages) == ["2", "Two."]


def test_a_stream_that_is_left_at_the_end_of_its_run_was_kept(session):
    async def main():
        async with agent("One.").stream("1", session=session) as stream:
            async for event in stream:
                if event.type == "run_ended":
                    break
        return await session.load()

    assert texts(asyncio.run(main())) == ["1", "One."]


def test_a_cancelled_resume_keeps_what_is_known_of_its_calls(session):
    begun = []

    @tool(approval=True)
    async def slow() -> str:
        """Take long."""
        begun[0].set()
        await asyncio.Event().wait()
        return "never"

    anna = Agent(ScriptedModel([call("slow", {}), "Hm."]), tools=[slow])

    async def main():
        begun.append(asyncio.Event())
        paused = await anna.run("1", session=session)
        yes = {paused.pending[0].id: True}
        task = asyncio.create_task(anna.resume(paused.state, decisions=yes, session=session))
        await begun[0].wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await anna.run("2", session=session)

    said = texts(asyncio.run(main()).messages)
    assert said[2] == "Not finished: the run ended before this call did. Its effect may or may not have happened."
    assert said[3:] == ["2", "Hm."]
    assert texts(kept(session)) == said


def test_an_endpoint_takes_all_that_a_session_sends(session):
    parallel = calls(call("look", {}), call("look", {}))
    with FakeEndpoint(replies=[parallel, "One.", parallel, "Two.", "Three."]) as endpoint:
        anna = Agent(ChatModel("fake", base_url=endpoint.base_url), tools=[look])
        for prompt in "123":
            anna.run_sync(prompt, session=session)
    endpoint.assert_complete()
    assert len(kept(session)) == 12
