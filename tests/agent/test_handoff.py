"""Handoffs: who goes on, with what, seen how, resumed where, and which agents can be handed to."""

import asyncio

import pytest
from pydantic import BaseModel

from agentkit.agent import Agent, HandedOff, Middleware, handoff
from agentkit.agent.handoff import Handoff
from agentkit.errors import ConfigurationError, RunError, StateError, ToolDefinitionError
from agentkit.output import OutputSpec
from agentkit.session import LastTurns, SqliteStore
from agentkit.state import RunLimits, RunState
from agentkit.testing.reply import call, calls
from agentkit.testing.scripted import ScriptedModel
from agentkit.tools import Context, Toolbox, tool
from agentkit.wire.check import check_request
from agentkit.wire.request import ChatRequest
from agentkit.wire.setting import Settings

TAKEN = "You take over here. Go on with what the user asked for."
NOT_TAKEN = "Not done: another handoff of the same reply came first."


class City(BaseModel):
    name: str


@tool
def now() -> str:
    return "noon"


@tool(approval=True)
def pay(amount: int) -> str:
    return f"paid {amount}"


def model(*replies):
    return ScriptedModel(replies)


def told(result):
    """What the model was told, in call order."""
    return [message.content for message in result.messages if message.role == "tool"]


def sent(model, number=-1):
    """What a request showed of the conversation: roles, and texts of what is no tool's."""
    return [message.content or message.role for message in model.requests[number].messages]


def billing(*replies, **options):
    options = {"name": "billing", "instructions": "You bill.", "tools": [pay], **options}
    return Agent(model(*replies), **options)


def transfer(to="billing", **options):
    return call(f"transfer_to_{to}", **options)


def saved(result):
    """The state as another process would have it."""
    return RunState.from_json(result.state.to_json())


# who goes on, and with what


def test_the_other_agent_goes_on_with_its_own_instructions_tools_model_and_settings():
    second = billing("It is paid.", settings=Settings(temperature=0.5))
    first = Agent(model(transfer()), tools=[handoff(second), now], instructions="You greet.", name="front")
    result = first.run_sync("I want to pay.")
    asked = second._fields["model"].requests[0]
    assert sent(second._fields["model"]) == ["You bill.", "I want to pay.", "assistant", TAKEN]
    assert [one.function.name for one in asked.tools] == ["pay"]
    assert asked.temperature == 0.5
    assert (result.output, result.agent, result.state.agent, result.turns) == ("It is paid.", "billing", "billing", 2)
    check_request(ChatRequest(messages=result.messages))


def test_without_a_handoff_the_result_names_the_agent_itself():
    assert Agent(model("hi"), name="front").run_sync("x").agent == "front"
    assert Agent(model("hi")).run_sync("x").agent is None
    assert Agent(model(call("pay", {"amount": 1})), tools=[pay], name="front").run_sync("x").agent == "front"


def test_calls_beside_a_handoff_run_and_the_first_of_two_handoffs_counts():
    second, third = billing("paid"), billing(name="other")
    batch = calls(call("now"), transfer(), transfer("other"), call("now"))
    result = Agent(model(batch), tools=[now, handoff(second), handoff(third)]).run_sync("x")
    assert told(result) == ["noon", TAKEN, NOT_TAKEN, "noon"]
    assert (result.output, result.agent) == ("paid", "billing")


def test_a_call_that_waits_beside_a_handoff_is_decided_on_before_it():
    second = billing("done", tools=[])
    first = Agent(model(calls(transfer(), call("pay", {"amount": 1}, id="p"))), tools=[pay, handoff(second)])
    waiting = first.run_sync("x")
    assert ([one.id for one in waiting.pending], waiting.state.agent, waiting.agent) == (["p"], None, None)
    result = first.resume_sync(saved(waiting), decisions={"p": True})
    assert (told(result), result.output, result.agent) == ([TAKEN, "paid 1"], "done", "billing")


def test_a_handoff_may_need_approval():
    second = billing("paid")
    first = Agent(model(transfer(id="h"), "I stay."), tools=[handoff(second).replace(approval=True)])
    waiting = first.run_sync("x")
    assert first.resume_sync(saved(waiting), decisions={"h": True}).output == "paid"
    denied = first.resume_sync(saved(waiting), decisions={"h": False})
    assert (denied.output, denied.agent) == ("I stay.", None)


