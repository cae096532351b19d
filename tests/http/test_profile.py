"""Profiles as data: their defaults, their JSON, and what is refused by field, value and allowance."""

import json
from pathlib import PurePosixPath

import pytest

from agentkit.errors import ConfigurationError
from agentkit.http import ChatModel, Profile

FIELDS = (
    "max_tokens_field, max_output_tokens, stream_usage, key_header, path, query, output_mode, strict, tools, "
    "tool_choices, required_word, parallel_tool_calls, response_formats, formats_with_tools, "
    "unsupported_keywords, inline_refs, system_messages, developer_role, echo, echo_empty, extra_content, "
    "call_ids, empty_content, null_content, audio, unsupported, source, checked"
)


def test_the_defaults_fit_an_unknown_server():
    profile = Profile()
    assert profile.max_tokens_field == "max_tokens"
    assert profile.stream_usage
    assert profile.key_header == "authorization"
    assert profile.path == "/chat/completions"
    assert profile.query == ()
    assert profile.output_mode == "tool"
    assert profile.tools
    assert not profile.formats_with_tools
    assert profile.unsupported_keywords == ()


@pytest.mark.parametrize(
    "profile",
    [
        Profile(),
        Profile(
            max_tokens_field="max_completion_tokens",
            stream_usage=False,
            key_header="api-key",
            path="/openai/deployments/{model}/chat/completions",
            query=(("api-version", "2025-01-01"),),
            tool_choices=("none", "auto"),
            required_word="any",
            response_formats=(),
            echo=("reasoning_content",),
            echo_empty=True,
            call_ids="nine_alphanumeric",
            unsupported=("store", "user"),
            tools=False,
            formats_with_tools=True,
            unsupported_keywords=("format", "$schema"),
            source="https://example.org",
            checked="2026-11-22",
        ),
    ],
)
def test_json_brings_the_same_profile_back(profile):
    assert Profile.from_json(profile.to_json()) == profile
    assert Profile.from_json(profile.to_json().encode()) == profile
    assert Profile.from_json(json.loads(profile.to_json())) == profile


def test_json_has_every_field_in_its_order_and_missing_ones_have_their_default():
    assert ", ".join(json.loads(Profile().to_json())) == FIELDS
    assert Profile.from_json({"strict": False}) == Profile(strict=False)
    assert Profile.from_json("{}") == Profile()


def test_a_copy_has_its_changes_and_is_checked():
    assert Profile(strict=False).replace(echo=("reasoning",)) == Profile(strict=False, echo=("reasoning",))
    with pytest.raises(ConfigurationError, match="'audio'"):
        Profile().replace(audio="mp3")


def test_a_list_is_taken_for_a_tuple():
    profile = Profile(echo=["reasoning"], query=[["a", "b"]], unsupported=["store"])
    assert (profile.echo, profile.query, profile.unsupported) == (("reasoning",), (("a", "b"),), ("store",))
    assert hash(profile)


def test_a_model_takes_a_profile_its_fields_or_the_path_of_its_json(tmp_path):
    file = tmp_path / "profile.json"
    file.write_text(Profile(strict=False).to_json())
    for given in (Profile(strict=False), {"strict": False}, file):
        assert ChatModel("m", profile=given).profile == Profile(strict=False)
    assert ChatModel("m").profile == Profile()


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (
            {"max_token_field": "max_tokens"},
            "Profile field 'max_token_field' is unknown. Did you mean 'max_tokens_field'? The fields are "
            + FIELDS
            + ".",
        ),
        ({"zzz": 1}, f"Profile field 'zzz' is unknown. The fields are {FIELDS}."),
        (
            {"max_output_tokens": 0},
            "Profile field 'max_output_tokens' is 0; allowed is a whole number of 1 or more, or null.",
        ),
        (
            {"max_tokens_field": "tokens"},
            "Profile field 'max_tokens_field' is 'tokens'; allowed is \"max_tokens\" or \"max_completion_tokens\".",
        ),
        ({"strict": "no"}, "Profile field 'strict' is 'no'; allowed is true or false."),
        ({"strict": 0}, "Profile field 'strict' is 0; allowed is true or false."),
        (
            {"echo": "reasoning_content"},
            (
                "Profile field 'echo' is 'reasoning_content'; allowed is a list of "
                '"reasoning", "reasoning_content", "reasoning_details".'
            ),
        ),
        (
            {"tool_choices": ["auto", "any"]},
            (
                "Profile field 'tool_choices' is ['auto', 'any']; allowed is a list of "
                '"none", "auto", "required", "function", "allowed_tools".'
            ),
        ),
        (
            {"unsupported": ["messages"]},
            (
                "Profile field 'unsupported' is ['messages']; allowed is a list of request fields other than messages, "
                "model, stream, tools."
            ),
        ),
        ({"tools": "no"}, "Profile field 'tools' is 'no'; allowed is true or false."),
        ({"formats_with_tools": None}, "Profile field 'formats_with_tools' is None; allowed is true or false."),
        (
            {"unsupported_keywords": ["format", "type"]},
            (
                "Profile field 'unsupported_keywords' is ['format', 'type']; allowed is a list of $comment, $id, "
                "$schema, additionalProperties, const, contentEncoding, contentMediaType, default, deprecated, "
                "discriminator, examples, exclusiveMaximum, exclusiveMinimum, format, maxItems, maxLength, "
                "maxProperties, maximum, minItems, minLength, minProperties, minimum, multipleOf, oneOf, pattern, "
                "prefixItems, propertyNames, readOnly, title, uniqueItems, writeOnly."
            ),
        ),
        ({"query": {"a": "b"}}, "Profile field 'query' is {'a': 'b'}; allowed is a list of pairs of texts."),
        ({"query": ["ab"]}, "Profile field 'query' is ['ab']; allowed is a list of pairs of texts."),
        ({"path": "chat"}, "Profile field 'path' is 'chat'; allowed is a text that begins with '/'."),
        (
            {"path": PurePosixPath("/chat")},
            "Profile field 'path' is PurePosixPath('/chat'); allowed is a text that begins with '/'.",
        ),
        ({"source": 5}, "Profile field 'source' is 5; allowed is a text or null."),
        (
            "{",
            (
                "The profile is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1). "
                "Give what `Profile.to_json` or `agentkit doctor` wrote."
            ),
        ),
        (
            "[]",
            "The profile is of type list. Give a `Profile`, a map of its fields, or the `pathlib.Path` of its JSON.",
        ),
    ],
)
def test_what_is_no_profile_is_refused_by_field_value_and_allowance(given, text):
    with pytest.raises(ConfigurationError) as caught:
        Profile.from_json(given)
    assert str(caught.value) == text


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    file = tmp_path / "none.json"
    with pytest.raises(ConfigurationError) as caught:
        ChatModel("m", profile=file)
    assert str(caught.value) == (
        f"The profile {file} cannot be read: No such file or directory. `agentkit doctor` writes such a file."
    )
