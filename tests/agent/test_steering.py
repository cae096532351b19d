"""Messages put into a run while it goes: when they are sent, that none is lost, and what is refused."""

import asyncio
import threading

import pytest

from agentkit.agent import Agent, AttemptFailed, MessageInjected, Middleware, ReplyReceived
from agentkit.agent.event import OutputAsked, ToolCallReady
from agentkit.agent.steering import Steering
from agentkit.errors import InvalidRequestError, LimitExceededError, RateLimitError, RunError
from agentkit.output import OutputSpec
from agentkit.session import SqliteStore
from agentkit.state import RunLimits, RunState
from agentkit.testing.reply import call, calls
from agentkit.testing.scripted import ScriptedModel
from agentkit.tools import tool
from agentkit.wire.check import check_request
from agentkit.wire.message import UserMessage
from agentkit.wire.request import ChatRequest


@tool
async def add(a: int, b: int) -> int:
    return a + b


@tool(approval=True)
async def pay() -> str:
    return "paid"


def roles(messages):
    return [message.role for message in messages]


def texts(request):
    return [message.content for message in request.messages if message.role == "user"]


class Injecting(Middleware):
    """Puts a text into the run during the request, or during the call, of that number."""

    def __init__(self, **when):
        self._when, self._asked, self._called = when, 0, 0

    async def ask(self, request, run, step, /):
        self._asked += 1
        if text := self._when.get(f"ask{self._asked}"):
            run.inject(text)
        return await step(request)

    async def call(self, call, run, step, /):
        self._called += 1
        if text := self._when.get(f"call{self._called}"):
            run.inject(text)
        return await step(call)


def test_before_the_first_request_it_follows_the_prompt():
    async def main():
        model = ScriptedModel(["done"])
        stream = Agent(model).stream("first")
        stream.inject("second")
        async with stream:
            stream.inject(["third"])
            events = [event async for event in stream]
        return model.requests, stream.result, events

    (request,), result, events = asyncio.run(main())
    assert roles(request.messages) == ["user"] * 3
    assert [one.message.content for one in events if isinstance(one, MessageInjected)] == [
        "second",
        request.messages[2].content,
    ]
    assert roles(result.new_messages) == ["user", "user", "user", "assistant"]


def test_during_tools_it_follows_their_results():
    model = ScriptedModel([calls(call("add", {"a": 1, "b": 2}), call("add", {"a": 3, "b": 4})), "done"])
    result = Agent(model, tools=[add], middleware=[Injecting(call1="and?", call2="well?")]).run_sync("x")
    assert roles(model.requests[1].messages) == ["user", "assistant", "tool", "tool", "user", "user"]
    assert texts(model.requests[1]) == ["x", "and?", "well?"]
    assert result.output == "done"


def test_during_a_request_that_calls_tools_it_waits_for_their_results():
    model = ScriptedModel([call("add", {"a": 1, "b": 2}), "done"])
    Agent(model, tools=[add], middleware=[Injecting(ask1="and?")]).run_sync("x")
    assert roles(model.requests[1].messages) == ["user", "assistant", "tool", "user"]


def test_during_the_last_request_the_run_goes_on_and_the_reply_stays():
    model = ScriptedModel(["done", "done again"])
    result = Agent(model, middleware=[Injecting(ask1="wait!")]).run_sync("x")
    assert result.output == "done again"
    assert [message.content for message in result.messages] == ["x", "done", "wait!", "done again"]
    assert result.turns == 2


def test_while_the_output_is_validated_the_run_goes_on():
    runs = []

    class Keep(Middleware):
        async def ask(self, request, run, step, /):
            runs.append(run)
            return await step(request)

    def validate(output: int) -> int:
        if output == 1:
            runs[-1].inject("twice as much")
        return output

    model = ScriptedModel(["1", "2"])
    spec = OutputSpec(int, mode="prompted", validators=[validate])
    result = Agent(model, output=spec, middleware=[Keep()]).run_sync("x")
    assert result.output == 2
    assert roles(result.messages) == ["user", "assistant", "user", "assistant"]
    assert result.attempts == ()


def test_a_typed_output_by_a_tool_is_taken_back_and_asked_for_again():
    model = ScriptedModel([call("final_result", {"response": 1}), call("final_result", {"response": 2})])
    spec = OutputSpec(int, mode="tool")
    result = Agent(model, output=spec, middleware=[Injecting(ask1="twice as much")]).run_sync("x")
    assert result.output == 2
    assert roles(model.requests[1].messages) == ["user", "assistant", "tool", "user"]
    for request in model.requests:
        check_request(request)


