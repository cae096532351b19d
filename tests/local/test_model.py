import asyncio
import json
import os
import subprocess
import sys
import textwrap
from datetime import date
from pathlib import Path

import pytest

from agentkit import Agent
from agentkit.errors import LocalModelError, MissingExtraError, RefusalError
from agentkit.local import LocalModel, Pool
from agentkit.local.process import engine_folder
from agentkit.model import Model, RequestSent, listener
from agentkit.wire import merge

RECORD = {
    "type": "json_schema",
    "json_schema": {
        "name": "Invoice",
        "description": "An invoice.",
        "schema": {
            "type": "object",
            "properties": {
                "vendor": {"type": "string"},
                "invoice_number": {"type": "string"},
                "total": {"type": "number"},
                "currency": {"type": "string", "enum": ["USD", "EUR", "GBP", "NOK"]},
                "due_date": {"type": "string", "format": "date"},
            },
            "required": ["vendor", "invoice_number", "total", "currency", "due_date"],
        },
    },
}


@pytest.fixture
def model(engine):
    pool = Pool(1)
    yield LocalModel(pool=pool)
    pool.close()


def test_it_is_a_model(model):
    assert isinstance(model, Model)
    assert model.name == "local"
    assert repr(model) == "LocalModel()"


def test_importing_it_loads_no_engine():
    program = "import sys, agentkit.local; print('needle' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env={
        **os.environ, "PYTHONPATH": os.pathsep.join(part for part in sys.path if part)
    })  # fmt: skip
    assert shown.stdout == "False\n"


def test_a_reply_with_calls_is_a_completion_of_the_contract(model, ask, tool):
    completion = asyncio.run(model.complete(ask("Weather in Oslo?", tools=[tool("f", city=".")])))
    (choice,) = completion.choices
    (call,) = choice.message.tool_calls
    assert choice.finish_reason == "tool_calls"
    assert call.function.name == "f"
    assert json.loads(call.function.arguments)["heard"] == ["Weather in Oslo?"]
    assert call.id.startswith("call_")
    assert completion.model == "local/needle3"
    assert (choice.message.confidence, choice.message.reasoning) == (0.9, "as told")


def test_usage_is_an_estimate_that_says_so(model, ask):
    usage = asyncio.run(model.complete(ask("Hello"))).usage
    assert usage.prompt_tokens > 0
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert usage.estimated is True


def test_a_text_needs_no_engine(model, ask):
    completion = asyncio.run(model.complete(ask("Hello")))
    assert completion.choices[0].finish_reason == "stop"
    assert completion.choices[0].message.content.startswith("I am a small embedded model")
    assert completion.choices[0].message.reasoning is None


def test_call_ids_differ_each_time(model, ask, tool):
    request = ask("Weather in Oslo?", tools=[tool("f", city=".")])

    async def main():
        return [(await model.complete(request)).message.tool_calls[0].id for _ in range(2)]

    assert len(set(asyncio.run(main()))) == 2


def test_a_stream_merges_to_the_whole_reply(model, ask, tool):
    request = ask("Weather in Oslo?", tools=[tool("f", city=".")])

    async def main():
        return [chunk async for chunk in model.stream(request)], await model.complete(request)

    chunks, whole = asyncio.run(main())
    merged = merge(chunks)
    assert len(chunks) == 2
    assert merged.choices[0].finish_reason == "tool_calls"
    assert merged.message.tool_calls[0].function == whole.message.tool_calls[0].function
    assert merged.message.reasoning == "as told"
    assert merged.usage.total_tokens == whole.usage.total_tokens


def test_a_request_is_reported_to_the_run(model, ask):
    seen = []
    token = listener.set(seen.append)
    try:
        asyncio.run(model.complete(ask("Hello")))
    finally:
        listener.reset(token)
    assert seen == [RequestSent(endpoint="local/needle3", model="local")]


def test_leaving_it_ends_its_workers(model, ask, tool):
    async def main():
        async with model:
            await model.complete(ask("Go", tools=[tool("f")]))
            assert len(model._pool.pids) == 1

    asyncio.run(main())
    assert model._pool.pids == ()


async def until_done(model, ask, question, tools, results, **fields):
    """Drive a request as a run does: answer calls until a text comes; give the calls in order and the text."""
    messages, made = [{"role": "user", "content": question}], []
    while True:
        message = (await model.complete(ask(*messages, tools=tools, **fields))).message
        if not message.tool_calls:
            return made, message.content
        messages.append(message.to_history().to_dict())
        for call in message.tool_calls:
            made.append((call.function.name, json.loads(call.function.arguments)))
            result = results[call.function.name]
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result})


@pytest.fixture(scope="module")
def real():
    try:
        engine_folder()
    except (MissingExtraError, LocalModelError) as error:
        pytest.skip(str(error))
    pool = Pool(2)
    yield LocalModel(pool=pool)
    pool.close()


@pytest.mark.real
@pytest.mark.parametrize("parameter", ["city", "location"])
def test_real_two_parallel_calls(real, ask, tool, parameter):
    weather = tool("get_weather", "Get the current weather for a city.", **{parameter: "City name, e.g. Beijing."})
    question = "What is the weather like in Beijing and in Oslo?"
    made, text = asyncio.run(until_done(real, ask, question, [weather], {"get_weather": "4 C"}))
    assert made == [("get_weather", {parameter: "Beijing"}), ("get_weather", {parameter: "Oslo"})]
    assert text.startswith(f'get_weather({parameter}="Beijing"): 4 C\n')


