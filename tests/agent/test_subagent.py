"""Agents as tools: what waits in them, decisions on it, errors and limits, over processes and levels."""

import asyncio
import json

import pytest
from pydantic import BaseModel

from agentkit.agent import Agent, Middleware, SubRunEvent, handoff
from agentkit.errors import (
    ConfigurationError,
    LimitExceededError,
    PendingCallsError,
    RateLimitError,
    StateError,
    ToolDefinitionError,
    ToolFailedError,
)
from agentkit.session import SqliteStore
from agentkit.state import Approve, Deny, Give, RunLimits, RunState
from agentkit.state.budget import Budget
from agentkit.testing import swap_model
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


def cashier(shop, *replies, **options):
    options = {"name": "cashier", **options}
    return Agent(ScriptedModel(replies), tools=[shop.pay, shop.look], **options)


def ask(name="cashier", prompt="x", **options):
    return call(name, {"prompt": prompt}, **options)


def pay(amount, **options):
    return call("pay", {"amount": amount}, **options)


def outer(*replies, tools):
    return Agent(ScriptedModel(replies), tools=tools)


def saved(result):
    """The state as another process would have it."""
    return RunState.from_json(result.state.to_json())


# the tool


def test_an_agent_as_a_tool_answers_a_prompt_with_its_own_name_and_instructions():
    agent = Agent(ScriptedModel(["Guten Tag"]), name="translator", instructions="Translate into German.")
    assert agent.as_tool().definition == {
        "type": "function",
        "function": {
            "name": "translator",
            "description": "Ask the agent translator. Its instructions: Translate into German.",
            "parameters": {
                "type": "object",
                "properties": {
                    "prompt": {
                        "type": "string",
                        "description": "What to do, with all that it takes: nothing else is known.",
                    }
                },
                "additionalProperties": False,
                "required": ["prompt"],
            },
        },
    }
    result = outer(ask("translator", "Good day"), "done", tools=[agent.as_tool()]).run_sync("x")
    assert (told(result), result.output) == (["Guten Tag"], "done")


def test_name_description_and_options_are_given():
    made = Agent("x", instructions="Long.").as_tool(
        "find", "Find things.", approval=True, retries=1, timeout=2.5, sequential=True
    )
    seen = (made.name, made.description, made.approval, made.retries, made.timeout, made.sequential)
    assert seen == ("find", "Find things.", True, 1, 2.5, True)
    long = Agent("x", name="a", instructions="b" * 600).as_tool().description
    assert long == "Ask the agent a. Its instructions: " + "b" * 499 + "…"
    assert Agent("x", name="a", instructions=lambda: "late").as_tool().description == "Ask the agent a."


def test_an_agent_without_a_name_that_tools_may_have_is_refused():
    with pytest.raises(ToolDefinitionError) as caught:
        Agent("x").as_tool()
    assert str(caught.value) == (
        'An agent without a name is made a tool. Name the agent, `Agent(..., name="researcher")`, '
        'or the tool, `agent.as_tool("researcher")`.'
    )
    with pytest.raises(ToolDefinitionError) as caught:
        Agent("x", name="Front desk").as_tool()
    assert str(caught.value) == (
        "'Front desk' is no name for a tool: the contract allows 1 to 64 letters, digits, `_` and `-`. "
        "Give another one, `agent.as_tool(..., name=...)`."
    )


def test_a_typed_output_is_json_for_the_model_and_the_object_for_the_program():
    class City(BaseModel):
        name: str

    agent = Agent(ScriptedModel(['{"name":"Oslo"}']), output=City, name="find")
    result = outer(ask("find"), "done", tools=[agent.as_tool()]).run_sync("x")
    assert told(result) == ['{"name":"Oslo"}']
    assert result.answers[0].value == City(name="Oslo")


def test_the_sub_run_has_the_deps_and_an_id_of_its_call():
    seen = []

    @tool
    def note(context: Context) -> str:
        seen.append((context.deps, context.run_id))
        return "noted"

    agent = Agent(ScriptedModel([call("note"), "inner"]), tools=[note], name="notes")
    result = outer(ask("notes", id="c"), "done", tools=[agent.as_tool()]).run_sync("x", deps="mine")
    assert seen == [("mine", f"{result.run_id}/c")]


