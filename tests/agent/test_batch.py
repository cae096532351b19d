"""The calls of one reply: read, refused in words for the model, counted, and run together."""

import asyncio
import contextvars
import json
import threading

import pytest

from agentkit.agent import Agent
from agentkit.errors import LimitExceededError, ToolFailedError, ToolRetriesExceededError
from agentkit.state import RunLimits
from agentkit.testing.reply import call, calls
from agentkit.testing.scripted import ScriptedModel
from agentkit.tools import ToolRetry, tool
from agentkit.wire.check import check_request
from agentkit.wire.request import ChatRequest
from agentkit.wire.setting import Settings


@tool
def add(a: int, b: int = 0) -> int:
    return a + b


@tool
def now() -> str:
    return "noon"


@tool
def half(amount: float) -> float:
    return amount / 2


@tool
def note(text: str) -> str:
    return text


def told(result):
    """What the model was told, in call order."""
    return [message.content for message in result.messages if message.role == "tool"]


def run(*replies, tools, **options):
    return Agent(ScriptedModel([*replies, "done"]), tools=tools, **options).run_sync("x")


def check(messages):
    """Hold the contract's rules on a history."""
    check_request(ChatRequest(messages=messages))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("[1]", "Your arguments are a JSON array, not an object. Send one JSON object with the arguments by name."),
        (
            "{'a': 1}",
            (
                "Your arguments are no valid JSON: Expecting property name enclosed in double quotes at character 1, "
                "before \"'a': 1}\". Send one JSON object."
            ),
        ),
        ('{"a": 1', "Your arguments are cut off after '{\"a\": 1'. Send the whole JSON object."),
        ('{"a": 1} {"a": 2}', "You sent several JSON objects. Send one object in each call."),
        ('{"a": true}', "Argument 'a' should be a valid integer, you sent true."),
        ('{"a": 1, "c": 2}', "There is no argument 'c'. The arguments are: a, b."),
        ("{}", "Argument 'a' is missing."),
        ('{"a": 1, "a": 2}', "Your arguments name 'a' twice. Send each name once."),
    ],
    ids=[
        "not an object", "invalid JSON", "cut", "several objects", "bool for int", "unknown argument",
        "missing argument", "one name twice",
    ],
)  # fmt: skip
def test_arguments_that_are_not_a_valid_object_are_refused_in_short_words(arguments, text):
    assert told(run(call("add", arguments), tools=[add])) == [text]


@pytest.mark.parametrize(
    "arguments",
    ["", "  ", "null", "{}", '"{}"', "```json\n{}\n```"],
    ids=["empty", "blank", "null", "object", "doubly encoded", "fenced"],
)
def test_empty_and_null_arguments_are_no_arguments(arguments):
    assert told(run(call("now", arguments), tools=[now])) == ["noon"]


@pytest.mark.parametrize(
    "arguments",
    ['```json\n{"a": 1, "b": 2}\n```', json.dumps('{"a": 1, "b": 2}'), '{"a": "1", "b": 2.0}'],
    ids=["fenced", "doubly encoded", "numbers written otherwise"],
)
def test_fenced_and_doubly_encoded_arguments_cost_no_turn(arguments):
    result = run(call("add", arguments), tools=[add])
    assert told(result) == ["3"]
    assert result.turns == 2


def test_arguments_that_came_as_an_object_are_read():
    reply = {
        "tool_calls": [{"id": "c", "type": "function", "function": {"name": "add", "arguments": {"a": 1, "b": 2}}}]
    }
    assert told(run(reply, tools=[add])) == ["3"]


def test_whitespace_in_arguments_is_preserved():
    assert told(run(call("note", {"text": "  a \n"}), tools=[note])) == ["  a \n"]


def test_an_int_for_a_float_is_allowed():
    assert told(run(call("half", {"amount": 3}), tools=[half])) == ["1.5"]


def test_refused_values_are_not_echoed_at_length():
    (said,) = told(run(call("add", {"a": "x" * 10_000}), tools=[add]))
    assert said == f"Argument 'a' should be a valid integer, you sent \"{'x' * 199}… (10,002 characters)."


def test_unknown_tool_name_is_answered_to_the_model():
    result = run(call("sum", {"a": 1}), tools=[add, now])
    assert told(result) == ["There is no tool 'sum'. The tools are: add, now. Call one of them, or answer."]
    assert told(run(call("sum"), tools=[])) == [
        "There is no tool 'sum'. The tools are: none. Call one of them, or answer."
    ]
    assert told(run(call("s" * 1000), tools=[add])) == [
        f"There is no tool '{'s' * 200}… (1,000 characters)'. The tools are: add. Call one of them, or answer."
    ]


