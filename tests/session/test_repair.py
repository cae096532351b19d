import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit.errors import InvalidRequestError
from agentkit.session import INTERRUPTED, repair
from agentkit.testing.check import first_problem
from agentkit.wire.message import AssistantMessage, parse_messages


def user(text="Go."):
    return {"role": "user", "content": text}


def calling(*ids):
    calls = [{"id": one, "type": "function", "function": {"name": "look", "arguments": "{}"}} for one in ids]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def result(call_id, text="found"):
    return {"role": "tool", "tool_call_id": call_id, "content": text}


def dicts(messages):
    return [json.loads(message.encoded) for message in messages]


def test_a_call_without_a_result_is_answered_with_that_it_was_interrupted():
    assert dicts(repair([user(), calling("a"), user("Still there?")])) == [
        user(),
        calling("a"),
        result("a", INTERRUPTED),
        user("Still there?"),
    ]
    assert INTERRUPTED == "Interrupted: this call has no result. Its effect may or may not have happened."


def test_a_result_without_a_call_before_it_is_dropped():
    assert dicts(repair([result("a"), user(), result("b"), calling("a"), result("a", "mine")])) == [
        user(),
        calling("a"),
        result("a", "mine"),
    ]


def test_a_second_result_of_a_call_is_dropped():
    assert dicts(repair([calling("a"), result("a", "1"), result("a", "2")])) == [calling("a"), result("a", "1")]


def test_results_are_put_in_call_order():
    given = [calling("a", "b", "c"), result("c", "3"), result("a", "1"), result("b", "2")]
    assert dicts(repair(given)) == [calling("a", "b", "c"), result("a", "1"), result("b", "2"), result("c", "3")]


def test_a_result_that_comes_later_moves_to_its_call():
    given = [user(), calling("a", "b"), result("b", "2"), user("Well?"), result("a", "1")]
    assert dicts(repair(given)) == [user(), calling("a", "b"), result("a", "1"), result("b", "2"), user("Well?")]


def test_an_id_that_is_used_again_becomes_another_in_call_and_result():
    given = [calling("a"), result("a", "1"), calling("a"), result("a", "2"), calling("a"), result("a", "3")]
    assert dicts(repair(given)) == [
        *(calling("a"), result("a", "1")),
        *(calling("a_2"), result("a_2", "2")),
        *(calling("a_3"), result("a_3", "3")),
    ]


def test_an_id_twice_in_one_message_is_told_apart_in_order():
    assert dicts(repair([calling("a", "a"), result("a", "1"), result("a", "2")])) == [
        calling("a", "a_2"),
        result("a", "1"),
        result("a_2", "2"),
    ]


def test_a_new_id_takes_no_other_ones_place_and_is_not_too_long():
    repaired = repair([calling("a_2", "a", "a"), calling("x" * 40), calling("x" * 40)])
    ids = [call.id for message in repaired if isinstance(message, AssistantMessage) for call in message.tool_calls]
    assert ids == ["a_2", "a", "a_3", "x" * 40, "x" * 38 + "_2"]


def test_a_result_is_not_taken_for_an_earlier_call_with_its_id():
    given = [calling("a"), calling("a"), result("a", "2"), result("a", "again")]
    assert dicts(repair(given)) == [calling("a"), result("a", INTERRUPTED), calling("a_2"), result("a_2", "2")]


def test_an_assistant_message_that_says_nothing_gets_an_empty_text():
    assert dicts(repair([{"role": "assistant"}])) == [{"role": "assistant", "content": ""}]
    refused = {"role": "assistant", "refusal": "No."}
    assert dicts(repair([refused])) == [refused]


def test_a_valid_history_stays_itself():
    history = parse_messages([user(), calling("a"), result("a"), {"role": "assistant", "content": "Done."}])
    assert all(one is other for one, other in zip(repair(history), history, strict=True))


def test_what_is_no_message_is_named():
    with pytest.raises(InvalidRequestError, match=r"^messages\[1\] is not a message of the contract"):
        repair([user(), {"role": "nobody"}])


FOREIGN = [
    {"role": "system", "content": "Be brief.", "name": "rules"},
    {"role": "developer", "content": [{"type": "text", "text": "Briefer.", "cache_control": {"type": "ephemeral"}}]},
    {
        "role": "user",
        "content": [{"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}, {"type": "odd", "odd": [1]}],
    },
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": "a",
                "type": "function",
                "function": {"name": "look", "arguments": '{"at": "é"}'},
                "extra_content": {"google": {"thought_signature": "s"}},
            },
            {"id": "b", "type": "custom", "custom": {"name": "shell", "input": "ls -l"}},
        ],
        "reasoning_content": "Hm.",
    },
    {"role": "tool", "tool_call_id": "a", "content": [{"type": "text", "text": "a table"}]},
    {"role": "tool", "tool_call_id": "b", "content": "total 0", "is_error": False},
    {"role": "assistant", "content": "A table.", "annotations": [], "model": "m-1"},
    {"role": "assistant", "function_call": {"name": "old", "arguments": "{}"}},
    {"role": "function", "name": "old", "content": "1"},
]


def test_a_list_in_the_format_of_openai_comes_and_goes_with_nothing_lost():
    assert dicts(repair(FOREIGN)) == FOREIGN


ids = st.sampled_from(["a", "b", "a_2", "c"])
messages = st.one_of(
    st.builds(user),
    st.builds(lambda given: calling(*given), st.lists(ids, min_size=1, max_size=3)),
    st.builds(result, ids, st.sampled_from(["1", "2"])),
    st.sampled_from(
        [{"role": "assistant", "content": "Yes."}, {"role": "assistant"}, {"role": "system", "content": "x"}]
    ),
)


@given(st.lists(messages, min_size=1, max_size=12))
@settings(max_examples=300, deadline=None)
def test_whatever_comes_is_valid_afterwards_and_repaired_once_for_all(history):
    repaired = repair(history)
    assert repaired == repair(history)
    assert repair(repaired) == repaired
    if repaired:
        assert first_problem({"model": "m", "messages": dicts(repaired)}) is None


@given(st.lists(messages, min_size=1, max_size=12))
@settings(max_examples=100, deadline=None)
def test_no_word_of_a_user_or_assistant_is_lost(history):
    def words(given):
        return [(one["role"], one.get("content") or "") for one in given if one["role"] != "tool"]

    assert words(dicts(repair(history))) == words(history)


@given(st.lists(messages, min_size=1, max_size=12), st.integers(0, 12))
@settings(max_examples=200, deadline=None)
def test_a_longer_history_begins_as_the_shorter_did_but_for_calls_that_are_answered_since(history, cut):
    before, after = dicts(repair(history[:cut])), dicts(repair(history))
    for short, long in zip(before, after, strict=False):
        assert short == long or (short["content"] == INTERRUPTED and short["tool_call_id"] == long["tool_call_id"])


def test_the_judge_refuses_what_was_not_repaired():
    assert first_problem({"model": "m", "messages": [calling("a")]}) is not None
