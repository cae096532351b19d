"""The sync face: scripts, notebooks, threads, sub-agents, Ctrl-C, forks, and the end of the interpreter."""

import asyncio
import contextvars
import json
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from agentkit.agent import Agent, Middleware
from agentkit.agent import blocking as portal
from agentkit.agent.blocking import block
from agentkit.errors import ConfigurationError, RateLimitError, RunError
from agentkit.http import ChatModel
from agentkit.testing.endpoint import FakeEndpoint
from agentkit.testing.reply import call, calls
from agentkit.testing.scripted import ScriptedModel
from agentkit.tools import tool


@tool
def now() -> str:
    return "noon"


def told(result):
    """What the model was told, in call order."""
    return [message.content for message in result.messages if message.role == "tool"]


def test_a_run_works_in_a_script_and_many_times_on_one_pool():
    with FakeEndpoint(replies=["Hello."] * 20) as endpoint:
        model = ChatModel("m", base_url=endpoint.base_url)
        agent = Agent(model)
        assert [agent.run_sync("x").output for _ in range(20)] == ["Hello."] * 20
        assert endpoint.connections == 1
        portal.block(model.aclose)


def test_a_run_works_beside_a_running_loop_as_in_a_notebook():
    async def cell():
        return Agent(ScriptedModel([call("now"), "done"]), tools=[now]).run_sync("x")

    assert told(asyncio.run(cell())) == ["noon"]


def test_runs_work_in_threads_at_once():
    together = threading.Barrier(8)

    @tool
    def meet() -> str:
        together.wait(10)
        return "met"

    def one(_):
        return Agent(ScriptedModel([call("meet"), "done"]), tools=[meet]).run_sync("x").output

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(one, range(8))) == ["done"] * 8


def test_a_sync_tool_may_block_on_a_run_of_its_own_any_number_deep():
    def deep(depth):
        @tool
        def ask() -> str:
            return deep(depth - 1).run_sync("x").output if depth else "ground"

        return Agent(ScriptedModel([calls(call("ask"), call("ask")), f"depth {depth}"]), tools=[ask])

    assert told(deep(5).run_sync("x")) == ["depth 4"] * 2


def test_a_blocking_call_on_the_loop_that_it_blocks_is_a_clear_error():
    @tool
    async def ask() -> str:
        return Agent(ScriptedModel(["never"])).run_sync("x").output

    result = Agent(ScriptedModel([call("ask"), "done"]), tools=[ask]).run_sync("x")
    (text,) = told(result)
    assert text == (
        "The tool failed. ConfigurationError: A blocking call (`run_sync`, `stream_sync`) was made inside an async run "
        "that blocks on it. Write `await agent.run(...)` there, or make the tool a plain `def` that runs in its own "
        "thread."
    )

    @tool(thread=False)
    def ask_here() -> str:
        with pytest.raises(ConfigurationError):
            Agent(ScriptedModel(["never"])).run_sync("x")
        return "refused"

    assert told(Agent(ScriptedModel([call("ask_here"), "done"]), tools=[ask_here]).run_sync("x")) == ["refused"]


def test_what_fails_before_there_is_a_coroutine_is_raised_to_who_waits():
    def make():
        raise ValueError("no coroutine")

    with pytest.raises(ValueError, match="no coroutine"):
        block(make)


def test_context_variables_of_the_caller_reach_the_run():
    user = contextvars.ContextVar("user")
    user.set("ada")

    @tool
    async def who() -> str:
        return user.get()

    assert told(Agent(ScriptedModel([call("who"), "done"]), tools=[who]).run_sync("x")) == ["ada"]


def test_a_sync_stream_gives_events_text_and_the_result():
    agent = Agent(ScriptedModel([call("now"), "It is noon."] * 2), tools=[now])
    with agent.stream_sync("x") as stream:
        kinds = [event.type for event in stream]
    assert (kinds[0], kinds[-1], stream.result.output) == ("run_started", "run_ended", "It is noon.")
    with agent.stream_sync("x") as stream:
        assert "".join(stream.text()) == "It is noon."
    assert stream.state == stream.result.state


def test_a_sync_loop_that_was_left_goes_on_where_it_was():
    with Agent(ScriptedModel(["one two three"])).stream_sync("x") as stream:
        texts = [next(stream.text())]
        texts += stream.text()
    assert "".join(texts) == "one two three"


