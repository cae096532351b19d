"""Whole runs against every known deviation, over real sockets: each complete call runs once, no damaged one runs."""

import asyncio

import pytest

from agentkit.agent import Agent
from agentkit.errors import (
    AgentkitError,
    BadRequestError,
    ContentFilterError,
    InternalServerError,
    InvalidResponseError,
    OutputError,
    StreamCutError,
)
from agentkit.http import ChatModel, Retry
from agentkit.testing.endpoint import FakeEndpoint
from agentkit.testing.quirk import QUIRKS
from agentkit.testing.reply import call, calls, completion
from agentkit.tools import tool

ASKED = calls(call("look", {"city": "Zürich 🌞"}), call("look", {"city": "東京"}))
"""Two calls of one tool; the text of both takes more than one byte a character, and one has a surrogate pair."""

SAID = "Überall 🌞 Sonne."
BOTH = (["Zürich 🌞", "東京"], ["sunny in Zürich 🌞", "sunny in 東京"], SAID)
"""What ran, what the model was told in call order, and the output."""

NONE_MISSING = ([], ["Argument 'city' is missing."] * 2, SAID)
JUNK = "Your arguments go on after their end: '\"\"'. Send one JSON object and nothing else."
CUT = (
    "Your arguments were cut off: the reply reached its token limit. Call the tool again with shorter arguments, "
    "or in several smaller calls."
)
OTHERWISE = {
    "unknown_tool": (
        ["東京"],
        ["There is no tool 'no_such_tool'. The tools are: look. Call one of them, or answer.", "sunny in 東京"],
        SAID,
    ),
    "null_arguments": NONE_MISSING,
    "empty_arguments": NONE_MISSING,
    "no_arguments": NONE_MISSING,
    "repeated_arguments": ([], ["You sent several JSON objects. Send one object in each call."] * 2, SAID),
    "cut_arguments": (
        [],
        [
            'Your arguments are cut off after \'{"city":"\'. Send the whole JSON object.',
            "Your arguments are cut off after '{\"city'. Send the whole JSON object.",
        ],
        SAID,
    ),
    "trailing_junk": ([], [JUNK, JUNK], SAID),
    "function_call": (["Zürich 🌞"], ["sunny in Zürich 🌞"], SAID),  # that form holds one call
    "leaked_markup": (*BOTH[:2], f"{SAID} <|im_end|>"),
    "calls_as_text": (  # a text, for a model may well write about calls
        [],
        [],
        (
            '<tool_call>\n{"name": "look", "arguments": '
            '"{\\"city\\":\\"Z\\u00fcrich \\ud83c\\udf1e\\"}"}\n</tool_call>\n'
            '<tool_call>\n{"name": "look", "arguments": "{\\"city\\":\\"\\u6771\\u4eac\\"}"}\n</tool_call>'
        ),
    ),
}
"""Replies that hold a call which is not complete: it does not run, and the model is told why; or one call only."""

STREAMED = {"done_then_more": (*BOTH[:2], f"{SAID} too late")}
OVERLOADED = (InternalServerError, "{url} answered 200 with an error (overloaded): The server is overloaded.")
UNREAD = (
    "No valid output after 3 attempts. The last was refused: Your last tool call could not be read: "
    "Tool call validation failed. Call the tool again, exactly by its schema. "
    "The attempts are in `error.attempts`; `agent.resume(error.state)` asks again."
)
FILTERED = (
    ContentFilterError,
    "The endpoint's content filter stopped the reply. Change the prompt; what came is in `error.partial`.",
)
NULLS = (
    InvalidResponseError,
    (
        "The endpoint did not answer with a Chat Completions reply: the reply has no choices (its fields: id, object, "
        "created, model, choices, usage, service_tier, system_fingerprint); it begins with: "
        '\'{{"id":null,"object":null,"created":null,"model":null,"choices":null,"usage":null,"service_tier":null,'
        '"system_fingerprint":null}}\'. Check that base_url ends where `/chat/completions` follows, usually in `/v1`.'
    ),
)
ENDED = "{{url}} answered 200 with an error (502): The reply ended with the finish_reason '{}'."
BROKEN_OFF = {"finish_error": "error", "finish_network_error": "network_error", "finish_abort": "abort"}
UNKNOWN = (InternalServerError, "{url} answered 200 with an error (1000): unknown error.")
NOTHING = (
    StreamCutError,
    "The stream of {url} was cut off: [DONE] came before anything else. What came is in `error.partial`.",
)
ERRORS = {
    ("filtered", "plain"): FILTERED,
    ("filtered", "streamed"): FILTERED,
    ("no_message", "plain"): FILTERED,
    ("no_message", "streamed"): FILTERED,
    ("all_null", "plain"): NULLS,
    ("all_null", "streamed"): NOTHING,
    **{
        (quirk, way): (InternalServerError, ENDED.format(reason))
        for quirk, reason in BROKEN_OFF.items()
        for way in ("plain", "streamed")
    },
    ("base_resp_error", "plain"): UNKNOWN,
    ("base_resp_error", "streamed"): UNKNOWN,
    ("error_in_200", "plain"): OVERLOADED,
    ("error_in_200", "streamed"): OVERLOADED,
    ("error_mid_stream", "streamed"): OVERLOADED,
    ("error_event", "streamed"): (OutputError, UNREAD),
    ("error_with_code", "streamed"): (
        InternalServerError,
        "{url} answered 200 with an error (invalid_request_error): Provider returned error: overloaded.",
    ),
    ("error_line", "streamed"): (InternalServerError, "{url} answered 200 with an error (500): failed to decode."),
}
"""Replies that are errors: the run ends in one that says so, and nothing runs."""