# what waits


def test_calls_that_wait_in_a_sub_run_wait_in_the_run():
    shop = Shop()
    inner = cashier(shop, calls(pay(5, id="p"), call("look", id="l")), "all paid")
    agent = outer(calls(ask(id="a"), call("look", id="b")), "done", tools=[inner.as_tool(), shop.look])
    result = agent.run_sync("x")
    assert [(one.id, one.name, one.arguments, one.run_id) for one in result.pending] == [
        ("a/p", "pay", '{"amount":5}', f"{result.run_id}/a")
    ]
    assert shop.done == ["look", "look"]
    state = saved(result)
    assert (state, state.subs["a"].held[0].id) == (result.state, "p")
    done = agent.resume_sync(state, decisions={"a/p": True})
    assert (done.output, told(done), shop.done) == ("done", ["all paid", "seen"], ["look", "look", 5])
    assert (done.state.subs, done.pending) == ({}, ())
    assert [answer.tool_name for answer in result.answers] == ["look"]


@pytest.mark.parametrize(
    ("decision", "text", "done"),
    [
        (True, "paid 5", [5]),
        (Approve({"amount": 3}), "paid 3", [3]),
        (False, "Not run: The user declined this call.", []),
        (Deny("Too much."), "Not run: Too much.", []),
        (Give("paid in cash"), "paid in cash", []),
    ],
)
def test_each_decision_is_passed_down(decision, text, done):
    shop = Shop()
    inner = cashier(shop, pay(5, id="p"), lambda request: request.messages[-1].content)
    agent = outer(ask(id="a"), "done", tools=[inner.as_tool()])
    result = agent.resume_sync(saved(agent.run_sync("x")), decisions={"a/p": decision})
    assert (told(result), shop.done) == ([text], done)


def test_a_decision_bound_to_its_call_is_passed_down():
    shop = Shop()
    inner = cashier(shop, pay(5, id="p"), "all paid")
    agent = outer(ask(id="a"), "done", tools=[inner.as_tool()])
    result = agent.run_sync("x")
    assert agent.resume_sync(saved(result), decisions=[result.pending[0].approve()]).output == "done"
    assert shop.done == [5]


def test_several_sub_runs_wait_at_once_and_one_goes_on_while_another_waits():
    shop = Shop()

    def reply(request):
        asked, told = request.messages[0].content, [m.content for m in request.messages if m.role == "tool"]
        return f"{asked}: {told[0]}" if told else pay(int(asked), id="p")

    inner = cashier(shop, *[reply] * 8)
    both = calls(ask(prompt="1", id="a"), ask(prompt="2", id="b"), pay(3, id="c"))
    agent = outer(both, "done", tools=[inner.as_tool(), shop.pay])
    first = agent.run_sync("x")
    assert [one.id for one in first.pending] == ["a/p", "b/p", "c"]
    second = agent.resume_sync(saved(first), decisions={"b/p": True})
    assert ([one.id for one in second.pending], shop.done) == (["a/p", "c"], [2])
    assert told(second) == ["2: paid 2"]
    third = agent.resume_sync(saved(second), decisions={"a/p": Deny("no"), "c": True})
    assert (third.output, shop.done) == ("done", [2, 3])
    assert told(third) == ["1: Not run: no", "2: paid 2", "paid 3"]
    assert [one.tool_call_id for one in third.messages if one.role == "tool"] == ["a", "b", "c"]


def test_calls_without_a_decision_go_on_waiting():
    shop = Shop()
    inner = cashier(shop, pay(5, id="p"))
    agent = outer(ask(id="a"), tools=[inner.as_tool()])
    result = agent.run_sync("x")
    for _ in range(2):
        result = agent.resume_sync(saved(result))
        assert [one.id for one in result.pending] == ["a/p"]
    assert len(inner._fields["model"].requests) == 1


