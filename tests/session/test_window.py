import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit.errors import ConfigurationError
from agentkit.session import LastTokens, LastTurns, repair
from agentkit.session.window import tokens_of, turn_starts
from agentkit.testing.check import first_problem
from agentkit.wire.message import SystemMessage, UserMessage, parse_messages


def user(text):
    return {"role": "user", "content": text}


def said(text):
    return {"role": "assistant", "content": text}


def calling(*ids):
    calls = [{"id": one, "type": "function", "function": {"name": "look", "arguments": "{}"}} for one in ids]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def result(call_id, text="found"):
    return {"role": "tool", "tool_call_id": call_id, "content": text}


def dicts(messages):
    return [json.loads(message.encoded) for message in messages]


IMAGE = {
    "role": "user",
    "content": [
        {"type": "text", "text": "Returned by the tools:"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
    ],
}
FIRST = [user("1"), calling("a", "b"), result("a"), result("b"), IMAGE, said("one")]
SECOND = [user("2"), said("two")]
THIRD = [user("3"), calling("c"), result("c"), said("three")]
SYSTEM = {"role": "system", "content": "Be brief."}


def test_the_last_turns_are_kept_whole():
    history = [*FIRST, *SECOND, *THIRD]
    assert dicts(LastTurns(1)(history)) == THIRD
    assert dicts(LastTurns(2)(history)) == [*SECOND, *THIRD]
    assert dicts(LastTurns(9)(history)) == history


def test_images_that_tools_returned_begin_no_turn():
    assert turn_starts(parse_messages([*FIRST, *SECOND])) == [0, 6]
    assert turn_starts(parse_messages([user("a"), IMAGE, said("b"), IMAGE])) == [0, 3]
    assert turn_starts(parse_messages([*FIRST[:5], user("and?"), said("b")])) == [0, 5]


def test_two_user_messages_in_a_row_are_one_turn():
    assert dicts(LastTurns(1)([*FIRST, user("x"), user("y")])) == [user("x"), user("y")]


def test_instructions_in_a_history_stay():
    late = {"role": "developer", "content": "Now in French."}
    assert dicts(LastTurns(1)([SYSTEM, *FIRST, late, *SECOND])) == [SYSTEM, late, *SECOND]


def test_it_begins_with_what_a_user_said():
    assert dicts(LastTurns(5)([said("Welcome!"), *SECOND])) == SECOND
    assert dicts(LastTurns(5)([said("Welcome!")])) == [said("Welcome!")]  # where nobody said anything, nothing is cut


def test_a_call_that_dangles_is_answered_by_windows_too():
    assert len(LastTurns(1)([*SECOND, user("3"), calling("x", "y")])) == 4
    assert len(LastTokens(10_000)([*SECOND, user("3"), calling("x", "y")])) == 6


def test_the_last_turns_that_fit_are_kept():
    history = parse_messages([*FIRST, *SECOND, *THIRD])
    last, two = sum(map(tokens_of, history[-4:])), sum(map(tokens_of, history[-6:]))
    assert dicts(LastTokens(last)(history)) == THIRD
    assert dicts(LastTokens(two - 1)(history)) == THIRD
    assert dicts(LastTokens(two)(history)) == [*SECOND, *THIRD]
    assert LastTokens(100_000)(history) == history


def test_a_last_turn_that_is_too_long_loses_its_first_steps():
    turn = [user("Go."), calling("a"), result("a", "x" * 3000), calling("b"), result("b"), said("Done.")]
    assert dicts(LastTokens(500)([*SECOND, *turn])) == [user("Go."), *turn[3:]]
    assert dicts(LastTokens(45)([SYSTEM, *turn])) == [SYSTEM]
    assert LastTokens(100)([user("x" * 3000), said("Done.")]) == ()


def test_tokens_are_estimated_rather_too_high():
    assert tokens_of(UserMessage(content="x" * 3000)) == 1014
    assert tokens_of(parse_messages([IMAGE])[0]) > 1500
    big = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 999_999}}
    assert 1500 < tokens_of(parse_messages([{"role": "user", "content": [big]}])[0]) < 1600
    linked = {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}
    assert tokens_of(parse_messages([{"role": "user", "content": [linked]}])[0]) > 1500
    page = "<img src='data:image/png;base64," + "A" * 30_000  # text, and sent as such
    assert tokens_of(UserMessage(content=page)) > 10_000


def test_instructions_among_the_turns_are_counted_once():
    history = [*FIRST, SYSTEM, said("y")]
    seen = LastTokens(47)(history)
    assert dicts(seen) == [user("1"), SYSTEM, said("y")]
    assert LastTokens(47)(seen) == seen


@pytest.mark.parametrize("window", [LastTurns, LastTokens])
def test_a_window_that_would_keep_nothing_is_refused(window):
    with pytest.raises(ConfigurationError) as caught:
        window(0)
    assert str(caught.value) == f"{window.__name__}(0) would keep nothing. Give 1 or more."


turns = st.lists(st.sampled_from([FIRST, SECOND, THIRD, [user("x")], [said("y")], [SYSTEM], [calling("a")], [IMAGE]]))
windows = st.one_of(st.builds(LastTurns, st.integers(1, 4)), st.builds(LastTokens, st.integers(1, 2500)))


@given(turns, windows)
@settings(max_examples=300, deadline=None)
def test_what_a_window_gives_is_valid_and_begins_with_a_user_message(turns, window):
    history = [message for turn in turns for message in turn]
    seen = window(history)
    assert window(seen) == seen == window(history)
    if seen:
        assert first_problem({"model": "m", "messages": dicts(seen)}) is None
    words = [one for one in seen if not isinstance(one, SystemMessage)]
    if turn_starts(repair(history)) and words:
        assert isinstance(words[0], UserMessage)
    if isinstance(window, LastTokens) and turn_starts(seen):
        assert sum(map(tokens_of, seen)) <= window.count
    assert sum(isinstance(one, SystemMessage) for one in seen) == sum(one is SYSTEM for one in history)
