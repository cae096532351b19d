import json
from datetime import UTC, datetime

import pytest

from agentkit.errors import UnsupportedRequestError
from agentkit.local.dialogue import answer
from agentkit.local.reading import Call, Response, Turn

NOW = datetime(2025, 3, 14, 9, 5, tzinfo=UTC)
SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
DESCRIBED = {"type": "object", "properties": {"name": {"type": "string", "description": "It."}}, "required": ["name"]}


def play(request, *responses):
    """Answer a request with the responses in turn; give the readings and the reply."""
    conversation = answer(request, NOW)
    readings, left = [], list(responses)
    try:
        reading = next(conversation)
        while True:
            readings.append(reading)
            reading = conversation.send(left.pop(0))
    except StopIteration as done:
        assert not left, "more responses than readings"
        return readings, done.value


def calls(*made, confidence=0.9, **extra):
    return Response(tuple(Call(name, arguments) for name, arguments in made), confidence, "because", **extra)


def offered(reading):
    return [tool["name"] for tool in json.loads(reading.tools)]


def wants(schema, **extra):
    return {"type": "json_schema", "json_schema": {"name": "City", "schema": schema, **extra}}


def test_without_tools_nothing_is_asked(ask):
    readings, reply = play(ask("Hello"))
    assert readings == []
    assert reply.content.startswith("I am a small embedded model")


def test_two_calls_of_one_reply(ask, tool):
    request = ask("Weather in Oslo and Rome?", tools=[tool("get_weather", city="A city.")])
    readings, reply = play(request, calls(("get_weather", {"city": "Oslo"}), ("get_weather", {"city": "Rome"})))
    assert readings[0].turns == (Turn("Weather in Oslo and Rome?"),)
    assert reply.calls == (Call("get_weather", {"city": "Oslo"}), Call("get_weather", {"city": "Rome"}))
    assert (reply.confidence, reply.reasoning) == (0.9, "because")


def test_a_record_is_read_out_of_a_text_that_says_no(ask):
    request = ask("Ann does not want the newsletter.", response_format=wants(SCHEMA))
    _, reply = play(request, calls(("city", {"name": "Ann"}), negated=True))
    assert json.loads(reply.content) == {"name": "Ann"}


def test_without_parallel_calls_the_first_is_made(ask, tool):
    request = ask("Weather?", tools=[tool("f", city=".")], parallel_tool_calls=False)
    _, reply = play(request, calls(("f", {"city": "Oslo"}), ("f", {"city": "Rome"})))
    assert reply.calls == (Call("f", {"city": "Oslo"}),)


def test_instructions_are_told_as_facts(ask, tool):
    request = ask({"role": "system", "content": "The user lives in Oslo."}, "Weather?", tools=[tool("f")])
    readings, _ = play(request, calls(("f", {})))
    assert readings[0].system == "The user lives in Oslo."


def test_the_date_is_told_where_the_question_counts_from_it(ask, tool):
    readings, _ = play(ask("Remind me tomorrow", tools=[tool("f")]), calls(("f", {})))
    assert readings[0].system == "date: 2025-03-14 Fri 09:05"


def test_words_that_only_sound_like_a_time_are_none(ask, tool):
    readings, _ = play(ask("Where is my last order, and what is this thing?", tools=[tool("f")]), calls())
    assert readings[0].system == ""


def test_a_date_in_the_instructions_is_not_told_twice(ask, tool):
    request = ask({"role": "system", "content": "date: 2020-01-01"}, "Remind me tomorrow", tools=[tool("f")])
    readings, _ = play(request, calls(("f", {})))
    assert readings[0].system == "date: 2020-01-01"


def test_a_doubtful_call_is_not_made_but_named(ask, tool):
    _, reply = play(ask("Weather?", tools=[tool("f", city=".")]), calls(("f", {"city": "it"}), confidence=0.3))
    assert reply.calls == ()
    assert 'I would have called f(city="it"), with a confidence of 0.30' in reply.content


def test_no_fitting_tool_is_said_at_once(ask, tool):
    readings, reply = play(ask("Sing", tools=[tool("f"), tool("g")]), calls(confidence=0.9))
    assert len(readings) == 1
    assert reply.content.startswith("None of the tools fits")


def test_of_doubted_steps_the_first_is_asked_for_alone(ask, tool):
    request = ask("Find Ada and list her orders", tools=[tool("find", name="."), tool("orders", id=".")])
    both = calls(("find", {"name": "Ada"}), ("orders", {"id": "Ada"}), confidence=0.2)
    readings, reply = play(request, both, calls(("find", {"name": "Ada"})))
    assert [offered(reading) for reading in readings] == [["find", "orders"], ["find"]]
    assert reply.calls == (Call("find", {"name": "Ada"}),)


def test_then_the_first_clause_is_asked_for(ask, tool):
    request = ask("Find Ada, then list her orders", tools=[tool("find", name="."), tool("orders", id=".")])
    both = calls(("find", {"name": "Ada"}), ("orders", {"id": "Ada"}), confidence=0.2)
    readings, reply = play(request, both, calls(confidence=0.9), calls(("find", {"name": "Ada"})))
    assert readings[2].turns == (Turn("Find Ada"),)
    assert reply.calls == (Call("find", {"name": "Ada"}),)