def test_a_sub_run_waits_two_levels_down():
    shop = Shop()
    leaf = cashier(shop, calls(pay(5, id="p"), call("look")), "leaf")
    branch = Agent(ScriptedModel([calls(ask(id="b"), call("look")), "branch"]), tools=[leaf.as_tool(), shop.look])
    agent = outer(ask("branch", id="a"), "done", tools=[branch.as_tool("branch")])
    first = agent.run_sync("x")
    assert [(one.id, one.run_id) for one in first.pending] == [("a/b/p", f"{first.run_id}/a/b")]
    with pytest.raises(StateError):
        agent.resume_sync(saved(first), decisions={"a/b": 5})
    done = agent.resume_sync(saved(first), decisions={"a/b/p": True})
    assert (done.output, shop.done) == ("done", ["look", "look", 5])
    assert [type(state) for state in (first.state.subs["a"], first.state.subs["a"].subs["b"])] == [RunState, RunState]


def test_ids_with_slashes_are_told_apart():
    shop = Shop()
    inner = cashier(shop, pay(1, id="b/c"), pay(2, id="c"), "one", "two")
    agent = outer(calls(ask(id="a"), ask(id="a/b"), pay(3, id="a/b/c")), "done", tools=[inner.as_tool(), shop.pay])
    first = agent.run_sync("x")
    ids = {one.id: one.arguments for one in first.pending}
    assert list(ids) == ["a/b/c'", "a/b/c''", "a/b/c"]
    agent.resume_sync(saved(first), decisions={one: json.loads(ids[one])["amount"] == 2 for one in ids})
    assert shop.done == [2]


def test_the_call_of_the_agent_itself_is_decided_on_once():
    shop = Shop()
    inner = cashier(shop, pay(5, id="p"), "all paid")
    agent = outer(ask(id="a"), "done", tools=[inner.as_tool(approval=True)])
    first = agent.run_sync("x")
    assert [one.id for one in first.pending] == ["a"]
    second = agent.resume_sync(saved(first), decisions={"a": True})
    assert [one.id for one in second.pending] == ["a/p"]
    third = agent.resume_sync(saved(second), decisions={"a/p": True})
    assert (third.output, shop.done) == ("done", [5])


@pytest.mark.parametrize(
    ("decision", "text"), [(Deny("Never mind."), "Not run: Never mind."), (Give("by hand"), "by hand")]
)
def test_a_decision_on_the_call_itself_ends_its_sub_run(decision, text):
    shop = Shop()
    agent = outer(ask(id="a"), "done", tools=[cashier(shop, pay(5, id="p")).as_tool()])
    result = agent.resume_sync(saved(agent.run_sync("x")), decisions={"a": decision})
    assert (told(result), shop.done, result.state.subs) == ([text], [], {})


def test_another_prompt_begins_the_sub_run_anew():
    shop = Shop()
    inner = cashier(shop, pay(5, id="p"), lambda request: request.messages[0].content)
    agent = outer(ask(id="a"), "done", tools=[inner.as_tool()])
    result = agent.resume_sync(saved(agent.run_sync("x")), decisions={"a": Approve({"prompt": "other"})})
    assert (told(result), shop.done) == (["other"], [])


def test_a_decision_that_does_not_fit_is_told_to_whoever_decides_and_the_call_waits_on():
    shop = Shop()
    inner = cashier(shop, pay(5, id="p"), "all paid")
    agent = outer(ask(id="a"), "done", tools=[inner.as_tool()])
    state = saved(agent.run_sync("x"))
    with pytest.raises(StateError) as caught:
        agent.resume_sync(state, decisions={"a/p": Approve({"amount": "lots"})})
    assert str(caught.value) == (
        "The arguments decided on for the call 'p' do not fit tool 'pay': Argument 'amount' should be a valid integer, "
        'you sent "lots". The call still waits; decide again.'
    )
    again = caught.value.state
    assert again.run_id == state.run_id
    assert agent.resume_sync(again.to_json(), decisions={"a/p": True}).output == "done"
    with pytest.raises(StateError) as caught:
        agent.resume_sync(state, decisions={"p": True})
    assert str(caught.value).startswith("A decision is for the call 'p', which does not wait for one. Waiting: a, a/p.")


