"""Tools and settings that functions of the context choose for each turn."""

import asyncio
import threading

import pytest

from agentkit import Agent, Context, OutputSpec, RunLimits, RunState, Settings, Toolbox, ToolRetry, handoff, tool
from agentkit.agent import Middleware
from agentkit.errors import (
    ConfigurationError,
    InvalidRequestError,
    LimitExceededError,
    StateError,
    ToolDefinitionError,
    ToolRetriesExceededError,
)
from agentkit.http import Profile
from agentkit.state import Approve, Deny, Give
from agentkit.testing import ScriptedModel, call, calls


@tool
def now() -> str:
    """Tell the time."""
    return "noon"


@tool
def later() -> str:
    """Tell another time."""
    return "evening"


@tool(approval=True)
def pay(euros: int) -> str:
    """Pay."""
    return f"paid {euros}"


def names(model):
    """The tools of each request."""
    return [[one.function.name for one in request.tools or ()] for request in model.requests]


def told(result):
    return [message.content for message in result.messages if message.role == "tool"]


@pytest.mark.parametrize("colour", ["sync", "async", "generator", "object"])
def test_a_function_of_the_context_chooses_the_tools_of_each_turn(colour):
    seen = []

    def choose(context: Context[str]):
        seen.append((context.deps, context.turn, context.call_id, context.run_id))
        return [now] if context.turn == 0 else Toolbox([now, later])

    async def choose_later(context):
        await asyncio.sleep(0)
        return choose(context)

    def choose_each(context):
        yield from choose(context)

    class Chooser:
        def __call__(self, context):
            return choose(context)

    given = {"sync": choose, "async": choose_later, "generator": choose_each, "object": Chooser()}[colour]
    model = ScriptedModel([call("now"), call("later"), "done"])
    result = Agent(model, tools=given).run_sync("x", deps="Oslo")
    assert names(model) == [["now"], ["now", "later"], ["now", "later"]]
    assert told(result) == ["noon", "evening"]
    assert seen == [("Oslo", turn, "", result.run_id) for turn in range(3)]


def test_a_function_of_the_context_gives_the_settings_of_each_turn_and_the_runs_win():
    def adapt(context):
        return Settings(temperature=0.1 * context.turn, seed=1) if context.turn else None

    async def adapt_later(context):
        return adapt(context)

    for function in (adapt, adapt_later):
        model = ScriptedModel([call("now"), "done", call("now"), "done"])
        agent = Agent(model, tools=[now], settings=function)
        agent.run_sync("x")
        agent.run_sync("x", settings=Settings(temperature=1.5, seed=None, user="ada"))
        fields = [(request.temperature, request.seed, request.user) for request in model.requests]
        assert fields == [(None, None, None), (0.1, 1, None), (1.5, None, "ada"), (1.5, None, "ada")]


def test_what_a_function_says_of_the_choice_is_sent_as_it_is_each_turn():
    order = ["now", "now", "none"]
    model = ScriptedModel([call("now"), call("now"), "done"])
    Agent(model, tools=[now], settings=lambda context: Settings(tool_choice=order[context.turn])).run_sync("x")
    assert [request.tool_choice for request in model.requests] == order


def test_a_choice_of_the_run_is_relaxed_after_it_was_obeyed_though_a_function_gives_settings():
    model = ScriptedModel([call("now"), "done"])
    agent = Agent(model, tools=[now], settings=lambda context: Settings(tool_choice="required", seed=1))
    agent.run_sync("x", settings=Settings(tool_choice="now"))
    assert [(request.tool_choice, request.seed) for request in model.requests] == [("now", 1), ("auto", 1)]


def test_a_choice_of_settings_that_are_a_value_is_relaxed_though_a_function_chooses_the_tools():
    model = ScriptedModel([call("now"), "done"])
    Agent(model, tools=lambda context: [now], settings=Settings(tool_choice="required")).run_sync("x")
    assert [request.tool_choice for request in model.requests] == ["required", "auto"]


def test_no_tools_for_a_turn_are_sent_as_none():
    model = ScriptedModel([call("now"), "done"])
    Agent(model, tools=lambda context: [] if context.turn else [now]).run_sync("x")
    assert names(model) == [["now"], []]
    assert b'"tools"' not in model.requests[1].encode()


def test_without_parallel_calls_by_the_settings_of_a_turn_calls_run_one_by_one():
    running, most = [], []

    @tool
    async def work() -> str:
        """Work."""
        running.append(1)
        most.append(len(running))
        await asyncio.sleep(0)
        running.pop()
        return "done"

    model = ScriptedModel([calls(call("work"), call("work")), calls(call("work"), call("work")), "done"])
    adapt = lambda context: Settings(parallel_tool_calls=False) if context.turn == 0 else None
    Agent(model, tools=[work], settings=adapt).run_sync("x")
    assert most == [1, 1, 1, 2]