def test_for_a_doubted_call_the_other_tools_may_find_what_it_lacks(ask, tool):
    request = ask("Weather where I am?", tools=[tool("weather", city="."), tool("my_city")])
    readings, reply = play(request, calls(("weather", {"city": ""}), confidence=0.3), calls(("my_city", {})))
    assert [offered(reading) for reading in readings] == [["weather", "my_city"], ["my_city"]]
    assert reply.calls == (Call("my_city", {}),)


def test_a_place_that_may_be_two_is_asked_for_under_another_name(ask, tool):
    request = ask("Weather in Beijing and in Oslo?", tools=[tool("f", location=".")])
    apart = calls(("f", {"location_name": "Beijing"}), ("f", {"location_name": "Oslo"}))
    _, reply = play(request, calls(("f", {"location": "Beijing and in Oslo"})), apart)
    assert reply.calls == (Call("f", {"location": "Beijing"}), Call("f", {"location": "Oslo"}))


def test_a_place_that_is_one_after_all_stays(ask, tool):
    request = ask("Weather in Trinidad and Tobago?", tools=[tool("f", location=".")])
    one = calls(("f", {"location_name": "Trinidad and Tobago"}))
    _, reply = play(request, calls(("f", {"location": "Trinidad and Tobago"})), one)
    assert reply.calls == (Call("f", {"location": "Trinidad and Tobago"}),)


def test_a_later_question_is_asked_after_the_earlier_ones(ask, tool, called):
    past = ["Weather in Oslo?", *called(("f", {"city": "Oslo"}, "4 C")), {"role": "assistant", "content": "4 C"}]
    readings, reply = play(ask(*past, "And in Rome?", tools=[tool("f", city=".")]), calls(("f", {"city": "Rome"})))
    assert readings[0].turns == (Turn("Weather in Oslo?", '["4 C"]'), Turn("And in Rome?"))
    assert reply.calls == (Call("f", {"city": "Rome"}),)


def test_a_later_question_that_is_doubted_is_asked_alone(ask, tool):
    request = ask("Hi", {"role": "assistant", "content": "Hi"}, "Weather in Rome?", tools=[tool("f", city=".")])
    doubted = calls(("f", {"city": "Hi"}), confidence=0.2)
    readings, reply = play(request, doubted, calls(("f", {"city": "Rome"})))
    assert readings[1].turns == (Turn("Weather in Rome?"),)
    assert reply.calls == (Call("f", {"city": "Rome"}),)


def test_the_second_step_is_asked_with_the_result_of_the_first(ask, tool, called):
    tools = [tool("capital", country="."), tool("weather", city=".")]
    request = ask("Weather in the capital of Norway?", *called(("capital", {"country": "Norway"}, "Oslo")), tools=tools)
    readings, reply = play(request, calls(("weather", {"city": "Oslo"})))
    assert readings[0].turns == (Turn("Weather in the capital of Norway?\nOslo"),)
    assert reply.calls == (Call("weather", {"city": "Oslo"}),)


def test_a_call_already_made_is_not_made_again_and_the_unused_tools_are_asked_for(ask, tool, called):
    tools = [tool("capital", country="."), tool("weather", city=".")]
    request = ask("Weather in the capital of Norway?", *called(("capital", {"country": "Norway"}, "Oslo")), tools=tools)
    readings, reply = play(request, calls(("capital", {"country": "Oslo"})), calls(("weather", {"city": "Oslo"})))
    assert offered(readings[1]) == ["weather"]
    assert reply.calls == (Call("weather", {"city": "Oslo"}),)


def test_when_every_tool_has_answered_nothing_more_is_asked(ask, tool, called):
    request = ask("Weather in Oslo?", *called(("f", {"city": "Oslo"}, "4 C")), tools=[tool("f", city=".")])
    readings, reply = play(request)
    assert readings == []
    assert reply.content == (
        'f(city="Oslo"): 4 C\n(Put together from the tools\' results by a template; this model writes no prose.)'
    )


def test_a_next_step_without_news_is_no_next_step(ask, tool, called):
    tools = [tool("weather", city="."), tool("time", city=".")]
    request = ask("Weather in Oslo?", *called(("weather", {"city": "Oslo"}, "4 C in Oslo")), tools=tools)
    again = calls(("time", {"city": "Oslo"}))
    _, reply = play(request, again, again)
    assert reply.calls == ()
    assert "time" not in reply.content


def test_with_tool_choice_none_no_tool_is_called(ask, tool):
    readings, reply = play(ask("Weather?", tools=[tool("f")], tool_choice="none"))
    assert readings == []
    assert reply.calls == ()


def test_with_tool_choice_required_a_doubtful_call_is_made(ask, tool):
    request = ask("Weather?", tools=[tool("f", city=".")], tool_choice="required")
    _, reply = play(request, calls(("f", {"city": "x"}), confidence=0.1))
    assert reply.calls == (Call("f", {"city": "x"}),)