def test_a_new_message_of_the_user_answers_the_call_and_leaves_a_valid_history():
    shop = Shop()
    agent = outer(ask(id="a"), "well", tools=[cashier(shop, pay(5)).as_tool()])
    first = agent.run_sync("x")
    result = agent.run_sync("Never mind.", history=first.messages)
    assert (told(result), shop.done) == (["Not run: the user went on."], [])
    check_request(ChatRequest(messages=result.messages))


def test_what_is_allowed_and_refused_is_remembered_in_a_session(tmp_path):
    shop = Shop()
    inner = cashier(shop, calls(pay(1, id="p"), pay(2, id="q")), RateLimitError("slow down"), "all paid")
    agent = Agent(ScriptedModel([ask(id="a"), "done"]), tools=[inner.as_tool()], on_tool_error="raise")

    async def main():
        session = SqliteStore(tmp_path / "chat.db").session("s")
        first = await agent.run("x", session=session)
        second = await agent.resume(await session.pending(), decisions={"a/p": True}, session=session)
        assert [one.id for one in second.pending] == ["a/q"]
        with pytest.raises(StateError) as caught:
            await agent.resume(first.state, decisions={"a/p": True}, session=session)
        assert str(caught.value).startswith("The state is older than what session 's' has of the same run")
        with pytest.raises(ToolFailedError):
            await agent.resume(await session.pending(), decisions={"a/q": True}, session=session)
        assert shop.done == [1, 2]
        state = RunState.from_json(await session.pending())
        assert (state.held, state.subs["a"].open_calls) == ((), ())
        return await agent.resume(state, session=session)

    assert asyncio.run(main()).output == "done"
    assert shop.done == [1, 2]


# errors


def test_an_error_of_the_sub_run_is_told_to_the_model_as_the_tools():
    inner = Agent(ScriptedModel([RateLimitError("slow down")]), name="inner")
    result = outer(ask("inner"), "done", tools=[inner.as_tool()]).run_sync("x")
    assert told(result) == ["The tool failed. RateLimitError: slow down"]
    assert result.answers[0].error.state is not None
    assert result.state.subs == {}


def test_a_sub_runs_own_limit_is_told_to_the_model():
    shop = Shop()
    inner = cashier(shop, call("look"), call("look"), limits=RunLimits(turns=1))
    result = outer(ask(), "done", tools=[inner.as_tool()]).run_sync("x")
    assert told(result)[0].startswith("The tool failed. LimitExceededError: The run reached its limit turns=1")


def test_a_run_that_ended_with_a_sub_runs_error_goes_on_inside_it():
    shop = Shop()
    inner = cashier(shop, call("look"), RateLimitError("slow down"), "inner")
    agent = outer(ask(), "done", tools=[inner.as_tool()]).replace(on_tool_error="raise")
    with pytest.raises(ToolFailedError) as caught:
        agent.run_sync("x")
    result = agent.resume_sync(caught.value.state.to_json())
    assert (told(result), shop.done) == (["inner"], ["look"])


def test_the_call_of_an_agent_may_run_out_of_time():
    @tool
    async def hang() -> str:
        await asyncio.Event().wait()

    inner = Agent(ScriptedModel([call("hang")]), tools=[hang], name="slow")
    result = outer(ask("slow"), "done", tools=[inner.as_tool(timeout=0.05)]).run_sync("x")
    assert told(result) == ["The tool failed. Tool 'slow' did not end within 0.05 s."]
    assert result.state.subs == {}


def test_a_cancelled_run_forgets_its_sub_runs_and_has_a_valid_history():
    async def main():
        started = asyncio.Event()

        @tool
        async def hang() -> str:
            started.set()
            await asyncio.Event().wait()

        inner = Agent(ScriptedModel([call("hang")]), tools=[hang], name="slow")
        agent = outer(ask("slow"), "done", tools=[inner.as_tool()])
        task = asyncio.create_task(agent.run("x"))
        await started.wait()
        task.cancel()
        try:
            await task
        except asyncio.CancelledError as error:
            return error.state

    state = asyncio.run(main())
    assert (state.subs, state.open_calls) == ({}, ())
    assert told(state) == ["Not finished: the run ended before this call did. Its effect may or may not have happened."]


