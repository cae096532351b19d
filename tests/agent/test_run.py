"""Middleware round a run's two acts, and what tools get to know of their run."""

import asyncio
import gc
import threading
import weakref

import pytest

from agentkit import errors
from agentkit.agent import Agent, Middleware
from agentkit.agent.run import outermost
from agentkit.testing.reply import call, calls, completion
from agentkit.testing.scripted import ScriptedModel
from agentkit.tools import Context, tool
from agentkit.tools.answer import answer_value
from agentkit.wire.response import ChatCompletion


@tool
def now() -> str:
    return "noon"


@tool
def add(a: int, b: int) -> int:
    return a + b


class Log(Middleware):
    """Writes what passes it."""

    def __init__(self, name, log):
        self.name, self.log = name, log

    async def ask(self, request, run, step, /):
        self.log.append(f"{self.name} asks {len(request.messages)}")
        reply = await step(request)
        self.log.append(f"{self.name} heard")
        return reply

    async def call(self, call, run, step, /):
        self.log.append(f"{self.name} calls {call.name}")
        answer = await step(call)
        self.log.append(f"{self.name} got {answer.value}")
        return answer


def told(result):
    """What the model was told, in call order."""
    return [message.content for message in result.messages if message.role == "tool"]


def test_the_first_middleware_is_the_outermost_around_asks_and_calls():
    log = []
    model = ScriptedModel([call("now"), "done"])
    Agent(model, tools=[now], middleware=[Log("a", log), Log("b", log)]).run_sync("x")
    ask = lambda size: [f"a asks {size}", f"b asks {size}", "b heard", "a heard"]
    assert log == [*ask(1), "a calls now", "b calls now", "b got noon", "a got noon", *ask(3)]


def test_a_middleware_may_answer_a_request_without_the_model():
    class Cache(Middleware):
        async def ask(self, request, run, step, /):
            return ChatCompletion.parse(completion("from the cache", {"model": "m"}, number=1, size=4))

    model = ScriptedModel([])
    assert Agent(model, middleware=[Cache()]).run_sync("x").output == "from the cache"
    assert model.requests == []


def test_a_middleware_may_answer_a_call_without_the_tool_and_change_one():
    class Guard(Middleware):
        async def call(self, call, run, step, /):
            if call.arguments["a"] < 0:
                return answer_value(call.id, call.name, "no negative numbers", status="denied")
            answer = await step(call)
            return answer_value(call.id, call.name, answer.value * 10)

    batch = calls(call("add", {"a": 1, "b": 2}), call("add", {"a": -1, "b": 2}))
    result = Agent(ScriptedModel([batch, "done"]), tools=[add], middleware=[Guard()]).run_sync("x")
    assert told(result) == ["30", "no negative numbers"]
    assert result.state.tool_calls == 1


def test_a_middleware_may_change_a_request():
    class Louder(Middleware):
        async def ask(self, request, run, step, /):
            return await step(request.replace(temperature=1.5))

    model = ScriptedModel(["done"])
    Agent(model, middleware=[Louder()]).run_sync("x")
    assert model.requests[0].temperature == 1.5


def test_refused_calls_come_by_no_middleware():
    log = []
    batch = calls(call("nope"), call("add", '{"a": 1'), call("add", {"a": "x", "b": 1}), call("now"))
    Agent(ScriptedModel([batch, "done"]), tools=[add, now], middleware=[Log("a", log)]).run_sync("x")
    assert [line for line in log if "calls" in line] == ["a calls now"]


def test_middleware_see_the_state_and_deps_of_the_run():
    seen = []

    class Look(Middleware):
        async def call(self, call, run, step, /):
            seen.append((run.state.turns, run.deps, [one.id for one in run.state.open_calls]))
            return await step(call)

    model = ScriptedModel([call("now", id="c"), "done"])
    Agent(model, tools=[now], middleware=[Look()]).run_sync("x", deps="the deps")
    assert seen == [(1, "the deps", ["c"])]


def test_middleware_of_the_process_stand_outside_those_of_an_agent():
    log = []
    outermost.append(Log("process", log))
    try:
        Agent(ScriptedModel(["done"]), middleware=[Log("agent", log)]).run_sync("x")
    finally:
        outermost.pop()
    assert log == ["process asks 1", "agent asks 1", "agent heard", "process heard"]


def test_a_run_that_a_tool_starts_bears_its_parents_id_and_the_calls():
    ids = []

    @tool
    async def ask(context: Context, depth: int) -> str:
        if depth == 0:
            return "ground"
        inner = Agent(ScriptedModel([call("ask", {"depth": depth - 1}, id=f"d{depth}"), "done"]), tools=[ask])
        result = await inner.run("x")
        ids.append(result.run_id)
        return result.output

    result = Agent(ScriptedModel([call("ask", {"depth": 2}, id="top"), "done"]), tools=[ask]).run_sync("x")
    assert ids == [f"{result.run_id}/top/d2", f"{result.run_id}/top"]
    assert len(result.run_id) == 32


def test_sync_tools_start_runs_too_and_these_bear_the_id():
    @tool
    def ask() -> str:
        return Agent(ScriptedModel(["done"])).run_sync("x").run_id

    result = Agent(ScriptedModel([call("ask", id="c"), "done"]), tools=[ask]).run_sync("x")
    assert told(result) == [f"{result.run_id}/c"]


