"""Counts of a map, and the one line of them that people read."""

import pytest

from agentkit.errors import OutputError, RateLimitError
from agentkit.many import Outcome, Summary
from agentkit.many.summary import Tally
from agentkit.wire.response import Usage


def usage(tokens):
    return Usage(prompt_tokens=tokens, completion_tokens=0)


def test_a_summary_is_one_line_for_people():
    summary = Summary(
        done=9950,
        restored=4000,
        failed={"OutputError": 40, "RateLimitError": 10},
        usage=usage(1_234_567),
        cost=0.83,
        seconds=200.4,
        total=10_000,
    )
    assert str(summary) == (
        "9,950 done (4,000 of them from the store), 50 failed (OutputError 40, RateLimitError 10), "
        "1,234,567 tokens, $0.83, 3 min 20 s"
    )


@pytest.mark.parametrize(
    ("summary", "line"),
    [
        (Summary(), "0 done, 0 tokens, 0.0 s"),
        (Summary(done=3, total=10, seconds=59.94), "3 of 10 done, 0 tokens, 59.9 s"),
        (Summary(done=3, cost=0.00123), "3 done, 0 tokens, $0.0012, 0.0 s"),
        (Summary(done=3, cost=0.0), "3 done, 0 tokens, $0.00, 0.0 s"),
        (Summary(done=3, cost=12345.6), "3 done, 0 tokens, $12,345.60, 0.0 s"),
        (Summary(seconds=59.97), "0 done, 0 tokens, 1 min 0 s"),
        (Summary(seconds=7500), "0 done, 0 tokens, 2 h 5 min"),
        (Summary(seconds=3599.9), "0 done, 0 tokens, 1 h 0 min"),
    ],
)
def test_a_summary_leaves_out_what_is_not_known(summary, line):
    assert str(summary) == line


def test_failures_are_counted_by_class_the_most_frequent_first():
    tally = Tally()
    for error in (RateLimitError("a"), OutputError("b"), OutputError("c")):
        tally.add(Outcome(index=0, input="", error=error))
    assert list(tally.summary.failed.items()) == [("OutputError", 2), ("RateLimitError", 1)]


def test_only_what_runs_now_is_spent():
    tally = Tally(2)
    tally.add(Outcome(index=0, input="", usage=usage(5), cost=1.0, restored=True))
    tally.spend(usage(7), 0.25)
    tally.add(Outcome(index=1, input="", usage=usage(7), cost=0.25))
    summary = tally.summary
    assert (summary.done, summary.restored, summary.usage.total_tokens, summary.cost) == (2, 1, 7, 0.25)


def test_a_cost_that_is_not_known_is_not_guessed():
    tally = Tally()
    tally.spend(usage(1), 0.5)
    assert tally.summary.cost == 0.5
    tally.spend(usage(1), None)
    assert (tally.summary.cost, tally.summary.unpriced) == (None, 1)


def test_the_clock_runs_from_the_beginning_to_the_end():
    tally = Tally()
    assert tally.summary.seconds == 0
    tally.begin()
    tally.end()
    ended = tally.summary.seconds
    tally.end()
    assert tally.summary.seconds == ended > 0


def test_what_was_spent_of_a_budget_is_asked_for_each_time():
    spent = {"tokens": 5}
    tally = Tally(2, spent.copy)
    assert tally.summary.spent == {"tokens": 5}
    spent["tokens"] = 7
    assert (tally.summary.spent, Tally().summary.spent) == ({"tokens": 7}, {})