def test_while_the_model_is_asked_again_it_is_sent_after_the_correction_and_kept_without_it():
    model = ScriptedModel(["no", "nor this", "3"])

    class AtAttempt(Middleware):
        async def run(self, state, run, step, /):
            emit = run.watcher

            def watch(event):
                if isinstance(event, AttemptFailed):
                    run.inject(f"after {event.text}")
                emit(event)

            run.watcher = watch
            return await step(state)

    async def main():
        spec = OutputSpec(int, mode="prompted")
        async with Agent(model, output=spec, middleware=[AtAttempt()]).stream("x") as stream:
            _ = [event async for event in stream]
            return stream.result

    result = asyncio.run(main())
    second, third = model.requests[1], model.requests[2]
    assert roles(second.messages)[-4:] == ["user", "assistant", "user", "user"]
    assert [second.messages[-3].content, second.messages[-1].content] == ["no", "after no"]
    assert [third.messages[-4].content, third.messages[-1].content] == ["after no", "after nor this"]
    assert [m.content for m in result.messages] == ["x", "after no", "after nor this", "3"]
    assert len(result.attempts) == 2


def test_where_tools_come_first_they_may_be_called_again():
    class First(ScriptedModel):
        profile = type("P", (), {"formats_with_tools": False, "tool_choices": ("auto",), "output_mode": "native"})()

    model = First(
        [call("add", {"a": 1, "b": 2}), "It is 3.", '{"response": 3}', call("add", {"a": 3, "b": 4}), "7", "7"]
    )
    agent = Agent(model, tools=[add], output=OutputSpec(int, mode="native"), middleware=[Injecting(ask3="and 3 + 4?")])

    async def main():
        async with agent.stream("1 + 2?") as stream:
            return [event async for event in stream], stream.result

    events, result = asyncio.run(main())
    assert result.output == 7
    offered = [bool(request.tools) for request in model.requests]
    assert offered[:4] == [True, True, False, True]
    asked = [event.tools_first for event in events if isinstance(event, OutputAsked)]
    assert asked[:2] == [False, True]


def test_from_another_thread_none_is_lost():
    model = ScriptedModel([*[call("add", {"a": 1, "b": 2}) for _ in range(20)], *["done"] * 200])
    agent = Agent(model, tools=[add], limits=RunLimits(turns=300))
    accepted = []

    async def main():
        stream = agent.stream("x")

        def shout(name):
            for number in range(50):
                try:
                    stream.inject(f"{name} {number}")
                except RunError:
                    return
                accepted.append(f"{name} {number}")

        threads = [threading.Thread(target=shout, args=(name,)) for name in "ab"]
        async with stream:
            for thread in threads:
                thread.start()
            _ = [event async for event in stream]
        for thread in threads:
            await asyncio.to_thread(thread.join)
        return stream.result

    result = asyncio.run(main())
    said = [message.content for message in result.messages if message.role == "user"][1:]
    assert sorted(said) == sorted(accepted)
    for name in "ab":
        assert [one for one in said if one[0] == name] == [one for one in accepted if one[0] == name]


def test_a_sync_stream_takes_messages_too():
    model = ScriptedModel([call("add", {"a": 1, "b": 2}), "done"])
    stream = Agent(model, tools=[add]).stream_sync("x")
    stream.inject("at once")
    with stream:
        assert [event.type for event in stream][-1] == "run_ended"
    assert texts(model.requests[0]) == ["x", "at once"]
    assert stream.result.output == "done"


def test_after_the_end_it_is_an_error():
    async def main():
        async with Agent(ScriptedModel(["done"])).stream("x") as stream:
            _ = [event async for event in stream]
            with pytest.raises(RunError) as caught:
                stream.inject("late")
            assert str(caught.value) == (
                "The run has ended, so that no message reaches it any more. Ask anew with it: "
                "`agent.run(message, history=stream.state.messages)`."
            )
            assert stream.state.injected == ()

    asyncio.run(main())


def test_what_is_no_message_is_refused_at_once():
    stream = Agent(ScriptedModel(["done"])).stream("x")
    with pytest.raises(InvalidRequestError, match="Only what the user says"):
        stream.inject({"role": "system", "content": "x"})


