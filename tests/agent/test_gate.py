"""Approval: who is asked, what about, and what becomes of each decision, over processes and crashes."""

import asyncio
import contextvars
import threading

import pytest

from agentkit.agent import Agent, Middleware
from agentkit.errors import LimitExceededError, PendingCallsError, StateError, ToolFailedError
from agentkit.state import Approve, Deny, Give, PendingCall, RunLimits, RunState
from agentkit.testing.reply import call, calls
from agentkit.testing.scripted import ScriptedModel
from agentkit.tools import Context, Tool, ToolRetry, tool
from agentkit.tools.result import ToolResult
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
    assert result.pending == (PendingCall("p", "pay", '{"amount":5}', run_id=result.run_id, turn=1),)
    assert shop.done == []
    with pytest.raises(PendingCallsError) as caught:
        _ = result.output
    assert str(caught.value) == (
        "The run has no output yet: it waits for decisions on pay (p). "
        "Go on with `agent.resume(result.state, decisions={call_id: True})`; a run of a journal or of workers goes on "
        "there, by its id."
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


class Odd:
    """What has no truth of its own, as an array has none."""

    def __bool__(self):
        raise ValueError("ambiguous")


async def never(context, arguments):
    async with asyncio.timeout(0):
        await asyncio.Event().wait()


async def cancelled(context, arguments):
    task = asyncio.get_running_loop().create_future()
    task.cancel()
    return await task


async def threaded(context, arguments):
    return await asyncio.to_thread(fail, context, arguments)


def fail(context, arguments):
    raise KeyError("limit")


def leave(context, arguments):
    raise SystemExit(1)


PREDICATES = [
    fail,
    threaded,
    never,
    cancelled,
    leave,
    lambda: False,
    lambda context, arguments: arguments["amonut"] > 5,
    lambda context, arguments: Odd(),
    lambda context, arguments: None,
]


@pytest.mark.parametrize(
    "predicate",
    PREDICATES,
    ids=["raises", "in a thread", "out of time", "cancelled", "exits", "wrong", "typo", "no truth", "gives None"],
)
def test_a_predicate_that_does_not_say_that_it_is_safe_asks(predicate):
    ran = []

    @tool(approval=predicate)
    def pay(amount: int) -> str:
        ran.append(amount)
        return "paid"

    one = Agent(ScriptedModel([call("pay", {"amount": 5}, id="p"), "done"]), tools=[pay])
    result = one.run_sync("x")
    assert ([waiting.name for waiting in result.pending], ran) == (["pay"], [])
    assert one.resume_sync(result.state, decisions={"p": True}).output == "done"
    assert ran == [5]


@pytest.mark.parametrize("how", ["cancel", "limit"])
def test_a_run_that_ends_while_a_predicate_waits_runs_nothing(how):
    ran = []

    async def go():
        waits = asyncio.Event()

        async def ask(context, arguments):
            waits.set()
            await asyncio.Event().wait()

        @tool(approval=ask)
        def pay() -> str:
            ran.append(1)
            return "paid"

        limits = RunLimits(seconds=0.05) if how == "limit" else None
        one = Agent(ScriptedModel([call("pay", id="p")]), tools=[pay], limits=limits)
        task = asyncio.create_task(one.run("x"))
        await waits.wait()
        if how == "cancel":
            task.cancel()
        await asyncio.wait({task})
        return asyncio.CancelledError() if task.cancelled() else task.exception()

    ended = asyncio.run(go())
    assert isinstance(ended, asyncio.CancelledError if how == "cancel" else LimitExceededError)
    assert ran == []


def test_a_predicate_runs_on_the_event_loop_and_sees_the_runs_context_variables():
    seen, who = [], contextvars.ContextVar("who")

    def ask(context, arguments):
        seen.append((threading.current_thread().name, who.get()))
        return False

    @tool(approval=ask)
    def pay() -> str:
        return "paid"

    async def go():
        who.set("Ann")
        return await Agent(ScriptedModel([call("pay"), "done"]), tools=[pay]).run("x")

    assert asyncio.run(go()).output == "done"
    assert seen == [(threading.current_thread().name, "Ann")]


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


def test_a_call_that_waits_goes_on_waiting_though_its_predicate_would_let_it_through_now():
    ran = []

    @tool(approval=lambda context, arguments: context.deps)
    def pay() -> str:
        ran.append(1)
        return "paid"

    one = Agent[bool, str](ScriptedModel([call("pay", id="p"), call("pay", id="p"), "done"]), tools=[pay])
    state = one.run_sync("x", deps=True).state
    assert [waits.id for waits in one.resume_sync(state, deps=False).pending] == ["p"]
    assert ran == []
    assert one.resume_sync(state, deps=False, decisions={"p": True}).output == "done"
    assert ran == [1, 1]  # the later one, of the same id, was let through


def test_a_call_that_waits_goes_on_waiting_after_an_error_of_one_beside_it():
    asked, ran = [], []

    def once(context, arguments):
        asked.append(1)
        return len(asked) == 1

    @tool(approval=once)
    def pay() -> str:
        ran.append(1)
        return "paid"

    @tool
    def fail() -> str:
        raise ConnectionError("no answer")

    replies = [calls(call("pay", id="p"), call("fail", id="f")), "done"]
    one = Agent(ScriptedModel(replies), tools=[pay, fail], on_tool_error="raise")
    with pytest.raises(ToolFailedError) as caught:
        one.run_sync("x")
    state = caught.value.state
    with pytest.raises(ToolFailedError) as caught:
        one.resume_sync(state.to_json())
    assert [[waits.id for waits in one.pending] for one in (state, caught.value.state)] == [["p"], ["p"]]
    assert (len(asked), ran) == (1, [])
    result = one.replace(on_tool_error="report").resume_sync(caught.value.state, decisions={"p": True})
    assert (result.output, ran) == ("done", [1])


@pytest.mark.parametrize("how", ["cancel", "limit"])
def test_a_call_that_waits_when_the_run_ends_is_not_said_to_have_happened(how):
    shop = Shop()

    async def go():
        begun = asyncio.Event()

        @tool
        async def hang() -> str:
            begun.set()
            await asyncio.Event().wait()

        one = Agent(ScriptedModel([calls(call("pay", {"amount": 5}, id="p"), call("hang"))]), tools=[shop.pay, hang])
        limits = RunLimits(seconds=0.05) if how == "limit" else None
        task = asyncio.create_task(one.run("x", limits=limits))
        await begun.wait()
        if how == "cancel":
            task.cancel()
        with pytest.raises((asyncio.CancelledError, LimitExceededError)) as caught:
            await task
        return caught.value.state

    state = asyncio.run(go())
    ended = "Not finished: the run ended before this call did. Its effect may or may not have happened."
    if how == "cancel":
        assert told(state) == ["Not run: the run ended while this call waited for a decision.", ended]
    else:
        assert told(state) == [ended]
        assert [waits.id for waits in state.pending] == ["p"]
        assert agent(shop).resume_sync(state, decisions={"p": True}).output == "done"
        assert shop.done == [5]


def test_a_call_whose_sub_run_waits_is_not_asked_for_again():
    shop = Shop()
    clerk = Agent(ScriptedModel([call("pay", {"amount": 5}, id="i"), "Paid."]), tools=[shop.pay], name="clerk")
    tools = [clerk.as_tool().replace(approval=True)]
    one = Agent(ScriptedModel([call("clerk", {"prompt": "Pay."}, id="o"), "done"]), tools=tools)
    first = one.run_sync("x")
    assert [waits.id for waits in first.pending] == ["o"]
    second = one.resume_sync(first.state, decisions=[first.pending[0].approve()])
    assert [(waits.id, waits.run_id) for waits in second.pending] == [("o/i", f"{second.run_id}/o")]
    third = one.resume_sync(RunState.from_json(second.state.to_json()), decisions=[second.pending[0].approve()])
    assert (third.output, shop.done) == ("done", [5])


def test_a_decision_does_not_hold_for_a_later_call_with_the_same_id():
    shop = Shop()
    one = agent(shop, call("pay", {"amount": 5}, id="p"), call("pay", {"amount": 5000}, id="p"))
    result = one.resume_sync(one.run_sync("x").state, decisions={"p": True})
    assert shop.done == [5]
    assert result.pending == (PendingCall("p", "pay", '{"amount":5000}', run_id=result.run_id, turn=2),)


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


MEASURE = {"type": "object", "properties": {"thing": {"type": "string"}}, "required": ["thing"]}
measure = Tool.external("measure", "Measure a thing.", MEASURE)


@tool(external=True)
def ask_customer(question: str) -> str:
    """Ask the customer."""
    raise AssertionError(question)


def outside(*replies, **options):
    return Agent(ScriptedModel([*replies, "done"]), tools=[measure, ask_customer], **options)


@pytest.mark.parametrize(("name", "arguments"), [("measure", '{"thing":"a"}'), ("ask_customer", '{"question":"a"}')])
def test_an_external_call_waits_with_valid_arguments_until_its_result_is_given(name, arguments):
    one = outside(call(name, "{}"), call(name, arguments, id="e"))
    result = one.run_sync("x")
    assert result.pending == (PendingCall("e", name, arguments, result.run_id, 2, external=True),)
    assert told(result)[0].startswith("Argument '")
    after = one.resume_sync(result.state, decisions=[result.pending[0].give({"cm": 80})])
    assert (after.output, told(after)[1]) == ("done", '{"cm":80}')
    assert [(answer.status, answer.value) for answer in after.answers] == [("given", {"cm": 80})]


def test_an_external_call_is_denied_with_a_reason():
    one = outside(call("measure", {"thing": "a"}, id="e"))
    result = one.run_sync("x")
    assert told(one.resume_sync(result.state, decisions={"e": Deny("There is no ruler.")})) == [
        "Not run: There is no ruler."
    ]


@pytest.mark.parametrize("decision", [True, Approve(), Approve({"thing": "b"})])
def test_an_external_call_cannot_be_approved_and_nothing_beside_it_starts(decision):
    shop = Shop()
    batch = calls(call("pay", {"amount": 5}, id="p"), call("measure", {"thing": "a"}, id="e"))
    one = Agent(ScriptedModel([batch, "done"]), tools=[shop.pay, measure])
    state = one.run_sync("x").state
    with pytest.raises(StateError) as caught:
        one.resume_sync(state, decisions={"p": True, "e": decision})
    assert str(caught.value) == (
        "The call 'e' is of tool 'measure', which is carried out elsewhere: it cannot be approved. "
        "Give its result, `call.give(result)`, or deny it, `call.deny(reason)`."
    )
    assert shop.done == []
    after = one.resume_sync(caught.value.state, decisions={"p": True, "e": Give("80 cm")})
    assert (told(after), shop.done) == (["paid 5", "80 cm"], [5])


@pytest.mark.parametrize(
    ("given", "content"),
    [
        (None, "null"),
        ("", ""),
        ([1, 2.5], "[1,2.5]"),
        (ValueError("no ruler"), "The tool failed. ValueError: no ruler"),
        (ToolRetry("Ask again."), "Ask again."),
        (ToolResult(ToolRetry("Ask again.")), "Ask again."),
        (b"\x89PNG\r\n\x1a\n----", "[image 1: in the next user message]"),
        (ToolResult("80 cm", data=object()), "80 cm"),
        ("x" * 30, "xxxxx\n[Cut: the result has 30 characters, the first 5 are shown.]"),
    ],
    ids=["None", "empty", "list", "exception", "advice", "ToolResult of advice", "image", "ToolResult", "long"],
)
def test_what_is_given_may_be_all_that_a_tool_returns(given, content):
    tools = [measure.replace(max_characters=5) if given == "x" * 30 else measure]
    one = Agent(ScriptedModel([call("measure", {"thing": "a"}, id="e"), "done"]), tools=tools)
    result = one.resume_sync(one.run_sync("x").state, decisions={"e": Give(given)})
    assert told(result) == [content]
    check_request(ChatRequest(messages=result.messages))


def test_a_result_that_was_given_counts_where_the_tool_is_no_longer_there():
    one = outside(calls(call("measure", {"thing": "a"}, id="e"), call("measure", {"thing": "b"}, id="f")))
    state = one.run_sync("x").state
    bare = Agent(ScriptedModel(["done"]))
    assert told(bare.resume_sync(state, decisions={"e": Give("80 cm"), "f": False})) == [
        "80 cm",
        "Not run: The user declined this call.",
    ]


def test_middleware_see_no_external_call():
    class Watch(Middleware):
        async def call(self, call, run, step, /):
            raise AssertionError(call)

    one = outside(call("measure", {"thing": "a"}, id="e"), middleware=[Watch()])
    assert one.resume_sync(one.run_sync("x").state, decisions={"e": Give(1)}).output == "done"


def test_every_kind_of_decision_at_once_and_each_effect_once():
    shop = Shop()
    batch = calls(
        call("look", id="l"),
        *(call("pay", {"amount": amount}, id=f"p{amount}") for amount in (1, 2, 3)),
        call("measure", {"thing": "a"}, id="e"),
        call("pay", {"amount": "much"}, id="bad"),
    )
    one = Agent(ScriptedModel([batch, "done"]), tools=[shop.pay, shop.look, measure])
    first = one.run_sync("x")
    assert [waiting.id for waiting in first.pending] == ["p1", "p2", "p3", "e"]
    yes, no, other, result = first.pending
    decisions = [result.give("80 cm"), other.approve({"amount": 30}), no.deny("Too much."), yes.approve()]
    second = one.resume_sync(RunState.from_json(first.state.to_json()), decisions=decisions)
    assert told(second)[:5] == ["seen", "paid 1", "Not run: Too much.", "paid 30", "80 cm"]
    assert sorted(shop.done, key=str) == [1, 30, "look"]
    assert (second.state.tool_calls, second.output) == (4, "done")


def test_a_resumed_run_is_watched():
    shop = Shop()
    one = agent(shop, call("pay", {"amount": 5}, id="p"))
    state = one.run_sync("x").state

    async def watch():
        async with one.resume_stream(state, decisions={"p": True}) as stream:
            return [event.type async for event in stream], stream.result

    kinds, result = asyncio.run(watch())
    assert [kind for kind in kinds if kind not in ("request_sent", "usage")] == [
        "run_started",
        "tool_call_ready",
        "tool_result",
        "text_delta",
        "reply",
        "output",
        "run_ended",
    ]
    assert (result.output, shop.done) == ("done", [5])


def test_a_resumed_run_is_watched_from_sync_code():
    shop = Shop()
    one = agent(shop, call("pay", {"amount": 5}, id="p"))
    first = one.run_sync("x")
    with one.resume_stream_sync(first.state.to_json(), decisions=[first.pending[0].approve()]) as stream:
        assert "".join(stream.text()) == "done"
    assert (stream.result.output, shop.done) == ("done", [5])
