"""Recorded runs against the agent of today: the same one, and with one change each."""

import asyncio
import json
from contextlib import suppress
from dataclasses import replace
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, BeforeValidator

from agentkit import Agent, OutputSpec, RunLimits, Settings, ToolRetry, errors, tool
from agentkit.agent import handoff
from agentkit.agent.conversation import finish
from agentkit.agent.start import start
from agentkit.durable import Journal, Keeping, past_of
from agentkit.durable.double import Endpoint
from agentkit.durable.replay import replay
from agentkit.session import LastTurns
from agentkit.state import Budget, Deny, Give
from agentkit.testing import ScriptedModel, call, calls
from agentkit.tools.tool import Tool
from tests.durable.cut import SCENES, Memory, World, part, to_the_end

CONFIRM = Tool.external("confirm", "Ask a person.", {"type": "object", "properties": {}})


class Receipt(BaseModel):
    """What was paid."""

    total: int


@tool
def look(city: str) -> str:
    """Look at a city.

    Args:
        city: The city.
    """
    return f"{city}: 4 degrees"


@tool(approval=True)
def pay(amount: int) -> str:
    """Pay an amount."""
    return f"paid {amount}"


@tool
def insist() -> str:
    """Refuse each time."""
    raise ToolRetry("more")


async def record(agent, *replies, decide=None):
    """Run an agent on a script, with decisions where calls wait; give the records, also of a run that failed."""
    book, model = Memory(), ScriptedModel(replies)
    agent = agent if isinstance(agent, Agent) else agent(model)
    run = start(agent.recipe_for(model), "Weather?", None, ())
    run.state = run.state.replace(run_id="order-42")
    run.keeper = Keeping(book)
    try:
        result = await finish(run)
        while result.pending and decide is not None:
            result = await finish(part(agent.replace(model=model), book, decide(result.pending)))
    except errors.AgentkitError:
        pass
    return book.records


def compare(before, after, *replies, decide=None, **options):
    """Record a run of one agent and replay it by another one."""

    async def both():
        records = await record(before, *replies, decide=decide)
        return await replay(records, after if isinstance(after, Agent) else after(None), **options)

    return asyncio.run(both())


def text(*given, **options):
    return str(compare(*given, **options).divergence)


LOOK = call("look", {"city": "Oslo"}, id="a")
AGENT = Agent(tools=[look], instructions="Be brief.")


@pytest.mark.parametrize("scene", SCENES)
def test_a_run_of_any_shape_is_the_same_by_the_same_code(scene):
    async def both():
        book, world = Memory(), World()
        await to_the_end(scene(world), book)
        asked = world.asked
        again = World()
        return await replay(book.records, scene(again)), asked, again

    found, asked, again = asyncio.run(both())
    assert found.divergence is None
    assert found.turns == asked
    assert (again.asked, again.done) == (0, {})


@pytest.mark.parametrize("scene", SCENES)
def test_a_run_that_was_cut_off_and_went_on_is_the_same(scene):
    async def all_of_it():
        book = Memory()
        await to_the_end(scene(World()), book)
        for place in range(1, len(book.records), 3):
            kept = Memory(book.records[:place])
            assert (await replay(kept.records, scene(World()))).divergence is None
            await to_the_end(scene(World()), kept)
            assert (await replay(kept.records, scene(World()))).divergence is None

    asyncio.run(all_of_it())


def test_the_same_is_told_with_what_was_gone_through():
    found = compare(AGENT, AGENT, LOOK, "4 degrees")
    assert str(found) == "order-42 is the same: 2 turns and 1 call."
    assert (found.turns, found.calls, found.runs) == (2, 1, 1)


def test_a_difference_is_told_with_its_run():
    found = compare(AGENT, AGENT.replace(instructions="Be kind."), LOOK, "4 degrees")
    assert str(found) == (
        "order-42 diverges. Turn 1: the instructions differ.\n  recorded: Be brief.\n  today:    Be kind."
    )


def test_a_tools_description_is_compared():
    other = look.replace(description="Look at a town.")
    assert text(AGENT, AGENT.replace(tools=[other]), LOOK, "4") == (
        "Turn 1: the tool 'look' differs in `description`.\n  recorded: Look at a city.\n  today:    Look at a town."
    )


