"""A ledger alone: what is left, what is refused and in which words, what counts as whose."""

import os
import threading

import pytest

from agentkit.errors import LimitExceededError
from agentkit.state import RunLimits, Spent
from agentkit.state.ledger import Ledger, Need, count, count_calls, guard, row_of

PROMPT = Need(input_tokens=100, output_tokens=50, least=50, cost=0.25, rate=0.001)


def ledger(spent=None, owner="run", **limits):
    made = Ledger(RunLimits(**limits), owner=owner)
    if spent is not None:
        made.begin(spent, Spent(), Spent())
    return made


def test_without_limits_it_counts_and_bounds_nothing():
    for one in (Ledger(), Ledger(RunLimits(seconds=3, turns=1))):
        assert (one.bounded, one.priced, one.left) == (False, False, {})
        assert one.room(PROMPT)[0] > 10**12


@pytest.mark.parametrize(
    ("limits", "room"),
    [
        ({"tokens": 1000}, (400, "tokens")),  # 1000 - 400 - 100 of others - 100 of the prompt
        ({"output_tokens": 1000}, (850, "output_tokens")),
        ({"input_tokens": 449}, (-1, "input_tokens")),
        ({"input_tokens": 450, "tokens": 1000}, (400, "tokens")),
        ({"requests": 3}, (-1, "requests")),
        ({"requests": 4, "tokens": 1000}, (400, "tokens")),
        ({"cost": 2.0}, (250, "cost")),  # 2 - 1 - 0.5 of others - 0.25 of the prompt, at 0.001 each
        ({"cost": 1.7}, (-1, "cost")),
    ],
)
def test_the_tightest_limit_says_how_long_a_reply_can_be(limits, room):
    one = ledger(Spent(2, 0, 300, 100, 1.0), **limits)
    one.hold(Need(input_tokens=50, output_tokens=50, least=1, cost=0.4, rate=0.002).row(50))
    assert one.room(PROMPT) == room
    assert one.holders == 1


def test_what_others_hold_is_room_if_they_gave_it_back():
    one = ledger(tokens=400)
    row = PROMPT.row(150)
    one.hold(row)
    assert one.room(PROMPT) == (50, "tokens")
    assert one.room(PROMPT, held=False) == (300, "tokens")
    one.hold(row, -1)
    assert (one.room(PROMPT), one.holders, one.reserved) == ((300, "tokens"), 0, Spent())


def test_sums_of_dollars_are_exact():
    one = ledger(cost=1.0)
    for _ in range(1000):
        count((one,), Spent(1, 0, 0, 0, 0.001))
    assert (one.left["cost"], one.spent.cost) == (0, 1.0)


def test_left_is_neither_spent_nor_reserved():
    one = ledger(Spent(1, 3, 100, 100, 0.5), tokens=1000, tool_calls=5, cost=2.5, requests=9)
    one.hold(PROMPT.row(50))
    assert one.left == {"requests": 7, "tool_calls": 2, "tokens": 650, "cost": 1.7}


def test_what_others_spent_of_it_and_what_was_guessed_are_told_apart():
    inner, outer = Ledger(), ledger(tokens=1000)
    count((inner, outer), Spent(1, 0, 5, 5))
    inner.spend(row_of(Spent(1, 0, 7, 7)), below=False, guessed=True)
    outer.spend(row_of(Spent(1, 0, 7, 7)), below=True, guessed=True)
    assert (inner.spent.tokens, inner.below, inner.guessed.tokens) == (24, Spent(), 14)
    assert (outer.spent.tokens, outer.below.tokens, outer.guessed.tokens) == (24, 10, 14)
    assert inner.news
    assert outer.news


def test_calls_are_counted_in_all_ledgers_or_in_none():
    inner, outer = ledger(tool_calls=5), ledger(tool_calls=2, owner="budget")
    count_calls((inner, outer), 2)
    with pytest.raises(LimitExceededError) as caught:
        count_calls((inner, outer), 1)
    assert str(caught.value) == (
        "The budget reached its limit tool_calls=2 (spent: 2); the reply asks for 1 more and none of them was run. "
        "Go on with `agent.resume(error.state)` within a Budget of more."
    )
    assert (caught.value.limit, caught.value.ledger) == ("tool_calls", outer)
    assert (inner.spent.tool_calls, outer.spent.tool_calls) == (2, 2)


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        ({"requests": 2}, "requests=2 (spent: 2, reserved by others: 1); the next request was not sent."),
        (
            {"tokens": 500},
            (
                "tokens=500 (spent: 400, reserved by others: 60); the next request was not sent, for its prompt may "
                "have 100 tokens and its reply needs room for 50."
            ),
        ),
        (
            {"input_tokens": 310},
            (
                "input_tokens=310 (spent: 300, reserved by others: 50); the next request was not sent, for its prompt "
                "may have 100 tokens."
            ),
        ),
        (
            {"output_tokens": 111},
            (
                "output_tokens=111 (spent: 100, reserved by others: 10); the next request was not sent, for its reply "
                "needs room for 50 tokens."
            ),
        ),
        (
            {"cost": 1.5},
            (
                "cost=1.5 (spent: 1, reserved by others: 0.4); the next request was not sent, for its prompt may cost "
                "0.25 and a reply of 50 tokens 0.05."
            ),
        ),
    ],
)
def test_a_refusal_says_what_was_spent_and_what_was_needed(limits, text):
    one = ledger(Spent(2, 0, 300, 100, 1.0), **limits)
    one.hold(Need(input_tokens=50, output_tokens=10, least=1, cost=0.4).row(10))
    (name,) = limits
    error = one.refusal(name, PROMPT)
    assert str(error) == (
        f"The run reached its limit {text} Go on with `agent.resume(error.state, limits=RunLimits({name}=...))`."
    )
    assert (error.limit, error.ledger) == (name, one)


def test_the_refusal_of_a_map_says_how_to_call_it_again():
    error = ledger(Spent(5), requests=5, owner="map").refusal("requests", PROMPT)
    assert str(error) == (
        "The map's budget reached its limit requests=5 (spent: 5); the next request was not sent. "
        "Call the map again with a higher budget=RunLimits(requests=...)."
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform does not fork")
def test_a_forked_child_does_not_wait_for_a_thread_of_its_parent():
    held, done = threading.Event(), threading.Event()

    def hold():
        with guard():
            held.set()
            done.wait(20)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(20)
    child = os.fork()
    if child == 0:
        os._exit(0 if guard().acquire(timeout=5) else 1)
    done.set()
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