def test_the_context_counts_how_often_the_model_called_again():
    @tool
    def ask(context: Context, city: str) -> int:
        return context.retry

    model = ScriptedModel([call("ask", "{}"), call("ask", "[]"), call("ask", {"city": "Oslo"}), "done"])
    assert told(Agent(model, tools=[ask]).run_sync("x"))[-1] == "2"


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_progress_is_shown_to_the_watcher_from_tasks_and_threads(colour):
    async def tell(context: Context) -> str:
        for step in range(3):
            context.emit({"step": step})
        return "told"

    def tell_sync(context: Context) -> str:
        for step in range(3):
            context.emit({"step": step})
        return "told"

    teller = tool(tell if colour == "async" else tell_sync, name="tell")

    async def main():
        async with Agent(ScriptedModel([call("tell", id="c"), "done"]), tools=[teller]).stream("x") as stream:
            return [event async for event in stream if event.type == "progress"]

    events = asyncio.run(main())
    assert [(event.call_id, event.name, event.value["step"]) for event in events] == [
        ("c", "tell", step) for step in range(3)
    ]


async def kinds(agent):
    async with agent.stream("x") as stream:
        return [event async for event in stream if event.type in ("tool_call_ready", "progress", "tool_result")]


def test_progress_of_sync_tools_at_once_stands_in_order_between_call_and_result():
    both = threading.Barrier(2, timeout=10)

    @tool
    def tell(context: Context, name: str) -> str:
        """Tell."""
        both.wait()
        for step in range(20):
            context.emit(step)
        return name

    model = ScriptedModel([calls(call("tell", {"name": "a"}, id="a"), call("tell", {"name": "b"}, id="b")), "done"])
    events = asyncio.run(kinds(Agent(model, tools=[tell])))
    for call_id in ("a", "b"):
        own = [event for event in events if event.call_id == call_id]
        assert [event.type for event in own] == ["tool_call_ready", *["progress"] * 20, "tool_result"]
        assert [event.value for event in own[1:-1]] == list(range(20))


def test_progress_of_a_thread_that_was_given_up_is_shown_to_nobody():
    gate, ended = threading.Event(), threading.Event()

    @tool(timeout=0.05)
    def hang(context: Context) -> str:
        """Hang."""
        context.emit("begun")
        gate.wait(10)
        context.emit("late")
        ended.set()
        return "late"

    def reply(request):
        gate.set()
        assert ended.wait(10)
        return "done"

    events = asyncio.run(kinds(Agent(ScriptedModel([call("hang"), reply]), tools=[hang])))
    assert [event.value for event in events if event.type == "progress"] == ["begun"]
    assert [event.type for event in events] == ["tool_call_ready", "progress", "tool_result"]


def test_progress_of_a_task_that_outlives_its_call_is_shown_to_nobody():
    late = []

    @tool
    async def leave(context: Context) -> str:
        """Leave something behind."""

        async def tell():
            context.emit("begun")
            await asyncio.sleep(0)
            await gate.wait()
            context.emit("late")

        late.append(asyncio.create_task(tell()))
        await asyncio.sleep(0)
        return "left"

    async def main():
        async def reply(request):
            gate.set()
            await late[0]
            return "done"

        class Model(ScriptedModel):
            async def complete(self, request, /):
                if late:
                    await reply(request)
                return await super().complete(request)

            async def stream(self, request, /):
                if late:
                    await reply(request)
                async for chunk in super().stream(request):
                    yield chunk

        return await kinds(Agent(Model([call("leave"), "done"]), tools=[leave]))

    gate = asyncio.Event()
    events = asyncio.run(main())
    assert [event.value for event in events if event.type == "progress"] == ["begun"]


def test_functions_that_are_asked_before_a_request_may_show_progress_too():
    def choose(context):
        context.emit("choosing")
        return []

    events = asyncio.run(kinds(Agent(ScriptedModel(["done"]), tools=choose)))
    assert [(event.call_id, event.name, event.value) for event in events] == [("", "", "choosing")]


def test_progress_that_nobody_watches_is_no_error():
    @tool
    def tell(context: Context) -> str:
        context.emit("half")
        return "told"

    assert told(Agent(ScriptedModel([call("tell"), "done"]), tools=[tell]).run_sync("x")) == ["told"]


@pytest.mark.parametrize("method", ["run", "ask", "call"])
def test_a_middleware_that_forgets_to_return_is_told(method):
    async def forget(self, act, run, step, /):
        await step(act)

    forgetful = type("Forgetful", (Middleware,), {method: forget})
    model = ScriptedModel([call("add", {"a": 1, "b": 2}), "3"])

    with pytest.raises(errors.ConfigurationError) as caught:
        Agent(model, tools=[add], middleware=[forgetful()]).run_sync("Add.")

    assert str(caught.value) == (
        "The middleware Forgetful gave None. Give what `next` gives, or another of its kind: `return await next(...)`."
    )
    assert caught.value.state.messages


@pytest.mark.parametrize("streamed", [False, True])
def test_a_run_that_is_over_is_freed_without_the_collector(streamed):
    class Pass(Middleware):
        async def ask(self, request, run, step, /):
            return await step(request)

    class Deps:
        pass

    async def main(agent):
        deps = Deps()
        if not streamed:
            await agent.run("x", deps=deps)
        else:
            async with agent.stream("x", deps=deps) as stream:
                assert [piece async for piece in stream.text()] == ["done"]
        return weakref.ref(deps)

    agent = Agent(ScriptedModel([call("now"), "done"]), tools=[now], middleware=[Pass()])
    gc.disable()
    try:
        assert asyncio.run(main(agent))() is None
    finally:
        gc.enable()