def test_a_parameters_type_is_compared():
    @tool(name="look")
    def other(city: Literal["Oslo", "Bergen"]) -> str:
        """Look at a city.

        Args:
            city: The city.
        """
        return city

    assert text(AGENT, AGENT.replace(tools=[other]), LOOK, "4") == (
        "Turn 1: the parameter 'city' of the tool 'look' differs in `enum`.\n"
        "  recorded: (nothing)\n"
        '  today:    ["Oslo","Bergen"]'
    )


def test_a_setting_is_compared_and_one_of_the_run_is_given():
    warm = AGENT.replace(settings=Settings(temperature=0.5))
    assert text(AGENT, warm, LOOK, "4") == (
        "Turn 1: the setting 'temperature' differs.\n  recorded: (nothing)\n  today:    0.5"
    )
    assert compare(warm, AGENT, LOOK, "4", settings=Settings(temperature=0.5)).divergence is None


def test_instructions_of_a_function_are_asked_for_each_turn():
    def told(context):
        return f"Turn {context.turn}."

    def other(context):
        return f"Turn {context.turn or 'none'}."

    dynamic = AGENT.replace(instructions=told)
    assert compare(dynamic, dynamic, LOOK, "4").divergence is None
    assert text(dynamic, AGENT.replace(instructions=other), LOOK, "4") == (
        "Turn 1: the instructions differ.\n  recorded: Turn 0.\n  today:    Turn none."
    )


def test_a_function_that_fails_today_is_told():
    def told(context):
        return context.deps["said"]

    dynamic = AGENT.replace(instructions=told)
    assert compare(AGENT, dynamic, LOOK, "4", deps={"said": "Be brief."}).divergence is None
    assert text(AGENT, dynamic, LOOK, "4") == (
        "Turn 1: the request was made, and cannot be today without deps.\n"
        "  recorded: (nothing)\n"
        "  today:    TypeError: 'NoneType' object is not subscriptable"
    )
    assert text(AGENT, dynamic, LOOK, "4", deps={}) == (
        "Turn 1: the request was made, and cannot be today.\n  recorded: (nothing)\n  today:    KeyError: 'said'"
    )


def test_arguments_that_cannot_be_read_for_an_error_of_their_validator_end_the_run():
    def refuse(value):
        raise LookupError(value)

    @tool(name="look")
    def other(city: Annotated[str, BeforeValidator(refuse)]) -> str:
        """Look at a city.

        Args:
            city: The city.
        """
        return city

    broken = AGENT.replace(tools=[other])
    assert text(AGENT, broken, LOOK, "4") == (
        "Turn 1: the run went on, and ends today with LookupError.\n"
        "  recorded: (nothing)\n"
        "  today:    LookupError: Oslo"
    )


def test_a_filter_of_a_handoff_that_fails_today_is_told():
    def fail(messages):
        raise LookupError(len(messages))

    def opener(chosen):
        return Agent(name="opener", tools=[handoff(Agent(ScriptedModel(["done"]), name="closer"), filter=chosen)])

    assert text(opener(list), opener(fail), call("transfer_to_closer", {}, id="h")) == (
        "Turn 1: the filter of the handoff cannot be asked today.\n  recorded: (nothing)\n  today:    LookupError: 3"
    )


def test_tools_of_a_function_are_chosen_for_each_turn():
    def first(context):
        return [look] if context.turn == 0 else []

    def always(context):
        del context
        return [look]

    dynamic = AGENT.replace(tools=first)
    assert compare(dynamic, dynamic, LOOK, "4").divergence is None
    assert text(dynamic, AGENT.replace(tools=always), LOOK, "4") == (
        "Turn 2: the tool 'look' is new.\n  recorded: (nothing)\n  today:    look"
    )


def strict_city(name):
    if name == "Oslo":
        raise ValueError("It is closed.")
    return name


def test_a_call_that_is_refused_today_is_told_with_what_the_model_would_be():
    @tool(name="look")
    def other(city: Annotated[str, BeforeValidator(strict_city)]) -> str:
        """Look at a city.

        Args:
            city: The city.
        """
        return city

    found = text(AGENT, AGENT.replace(tools=[other]), LOOK, "4")
    assert found == (
        "Turn 1: the call look (a) ran, and is not run today.\n"
        "  recorded: Oslo: 4 degrees\n"
        "  today:    Argument 'city': It is closed., you sent \"Oslo\"."
    )
    back = text(AGENT.replace(tools=[other]), AGENT, LOOK, "4")
    assert back.startswith("Turn 1: the call look (a) was answered without being run, and runs today.\n  recorded: ")


