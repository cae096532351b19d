"""Whole runs against every known deviation, over real sockets: each complete call runs once, no damaged one runs."""

import asyncio

import pytest

from agentkit.agent import Agent
from agentkit.errors import AgentkitError, InternalServerError, OutputError
from agentkit.http import ChatModel, Retry
from agentkit.testing.endpoint import FakeEndpoint
from agentkit.testing.quirk import QUIRKS
from agentkit.testing.reply import call, calls
from agentkit.tools import tool

ASKED = calls(call("look", {"city": "Zürich"}), call("look", {"city": "東京"}))
"""Two calls of one tool; the text of both takes more than one byte a character."""

SAID = "Überall Sonne."
BOTH = (["Zürich", "東京"], ["sunny in Zürich", "sunny in 東京"], SAID)
"""What ran, what the model was told in call order, and the output."""

NONE_MISSING = ([], ["Argument 'city' is missing."] * 2, SAID)
JUNK = "Your arguments go on after their end: '\"\"'. Send one JSON object and nothing else."
OTHERWISE = {
    "unknown_tool": (
        ["東京"],
        ["There is no tool 'no_such_tool'. The tools are: look. Call one of them, or answer.", "sunny in 東京"],
        SAID,
    ),
    "null_arguments": NONE_MISSING,
    "empty_arguments": NONE_MISSING,
    "cut_arguments": (
        [],
        [
            "Your arguments are cut off after '{\"city\":'. Send the whole JSON object.",
            "Your arguments are cut off after '{\"city'. Send the whole JSON object.",
        ],
        SAID,
    ),
    "trailing_junk": ([], [JUNK, JUNK], SAID),
    "function_call": (["Zürich"], ["sunny in Zürich"], SAID),  # that form holds one call
}
"""Replies that hold a call which is not complete: it does not run, and the model is told why; or one call only."""

STREAMED = {"done_then_more": (*BOTH[:2], f"{SAID} too late")}
OVERLOADED = (InternalServerError, "{url} answered 200 with an error (overloaded): The server is overloaded.")
UNREAD = (
    "No valid output after 3 attempts. The last was refused: Your last tool call could not be read: "
    "Tool call validation failed. Call the tool again, exactly by its schema. "
    "The attempts are in `error.attempts`; `agent.resume(error.state)` asks again."
)
ERRORS = {
    ("error_in_200", "plain"): OVERLOADED,
    ("error_in_200", "streamed"): OVERLOADED,
    ("error_mid_stream", "streamed"): OVERLOADED,
    ("error_event", "streamed"): (OutputError, UNREAD),
}
"""Replies that are errors: the run ends in one that says so, and nothing runs."""


def play(quirk, way, tools, asked=ASKED):
    """Run an agent whose endpoint plays a quirk on every reply; give what came of it and the endpoint."""

    def answer(request):
        return SAID if request["messages"][-1]["role"] == "tool" else asked

    async def main():
        async with ChatModel("m", base_url=endpoint.base_url, retry=Retry(attempts=1)) as model:
            agent = Agent(model, tools=tools)
            if way == "plain":
                return await agent.run("x")
            async with agent.stream("x") as stream:
                async for _event in stream:
                    pass
            return stream.result

    with FakeEndpoint(replies=[answer] * 5, quirks=[quirk]) as endpoint:
        try:
            outcome = asyncio.run(main())
        except AgentkitError as error:
            outcome = error
    assert endpoint.refusals == []  # it checks each history that it is sent
    return outcome, f"{endpoint.base_url}/chat/completions"


def told(messages):
    """What the model was told, in call order."""
    return [message.content for message in messages if message.role == "tool"]


@pytest.mark.parametrize("way", ["plain", "streamed"])
@pytest.mark.parametrize("quirk", list(QUIRKS))
def test_a_whole_call_runs_once_and_a_damaged_one_never_whatever_the_endpoint_plays(quirk, way):
    ran = []

    @tool
    async def look(city: str) -> str:
        ran.append(city)
        return f"sunny in {city}"

    outcome, url = play(quirk, way, [look])
    if (quirk, way) in ERRORS:
        kind, text = ERRORS[quirk, way]
        assert (type(outcome), str(outcome), ran) == (kind, text.format(url=url), [])
        assert told(outcome.state.messages) == []
        return
    expected = OTHERWISE.get(quirk) or (STREAMED.get(quirk, BOTH) if way == "streamed" else BOTH)
    assert (ran, told(outcome.messages), outcome.output) == expected
    assert outcome.turns == 2


@pytest.mark.parametrize("way", ["plain", "streamed"])
@pytest.mark.parametrize("quirk", ["null_arguments", "empty_arguments"])
def test_null_and_empty_arguments_call_a_tool_that_takes_none(quirk, way):
    ran = []

    @tool
    async def now() -> str:
        ran.append("now")
        return "noon"

    outcome, _ = play(quirk, way, [now], call("now"))
    assert (ran, told(outcome.messages), outcome.output) == (["now"], ["noon"], SAID)
