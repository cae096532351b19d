"""Requests, replies and messages in the words of OpenTelemetry's conventions."""

import json

import pytest

from agentkit.observe.attribute import of_messages, of_place, of_reply, of_usage
from agentkit.wire import ChatCompletion
from agentkit.wire.message import parse_messages
from agentkit.wire.response import Usage


@pytest.mark.parametrize(
    ("url", "provider", "address", "port"),
    [
        ("https://api.openai.com/v1", "openai", "api.openai.com", 443),
        ("https://generativelanguage.googleapis.com/v1beta/openai", "gcp.gemini", None, 443),
        ("https://api.x.ai/v1/chat/completions", "x_ai", "api.x.ai", 443),
        ("http://127.0.0.1:11434/v1", "chat_completions", "127.0.0.1", 11434),
        ("http://[::1]/v1", "chat_completions", "::1", 80),
    ],
)
def test_the_provider_is_known_by_its_host(url, provider, address, port):
    told = of_place(url)
    assert (told["gen_ai.provider.name"], told["server.port"]) == (provider, port)
    assert address in (None, told["server.address"])


@pytest.mark.parametrize("url", [None, "", "local/needle3"])
def test_a_model_without_an_address_has_none(url):
    assert of_place(url) == {"gen_ai.provider.name": "chat_completions"}


def told(*messages):
    return json.loads(of_messages(parse_messages(messages), str.upper))


def test_parts_of_every_kind_are_told_without_their_data():
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    content = [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": "https://x.y/cat.png"}},
        image,
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "file", "file": {"file_id": "f1"}},
    ]
    assert told({"role": "user", "content": content}) == [
        {
            "role": "user",
            "parts": [
                {"type": "text", "content": "LOOK"},
                {"type": "uri", "modality": "image", "uri": "HTTPS://X.Y/CAT.PNG"},
                {"type": "image_url"},
                {"type": "input_audio"},
                {"type": "file"},
            ],
        }
    ]


def test_replies_are_told_with_reasoning_refusal_and_calls():
    calls = [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"cut'}}]
    reply = {"role": "assistant", "content": None, "reasoning": "hm", "refusal": "no", "tool_calls": calls}
    result = {"role": "tool", "tool_call_id": "c1", "content": "done"}
    assert told(reply, result) == [
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "HM"},
                {"type": "refusal", "content": "NO"},
                {"type": "tool_call", "id": "c1", "name": "f", "arguments": '{"CUT'},
            ],
        },
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "DONE"}]},
    ]


def test_what_was_not_counted_is_not_told():
    assert of_usage(None) == {}
    assert of_usage(Usage(prompt_tokens=1, completion_tokens=2)) == {
        "gen_ai.usage.input_tokens": 1,
        "gen_ai.usage.output_tokens": 2,
    }


def test_a_reply_that_says_little_is_told_as_far_as_it_goes():
    choice = {"index": 0, "message": {"role": "assistant", "content": "x"}}
    assert of_reply(ChatCompletion.parse({"choices": [choice]})) == {"gen_ai.response.finish_reasons": [""]}