@tool
def mark(names: set[str], order: list[str]) -> str:
    """Mark."""
    return f"marked {len(names)}: {', '.join(order)}"


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ('{"names":["b","a"],"order":["d","c"]}', None),
        ('{"names":["a","b"],"order":["d","c"]}', None),
        (None, None),  # just what the model wrote
        ('{"names":["a","z"],"order":["d","c"]}', "the arguments of mark (a) are read otherwise."),
    ],
)
def test_a_set_that_another_process_wrote_in_another_order_is_the_same(written, told):
    def turned(one):
        if one.kind != "calling":
            return one
        data = {name: value for name, value in one.content.items() if name != "read"}
        return replace(one, data=json.dumps(data if written is None else data | {"read": json.loads(written)}))

    async def both():
        agent = Agent(tools=[mark])
        records = await record(agent, call("mark", {"names": ["b", "a"], "order": ["d", "c"]}, id="a"), "done")
        return await replay(map(turned, records), agent)

    found = asyncio.run(both()).divergence
    assert (found and found.what) == told


def test_arguments_that_are_read_otherwise_are_told():
    @tool(name="look")
    def other(city: Annotated[str, BeforeValidator(str.upper)]) -> str:
        """Look at a city.

        Args:
            city: The city.
        """
        return city

    assert text(AGENT, AGENT.replace(tools=[other]), LOOK, "4") == (
        "Turn 1: the arguments of look (a) are read otherwise.\n"
        '  recorded: {"city":"Oslo"}\n'
        '  today:    {"city":"OSLO"}'
    )


def test_approval_is_todays():
    asks = AGENT.replace(tools=[look.replace(approval=True)])
    assert text(AGENT, asks, LOOK, "4") == (
        "Turn 1: the call look (a) ran, and waits for a decision today.\n"
        "  recorded: Oslo: 4 degrees\n"
        "  today:    (nothing)"
    )

    def decide(pending):
        return [held.approve() for held in pending]

    assert text(asks, AGENT, LOOK, "4", decide=decide) == (
        "Turn 1: the call look (a) waited for a decision, and runs today."
    )
    assert compare(asks, asks, LOOK, "4", decide=decide).divergence is None
    assert compare(asks, asks, LOOK).divergence is None  # it still waits


@pytest.mark.parametrize("decision", [Deny("no"), Give("done elsewhere"), False])
def test_calls_that_were_decided_against_or_carried_out_elsewhere_are_the_same(decision):
    external = isinstance(decision, Give)
    agent = AGENT.replace(tools=[CONFIRM] if external else [pay])
    asked = call("confirm", {}, id="a") if external else call("pay", {"amount": 3}, id="a")
    assert compare(agent, agent, asked, "ok", decide=lambda pending: {pending[0].id: decision}).divergence is None


def test_a_tool_that_is_gone_is_told_where_it_was_offered_first():
    assert text(AGENT, AGENT.replace(tools=[]), LOOK, "4") == (
        "Turn 1: the tool 'look' is offered no more.\n  recorded: look\n  today:    (nothing)"
    )


TYPED = Agent(output=Receipt)
GOOD, BAD = '{"total": 3}', '{"total": "three"}'


def test_an_output_is_read_by_todays_type():
    class Small(BaseModel):
        """What was paid."""

        total: Annotated[int, BeforeValidator(lambda value: value if value != 3 else "x")]

    small = TYPED.replace(output=OutputSpec(Small, name="Receipt"))
    found = text(TYPED.replace(output=OutputSpec(Receipt, name="Receipt")), small, GOOD)
    assert found == (
        "Turn 1: the reply was taken as the output, and is not today.\n"
        '  recorded: {"total": 3}\n'
        "  today:    Your answer does not fit the schema:\\n- total: should be integer; you gave 3\\nAnswer again w..."
    )
    assert compare(TYPED, TYPED, BAD, GOOD).divergence is None


def small_only(receipt):
    if receipt.total > 2:
        raise ValueError("Too much.")
    return receipt


