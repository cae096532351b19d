"""What differs between two states, through JSON and back, whatever they are; and how small it is."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit.errors import StateError
from agentkit.state import Attempt, PendingCall, RunState, Spent
from agentkit.state.change import change_of, changed
from agentkit.wire.content import ImagePart, ImageUrl, TextPart
from agentkit.wire.message import AssistantMessage, FunctionCall, SystemMessage, ToolCall, ToolMessage, UserMessage
from agentkit.wire.response import Usage

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
names = st.sampled_from(["a", "b", "c"])
tool_calls = st.builds(ToolCall, id=names, function=st.builds(FunctionCall, name=names, arguments=words))
parts = st.one_of(
    st.builds(TextPart, text=words),
    st.builds(ImagePart, image_url=st.builds(ImageUrl, url=st.just("https://x.test/a.png"))),
)
messages = st.one_of(
    st.builds(UserMessage, content=st.one_of(words, st.lists(parts, min_size=1, max_size=2).map(tuple))),
    st.builds(SystemMessage, content=words),
    st.builds(AssistantMessage, content=words),
    st.builds(AssistantMessage, tool_calls=st.lists(tool_calls, min_size=1, max_size=2).map(tuple)),
    st.builds(ToolMessage, tool_call_id=names, content=words),
)
counts = st.integers(0, 5)
usages = st.builds(Usage, prompt_tokens=counts, completion_tokens=counts)
spents = st.builds(Spent, requests=counts, tool_calls=counts, input_tokens=counts, cost=st.sampled_from([0.0, 0.5]))
held = st.builds(PendingCall, id=names, name=names, arguments=words, unknown=words)


def several(of, most=3):
    return st.lists(of, max_size=most).map(tuple)


def states(depth=1):
    subs = st.dictionaries(names, states(depth - 1), max_size=1) if depth else st.just({})
    return st.builds(
        RunState,
        run_id=st.just("run"),
        messages=several(messages, 6),
        start=counts,
        kept=st.none() | counts,
        turns=counts,
        usages=several(st.none() | usages),
        usage=usages,
        costs=several(st.sampled_from([None, 0.25, "https://x.test gpt"])),
        cut_usage=st.none() | usages,
        below=spents,
        guessed=spents,
        tool_calls=counts,
        refused=st.dictionaries(names, counts, max_size=2),
        attempts=several(st.builds(Attempt, text=words, reason=words, usage=st.none() | usages)),
        correction=several(messages, 2),
        finish_reason=st.none() | names,
        accepted=st.none() | names,
        held=several(held, 2),
        subs=subs,
        agent=st.none() | names,
        shown=st.none() | several(messages, 2),
        carried=st.dictionaries(names, several(parts, 2), max_size=1),
        finishing=st.booleans(),
        seconds=st.sampled_from([0.0, 1.5]),
        injected=several(messages, 1),
    )


@settings(max_examples=150, deadline=None)
@given(states(), states())
def test_a_change_through_json_makes_the_one_state_of_the_other(before, after):
    assert changed(before, json.loads(json.dumps(change_of(before, after)))) == after


@settings(max_examples=50, deadline=None)
@given(states(), several(messages, 2), names)
def test_a_change_says_nothing_of_what_stays(state, new, reason):
    assert change_of(state, state) == {}
    after = state.replace(messages=(*state.messages, *new), finish_reason=reason, injected=())
    change = change_of(state, after)
    assert change.keys() <= {"messages", "finish_reason", "injected"}
    assert "messages" not in change or change["messages"][0] == len(state.messages)


def test_the_change_of_a_step_stays_small_in_a_long_run():
    def grown(turns):
        history = tuple(
            message
            for turn in range(turns)
            for message in (UserMessage(content=f"say {turn}"), AssistantMessage(content=f"said {turn}"))
        )
        return RunState(run_id="run", messages=history, turns=turns, usages=(Usage(),) * turns, costs=(0.5,) * turns)

    sizes = []
    for turns in (1, 200):
        state = grown(turns)
        after = state.replace(messages=(*state.messages, UserMessage(content="more")), usages=(*state.usages, None))
        sizes.append(len(json.dumps(change_of(state, after))))
    assert sizes[1] - sizes[0] <= 6  # the digits of how many stay


def test_messages_that_leave_the_history_are_cut_off():
    first, second = UserMessage(content="a"), AssistantMessage(content="b")
    state = RunState(run_id="run", messages=(first, second))
    change = change_of(state, state.replace(messages=(first,)))
    assert change == {"messages": [1, []]}
    assert changed(state, change).messages == (first,)


@pytest.mark.parametrize(
    ("change", "kept"),
    [({"messages": [3, []]}, "0 messages it keeps [3, []]"), ({"usages": "x" * 50}, f"0 usages it keeps {'x' * 20}")],
)
def test_a_change_of_another_state_is_refused(change, kept):
    with pytest.raises(StateError) as caught:
        changed(RunState(run_id="run"), change)
    assert str(caught.value) == (
        f"A change of the run 'run' does not fit: of its {kept}. Are there records missing, or of another run?"
    )


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"turns": "many"}, "turns: Input should be a valid integer, unable to parse string as an integer"),
        ({"strange": 1}, "strange: Unexpected keyword argument"),
    ],
)
def test_a_change_that_is_none_is_refused(change, why):
    with pytest.raises(StateError) as caught:
        changed(RunState(run_id="run"), change)
    assert str(caught.value) == f"A change of the run 'run' cannot be read: {why}."
