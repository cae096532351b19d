"""Requests that some servers refuse, each in such a server's words."""

import httpx
import pytest

from agentkit.testing.endpoint import FakeEndpoint
from agentkit.testing.refusal import KEYWORDS, REFUSALS

ASKED = {
    "role": "assistant",
    "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
}
HISTORY = [{"role": "user", "content": "Hi"}, ASKED, {"role": "tool", "tool_call_id": "call_1", "content": "1"}]
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}


def with_function(**fields):
    return {"tools": [{**TOOL, "function": {**TOOL["function"], **fields}}]}


def kind(name, **fields):
    return {"response_format": {"type": name, **fields}}


REFUSED = {
    "refuses_stream_options": {"stream": True, "stream_options": {"include_usage": True}},
    "refuses_max_tokens": {"max_tokens": 1},
    "refuses_max_completion_tokens": {"max_completion_tokens": 1},
    "refuses_parallel_tool_calls": {"tools": [TOOL], "parallel_tool_calls": True},
    "refuses_stop": {"stop": ["x"]},
    "refuses_temperature": {"temperature": 0},
    "refuses_required_choice": {"tools": [TOOL], "tool_choice": "required"},
    "refuses_strict": with_function(strict=False),
    "refuses_references": with_function(
        parameters={"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"type": "string"}}}
    ),
    "refuses_json_schema": kind("json_schema", json_schema={"name": "o", "schema": {"type": "object"}}),
    "refuses_json_object": kind("json_object"),
    "refuses_response_format": kind("json_object"),
    "refuses_tools": {"tools": [TOOL]},
    "refuses_format_with_tools": {"tools": [TOOL], **kind("json_object")},
    "refuses_keywords": with_function(
        parameters={"type": "object", "properties": {"format": {"type": "string", "minLength": 1}}}
    ),
    "refuses_developer_role": {"messages": [{"role": "developer", "content": "x"}, *HISTORY]},
    "refuses_late_system": {"messages": [*HISTORY, {"role": "system", "content": "x"}]},
    "refuses_empty_content": {"messages": [HISTORY[0], {**ASKED, "content": ""}, HISTORY[2]]},
    "refuses_null_content": {"messages": [HISTORY[0], {**ASKED, "content": None}, HISTORY[2]]},
    "demands_short_ids": {"messages": HISTORY},
    "demands_reasoning": {"messages": HISTORY},
    "demands_signatures": {"messages": HISTORY},
    "demands_additional_properties": kind("json_schema", json_schema={"name": "o", "schema": {"type": "object"}}),
}


def answer(quirk, **fields):
    with FakeEndpoint(replies=["Fine."], quirks=[quirk] if quirk else []) as endpoint:
        body = {"model": "any", "messages": [{"role": "user", "content": "Hi, JSON please"}], **fields}
        return httpx.post(f"{endpoint.base_url}/chat/completions", json=body, verify=False)


@pytest.mark.parametrize("quirk", REFUSALS)
def test_what_the_contract_allows_is_refused_and_else_answered(quirk):
    assert answer(None, **REFUSED[quirk]).status_code == 200
    refused = answer(quirk, **REFUSED[quirk])
    assert (refused.status_code, refused.json()["error"]["type"]) == (400, "invalid_request_error")
    assert refused.json()["error"]["message"]
    assert answer(quirk).status_code == 200


def said(quirk, **fields):
    refused = answer(quirk, **fields)
    return refused.json()["error"]["message"] if refused.status_code == 400 else None


def test_what_is_not_taken_at_all_is_refused_in_a_servers_words():
    by_schema = kind("json_schema", json_schema={"name": "o", "schema": {"type": "object", "title": "A"}})
    unsupported = "The response_format parameter is unsupported at the moment. Leave it unset."
    assert said("refuses_response_format", **kind("json_object")) == unsupported
    assert said("refuses_response_format", **by_schema) == unsupported
    assert said("refuses_response_format", **kind("text")) is None
    assert said("refuses_tools", tools=[TOOL]) == "registry.ollama.ai/library/fake:latest does not support tools"
    together = "json mode cannot be combined with tool/function calling"
    assert said("refuses_format_with_tools", tools=[TOOL], **by_schema) == together
    assert said("refuses_format_with_tools", **by_schema) is None
    assert said("refuses_format_with_tools", tools=[TOOL], **kind("text")) is None


def test_keywords_are_refused_by_the_name_of_the_first_wherever_a_schema_has_them():
    def of(schema):
        return said("refuses_keywords", **with_function(parameters=schema))

    assert of({"type": "object", "properties": {"a": {"anyOf": [{"format": "date", "minimum": 1}]}}}) == (
        "Invalid schema: In context=(), 'format' is not permitted."
    )
    assert said("refuses_keywords", **kind("json_schema", json_schema={"name": "o", "schema": {"title": "A"}})) == (
        "Invalid schema: In context=(), 'title' is not permitted."
    )
    names = {name: {"enum": [{"title": "a"}]} for name in KEYWORDS}
    assert of({"type": "object", "properties": names, "required": list(names), "$defs": names}) is None
    assert of({"$defs": {"A": {"default": 1}}}) == "Invalid schema: In context=(), 'default' is not permitted."


def test_a_refusal_leaves_the_script_and_the_faults_where_they_are():
    with FakeEndpoint(replies=["Fine."], quirks=["refuses_stop"]) as endpoint:
        body = {"model": "any", "messages": [{"role": "user", "content": "Hi"}]}
        for fields in ({"stop": "x"}, {}):
            httpx.post(f"{endpoint.base_url}/chat/completions", json=body | fields, verify=False)
        assert endpoint.refusals == []
    endpoint.assert_complete()