def test_what_validators_said_stands_and_they_are_not_called_again():
    heard = []

    def validator(receipt):
        heard.append(receipt)
        return small_only(receipt)

    checked = TYPED.replace(output=OutputSpec(Receipt, validators=[validator]))
    records = asyncio.run(record(checked, GOOD, '{"total": 1}'))
    count = len(heard)
    assert asyncio.run(replay(records, checked)).divergence is None
    assert len(heard) == count == 2
    assert text(checked, TYPED.replace(output=OutputSpec(Receipt)), GOOD, '{"total": 1}') == (
        "Turn 1: the reply was not taken as the output, and is today.\n"
        "  recorded: Your answer is not accepted: Too much. Answer again, corrected.\n"
        '  today:    {"total": 3}'
    )


def test_another_output_field_is_told_by_its_name():
    class Other(BaseModel):
        """What was paid."""

        total: float

    Other.__name__ = "Receipt"
    Other.model_config["title"] = "Receipt"
    Other.model_rebuild(force=True)
    assert text(TYPED, TYPED.replace(output=Other), GOOD) == (
        "Turn 1: the field 'total' of the output differs in `type`.\n  recorded: integer\n  today:    number"
    )


@pytest.mark.parametrize("mode", ["native", "tool", "json", "prompted"])
def test_the_way_to_ask_that_the_endpoint_wanted_is_no_difference(mode):
    asked = TYPED.replace(output=OutputSpec(Receipt, mode=mode), tools=[look])
    auto = TYPED.replace(tools=[look])
    last = call("final_result", {"total": 3}, id="b") if mode == "tool" else GOOD
    assert compare(asked, auto, LOOK, last).divergence is None
    bad = call("final_result", {"total": "x"}, id="b") if mode == "tool" else BAD
    assert compare(asked, auto, bad, last).divergence is None
    assert compare(asked, asked, bad, last).divergence is None


def test_an_output_beside_calls_is_the_same_and_its_function_is_not_called():
    called = []

    def store(total: int) -> int:
        """Store it."""
        called.append(total)
        if total == 1:
            raise ToolRetry("Not one.")
        return total

    agent = Agent(output=OutputSpec(store, mode="tool"), tools=[look])
    beside = calls(LOOK, call("store", {"total": 1}, id="s"))
    good = calls(LOOK, call("store", {"total": 2}, id="t"))
    records = asyncio.run(record(agent, beside, good))
    assert past_of(records).output == "2"
    assert asyncio.run(replay(records, agent)).divergence is None
    assert called == [1, 2]


def opener(*, window=None, tool=None, **options):
    """Hand over to an agent with the same model."""

    def make(model):
        closer = Agent(model, **{"name": "closer", "instructions": "Close.", "tools": [look], **options})
        description = "Let another one close."
        return Agent(model, name="opener", tools=[handoff(closer, name=tool, description=description, filter=window)])

    return make


OVER = call("transfer_to_closer", id="h")


def test_who_goes_on_after_a_handoff_is_compared():
    assert compare(opener(), opener(), OVER, LOOK, "4").divergence is None
    assert text(opener(), opener(instructions="End."), OVER, "4") == (
        "Turn 2: the instructions differ.\n  recorded: Close.\n  today:    End."
    )


def test_what_the_next_agent_sees_is_compared_message_by_message():
    cut = opener(window=LastTurns(1))
    assert compare(cut, cut, OVER, "4").divergence is None

    def nothing_said(messages):
        return [{"role": "user", "content": "Weather"}]

    assert text(opener(), opener(window=nothing_said), OVER, "4") == (
        "Turn 1: message 1, of the role user, differs.\n  recorded: Weather?\n  today:    Weather"
    )

    async def summary(messages):
        return messages[:1]

    slow = opener(window=summary)
    assert compare(slow, slow, OVER, "4").divergence is None


def test_a_handoff_elsewhere_is_told():
    assert text(opener(), opener(name="ender", tool="transfer_to_closer"), OVER, "4") == (
        "Turn 1: the run is handed over to another agent.\n  recorded: closer\n  today:    ender"
    )


