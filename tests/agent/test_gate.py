"""Approval: who is asked, what about, and what becomes of each decision, over processes and crashes."""

import json
import subprocess
import sys

import pytest

from agentkit.agent import Agent, Middleware
from agentkit.errors import PendingCallsError, StateError, ToolFailedError
from agentkit.state import Approve, Deny, Give, PendingCall, RunState
from agentkit.testing.reply import call, calls
from agentkit.testing.scripted import ScriptedModel
from agentkit.tools import Context, tool
from agentkit.wire.check import check_request
from agentkit.wire.request import ChatRequest


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


def told(result):
    """What the model was told, in call order."""
    return [message.content for message in result.messages if message.role == "tool"]


def agent(shop, *replies, **options):
    return Agent(ScriptedModel([*replies, "done"]), tools=[shop.pay, shop.look], **options)


def test_a_call_that_needs_approval_waits_and_says_so():
    shop = Shop()
    result = agent(shop, call("pay", {"amount": 5}, id="p")).run_sync("x")
    assert result.pending == (PendingCall("p", "pay", '{"amount":5}'),)
    assert shop.done == []
    with pytest.raises(PendingCallsError) as caught:
        _ = result.output
    assert str(caught.value) == (
        "The run has no output yet: it waits for decisions on pay (p). "
        "Go on with `agent.resume(result.state, decisions={call_id: True})`."
    )
    assert caught.value.state == result.state
    assert str(result) == "waits for 1 decisions"


@pytest.mark.parametrize("decision", [True, Approve()])
def test_an_approved_call_runs(decision):
    shop = Shop()
    one = agent(shop, call("pay", {"amount": 5}, id="p"))
    result = one.resume_sync(one.run_sync("x").state, decisions={"p": decision})
    assert (result.output, told(result), shop.done) == ("done", ["paid 5"], [5])


@pytest.mark.parametrize(
    ("decision", "text"),
    [
        (False, "Not run: The user declined this call."),
        (Deny(), "Not run: The user declined this call."),
        (Deny("Too much."), "Not run: Too much."),
    ],
)
def test_a_denied_call_is_told_with_the_reason(decision, text):
    shop = Shop()
    one = agent(shop, call("pay", {"amount": 5}, id="p"))
    result = one.resume_sync(one.run_sync("x").state, decisions={"p": decision})
    assert (told(result), shop.done, result.state.tool_calls) == ([text], [], 0)


def test_a_call_is_approved_with_changed_arguments_which_the_tool_and_its_context_see():
    seen = []

    @tool(approval=True)
    def pay(context: Context, amount: int) -> str:
        seen.append((amount, context.arguments, context.idempotency_key))
        return f"paid {amount}"

    one = Agent(ScriptedModel([call("pay", {"amount": 5}, id="p"), "done"]), tools=[pay])
    state = one.run_sync("x").state
    result = one.resume_sync(state, decisions={"p": Approve({"amount": 3})})
    one.replace(model=ScriptedModel(["done"])).resume_sync(state, decisions={"p": True})
    assert told(result) == ["paid 3"]
    assert [entry[:2] for entry in seen] == [(3, '{"amount":3}'), (5, '{"amount":5}')]
    assert seen[0][2] != seen[1][2]


def test_changed_arguments_are_validated_like_the_models():
    shop = Shop()
    one = agent(shop, call("pay", {"amount": 5}, id="p"))
    with pytest.raises(StateError) as caught:
        one.resume_sync(one.run_sync("x").state, decisions={"p": Approve({"amount": "lots"})})
    assert str(caught.value) == (
        "The arguments decided on for the call 'p' do not fit tool 'pay': Argument 'amount' should be a valid integer, "
        'you sent "lots". The call still waits; decide again.'
    )
    assert shop.done == []
    assert told(one.resume_sync(caught.value.state, decisions={"p": Approve({"amount": 4})})) == ["paid 4"]


def test_a_result_made_elsewhere_is_given():
    shop = Shop()
    one = agent(shop, call("pay", {"amount": 5}, id="p"))
    result = one.resume_sync(one.run_sync("x").state, decisions={"p": Give({"receipt": 7})})
    assert (told(result), shop.done) == (['{"receipt":7}'], [])


def test_arguments_are_validated_before_anyone_is_asked():
    asked = []

    def ask(context, arguments):
        asked.append(arguments)
        return True

    @tool(approval=ask)
    def pay(amount: int) -> str:
        return "paid"

    one = Agent(ScriptedModel([call("pay", {"amount": "five"}), call("pay", {"amount": 5}, id="p")]), tools=[pay])
    result = one.run_sync("x")
    assert asked == [{"amount": 5}]
    assert [waiting.id for waiting in result.pending] == ["p"]


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_a_predicate_of_context_and_arguments_decides_who_is_asked(colour):
    async def later(context, arguments):
        return sooner(context, arguments)

    def sooner(context, arguments):
        return arguments["amount"] > context.deps

    @tool(approval=sooner if colour == "sync" else later)
    def pay(amount: int) -> str:
        return f"paid {amount}"

    batch = calls(call("pay", {"amount": 5}, id="small"), call("pay", {"amount": 50}, id="large"))
    result = Agent(ScriptedModel([batch]), tools=[pay]).run_sync("x", deps=10)
    assert told(result) == ["paid 5"]
    assert [waiting.id for waiting in result.pending] == ["large"]


def test_a_predicate_that_fails_asks():
    def fail(context, arguments):
        raise KeyError("limit")

    @tool(approval=fail)
    def pay() -> str:
        return "paid"

    assert Agent(ScriptedModel([call("pay")]), tools=[pay]).run_sync("x").pending[0].name == "pay"


