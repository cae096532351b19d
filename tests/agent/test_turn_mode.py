"""How the output is asked for is refused, learned and asked for otherwise, within the run and for the next ones."""

import asyncio

import pytest
from pydantic import BaseModel

from agentkit.agent import Agent, Middleware, OutputAsked
from agentkit.around import Concurrency, Fallback, RateLimit
from agentkit.errors import (
    APIStatusError,
    BadRequestError,
    InternalServerError,
    InvalidRequestError,
    NotFoundError,
    RateLimitError,
    UnsupportedRequestError,
)
from agentkit.http import Profile
from agentkit.output import OutputSpec
from agentkit.state import RunLimits, RunState
from agentkit.testing.reply import call
from agentkit.testing.scripted import ScriptedModel
from agentkit.tools import tool
from agentkit.wire.setting import Settings


class City(BaseModel):
    name: str
    people: int


OSLO = City(name="Oslo", people=700000)
JSON = OSLO.model_dump_json()
CALLED = call("final_result", OSLO.model_dump())


@tool
def look() -> str:
    return "seen"


def way(request):
    """Name how a request asks for the output."""
    if request.response_format is not None:
        return request.response_format.type
    names = [one.name for one in request.tools]
    return "tool" if "final_result" in names else "tools" if names else "words"


REFUSED = {
    "json_schema": {"response_formats": ("text", "json_object")},
    "json_object": {"response_formats": ("text",)},
    "tool": {"tools": False},
    "tools": {"tools": False},
    "beside": {"formats_with_tools": False},
    "words": {},
}


class Choosy(ScriptedModel):
    """Refuses some ways to ask for an output, and has learned it when it says so, as `ChatModel` does."""

    def __init__(self, replies, *refused, error=BadRequestError, **profile):
        super().__init__(replies)
        self.profile = Profile(**{"output_mode": "native", **profile})
        self.asked = []
        self._refused = refused
        self._error = error

    def _next(self, request):
        self.asked.append(way(request))
        both = request.tools and request.response_format is not None
        for name in (self.asked[-1], *(("beside",) if both else ())):
            if name in self._refused:
                self.profile = self.profile.replace(**REFUSED[name])
                raise self._error(f"no {name}")
        return super()._next(request)


def answer(request):
    """Give the output however it is asked for."""
    return CALLED if way(request) == "tool" else JSON


@pytest.mark.parametrize(
    ("refused", "asked"),
    [
        (("json_schema",), ["json_schema", "tool"]),
        (("json_schema", "tool"), ["json_schema", "tool", "json_object"]),
        (("json_schema", "tool", "json_object"), ["json_schema", "tool", "json_object", "words"]),
    ],
)
def test_a_mode_that_is_refused_gives_way_to_the_next_and_costs_no_turn(refused, asked):
    model = Choosy([answer, answer], *refused)
    agent = Agent(model, output=City)
    result = agent.run_sync("x")
    assert (result.output, model.asked, result.turns, result.attempts) == (OSLO, asked, 1, ())
    assert (len(result.usages), [m.role for m in result.messages][:2]) == (1, ["user", "assistant"])
    assert agent.run_sync("y").output == OSLO
    assert model.asked == [*asked, asked[-1]]


@pytest.mark.parametrize(
    "error",
    [BadRequestError, NotFoundError, APIStatusError, InvalidRequestError],
)
def test_whatever_class_the_refusal_has_the_output_is_asked_for_otherwise(error):
    model = Choosy([answer], "json_schema", error=error)
    assert Agent(model, output=City).run_sync("x").output == OSLO


@pytest.mark.parametrize(("status", "asked"), [(500, 2), (501, 2), (503, 1)])
def test_a_server_that_fails_at_a_field_refuses_it_and_one_that_is_down_does_not(status, asked):
    def failed(text):
        error = InternalServerError(text)
        error.status_code = status
        return error

    model = Choosy([answer], "json_schema", error=failed)
    if asked == 2:
        assert Agent(model, output=City).run_sync("x").output == OSLO
    else:
        with pytest.raises(InternalServerError, match=r"^no json_schema$"):
            Agent(model, output=City).run_sync("x")
    assert len(model.asked) == asked


