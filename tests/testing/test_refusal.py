"""Requests that some servers refuse, each in such a server's words."""

import httpx
import pytest

from agentkit.testing.endpoint import FakeEndpoint
from agentkit.testing.refusal import REFUSALS

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


def test_a_refusal_leaves_the_script_and_the_faults_where_they_are():
    with FakeEndpoint(replies=["Fine."], quirks=["refuses_stop"]) as endpoint:
        body = {"model": "any", "messages": [{"role": "user", "content": "Hi"}]}
        for fields in ({"stop": "x"}, {}):
            httpx.post(f"{endpoint.base_url}/chat/completions", json=body | fields, verify=False)
        assert endpoint.refusals == []
    endpoint.assert_complete()
