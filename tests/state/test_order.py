"""The order of runs alone: places by first requests, what is kept for whom and until when, who stands where."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from agentkit.state.order import Order


@dataclass
class Asking:
    run: str | None


def row(tokens):
    return (1, 0, tokens, 0, 0, 0)


def test_who_asked_first_goes_first_the_ledgers_own_run_before_all_and_who_has_not_begun_last():
    order = Order()
    for run in "ab":
        order.keep(run, row(5))
    assert order.place(None) < order.place("a") < order.place("b") < order.place("c") == order.place("d")
    for run in ("c", "b", "d", "a", None):
        order.stand(Asking(run))
    assert [one.run for one in order.line] == [None, "a", "b", "c", "d"]


def test_who_asks_now_stands_behind_its_equals_and_passes_those_that_began_later():
    order = Order()
    assert not order.goes_before(None)
    for run in "ab":
        order.keep(run)
    order.stand(Asking("b"))
    assert [order.goes_before(run) for run in (None, "a", "b", "c")] == [False, False, True, True]


def test_what_is_kept_is_left_by_those_that_began_later_until_its_time_is_over():
    order = Order()
    order.keep("a", row(5), until=10)
    order.keep("b", row(7), until=20)
    assert (order.before("a", 0), order.before("b", 0), order.before(None, 0)) == ([], [row(5)], [])
    assert [order.before("c", now) for now in (9, 10, 20)] == [[row(5), row(7)], [row(7)], []]


def test_a_run_that_begins_again_after_its_end_is_the_last():
    order = Order()
    for run in "ab":
        order.keep(run)
    order.leave("a")
    order.leave("a")
    order.keep("a")
    assert order.place("b") < order.place("a")


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 9))))
def test_the_sum_is_always_that_of_what_is_kept(acts):
    order, kept = Order(), {}
    for run, tokens in acts:
        if tokens:
            kept[run] = tokens
            order.keep(run, row(tokens), until=1)
        else:
            kept.pop(run, None)
            order.leave(run)
        assert list(order.kept) == [len(kept), 0, sum(kept.values()), 0, 0, 0]
        assert sorted(one[2] for one in order.before("new", 0)) == sorted(kept.values())