def test_a_run_that_waits_after_a_handoff_is_resumed_where_it_is():
    second = billing(call("pay", {"amount": 5}, id="p"), "paid")
    first = Agent(model(transfer()), tools=[handoff(second)], name="front")
    waiting = first.run_sync("x")
    assert (waiting.agent, [one.name for one in waiting.pending]) == ("billing", ["pay"])
    done = first.resume_sync(saved(waiting), decisions={"p": True})
    assert (done.output, done.agent) == ("paid", "billing")


def test_a_run_that_failed_after_a_handoff_is_resumed_where_it_is_also_by_the_agent_itself():
    second = billing(ValueError("broken"), "by the first", "by itself")
    first = Agent(model(transfer()), tools=[handoff(second)], name="front")
    with pytest.raises(ValueError, match="broken") as caught:
        first.run_sync("x")
    assert first.resume_sync(caught.value.state.to_json()).output == "by the first"
    assert second.resume_sync(caught.value.state.to_json()).output == "by itself"


def test_two_agents_hand_over_to_each_other():
    def front():
        return first

    second = billing(transfer("front"), transfer("front"), tools=[handoff(front, name="transfer_to_front")])
    first = Agent(
        model(transfer(), transfer(), "bye"), tools=[handoff(second)], name="front", instructions="You greet."
    )
    result = first.run_sync("x")
    assert (result.output, result.agent, result.turns) == ("bye", "front", 5)
    assert [sent(first._fields["model"], turn)[0] for turn in range(3)] == ["You greet."] * 3


def test_a_handoff_to_the_name_of_the_first_agent_goes_back_to_it_as_the_run_was_given_it():
    old = Agent(model(), name="front")
    second = billing(transfer("front"), tools=[handoff(old)])
    own = model(transfer(), "mine")
    first = old.replace(tools=[handoff(second)])
    assert first.run_sync("x", model=own).output == "mine"
    assert len(own.requests) == 2


def test_a_run_resumed_after_it_came_back_goes_on_with_the_first_agent():
    second = billing(transfer("front"), tools=[handoff(lambda: first, name="transfer_to_front")])
    first = Agent(
        model(transfer(), call("pay", {"amount": 1}, id="p"), "bye"), tools=[handoff(second), pay], name="front"
    )
    waiting = first.run_sync("x")
    assert (waiting.agent, waiting.state.agent) == ("front", "front")
    assert first.resume_sync(saved(waiting), decisions={"p": True}).output == "bye"


def test_three_agents_in_a_row_are_found_again():
    third = Agent(model(call("pay", {"amount": 1}, id="p"), "third"), tools=[pay], name="third")
    second = Agent(model(transfer("third")), tools=[handoff(third)], name="second")
    first = Agent(model(transfer("second")), tools=[handoff(second)])
    waiting = first.run_sync("x")
    assert first.resume_sync(saved(waiting), decisions={"p": True}).output == "third"


def test_an_agents_tool_hands_over_inside_its_run():
    second = billing(call("pay", {"amount": 1}, id="p"), "paid")
    first = Agent(model(transfer()), tools=[handoff(second)], name="front")
    outer = Agent(model(call("front", {"prompt": "pay"}, id="a"), "done"), tools=[first.as_tool()], name="boss")
    waiting = outer.run_sync("x")
    assert ([one.id for one in waiting.pending], waiting.agent) == (["a/p"], "boss")
    result = outer.resume_sync(saved(waiting), decisions={"a/p": True})
    assert (told(result), result.agent) == (["paid"], "boss")


def test_an_output_beside_a_handoff_ends_the_run():
    second = Agent(model(), output=City, name="billing")
    batch = calls(call("final_result", {"name": "Oslo"}), transfer())
    first = Agent(model(batch), tools=[handoff(second)], output=City, name="front")
    result = first.replace(output=OutputSpec(City, mode="tool")).run_sync("x")
    assert (result.output, result.agent) == (City(name="Oslo"), "front")


def test_typed_outputs_are_the_other_agents_to_give():
    second = Agent(model('{"name": 1}', '{"name":"Oslo"}'), output=City, name="billing")
    result = Agent(model(transfer()), tools=[handoff(second)], output=City).run_sync("x")
    assert (result.output, len(result.attempts)) == (City(name="Oslo"), 1)


