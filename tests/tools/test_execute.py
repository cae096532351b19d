"""One validated call to its answer: clocks, threads, what a tool raises, and what becomes of it."""

import asyncio
import threading

import pytest

from agentkit.agent import Agent
from agentkit.errors import ToolFailedError
from agentkit.testing.reply import call, calls
from agentkit.testing.scripted import ScriptedModel
from agentkit.tools import Context, ToolRetry, tool
from agentkit.tools.execute import CallTool, HeldError, execute, running
from agentkit.tools.thread import abandoned_threads
from agentkit.wire.message import ToolCall


def told(result):
    """What the model was told, in call order."""
    return [message.content for message in result.messages if message.role == "tool"]


def run(*replies, tools, **options):
    return Agent(ScriptedModel([*replies, "done"]), tools=tools, **options).run_sync("x")


def test_a_tool_that_raises_is_told_to_the_model_by_class_and_text():
    @tool
    def fail() -> str:
        raise LookupError("no such city")

    assert told(run(call("fail"), tools=[fail])) == ["The tool failed. LookupError: no such city"]


def test_advice_of_a_tool_is_told_as_it_is():
    @tool
    def ask(city: str) -> str:
        raise ToolRetry("Ask for a city, not a country.")

    assert told(run(call("ask", {"city": "France"}), tools=[ask])) == ["Ask for a city, not a country."]


def test_on_tool_error_raise_ends_the_run_with_the_cause():
    @tool
    def fail() -> str:
        raise LookupError("no such city")

    with pytest.raises(ToolFailedError) as caught:
        run(call("fail", id="c1"), tools=[fail], on_tool_error="raise")
    assert str(caught.value) == (
        "Tool 'fail' raised LookupError: no such city. With on_tool_error=\"report\" the model is told instead."
    )
    assert (caught.value.tool_name, caught.value.call_id) == ("fail", "c1")
    assert isinstance(caught.value.__cause__, LookupError)


def test_on_tool_error_as_a_function_gives_the_result():
    seen = []

    @tool
    def fail(city: str) -> str:
        raise LookupError("no such city")

    async def decide(call, error):
        seen.append((call.name, call.arguments, error))
        return {"unknown": call.arguments["city"]}

    result = run(call("fail", {"city": "Atlantis"}), tools=[fail], on_tool_error=decide)
    assert told(result) == ['{"unknown":"Atlantis"}']
    assert str(seen[0][2]) == "no such city"
    assert told(run(call("fail", {"city": "x"}), tools=[fail], on_tool_error=lambda call, error: "none")) == ["none"]


def test_an_error_of_the_on_tool_error_function_carries_the_state():
    @tool
    def fail() -> str:
        raise LookupError("no such city")

    def decide(call, error):
        raise RuntimeError("undecided")

    with pytest.raises(RuntimeError) as caught:
        run(call("fail", id="c1"), tools=[fail], on_tool_error=decide)
    assert str(caught.value) == "undecided"
    assert [one.id for one in caught.value.state.open_calls] == ["c1"]


def test_an_async_tool_that_does_not_end_in_time_is_cancelled_and_told():
    ended = []

    @tool(timeout=0.01)
    async def hang() -> str:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    result = run(call("hang"), tools=[hang])
    assert told(result) == ["The tool failed. Tool 'hang' did not end within 0.01 s."]
    assert ended == [True]


def test_a_sync_tool_that_does_not_end_in_time_is_left_running_and_says_so():
    gate = threading.Event()

    @tool(timeout=0.01)
    def hang() -> str:
        gate.wait(10)
        return "late"

    before = abandoned_threads()
    result = run(call("hang"), tools=[hang])
    assert told(result) == [
        (
            "The tool failed. Tool 'hang' did not end within 0.01 s. "
            "Its thread was left running: its effect may still happen."
        )
    ]
    assert abandoned_threads() == before + 1
    gate.set()


def test_a_timeout_that_a_function_answers_is_one_on_the_answer():
    @tool(timeout=0.01)
    async def hang() -> str:
        await asyncio.Event().wait()

    result = run(call("hang"), "done", tools=[hang], on_tool_error=lambda call, error: "It took too long.")
    assert told(result) == ["It took too long."]
    assert [answer.status for answer in result.answers] == ["timeout"]


def test_a_timeout_with_raise_is_an_error_by_the_clocks_own_words():
    @tool(timeout=0.01)
    async def hang() -> str:
        await asyncio.Event().wait()

    with pytest.raises(ToolFailedError) as caught:
        run(call("hang"), tools=[hang], on_tool_error="raise")
    assert str(caught.value) == (
        "Tool 'hang' did not end within 0.01 s. With on_tool_error=\"report\" the model is told instead."
    )
    assert isinstance(caught.value.__cause__, TimeoutError)


def test_a_tools_own_timeout_error_is_untouched():
    @tool(timeout=10)
    async def ask() -> str:
        raise TimeoutError("the service did not answer")

    @tool(timeout=10)
    def ask_sync() -> str:
        raise TimeoutError("the service did not answer")

    result = run(calls(call("ask"), call("ask_sync")), tools=[ask, ask_sync])
    assert told(result) == ["The tool failed. TimeoutError: the service did not answer"] * 2


def test_a_program_that_exits_is_a_failure_of_the_tool():
    @tool
    def leave() -> str:
        raise SystemExit(2)

    @tool
    async def leave_async() -> str:
        raise SystemExit

    result = run(calls(call("leave"), call("leave_async")), tools=[leave, leave_async])
    assert told(result) == [
        "The tool failed. RuntimeError: It ended with SystemExit(2).",
        "The tool failed. RuntimeError: It ended with SystemExit.",
    ]


