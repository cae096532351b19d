"""What a cut request cost, estimated: by sizes, by an earlier request's count, by the last usage that was told."""

import pytest

from agentkit.agent.estimate import Ratios, at_most, estimate, image_of
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


WORDS = ("The quick brown fox " * 20, "Die Katze liegt auf dem Dach und schnurrt. " * 9)


def test_words_are_half_a_token_a_byte_and_all_else_three_quarters_where_nothing_is_known():
    empty = at_most(told(""), None, 0.5)
    assert at_most(told("abc " * 100), None, 0.5) - empty == 200
    for text in ("1234" * 100, "[{:," * 100, "\u00e9\u00e9" * 100):  # digits, marks, letters beyond ASCII
        assert at_most(told(text), None, 0.5) - empty == 300
        assert at_most(told(text), None, 1 / 3) > 300 > at_most(told("abc " * 100), None, 1 / 3)


# As the tokenizers cl100k, o200k, of Claude 2 and of DeepSeek V3 count them, the most of each.
@pytest.mark.parametrize(
    ("text", "counted"),
    [
        ("-33.1,72.9,8.05,-61.44,0.7,15.38\n" * 10, 250),
        ('{"a":1,"b":2,"c":[1,2]},' * 10, 151),
        ("d41d8cd98f00b204e9800998ecf8427e\n" * 10, 200),
        ("\u4eba\u5de5\u667a\u80fd\u6b63\u5728\u6539\u53d8\u6211\u4eec\u7684\u751f\u6d3b" * 10, 120),
        ("\U0001f600\U0001f389\U0001f680\u2764\ufe0f" * 10, 110),
    ],
)
def test_what_a_model_was_seen_to_have_of_words_says_nothing_of_other_texts(text, counted):
    ratios = Ratios()
    for words in WORDS:
        ratios.learn("m", told(words), len(words) // 4)
    assert at_most(told(text), None, ratios.of("m")) > counted


def test_tools_the_format_of_the_output_and_a_body_of_ones_own_are_part_of_a_prompt():
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    plain = {"messages": [{"role": "user", "content": "x"}]}
    form = {"type": "json_schema", "json_schema": {"name": "x" * 100, "schema": {"type": "object"}}}
    asked = {"tools": [tool]}, {"response_format": form}
    sizes = [at_most(ChatRequest.parse(plain | more), None, 0.5) for more in ({}, *asked)]
    sizes.append(at_most(told("x", extra_body={"documents": ["x" * 200]}), None, 0.5))
    assert [size - sizes[0] > least for size, least in zip(sizes[1:], (45, 60, 100), strict=True)] == [True] * 3


def test_where_a_request_goes_on_from_one_that_was_counted_only_what_is_new_is_estimated():
    first, second = told("x" * 4000), told("x" * 4000, "y" * 100)
    new = at_most(told("y" * 100), None, 0.5)
    assert at_most(second, (first, 77), 0.1) == 77 + new
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
    assert 5000 + 1000 + 5000 < at_most(request, None, 0.5) < 5000 + 1000 + 5000 + 100
    mini = image_of("openai/gpt-4o-mini-2024-07-18")
    assert (mini, image_of("gpt-4o")) == (48_169, 5000)
    assert at_most(request, None, 0.5, mini) - at_most(request, None, 0.5) == 43_169
    ratios = Ratios()
    ratios.learn("m", request, 10**6)
    assert ratios.of("m") == 0.5