def test_the_runs_limits_and_middleware_stay_and_what_was_spent_stays_spent():
    seen = []

    class Watch(Middleware):
        async def ask(self, request, run, step, /):
            seen.append(run.recipe.name)
            return await step(request)

        async def call(self, call, run, step, /):
            seen.append(call.name)
            return await step(call)

    class Never(Middleware):
        async def ask(self, request, run, step, /):
            raise AssertionError

    second = billing(call("now"), call("now"), tools=[now], limits=RunLimits(turns=1), middleware=[Never()])
    first = Agent(model(transfer()), tools=[handoff(second)], name="front", middleware=[Watch()])
    with pytest.raises(RunError) as caught:
        first.run_sync("x", limits=RunLimits(turns=3))
    assert str(caught.value).startswith("The run reached its limit turns=3 (spent: 3)")
    assert seen == ["front", "transfer_to_billing", "billing", "now", "billing", "now"]


def test_what_becomes_of_a_tools_error_is_the_other_agents_to_say():
    @tool
    def fail() -> str:
        raise ValueError("broken")

    second = billing(call("fail"), "well", tools=[fail], on_tool_error=lambda call, error: "mended")
    first = Agent(model(calls(call("fail"), transfer())), tools=[fail, handoff(second)])
    assert told(first.run_sync("x")) == ["The tool failed. ValueError: broken", TAKEN, "mended"]


def test_a_forced_choice_of_the_other_agent_is_not_obeyed_by_the_handoff():
    second = billing(call("now"), "done", tools=[now], settings=Settings(tool_choice="required"))
    Agent(model(transfer()), tools=[handoff(second)]).run_sync("x")
    assert [request.tool_choice for request in second._fields["model"].requests] == ["required", "auto"]


def test_an_agent_that_chooses_its_tools_each_turn_hands_over_and_is_handed_to():
    def late(context: Context):
        return [pay, now] if context.turn > 1 else [now]

    second = Agent(model(call("now"), call("pay", {"amount": 1}, id="p"), "paid"), tools=late, name="billing")

    def tools(context: Context):
        return [handoff(second)]

    first = Agent(model(transfer()), tools=tools, name="front")
    waiting = first.run_sync("x")
    assert [one.name for one in waiting.pending] == ["pay"]
    assert first.resume_sync(saved(waiting), decisions={"p": True}).output == "paid"
    with pytest.raises(StateError) as caught:
        first.replace(tools=lambda _: []).resume_sync(saved(waiting), decisions={"p": True})
    assert str(caught.value) == (
        "The run was handed over to the agent 'billing', and the one that it is resumed with leads to none. "
        "Resume it with the agent that it began with, or with 'billing' itself."
    )


def test_retries_start_anew_with_the_other_agent():
    bad = [call("pay", {"amount": "x"})] * 3
    second = billing(*bad, "paid")
    result = Agent(model(*bad, transfer()), tools=[pay, handoff(second)]).run_sync("x")
    assert (result.output, result.state.refused) == ("paid", {"pay": 3})
    typed = Agent(model("1", "2", '{"name":"Oslo"}'), output=City, name="billing")
    first = Agent(model("3", "4", transfer()), tools=[handoff(typed)], output=City)
    result = first.run_sync("x")
    assert (result.output, len(result.attempts), result.state.forgiven) == (City(name="Oslo"), 4, 2)


# what is seen


def test_a_filter_chooses_what_the_other_agent_sees_and_the_result_is_whole():
    second = billing(call("pay", {"amount": 1}, id="p"), "paid")
    first = Agent(model("hello", transfer()), tools=[handoff(second, filter=LastTurns(1))], name="front")
    before = first.run_sync("hi")
    waiting = first.run_sync("pay", history=before.messages)
    result = first.resume_sync(saved(waiting), decisions={"p": True})
    assert sent(second._fields["model"], 0) == ["You bill.", "pay", "assistant", TAKEN]
    assert sent(second._fields["model"], 1) == ["You bill.", "pay", "assistant", TAKEN, "assistant", "paid 1"]
    assert [m.content for m in result.messages if m.role == "user"] == ["hi", "pay"]
    assert (len(result.messages), len(result.new_messages)) == (8, 6)