def test_with_tool_choice_required_and_no_call_at_all_it_says_so(ask, tool):
    _, reply = play(ask("Sing", tools=[tool("f")], tool_choice="required"), calls())
    assert reply.content.startswith("None of the tools fits")


@pytest.mark.parametrize(
    "choice",
    [
        {"type": "function", "function": {"name": "g"}},
        {
            "type": "allowed_tools",
            "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "g"}}]},
        },
        "g",
    ],
)
def test_a_named_tool_is_the_only_one_offered(ask, tool, choice):
    readings, reply = play(
        ask("Go", tools=[tool("f"), tool("g")], tool_choice=choice), calls(("g", {}), confidence=0.1)
    )
    assert offered(readings[0]) == ["g"]
    assert reply.calls == (Call("g", {}),)


def test_a_record_is_read_out_of_the_text(ask):
    request = ask("I love Oslo.", response_format=wants(SCHEMA, description="A city."))
    readings, reply = play(request, calls(("city", {"name": "Oslo"})))
    assert json.loads(readings[0].tools) == [{"name": "City", "description": "A city.", "parameters": SCHEMA}]
    assert json.loads(reply.content) == {"name": "Oslo"}
    assert reply.refusal is None


def test_a_doubted_record_is_asked_for_in_another_way(ask):
    doubted = calls(("City", {"name": "Oslo"}), confidence=0.3)
    readings, reply = play(ask("I love Oslo.", response_format=wants(DESCRIBED)), doubted, doubted)
    assert "description" not in json.loads(readings[1].tools)[0]["parameters"]["properties"]["name"]
    assert json.loads(reply.content) == {"name": "Oslo"}
    assert reply.confidence == 0.3


def test_a_record_without_descriptions_is_asked_for_by_a_request_to_log_it(ask):
    doubted, other = (
        calls(("City", {"name": "I"}), confidence=0.3),
        calls(("save_City", {"name": "Oslo"}), confidence=0.4),
    )
    readings, reply = play(ask("I love Oslo.", response_format=wants(SCHEMA)), doubted, other)
    assert readings[1].turns == (Turn("Log this City: I love Oslo."),)
    assert reply.content is None
    assert reply.refusal.startswith('I am not sure enough of what I read: City(name="Oslo"), with a confidence of 0.40')


def test_no_record_is_a_refusal(ask):
    _, reply = play(ask("Hello", response_format=wants(SCHEMA)), calls(), calls())
    assert reply.refusal.startswith("I found no City")


def test_a_record_that_the_last_words_lack_is_looked_for_before_them(ask):
    request = ask(
        "I love Oslo.", {"role": "assistant", "content": "{}"}, "Again, please.", response_format=wants(SCHEMA)
    )
    readings, reply = play(request, calls(), calls(), calls(("City", {"name": "Oslo"})))
    assert readings[2].turns == (Turn("I love Oslo.\nAgain, please."),)
    assert json.loads(reply.content) == {"name": "Oslo"}


def test_tools_come_before_the_record_and_their_results_are_read(ask, tool, called):
    request = ask("Where am I?", *called(("here", {}, "Oslo")), tools=[tool("here")], response_format=wants(SCHEMA))
    readings, reply = play(request, calls(("City", {"name": "Oslo"})))
    assert readings[0].turns == (Turn("Where am I?\nOslo"),)
    assert json.loads(reply.content) == {"name": "Oslo"}


def test_json_without_a_schema_is_refused(ask):
    with pytest.raises(UnsupportedRequestError) as caught:
        play(ask("Write JSON", response_format={"type": "json_object"}))
    assert str(caught.value) == (
        "The embedded model writes JSON only by a schema, and response_format is 'json_object'. "
        "Use json_schema with the schema of what you want."
    )


def test_an_open_map_is_refused(ask):
    with pytest.raises(UnsupportedRequestError) as caught:
        play(ask("a is 1", response_format=wants({"type": "object", "additionalProperties": {"type": "integer"}})))
    assert str(caught.value) == (
        "The embedded model fills in named properties, and the schema of 'City' names none: it is an open map. "
        "Give a type with fields, or a list of entries with a key and a value, or use another model."
    )


def test_a_wrapped_list_is_asked_for_by_a_telling_name(ask):
    schema = {"type": "object", "properties": {"response": {"type": "array", "items": {"type": "string"}}}}
    request = ask("Oslo, Bergen", response_format=wants({**schema, "required": ["response"]}))
    readings, reply = play(request, calls(("City", {"items": ["Oslo", "Bergen"]}), ungrounded=("City.items[0]",)))
    assert [*json.loads(readings[0].tools)[0]["parameters"]["properties"]] == ["items"]
    assert json.loads(reply.content) == {"response": ["Oslo", "Bergen"]}


def test_several_choices_are_refused(ask):
    with pytest.raises(UnsupportedRequestError) as caught:
        play(ask("Hello", n=2))
    assert str(caught.value) == (
        "The embedded model gives one choice, always the same for the same request; n=2 was asked for. Leave `n` out."
    )