@pytest.mark.real
def test_real_two_tools_at_once(real, ask, tool):
    tools = [
        tool("get_weather", "Get the current weather for a city.", city="City name, e.g. Beijing."),
        tool("get_time", "Get the current local time in a city.", city="City name, e.g. Oslo."),
    ]
    question = "What is the weather in Paris and what time is it in Tokyo?"
    made, _ = asyncio.run(until_done(real, ask, question, tools, {"get_weather": "4 C", "get_time": "16:30"}))
    assert made == [("get_weather", {"city": "Paris"}), ("get_time", {"city": "Tokyo"})]


@pytest.mark.real
def test_real_two_steps(real, ask, tool):
    tools = [
        tool("get_capital", "Get the capital city of a country.", country="Country name."),
        tool("get_weather", "Get the current weather for a city.", city="City name, e.g. Beijing."),
    ]
    question = "What is the weather in the capital of Norway?"
    made, _ = asyncio.run(until_done(real, ask, question, tools, {"get_capital": "Oslo", "get_weather": "4 C"}))
    assert made == [("get_capital", {"country": "Norway"}), ("get_weather", {"city": "Oslo"})]


@pytest.mark.real
def test_real_extraction_is_the_same_each_time(real, ask):
    text = "Hi Bob, invoice A-9921 from Acme Corp, total 480.50 EUR, due 2025-03-31. Please pay soon, thanks!"

    async def main():
        return [(await real.complete(ask(text, response_format=RECORD))).message for _ in range(3)]

    messages = asyncio.run(main())
    assert len({(message.content, message.confidence) for message in messages}) == 1
    assert messages[0].confidence >= 0.5
    assert json.loads(messages[0].content) == {
        "vendor": "Acme Corp",
        "invoice_number": "A-9921",
        "total": 480.5,
        "currency": "EUR",
        "due_date": "2025-03-31",
    }


@pytest.mark.real
def test_real_text_without_the_record_is_refused(real, ask):
    message = asyncio.run(real.complete(ask("The weather is nice today.", response_format=RECORD))).message
    assert message.content is None
    assert message.refusal


@pytest.mark.real
def test_real_runs_at_once_do_not_meet(real, ask, tool):
    cities = ["Oslo", "Rome", "Paris", "Lima"]
    weather = tool("get_weather", "Get the current weather for a city.", city="City name, e.g. Beijing.")

    async def main():
        questions = (f"What is the weather in {city}?" for city in cities)
        requests = (real.complete(ask(question, tools=[weather])) for question in questions)
        return [completion.message.tool_calls for completion in await asyncio.gather(*requests)]

    calls = asyncio.run(main())
    assert [[json.loads(call.function.arguments) for call in reply] for reply in calls] == [
        [{"city": c}] for c in cities
    ]


@pytest.mark.real
@pytest.mark.skipif(sys.platform != "linux", reason="the engine is kept to one thread on Linux only")
def test_real_engine_starts_no_threads_that_wait_for_each_other(real, ask, tool):
    asyncio.run(
        real.complete(ask("What is the weather in Oslo?", tools=[tool("get_weather", "Get it.", city="City.")]))
    )
    threads = [len(list(Path(f"/proc/{pid}/task").iterdir())) for pid in real._pool.pids]
    assert set(threads) == {2}  # the one that computes and the one that reads requests


@pytest.mark.real
def test_real_small_talk_is_answered_honestly(real, ask, tool):
    tools = [tool("get_weather", "Get the current weather for a city.", city="City name.")]
    message = asyncio.run(real.complete(ask("Write a poem about the sea.", tools=tools))).message
    assert not message.tool_calls
    assert message.content.startswith("None of the tools fits this request")


@pytest.mark.real
@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        (list[int], "The lottery numbers were 4, 17 and 23.", [4, 17, 23]),
        (int, "We need 12 chairs for the meeting.", 12),
        (date, "The party is on 2024-05-06.", date(2024, 5, 6)),
    ],
)
def test_real_a_value_that_is_no_object_is_read(real, type_, text, value):
    assert Agent(real, output=type_).run_sync(text).output == value


@pytest.mark.real
def test_real_what_it_cannot_read_is_refused_not_guessed(real):
    with pytest.raises(RefusalError, match="I am not sure enough of what I read"):
        Agent(real, output=list[tuple[str, int]]).run_sync("It rains.")


ALONE = """
    import asyncio, json, sys
    sys.path[:0] = {path!r}
    from agentkit.local import LocalModel
    from agentkit.wire import ChatRequest
    schema = {{"type": "object", "properties": {{"city": {{"type": "string"}}}}, "required": ["city"]}}
    function = {{"name": "get_weather", "description": "Get the weather for a city.", "parameters": schema}}
    request = ChatRequest.parse({{"messages": [{{"role": "user", "content": "Weather in Oslo?"}}],
                                 "tools": [{{"type": "function", "function": function}}]}})
    print(asyncio.run(LocalModel().complete(request)).message.tool_calls[0].function.arguments)
"""


@pytest.mark.real
def test_real_it_works_without_any_network(real):
    alone = ["unshare", "--net", "--map-root-user"]
    try:
        subprocess.run([*alone, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no network namespace can be made here: {error}")
    program = textwrap.dedent(ALONE).format(path=[part for part in sys.path if part])
    shown = subprocess.run([*alone, sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (shown.stdout, shown.stderr) == ('{"city": "Oslo"}\n', "")


@pytest.mark.real
def test_real_no_process_of_it_opens_an_internet_socket(real, tmp_path):
    log = tmp_path / "trace"
    trace = ["strace", "-f", "-e", "trace=socket,connect,sendto", "-o", str(log)]
    try:
        subprocess.run([*trace, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"strace cannot be used here: {error}")
    program = textwrap.dedent(ALONE).format(path=[part for part in sys.path if part])
    subprocess.run([*trace, sys.executable, "-c", program], capture_output=True, check=True)
    assert [line for line in log.read_text().splitlines() if "AF_INET" in line] == []
