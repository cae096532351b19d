"""Windows within a run: what each request shows, that it is valid, and how seldom its beginning changes."""

import asyncio
import json
from itertools import pairwise

import pytest

from agentkit.agent import Agent, Middleware
from agentkit.errors import ConfigurationError
from agentkit.guard import Redact, Window
from agentkit.http import ChatModel
from agentkit.output import OutputSpec
from agentkit.session import LastTokens, LastTurns, Summary
from agentkit.session.window import tokens_of
from agentkit.state import RunLimits, RunState
from agentkit.testing.endpoint import FakeEndpoint
from agentkit.testing.reply import call, calls
from agentkit.testing.scripted import ScriptedModel
from agentkit.tools import tool
from agentkit.wire.check import check_request
from agentkit.wire.message import parse_messages


@tool
async def look(place: int) -> str:
    return f"{place}: {'x' * 1000}"


@tool(approval=True)
async def pay() -> str:
    return "paid"


def looks(count, *rest):
    return [*(call("look", {"place": number}, id=f"c{number}") for number in range(count)), *(rest or ["done"])]


def shown(request):
    """Tell what a request holds: texts in short, calls by their place."""
    found = []
    for message in request.messages:
        if message.role == "assistant" and message.tool_calls:
            found.append(json.loads(message.tool_calls[0].function.arguments)["place"])
        elif message.role != "tool":
            found.append(message.content)
    return found


def tokens(messages):
    return sum(map(tokens_of, messages))


def shared(one, other):
    """Count the messages with which two requests begin alike."""
    return next(
        (place for place, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]),
        min(len(one), len(other)),
    )


class Steered(Middleware):
    """Puts something into the run at one request."""

    def __init__(self, at, text):
        self._at, self._text, self._count = at, text, 0

    async def ask(self, request, run, step, /):
        self._count += 1
        if self._count == self._at:
            run.inject(self._text)
        return await step(request)


def test_200_turns_with_results_of_1_kb_never_send_more_and_every_request_is_valid():
    async def main():
        async with FakeEndpoint(replies=looks(200)) as endpoint, ChatModel("m", base_url=endpoint.base_url) as model:
            agent = Agent(model, tools=[look], instructions="Look.", middleware=[Window(LastTokens(8000))])
            result = await agent.run("Look around.", limits=RunLimits(turns=300))
            assert endpoint.refusals == []
            return result, [parse_messages(request.body["messages"]) for request in endpoint.requests]

    result, requests = asyncio.run(asyncio.wait_for(main(), 60))
    assert len(requests) == 201
    assert len(result.messages) == 402
    assert max(map(tokens, requests)) <= 8000
    assert min(map(tokens, requests[30:])) > 3000
    assert all([m.role for m in sent[:3]] == ["system", "user", "assistant"] for sent in requests[1:])
    assert all(sent[1].content == "Look around." for sent in requests)
    kept = [shared(one, other) == len(one) for one, other in pairwise(requests)]
    assert kept.count(False) < 25  # of 200: the beginning stays for about ten turns


def test_the_same_run_shows_the_same_after_a_pause_in_another_process():
    script = [*looks(30, call("pay", id="p")), *looks(10)]
    agent = Agent(tools=[look, pay], middleware=[Window(LastTokens(4000))])

    async def main():
        first, second = ScriptedModel(script[:31]), ScriptedModel(script[31:])
        state = (await agent.run("x", model=first)).state
        await agent.resume(RunState.from_json(state.to_json()), decisions={"p": True}, model=second)
        return first.requests, second.requests

    first, second = asyncio.run(main())
    before, after = first[-1].messages, second[0].messages
    assert shared(before, after) in (len(before), 1)


def test_last_turns_are_the_last_replies_of_a_run_with_their_results():
    model = ScriptedModel(looks(9))
    Agent(model, tools=[look], instructions="Be brief.", middleware=[Window(LastTurns(4))]).run_sync("x")
    assert [shown(request)[2:] for request in model.requests] == [
        *([], [0], [0, 1], [0, 1, 2], [0, 1, 2, 3]),
        *([2, 3, 4], [2, 3, 4, 5], [4, 5, 6], [4, 5, 6, 7], [6, 7, 8]),
    ]
    assert all(shown(request)[:2] == ["Be brief.", "x"] for request in model.requests)


def test_turns_of_the_history_go_first():
    model = ScriptedModel(looks(3))
    history = [{"role": role, "content": f"{role} {turn}"} for turn in range(3) for role in ("user", "assistant")]
    history.insert(0, {"role": "system", "content": "Be kind."})
    Agent(model, tools=[look], middleware=[Window(LastTurns(3))]).run_sync("x", history=history)
    assert [shown(request) for request in model.requests[::2]] == [
        ["Be kind.", "user 0", "assistant 0", "user 1", "assistant 1", "user 2", "assistant 2", "x"],
        ["Be kind.", "user 2", "assistant 2", "x", 0, 1],
    ]


def test_what_the_user_said_in_the_run_stays():
    model = ScriptedModel(looks(6))
    Agent(model, tools=[look], middleware=[Window(LastTurns(2)), Steered(2, "Hurry.")]).run_sync("x")
    assert shown(model.requests[-1]) == ["x", "Hurry.", 4, 5]


def test_the_last_reply_is_sent_even_where_it_is_too_much():
    model = ScriptedModel(looks(3))
    Agent(model, tools=[look], middleware=[Window(LastTokens(100))]).run_sync("x")
    assert [shown(request) for request in model.requests] == [["x"], ["x", 0], ["x", 1], ["x", 2]]