def test_a_difference_in_a_run_below_names_it():
    def scene(world, told):
        low = Agent(world.model(LOOK, "low is done"), name="low", tools=[look], instructions=lambda context: told)
        return Agent(
            world.model(call("low", {"prompt": "go"}, id="x"), "done"), tools=[low.as_tool(description="Low.")]
        )

    async def both():
        book = Memory()
        await to_the_end(scene(World(), "Be brief."), book)
        return [await replay(book.records, scene(World(), said)) for said in ("Be brief.", "Be kind.")]

    same, other = asyncio.run(both())
    assert str(same) == "order-1 is the same: 4 turns and 2 calls in 2 runs."
    assert str(other.divergence) == (
        "Turn 1 of the sub-run order-1/x: the instructions differ.\n  recorded: Be brief.\n  today:    Be kind."
    )


def test_an_agent_that_was_approved_and_whose_own_calls_waited_then_is_the_same():
    def top(world):
        low = Agent(world.model(call("pay", {"amount": 2}, id="p"), "low is done"), name="low", tools=[pay])
        return Agent(world.model(call("low", {"prompt": "go"}, id="s"), "done"), tools=[low.as_tool(approval=True)])

    async def both():
        book = Memory()
        _, asked = await to_the_end(top(World()), book)
        return asked, await replay(book.records, top(World()))

    asked, found = asyncio.run(both())
    assert [one.id for one in asked] == ["s", "s/p"]
    assert str(found) == "order-1 is the same: 4 turns and 2 calls in 2 runs."


def test_a_run_that_failed_is_the_same_and_one_that_would_fail_today_is_told():
    few = TYPED.replace(output=OutputSpec(Receipt, retries=0))
    assert compare(few, few, BAD).divergence is None
    assert text(few, TYPED, BAD) == (
        "Turn 1: the run ended with OutputError, and goes on today.\n"
        "  recorded: OutputError: No valid output after 1 attempt. The last was refused: Your answer does not f...\n"
        "  today:    (nothing)"
    )
    found = text(TYPED, few, BAD, GOOD)
    assert found.startswith(
        "Turn 1: the run went on, and ends today with OutputError.\n  recorded: (nothing)\n  today:    OutputError: "
    )


def test_limits_are_todays_unless_given():
    one = AGENT.replace(limits=RunLimits(turns=1))
    assert text(AGENT, one, LOOK, "4").splitlines()[0] == (
        "Turn 1: the run went on, and ends today with LimitExceededError."
    )
    assert compare(AGENT, one, LOOK, "4", limits=RunLimits(turns=5)).divergence is None
    assert compare(one, one, LOOK).divergence is None


def test_a_replay_is_spent_by_no_budget():
    records = asyncio.run(record(AGENT, LOOK, "4"))
    with Budget(tool_calls=5) as budget:
        asyncio.run(replay(records, AGENT))
    assert budget.spent.tool_calls == 0


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({"turns": 1}, {"turns": 2}, "Turn 1: the run ended at its limit turns=1, and there is turns=2 today."),
        ({"turns": 1}, {"turns": None}, "Turn 1: the run ended at its limit turns=1, and there is none today."),
        (
            {"tool_calls": 0},
            {"tool_calls": 1},
            "Turn 1: the run ended at its limit tool_calls=0, and there is tool_calls=1 today.",
        ),
        ({"turns": 1}, {"turns": 1, "tokens": 10_000}, "None"),
        ({"tool_calls": 0}, {"tool_calls": 0}, "None"),
    ],
)
def test_a_limit_at_which_a_run_ended_is_compared(before, after, told):
    bounded, freer = (AGENT.replace(limits=RunLimits(**limits)) for limits in (before, after))
    assert text(bounded, freer, LOOK, "4").partition("\n")[0] == told


def test_a_run_below_that_ended_at_a_limit_of_the_one_above_is_the_same():
    low = Agent(ScriptedModel([LOOK, LOOK]), name="low", tools=[look])
    bounded = Agent(tools=[low.as_tool()], limits=RunLimits(tool_calls=1))
    assert compare(bounded, bounded, call("low", {"prompt": "go"}, id="w"), "done").divergence is None


def test_the_retries_of_a_tool_are_compared():
    again = Agent(tools=[insist])
    patient = Agent(tools=[insist.replace(retries=9)])
    said = [call("insist", {}, id=f"c{number}") for number in range(5)]
    assert compare(again, again, *said).divergence is None
    assert text(again, patient, *said).startswith(
        "Turn 4: the run ended with ToolRetriesExceededError, and goes on today.\n  recorded: ToolRetriesExceededError"
    )
    assert text(patient, again, *said).startswith(
        "Turn 4: the run went on, and ends today with ToolRetriesExceededError.\n  recorded: (nothing)\n  today:    T"
    )


