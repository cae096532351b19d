"""A model that says what a script says, and refuses what the script or the contract does not allow."""

import asyncio

import pytest

from agentkit.errors import InvalidRequestError, RateLimitError, ScriptError
from agentkit.testing.reply import call, calls, completion
from agentkit.testing.scripted import ScriptedModel
from agentkit.wire.merge import merge
from agentkit.wire.request import ChatRequest
from agentkit.wire.response import ChatCompletion

ASK = ChatRequest.parse({"messages": [{"role": "user", "content": "Hello"}]})


def complete(model, request=ASK):
    return asyncio.run(model.complete(request))


async def streamed(model, request=ASK):
    return [chunk async for chunk in model.stream(request)]


def test_replies_come_in_order_and_requests_are_kept():
    model = ScriptedModel(["one", call("now"), "two"], name="scripted-1")
    assert complete(model).message.content == "one"
    assert complete(model).message.tool_calls[0].function.name == "now"
    whole = complete(model)
    assert (whole.message.content, whole.model, model.name) == ("two", "scripted-1", "scripted-1")
    assert model.requests == [ASK] * 3
    model.assert_complete()


def test_a_stream_adds_up_to_the_reply():
    batch = calls(call("now", id="a"), call("add", {"a": 1}, id="b"), content="Let me see.")
    chunks = asyncio.run(streamed(ScriptedModel([batch])))
    assert len(chunks) > 5
    streamed_reply, whole = merge(chunks), complete(ScriptedModel([batch]))
    assert streamed_reply.message.to_history() == whole.message.to_history()
    assert streamed_reply.usage == whole.usage
    assert streamed_reply.choices[0].finish_reason == whole.choices[0].finish_reason == "tool_calls"


def test_an_error_of_the_script_is_raised():
    model = ScriptedModel([RateLimitError("slow down"), RateLimitError("slow down")])
    with pytest.raises(RateLimitError):
        complete(model)
    with pytest.raises(RateLimitError):
        asyncio.run(streamed(model))


def test_a_reply_may_be_a_function_of_the_request_and_a_whole_completion():
    whole = ChatCompletion.parse(completion("whole", {"model": "m"}, number=1, size=4))
    model = ScriptedModel([lambda request: request.messages[0].content.upper(), lambda request: whole, whole])
    assert [complete(model).message.content for _ in range(3)] == ["HELLO", "whole", "whole"]


def test_a_script_that_is_used_up_is_an_error():
    model = ScriptedModel(["one"])
    complete(model)
    with pytest.raises(ScriptError) as caught:
        complete(model)
    assert str(caught.value) == (
        "ScriptedModel: the script is used up; request 2 came after its last reply, its last message: 'Hello'. "
        "Add a reply, or find out why more was asked."
    )


def test_replies_that_were_not_asked_for_are_an_error():
    model = ScriptedModel(["one", "two"])
    complete(model)
    with pytest.raises(ScriptError) as caught:
        model.assert_complete()
    assert str(caught.value) == (
        "ScriptedModel: 1 replies of the script were not asked for; 1 requests came. "
        "Shorten the script, or find out why less was asked."
    )


def test_a_request_that_breaks_the_contract_is_refused_and_takes_no_reply():
    model = ScriptedModel(["one"])
    dangling = [
        {"role": "user", "content": "x"},
        {"role": "assistant", "tool_calls": call("now", id="c")["tool_calls"]},
    ]
    with pytest.raises(InvalidRequestError) as caught:
        complete(model, ChatRequest.parse({"messages": dangling}))
    assert str(caught.value) == (
        "The tool calls c have no result. Add a tool message for each call before the next message."
    )
    assert complete(model).message.content == "one"