def test_an_agent_that_calls_itself_is_stopped_and_told():
    def tools(context: Context):
        return [agent.as_tool()]

    seen = []

    def reply(request):
        last = request.messages[-1]
        if last.role != "tool":
            return ask("self")
        seen.append(last.content)
        return "enough"

    agent = Agent(ScriptedModel([reply] * 40), tools=tools, name="self")
    assert agent.run_sync("x").output == "enough"
    assert seen[0] == (
        "The tool failed. RunError: Agents call one another 16 deep here, each a tool of the one before. "
        "Does one call itself? Go on without this tool."
    )
    assert len(seen) == 17


def test_a_tool_that_runs_an_agent_whose_calls_wait_is_told_what_to_do_instead():
    shop = Shop()
    inner = cashier(shop, pay(5, id="p"))

    @tool
    async def buy() -> str:
        return (await inner.run("buy")).output

    result = outer(call("buy"), "done", tools=[buy]).run_sync("x")
    (text,) = told(result)
    assert text == (
        "The tool failed. PendingCallsError: The run has no output yet: it waits for decisions on pay (p). A tool ran "
        "it, so nobody is asked. Give `agent.as_tool()` to the agent above in the place of the tool: its calls then "
        "wait with those of the run."
    )


def test_a_function_that_calls_an_agents_tool_has_its_outcome():
    shop = Shop()
    inner = cashier(shop, "fine", pay(5, id="p")).as_tool()

    @tool
    async def buy(context: Context) -> str:
        return await inner(context, "buy")

    result = outer(call("buy"), call("buy"), "done", tools=[buy]).run_sync("x")
    assert told(result)[0] == "fine"
    assert told(result)[1].startswith("The tool failed. PendingCallsError")
    context = Context("mine", "r", "", "", "", 1, None, 0, print)
    alone = cashier(shop, "alone").as_tool()
    assert asyncio.run(alone(context, "x")) == "alone"
    with pytest.raises(PendingCallsError):
        asyncio.run(cashier(shop, pay(5)).as_tool()(context, "x"))


# what stands around


def test_middleware_sees_a_call_that_waits_as_held_and_no_result_is_shown():
    seen = []

    class Watch(Middleware):
        async def call(self, call, run, step, /):
            answer = await step(call)
            seen.append((call.name, answer.status, answer.message.content))
            return answer

    shop = Shop()
    inner = cashier(shop, pay(5, id="p"), "all paid")
    agent = outer(ask(id="a"), "done", tools=[inner.as_tool()]).replace(middleware=[Watch()])
    events = []

    async def main():
        async with agent.stream("x") as stream:
            events.extend([event async for event in stream])
        return stream.result

    result = asyncio.run(main())
    assert seen == [("cashier", "held", "Not finished: calls of a run that this one began wait for decisions: pay.")]
    own = [event.type for event in events if not isinstance(event, SubRunEvent)]
    assert own[-2:] == ["tool_call_ready", "run_ended"]
    assert events[-1].pending == 1
    inside = [event.event for event in events if isinstance(event, SubRunEvent)]
    assert (inside[0].type, inside[-1].type, inside[-1].pending) == ("run_started", "run_ended", 1)
    agent.resume_sync(saved(result), decisions={"a/p": True})
    assert seen[-1] == ("cashier", "ok", "all paid")


def test_events_of_a_sub_run_that_goes_on_arrive_too():
    shop = Shop()
    inner = cashier(shop, pay(5, id="p"), "all paid")
    agent = outer(ask(id="a"), "done", tools=[inner.as_tool()])
    result = agent.run_sync("x")

    async def main():
        async with agent.resume_stream(saved(result), decisions={"a/p": True}) as stream:
            return [event async for event in stream]

    inside = [event for event in asyncio.run(main()) if isinstance(event, SubRunEvent)]
    assert {event.run_id for event in inside} == {f"{result.run_id}/a"}
    assert [event.event.type for event in inside] == [
        *("run_started", "tool_call_ready", "tool_result", "reply", "usage", "output", "run_ended")
    ]