def test_where_every_way_is_refused_the_first_refusal_is_raised_with_the_others_noted():
    model = Choosy([], "json_schema", "tool", "json_object", "words")
    with pytest.raises(BadRequestError) as caught:
        Agent(model, output=City).run_sync("x")
    assert str(caught.value) == "no json_schema"
    assert caught.value.__notes__ == [
        "The output was asked for again, in the mode 'tool', and that was refused too: BadRequestError: no tool",
        "The output was asked for again, in the mode 'json', and that was refused too: BadRequestError: no json_object",
        "The output was asked for again, in the mode 'prompted', and that was refused too: BadRequestError: no words",
    ]
    assert [m.content for m in caught.value.state.messages] == ["x"]
    assert caught.value.__cause__ is None
    assert len(model.asked) == 4


def test_the_endpoints_own_words_are_raised_before_what_is_only_known_of_it():
    model = Choosy([], "json_schema", "tool", "json_object")
    agent = Agent(model, output=City)

    class Meanwhile(Middleware):
        async def ask(self, request, run, following):
            if not model.asked:
                model.asked.append("unsent")
                model.profile = model.profile.replace(response_formats=("text",), tools=False)
                raise UnsupportedRequestError("It takes no schema.")
            return await following(request)

    model._refused = ("words",)
    with pytest.raises(BadRequestError, match=r"^no words$") as caught:
        agent.replace(middleware=[Meanwhile()]).run_sync("x")
    assert (model.asked, getattr(caught.value, "__notes__", [])) == (["unsent", "words"], [])


def test_another_failure_after_a_refusal_is_raised_as_it_is():
    def limited(_request):
        return RateLimitError("slow down")

    model = Choosy([limited], "json_schema")
    with pytest.raises(RateLimitError, match=r"^slow down$"):
        Agent(model, output=City).run_sync("x")


def test_a_refusal_of_a_later_turn_is_raised_for_itself():
    def other(_request):
        return BadRequestError("no such image")

    model = Choosy([call("look"), other], "json_schema", formats_with_tools=True)
    with pytest.raises(BadRequestError, match=r"^no such image$") as caught:
        Agent(model, tools=[look], output=City).run_sync("x")
    assert not getattr(caught.value, "__notes__", ())


@pytest.mark.parametrize("mode", ["native", "tool", "json"])
def test_a_mode_that_was_named_is_not_changed(mode):
    refused = {"native": "json_schema", "tool": "tool", "json": "json_object"}[mode]
    model = Choosy([answer], refused)
    with pytest.raises(BadRequestError, match=rf"^no {refused}$"):
        Agent(model, output=OutputSpec(City, mode=mode)).run_sync("x")
    assert len(model.asked) == 1


def test_a_format_of_the_users_own_settings_is_not_changed():
    model = Choosy([answer], "json_object")
    with pytest.raises(BadRequestError, match=r"^no json_object$"):
        Agent(model, settings=Settings(response_format={"type": "json_object"})).run_sync("Give JSON.")
    assert len(model.asked) == 1


def test_a_format_that_may_not_stand_beside_tools_gives_way_to_the_outputs_tool():
    model = Choosy([call("look"), CALLED], "beside", formats_with_tools=True)
    result = Agent(model, tools=[look], output=City).run_sync("x")
    assert (result.output, model.asked, result.turns) == (OSLO, ["json_schema", "tool", "tool"], 2)


def test_where_no_call_can_be_forced_tools_come_first_and_then_the_format():
    model = Choosy([call("look"), "Oslo it is.", JSON], "beside", formats_with_tools=True, tool_choices=("auto",))
    result = Agent(model, tools=[look], output=City).run_sync("x")
    assert (result.output, model.asked) == (OSLO, ["json_schema", "tools", "tools", "json_schema"])
    assert (result.turns, result.attempts) == (3, ())


def test_the_last_turns_format_that_is_refused_gives_way_too():
    model = Choosy([call("look"), "Oslo it is.", JSON], "json_schema", tool_choices=("auto",), tools=True)
    result = Agent(model, tools=[look], output=City).run_sync("x")
    assert (result.output, model.asked) == (OSLO, ["tools", "tools", "json_schema", "tool"])
    assert [m.role for m in model.requests[-1].messages] == ["user", "assistant", "tool", "assistant", "user"]


def test_the_limit_of_turns_does_not_count_what_was_refused():
    model = Choosy([answer], "json_schema", "tool", "json_object")
    assert Agent(model, output=City, limits=RunLimits(turns=1, requests=1)).run_sync("x").output == OSLO


def test_a_resumed_run_asks_in_the_way_that_was_learned():
    model = Choosy([call("pay", id="p"), CALLED], "json_schema", formats_with_tools=True)

    @tool(approval=True)
    def pay() -> str:
        return "paid"

    agent = Agent(model, tools=[pay], output=City)
    waiting = agent.run_sync("x")
    assert model.asked == ["json_schema", "tool"]
    result = agent.resume_sync(waiting.state.to_json(), decisions={"p": True})
    assert (result.output, model.asked) == (OSLO, ["json_schema", "tool", "tool"])


