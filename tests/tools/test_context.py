"""What a call knows of its run."""

from typing import Annotated, Optional

import pytest
from typing_extensions import TypeAliasType

from agentkit.tools import Context
from agentkit.tools.context import is_context


def make(**changes):
    values = {"deps": "secret", "run_id": "r", "call_id": "c", "tool_name": "t", "arguments": "{}", "turn": 1}
    values |= {"usage": None, "retry": 0, "emit": print}
    return Context(**values | changes)


@pytest.mark.parametrize(
    "hint",
    [
        Context,
        Context[int],
        Annotated[Context[int], "note"],
        Context | None,
        Optional[Context[str]],
        Annotated[Context | None, 1],
        TypeAliasType("Ours", Context[int]),
    ],
    ids=str,
)
def test_hints_that_ask_for_the_context(hint):
    assert is_context(hint)


@pytest.mark.parametrize(
    "hint", [int, None, Context | int, list[Context], "Context", int | None, Annotated[int, Context]], ids=str
)
def test_hints_that_do_not_ask_for_the_context(hint):
    assert not is_context(hint)


def test_the_idempotency_key_is_the_same_for_the_same_call_only():
    key = make().idempotency_key
    assert key == "429b34324db0bd2776a627d96de46b09c870b2cb7614f84a0989c0cd0706e2fe"
    assert key == make(retry=1, deps=None).idempotency_key
    assert key != make(turn=2).idempotency_key  # some endpoints use a call's id again
    assert len({key, make(call_id="d").idempotency_key, make(run_id="s").idempotency_key}) == 3
    assert make(arguments='{"a": 1}').idempotency_key != key


def test_a_context_is_frozen_and_shows_no_deps():
    with pytest.raises(AttributeError):
        make().turn = 2
    assert "secret" not in repr(make())
