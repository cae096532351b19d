"""Where a stream can tell its usage."""

import json

import httpx
import pytest

from agentkit.testing.endpoint import FakeEndpoint
from agentkit.testing.reply import call
from agentkit.testing.usagequirk import USAGE_QUIRKS

ASKED = {"stream_options": {"include_usage": True}}


def told(quirk, reply, **fields):
    with FakeEndpoint(replies=[reply], quirks=[quirk]) as endpoint:
        body = {"model": "any", "messages": [{"role": "user", "content": "Hi"}], "stream": True, **fields}
        return httpx.post(f"{endpoint.base_url}/chat/completions", json=body, verify=False)


def chunks(quirk, reply="one two", **fields):
    lines = [line.removeprefix("data: ") for line in told(quirk, reply, **fields).text.splitlines() if line]
    return [json.loads(line) for line in lines if line != "[DONE]"]


@pytest.mark.parametrize("fields", [{}, ASKED])
def test_usage_comes_with_the_last_choice_asked_for_or_not(fields):
    *before, last = chunks("usage_with_choices", **fields)
    assert not any("usage" in chunk for chunk in before)
    assert (last["choices"][0]["finish_reason"], last["usage"]["total_tokens"] > 0) == ("stop", True)


def test_usage_comes_before_the_last_delta():
    seen = [(bool(chunk["choices"]), bool(chunk.get("usage"))) for chunk in chunks("usage_early", **ASKED)]
    assert seen[-2:] == [(False, True), (True, False)]


def test_usage_has_nulls_until_the_last_chunk():
    *before, last = [chunk["usage"] for chunk in chunks("usage_nulls", **ASKED)]
    assert {(one["completion_tokens"], one["total_tokens"]) for one in before} == {(None, None)}
    assert last["completion_tokens"] == 2


def test_groq_tells_the_usage_in_a_field_of_its_own():
    last = chunks("groq_usage", **ASKED)[-1]
    assert ("usage" in last, last["x_groq"]["usage"]["completion_tokens"]) == (False, 2)


@pytest.mark.parametrize("fields", [{}, ASKED])
def test_the_prompt_is_counted_first_and_the_completion_last(fields):
    first, *between, last = chunks("usage_split", **fields)
    assert list(first["usage"]) == ["prompt_tokens"]
    assert not any("usage" in chunk for chunk in between)
    assert list(last["usage"]) == ["completion_tokens"]
    assert all(chunk["choices"] for chunk in (first, *between, last))


@pytest.mark.parametrize("fields", [{}, ASKED])
def test_the_usage_stands_in_the_last_choice(fields):
    *before, last = chunks("usage_in_choice", **fields)
    assert not any("usage" in chunk for chunk in (*before, last))
    (choice,) = last["choices"]
    assert (choice["finish_reason"], choice["usage"]["total_tokens"] > 0) == ("stop", True)


@pytest.mark.parametrize("quirk", USAGE_QUIRKS)
def test_every_quirk_leaves_other_replies_readable(quirk):
    for reply in ("Hi", call("add", {"a": 1}), {"choices": []}, {"error": {"message": "no"}}):
        for stream in (True, False):
            assert told(quirk, reply, stream=stream, n=2).status_code == 200