def test_with_no_retries_the_first_refusal_ends_the_run():
    with pytest.raises(ToolRetriesExceededError) as caught:
        run(call("add", "{}"), tools=[add.replace(retries=0)])
    assert str(caught.value) == (
        "The calls of tool 'add' were refused 1 times in a row. The last reason: Argument 'a' is missing. "
        "The arguments are in `error.arguments`; `agent.resume(error.state)` lets the model try again."
    )
    assert (caught.value.tool_name, caught.value.arguments) == ("add", "{}")
    check(caught.value.state.messages)


def test_three_retries_are_given_by_default():
    assert run(*[call("add", "{}")] * 3, call("add", {"a": 1}), tools=[add]).output == "done"
    with pytest.raises(ToolRetriesExceededError) as caught:
        run(*[call("add", "{}")] * 4, tools=[add])
    assert caught.value.state.turns == 4


def test_retries_are_those_of_each_tool():
    other = add.replace(name="other", retries=5)
    assert run(*[call("other", "{}")] * 5, call("other", {"a": 1}), tools=[add, other]).output == "done"
    with pytest.raises(ToolRetriesExceededError) as caught:
        run(*[call("other", "{}"), call("add", "{}")] * 5, tools=[add.replace(retries=1), other])
    assert caught.value.tool_name == "add"


def test_retries_are_reset_by_a_success():
    good, bad = call("add", {"a": 1}), call("add", "{}")
    assert run(bad, good, bad, good, bad, good, tools=[add.replace(retries=1)]).output == "done"


def test_retries_survive_interleaving_with_other_tools():
    with pytest.raises(ToolRetriesExceededError) as caught:
        run(call("add", "{}"), call("now"), call("add", "{}"), tools=[add.replace(retries=1), now])
    assert caught.value.state.turns == 3


def test_several_refusals_of_one_reply_count_once():
    batch = calls(call("add", "{}"), call("add", "{}"), call("add", "{}"))
    assert run(batch, call("add", {"a": 1}), tools=[add.replace(retries=1)]).output == "done"


def test_advice_of_a_tool_counts_as_a_retry():
    @tool(retries=1)
    def ask() -> str:
        raise ToolRetry("Not yet.")

    with pytest.raises(ToolRetriesExceededError) as caught:
        run(call("ask"), call("ask"), tools=[ask])
    assert str(caught.value) == (
        "The calls of tool 'ask' were refused 2 times in a row. The last reason: Not yet. "
        "The arguments are in `error.arguments`; `agent.resume(error.state)` lets the model try again."
    )


def test_a_run_that_was_refused_too_often_can_be_resumed():
    model = ScriptedModel([call("add", "{}"), call("add", "{}"), call("add", {"a": 1}), "done"])
    agent = Agent(model, tools=[add.replace(retries=0)])
    with pytest.raises(ToolRetriesExceededError) as first:
        agent.run_sync("x")
    with pytest.raises(ToolRetriesExceededError) as second:
        agent.resume_sync(first.value.state)
    assert agent.resume_sync(second.value.state).output == "done"
    model.assert_complete()


def test_results_stand_in_call_order_however_they_come():
    async def main():
        gate = asyncio.Event()

        @tool
        async def late() -> str:
            await gate.wait()
            return "late"

        @tool
        async def early() -> str:
            gate.set()
            return "early"

        model = ScriptedModel([calls(call("late", id="a"), call("nope", id="b"), call("early", id="c")), "done"])
        return await Agent(model, tools=[late, early]).run("x")

    result = asyncio.run(main())
    assert [m.tool_call_id for m in result.messages if m.role == "tool"] == ["a", "b", "c"]
    assert [told(result)[0], told(result)[2]] == ["late", "early"]


def test_siblings_run_to_their_end_when_one_fails_and_the_failed_one_alone_runs_again():
    async def main():
        failed, ran = asyncio.Event(), []

        @tool
        async def fail() -> str:
            ran.append("fail")
            if ran.count("fail") == 1:
                failed.set()
                raise LookupError("no")
            return "now it works"

        @tool
        async def work() -> str:
            await failed.wait()
            ran.append("work")
            return "worked"

        model = ScriptedModel([calls(call("work"), call("fail")), "done"])
        agent = Agent(model, tools=[work, fail], on_tool_error="raise")
        with pytest.raises(ToolFailedError) as caught:
            await agent.run("x")
        assert [call.function.name for call in caught.value.state.open_calls] == ["fail"]
        result = await agent.resume(caught.value.state)
        assert ran == ["fail", "work", "fail"]
        return result

    assert told(asyncio.run(main())) == ["worked", "now it works"]


def test_siblings_run_on_when_one_is_reported():
    @tool
    def fail() -> str:
        raise LookupError("no")

    result = run(calls(call("now"), call("fail"), call("add", {"a": 1})), tools=[now, fail, add])
    assert told(result) == ["noon", "The tool failed. LookupError: no", "1"]