def test_a_call_of_a_tool_that_is_gone_is_refused_with_the_known_names():
    model = ScriptedModel([call("now"), call("now"), "done"])
    result = Agent(model, tools=lambda context: [later] if context.turn else [now]).run_sync("x")
    assert told(result) == ["noon", "There is no tool 'now'. The tools are: later. Call one of them, or answer."]


def test_retries_are_those_of_the_tools_of_the_turn():
    @tool(retries=1)
    def fuss() -> str:
        """Fuss."""
        raise ToolRetry("Not so.")

    model = ScriptedModel([call("now"), *[call("fuss")] * 3])
    agent = Agent(model, tools=lambda context: [fuss] if context.turn else [now])
    with pytest.raises(ToolRetriesExceededError, match="refused 2 times in a row"):
        agent.run_sync("x")


@pytest.mark.parametrize("chosen", ["list", "toolbox", "generator", "filter"])
def test_the_same_tools_and_equal_settings_are_made_ready_once(chosen):
    box = Toolbox([now, later])
    give = {
        "list": lambda: [now, later],
        "toolbox": lambda: box,
        "generator": lambda: (one for one in (now, later)),
        "filter": lambda: box.filter(["now", "later"]),
    }[chosen]
    model = ScriptedModel([call("now"), "done", "done"])
    agent = Agent(model, tools=lambda context: give(), settings=lambda context: Settings(temperature=0.5))
    agent.run_sync("x")
    agent.run_sync("x")
    first, *others = (request.tools for request in model.requests)
    assert all(one is first for one in others)


def test_settings_that_switch_a_field_off_are_not_those_that_say_nothing_of_it():
    model = ScriptedModel([call("now"), "done"])
    adapt = lambda context: Settings(seed=None) if context.turn else Settings()
    Agent(model, tools=[now], settings=adapt).run_sync("x")
    assert ["seed" in request.set_fields() for request in model.requests] == [False, True]


def test_no_more_than_sixteen_choices_are_kept():
    agent = Agent(ScriptedModel(["done"] * 40), settings=lambda context: Settings(seed=context.deps))
    for seed in [*range(20), *range(20)]:
        agent.run_sync("x", deps=seed)
    assert len(agent._recipe.choose._kept) == 16


