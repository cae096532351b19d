"""Typed outputs over real sockets from endpoints that refuse, or silently spoil, a way to ask for them."""

import asyncio
import json

import pytest
from pydantic import BaseModel

from agentkit.agent import Agent
from agentkit.errors import BadRequestError
from agentkit.http import ChatModel, Profile
from agentkit.output import OutputSpec
from agentkit.testing.endpoint import FakeEndpoint
from agentkit.testing.reply import call
from agentkit.tools import tool
from agentkit.wire.check import check_request
from agentkit.wire.request import ChatRequest


class City(BaseModel):
    name: str
    people: int


OSLO = City(name="Oslo", people=700000)
ALL = ("native", "tool", "json", "prompted")


def answer(request):
    """Play a model: call the tool once, then give the output however it is asked for."""
    names = [one["function"]["name"] for one in request.get("tools", ())]
    told = [one for one in request["messages"] if one["role"] == "tool"]
    if "look" in names and not told:
        return call("look")
    if "final_result" in names:
        return call("final_result", OSLO.model_dump())
    words = request["messages"][0]["content"] if request["messages"][0]["role"] == "system" else ""
    asked = request.get("response_format") or "JSON Schema" in words
    return OSLO.model_dump_json() if asked else "Oslo has 700,000 people."


def played(quirks, *, tools, streamed=False, runs=1, mode="auto", **profile):
    """Run against an endpoint; give outputs, the result, whether the tool ran, and how many requests were refused."""
    looked = []

    @tool
    def look() -> str:
        looked.append(1)
        return "seen"

    async def main():
        async with (
            FakeEndpoint(replies=[answer] * 100, quirks=quirks) as endpoint,
            ChatModel("m", base_url=endpoint.base_url, profile=Profile(**profile)) as model,
        ):
            agent = Agent(model, tools=[look] if tools else [], output=OutputSpec(City, mode=mode))
            results = []
            for _ in range(runs):
                if streamed:
                    async with agent.stream("x") as stream:
                        partials = [one async for one in stream.partials()]
                    assert partials[-1].people == OSLO.people
                    results.append(stream.result)
                else:
                    results.append(await agent.run("x"))
            return results, len(endpoint.requests)

    results, requests = asyncio.run(main())
    for result in results:
        assert (result.output, result.attempts) == (OSLO, ())
        check_request(ChatRequest(messages=result.messages))
    return looked, requests - sum(result.turns for result in results), results


REFUSING = [
    ([], {}),
    (["refuses_json_schema"], {}),
    (["refuses_response_format"], {}),
    (["refuses_json_schema", "refuses_json_object"], {}),
    (["refuses_format_with_tools"], {"formats_with_tools": True}),
    (["refuses_format_with_tools", "refuses_required_choice"], {"formats_with_tools": True}),
    (["refuses_required_choice"], {}),
    (["refuses_json_schema", "refuses_required_choice"], {"formats_with_tools": True}),
    (["format_stops_tools"], {}),
    (["format_stops_tools", "refuses_required_choice"], {}),
]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("tools", [False, True])
@pytest.mark.parametrize("mode", ALL)
@pytest.mark.parametrize(("quirks", "profile"), REFUSING, ids=lambda one: "-".join(one) or "none")
def test_whatever_is_refused_the_output_comes_the_tool_runs_and_the_next_run_knows(
    quirks, profile, mode, tools, streamed
):
    looked, refused, _ = played(quirks, tools=tools, streamed=streamed, runs=2, output_mode=mode, **profile)
    assert len(looked) == (2 if tools else 0)
    assert refused <= len(quirks) + 1
    again = played(quirks, tools=tools, output_mode=mode, **profile)
    assert again[1] == refused  # all of it was in the first run


@pytest.mark.parametrize("mode", ALL)
@pytest.mark.parametrize(
    "quirks",
    [["refuses_tools"], ["refuses_tools", "refuses_json_schema"], ["refuses_tools", "refuses_response_format"]],
)
def test_an_endpoint_without_tools_gives_outputs_all_the_same(quirks, mode):
    _, refused, _ = played(quirks, tools=False, runs=2, output_mode=mode)
    assert refused <= len(quirks) + 1


@pytest.mark.parametrize(("mode", "turns"), [("native", 3), ("json", 2)])  # which tells the schema from the first turn
@pytest.mark.parametrize("quirk", ["format_stops_tools", "refuses_format_with_tools"])
def test_a_named_mode_leaves_tools_callable_in_two_steps(mode, turns, quirk):
    looked, refused, (result,) = played([quirk], tools=True, mode=mode)
    assert (len(looked), refused, result.turns) == (1, 0, turns)


def test_a_mode_that_was_named_is_refused_with_what_the_endpoint_said():
    with pytest.raises(BadRequestError, match="This response_format type is unavailable now"):
        played(["refuses_json_schema"], tools=False, mode="native")


def test_many_runs_at_once_learn_without_a_storm():
    async def main():
        async with (
            FakeEndpoint(replies=[answer] * 100, quirks=["refuses_json_schema"]) as endpoint,
            ChatModel("m", base_url=endpoint.base_url, profile=Profile(output_mode="native")) as model,
        ):
            agent = Agent(model, output=City)
            first = await asyncio.gather(*(agent.run(f"x{number}") for number in range(30)))
            count = len(endpoint.requests)
            second = await asyncio.gather(*(agent.run(f"y{number}") for number in range(30)))
            return [one.output for one in (*first, *second)], count, len(endpoint.requests) - count

    outputs, first, second = asyncio.run(main())
    assert outputs == [OSLO] * 60
    assert first <= 60
    assert second == 30


def test_the_last_turn_of_two_is_valid_for_an_endpoint_that_checks_everything():
    requests = []

    def noting(request):
        requests.append(request)
        return answer(request)

    @tool
    def look() -> str:
        return "seen"

    async def main():
        async with (
            FakeEndpoint(replies=[noting] * 10) as endpoint,
            ChatModel("m", base_url=endpoint.base_url, profile=Profile(tool_choices=("auto",))) as model,
        ):
            spec = OutputSpec(City, mode="native")
            return await Agent(model, tools=[look], output=spec).run("x")

    result = asyncio.run(main())
    assert result.output == OSLO
    assert sorted(requests[-1]) == ["messages", "model", "response_format"]
    assert json.loads(result.messages[-1].content) == OSLO.model_dump()
