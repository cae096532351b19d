"""What a script may write, and the completion that is made of it."""

from agentkit.testing.reply import call, calls, completion, words


def test_call_takes_arguments_or_the_raw_text_that_stands_for_them():
    assert call("f", {"a": "é"})["tool_calls"][0]["function"] == {"name": "f", "arguments": '{"a":"é"}'}
    assert call("f", '{"a": ')["tool_calls"][0]["function"]["arguments"] == '{"a": '
    assert call("f")["tool_calls"][0]["function"]["arguments"] == "{}"


def test_calls_joins_several_in_order():
    joined = calls(call("f", id="1"), call("g", id="2"), content="So:")
    assert joined["content"] == "So:"
    assert [(one["id"], one["function"]["name"]) for one in joined["tool_calls"]] == [("1", "f"), ("2", "g")]


def test_words_lose_nothing():
    for text in ("", "Hi", " a  b\n", '{"a": [1, 2.5]}', "東京 ist groß!\t "):
        assert "".join(words(text)) == text


def test_a_message_keeps_its_fields_and_may_name_its_finish_reason():
    made = completion({"content": "x", "finish_reason": "length", "note": 1}, {"model": "m"}, number=1, size=0)
    assert made["choices"][0]["finish_reason"] == "length"
    assert made["choices"][0]["message"]["note"] == 1


def test_a_whole_body_is_kept_as_it_is():
    for body in ({"choices": [], "x": 1}, {"error": {"message": "no"}}):
        assert completion(body, {"model": "m"}, number=1, size=0) == body


def test_every_choice_has_call_ids_of_its_own_and_the_script_is_not_changed():
    script = call("f")
    made = completion(script, {"model": "m", "n": 2}, number=7, size=0)
    assert [choice["message"]["tool_calls"][0]["id"] for choice in made["choices"]] == ["call_7_0_0", "call_7_1_0"]
    made["choices"][0]["message"]["tool_calls"][0]["function"]["name"] = "g"
    assert script == call("f")


def test_usage_counts_words_said_and_quarters_of_bytes_asked():
    usage = completion("one two", {"model": "m", "n": 2}, number=1, size=100)["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (25, 4, 29)