def test_a_filter_that_failed_is_asked_again_where_a_function_chooses_the_tools_too():
    failing = [ValueError("no")]

    def shown(messages):
        if failing:
            raise failing.pop()
        return messages

    first = Agent(model(transfer()), tools=lambda context: [handoff(billing("billed"), filter=shown)], name="front")
    with pytest.raises(ValueError, match="no") as caught:
        first.run_sync("x")
    result = first.resume_sync(caught.value.state.to_json())
    assert (result.output, result.agent) == ("billed", "billing")


def test_what_a_filter_gives_is_made_a_valid_history():
    async def last(messages):
        return [*messages[:1], messages[-1]]  # a result without its call

    second = billing("paid")
    Agent(model(transfer()), tools=[handoff(second, filter=last)]).run_sync("x")
    assert sent(second._fields["model"]) == ["You bill.", "x"]


def test_a_filter_sees_the_whole_history_and_the_next_agent_is_shown_all_again():
    third = Agent(model("third"), name="third")
    second = billing(transfer("third"), tools=[handoff(third)])
    first = Agent(model(transfer()), tools=[handoff(second, filter=lambda messages: messages[:1])])
    first.run_sync("x")
    assert sent(second._fields["model"]) == ["You bill.", "x"]
    assert sent(third._fields["model"]) == ["x", "assistant", TAKEN, "assistant", TAKEN]


def test_a_filter_that_leaves_nothing_is_an_error_and_the_run_goes_on_with_another():
    second = billing("paid")
    first = Agent(model(transfer()), tools=[handoff(second, filter=lambda _: [])])
    with pytest.raises(ConfigurationError) as caught:
        first.run_sync("x")
    assert str(caught.value) == (
        "The filter of the handoff to 'billing' left no message. Leave one at least, what the user said."
    )
    mended = first.replace(tools=[handoff(second)])
    assert mended.resume_sync(caught.value.state.to_json()).output == "paid"


def test_watchers_see_the_handoff():
    second = billing("paid")
    first = Agent(model(transfer()), tools=[handoff(second)], name="front")

    async def main():
        async with first.stream("x") as stream:
            return [event async for event in stream], stream.result.agent

    events, agent = asyncio.run(main())
    place = events.index(HandedOff("billing", "front"))
    assert [event.type for event in events[place - 1 : place + 2]] == ["tool_result", "handed_off", "text_delta"]
    assert agent == "billing"


def test_a_session_keeps_a_run_that_was_handed_over(tmp_path):
    second = billing(call("pay", {"amount": 1}, id="p"), "paid")
    first = Agent(model(transfer()), tools=[handoff(second)], name="front")

    async def main():
        session = SqliteStore(tmp_path / "chat.db").session("s")
        await first.run("x", session=session)
        result = await first.resume(await session.pending(), decisions={"p": True}, session=session)
        return result, await session.load()

    result, kept = asyncio.run(main())
    assert (result.agent, result.messages) == ("billing", kept)


# which agents can be handed to


def test_the_tool_is_named_and_described():
    made = handoff(Agent("x", name="billing"))
    assert (made.name, made.description, made.parameters["properties"]) == (
        "transfer_to_billing",
        "Hand the conversation over to the agent billing.",
        {},
    )
    assert handoff(billing()).description == (
        "Hand the conversation over to the agent billing. Its instructions: You bill."
    )
    given = handoff(lambda: first, name="back", description="When it is done.")
    assert (given.name, given.description) == ("back", "When it is done.")
    assert handoff(lambda: first, name="back").description == "Hand the conversation over."
    first = Agent("x", name="front")


@pytest.mark.parametrize(
    ("make", "kind", "text"),
    [
        (
            lambda: handoff(Agent("x")),
            ConfigurationError,
            (
                "A handoff is to an agent without a name, and a saved run knows by that who goes on. "
                'Name it: `Agent(..., name="billing")`.'
            ),
        ),
        (
            lambda: handoff("billing"),
            ConfigurationError,
            "A handoff is to 'billing', which is no agent. Give one, or a function of nothing that gives one.",
        ),
        (
            lambda: handoff(lambda: None),
            ToolDefinitionError,
            (
                "A handoff to the agent that a function gives has no name. Give one, "
                '`handoff(lambda: billing, name="transfer_to_billing")`.'
            ),
        ),
        (
            lambda: handoff(Agent("x", name="Front desk")),
            ToolDefinitionError,
            (
                "'transfer_to_Front desk' is no name for a tool: the contract allows 1 to 64 letters, digits, `_` and "
                "`-`. Give another one, `handoff(..., name=...)`."
            ),
        ),
    ],
)
def test_what_cannot_be_handed_to_is_refused_at_once(make, kind, text):
    with pytest.raises(kind) as caught:
        make()
    assert str(caught.value) == text