def test_calls_beside_a_waiting_one_run_once_and_stand_in_order():
    shop = Shop()
    batch = calls(
        call("look", id="a"), call("pay", {"amount": 1}, id="b"), call("pay", {"amount": 2}, id="c"), call("no", id="d")
    )
    one = agent(shop, batch)
    first = one.run_sync("x")
    assert ([p.id for p in first.pending], shop.done) == (["b", "c"], ["look"])
    second = one.resume_sync(first.state, decisions={"c": True})
    assert ([p.id for p in second.pending], shop.done) == (["b"], ["look", 2])
    third = one.resume_sync(second.state, decisions={"b": True})
    assert (third.output, shop.done) == ("done", ["look", 2, 1])
    assert [m.tool_call_id for m in third.messages if m.role == "tool"] == ["a", "b", "c", "d"]


def test_a_call_without_a_decision_goes_on_waiting():
    shop = Shop()
    one = agent(shop, call("pay", {"amount": 5}, id="p"))
    state = one.run_sync("x").state
    for decisions in (None, {}):
        assert [p.id for p in one.resume_sync(state, decisions=decisions).pending] == ["p"]
    assert shop.done == []


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


def test_a_decision_does_not_hold_for_a_later_call_with_the_same_id():
    shop = Shop()
    one = agent(shop, call("pay", {"amount": 5}, id="p"), call("pay", {"amount": 5000}, id="p"))
    result = one.resume_sync(one.run_sync("x").state, decisions={"p": True})
    assert shop.done == [5]
    assert result.pending == (PendingCall("p", "pay", '{"amount":5000}'),)


def test_two_waiting_calls_that_came_with_one_id_are_decided_apart():
    shop = Shop()
    one = agent(shop, calls(call("pay", {"amount": 1}, id="p"), call("pay", {"amount": 2}, id="p")))
    result = one.run_sync("x")
    first, second = result.pending
    assert first.id != second.id
    assert told(one.resume_sync(result.state, decisions={first.id: False, second.id: True}))[1] == "paid 2"
    assert shop.done == [2]


def test_an_approved_call_without_arguments_runs_after_a_cut_sibling_was_refused():
    ran = []

    @tool(approval=True)
    def wipe() -> str:
        ran.append(1)
        return "wiped"

    batch = {**calls(call("wipe", "{}", id="w"), call("wipe", "", id="cut")), "finish_reason": "length"}
    one = Agent(ScriptedModel([batch, "done"]), tools=[wipe])
    result = one.resume_sync(one.run_sync("x").state, decisions={"w": True})
    assert (told(result)[0], ran) == ("wiped", [1])


def test_a_new_user_message_while_a_call_waits_answers_it():
    shop = Shop()
    one = agent(shop, calls(call("look", id="l"), call("pay", {"amount": 5}, id="p")))
    waiting = one.run_sync("x")
    result = one.run_sync("never mind", history=waiting.messages)
    assert [m.role for m in result.messages] == ["user", "assistant", "tool", "tool", "user", "assistant"]
    assert told(result) == ["seen", "Not run: the user went on."]
    assert [m.role for m in result.new_messages] == ["user", "assistant"]
    check_request(ChatRequest(messages=result.messages))
    assert shop.done == ["look"]


def test_middleware_see_a_waiting_call_only_once_it_is_approved():
    seen = []

    class Watch(Middleware):
        async def call(self, call, run, step, /):
            seen.append(call.arguments)
            return await step(call)

    shop = Shop()
    one = agent(shop, call("pay", {"amount": 5}, id="p"), middleware=[Watch()])
    state = one.run_sync("x").state
    assert seen == []
    one.resume_sync(state, decisions={"p": Approve({"amount": 4})})
    assert seen == [{"amount": 4}]


def test_an_approved_call_that_fails_with_raise_waits_for_a_decision_again():
    tried = []

    @tool(approval=True)
    def pay() -> str:
        tried.append(1)
        raise ConnectionError("no answer")

    one = Agent(ScriptedModel([call("pay", id="p"), "done"]), tools=[pay], on_tool_error="raise")
    with pytest.raises(ToolFailedError) as caught:
        one.resume_sync(one.run_sync("x").state, decisions={"p": True})
    again = one.resume_sync(caught.value.state)
    assert ([p.id for p in again.pending], len(tried)) == (["p"], 1)


PROGRAM = """
import sys
from agentkit.agent import Agent
from agentkit.testing.reply import call, calls
from agentkit.testing.scripted import ScriptedModel
from agentkit.tools import tool

@tool
def look() -> str:
    print("looked")
    return "seen"

@tool(approval=True)
def pay(amount: int) -> str:
    print("paid", amount)
    return "paid"

batch = calls(call("look", id="l"), call("pay", {"amount": 5}, id="p"))
if sys.argv[1] == "ask":
    result = Agent(ScriptedModel([batch]), tools=[look, pay]).run_sync("x")
    open(sys.argv[2], "w").write(result.state.to_json())
else:
    model = ScriptedModel(["done"])
    result = Agent(model, tools=[look, pay]).resume_sync(open(sys.argv[2]).read(), decisions={"p": True})
    print(result.output, len(result.messages), result.turns)
"""


def test_a_waiting_run_is_saved_as_json_and_resumed_in_another_process(tmp_path):
    saved = tmp_path / "state.json"

    def program(what):
        command = [sys.executable, "-c", PROGRAM, what, str(saved)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (done.stderr, done.returncode) == ("", 0)
        return done.stdout.splitlines()

    assert program("ask") == ["looked"]
    assert json.loads(saved.read_text())["held"] == [{"id": "p", "name": "pay", "arguments": '{"amount":5}'}]
    assert [one.id for one in RunState.from_json(saved.read_text()).open_calls] == ["p"]
    assert program("go on") == ["paid 5", "done 5 2"]
