"""A person's decision, asked for on the terminal."""

import io

import pytest

from agentkit.cli.approval import ask_decision, waiting_text
from agentkit.cli.screen import Screen
from agentkit.state.decision import Deny
from agentkit.state.run import PendingCall

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


def test_where_nobody_can_be_asked_the_waiting_calls_are_named():
    end = "Run it in a terminal, or resume it from Python: with --json the document holds the state."
    assert waiting_text([PAY]) == (
        f"1 call waits for approval and there is no terminal to ask on: pay(amount=5). {end}"
    )
    assert waiting_text([PAY, PAY]) == (
        f"2 calls wait for approval and there is no terminal to ask on: pay(amount=5), pay(amount=5). {end}"
    )
