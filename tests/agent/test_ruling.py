"""Decisions and the calls that they are on: each fits one, and what was changed is refused before anything is done."""

import json
from dataclasses import replace

import pytest

from agentkit.agent import Agent
from agentkit.agent.ruling import rulings
from agentkit.errors import StateError
from agentkit.state import Approve, Deny, Give, PendingCall, RunState, decision_of
from agentkit.testing.reply import call, calls
from agentkit.testing.scripted import ScriptedModel
from agentkit.tools import tool
from agentkit.wire.message import UserMessage


class Shop:
    """Tools that keep what they did."""

    def __init__(self):
        self.done = []

    @tool(approval=True)
    def pay(self, amount: int) -> str:
        self.done.append(amount)
        return f"paid {amount}"

    @tool
    def look(self) -> str:
        self.done.append("look")
        return "seen"


def agent(shop, *replies, **options):
    return Agent(ScriptedModel([*replies, "done"]), tools=[shop.pay, shop.look], **options)


def refusal(one, state, decisions):
    with pytest.raises(StateError) as caught:
        one.resume_sync(state, decisions=decisions)
    return str(caught.value)


def test_a_decision_that_says_neither_yes_nor_no_is_refused():
    shop = Shop()
    one = agent(shop, call("pay", {"amount": 5}, id="p"))
    state = one.run_sync("x").state
    for decision in ("no", 0, None, "deny"):
        with pytest.raises(StateError) as caught:
            one.resume_sync(state, decisions={"p": decision})
        assert str(caught.value) == (
            f"The decision on the call 'p' is {decision!r}, which says neither yes nor no. "
            "Give True, False, Approve(...), Deny(...) or Give(...)."
        )
        assert caught.value.state == state
    assert shop.done == []


def test_a_decision_on_a_call_that_does_not_wait_is_refused():
    shop = Shop()
    one = agent(shop, calls(call("look", id="l"), call("pay", {"amount": 5}, id="p")))
    state = one.run_sync("x").state
    with pytest.raises(StateError) as caught:
        one.resume_sync(state, decisions={"l": True})
    assert str(caught.value) == (
        "A decision is for the call 'l', which does not wait for one. Waiting: p. "
        "Decide on the ids of `result.pending`."
    )


def waiting(shop, *, amounts=(5,), **options):
    """An agent, and its run that waits for a payment of each amount."""
    batch = calls(*(call("pay", {"amount": amount}, id=f"p{number}") for number, amount in enumerate(amounts)))
    one = agent(shop, batch, **options)
    return one, one.run_sync("x")


@pytest.mark.parametrize(
    "kind", [list, tuple, iter, lambda bound: (one for one in bound), lambda bound: dict(enumerate(bound)).values()]
)
def test_bound_decisions_find_their_calls_by_themselves(kind):
    shop = Shop()
    one, result = waiting(shop, amounts=(1, 2, 3))
    first, second, third = result.pending
    bound = [third.approve(), first.deny("No."), second.give("given")]
    after = one.resume_sync(result.state, decisions=kind(bound[:1]))
    assert [call.id for call in after.pending] == ["p0", "p1"]
    done = one.resume_sync(after.state, decisions=kind(bound[1:]))
    assert [m.content for m in done.messages if m.role == "tool"] == ["Not run: No.", "given", "paid 3"]
    assert shop.done == [3]


def test_a_bound_decision_goes_by_id_too():
    shop = Shop()
    one, result = waiting(shop)
    one.resume_sync(result.state, decisions={"p0": result.pending[0].approve()})
    assert shop.done == [5]


def other_run(result):
    return waiting(Shop())[1]


def other_amount(result):
    return waiting(Shop(), amounts=(6,))[1]


@pytest.mark.parametrize("other", [other_run, other_amount])
@pytest.mark.parametrize("make", [PendingCall.approve, PendingCall.deny, lambda call: call.give(1)])
def test_a_decision_that_was_made_on_another_call_is_refused(other, make):
    shop = Shop()
    one, result = waiting(shop)
    decision = make(other(result).pending[0])
    assert refusal(one, result.state, {"p0": decision}) == (
        "The decision on the call 'p0' was made on another one: of another run, turn or tool, or with other arguments. "
        "Decide on what `result.pending` shows."
    )
    assert refusal(one, result.state, [decision]) == (
        f"A decision is bound to a call that does not wait: {decision.call}. "
        "Waiting: p0. Decide on what `result.pending` shows."
    )
    assert shop.done == []


def test_a_bound_decision_does_not_fit_the_same_call_of_a_later_turn():
    shop = Shop()
    one = agent(shop, *[call("pay", {"amount": 5}, id="p")] * 2)
    first = one.run_sync("x")
    decision = first.pending[0].approve()
    second = one.resume_sync(first.state, decisions=[decision])
    assert [(waits.id, waits.arguments) for waits in second.pending] == [("p", '{"amount":5}')]
    with pytest.raises(StateError, match="bound to a call that does not wait"):
        one.resume_sync(second.state, decisions=[decision])
    assert shop.done == [5]


def test_a_decision_that_is_bound_to_nothing_needs_a_mapping():
    shop = Shop()
    one, result = waiting(shop)
    assert refusal(one, result.state, [Deny("No.")]) == (
        "The decision Deny(reason='No.', call=None) is bound to no call. Make it of the call, `call.approve()`, "
        "or give a mapping of call ids to decisions."
    )
    for wrong in ([True], ["p0"], [result.pending[0]]):
        assert " is bound to no call. " in refusal(one, result.state, wrong)