def test_a_sync_stream_left_early_is_cancelled():
    @tool
    async def hang() -> str:
        await asyncio.Event().wait()

    with Agent(ScriptedModel([call("hang")]), tools=[hang]).stream_sync("x") as stream:
        for event in stream:
            if event.type == "tool_call_ready":
                break
    assert told(stream.state)[0].startswith("Not finished")
    with pytest.raises(RunError):
        _ = stream.result


def test_leaving_a_sync_stream_closes_its_connection_and_keeps_history_and_usage():
    with FakeEndpoint(replies=[call("now", id="c"), "word " * 400], chunk_delay=0.001) as endpoint:
        agent = Agent(ChatModel("m", base_url=endpoint.base_url), tools=[now])
        with agent.stream_sync("x") as stream:
            next(stream.text())
            stream.close()
            stream.close()
        while endpoint.open_connections:
            pass
    assert [m.role for m in stream.state.messages] == ["user", "assistant", "tool"]
    assert stream.usage == stream.state.usages[0]
    assert stream.cut_usage.estimated
    with pytest.raises(RunError, match="was left"):
        list(stream)


def test_a_sync_stream_gives_partials_and_items():
    agent = Agent(ScriptedModel(['{"response": [1, 22, 333]}'] * 2), output=list[int])
    with agent.stream_sync("x") as stream:
        partials = list(stream.partials())
    assert partials[-1] == stream.result.output == [1, 22, 333]
    with agent.stream_sync("x") as stream:
        assert list(stream.items()) == [1, 22, 333]
    assert stream.result.output == [1, 22, 333]


def test_items_of_a_sync_stream_go_on_after_a_loop_that_was_left():
    with Agent(ScriptedModel(["[1, 2, 3]"]), output=list[int]).stream_sync("x") as stream:
        assert next(stream.items()) == 1
        assert list(stream.items()) == [2, 3]


def test_an_error_ends_a_sync_stream():
    agent = Agent(ScriptedModel([RateLimitError("slow down")]))
    with agent.stream_sync("x") as stream, pytest.raises(RateLimitError) as caught:
        list(stream)
    assert [m.content for m in caught.value.state.messages] == ["x"]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_a_coroutine_that_would_end_the_loop_ends_only_its_own_run(kind):
    class Broken(Middleware):
        async def ask(self, request, run, step, /):
            raise kind("stop")

    with pytest.raises(kind):
        Agent(ScriptedModel(["never"]), middleware=[Broken()]).run_sync("x")
    assert Agent(ScriptedModel(["done"])).run_sync("x").output == "done"


def program(text, *, wait=True):
    """Run a program of its own; its output, or the process itself."""
    head = """
import asyncio, os, signal, sys, threading, warnings
from agentkit.agent import Agent
from agentkit.testing.reply import call, calls
from agentkit.testing.scripted import ScriptedModel
from agentkit.tools import tool
"""
    process = subprocess.Popen(
        [sys.executable, "-c", head + text], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    if not wait:
        return process
    out, errors = process.communicate(timeout=60)
    assert (errors, process.returncode) == ("", 0)
    return out.splitlines()


def test_the_portal_ends_with_the_interpreter():
    assert program('print(Agent(ScriptedModel(["done"])).run_sync("x").output)') == ["done"]


def test_a_hanging_tool_thread_does_not_keep_the_interpreter():
    assert program("""
@tool(timeout=0.01)
def hang() -> str:
    threading.Event().wait(1000)

print(Agent(ScriptedModel([call("hang"), "done"]), tools=[hang]).run_sync("x").output)
""") == ["done"]


def test_a_run_that_another_thread_waits_for_does_not_keep_the_interpreter():
    assert program("""
started = threading.Event()

@tool
async def hang() -> str:
    started.set()
    try:
        await asyncio.Event().wait()
    finally:
        print("cancelled", flush=True)

def run():
    try:
        Agent(ScriptedModel([call("hang")]), tools=[hang]).run_sync("x")
    except Exception as error:
        error.state.messages

threading.Thread(target=run, daemon=True).start()
started.wait(10)
print("end", flush=True)
""") == ["end", "cancelled"]


def test_ctrl_c_cancels_the_run_and_carries_its_state():
    process = program(
        """
@tool
async def hang() -> str:
    print("hanging", flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        print("cancelled", flush=True)

agent = Agent(ScriptedModel([call("hang"), "done"]), tools=[hang])
try:
    agent.run_sync("x")
except KeyboardInterrupt as stop:
    print(stop.state.messages[-1].content, flush=True)
    print(agent.resume_sync(stop.state).output, flush=True)
""",
        wait=False,
    )
    assert process.stdout.readline() == "hanging\n"
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=60)
    assert (errors, process.returncode) == ("", 0)
    assert out.splitlines() == [
        "cancelled",
        "Not finished: the run ended before this call did. Its effect may or may not have happened.",
        "done",
    ]


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="signals go to the process on this platform")
def test_a_signal_that_another_thread_got_ends_the_wait_too():
    assert program("""
@tool
async def hang() -> str:
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)  # the thread that waits does not wake up by it
    await asyncio.Event().wait()

try:
    Agent(ScriptedModel([call("hang")]), tools=[hang]).run_sync("x")
except KeyboardInterrupt as stop:
    print(stop.state.messages[-1].role)
""") == ["tool"]