def test_runs_at_once_in_threads_each_get_their_own_tools():
    def reply(request):
        return call(request.tools[0].function.name) if request.messages[-1].role == "user" else "done"

    agent = Agent(ScriptedModel([reply] * 400), tools=lambda context: [now] if context.deps else [later])
    wrong = []

    def work(which):
        for _ in range(25):
            result = agent.run_sync("x", deps=which)
            if told(result) != ["noon" if which else "evening"]:
                wrong.append(which)

    threads = [threading.Thread(target=work, args=(number % 2,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_functions_are_asked_once_a_turn_though_the_output_is_asked_for_otherwise():
    asked = []

    class Refusing(ScriptedModel):
        profile = Profile(output_mode="native", formats_with_tools=True)

        async def complete(self, request, /):
            if request.response_format is not None:
                self.profile = self.profile.replace(response_formats=())
                raise InvalidRequestError("no response_format here")
            return await super().complete(request)

    def noted(name, given):
        def function(context):
            asked.append((name, context.turn))
            return given

        return function

    model = Refusing([call("now"), call("final_result", {"response": 4})])
    agent = Agent(
        model,
        tools=noted("tools", [now]),
        settings=noted("settings", Settings(seed=3)),
        instructions=["Be brief.", noted("instructions", "It is noon.")],
        output=int,
    )
    assert agent.run_sync("x").output == 4
    assert asked == [(name, turn) for turn in (0, 1) for name in ("tools", "settings", "instructions")]
    assert [request.messages[0].content for request in model.requests] == ["Be brief.\n\nIt is noon."] * 2
    assert [request.seed for request in model.requests] == [3, 3]
    assert agent.run_sync("x", model=ScriptedModel(["5"])).output == 5


def test_the_way_of_asking_for_the_output_follows_the_tools_and_is_shown():
    model = ScriptedModel([call("now"), call("final_result", {"response": 4})])
    model.profile = Profile(output_mode="native")

    async def main():
        async with Agent(model, tools=lambda context: [now], output=int).stream("x") as stream:
            return [event.mode async for event in stream if event.type == "output_asked"], stream.result.output

    assert asyncio.run(main()) == (["tool"], 4)


def test_a_resumed_run_finds_the_tools_of_its_open_calls_as_the_turn_had_them():
    def choose(context):
        return [pay] if context.turn == 0 else [now]

    model = ScriptedModel([call("pay", {"euros": 3}, id="p"), "done"])
    agent = Agent(model, tools=choose)
    paused = agent.run_sync("x")
    assert [waiting.name for waiting in paused.pending] == ["pay"]
    result = agent.resume_sync(RunState.from_json(paused.state.to_json()), decisions={"p": True})
    assert (result.output, told(result)) == ("done", ["paid 3"])
    assert names(model) == [["pay"], ["now"]]


def test_a_history_with_open_calls_finds_its_tools_too():
    first = Agent(ScriptedModel([call("pay", {"euros": 3}, id="p")]), tools=[pay]).run_sync("x")
    result = Agent(ScriptedModel([]), tools=lambda context: [pay]).run_sync(None, history=first.messages)
    assert [waiting.name for waiting in result.pending] == ["pay"]


def test_a_reply_in_hand_is_read_by_the_tools_of_its_turn():
    class Stop(Middleware):
        async def run(self, state, run, step, /):
            await step(state)
            raise RuntimeError

    asked = []

    def choose(context):
        asked.append(context.turn)
        return [now]

    model = ScriptedModel(["4"])
    agent = Agent(model, tools=choose, output=int)
    with pytest.raises(RuntimeError) as caught:
        agent.replace(middleware=[Stop()]).run_sync("x")
    assert agent.resume_sync(caught.value.state).output == 4
    assert asked == [0, 0]


def test_the_clock_of_the_run_is_over_the_functions_too():
    async def hang(context):
        await asyncio.Event().wait()

    with pytest.raises(LimitExceededError, match="seconds"):
        Agent(ScriptedModel([]), tools=hang, limits=RunLimits(seconds=0.05)).run_sync("x")


def test_a_run_that_is_handed_over_has_the_tools_that_the_other_agent_chooses_and_keeps_its_middleware():
    asked = []

    class Note(Middleware):
        async def ask(self, request, run, step, /):
            asked.append([one.function.name for one in request.tools])
            return await step(request)

    def choose(context):
        return [now] if context.turn == 1 else [later]

    model = ScriptedModel([call("handoff_to_clock"), call("now"), call("later"), "done"])
    clock = Agent(model, tools=choose, settings=lambda context: Settings(seed=context.turn), name="clock")
    first = Agent(model, tools=[handoff(clock, name="handoff_to_clock")], middleware=[Note()], name="first")
    result = first.run_sync("x")
    assert (result.output, told(result)[1:]) == ("done", ["noon", "evening"])
    assert asked == names(model) == [["handoff_to_clock"], ["now"], ["later"], ["later"]]
    assert [request.seed for request in model.requests] == [None, 1, 2, 3]


def test_a_run_that_was_handed_over_to_an_agent_that_chooses_its_tools_is_resumed_with_those():
    model = ScriptedModel([call("to_till"), call("pay", {"euros": 3}, id="p"), "done"] * 2)
    till = Agent(model, tools=lambda context: [pay] if context.turn == 1 else [], name="till")
    for tools in ([handoff(till, name="to_till")], lambda context: [handoff(till, name="to_till")]):
        first = Agent(model, tools=tools, name="first")
        state = first.run_sync("x").state
        assert told(first.resume_sync(state, decisions={"p": True}))[1:] == ["paid 3"]


def test_a_map_asks_the_functions_in_each_run():
    model = ScriptedModel([lambda request: request.tools[0].function.name] * 3)
    agent = Agent(model, tools=lambda context: [now] if context.deps else [later])
    assert agent.map_sync(["a", "b"], deps=True, progress=False).result().outputs == ["now", "now"]


GONE = "The call 'p' was approved, and its tool 'pay' is gone. The tools are: now. "


@pytest.mark.parametrize("decision", [True, Approve({"euros": 2})])
def test_an_approved_call_whose_tool_is_gone_is_a_clear_error_to_go_on_from(decision):
    model = ScriptedModel([call("pay", {"euros": 3}, id="p"), "done"])
    state = Agent(model, tools=[pay]).run_sync("x").state
    for tools in ([now], lambda context: [now]):
        with pytest.raises(StateError) as caught:
            Agent(model, tools=tools).resume_sync(state, decisions={"p": decision})
        assert str(caught.value) == f"{GONE}Resume with an agent that has it, or deny the call."
    again = Agent(model, tools=[pay]).resume_sync(caught.value.state, decisions={"p": True})
    assert told(again) == ["paid 3"]


@pytest.mark.parametrize(
    ("decisions", "text"),
    [
        ({"p": False}, "Not run: The user declined this call."),
        ({"p": Deny("No.")}, "Not run: No."),
        ({"p": Give("paid elsewhere")}, "paid elsewhere"),
        ({}, "There is no tool 'pay'. The tools are: now. Call one of them, or answer."),
    ],
)
def test_a_waiting_call_whose_tool_is_gone_is_denied_given_or_refused(decisions, text):
    model = ScriptedModel([call("pay", {"euros": 3}, id="p"), "done"])
    state = Agent(model, tools=[pay]).run_sync("x").state
    result = Agent(model, tools=lambda context: [now]).resume_sync(state, decisions=decisions)
    assert (result.output, told(result)) == ("done", [text])


def ended(**options):
    """The error that a run of two turns ends with, which carries the state and what to do."""
    model = ScriptedModel([call("now"), "done"])
    given = {"tools": [now], **options}
    with pytest.raises(Exception) as caught:
        Agent(model, **given).run_sync("x")
    error = caught.value
    assert error.state.turns == len(model.requests)
    return error


def raising(context):
    """Fail in the second turn."""
    if context.turn:
        raise ValueError("no luck")


def noted(what):
    return [f"Raised by raising, which gives the {what} of turn 2. `agent.resume(error.state)` asks it again."]


def test_what_a_function_raises_ends_the_run_with_the_state_and_says_whose_it_is():
    error = ended(settings=raising)
    assert (type(error), str(error), error.__notes__, error.state.turns) == (
        *(ValueError, "no luck"),
        noted("settings"),
        1,
    )
    assert ended(instructions=raising).__notes__ == noted("instructions")

    async def chosen(context):
        raising(context)
        return [now]

    chosen.__qualname__ = "raising"
    assert ended(tools=chosen).__notes__ == noted("tools")


def test_a_run_goes_on_from_what_a_function_raised():
    fails = [ValueError("no luck")]

    def choose(context):
        if context.turn and fails:
            raise fails.pop()
        return [now]

    model = ScriptedModel([call("now"), "done"])
    agent = Agent(model, tools=choose)
    with pytest.raises(ValueError, match="no luck") as caught:
        agent.run_sync("x")
    assert agent.resume_sync(caught.value.state).output == "done"


class Choosing:
    """Choose what is no tool."""

    def __init__(self, given):
        self.given = given

    def __call__(self, context):
        return self.given


@pytest.mark.parametrize("given", [None, 5, "now", b"now", {"now": now}, now])
def test_tools_that_are_none_are_told(given):
    error = ended(tools=Choosing(given))
    assert type(error) is ConfigurationError
    assert str(error) == (
        f"Choosing is asked for the tools of each turn, and gave {given!r:.200}. Give a list of tools and functions, "
        "or a Toolbox; [] for none. If it is a tool itself, put it in a list: Agent(tools=[Choosing])."
    )


def test_a_list_that_holds_no_tools_is_told():
    error = ended(tools=Choosing([5]))
    assert (type(error), error.__notes__) == (ToolDefinitionError, ["Turn 1 was given its tools by Choosing."])
    assert "is of type int, which cannot be called" in str(error)


def test_two_tools_of_one_name_are_told():
    error = ended(tools=Choosing([now, now.replace()]))
    assert type(error) is ToolDefinitionError
    here = f"{__name__}:now"
    assert str(error) == (
        f"Two tools are named 'now': {here} and {here}. "
        "Rename one, `tool(function, name=...)`, or set one toolbox apart, `toolbox.prefix(...)`."
    )
    assert error.__notes__ == ["Turn 1 was given its tools by Choosing."]


def test_a_tool_that_bears_the_outputs_name_is_told():
    error = ended(
        tools=Choosing([now.replace(name="final_result")]),
        settings=lambda context: None,
        output=OutputSpec(dict[str, int], mode="tool"),
    )
    assert str(error) == (
        "Tool 'final_result' bears the name of the tool that gives the output. "
        "Rename it, or name the output: `OutputSpec(Type, name=...)`."
    )
    by = "test_a_tool_that_bears_the_outputs_name_is_told.<locals>.<lambda>"
    assert error.__notes__ == [f"Turn 1 was given its tools by Choosing and settings by {by}."]


def test_settings_that_are_none_are_told():
    error = ended(settings=Choosing({"seed": 1}))
    assert type(error) is InvalidRequestError
    assert str(error) == "Settings are given as {'seed': 1}, a dict. Write Settings(temperature=0.2)."
    assert error.__notes__ == ["Turn 1 was given its settings by Choosing."]


def test_instructions_of_nothing_bear_their_own_name_where_they_fail():
    def raising():
        raise ValueError("no luck")

    (note,) = ended(instructions=raising).__notes__
    assert note.startswith(
        "Raised by test_instructions_of_nothing_bear_their_own_name_where_they_fail.<locals>.raising,"
    )
