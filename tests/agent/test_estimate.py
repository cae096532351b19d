"""What a cut request cost, estimated: by sizes, by an earlier request's count, by the last usage that was told."""

from agentkit.agent.estimate import Ratios, at_most, estimate
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


def told(*contents, **more):
    return ChatRequest(messages=tuple(UserMessage(content=content) for content in contents), **more)


def test_half_a_token_a_byte_is_the_most_of_a_prompt_of_which_nothing_is_known():
    size = len(asked("x" * 1000).messages[0].encoded)
    assert at_most(asked("x" * 1000), None, Ratios().of("m")) == 16 + -(-size // 2)


def test_tools_and_the_format_of_the_output_are_part_of_a_prompt():
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    plain = ChatRequest.parse({"messages": [{"role": "user", "content": "x"}]})
    equipped = ChatRequest.parse({"messages": [{"role": "user", "content": "x"}], "tools": [tool]})
    assert at_most(equipped, None, 0.5) - at_most(plain, None, 0.5) == -(-len(equipped.tools[0].encoded) // 2)


def test_where_a_request_goes_on_from_one_that_was_counted_only_what_is_new_is_estimated():
    first, second = told("x" * 4000), told("x" * 4000, "y" * 100)
    new = -(-len(second.messages[1].encoded) // 2)
    assert at_most(second, (first, 77), 0.1) == 77 + 16 + new
    assert at_most(told("z" * 4000), (first, 77), 0.5) > 2000
    assert at_most(told("x" * 4000, max_tokens=3), (first, 77), 0.5) == 77 + 16


def test_the_most_tokens_a_byte_that_a_model_was_seen_to_have_are_taken_for_its_next_prompts():
    ratios = Ratios(most=2)
    size = len(asked("x" * 1000).messages[0].encoded)
    ratios.learn("m", asked("x" * 1000), size // 4)
    assert ratios.of("m") == 1 / 3
    ratios.learn("m", asked("x" * 1000), size)
    ratios.learn("m", asked("x" * 1000), size // 10)
    assert ratios.of("m") == 1.2
    for name in ("a", "b"):
        ratios.learn(name, asked("x"), 1)
    assert ratios.of("m") == 0.5  # forgotten: of so many models only the last ones are kept


def test_images_sounds_and_files_are_counted_by_constants_and_teach_nothing():
    parts = [
        {"type": "text", "text": "x"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 100_000}},
        {"type": "input_audio", "input_audio": {"data": "A" * 100_000, "format": "wav"}},
        {"type": "file", "file": {"file_data": "A" * 100_000, "filename": "a.pdf"}},
    ]
    request = ChatRequest.parse({"messages": [{"role": "user", "content": parts}]})
    assert 2500 + 1000 + 5000 < at_most(request, None, 0.5) < 2500 + 1000 + 5000 + 100
    ratios = Ratios()
    ratios.learn("m", request, 10**6)
    assert ratios.of("m") == 0.5
