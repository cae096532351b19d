"""What a cut request cost, estimated: by sizes, by an earlier request's count, by the last usage that was told."""

from agentkit.agent.estimate import estimate
from agentkit.wire.message import UserMessage
from agentkit.wire.request import ChatRequest
from agentkit.wire.response import ChatCompletion


def asked(content):
    return ChatRequest(messages=(UserMessage(content=content),))


def reply(message, usage=None):
    return ChatCompletion.parse({"choices": [{"index": 0, "message": message}], "usage": usage})


EMPTY = len(asked("").encode())


def test_without_anything_known_four_bytes_are_a_token():
    usage = estimate(asked("x" * (400 - EMPTY)), None, None)
    assert usage.to_dict() == {
        "prompt_tokens": 100,
        "completion_tokens": 0,
        "total_tokens": 100,
        "estimated": True,
    }


def test_an_earlier_request_with_its_count_tells_how_large_a_token_is():
    known = (asked("x" * (100 - EMPTY)), 50)
    assert estimate(asked("x" * (300 - EMPTY)), known, None).prompt_tokens == 150


def test_all_that_came_counts_text_reasoning_and_calls_of_every_choice():
    message = {
        "content": "12345678",
        "reasoning": "1234",
        "tool_calls": [{"id": "c", "type": "function", "function": {"name": "abcd", "arguments": '{"a":1} '}}],
    }
    assert estimate(asked("x"), None, reply(message)).completion_tokens == (8 + 4 + 4 + 8) // 4
    two = ChatCompletion.parse({"choices": [{"index": n, "message": {"content": "1234"}} for n in range(2)]})
    assert estimate(asked("x"), None, two).completion_tokens == 2
    assert estimate(asked("x"), None, reply({"content": "12345"})).completion_tokens == 2


def test_the_last_usage_that_was_told_counts_where_it_is_more():
    told = {"prompt_tokens": 7, "completion_tokens": 3}
    usage = estimate(asked("x" * 1000), None, reply({"content": "x"}, told))
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (7, 3, 10)
    assert estimate(asked("x"), None, reply({"content": "x" * 400}, told)).completion_tokens == 100
    assert usage.estimated


def test_the_bytes_of_images_are_no_text():
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 100_000}}
    sound = {"type": "input_audio", "input_audio": {"data": "A" * 100_000, "format": "wav"}}
    request = ChatRequest.parse({"messages": [{"role": "user", "content": [image, sound]}]})
    assert estimate(request, None, None).prompt_tokens < 100
