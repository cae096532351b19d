"""Messages as each profile wants them, made once and kept."""

import json

import pytest

from agentkit.http import message as dialect
from agentkit.http.message import messages_for
from agentkit.http.profile import Profile
from agentkit.wire import AssistantMessage, ChatCompletion, ToolMessage, UserMessage, parse_messages

PLAIN = Profile()


def call(call_id, **extra):
    return {"id": call_id, "type": "function", "function": {"name": "f", "arguments": "{}"}, **extra}


def spoken(given, **fields):
    return [json.loads(message.encoded) for message in messages_for(parse_messages(given), Profile(**fields))]


HISTORY = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "hi"},
    {"role": "assistant", "content": None, "tool_calls": [call("call_1")]},
    {"role": "tool", "tool_call_id": "call_1", "content": "1"},
    {"role": "assistant", "content": "hello"},
]


def test_messages_that_are_taken_as_they_are_are_not_copied():
    messages = parse_messages(HISTORY)
    assert messages_for(messages, PLAIN) is messages
    assert messages_for(messages, PLAIN) is messages
    longer = (*messages, UserMessage(content="more"))
    assert messages_for(longer, PLAIN) is longer


def test_a_rewritten_message_is_made_once_for_a_profile():
    messages = parse_messages([{"role": "assistant", "content": "hello", "reasoning": "hm"}])
    first, again = messages_for(messages, PLAIN), messages_for((*messages, UserMessage(content="x")), PLAIN)
    assert first[0] is again[0]
    assert first[0].encoded is again[0].encoded
    other = Profile(echo=("reasoning_content",))
    assert messages_for(messages, other)[0].reasoning_content == "hm"
    assert messages_for(messages, PLAIN)[0].reasoning is None


def test_a_new_message_between_known_ones_is_found():
    first, last = UserMessage(content="a"), UserMessage(content="b")
    messages_for((first, last), PLAIN)
    between = AssistantMessage(content="x", reasoning="hm")
    assert messages_for((first, between, last), PLAIN) == (first, AssistantMessage(content="x"), last)


REASONED = {"role": "assistant", "content": None, "tool_calls": [call("call_1")]}


@pytest.mark.parametrize(
    ("held", "profile", "sent"),
    [
        ({"reasoning": "hm"}, {}, {}),
        ({"reasoning_content": "hm"}, {}, {}),
        ({"reasoning_details": [{"text": "hm"}]}, {}, {}),
        ({"reasoning_content": "hm"}, {"echo": ("reasoning_content",)}, {"reasoning_content": "hm"}),
        ({"reasoning": "hm"}, {"echo": ("reasoning_content",)}, {"reasoning_content": "hm"}),
        ({"reasoning_content": "hm"}, {"echo": ("reasoning",)}, {"reasoning": "hm"}),
        ({"reasoning_details": [{"text": "h"}, {"text": "m"}]}, {"echo": ("reasoning",)}, {"reasoning": "hm"}),
        (
            {"reasoning_details": [{"id": 1}], "reasoning": "hm"},
            {"echo": ("reasoning_details",)},
            {"reasoning_details": [{"id": 1}]},
        ),
        ({"reasoning": "hm"}, {"echo": ("reasoning_details",)}, {}),
        ({}, {"echo": ("reasoning_content",)}, {}),
        ({}, {"echo": ("reasoning_content",), "echo_empty": True}, {"reasoning_content": ""}),
        ({}, {"echo": ("reasoning",), "echo_empty": True}, {"reasoning": ""}),
        ({"reasoning": ""}, {"echo": ("reasoning",), "echo_empty": True}, {"reasoning": ""}),
        ({}, {"echo_empty": True}, {}),
        (
            {"reasoning": "hm", "reasoning_details": [{"id": 1}]},
            {"echo": ("reasoning_details", "reasoning")},
            {"reasoning": "hm", "reasoning_details": [{"id": 1}]},
        ),
    ],
)
def test_reasoning_goes_back_only_in_the_fields_that_the_endpoint_wants(held, profile, sent):
    (message,) = spoken([{**REASONED, **held}], **profile)
    assert message == {**REASONED, **sent}


def test_an_empty_reasoning_stands_only_where_calls_are():
    assert spoken([{"role": "assistant", "content": "x"}], echo=("reasoning",), echo_empty=True) == [
        {"role": "assistant", "content": "x"}
    ]


def test_extra_content_is_sent_unless_the_endpoint_refuses_it():
    given = {**REASONED, "extra_content": {"a": 1}, "tool_calls": [call("call_1", extra_content={"b": 2}, other=3)]}
    assert spoken([given]) == [given]
    assert spoken([given], extra_content=False) == [{**REASONED, "tool_calls": [call("call_1", other=3)]}]


def test_what_came_with_a_reply_goes_back_to_who_wants_it():
    reply = {"role": "assistant", "content": None, "reasoning_content": "hm", "extra_content": {"google": {"s": "x"}}}
    parsed = ChatCompletion.parse({"choices": [{"message": {**reply, "tool_calls": [call("c", index=0)]}}]})
    history = (parsed.message.to_history(),)
    (sent,) = messages_for(history, Profile(echo=("reasoning_content",)))
    assert json.loads(sent.encoded) == {**reply, "tool_calls": [call("c")]}