def test_another_kind_of_output_is_refused_at_the_first_agents_making():
    for second, seen in ((Agent("x", output=City, name="billing"), "City"), (billing(output=list[int]), "list[int]")):
        with pytest.raises(ConfigurationError) as caught:
            Agent("x", tools=[handoff(second)], name="front")
        assert str(caught.value) == (
            f"The agent 'billing' gives {seen}, and the agent 'front' that hands over to it gives str: a run has one "
            "kind of output. Give both the same `output`."
        )


def test_another_kind_of_output_of_an_agent_that_a_function_gives_is_an_error_of_the_run():
    first = Agent(
        model(transfer()), tools=[handoff(lambda: Agent("x", output=City, name="b"), name="transfer_to_billing")]
    )
    with pytest.raises(ConfigurationError) as caught:
        first.run_sync("x")
    assert str(caught.value) == (
        "The agent 'b' gives City, and the agent that hands over to it gives str: a run has one kind of output. "
        "Give both the same `output`."
    )
    assert caught.value.state.handed == "transfer_to_billing"


def test_two_agents_of_one_name_are_refused():
    text = (
        "Two agents that can be handed to are named 'billing', and a saved run knows by the name who goes on. "
        "Name them apart, or hand over to one and the same."
    )
    with pytest.raises(ConfigurationError) as caught:
        Agent("x", tools=[handoff(billing()), handoff(billing(), name="other")])
    assert str(caught.value) == text
    late = billing()
    first = Agent(model(transfer()), tools=[handoff(late), handoff(billing, name="other")])
    with pytest.raises(ConfigurationError) as caught:
        first.run_sync("x")
    assert str(caught.value) == text
    one = billing()
    assert len(Agent("x", tools=[handoff(one), handoff(one, name="other")]).toolbox) == 2


def test_a_run_is_not_resumed_by_an_agent_that_does_not_lead_there():
    second = billing(call("pay", {"amount": 1}, id="p"))
    waiting = Agent(model(transfer()), tools=[handoff(second)]).run_sync("x")
    with pytest.raises(StateError) as caught:
        Agent(model(), tools=[handoff(Agent("x", name="other"))]).resume_sync(waiting.state)
    assert str(caught.value) == (
        "The run was handed over to the agent 'billing', and the one that it is resumed with leads to 'other'. "
        "Resume it with the agent that it began with, or with 'billing' itself."
    )


def test_a_run_is_not_handed_over_by_a_tool_that_is_no_more():
    first = Agent(model(calls(transfer(), call("pay", {"amount": 1}, id="p"))), tools=[pay, handoff(billing())])
    waiting = first.run_sync("x")
    with pytest.raises(StateError) as caught:
        first.replace(tools=[pay]).resume_sync(waiting.state, decisions={"p": True})
    assert str(caught.value) == (
        "The run is handed over by the tool 'transfer_to_billing', which the agent has no more. "
        "Resume it with the agent as it was."
    )


def test_a_function_cannot_hand_over():
    made = handoff(billing())

    @tool
    async def trick(context: Context) -> str:
        return await made(context)

    result = Agent(model(call("trick"), "done"), tools=[trick, made]).run_sync("x")
    (text,) = told(result)
    assert text == (
        "The tool failed. RunError: A handoff is called by a model, as one of the tools that it was given; no function "
        "can."
    )


def test_a_toolbox_may_rename_a_handoff():
    second = billing("paid")
    box = Toolbox([handoff(second)]).prefix("x_")
    assert isinstance(box["x_transfer_to_billing"].function, Handoff)
    assert Agent(model(call("x_transfer_to_billing")), tools=box).run_sync("x").agent == "billing"
