"""Decisions are plain values with words of their own."""

import pytest

from agentkit.state import Approve, Deny, Give


def test_an_approval_keeps_the_arguments_unless_others_are_given():
    assert Approve().arguments is None
    assert Approve({"amount": 3}).arguments == {"amount": 3}


def test_a_denial_has_a_reason():
    assert Deny().reason == "The user declined this call."
    assert Deny("Too much.").reason == "Too much."


def test_decisions_are_compared_by_value_and_not_changed():
    assert Give(1) == Give(1) != Give(2)
    with pytest.raises(AttributeError):
        Give(1).result = 2
