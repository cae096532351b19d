"""Requests as each profile wants them: said otherwise, left out, or refused by name."""

import pytest

from agentkit.errors import UnsupportedRequestError
from agentkit.http.dialect import choice_form, spell
from agentkit.http.profile import Profile
from agentkit.wire import ChatRequest

HI = {"messages": [{"role": "user", "content": "hi"}]}


def tool(name="f", **fields):
    return {"type": "function", "function": {"name": name, **fields}}


def asked(fields, *, stream=False, **profile):
    """Give the body but for its messages."""
    request = ChatRequest.parse({**HI, **fields})
    spelled = spell(request, Profile(**profile), stream=stream)
    body = ChatRequest.parse(spelled.encode()).to_dict()
    del body["messages"]
    return body


def test_nothing_is_copied_where_nothing_is_to_be_changed():
    request = ChatRequest.parse({**HI, "tools": [tool(strict=True)], "tool_choice": "auto"})
    spelled = spell(request, Profile(), stream=False)
    assert spelled is request
    assert request.stream is None


@pytest.mark.parametrize("wanted", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize("given", ["max_tokens", "max_completion_tokens"])
def test_the_token_limit_has_the_endpoints_name(given, wanted):
    assert asked({given: 5}, max_tokens_field=wanted) == {wanted: 5}


def test_a_limit_is_not_higher_than_the_model_can_use():
    assert asked({"max_tokens": 500}, max_output_tokens=100) == {"max_tokens": 100}
    assert asked({"max_completion_tokens": 500}, max_output_tokens=100) == {"max_tokens": 100}
    assert asked({"max_tokens": 50}, max_output_tokens=100) == {"max_tokens": 50}
    assert asked({}, max_output_tokens=100) == {}


def test_usage_is_asked_of_streams_only_and_not_where_that_is_refused():
    assert asked({}) == {}
    assert asked({}, stream=True) == {"stream": True, "stream_options": {"include_usage": True}}
    assert asked({}, stream=True, stream_usage=False) == {"stream": True}
    own = {"stream_options": {"include_usage": False}}
    assert asked(own, stream=True) == asked(own, stream=True, stream_usage=False) == {"stream": True, **own}
    other = {"stream_options": {"include_obfuscation": False}}
    both = {"include_usage": True, "include_obfuscation": False}
    assert asked(other, stream=True) == {"stream": True, "stream_options": both}


def test_strict_is_left_out_of_tools_and_formats():
    fields = {
        "tools": [tool(strict=True), tool("g"), {"type": "custom", "custom": {"name": "c"}}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "s", "strict": True, "schema": {}}},
    }
    assert asked(fields) == fields
    assert asked(fields, strict=False) == {
        "tools": [tool(), tool("g"), {"type": "custom", "custom": {"name": "c"}}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": {}}},
    }


def test_rewritten_tools_are_made_once():
    request = ChatRequest.parse({**HI, "tools": [tool(strict=True), tool("g")]})
    profile = Profile(strict=False)
    first, again = (spell(request, profile, stream=False).tools for _ in range(2))
    assert first[0] is again[0] is not request.tools[0]
    assert first[1] is request.tools[1]


POINT = {"$defs": {"P": {"type": "object"}}, "type": "object", "properties": {"p": {"$ref": "#/$defs/P"}}}
INLINED = {"type": "object", "properties": {"p": {"type": "object"}}}
RECURSIVE = {"$defs": {"P": {"items": {"$ref": "#/$defs/P"}}}, "properties": {"p": {"$ref": "#/$defs/P"}}}


def test_references_are_replaced_by_what_they_name():
    def fields(schema):
        return {
            "tools": [tool(parameters=schema)],
            "response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}},
        }

    assert asked(fields(POINT)) == fields(POINT)
    assert asked(fields(POINT), inline_refs=True) == fields(INLINED)


def test_a_recursive_schema_is_refused_where_references_are():
    with pytest.raises(UnsupportedRequestError) as caught:
        asked({"tools": [tool(parameters=RECURSIVE)]}, inline_refs=True)
    assert str(caught.value) == (
        "Tool 'f': the endpoint takes no `$ref` (Profile.inline_refs), and its schema cannot be written without. "
        "$.properties.p.items: #/$defs/P contains itself, so it cannot be written without references. "
        "Use types that do not contain themselves."
    )


NAMED = {"type": "function", "function": {"name": "f"}}
ONE = [tool()]
TWO = [tool(), tool("g")]


def allowed(mode, *names):
    listed = [{"type": "function", "function": {"name": name}} for name in names]
    return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": listed}}


@pytest.mark.parametrize(
    ("choice", "tools", "forms", "sent"),
    [
        ("required", ONE, ("required",), {"tools": ONE, "tool_choice": "required"}),
        ("any", ONE, ("required",), {"tools": ONE, "tool_choice": "required"}),
        ("f", TWO, ("function",), {"tools": TWO, "tool_choice": NAMED}),
        ("auto", TWO, (), {"tools": TWO}),
        ("none", TWO, ("auto",), {}),
        ("required", ONE, ("function",), {"tools": ONE, "tool_choice": NAMED}),
        (NAMED, ONE, ("required",), {"tools": ONE, "tool_choice": "required"}),
        ("f", ONE, ("required",), {"tools": ONE, "tool_choice": "required"}),
        (allowed("auto", "f"), TWO, ("auto",), {"tools": ONE, "tool_choice": "auto"}),
        (allowed("required", "f"), TWO, ("function",), {"tools": ONE, "tool_choice": NAMED}),
        (allowed("required", "f", "g"), TWO, ("required",), {"tools": TWO, "tool_choice": "required"}),
        ({"type": "surprise"}, ONE, (), {"tools": ONE, "tool_choice": {"type": "surprise"}}),
    ],
)
def test_a_tool_choice_is_said_in_a_form_that_is_taken_and_means_the_same(choice, tools, forms, sent):
    assert asked({"tools": tools, "tool_choice": choice}, tool_choices=forms) == sent


def test_a_custom_tool_is_named_as_one():
    custom = {"type": "custom", "custom": {"name": "c"}}
    assert asked({"tools": [custom], "tool_choice": "required"}, tool_choices=("function",))["tool_choice"] == custom


def test_required_has_the_endpoints_word():
    for choice in ("required", "any"):
        assert asked({"tools": TWO, "tool_choice": choice}, required_word="any")["tool_choice"] == "any"


@pytest.mark.parametrize(
    ("choice", "form", "forms", "shown"),
    [
        ("required", "required", ("none", "auto"), "none, auto"),
        ("required", "required", (), "(none)"),
        ("f", "function", ("auto", "required"), "auto, required"),
        (NAMED, "function", ("auto", "required"), "auto, required"),
        (allowed("required", "f", "g"), "required", ("auto",), "auto"),
        (allowed("auto", "x"), "allowed_tools", ("auto",), "auto"),
    ],
)
def test_a_tool_choice_that_cannot_be_said_is_refused_before_it_is_sent(choice, form, forms, shown):
    with pytest.raises(UnsupportedRequestError) as caught:
        asked({"tools": TWO, "tool_choice": choice}, tool_choices=forms)
    seen = "required" if form == "required" else str(choice)
    assert str(caught.value) == (
        f"Request field 'tool_choice' is {seen!r}, of the form '{form}'; the endpoint takes only {shown} "
        f"(Profile.tool_choices). Use one of these, or give the model a profile with '{form}' among its tool_choices "
        "if the endpoint does take it."
    )


def test_a_choice_without_tools_is_no_matter():
    assert asked({"tool_choice": "required"}, tool_choices=()) == {}


def test_the_form_of_a_choice_is_named():
    assert [choice_form(one) for one in ("none", "auto", "any", "f", NAMED, allowed("auto"), {"type": "x"}, 5)] == [
        *("none", "auto", "required", "function", "function", "allowed_tools", None, None)
    ]


def test_parallel_tool_calls_is_left_out_where_it_is_unknown():
    fields = {"tools": ONE, "parallel_tool_calls": False}
    assert asked(fields) == fields
    assert asked(fields, parallel_tool_calls=False) == {"tools": ONE}


def test_text_is_left_out_and_other_formats_are_refused():
    assert asked({"response_format": {"type": "text"}}, response_formats=()) == {}
    grammar = {"response_format": {"type": "grammar"}}
    assert asked(grammar, response_formats=()) == grammar
    with pytest.raises(UnsupportedRequestError) as caught:
        asked({"response_format": {"type": "json_schema"}}, response_formats=("text", "json_object"))
    assert str(caught.value) == (
        "Request field 'response_format' is of type 'json_schema'; the endpoint takes only text, json_object "
        "(Profile.response_formats). Ask for an output by a tool or in words, OutputSpec(type, mode='tool') or "
        "mode='prompted', or give the model a profile with 'json_schema' among its response_formats if the endpoint "
        "does take it."
    )


def test_unsupported_fields_are_left_out_unknown_ones_too():
    fields = {"store": True, "seed": 1, "custom_field": "x"}
    assert asked(fields, unsupported=("store", "custom_field", "user")) == {"seed": 1}
    refused = ("max_tokens", "stream_options")
    assert asked({"max_completion_tokens": 5}, unsupported=refused, stream=True) == {"stream": True}


WORDED = {
    "type": "object",
    "title": "Args",
    "properties": {"format": {"type": "string", "format": "uri", "default": "x"}, "n": {"const": 3}},
    "required": ["format"],
    "additionalProperties": False,
}
BARE = {
    "type": "object",
    "properties": {"format": {"type": "string", "description": 'Format: uri. Default: "x".'}, "n": {"enum": [3]}},
    "required": ["format"],
}
WORDS = ("title", "format", "default", "const", "additionalProperties")


def test_keywords_that_are_refused_leave_the_schemas_of_tools_and_formats():
    def fields(schema, **more):
        return {
            "tools": [tool(parameters=schema, **more)],
            "response_format": {"type": "json_schema", "json_schema": {"name": "o", "schema": schema, **more}},
        }

    assert asked(fields(WORDED), unsupported_keywords=("minimum",)) == fields(WORDED)
    assert asked(fields(WORDED), unsupported_keywords=WORDS) == fields(BARE)
    assert asked(fields(WORDED, strict=True), unsupported_keywords=WORDS) == fields(BARE)  # strict mode would want them
    assert asked(fields(WORDED, strict=True), unsupported_keywords=("title",)) == fields(
        {key: value for key, value in WORDED.items() if key != "title"}, strict=True
    )


def test_references_are_inlined_before_keywords_leave():
    assert asked(
        {"tools": [tool(parameters={"$ref": "#/$defs/A", "title": "B", "$defs": {"A": {"title": "A", "const": 1}}})]},
        inline_refs=True,
        unsupported_keywords=("title", "const"),
    ) == {"tools": [tool(parameters={"enum": [1]})]}


def test_what_is_spoken_without_keywords_is_made_once_and_has_the_same_bytes_again():
    profile = Profile(unsupported_keywords=WORDS)
    request = ChatRequest.parse({"messages": [{"role": "user", "content": "hi"}], "tools": [tool(parameters=WORDED)]})
    first, second = (spell(request, profile, stream=False) for _ in range(2))
    assert first.tools[0] is second.tools[0]
    assert first.encode() == second.encode()


def test_a_schema_that_cannot_do_without_a_keyword_is_refused_with_its_path():
    counts = {"type": "object", "properties": {"c": {"type": "object", "additionalProperties": {"type": "integer"}}}}
    shape = {"type": "json_schema", "json_schema": {"name": "o", "schema": counts}}
    with pytest.raises(UnsupportedRequestError) as caught:
        asked({"response_format": shape}, unsupported_keywords=("title", "additionalProperties"))
    assert str(caught.value) == (
        "Response format 'o': the endpoint takes no `additionalProperties` (Profile.unsupported_keywords), and its "
        "schema cannot be written without. $.properties.c: the values of an open map get their type from "
        "`additionalProperties`. Use a model with named fields, or a list of models with a key and a value."
    )


def test_a_recursive_format_is_refused_where_references_are():
    with pytest.raises(UnsupportedRequestError) as caught:
        asked(
            {"response_format": {"type": "json_schema", "json_schema": {"name": "o", "schema": RECURSIVE}}},
            inline_refs=True,
        )
    assert str(caught.value) == (
        "Response format 'o': the endpoint takes no `$ref` (Profile.inline_refs), and its schema cannot be written "
        "without. $.properties.p.items: #/$defs/P contains itself, so it cannot be written without references. "
        "Use types that do not contain themselves."
    )


def test_tools_are_refused_where_the_endpoint_takes_none_unless_they_may_not_be_called_anyway():
    assert asked({"tools": [tool()], "tool_choice": "none"}, tools=False) == {}
    assert asked({}, tools=False) == {}
    with pytest.raises(UnsupportedRequestError) as caught:
        asked({"tools": [tool(), tool("g")], "parallel_tool_calls": True}, tools=False)
    assert str(caught.value) == (
        "Request field 'tools' offers 'f', 'g'; the endpoint takes none (Profile.tools). Use a model that takes tools, "
        "leave them out, or give the model a profile with tools=True if the endpoint does take them."
    )


def test_a_format_beside_tools_is_sent_as_it_was_asked_for():
    fields = {"tools": [tool()], "response_format": {"type": "json_object"}}
    assert asked(fields, formats_with_tools=False) == asked(fields, formats_with_tools=True) == fields