@pytest.mark.parametrize("wrong", [True, "p0", 5, b"p0", Approve()], ids=str)
def test_what_are_no_decisions_is_refused(wrong):
    one, result = waiting(Shop())
    assert refusal(one, result.state, wrong) == (
        f"The decisions are {wrong!r}. Give a mapping of call ids to decisions, or a list of what "
        "`call.approve()`, `call.deny()` and `call.give()` of `result.pending` made."
    )


def test_two_decisions_on_one_call_are_refused():
    one, result = waiting(Shop())
    both = [result.pending[0].approve(), result.pending[0].deny()]
    assert refusal(one, result.state, both) == "There are two decisions on the call 'p0'. Give one."


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ([1], "cannot convert dictionary update sequence element #0 to a sequence"),
        ({"amount": object}, "Unable to serialize unknown type: <class 'type'>"),
    ],
)
def test_changed_arguments_that_are_no_json_are_refused(arguments, why):
    shop = Shop()
    one, result = waiting(shop)
    assert refusal(one, result.state, {"p0": Approve(arguments)}) == (
        f"The arguments decided on for the call 'p0' are no JSON object: {why}. "
        "Give a dict of texts, numbers, lists and dicts."
    )
    assert shop.done == []


def test_a_held_call_that_is_not_the_one_in_the_history_is_refused():
    shop = Shop()
    one, result = waiting(shop)
    plain = json.loads(result.state.to_json())
    plain["held"][0]["arguments"] = '{"amount":1}'
    shown = RunState.from_json(json.dumps(plain))
    assert refusal(one, shown, [shown.held[0].approve()]) == (
        'The state was changed: the call \'p0\' waits as pay({"amount":1}), but the history has pay({"amount":5}). '
        "Do not resume it."
    )
    with pytest.raises(StateError, match="The state was changed"):
        one.resume_sync(shown)  # also where nothing is decided
    assert shop.done == []


@pytest.mark.parametrize("change", [{"name": "look"}, {"run_id": "r"}, {"turn": 7}])
def test_a_held_call_of_another_tool_run_or_turn_is_refused(change):
    one, result = waiting(Shop())
    changed = result.state.replace(held=tuple(replace(held, **change) for held in result.state.held))
    assert refusal(one, changed, None).startswith("The state was changed: the call 'p0' waits as ")


def test_a_held_call_that_the_history_does_not_have_is_refused():
    one, result = waiting(Shop())
    changed = result.state.replace(held=(*result.state.held, PendingCall("q", "pay", "{}", result.run_id, 1)))
    assert refusal(one, changed, {}) == (
        "The state was changed: the call 'q' waits as pay({}), but the history has no such call. Do not resume it."
    )


def test_a_history_in_which_a_call_hides_behind_the_id_of_another_one_is_refused():
    shop = Shop()
    one = agent(shop, calls(call("pay", {"amount": 5000}, id="q"), call("pay", {"amount": 5}, id="p")))
    waiting = one.run_sync("x").state
    hidden = RunState.from_json(waiting.to_json().replace('"q"', '"p"')).replace(held=waiting.held[1:])
    assert refusal(one, hidden, {"p": True}) == (
        "The state was changed: the history has two calls with the id 'p'. Do not resume it."
    )
    assert shop.done == []


def test_a_tampered_call_inside_a_sub_run_is_refused():
    _, inner = waiting(Shop())
    sub = inner.state.replace(held=(replace(inner.pending[0], arguments='{"amount":1}'),))
    _, outer = waiting(Shop())
    with pytest.raises(StateError, match="The state was changed: the call 'p0' waits as "):
        rulings(outer.state.replace(subs={"p0": sub}, held=()), {})


def test_a_call_of_a_sub_run_is_decided_on_by_the_id_that_is_shown():
    _, inner = waiting(Shop())
    _, outer = waiting(Shop())
    shown = replace(inner.pending[0], id="p0/p0")
    state = outer.state.replace(subs={"p0": inner.state}, held=(shown,))
    assert rulings(state, [shown.approve()]) == rulings(state, {"p0/p0": Approve()}) == {"p0/p0": Approve()}
    with pytest.raises(StateError, match="was made on another one"):
        rulings(state, {"p0": shown.deny()})


def test_a_state_of_the_first_releases_is_decided_on_with_bound_decisions():
    shop = Shop()
    one, result = waiting(shop)
    plain = json.loads(result.state.to_json())
    plain["held"] = [{"id": "p0", "name": "pay", "arguments": '{"amount":5}'}]
    state = RunState.from_json(json.dumps(plain))
    assert state.held == result.pending
    assert one.resume_sync(state, decisions=[result.pending[0].approve()]).output == "done"
    assert shop.done == [5]


def test_a_decision_goes_as_json_to_whoever_decides_and_back():
    shop = Shop()
    one, result = waiting(shop)
    asked = PendingCall.from_json(result.pending[0].to_json())
    written = json.dumps({"decision": "approve", "call": asked.digest, "arguments": {"amount": 4}})
    one.resume_sync(result.state, decisions=[decision_of(written)])
    assert shop.done == [4]


def test_open_calls_that_are_not_held_can_be_decided_on():
    shop = Shop()
    one, result = waiting(shop)
    state = result.state.replace(held=())
    assert rulings(state, {"p0": Give(1)}) == {"p0": Give(1)}
    assert rulings(RunState(messages=(UserMessage(content="x"),)), {}) == {}
    one.resume_sync(state, decisions=[result.pending[0].approve()])
    assert shop.done == [5]
