"""A person's decision, asked for on the terminal."""

import io

import pytest

from agentkit.cli.approval import ask_decision, waiting_text
from agentkit.cli.screen import Screen
from agentkit.state.decision import Deny, Give, PendingCall

PAY = PendingCall("call_1", "pay", '{"amount": 5}')


@pytest.mark.parametrize(
    ("typed", "decision"),
    [
        ("y\n", True),
        ("YES\n", True),
        ("n\n", False),
        ("no", False),
        ("\n\ny\n", True),
        ("", False),
        ("too much\n", Deny("The user declined this call: too much")),
    ],
)
def test_yes_no_or_a_reason_decides_and_no_more_input_is_no(typed, decision):
    assert ask_decision(PAY, Screen(io.StringIO()), io.StringIO(typed)) == decision


def test_the_call_is_shown_with_its_arguments():
    shown = io.StringIO()
    ask_decision(PAY, Screen(shown), io.StringIO("y\n"))
    assert shown.getvalue() == "?? pay(amount=5)\n   run it? [y, n, or why not] "


SCAN = PendingCall("call_2", "scan", '{"pages": 2}', external=True)


@pytest.mark.parametrize(
    ("typed", "decision"),
    [
        ("two pages\n", Give("two pages")),
        ("\n n \n", Give("n")),
        ('{"pages": []}\n', Give('{"pages": []}')),
        ("-5\n", Give("-5")),
        ("-5.5e3", Give("-5.5e3")),
        ("- the scanner is off\n", Deny("the scanner is off")),
        ("-\n", False),
        ("", False),
    ],
)
def test_of_an_external_call_the_result_is_typed_or_why_there_is_none(typed, decision):
    assert ask_decision(SCAN, Screen(io.StringIO()), io.StringIO(typed)) == decision


def test_an_external_call_is_asked_for_its_result():
    shown = io.StringIO()
    ask_decision(SCAN, Screen(shown), io.StringIO("blank\n"))
    assert shown.getvalue() == "?? scan(pages=2)\n   its result? [text, or - and why there is none] "


LOST = PendingCall("call_3", "pay", '{"amount": 5}', unknown="It was begun, and it is not known whether it was done.")


@pytest.mark.parametrize(
    ("typed", "decision"),
    [("y\n", True), ("n\n", False), ("= paid\n", Give("paid")), ("", False), ("=\n", Give(""))],
)
def test_of_a_call_whose_end_is_not_known_the_result_may_be_typed(typed, decision):
    assert ask_decision(LOST, Screen(io.StringIO()), io.StringIO(typed)) == decision


def test_a_call_whose_end_is_not_known_is_shown_with_what_is_known():
    shown = io.StringIO()
    ask_decision(LOST, Screen(shown), io.StringIO("y\n"))
    assert shown.getvalue() == (
        "?? pay(amount=5)\n   It was begun, and it is not known whether it was done.\n"
        "   run it again? [y, n, = and its result, or why not] "
    )
    assert waiting_text([LOST]) == (
        "1 call waits for a word on whether it was done and there is no terminal to ask on: pay(amount=5). "
        "Run it in a terminal, or resume it from Python: with --json the document holds the state."
    )


def test_where_nobody_can_be_asked_the_waiting_calls_are_named():
    end = "Run it in a terminal, or resume it from Python: with --json the document holds the state."
    assert waiting_text([PAY]) == (
        f"1 call waits for approval and there is no terminal to ask on: pay(amount=5). {end}"
    )
    assert waiting_text([PAY, PAY]) == (
        f"2 calls wait for approval and there is no terminal to ask on: pay(amount=5), pay(amount=5). {end}"
    )
    assert waiting_text([SCAN]) == (
        f"1 call waits for a result and there is no terminal to ask on: scan(pages=2). {end}"
    )
    assert waiting_text([PAY, SCAN]) == (
        f"2 calls wait for approval or a result and there is no terminal to ask on: pay(amount=5), scan(pages=2). {end}"
    )


def test_of_a_submitted_run_it_is_said_how_to_decide_from_the_shell():
    assert waiting_text([PAY, SCAN], "order-7") == (
        "2 calls wait for approval or a result: pay(amount=5), scan(pages=2). See them, and decide: "
        "agentkit decide MODULE:AGENT order-7."
    )
