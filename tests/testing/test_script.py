"""Which reply and which fault a request gets."""

import pytest

from agentkit.errors import ScriptError
from agentkit.testing.echo import echo
from agentkit.testing.fault import Fault
from agentkit.testing.script import Script

REQUEST = {"messages": [{"role": "user", "content": "Hi"}]}


def taken(script, times):
    return [((fault and fault.name), reply) for fault, reply in (script.take(REQUEST) for _ in range(times))]


def test_replies_come_in_order():
    assert taken(Script(["a", "b"], []), 2) == [(None, "a"), (None, "b")]


def test_a_fault_takes_no_reply_away_unless_it_lets_it_through():
    script = Script(["a", "b", "c"], ["disconnect", "gzip", None, "stall"])
    assert taken(script, 5) == [("disconnect", "a"), ("gzip", "a"), (None, "b"), ("stall", "c"), (None, "c")]
    script.assert_complete()


def test_a_fault_in_the_script_stands_at_its_place():
    script = Script(["a", Fault.status(times=2), "b", "stall of text"], [])
    assert taken(script, 5) == [(None, "a"), ("status", "b"), ("status", "b"), (None, "b"), (None, "stall of text")]


def test_a_fault_after_the_last_reply_spoils_a_reply_by_rule():
    assert taken(Script([Fault.truncate()], []), 1) == [("truncate", echo(REQUEST))]


def test_equal_replies_are_each_given_once():
    assert taken(Script(["a", "a"], []), 3) == [(None, "a"), (None, "a"), ("status", "")]


def test_functions_see_the_request_and_may_give_functions_and_faults():
    script = Script([lambda request: lambda again: again["messages"][0]["content"], lambda _: Fault.stall()], [])
    assert taken(script, 2) == [(None, "Hi"), ("stall", "")]


def test_what_is_left_is_told():
    script = Script(["a", "b"], [None, "stall"])
    script.take(REQUEST)
    with pytest.raises(ScriptError) as caught:
        script.assert_complete()
    assert str(caught.value) == (
        "FakeEndpoint: 2 of its replies and faults were not asked for, after 1 requests. "
        "Remove them, or find out why less was asked."
    )


def test_a_function_in_the_place_of_the_list_answers_every_request():
    script = Script(lambda request: request["model"], faults=[])
    assert [script.take({"model": name})[1] for name in ("a", "b", "a")] == ["a", "b", "a"]
    script.assert_complete()


def test_replies_by_rule_are_never_used_up():
    script = Script(None, [])
    assert len(taken(script, 10)) == 10
    script.assert_complete()
