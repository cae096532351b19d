"""What differs between two requests and two histories, as people read it."""

import pytest

from agentkit.durable.divergence import Divergence, excerpts, message_difference, request_difference


def tool(name="look", **changes):
    parameters = {
        "type": "object",
        "properties": {"city": {"type": "string", "description": "The city."}},
        "required": ["city"],
    }
    return {
        "type": "function",
        "function": {"name": name, "description": "Look.", "parameters": parameters, **changes},
    }


def request(*tools, **fields):
    return {"messages": [{"role": "system", "content": "Be brief."}], "tools": [*tools], **fields}


def parameters(**properties):
    return {"type": "object", "properties": properties, "required": ["city"]}


CITY = {"type": "string", "description": "The city."}


@pytest.mark.parametrize(
    ("today", "where", "what", "recorded", "now"),
    [
        (tool(description="Look!"), "tool", "the tool 'look' differs in `description`.", "Look.", "Look!"),
        (tool(strict=True), "tool", "the tool 'look' differs in `strict`.", None, "true"),
        (
            tool(parameters=parameters(city={**CITY, "type": "integer"})),
            "tool",
            "the parameter 'city' of the tool 'look' differs in `type`.",
            "string",
            "integer",
        ),
        (
            tool(parameters=parameters(city=CITY, unit={"type": "string"})),
            "tool",
            "the parameter 'unit' of the tool 'look' is new.",
            None,
            '{"type":"string"}',
        ),
        (
            tool(parameters=parameters()),
            "tool",
            "the parameter 'city' of the tool 'look' is gone.",
            '{"type":"string","description":"The city."}',
            None,
        ),
        (
            tool(parameters={**parameters(city=CITY), "required": []}),
            "tool",
            "the schema of the tool 'look' differs in `required`.",
            '["city"]',
            "[]",
        ),
        (tool("gaze"), "tool", "the tool 'look' is offered no more.", "look", "gaze"),
    ],
)
def test_a_tool_is_compared_down_to_the_keyword_of_a_parameter(today, where, what, recorded, now):
    found = request_difference(request(tool()), request(today))
    assert (found.where, found.what, found.recorded, found.today) == (where, what, recorded, now)


def test_a_nested_parameter_is_named_by_its_path():
    def nested(type_):
        inner = {"type": "object", "properties": {"properties": {"type": type_}}}
        listed = {"type": "array", "items": inner}
        return tool(parameters=parameters(city=CITY, places=listed))

    found = request_difference(request(nested("string")), request(nested("number")))
    assert found.what == "the parameter 'places.items.properties' of the tool 'look' differs in `type`."


def test_tools_that_are_new_or_in_another_order_are_told():
    new = request_difference(request(tool()), request(tool(), tool("gaze")))
    assert (new.what, new.recorded, new.today) == ("the tool 'gaze' is new.", "look", "look, gaze")
    order = request_difference(request(tool(), tool("gaze")), request(tool("gaze"), tool()))
    assert (order.what, order.recorded, order.today) == (
        "the tools come in another order.",
        "look, gaze",
        "gaze, look",
    )


def test_instructions_come_before_tools_and_tools_before_settings():
    today = {**request(tool("gaze"), temperature=1), "messages": []}
    assert request_difference(request(tool()), today).what == "the instructions differ."
    assert request_difference(request(tool()), request(tool("gaze"), temperature=1)).where == "tool"
    found = request_difference(request(tool(), temperature=0.5), request(tool()))
    assert (found.where, found.what, found.recorded, found.today) == (
        "settings",
        "the setting 'temperature' differs.",
        "0.5",
        None,
    )


def test_the_outputs_schema_is_compared_by_its_fields():
    def asked(schema):
        form = {"type": "json_schema", "json_schema": {"name": "Receipt", "schema": schema}}
        return request(response_format=form)

    one = {"type": "object", "properties": {"total": {"type": "integer"}}}
    other = {"type": "object", "properties": {"total": {"type": "number"}}}
    found = request_difference(asked(one), asked(other))
    assert (found.where, found.what) == ("output", "the field 'total' of the output differs in `type`.")
    closed = request_difference(asked(one), asked({**one, "additionalProperties": False}))
    assert closed.what == "the schema of the output differs in `additionalProperties`."
    text = request_difference(asked(one), request())
    assert text.what == "the form in which the output is asked for is gone."


def test_a_message_is_named_by_place_and_role():
    said = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes?"}]
    other = [said[0], {"role": "assistant", "content": "No!"}]
    found = message_difference(said, other, begin=2)
    assert (found.what, found.recorded, found.today) == (
        "message 4, of the role assistant, differs.",
        "Yes?",
        "No!",
    )
    assert message_difference(said, said[:1]).what == "message 2, of the role assistant, is gone."
    assert message_difference(said[:1], said).what == "message 2, of the role assistant, is new."
    assert message_difference(said, said) is None


def test_numbers_that_are_equal_are_the_same_and_a_bool_is_no_number():
    assert request_difference(request(temperature=1), request(temperature=1.0)) is None
    assert request_difference({"logprobs": True}, {"logprobs": 1}) is not None


def test_texts_are_cut_around_the_first_character_that_differs():
    one, other = "a" * 100 + "b" + "c" * 200, "a" * 100 + "d" + "c" * 200
    begin, end = "a" * 30, "c" * 89
    assert excerpts(one, other) == (f"...{begin}b{end}...", f"...{begin}d{end}...")
    assert excerpts("same", "same and more") == ("same", "same and more")
    assert excerpts(None, "new") == ("(nothing)", "new")


def test_what_a_terminal_would_obey_is_shown_as_an_escape():
    assert excerpts("a\x1b[31m\n\x7f\u202e", "b") == ("a\\u001b[31m\\n\\u007f\\u202e", "b")


def test_a_divergence_names_turn_and_sub_run():
    whole = Divergence("order", 2, "instructions", "the instructions differ.", "Be brief.", "Be kind.")
    assert str(whole) == "Turn 2: the instructions differ.\n  recorded: Be brief.\n  today:    Be kind."
    below = Divergence("order/call_1", 1, "handoff", "the run is handed over.")
    assert str(below) == "Turn 1 of the sub-run order/call_1: the run is handed over."