def test_an_agent_that_chooses_its_tools_each_turn_goes_on_with_what_waits():
    shop = Shop()
    inner = cashier(shop, pay(5, id="p"), "all paid")

    def tools(context: Context):
        return [inner.as_tool()]

    agent = Agent(ScriptedModel([ask(id="a"), "done"]), tools=tools)
    assert agent.resume_sync(saved(agent.run_sync("x")), decisions={"a/p": True}).output == "done"
    assert shop.done == [5]


def test_a_changed_state_of_a_sub_run_is_refused():
    shop = Shop()
    agent = outer(ask(id="a"), "done", tools=[cashier(shop, pay(5, id="p")).as_tool()])
    text = agent.run_sync("x").state.to_json()
    changed = text.replace('"arguments":"{\\"amount\\":5}"}}', '"arguments":"{\\"amount\\":500}"}}')
    assert changed != text
    with pytest.raises(StateError) as caught:
        agent.resume_sync(changed, decisions={"a/p": True})
    assert str(caught.value).startswith("The state was changed: the call 'p' waits as pay")
    assert shop.done == []


def test_a_configuration_error_of_the_sub_agent_is_told_like_any_other():
    inner = Agent(ScriptedModel(["x"]), name="inner", instructions=lambda: 1 / 0)
    result = outer(ask("inner"), "done", tools=[inner.as_tool()]).run_sync("x")
    assert told(result) == ["The tool failed. ZeroDivisionError: division by zero"]
    assert not isinstance(result.answers[0].error, ConfigurationError)


# limits of the run that asks


def reading(shop):
    """An agent that looks twice before it answers."""
    return cashier(shop, call("look"), call("look"), "inner")


def test_a_limit_of_the_run_that_is_reached_inside_ends_it_and_it_goes_on_inside_with_more():
    shop = Shop()
    agent = outer(calls(ask(id="a"), call("look", id="b")), "done", tools=[reading(shop).as_tool(), shop.look])
    with pytest.raises(LimitExceededError) as caught:
        agent.run_sync("x", limits=RunLimits(requests=2))
    state = caught.value.state
    assert ([one.id for one in state.open_calls], state.subs["a"].turns, shop.done) == (["a"], 1, ["look", "look"])
    result = agent.resume_sync(state.to_json(), limits=RunLimits(requests=5))
    assert (result.output, told(result), shop.done) == ("done", ["inner", "seen"], ["look"] * 3)
    assert result.state.spent.requests == 5


def test_a_budget_that_is_spent_inside_ends_the_run():
    shop = Shop()
    agent = outer(ask(id="a"), "done", tools=[reading(shop).as_tool()])
    with pytest.raises(LimitExceededError) as caught, Budget(requests=2):
        agent.run_sync("x")
    assert str(caught.value).startswith("The budget reached its limit requests=2 (spent: 2)")
    assert caught.value.state.subs["a"].turns == 1
    with Budget(requests=3) as budget:
        assert agent.resume_sync(caught.value.state).output == "done"
    assert budget.spent.requests == 3


def test_a_shared_limit_is_no_failure_of_a_tool_that_runs_an_agent_itself_either():
    shop = Shop()
    inner = reading(shop)

    @tool
    async def buy() -> str:
        return (await inner.run("buy")).output

    for mode in ("report", "raise", lambda call, error: "mended"):
        agent = outer(call("buy"), "done", tools=[buy]).replace(on_tool_error=mode)
        with pytest.raises(LimitExceededError):
            agent.run_sync("x", limits=RunLimits(requests=1))


def test_time_that_is_over_inside_ends_the_run_and_it_goes_on_inside_with_more():
    @tool
    async def hang() -> str:
        await asyncio.Event().wait()

    inner = Agent(ScriptedModel([call("hang"), "inner"]), tools=[hang], name="slow")
    agent = outer(calls(ask("slow", id="a"), call("hang", id="b")), "done", tools=[inner.as_tool(), hang])
    with pytest.raises(LimitExceededError) as caught:
        agent.run_sync("x", limits=RunLimits(seconds=0.1))
    state = caught.value.state
    ended = "Not finished: the run ended before this call did. Its effect may or may not have happened."
    assert ([one.id for one in state.open_calls], told(state), told(state.subs["a"])) == (["a"], [ended], [ended])
    result = agent.resume_sync(state.to_json(), limits=RunLimits(seconds=60))
    assert (result.output, told(result)) == ("done", ["inner", ended])


