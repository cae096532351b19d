"""Bounds of a run against what its state says was spent."""

from dataclasses import replace

import pytest

from agentkit.errors import ConfigurationError, LimitExceededError
from agentkit.state import RunLimits, RunState, Spent, over_limit
from agentkit.state.limit import told
from agentkit.wire.response import Usage

SPENT = RunState(
    turns=3, usages=(None, None), usage=Usage(prompt_tokens=90, completion_tokens=10, total_tokens=100), tool_calls=5
)


def test_fifty_turns_and_sixteen_calls_at_once_are_the_default():
    limits = RunLimits()
    assert (limits.turns, limits.concurrency) == (50, 16)
    assert (limits.requests, limits.tool_calls, limits.tokens, limits.seconds) == (None, None, None, None)
    limits.check_turn(SPENT)
    limits.check_calls(SPENT, 1000)


def test_only_what_bounds_something_is_counted():
    assert RunLimits().counted == ()
    assert RunLimits(turns=1, seconds=1, cost=0, requests=2).counted == (("requests", 2), ("cost", 0))
    assert replace(RunLimits(requests=2), requests=None) == RunLimits()


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (RunLimits(turns=3), "turns=3 (spent: 3)"),
        (RunLimits(requests=2), "requests=2 (spent: 2)"),
        (RunLimits(tokens=100), "tokens=100 (spent: 100)"),
        (RunLimits(tokens=7), "tokens=7 (spent: 100)"),
        (RunLimits(input_tokens=90), "input_tokens=90 (spent: 90)"),
        (RunLimits(output_tokens=5), "output_tokens=5 (spent: 10)"),
        (RunLimits(cost=0), "cost=0 (spent: 0)"),
    ],
)
def test_the_next_request_is_not_sent_over_a_limit(limits, said):
    with pytest.raises(LimitExceededError) as caught:
        limits.check_turn(SPENT)
    name = said.split("=")[0]
    assert str(caught.value) == (
        f"The run reached its limit {said}; the next request was not sent. "
        f"Go on with `agent.resume(error.state, limits=RunLimits({name}=...))`."
    )
    assert caught.value.limit == name


@pytest.mark.parametrize("limits", [RunLimits(turns=4), RunLimits(requests=3), RunLimits(tokens=101)])
def test_one_less_than_a_limit_goes_on(limits):
    limits.check_turn(SPENT)


def test_a_batch_that_fits_exactly_starts():
    RunLimits(tool_calls=7).check_calls(SPENT, 2)
    with pytest.raises(LimitExceededError):
        RunLimits(tool_calls=7).check_calls(SPENT, 3)


def test_large_and_broken_numbers_are_told_readably():
    assert str(over_limit("tokens", 2_345_678, 2_000_000, "stop")).startswith(
        "The run reached its limit tokens=2000000 (spent: 2345678); stop."
    )
    assert str(over_limit("seconds", 1.23456789, 1.2, "stop")).startswith(
        "The run reached its limit seconds=1.2 (spent: 1.23); stop."
    )


@pytest.mark.parametrize(
    ("bound", "text"),
    [
        ({"turns": -1}, "RunLimits: turns=-1 is no bound. Give 0 or more, or None."),
        ({"seconds": -0.5}, "RunLimits: seconds=-0.5 is no bound. Give 0 or more, or None."),
        ({"cost": float("nan")}, "RunLimits: cost=nan is no bound. Give 0 or more, or None."),
        ({"tokens": float("inf")}, "RunLimits: tokens=inf is no bound. Give 0 or more, or None."),
        ({"output_floor": 0}, "RunLimits: output_floor=0 is no bound. Give 1 or more."),
        ({"concurrency": 0}, "RunLimits: concurrency=0 is no bound. Give 1 or more."),
        ({"concurrency": None}, "RunLimits: concurrency=None is no bound. Give 1 or more."),
        ({"tokens": "5"}, "RunLimits: tokens='5' is no bound. Give 0 or more, or None."),
    ],
)
def test_what_is_no_bound_is_refused(bound, text):
    with pytest.raises(ConfigurationError) as caught:
        RunLimits(**bound)
    assert str(caught.value) == text


def test_what_runs_below_have_spent_and_what_was_guessed_count_for_limits():
    state = RunState(tool_calls=1, below=Spent(1, 2, 10, 10, 0.5), guessed=Spent(1, 0, 5, 5, 0.25))
    assert state.spent == Spent(2, 3, 15, 15, 0.75)
    for limits in (RunLimits(requests=2), RunLimits(tokens=30), RunLimits(cost=0.75)):
        with pytest.raises(LimitExceededError):
            limits.check_turn(state)
    with pytest.raises(LimitExceededError):
        RunLimits(tool_calls=3).check_calls(state, 1)


@pytest.mark.parametrize(("value", "text"), [(3, "3"), (2.0, "2"), (1.234, "1.23"), (0.0049, "0.0049"), (0.5, "0.5")])
def test_amounts_are_shown_to_the_digits_that_matter(value, text):
    assert told(value) == text