def test_a_state_from_an_error_goes_on_in_the_mode_that_was_learned():
    model = Choosy([RateLimitError("slow down"), answer], "json_schema")
    agent = Agent(model, output=City)
    with pytest.raises(RateLimitError) as caught:
        agent.run_sync("x")
    state = RunState.from_json(caught.value.state.to_json())
    assert agent.resume_sync(state).output == OSLO
    assert model.asked == ["json_schema", "tool", "tool"]


def test_runs_at_once_each_learn_once_and_later_ones_know():
    model = Choosy([answer] * 40, "json_schema")
    agent = Agent(model, output=City)

    async def main():
        outputs = await asyncio.gather(*(agent.run("x") for _ in range(20)))
        assert model.asked.count("json_schema") <= 20
        before = len(model.asked)
        outputs += await asyncio.gather(*(agent.run("x") for _ in range(20)))
        return [one.output for one in outputs], model.asked[before:]

    outputs, later = asyncio.run(main())
    assert outputs == [OSLO] * 40
    assert later == ["tool"] * 20


def test_a_run_that_another_one_taught_meanwhile_asks_again():
    class Late(Choosy):
        def _next(self, request):
            if "json_schema" not in self.profile.response_formats and way(request) == "json_schema":
                self.asked.append("unsent")
                raise InvalidRequestError("the endpoint takes only text")
            return super()._next(request)

    model = Late([answer])
    agent = Agent(model, output=City)

    class Meanwhile(Middleware):
        async def ask(self, request, run, following):
            model.profile = model.profile.replace(response_formats=("text",))
            return await following(request)

    result = agent.replace(middleware=[Meanwhile()]).run_sync("x")
    assert (result.output, model.asked) == (OSLO, ["unsent", "tool"])


@pytest.mark.parametrize(
    "around",
    [
        lambda model: RateLimit(model, requests=100),
        lambda model: Fallback([model]),
        lambda model: Concurrency(RateLimit(model, requests=100), 2),
    ],
)
def test_models_around_the_model_let_the_lesson_through(around):
    model = Choosy([answer, answer], "json_schema")
    agent = Agent(around(model), output=City)
    assert [agent.run_sync("x").output, agent.run_sync("y").output] == [OSLO, OSLO]
    assert model.asked == ["json_schema", "tool", "tool"]


def test_a_fallback_asks_all_its_models_in_the_way_that_all_take():
    first, second = Choosy([answer], "json_schema"), Choosy([answer], "json_schema")
    result = Agent(Fallback([first, second]), output=City).run_sync("x")
    assert (result.output, first.asked, second.asked) == (OSLO, ["json_schema", "tool"], ["json_schema"])


def test_a_refusal_behind_a_fallback_whose_last_model_is_down_is_learned_too():
    down = ScriptedModel([RateLimitError("slow down")])
    down.profile = Profile(output_mode="native")
    first = Choosy([answer], "json_schema")
    result = Agent(Fallback([first, down]), output=City).run_sync("x")
    assert (result.output, first.asked, len(down.requests)) == (OSLO, ["json_schema", "tool"], 1)


def test_a_stream_shows_the_new_way_and_its_values_begin_anew():
    async def main(read):
        model = Choosy([answer], "json_schema")
        async with Agent(model, output=list[int]).stream("x") as stream:
            seen = [one async for one in read(stream)]
        return seen, stream.result.output

    def answer(request):
        return call("final_result", {"response": [1, 2]}) if way(request) == "tool" else "[1, 2]"

    events, output = asyncio.run(main(lambda stream: stream))
    asked = [event for event in events if isinstance(event, OutputAsked)]
    assert asked == [OutputAsked("tool", "final_result", tools_first=False)]
    assert output == [1, 2]
    assert asyncio.run(main(lambda stream: stream.items()))[0] == [1, 2]
    assert asyncio.run(main(lambda stream: stream.partials()))[0][-1] == [1, 2]


def test_dynamic_instructions_hold_in_the_new_way():
    model = Choosy([answer], "json_schema", "tool", "json_object")
    Agent(model, output=City, instructions=lambda: "Be exact.").run_sync("x")
    (system, _) = model.requests[-1].messages
    assert system.content.startswith("Be exact.\n\nAnswer with one JSON object that fits this JSON Schema")
