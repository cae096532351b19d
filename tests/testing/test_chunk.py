"""A completion cut into chunks adds up to itself."""

from agentkit.testing.chunk import chunked, event
from agentkit.testing.reply import call, calls, completion


def deltas(message, count=None):
    whole = completion(message, {"model": "m"}, number=1, size=40)
    return [chunk["choices"][0]["delta"] for chunk in chunked(whole, count=count)]


def test_a_text_comes_after_the_role_word_by_word():
    opening = {"role": "assistant", "content": "", "refusal": None}
    assert deltas("Hi there.") == [opening, {"content": "Hi"}, {"content": " there"}, {"content": "."}, {}]


def test_a_text_is_cut_in_equal_parts_when_their_number_is_given():
    assert [delta["content"] for delta in deltas("abcdef", count=2)[1:-1]] == ["abc", "def"]


def test_logprobs_come_once():
    whole = completion("Hi there.", {"model": "m"}, number=1, size=40)
    whole["choices"][0]["logprobs"] = {"content": [{"token": "Hi", "logprob": -1}]}
    told = [chunk["choices"][0]["logprobs"] for chunk in chunked(whole)]
    assert told == [{"content": [{"token": "Hi", "logprob": -1}]}, None, None, None, None]


def test_calls_are_named_first_and_spelt_then():
    made = [delta["tool_calls"][0] for delta in deltas(calls(call("f", {"a": 1}), call("g"))) if "tool_calls" in delta]
    assert made[0] == {
        "index": 0,
        "id": "call_1_0_0",
        "type": "function",
        "function": {"name": "f", "arguments": ""},
    }
    assert [one["function"] for one in made[1:-2]] == [{"arguments": part} for part in ('{"', "a", '":', "1", "}")]
    assert [(one["index"], one["function"]["arguments"]) for one in made[-2:]] == [(1, ""), (1, "{}")]


def test_a_custom_call_spells_its_input():
    custom = {"tool_calls": [{"type": "custom", "custom": {"name": "sh", "input": "ls -l"}}]}
    made = [delta["tool_calls"][0]["custom"] for delta in deltas(custom) if "tool_calls" in delta]
    assert made == [{"name": "sh", "input": ""}, {"input": "ls"}, {"input": " -"}, {"input": "l"}]


def test_a_placeholder_for_a_call_is_one_delta():
    parts = chunked({"choices": [{"index": 0, "message": {"role": "assistant", "tool_calls": [{}]}}]})
    assert [part["choices"][0]["delta"] for part in parts] == [{"role": "assistant"}, {"tool_calls": [{}]}, {}]


def test_refusals_and_other_fields_come_before_the_text():
    seen = deltas({"content": "Hi", "refusal": "No.", "reasoning": "Hm", "audio": {"id": "a"}})
    assert seen[1:-1] == [
        {"refusal": "No"},
        {"refusal": "."},
        {"reasoning": "Hm"},
        {"audio": {"id": "a"}},
        {"content": "Hi"},
    ]


def test_usage_is_null_until_the_last_chunk_and_only_when_asked_for():
    whole = completion("Hi", {"model": "m"}, number=1, size=40)
    told = chunked(whole, usage=True)
    assert [chunk["usage"] and chunk["usage"]["total_tokens"] for chunk in told] == [None, None, None, 11]
    assert all("usage" not in chunk for chunk in chunked(whole))


def test_an_error_is_one_chunk():
    assert chunked({"error": {"message": "no"}}) == [{"error": {"message": "no"}}]


def test_an_event_is_one_line_of_json():
    assert event({"a": "é\n"}) == 'data: {"a":"é\\n"}\n\n'.encode()
