"""The sliding window, with the time in hand."""

from hypothesis import given
from hypothesis import strategies as st

from agentkit.around.pace import Pace


def test_requests_beyond_the_limit_wait_for_the_oldest_to_leave_the_window():
    pace = Pace(2, None, 60)
    pace.add(0, 0.0)
    pace.add(0, 10.0)
    assert pace.wait(0, 20.0) == (40.0, "requests")
    assert pace.wait(0, 60.0) == (0.0, "")


def test_tokens_beyond_the_limit_wait_until_enough_of_them_are_gone():
    pace = Pace(None, 100, 60)
    pace.add(30, 0.0)
    pace.add(30, 10.0)
    pace.add(30, 20.0)
    assert pace.wait(10, 30.0) == (0.0, "")
    assert pace.wait(40, 30.0) == (30.0, "tokens")
    assert pace.wait(50, 30.0) == (40.0, "tokens")
    assert pace.wait(100, 30.0) == (50.0, "tokens")


def test_the_longer_wait_of_both_limits_counts():
    pace = Pace(2, 100, 60)
    pace.add(10, 0.0)
    pace.add(80, 30.0)
    assert pace.wait(50, 40.0) == (50.0, "tokens")
    assert pace.wait(5, 40.0) == (20.0, "requests")


def test_a_correction_frees_what_was_not_used_and_charges_what_was():
    pace = Pace(None, 100, 60)
    sent = pace.add(90, 0.0)
    pace.correct(sent, 20)
    assert pace.wait(80, 1.0) == (0.0, "")
    pace.correct(sent, 120)
    assert pace.wait(1, 1.0) == (59.0, "tokens")


def test_a_correction_that_comes_after_its_window_changes_nothing():
    pace = Pace(None, 100, 60)
    late = pace.add(50, 0.0)
    assert pace.wait(0, 61.0) == (0.0, "")
    pace.correct(late, 1000)
    assert pace.wait(100, 61.0) == (0.0, "")


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 50)), max_size=40))
def test_no_window_ever_holds_more_than_the_limits(comers):
    pace, now, sent = Pace(5, 100, 60), 0, []
    for pause, tokens in comers:
        now += pause
        while (wait := pace.wait(tokens, now)[0]) > 0:
            now += wait
        pace.add(tokens, now)
        sent.append((now, tokens))
    for at, _ in sent:
        window = [tokens for when, tokens in sent if at - 60 < when <= at]
        assert len(window) <= 5
        assert sum(window) <= 100