def play(quirks, way, tools, asked=ASKED):
    """Run an agent whose endpoint plays quirks on every reply; give what came of it and the endpoint."""

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

    with FakeEndpoint(replies=[answer] * 5, quirks=quirks) as endpoint:
        try:
            outcome = asyncio.run(main())
        except AgentkitError as error:
            outcome = error
    assert endpoint.refusals == []  # it checks each history that it is sent
    return outcome, endpoint


def spent(endpoint, asked=ASKED):
    """What the endpoint counted for what it said, prompt, completion and total, whatever a quirk made of that."""
    counts = []
    for request in endpoint.requests:
        reply = SAID if request.body["messages"][-1]["role"] == "tool" else asked
        counts.append(completion(reply, request.body, number=1, size=len(request.raw))["usage"])
    return tuple(sum(usage[name] for usage in counts) for name in COUNTS)


COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")
UNTOLD = {("no_usage", "plain"), ("no_usage", "streamed"), ("sse_for_plain", "plain")}
"""Where no usage comes: nobody asks for it with a plain request that is answered with a stream."""


def told(messages):
    """What the model was told, in call order."""
    return [message.content for message in messages if message.role == "tool"]


@pytest.mark.parametrize("way", ["plain", "streamed"])
@pytest.mark.parametrize("quirk", [name for name, quirk in QUIRKS.items() if not quirk.refuses])
def test_a_whole_call_runs_once_and_a_damaged_one_never_whatever_the_endpoint_plays(quirk, way):
    ran = []

    @tool
    async def look(city: str) -> str:
        ran.append(city)
        return f"sunny in {city}"

    outcome, endpoint = play([quirk], way, [look])
    if (quirk, way) in ERRORS:
        kind, text = ERRORS[quirk, way]
        url = f"{endpoint.base_url}/chat/completions"
        assert (type(outcome), str(outcome), ran) == (kind, text.format(url=url), [])
        assert told(outcome.state.messages) == []
        return
    expected = OTHERWISE.get(quirk) or (STREAMED.get(quirk, BOTH) if way == "streamed" else BOTH)
    assert (ran, told(outcome.messages), outcome.output) == expected
    assert outcome.turns == (1 if quirk == "calls_as_text" else 2)
    prompt, answer, total = (0, 0, 0) if (quirk, way) in UNTOLD else spent(endpoint)
    total += 200 if quirk == "reasoning_beside_total" else 0
    assert tuple(getattr(outcome.usage, name) for name in COUNTS) == (prompt, answer, total)


DEMANDED = {
    "demands_short_ids": "short_id",
    "demands_reasoning": "reasoning_content",
    "demands_signatures": "thought_signature",
}
"""What servers demand in a history, and the quirk by which they send it themselves."""


@pytest.mark.parametrize("way", ["plain", "streamed"])
@pytest.mark.parametrize("quirk", [name for name, quirk in QUIRKS.items() if quirk.refuses])
def test_what_an_endpoint_refuses_runs_no_call_twice(quirk, way):
    ran = []

    @tool
    async def look(city: str) -> str:
        ran.append(city)
        return f"sunny in {city}"

    sends = [DEMANDED[quirk]] if quirk in DEMANDED else []
    outcome, _ = play([quirk, *sends], way, [look])
    if isinstance(outcome, BadRequestError):
        assert ran in ([], BOTH[0])
        assert outcome.status_code == 400
    else:
        assert (ran, told(outcome.messages), outcome.output) == BOTH


@pytest.mark.parametrize("way", ["plain", "streamed"])
@pytest.mark.parametrize("quirk", ["null_arguments", "empty_arguments"])
def test_null_and_empty_arguments_call_a_tool_that_takes_none(quirk, way):
    ran = []

    @tool
    async def now() -> str:
        ran.append("now")
        return "noon"

    outcome, _ = play([quirk], way, [now], call("now"))
    assert (ran, told(outcome.messages), outcome.output) == (["now"], ["noon"], SAID)


@pytest.mark.parametrize("way", ["plain", "streamed"])
@pytest.mark.parametrize("quirk", ["finish_model_length", "finish_max_tokens"])
def test_arguments_that_may_be_cut_are_no_arguments_whatever_the_word_for_length(quirk, way):
    ran = []

    @tool
    async def now() -> str:
        ran.append("now")
        return "noon"

    outcome, _ = play([quirk, "empty_arguments"], way, [now], call("now"))
    assert (ran, told(outcome.messages), outcome.output) == ([], [CUT], SAID)
