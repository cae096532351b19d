"""The objects in a request's fields: typed, unknown members kept, sent as they came."""

import json
from types import MappingProxyType

import pytest

from agentkit.wire import Settings

LOCATION = {"type": "approximate", "approximate": {"city": "Oslo", "country": "NO"}, "new": 1}
OBJECTS = [
    {"audio": {"voice": "alloy", "format": "wav"}},
    {"audio": {"voice": {"id": "voice_1"}, "format": "wav", "speed": 1.5}},
    {"prediction": {"type": "content", "content": "x", "new": True}},
    {"prediction": {"type": "content", "content": [{"type": "text", "text": "x", "new": 1}]}},
    {"web_search_options": {}},
    {"web_search_options": {"search_context_size": "low", "user_location": LOCATION, "new": [1]}},
    {"stream_options": {"include_usage": False, "include_obfuscation": True, "continuous_usage_stats": True}},
    {"tool_choice": {"type": "function", "function": {"name": "f"}, "new": None}},
    {"tool_choice": {"type": "custom", "custom": {"name": "f"}}},
    {"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "web_search"}]}}},
    {"tool_choice": {"type": "web_search"}},
    {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "strict": True, "schema": {"a": None}}}},
    {"response_format": {"type": "regex", "pattern": "a+"}},
    {"logit_bias": {"50256": -100, "1": 0.5}},
]


@pytest.mark.parametrize("fields", OBJECTS, ids=json.dumps)
def test_an_object_is_sent_as_it_was_given(fields):
    assert json.loads(Settings(**fields).encoded) == fields


def test_token_ids_may_be_numbers():
    assert Settings(logit_bias={50256: -100}).encoded == b'{"logit_bias":{"50256":-100}}'


def test_a_choice_may_be_any_mapping():
    choice = {"type": "function", "function": {"name": "f"}}

    assert Settings(tool_choice=MappingProxyType(choice)).tool_choice == choice


def test_numbers_are_sent_as_they_were_written():
    assert Settings(temperature=0, top_p=1.0, stop="x").encoded == b'{"temperature":0,"top_p":1.0,"stop":"x"}'