def test_an_output_that_is_text_no_more_is_told():
    assert text(AGENT, AGENT.replace(output=Receipt), LOOK, "4") == (
        "Turn 2: the reply was taken as the output, and is not today.\n"
        "  recorded: 4\n"
        "  today:    The output is asked for next."
    )


def test_no_key_is_needed():
    named = Agent("openai:gpt-4o", tools=[look], instructions="Be brief.")
    assert compare(AGENT, named, LOOK, "4").divergence is None


async def record_with_breaks(agent, model, *, deny=False):
    """Run and go on after every error and pause, as a program would that is started again."""
    book, pending = Memory(), ()
    while not book.records or past_of(book.records).output is None:
        decisions = [one.deny() if deny else one.approve() for one in pending] or None
        try:
            pending = (await finish(part(agent.replace(model=model), book, decisions))).pending
        except (errors.AgentkitError, KeyError):
            pending = past_of(book.records).state.held
    return book.records


@tool
def falter(city: str) -> str:
    """Fail the first time."""
    del city
    if not FALTERED:
        FALTERED.append(1)
        raise KeyError("no")
    return "fine"


FALTERED = []
FAILING = Agent(tools=[falter, look, pay], on_tool_error="raise")
BOTH = calls(
    call("falter", {"city": "Oslo"}, id="a"),
    call("pay", {"amount": 1}, id="p"),
    LOOK_B := call("look", {"city": "Rome"}, id="b"),
)
SHAPES = {
    "the endpoint failed": (AGENT, [LOOK, errors.InternalServerError("Down."), "4"]),
    "a tool ended the run": (FAILING, [BOTH, "done"]),
    "a reply was cut": (TYPED, [{"content": '{"tot', "finish_reason": "length"}, GOOD]),
    "the filter stopped it": (AGENT, [{"content": "so", "finish_reason": "content_filter"}, "4"]),
    "the model declined": (AGENT, [{"content": None, "refusal": "No."}, "4"]),
    "retries ran out": (TYPED, [BAD, BAD, BAD, GOOD]),
    "a choice was forced": (AGENT.replace(settings=Settings(tool_choice="required")), [LOOK, "4"]),
    "one call after the other": (
        AGENT.replace(settings=Settings(parallel_tool_calls=False)),
        [calls(LOOK, LOOK_B), "4"],
    ),
    "ids were used again": (AGENT, [LOOK, LOOK, LOOK, "4"]),
    "names were unknown": (AGENT, [call("nothing", id="a"), call("look", {"town": 1}, id="a"), "4"]),
    "arguments were cut": (AGENT, [{**call("look", '{"city": "Os', id="a"), "finish_reason": "length"}, LOOK, "4"]),
}


@pytest.mark.parametrize("deny", [False, True])
@pytest.mark.parametrize("name", SHAPES)
def test_a_run_that_went_on_after_errors_is_the_same(name, deny):
    agent, replies = SHAPES[name]
    FALTERED.clear()
    records = asyncio.run(record_with_breaks(agent, ScriptedModel(replies), deny=deny))
    assert asyncio.run(replay(records, agent)).divergence is None
    for place in range(1, len(records)):
        assert asyncio.run(replay(records[:place], agent)).divergence is None


class Separate(ScriptedModel):
    """An endpoint that takes no format beside tools, and cannot be made to call one."""

    profile = Endpoint("native", formats_with_tools=False, tool_choices=())


def test_an_output_that_was_asked_for_once_the_tools_were_done_is_the_same():
    agent = TYPED.replace(tools=[look])
    records = asyncio.run(record_with_breaks(agent, Separate([LOOK, "It is 4 degrees.", BAD, GOOD])))
    assert sum(record.kind == "asking" for record in records) == 4
    assert asyncio.run(replay(records, agent)).divergence is None
    other = asyncio.run(replay(records, agent.replace(output=str))).divergence
    assert (other.turn, other.where) == (2, "output")


def test_a_call_is_counted_once_where_its_batch_failed_and_went_on():
    FALTERED.clear()
    records = asyncio.run(record_with_breaks(FAILING, ScriptedModel([BOTH, "done"])))
    begun = [record.call_id for record in records if record.kind == "calling"]
    assert sorted(begun) == ["a", "a", "b", "p"]  # the one that failed ran again
    found = asyncio.run(replay(records, FAILING))
    assert (found.turns, found.calls) == (2, 3)