def test_a_swapped_model_answers_inside_too():
    inner = Agent("openai:gpt-4o-mini", name="inner")
    agent = Agent("openai:gpt-4o-mini", tools=[inner.as_tool(), handoff(inner)])
    replies = [ask("inner"), "from inside", call("transfer_to_inner"), "after"]
    with swap_model(ScriptedModel(replies)):
        result = agent.run_sync("x")
    assert (told(result)[0], result.output, result.agent) == ("from inside", "after", "inner")


def test_a_decision_that_does_not_fit_two_levels_down_is_told_too():
    shop = Shop()
    leaf = cashier(shop, pay(5, id="p"), "leaf")
    branch = Agent(ScriptedModel([calls(ask(id="b"), call("look")), "branch"]), tools=[leaf.as_tool(), shop.look])
    agent = outer(ask("branch", id="a"), "done", tools=[branch.as_tool("branch")])
    state = saved(agent.run_sync("x"))
    with pytest.raises(StateError) as caught:
        agent.resume_sync(state, decisions={"a/b/p": Approve({"amount": "lots"})})
    assert str(caught.value).startswith("The arguments decided on for the call 'p' do not fit tool 'pay'")
    assert agent.resume_sync(caught.value.state, decisions={"a/b/p": True}).output == "done"
    assert shop.done == ["look", 5]


def test_a_decision_on_a_call_whose_agent_is_gone_is_told():
    shop = Shop()
    agent = outer(ask(id="a"), "done", tools=[cashier(shop, pay(5, id="p")).as_tool()])
    state = agent.run_sync("x").state
    with pytest.raises(StateError) as caught:
        agent.replace(tools=[]).resume_sync(state, decisions={"a/p": True})
    assert str(caught.value) == (
        "The call 'a' was approved, and its tool 'cashier' is gone. The tools are: none. "
        "Resume with an agent that has it, or deny the call."
    )


# ids, decisions and states that come again


def test_a_decision_on_a_call_inside_fits_no_later_turn_that_has_the_same_ids():
    keys = []

    @tool(approval=True)
    def pay(context: Context, amount: int) -> str:
        keys.append(context.idempotency_key)
        return "paid"

    again = [call("pay", {"amount": 5}, id="p"), "paid"] * 2
    inner = Agent(ScriptedModel(again), tools=[pay], name="cashier")
    agent = outer(ask(id="a"), ask(id="a"), "done", tools=[inner.as_tool()])
    first = agent.run_sync("x")
    decision = first.pending[0].approve()
    second = agent.resume_sync(first.state, decisions=[decision])
    assert [one.run_id for one in (*first.pending, *second.pending)] == [f"{first.run_id}/a", f"{first.run_id}/2:a"]
    with pytest.raises(StateError) as caught:
        agent.resume_sync(saved(second), decisions=[decision])
    assert str(caught.value).startswith("A decision is bound to a call that does not wait: ")
    assert agent.resume_sync(saved(second), decisions=[second.pending[0].approve()]).output == "done"
    assert len(set(keys)) == 2


def test_no_two_runs_have_one_id_whatever_slashes_are_in_those_of_the_calls():
    def middle(name, leaf_id):
        leaf = Agent(ScriptedModel([pay(1, id="p")]), tools=[Shop().pay], name="leaf")
        return Agent(ScriptedModel([ask("leaf", id=leaf_id)]), tools=[leaf.as_tool()], name=name).as_tool()

    several = calls(ask("one", id="a"), ask("two", id="a/b"))
    result = outer(several, tools=[middle("one", "b/c"), middle("two", "c")]).run_sync("x")
    run_id = result.run_id
    assert [one.id for one in result.pending] == ["a/b/c/p", "a/b/c/p'"]
    assert [one.run_id for one in result.pending] == [f"{run_id}/a/b%2Fc", f"{run_id}/a%2Fb/c"]