def test_a_developer_becomes_a_system_message_where_the_role_is_unknown():
    given = [{"role": "developer", "content": "Be brief.", "name": "d", "cache_control": {"type": "ephemeral"}}]
    assert spoken(given) == given
    assert spoken(given, developer_role=False) == [{**given[0], "role": "system"}]


def test_instructions_are_joined_at_the_first_place():
    given = [
        {"role": "user", "content": "hi"},
        {"role": "system", "content": "One."},
        {"role": "assistant", "content": "x"},
        {"role": "developer", "content": "Two."},
    ]
    assert spoken(given, system_messages="first") == [
        {"role": "system", "content": "One.\n\nTwo."},
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "x"},
    ]
    parts = [{"type": "text", "text": "One."}]
    mixed = [{"role": "system", "content": parts}, {"role": "system", "content": "Two."}]
    assert spoken(mixed, system_messages="first") == [
        {"role": "system", "content": [*parts, {"type": "text", "text": "Two."}]}
    ]


@pytest.mark.parametrize("given", [HISTORY, HISTORY[1:]])
def test_instructions_that_stand_right_are_left_alone(given):
    messages = parse_messages(given)
    assert messages_for(messages, Profile(system_messages="first")) is messages


def test_call_ids_become_nine_letters_and_digits_alike_in_call_and_result():
    sent = spoken(HISTORY, call_ids="nine_alphanumeric")
    made = sent[2]["tool_calls"][0]["id"]
    assert (len(made), made.isalnum(), made.isascii()) == (9, True, True)
    assert sent[3]["tool_call_id"] == made
    assert spoken(HISTORY, call_ids="nine_alphanumeric") == sent


def test_call_ids_that_fit_stay():
    given = parse_messages(
        [
            {"role": "assistant", "content": None, "tool_calls": [call("abcDEF123")]},
            {"role": "tool", "tool_call_id": "abcDEF123", "content": "1"},
        ]
    )
    assert messages_for(given, Profile(call_ids="nine_alphanumeric")) is given


def test_call_ids_that_would_collide_are_told_apart(monkeypatch):
    first = dialect._short("call_1")
    shorter = dialect._short
    monkeypatch.setattr(dialect, "_short", lambda one, salt=0: first if one != "x" and salt < 2 else shorter(one, salt))
    calls = [call("call_1"), call("call_2"), call(first)]
    results = [{"role": "tool", "tool_call_id": one["id"], "content": one["id"]} for one in calls]
    sent = spoken([{"role": "assistant", "content": None, "tool_calls": calls}, *results], call_ids="nine_alphanumeric")
    made = [one["id"] for one in sent[0]["tool_calls"]]
    assert len(set(made)) == 3
    assert made[2] == first
    assert [message["tool_call_id"] for message in sent[1:]] == made


@pytest.mark.parametrize("content", ["", None, [], [{"type": "text", "text": ""}]])
def test_an_empty_text_is_null_beside_calls_and_alone_its_message_is_left_out(content):
    beside = {"role": "assistant", "content": content, "tool_calls": [call("call_1")]}
    alone = {"role": "assistant", "content": content}
    refused = {"role": "assistant", "content": content, "refusal": "no"}
    assert spoken([beside, alone, refused], empty_content=False) == [
        {**beside, "content": None},
        {"role": "assistant", "refusal": "no"},
    ]


@pytest.mark.parametrize("profile", [{}, {"empty_content": False}])
def test_no_text_beside_calls_is_an_empty_one_where_null_is_refused(profile):
    beside = {"role": "assistant", "content": None, "tool_calls": [call("call_1")]}
    assert spoken([beside], null_content=False, **profile) == [{**beside, "content": ""}]


def test_a_text_is_left_as_it_is_where_empty_ones_are_refused():
    messages = parse_messages(HISTORY)
    assert messages_for(messages, Profile(empty_content=False)) is messages


@pytest.mark.parametrize(("form", "kind"), [("wav", "audio/wav"), ("mp3", "audio/mpeg")])
def test_audio_is_given_as_a_data_uri_where_that_is_wanted(form, kind):
    def said(data):
        audio = {"type": "input_audio", "input_audio": {"data": data, "format": form}}
        return [{"role": "user", "content": [{"type": "text", "text": "x"}, audio]}]

    assert spoken(said("AAAA")) == said("AAAA")
    assert spoken(said("AAAA"), audio="data_uri") == said(f"data:{kind};base64,AAAA")
    assert spoken(said("data:audio/wav;base64,AAAA"), audio="data_uri") == said("data:audio/wav;base64,AAAA")


def test_the_prefix_keeps_its_bytes_as_the_history_grows():
    profile = Profile(
        echo=("reasoning_content",), echo_empty=True, call_ids="nine_alphanumeric", system_messages="first"
    )
    messages = parse_messages([*HISTORY, {"role": "system", "content": "Also."}])
    before = b",".join(message.encoded for message in messages_for(messages, profile))
    longer = (
        *messages,
        *parse_messages([{**REASONED, "tool_calls": [call("call_9")]}]),
        ToolMessage(tool_call_id="call_9", content="x"),
    )
    after = b",".join(message.encoded for message in messages_for(longer, profile))
    assert after.startswith(before)