def journalled(tmp_path, agent, *parts):
    """Carry out the parts of a run, each with a model and settings or limits of its own; give the records."""
    journal = Journal(tmp_path / "runs.db")

    async def all_of_it():
        for model, given in parts:
            with suppress(errors.AgentkitError):
                await journal.run(agent, "Weather?", run_id="order-42", model=model, **given)
        return await journal.records("order-42")

    try:
        return asyncio.run(all_of_it())
    finally:
        journal.close()


DOWN = errors.InternalServerError("Down.")
WARM, COLD = Settings(temperature=0.9), Settings(temperature=0.1)


@pytest.mark.parametrize(
    ("agent", "parts"),
    [
        (AGENT, [(ScriptedModel([LOOK, "4"]), {"settings": WARM})]),
        (AGENT.replace(settings=WARM), [(ScriptedModel([LOOK, "4"]), {"settings": Settings(temperature=None)})]),
        (AGENT, [(ScriptedModel([LOOK, "4"]), {"settings": Settings(extra_body={"top_k": 3})})]),
        (AGENT, [(ScriptedModel([LOOK, DOWN]), {"settings": WARM}), (ScriptedModel(["4"]), {"settings": COLD})]),
        (AGENT, [(ScriptedModel([LOOK, DOWN]), {"settings": WARM}), (ScriptedModel(["4"]), {})]),
        (AGENT, [(ScriptedModel([LOOK, DOWN]), {}), (ScriptedModel(["4"]), {"settings": COLD})]),
        (
            AGENT.replace(limits=RunLimits(turns=1)),
            [(ScriptedModel([LOOK]), {}), (ScriptedModel(["4"]), {"limits": RunLimits(turns=5)})],
        ),
        (
            AGENT,
            [(ScriptedModel([LOOK]), {"limits": RunLimits(turns=1)}), (ScriptedModel(["4"]), {})],
        ),
        (
            AGENT.replace(limits=RunLimits(tool_calls=0)),
            [(ScriptedModel([LOOK]), {}), (ScriptedModel(["4"]), {"limits": RunLimits(tool_calls=5)})],
        ),
    ],
)
def test_a_run_is_the_same_with_what_it_was_given_in_each_of_its_parts(tmp_path, agent, parts):
    records = journalled(tmp_path, agent, *parts)
    assert records[-1].kind == "finished"
    found = asyncio.run(replay(records, agent))
    assert (found.divergence, found.turns, found.calls) == (None, 2, 1)


def test_settings_that_are_given_to_a_replay_go_before_those_on_record(tmp_path):
    records = journalled(tmp_path, AGENT, (ScriptedModel([LOOK, "4"]), {"settings": WARM}))
    assert str(asyncio.run(replay(records, AGENT, settings=COLD)).divergence) == (
        "Turn 1: the setting 'temperature' differs.\n  recorded: 0.9\n  today:    0.1"
    )
    found = asyncio.run(replay(records, AGENT, limits=RunLimits(turns=1))).divergence
    assert found.where == "end"


def test_a_setting_of_the_agents_own_is_compared_beside_those_on_record(tmp_path):
    records = journalled(tmp_path, AGENT, (ScriptedModel([LOOK, "4"]), {"settings": WARM}))
    found = asyncio.run(replay(records, AGENT.replace(settings=Settings(seed=3, temperature=0.2))))
    assert str(found.divergence) == "Turn 1: the setting 'seed' differs.\n  recorded: (nothing)\n  today:    3"


def test_a_run_that_was_handed_over_goes_on_with_other_limits_and_is_the_same(tmp_path):
    clerk = Agent(ScriptedModel([LOOK, "4"]), name="clerk", tools=[look], instructions="You are the clerk.")
    desk = Agent(name="desk", tools=[handoff(clerk)], instructions="You are the desk.", limits=RunLimits(turns=2))
    first = ScriptedModel([call("transfer_to_clerk", id="h")])
    records = journalled(tmp_path, desk, (first, {}), (ScriptedModel([]), {"limits": RunLimits(turns=9)}))
    assert records[-1].kind == "finished"
    assert asyncio.run(replay(records, desk)).divergence is None
