"""The rules of the replies that no script gives."""

import json

from agentkit.testing.echo import echo


def tool(name, **properties):
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": properties}}}


TOOLS = [tool("weather", city={"type": "string"}), tool("time"), tool("note")]


def names(reply):
    return [one["function"]["name"] for one in reply.get("tool_calls", ())]


def ask(text, *since, **fields):
    return echo({"messages": [{"role": "user", "content": text}, *since], **fields})


def turn(*tools, results=("ok",)):
    calls = [{"id": name, "function": {"name": name}} for name in tools]
    answers = [
        {"role": "tool", "tool_call_id": name, "content": text} for name, text in zip(tools, results, strict=False)
    ]
    return [{"role": "assistant", "tool_calls": calls}, *answers]


def test_without_tools_the_text_comes_back():
    assert ask("Hi")["content"] == "You said: Hi"
    parts = [{"type": "text", "text": "See"}, {"type": "image_url", "image_url": {"url": "x"}}]
    assert ask(parts)["content"] == "You said: See (image_url)"
    assert echo({"messages": [{"role": "system", "content": "Be brief."}]})["content"] == "You said: "


def test_the_first_tool_is_called_with_examples_of_its_schema():
    reply = ask("Hi", tools=TOOLS)
    assert names(reply) == ["weather"]
    assert json.loads(reply["tool_calls"][0]["function"]["arguments"]) == {"city": "example"}


def test_tools_named_in_the_text_are_called_in_its_order():
    assert names(ask("First time, then weather; nothing on notes.", tools=TOOLS)) == ["time", "weather"]


def test_all_tools_are_called_when_asked_for():
    for text in ("Run all tools.", "do it in PARALLEL", "every tool please"):
        assert names(ask(text, tools=TOOLS)) == ["weather", "time", "note"]


def test_results_are_quoted_and_end_the_turn():
    reply = ask("weather and time", *turn("weather", "time", results=("sunny", "noon")), tools=TOOLS)
    assert reply["content"] == "The tools say: sunny; noon"


def test_without_parallel_calls_they_come_one_a_turn():
    made = [ask("weather and time", tools=TOOLS, parallel_tool_calls=False)]
    made.append(ask("weather and time", *turn("weather"), tools=TOOLS, parallel_tool_calls=False))
    made.append(ask("weather and time", *turn("weather"), *turn("time"), tools=TOOLS, parallel_tool_calls=False))
    assert [names(reply) for reply in made] == [["weather"], ["time"], []]


def test_as_many_turns_as_asked_for_call_tools():
    assert names(ask("note in 3 turns", *turn("note"), *turn("note"), tools=TOOLS)) == ["note"]
    assert names(ask("note in 3 turns", *turn("note") * 3, tools=TOOLS)) == []


def test_tool_choice_is_obeyed():
    named = {"type": "function", "function": {"name": "note"}}
    allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [TOOLS[1]]}}
    assert names(ask("weather", tools=TOOLS, tool_choice="none")) == []
    assert names(ask("weather", tools=TOOLS, tool_choice=named)) == ["note"]
    assert names(ask("weather", *turn("note"), tools=TOOLS, tool_choice=named)) == ["note"]
    assert names(ask("weather", tools=TOOLS, tool_choice=allowed)) == ["time"]


def test_a_required_call_after_results_is_one_not_made_yet_and_then_the_last():
    assert names(ask("weather", *turn("weather"), tools=TOOLS, tool_choice="required")) == ["time"]
    every = turn("weather", "time", "note")
    assert names(ask("weather", *every, tools=TOOLS, tool_choice="required")) == ["note"]


def test_a_new_user_message_starts_over():
    since = [*turn("weather"), {"role": "assistant", "content": "ok"}, {"role": "user", "content": "Again."}]
    assert names(ask("weather", *since, tools=TOOLS)) == ["weather"]


def test_json_is_answered_with_json():
    schema = {"type": "object", "properties": {"total": {"type": "number"}}}
    shape = {"type": "json_schema", "json_schema": {"name": "out", "schema": schema}}
    assert json.loads(ask("Hi", response_format=shape)["content"]) == {"total": 1.5}
    assert json.loads(ask("json", response_format={"type": "json_object"})["content"]) == {"answer": "You said: json"}


def test_as_many_words_as_asked_for_are_said():
    assert ask("Say 5000 words")["content"].count("word") == 5000


def test_stop_cuts_the_text_without_the_stop():
    assert ask("one two three", stop="two")["content"] == "You said: one "
    assert ask("one two three", stop=["x", "one"])["content"] == "You said: "


def test_token_limits_cut_text_and_arguments_and_say_so():
    reply = ask("one two three", max_tokens=4)
    assert (reply["content"], reply["finish_reason"]) == ("You said: one", "length")
    reply = ask("weather and time", tools=TOOLS, max_completion_tokens=3)
    assert [one["function"]["arguments"] for one in reply["tool_calls"]] == ['{"city":"', ""]
    assert reply["finish_reason"] == "length"
    assert "finish_reason" not in ask("one two three", max_tokens=100)