@pytest.fixture
def ctrl_c(monkeypatch):
    """Have Ctrl-C come while a coroutine is put on the loop: once it runs, where `running` is given, or before."""
    loop = block(_loop)
    put = loop.call_soon_threadsafe

    def comes(*, running=None):
        def interrupted(start):
            monkeypatch.setattr(loop, "call_soon_threadsafe", put)
            if running is not None:
                put(start)
                assert running.wait(10)
            raise KeyboardInterrupt

        monkeypatch.setattr(loop, "call_soon_threadsafe", interrupted)

    return comes


async def _loop():
    return asyncio.get_running_loop()


def test_ctrl_c_while_a_run_is_put_on_the_loop_cancels_it(ctrl_c):
    running = threading.Event()

    async def run():
        running.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError as cancelled:
            cancelled.state = "as far as it came"
            raise

    ctrl_c(running=running)
    with pytest.raises(KeyboardInterrupt) as stop:
        block(run)
    assert stop.value.state == "as far as it came"


def test_ctrl_c_before_a_run_is_on_the_loop_ends_the_wait_at_once(ctrl_c):
    begun = []

    async def run():
        begun.append(True)

    ctrl_c()
    with pytest.raises(KeyboardInterrupt) as stop:
        block(run)
    assert (stop.value.state, begun) == (None, [])
    assert block(lambda: asyncio.sleep(0, "after")) == "after"


def test_an_error_of_the_run_that_is_a_timeout_is_given_at_once():
    async def late():
        raise TimeoutError("of its own")

    with pytest.raises(TimeoutError, match=r"^of its own$"):
        block(late)


def test_ctrl_c_ends_a_sync_stream_and_a_hanging_sync_tool():
    process = program(
        """
@tool
def hang() -> str:
    print("hanging", flush=True)
    threading.Event().wait(1000)

with Agent(ScriptedModel([call("hang")]), tools=[hang]).stream_sync("x") as stream:
    list(stream)
""",
        wait=False,
    )
    assert process.stdout.readline() == "hanging\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert errors.splitlines()[-1] == "KeyboardInterrupt"
    assert process.returncode == -signal.SIGINT


def test_ctrl_c_between_the_events_of_a_sync_stream_leaves_a_valid_history():
    process = program(
        """
from agentkit.http import ChatModel
from agentkit.testing.endpoint import FakeEndpoint

with FakeEndpoint(replies=["word " * 100000], chunk_delay=0.001) as endpoint:
    stream = Agent(ChatModel("m", base_url=endpoint.base_url)).stream_sync("x")
    try:
        with stream:
            for piece in stream.text():
                print("reading", flush=True)
    except KeyboardInterrupt:
        while endpoint.open_connections:
            pass
        print([m.role for m in stream.state.messages], stream.cut_usage.estimated, flush=True)
""",
        wait=False,
    )
    assert process.stdout.readline() == "reading\n"
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=60)
    assert (errors, process.returncode) == ("", 0)
    assert out.splitlines()[-1] == "['user'] True"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
def test_a_forked_child_gets_a_portal_of_its_own():
    assert program("""
warnings.simplefilter("ignore", DeprecationWarning)  # fork with threads is the subject

@tool
def now() -> str:
    return "noon"

def run():
    return Agent(ScriptedModel([call("now"), "done"]), tools=[now]).run_sync("x").output

print(run(), flush=True)
child = os.fork()
if child == 0:
    print("child", run(), flush=True)
    sys.exit()
assert os.waitpid(child, 0)[1] == 0
print("parent", run(), flush=True)
""") == ["done", "child done", "parent done"]


def test_the_states_json_of_a_blocking_run_is_whole():
    result = Agent(ScriptedModel(["done"])).run_sync("x")
    assert json.loads(result.state.to_json())["run_id"] == result.run_id
