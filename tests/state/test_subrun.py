"""What waits in the sub-runs of a state, and which of two states is the older one."""

from agentkit.state import PendingCall, RunState
from agentkit.state.subrun import held_below, is_older, still_held, with_sub
from agentkit.testing.reply import call, calls
from agentkit.wire.message import parse_messages


def asking(*ids, told=(), **fields):
    """A state whose reply made calls with these ids, some of which were answered."""
    history = [
        {"role": "user", "content": "x"},
        {"role": "assistant", **calls(*(call("ask", id=one) for one in ids))},
        *({"role": "tool", "tool_call_id": one, "content": "told"} for one in told),
    ]
    return RunState(messages=parse_messages(history), **fields)


def held(*ids):
    return tuple(PendingCall(one, "pay", "{}") for one in ids)


def test_what_waits_below_is_found_in_call_order_by_the_call_that_began_it():
    inner = asking("p", "q", held=held("p", "q"))
    state = asking("a", "b", "c", subs={"c": asking("r", held=held("r")), "a": inner})
    assert held_below(state) == {
        "a/p": ("a", inner.held[0]),
        "a/q": ("a", inner.held[1]),
        "c/r": ("c", PendingCall("r", "pay", "{}")),
    }
    assert held_below(asking("a")) == {}


def test_an_id_that_is_taken_becomes_another():
    state = asking("a", "a/b", "a/b/c", subs={"a": asking("b/c", held=held("b/c")), "a/b": asking("c", held=held("c"))})
    assert [*held_below(state)] == ["a/b/c'", "a/b/c''"]


def test_a_state_with_fewer_messages_is_older_at_any_depth():
    begun, further = asking("a", subs={"a": asking("b")}), asking("a", subs={"a": asking("b", told=["b"])})
    order = [asking("a"), begun, further, asking("a", told=["a"])]
    for place, one in enumerate(order):
        assert [is_older(one, other) for other in order] == [place < other for other in range(4)]


def test_what_waits_is_brought_up_to_date():
    before = asking("a", "b", "c", "d", held=held("a", "c", "d/gone"), subs={"b": asking("p", held=held("p"))})
    after = before.replace(messages=asking("a", "b", "c", "d", told=["c"]).messages)
    assert [one.id for one in still_held(after).held] == ["a", "b/p"]
    nothing = asking("a")
    assert still_held(nothing) is nothing


def test_sub_runs_go_through_json_and_are_dropped_with_their_answer():
    state = with_sub(with_sub(asking("a", "b"), "a", asking("p", held=held("p"))), "b", asking("q"))
    assert RunState.from_json(state.to_json()) == state
    closed = state.with_closed_calls("over")
    assert (closed.subs, closed.open_calls) == ({}, ())


def test_what_an_agent_is_shown_is_in_the_state():
    state = asking("a", told=["a"])
    given = state.replace(agent="billing", since=3, shown=state.messages[:1])
    assert RunState.from_json(given.to_json()) == given
    assert given.seen == state.messages[:1]
    assert given.replace(messages=(*given.messages, *state.messages[:1])).seen == state.messages[:1] * 2
    assert given.replace(shown=None).seen == state.seen == state.messages