def test_a_pause_takes_it_along_and_a_resumed_run_sends_it_after_the_results():
    model = ScriptedModel([calls(call("pay", id="p"), call("add", {"a": 1, "b": 2}, id="a")), "done"])
    agent = Agent(model, tools=[pay, add], middleware=[Injecting(call1="cheap, please")])

    async def main():
        async with agent.stream("x") as stream:
            _ = [event async for event in stream]
        with pytest.raises(RunError) as caught:
            stream.inject("late")
        assert str(caught.value) == (
            "The run waits for decisions, so that no message reaches it now. Resume it as a stream and put the message "
            "into that: `agent.resume_stream(stream.state, decisions=...)`."
        )
        state = RunState.from_json(stream.result.state.to_json())
        assert [message.content for message in state.injected] == ["cheap, please"]
        return await agent.resume(state, decisions={"p": True})

    result = asyncio.run(main())
    assert roles(model.requests[1].messages) == ["user", "assistant", "tool", "tool", "user"]
    assert texts(model.requests[1]) == ["x", "cheap, please"]
    assert result.state.injected == ()


def test_a_run_that_fails_keeps_it_in_its_state():
    model = ScriptedModel([RateLimitError("slow down"), "done"])
    agent = Agent(model, middleware=[Injecting(ask1="and?")])
    with pytest.raises(RateLimitError) as caught:
        agent.run_sync("x")
    assert [message.content for message in caught.value.state.injected] == ["and?"]
    assert agent.resume_sync(RunState.from_json(caught.value.state.to_json())).output == "done"
    assert texts(model.requests[1]) == ["x", "and?"]


def test_a_limit_before_the_next_request_keeps_it_too():
    model = ScriptedModel([call("add", {"a": 1, "b": 2}), "done"])
    agent = Agent(model, tools=[add], middleware=[Injecting(call1="and?")])
    with pytest.raises(LimitExceededError) as caught:
        agent.run_sync("x", limits=RunLimits(turns=1))
    assert [message.content for message in caught.value.state.injected] == ["and?"]
    agent.resume_sync(caught.value.state, limits=RunLimits(turns=5))
    assert texts(model.requests[1]) == ["x", "and?"]


def test_a_stream_left_before_its_first_step_keeps_it():
    async def main():
        stream = Agent(ScriptedModel(["done"])).stream("x")
        stream.inject("and?")
        async with stream:
            pass
        return stream.state

    assert [message.content for message in asyncio.run(main()).injected] == ["and?"]


def test_in_a_session_it_is_kept_with_the_rest(tmp_path):
    async def main():
        store = SqliteStore(tmp_path / "chat.db")
        session = store.session("s")
        model = ScriptedModel(["done", "done again"])
        await Agent(model, middleware=[Injecting(ask1="and?")]).run("x", session=session)
        kept = await session.load()
        await store.aclose()
        return kept

    assert [message.content for message in asyncio.run(main())] == ["x", "done", "and?", "done again"]


def test_in_a_session_what_a_paused_run_had_is_kept_where_the_user_goes_on(tmp_path):
    async def main():
        store = SqliteStore(tmp_path / "chat.db")
        session = store.session("s")
        model = ScriptedModel([calls(call("pay", id="p"), call("add", {"a": 1, "b": 2}, id="a")), "fine"])
        agent = Agent(model, tools=[pay, add], middleware=[Injecting(call1="cheap, please")])
        await agent.run("x", session=session)
        await agent.run("never mind", session=session)
        kept = await session.load()
        await store.aclose()
        return kept

    kept = asyncio.run(main())
    assert roles(kept) == ["user", "assistant", "tool", "tool", "user", "user", "assistant"]
    assert [m.content for m in kept if m.role == "user"] == ["x", "cheap, please", "never mind"]
    check_request(ChatRequest(messages=kept))


def test_a_middleware_that_lets_the_run_happen_again_may_put_something_in():
    class Twice(Middleware):
        async def run(self, state, run, step, /):
            end = await step(state)
            run.steering.open()
            run.inject("check it")
            return await step(end.state)

    model = ScriptedModel(["done", "checked"])
    result = Agent(model, middleware=[Twice()]).run_sync("x")
    assert [message.content for message in result.messages] == ["x", "done", "check it", "checked"]


def test_events_tell_where_it_was_put_in():
    async def main():
        model = ScriptedModel([call("add", {"a": 1, "b": 2}), "done", "done again"])
        async with Agent(model, tools=[add], middleware=[Injecting(call1="a", ask2="b")]).stream("x") as stream:
            return [event async for event in stream]

    kinds = (ReplyReceived, MessageInjected, ToolCallReady)
    shown = [event.type for event in asyncio.run(main()) if isinstance(event, kinds)]
    assert shown == ["reply", "tool_call_ready", "message_injected", "reply", "message_injected", "reply"]


def test_what_waits_is_shown_and_goes_on_waiting():
    steering = Steering()
    message = UserMessage(content="wait")
    steering.put(message)
    assert steering.waiting == steering.waiting == (message,)
    assert steering.take() == (message,)
    assert steering.waiting == ()
