"""What is taken out of a recording, and what is not."""

import json

import pytest

from agentkit.secret import remember_secret
from agentkit.testing.mask import mask_body, mask_bytes, mask_json, mask_text

KNOWN = "known/secret+of=ours"


@pytest.fixture(autouse=True)
def known():
    remember_secret(KNOWN)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (f"before {KNOWN} after", "before [secret] after"),
        ("https://h/v1?api-version=1&api-key=abc&x=2", "https://h/v1?api-version=1&api-key=[secret]&x=2"),
        ("https://h/v1?key=abc", "https://h/v1?key=[secret]"),
        (
            "see https://b/i.png?X-Amz-Signature=ab12&X-Amz-Date=3.",
            "see https://b/i.png?X-Amz-Signature=[secret]&X-Amz-Date=3.",
        ),
        ("https://me:password@h/v1", "https://[secret]@h/v1"),
        ("Bearer abcdefghijklmnopqrstuvwxyz", "Bearer [secret]"),
        ("key sk-proj-abcdefghijklmnopqrstu.", "key [secret]."),
        ("a?monkey=1&keyword=2 and max_tokens=3", "a?monkey=1&keyword=2 and max_tokens=3"),
        ("sk-brief1, task-abcdefghijklmnopqrstuvwxyz", "sk-brief1, task-abcdefghijklmnopqrstuvwxyz"),
        ("https://h:8000/v1 at 10:30 a@b", "https://h:8000/v1 at 10:30 a@b"),
    ],
)
def test_keys_go_and_the_rest_of_a_text_stays(text, masked):
    assert mask_text(text) == masked


def test_fields_named_like_a_key_lose_their_text_only():
    given = {"api_key": "abc", "Authorization": "x", "prompt_cache_key": "pk", "properties": {"token": {"type": "x"}}}
    masked = {**given, "api_key": "[secret]", "Authorization": "[secret]"}
    assert mask_json([given, 1, None, True]) == [masked, 1, None, True]


@pytest.mark.parametrize("name", ["x-goog-api-key", "refresh_token", "Set-Cookie", "aws_secret_access_key", "password"])
def test_fields_of_many_a_name_are_hidden(name):
    assert mask_json({name: "abc"}) == {name: "[secret]"}


@pytest.mark.parametrize("name", ["max_tokens", "eos_token", "prompt_cache_key", "keys", "id"])
def test_fields_that_only_sound_like_a_key_stay(name):
    assert mask_json({name: "abc"}) == {name: "abc"}


def test_the_tokens_of_logprobs_are_no_secrets():
    told = {"token": "Hello", "logprob": -0.1, "bytes": [72], "top_logprobs": [{"token": "Hi", "logprob": -2}]}
    assert mask_json({"logprobs": {"content": [told]}}) == {"logprobs": {"content": [told]}}
    assert mask_json({"token": "abc"}) == {"token": "[secret]"}


def events(*texts, index=0):
    told = [{"choices": [{"index": index, "delta": {"content": text}}]} for text in texts]
    return "".join(f"data: {json.dumps(one)}\n\n" for one in told)


def test_a_secret_that_a_stream_spells_over_several_events_is_hidden_in_the_first():
    pieces = [KNOWN[place : place + 5] for place in range(0, len(KNOWN), 5)]
    assert mask_body(events("It is ", *pieces, ".")) == events("It is [secret].", *[""] * (len(pieces) + 1))
    two = "".join(events(piece) + events(letter, index=1) for piece, letter in zip(pieces, "abcdef", strict=False))
    assert mask_body(two).count("[secret]") == 1
    assert "".join(letter in mask_body(two) and letter for letter in "abcd") == "abcd"


def test_ids_that_every_event_repeats_are_not_taken_for_a_key():
    told = "".join(f'data: {{"choices":[{{"delta":{{"id":"hf_abcdefg","role":"{n}"}}}}]}}\n\n' for n in range(9))
    assert mask_body(told) == told


def test_bytes_that_are_no_utf8_are_searched_too():
    assert mask_bytes(b"Cl\xe9: " + KNOWN.encode() + b"\xff") == b"Cl\xe9: [secret]\xff"


def test_a_secret_that_a_server_spells_with_escapes_is_found():
    spelled = json.dumps(f"got {KNOWN}").replace("/", "\\/").replace("=", "\\u003d")
    assert mask_body(f'{{"error": {spelled}}}') == '{"error": "got [secret]"}'
    assert mask_body(f'data: {{"error": {spelled}}}\r\n\r\n') == 'data: {"error": "got [secret]"}\r\n\r\n'


def test_a_body_without_secrets_stays_byte_for_byte():
    for body in (
        '{ "a":1,\n\n"b" : [2.0,1e3, "\\u00fc"]}',
        'data:{"a": 1}\r\n\r\n: ping\n\ndata: [DONE]\n\n',
        "",
        "<p>{x}</p>",
    ):
        assert mask_body(body) == body