def test_a_barrier_tool_runs_alone():
    async def main():
        log = []

        def spy(name, **options):
            async def body() -> str:
                log.append(f"+{name}")
                await asyncio.sleep(0)
                log.append(f"-{name}")
                return name

            return tool(body, name=name, **options)

        tools = [spy("a"), spy("b"), spy("wall", sequential=True), spy("c"), spy("d")]
        model = ScriptedModel([calls(*(call(one.name) for one in tools)), "done"])
        result = await Agent(model, tools=tools).run("x")
        return log, told(result)

    log, results = asyncio.run(main())
    assert log == ["+a", "+b", "-a", "-b", "+wall", "-wall", "+c", "+d", "-c", "-d"]
    assert results == ["a", "b", "wall", "c", "d"]


def test_without_parallel_calls_those_of_one_reply_run_one_by_one():
    async def main():
        running, most = 0, 0

        @tool
        async def work() -> str:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            running -= 1
            return "w"

        model = ScriptedModel([calls(*[call("work")] * 3), "done"])
        await Agent(model, tools=[work], settings=Settings(parallel_tool_calls=False)).run("x")
        assert model.requests[0].parallel_tool_calls is False
        return most

    assert asyncio.run(main()) == 1


def test_no_more_calls_run_at_once_than_the_limit_allows():
    async def main(limit):
        running, most = 0, 0

        @tool
        async def work() -> str:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            running -= 1
            return "w"

        model = ScriptedModel([calls(*[call("work")] * 40), "done"])
        result = await Agent(model, tools=[work], limits=RunLimits(concurrency=limit)).run("x")
        assert len(told(result)) == 40
        return most

    assert asyncio.run(main(3)) == 3
    assert asyncio.run(main(16)) == 16


def test_more_sync_tools_than_any_pool_run_together():
    together = threading.Barrier(40)

    @tool
    def meet() -> str:
        together.wait(10)
        return "met"

    result = run(calls(*[call("meet")] * 40), tools=[meet], limits=RunLimits(concurrency=40))
    assert told(result) == ["met"] * 40


def test_limits_count_a_whole_batch_before_any_of_it_starts():
    ran = []

    @tool
    def work() -> str:
        ran.append(1)
        return "w"

    model = ScriptedModel([call("work"), calls(call("work"), call("work"), call("nope")), "done"])
    agent = Agent(model, tools=[work], limits=RunLimits(tool_calls=2))
    with pytest.raises(LimitExceededError) as caught:
        agent.run_sync("x")
    assert str(caught.value) == (
        "The run reached its limit tool_calls=2 (spent: 1); the reply asks for 2 more and none of them was run. "
        "Go on with `agent.resume(error.state, limits=RunLimits(tool_calls=...))`."
    )
    assert caught.value.limit == "tool_calls"
    assert len(ran) == 1
    result = agent.resume_sync(caught.value.state, limits=RunLimits(tool_calls=3))
    assert (result.output, len(ran), result.state.tool_calls) == ("done", 3, 3)


def test_context_variables_reach_the_tools_threads():
    user = contextvars.ContextVar("user")

    @tool
    def who() -> str:
        return user.get()

    @tool
    async def who_async() -> str:
        return user.get()

    user.set("ada")
    assert told(run(calls(call("who"), call("who_async")), tools=[who, who_async])) == ["ada", "ada"]


def test_calls_cut_at_the_token_limit_never_run():
    ran = []

    @tool
    def send(text: str = "nothing") -> str:
        ran.append(text)
        return "sent"

    cut = (
        "Your arguments were cut off: the reply reached its token limit. Call the tool again with shorter arguments, "
        "or in several smaller calls."
    )
    for arguments in ('{"text": "he', "", "{"):
        batch = calls(call("send", {"text": "whole"}), call("send", arguments))
        for word in ("length", "model_length", "MAX_TOKENS"):
            assert told(run({**batch, "finish_reason": word}, tools=[send])) == ["sent", cut]
    assert ran == ["whole"] * 9


@pytest.mark.parametrize(("arguments", "text"), [("{}", "nothing"), ('{"text": "all"}', "all")])
def test_whole_calls_run_although_the_token_limit_was_reached(arguments, text):
    ran = []

    @tool
    def send(text: str = "nothing") -> str:
        ran.append(text)
        return "sent"

    assert told(run({**call("send", arguments), "finish_reason": "length"}, tools=[send])) == ["sent"]
    assert ran == [text]


def test_presence_of_calls_decides_not_the_finish_reason():
    assert told(run({**call("now"), "finish_reason": "stop"}, tools=[now])) == ["noon"]


def test_calls_with_the_same_id_in_one_reply_are_told_apart():
    result = run(calls(call("add", {"a": 1}, id="x"), call("add", {"a": 2}, id="x")), tools=[add])
    assert told(result) == ["1", "2"]
    check(result.messages)


def test_ids_that_come_again_in_a_later_reply_are_each_answered():
    result = run(call("add", {"a": 1}, id="x"), call("add", {"a": 2}, id="x"), tools=[add])
    assert told(result) == ["1", "2"]
    check(result.messages)