@pytest.mark.parametrize(
    ("decision", "text"),
    [
        (
            Give(object()),
            (
                "What the decision on the call 'a/e' gives cannot be told to the model. Tool 'measure' returned a "
                "value of type object, which has no JSON: it is or holds a object. Return text, numbers, lists, dicts, "
                "dataclasses or pydantic models."
            ),
        ),
        (
            True,
            (
                "The call 'a/e' is of tool 'measure', which is carried out elsewhere: it cannot be approved. "
                "Give its result, `call.give(result)`, or deny it, `call.deny(reason)`."
            ),
        ),
    ],
)
def test_a_decision_that_no_such_call_can_have_is_refused_before_anything_is_done(decision, text):
    @tool(external=True)
    def measure() -> None:
        """Measure."""

    shop = Shop()
    inner = Agent(ScriptedModel([call("measure", id="e"), "inner"]), tools=[measure], name="clerk")
    agent = outer(calls(ask("clerk", id="a"), pay(5, id="p")), "done", tools=[inner.as_tool(), shop.pay])
    waiting = agent.run_sync("x")
    with pytest.raises(StateError) as caught:
        agent.resume_sync(waiting.state, decisions={"p": True, "a/e": decision})
    assert (str(caught.value), shop.done) == (text, [])
    assert agent.resume_sync(waiting.state, decisions={"p": True, "a/e": Give(1)}).output == "done"


def test_another_prompt_that_does_not_fit_leaves_the_sub_run_as_it_was():
    agent = outer(ask(id="a"), "done", tools=[cashier(Shop(), pay(5, id="p"), "paid").as_tool()])
    waiting = agent.run_sync("x")
    with pytest.raises(StateError) as caught:
        agent.resume_sync(waiting.state, decisions={"a": Approve({"prompt": 5, "more": 1})})
    assert caught.value.state.pending == waiting.pending
    assert agent.resume_sync(caught.value.state, decisions={"a/p": True}).output == "done"


def test_a_run_that_an_agent_inside_cannot_go_on_with_is_told_to_whoever_resumes():
    sales = Agent(ScriptedModel([pay(5, id="p"), "sold"]), tools=[Shop().pay], name="sales")
    desk = Agent(ScriptedModel([call("transfer_to_sales")]), tools=[handoff(sales)], name="desk")
    agent = outer(ask("desk", id="a"), "done", tools=[desk.as_tool()])
    waiting = agent.run_sync("x")
    with pytest.raises(StateError) as caught:
        agent.replace(tools=[desk.replace(tools=[]).as_tool()]).resume_sync(saved(waiting), decisions={"a/p": True})
    assert str(caught.value).startswith("The run was handed over to the agent 'sales', and the one that it is resumed ")
    assert agent.resume_sync(caught.value.state, decisions={"a/p": True}).output == "done"


def test_a_middleware_that_calls_again_goes_on_inside_and_decides_nothing_twice():
    class Twice(Middleware):
        async def call(self, call, run, then):
            answer = await then(call)
            return await then(call) if answer.status == "error" else answer

    shop = Shop()
    inner = cashier(shop, pay(5, id="p"), RateLimitError("too many"), "paid")
    agent = outer(ask(id="a"), "done", tools=[inner.as_tool()]).replace(middleware=[Twice()])
    result = agent.resume_sync(agent.run_sync("x").state, decisions={"a/p": True})
    assert (result.output, told(result), shop.done) == ("done", ["paid"], [5])


def test_a_budget_counts_a_call_once_however_often_its_sub_run_waits():
    agent = outer(ask(id="a"), "done", tools=[cashier(Shop(), pay(5, id="p"), "paid").as_tool()])
    with Budget(tool_calls=2) as budget:
        result = agent.run_sync("x")
        result = agent.resume_sync(agent.resume_sync(result.state).state, decisions={"a/p": True})
    assert (result.output, budget.spent.tool_calls, result.state.spent.tool_calls) == ("done", 2, 2)