def test_a_tool_that_waited_for_something_cancelled_by_others_fails_alone():
    @tool
    async def wait() -> str:
        task = asyncio.create_task(asyncio.Event().wait())
        task.cancel()
        return await task

    @tool
    def wait_sync() -> str:
        raise asyncio.CancelledError

    result = run(calls(call("wait"), call("wait_sync")), tools=[wait, wait_sync])
    assert told(result) == ["The tool failed. RuntimeError: It ended with CancelledError."] * 2
    assert told(run(call("wait"), tools=[wait])) == ["The tool failed. RuntimeError: It ended with CancelledError."]


def test_a_result_without_json_is_told_as_a_failure():
    @tool
    def get():
        return object()

    (text,) = told(run(call("get"), tools=[get]))
    assert text == (
        "The tool failed. ToolDefinitionError: Tool 'get' returned a value of type object, which has no JSON: "
        "it is or holds a object. Return text, numbers, lists, dicts, dataclasses or pydantic models."
    )


def test_a_sync_function_that_returns_an_awaitable_is_awaited():
    async def later():
        return "later"

    @tool
    def get():
        return later()

    assert told(run(call("get"), tools=[get])) == ["later"]


def test_a_sync_tool_runs_in_a_thread_unless_told_otherwise():
    @tool
    def away() -> bool:
        return threading.current_thread().name.startswith("agentkit-tool")

    @tool(thread=False)
    def here() -> bool:
        return asyncio.get_running_loop().is_running()

    assert told(run(calls(call("away"), call("here")), tools=[away, here])) == ["true", "true"]


def test_the_context_knows_run_call_turn_and_deps():
    @tool
    def look(context: Context[str], word: str) -> list:
        return [context.deps, context.run_id, context.call_id, context.tool_name, context.arguments, context.turn]

    agent = Agent(ScriptedModel([call("look", '{ "word": "w" }', id="c1"), "done"]), tools=[look])
    result = agent.run_sync("x", deps="the deps")
    assert told(result) == [f'["the deps","{result.run_id}","c1","look","{{ \\"word\\": \\"w\\" }}",1]']


def test_the_key_of_an_effect_is_the_same_after_a_resume_and_another_for_another_call():
    keys = []

    @tool
    def pay(context: Context, amount: int) -> str:
        keys.append(context.idempotency_key)
        if len(keys) == 1:
            raise ConnectionError("the answer did not come")
        return "paid"

    model = ScriptedModel([call("pay", {"amount": 1}, id="a"), call("pay", {"amount": 1}, id="b"), "done"])
    agent = Agent(model, tools=[pay], on_tool_error="raise")
    with pytest.raises(ToolFailedError) as caught:
        agent.run_sync("x")
    agent.resume_sync(caught.value.state.to_json())
    assert keys[0] == keys[1] != keys[2]


def test_the_on_tool_error_function_may_give_advice():
    contexts = []

    @tool
    def find(context: Context, city: str) -> str:
        contexts.append(context.retry)
        raise LookupError(city)

    async def advise(call, error):
        raise ToolRetry(f"There is no city {error}. Ask for another.")

    result = run(call("find", {"city": "a"}), call("find", {"city": "b"}), tools=[find], on_tool_error=advise)
    assert told(result) == ["There is no city a. Ask for another.", "There is no city b. Ask for another."]
    assert [answer.status for answer in result.answers] == ["retry", "retry"]
    assert contexts == [0, 1]


@pytest.mark.parametrize("where", ["tool", "on_tool_error"])
def test_a_result_longer_than_the_tools_own_limit_is_cut_and_kept_whole(where):
    @tool(max_characters=5)
    def read() -> str:
        """Read."""
        if where == "on_tool_error":
            raise ValueError
        return "0123456789"

    result = run(call("read"), "done", tools=[read], on_tool_error=lambda call, error: "0123456789")
    assert told(result) == ["01234\n[Cut: the result has 10 characters, the first 5 are shown.]"]
    assert result.answers[0].value == "0123456789"


def executed(function, **options):
    """Execute one call of a function outside of any run."""
    made = tool(function)
    context = Context(None, "r", "c", made.name, "{}", 1, None, 0, print)
    one = CallTool(ToolCall(id="c", function={"name": made.name, "arguments": "{}"}), made, {}, context)
    return asyncio.run(execute(one, **options))


def test_a_call_whose_own_run_waits_is_held():
    async def wait() -> str:
        raise HeldError("calls of a run that this one began wait for decisions: pay.")

    for on_error in ("report", "raise"):
        answer = executed(wait, on_error=on_error)
        assert (answer.status, answer.error, answer.counts) == ("held", None, False)
        assert answer.message.content == ("Not finished: calls of a run that this one began wait for decisions: pay.")


@pytest.mark.parametrize("on_error", ["report", "raise", lambda call, error: "mended"])
def test_what_ends_the_run_is_no_failure_of_the_tool(on_error):
    async def fail() -> str:
        raise LookupError("of the run")

    async def mark() -> str:
        running.get().through = error = KeyError("of whoever resumes")
        raise error

    with pytest.raises(LookupError, match="of the run"):
        executed(fail, on_error=on_error, ends_run=lambda error: isinstance(error, LookupError))
    with pytest.raises(KeyError, match="of whoever resumes"):
        executed(mark, on_error=on_error)