def test_a_run_without_a_prompt_keeps_what_the_user_said_last():
    model = ScriptedModel(looks(5))
    history = [{"role": "user", "content": "old"}, {"role": "assistant", "content": "yes"}]
    history.append({"role": "user", "content": "new"})
    Agent(model, tools=[look], middleware=[Window(LastTurns(2)), Steered(3, "Hurry.")]).run_sync(None, history=history)
    assert shown(model.requests[-1]) == ["new", "Hurry.", 3, 4]
    assert shown(model.requests[0]) == ["old", "yes", "new"]


def test_what_asks_again_for_the_output_is_sent_after_what_is_shown():
    model = ScriptedModel(looks(6, "no", "3"))
    spec = OutputSpec(int, mode="prompted")
    result = Agent(model, tools=[look], output=spec, middleware=[Window(LastTokens(1200))]).run_sync("x")
    assert result.output == 3
    again = model.requests[-1].messages
    assert again[-2].content == "no"
    assert [message.role for message in again[-2:]] == ["assistant", "user"]
    assert tokens(again) <= 1200
    check_request(model.requests[-1])


def test_images_of_tools_go_with_their_turn():
    @tool
    async def snap(place: int) -> bytes:
        return b"\x89PNG\r\n\x1a\n" + bytes([place]) * 30

    replies = [calls(call("snap", {"place": number}), call("snap", {"place": number})) for number in range(4)]
    model = ScriptedModel([*replies, "done"])
    Agent(model, tools=[snap], middleware=[Window(LastTurns(2))]).run_sync("x")
    roles = [message.role for message in model.requests[-1].messages]
    assert roles == ["user", *(["assistant", "tool", "tool", "user"] * 2)]


def test_a_summary_takes_the_place_of_older_replies_and_stands_with_the_prompt():
    writer = ScriptedModel([f"Notes {number}." for number in range(9)])
    model = ScriptedModel(looks(9))
    window = Window(Summary(writer, keep=2))
    Agent(model, tools=[look], instructions="Be brief.", middleware=[window]).run_sync("What is there?")
    for request in model.requests:
        check_request(request)
    assert [shown(request)[2:] for request in model.requests] == [
        *([], [0], [0, 1], [0, 1, 2], [2, 3], [2, 3, 4]),
        *([4, 5], [4, 5, 6], [6, 7], [6, 7, 8]),
    ]
    last = shown(model.requests[-1])
    assert last[0] == "Be brief."
    assert last[1] == "Notes of the conversation before this message:\n\nNotes 2.\n\n---\n\nWhat is there?"
    assert len(writer.requests) == 3


def test_a_summary_of_the_history_stands_where_it_did_and_one_of_the_run_keeps_what_was_put_in():
    writer = ScriptedModel([f"Notes {number}." for number in range(9)])
    model = ScriptedModel(looks(6))
    history = [{"role": role, "content": f"{role} {turn}"} for turn in range(3) for role in ("user", "assistant")]
    agent = Agent(model, tools=[look], middleware=[Window(Summary(writer, keep=2)), Steered(3, "Hurry.")])
    agent.run_sync("x", history=history)
    notes = "Notes of the conversation before this message:\n\nNotes {}.\n\n---\n\n"
    found = [shown(request) for request in model.requests]
    assert found[::2] == [
        [f"{notes.format(0)}user 2", "assistant 2", "x"],
        [f"{notes.format(0)}user 2", "assistant 2", "x", 0, 1],
        [f"{notes.format(1)}x", 1, 2, "Hurry.", 3],
        ["x", f"{notes.format(2)}Hurry.", 3, 4, 5],
    ]
    for request in model.requests:
        check_request(request)


def test_a_function_decides_alone_and_what_it_gives_is_repaired():
    async def last_two(messages):
        return messages[-2:]

    for window in (last_two, lambda messages: messages[-2:]):
        model = ScriptedModel(looks(3))
        Agent(model, tools=[look], instructions="Be brief.", middleware=[Window(window)]).run_sync("x")
        assert [shown(request) for request in model.requests] == [
            ["Be brief.", "x"],
            *(["Be brief.", n] for n in range(3)),
        ]
        for request in model.requests:
            check_request(request)


def test_the_history_stays_whole_and_other_middleware_go_well_with_it():
    model = ScriptedModel(looks(6))
    middleware = [Redact(), Window(LastTurns(2))]
    result = Agent(model, tools=[look], middleware=middleware).run_sync("I am ann@example.org.")
    assert shown(model.requests[-1]) == ["I am [email 1].", 4, 5]
    assert len(result.messages) == 14
    assert result.messages[0].content == "I am ann@example.org."


def test_a_stream_shows_the_same():
    async def main():
        model = ScriptedModel(looks(6))
        async with Agent(model, tools=[look], middleware=[Window(LastTurns(2))]).stream("x") as stream:
            kinds = [event.type async for event in stream]
        return model.requests, kinds

    requests, kinds = asyncio.run(main())
    assert shown(requests[-1]) == ["x", 4, 5]
    assert "text_delta" in kinds


@pytest.mark.parametrize("given", [8000, None, LastTurns], ids=str)
def test_what_is_no_window_is_refused(given):
    with pytest.raises(ConfigurationError) as caught:
        Window(given)
    assert str(caught.value) == (
        f"Window got {given!r}, which is no window. Give LastTokens(50_000), LastTurns(20), "
        "Summary(model) of agentkit.session, or a function of the messages."
    )
