"""`Agent.map` and `Agent.map_sync`: agents over many inputs, with the store that a kill does not harm."""

import asyncio
import contextvars
import dataclasses
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from pydantic import BaseModel

from agentkit.agent import Agent, Many, MapResult, Middleware, SyncMany
from agentkit.agent.blocking import block
from agentkit.errors import (
    InvalidRequestError,
    LimitExceededError,
    OutputError,
    PendingCallsError,
    RunError,
    SchemaError,
    StoreMismatchError,
)
from agentkit.http import ChatModel
from agentkit.output import OutputSpec
from agentkit.state import RunLimits
from agentkit.testing.endpoint import FakeEndpoint
from agentkit.testing.reply import call
from agentkit.testing.scripted import ScriptedModel
from agentkit.tools import Context, tool
from agentkit.wire import Settings
from agentkit.wire.content import text_of

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


class City(BaseModel):
    name: str
    founded: date | None = None


@dataclasses.dataclass
class Place:
    name: str


def said(request):
    """The text of a request's last message."""
    return text_of(request.messages[-1].content)


def echo(request):
    return f"read {said(request)}"


class Echo(ScriptedModel):
    """Answers each request by a function of it, for ever."""

    def __init__(self, answer=echo):
        super().__init__([])
        self._answer = answer

    def _next(self, request):
        self._replies.append(self._answer)
        return super()._next(request)


def test_many_inputs_give_outputs_in_order():
    async def go():
        agent = Agent(Echo())
        many = agent.map(f"text {number}" for number in range(40))
        assert isinstance(many, Many)
        return await many

    result = asyncio.run(go())
    assert isinstance(result, MapResult)
    assert result.outputs == [f"read text {number}" for number in range(40)]
    assert result[7].input == "text 7"
    assert (result[7].model, result[7].attempts, result[7].restored) == ("scripted", 0, False)
    assert result.summary.done == 40


def test_no_history_is_shared_between_inputs():
    model = Echo()
    Agent(model, instructions="Read.").map_sync(["a", "b", "c"]).result()
    assert sorted([message.content for message in request.messages] for request in model.requests) == [
        ["Read.", "a"],
        ["Read.", "b"],
        ["Read.", "c"],
    ]


def test_no_context_variable_of_one_input_reaches_another():
    seen = contextvars.ContextVar("seen", default="nothing")

    @tool
    async def look() -> str:
        before = seen.get()
        seen.set("something")
        return before

    def answer(request):
        return said(request) if request.messages[-1].role == "tool" else call("look")

    outputs = Agent(Echo(answer), tools=[look]).map_sync(["x"] * 6, concurrency=2).result().outputs
    assert outputs == ["nothing"] * 6


def test_a_run_whose_task_is_cancelled_by_its_own_middleware_fails_that_input_only():
    class Leave(Middleware):
        async def ask(self, request, run, next):  # noqa: A002 # as the method that it overrides
            if said(request) == "leave":
                asyncio.current_task().cancel()
                await asyncio.sleep(0)
            return await next(request)

    agent = Agent(Echo(), middleware=[Leave()])
    result = agent.map_sync(["stay 1", "leave", "stay 2"], concurrency=1).result()
    assert [type(outcome.error) for outcome in result] == [type(None), RunError, type(None)]
    assert result[1].error.state.messages[-1].content == "leave"


def test_the_runs_of_a_map_inside_a_tool_are_its_runs_own():
    inner = Agent(Echo())

    @tool
    async def read_all() -> str:
        mapped = await inner.map(["a", "b"])
        return ", ".join(mapped.outputs)

    def answer(request):
        return said(request) if request.messages[-1].role == "tool" else call("read_all")

    async def go():
        ids = set()
        async with Agent(Echo(answer), tools=[read_all]).stream("x") as stream:
            async for event in stream:
                if event.type == "sub_run":
                    ids.add(event.run_id)
        return stream.result, ids

    result, ids = asyncio.run(go())
    assert result.output == "read a, read b"
    assert len(ids) == 2
    assert all(one.startswith(f"{result.run_id}/") for one in ids)


def test_deps_settings_limits_and_model_are_those_of_each_run():
    @tool
    def who(context: Context[str]) -> str:
        return context.deps

    def answer(request):
        assert request.temperature == 0.5
        return said(request) if request.messages[-1].role == "tool" else call("who")

    agent = Agent[str, str]("openai:never-asked", tools=[who])
    many = agent.map_sync(["x"], deps="Ada", model=Echo(answer), settings=Settings(temperature=0.5))
    assert many.result().outputs == ["Ada"]
    (failed,) = agent.map_sync(["x"], deps="", model=Echo(lambda _: call("who")), limits=RunLimits(turns=1)).result()
    assert isinstance(failed.error, LimitExceededError)


def test_an_invalid_output_is_an_outcome_with_its_attempts():
    def answer(request):
        return '{"name": "Oslo"}' if "Oslo" in str(request.messages) else "no city"

    result = Agent(Echo(answer), output=City).map_sync(["in Oslo", "nowhere"]).result()
    assert result[0].output == City(name="Oslo")
    assert isinstance(result[1].error, OutputError)
    assert result[1].attempts == 3
    assert result[1].usage.total_tokens > result[0].usage.total_tokens
    assert result.summary.failed == {"OutputError": 1}


def test_a_run_that_waits_for_approval_is_an_outcome_to_go_on_from():
    @tool(approval=True)
    def delete() -> str:
        return "gone"

    def answer(request):
        return "done" if request.messages[-1].role == "tool" else call("delete")

    agent = Agent(Echo(answer), tools=[delete])
    (outcome,) = agent.map_sync(["x"]).result()
    assert isinstance(outcome.error, PendingCallsError)
    (held,) = outcome.error.state.held
    assert agent.resume_sync(outcome.error.state, decisions={held.id: True}).output == "done"


def test_an_input_that_is_no_prompt_is_a_failure_of_its_own(tmp_path):
    result = Agent(Echo()).map_sync(["a", None, [tmp_path / "no.png"], [7], "b"], store=tmp_path / "s").result()
    assert [type(outcome.error) for outcome in result] == [
        type(None),
        InvalidRequestError,
        InvalidRequestError,
        InvalidRequestError,
        type(None),
    ]
    assert str(result[1].error) == "An input is None, and a map has no history to go on from. Give a prompt."


def test_what_the_endpoint_billed_is_added_up():
    def billed(number):
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2, "cost": 0.25}
        message = {"role": "assistant", "content": str(number)}
        body = {"id": "x", "model": "m", "choices": [{"index": 0, "finish_reason": "stop", "message": message}]}
        return {"object": "chat.completion", "created": 1, **body, "usage": usage}

    with FakeEndpoint(replies=[billed(number) for number in range(4)]) as endpoint:
        model = ChatModel("m", base_url=endpoint.base_url)
        result = Agent(model).map_sync(list("abcd")).result()
        block(model.aclose)
    assert result[0].cost == 0.25
    assert str(result.summary).startswith("4 done, 8 tokens, $1.00, ")


def describe(name: str) -> Place:
    return Place(name.upper())


@pytest.mark.parametrize(
    ("output", "reply", "value"),
    [
        (str, "Oslo", "Oslo"),
        (City, '{"name": "Oslo", "founded": "1048-01-01"}', City(name="Oslo", founded=date(1048, 1, 1))),
        (Place, '{"name": "Oslo"}', Place("Oslo")),
        (City | int, '{"response": 7}', 7),
        (list[City], '{"response": [{"name": "Oslo"}]}', [City(name="Oslo")]),
        (int | None, '{"response": null}', None),
        (describe, '{"name": "Oslo"}', Place("OSLO")),
        ({"type": "object", "properties": {"a": {"type": "integer"}}}, '{"a": 1}', {"a": 1}),
    ],
    ids=lambda value: getattr(value, "__name__", str(value))[:20],
)
def test_outputs_of_every_kind_are_restored_typed(tmp_path, output, reply, value):
    model = Echo(lambda _: reply)
    agent = Agent(model, output=OutputSpec(output, mode="prompted") if output is not str else str)
    for restored in (False, True):
        (outcome,) = agent.map_sync(["x"], store=tmp_path / "run.sqlite").result()
        assert (outcome.output, type(outcome.output), outcome.restored) == (value, type(value), restored)
    assert len(model.requests) == 1


def test_functions_and_validators_are_not_called_again_for_what_is_restored(tmp_path):
    calls = []

    def validate(city):
        calls.append(city)
        return city

    agent = Agent(Echo(lambda _: '{"name": "Oslo"}'), output=OutputSpec(City, validators=[validate]))
    for _ in range(2):
        assert agent.map_sync(["x"], store=tmp_path / "s").result().outputs == [City(name="Oslo")]
    assert len(calls) == 1


def test_media_are_told_apart_by_their_content(tmp_path):
    picture, other = tmp_path / "a.png", tmp_path / "b.png"
    picture.write_bytes(PNG)
    other.write_bytes(PNG + b"\1")
    model, store = Echo(lambda _: "seen"), tmp_path / "run.sqlite"
    agent = Agent(model)
    agent.map_sync([["what?", picture], ["what?", other]], store=store).result()
    picture.rename(tmp_path / "c.png")
    result = agent.map_sync([["what?", tmp_path / "c.png"], ["why?", other]], store=store).result()
    assert [outcome.restored for outcome in result] == [True, False]
    assert len(model.requests) == 3


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"output": City}, "output: then 'text', now "),
        ({"instructions": "Read aloud."}, "instructions: then 'Read.', now 'Read aloud.'. "),
        ({"instructions": ["Read.", "Slowly."]}, "instructions: then 'Read.', now "),
        ({"tools": []}, ", now nothing. "),
        ({"tools": lambda context: []}, ", now 'a function'. "),
    ],
)
def test_an_agent_that_asks_for_something_else_is_refused(tmp_path, changes, part):
    @tool
    def look() -> str:
        return "x"

    store = tmp_path / "run.sqlite"
    agent = Agent(Echo(), instructions=["Read.", lambda: "Now."], tools=[look])
    agent.map_sync(["x"], store=store).result()
    with pytest.raises(StoreMismatchError) as refused:
        agent.replace(**changes).map_sync(["x"], store=store).result()
    assert str(refused.value).startswith(
        f"The store {str(store)!r} holds outcomes of an agent that asked for something else. "
    )
    assert part in str(refused.value)


def test_another_model_and_other_settings_go_on_with_the_same_store(tmp_path):
    agent = Agent(Echo(), instructions=lambda: "Now.")
    agent.map_sync(["x"], store=tmp_path / "s").result()
    other = agent.replace(model=Echo(), settings=Settings(temperature=1), instructions=lambda: "Later.")
    assert other.map_sync(["x"], store=tmp_path / "s").result()[0].restored


def test_a_type_that_no_store_can_keep_is_refused_before_anything_is_asked(tmp_path):
    def thing(name: str) -> threading.Lock:
        raise AssertionError(name)

    model = Echo(lambda _: '{"name": "x"}')
    with pytest.raises(SchemaError, match="cannot be stored"):
        Agent(model, output=thing).map_sync(["x"], store=tmp_path / "s").result()
    assert model.requests == []


def test_a_sync_map_is_lazy_as_the_builtin_one():
    read, model = [], Echo()
    many = Agent(model).map_sync((read.append(n) or str(n) for n in range(1000)), concurrency=4)
    assert isinstance(many, SyncMany)
    assert (read, model.requests) == ([], [])
    for outcome in many:
        if outcome.index == 9:
            break
    assert 10 <= len(read) <= 10 + 3 * 4
    assert len(model.requests) <= len(read)


def test_a_sync_iterable_is_read_in_the_thread_that_iterates():
    threads = set()

    def inputs():
        for number in range(50):
            threads.add(threading.current_thread())
            yield str(number)

    assert len(Agent(Echo()).map_sync(inputs()).result()) == 50
    assert threads == {threading.current_thread()}


def test_sync_maps_can_be_chained():
    first, second = Agent(Echo(lambda request: f"1 {said(request)}")), Agent(Echo(lambda request: f"2 {said(request)}"))
    inner = (outcome.output for outcome in first.map_sync(str(number) for number in range(50)))
    assert second.map_sync(inner).result().outputs == [f"2 1 {number}" for number in range(50)]


def test_an_async_iterable_is_read_by_a_sync_map_too():
    async def inputs():
        for number in range(20):
            await asyncio.sleep(0)
            yield str(number)

    assert Agent(Echo()).map_sync(inputs()).result().outputs == [f"read {number}" for number in range(20)]


def test_a_sync_source_that_raises_ends_the_map_after_what_was_begun():
    def inputs():
        yield from ("a", "b")
        raise OSError("gone")

    outputs = []
    with pytest.raises(OSError, match="gone"):
        for outcome in Agent(Echo()).map_sync(inputs()):
            outputs.append(outcome.output)
    assert outputs == ["read a", "read b"]


def test_a_sync_map_works_in_threads_and_beside_a_running_loop():
    async def cell():
        return Agent(Echo()).map_sync(["a"]).result().outputs

    assert asyncio.run(cell()) == ["read a"]
    done = []
    thread = threading.Thread(target=lambda: done.extend(Agent(Echo()).map_sync(["b"]).result().outputs))
    thread.start()
    thread.join()
    assert done == ["read b"]


def test_in_its_block_a_sync_map_can_be_read_in_several_loops(tmp_path):
    seen = []
    with Agent(Echo()).map_sync([str(n) for n in range(30)], store=tmp_path / "s") as many:
        for outcome in many:
            seen.append(outcome.index)
            if outcome.index == 5:
                break
        seen += [outcome.index for outcome in many]
    assert seen == list(range(30))
    assert many.summary.done == 30
    assert os.listdir(tmp_path) == ["s"]  # noqa: PTH208 # names are wanted


def test_a_sync_map_is_begun_once():
    many = Agent(Echo()).map_sync(["a"])
    many.result()
    with pytest.raises(RunError, match="The map was begun before"):
        many.result()


@pytest.mark.parametrize("how", ["break", "with"])
def test_a_sync_map_that_is_left_leaves_no_task_and_no_connection(how):
    async def tasks():
        return len(asyncio.all_tasks())

    with FakeEndpoint(latency=0.01) as endpoint:
        model = ChatModel("m", base_url=endpoint.base_url)
        if how == "break":
            for _ in Agent(model).map_sync(str(number) for number in range(100)):
                break
        else:
            with Agent(model).map_sync(str(number) for number in range(100)) as many:
                next(iter(many))
        assert block(tasks) == 1
        assert len(endpoint.requests) < 100
        block(model.aclose)


def test_the_budget_is_of_the_whole_map_and_the_store_goes_on(tmp_path):
    model, inputs = Echo(), [str(number) for number in range(20)]
    agent, outcomes = Agent(model), []
    with pytest.raises(LimitExceededError) as raised:
        for outcome in agent.map_sync(inputs, store=tmp_path / "s", budget=RunLimits(requests=8), concurrency=3):
            outcomes.append(outcome)
    assert (len(outcomes), raised.value.limit) == (8, "requests")
    result = agent.map_sync(inputs, store=tmp_path / "s", budget=RunLimits(requests=12)).result()
    assert (result.summary.restored, len(model.requests)) == (8, 20)


def test_a_function_hears_how_the_map_stands():
    heard = []
    Agent(Echo()).map_sync(["a", "b"], progress=heard.append).result()
    assert [(summary.done, summary.total) for summary in heard] == [(1, 2), (2, 2)]


SCRIPT = """
import sys
from agentkit import Agent, ChatModel

url, store, count = sys.argv[1:]
agent = Agent(ChatModel("m", base_url=url))
for outcome in agent.map_sync((f"input {n}" for n in range(int(count))), store=store, concurrency=8, progress=False):
    print(outcome.index, flush=True)
"""


def started(endpoint, store, count):
    arguments = [sys.executable, "-c", SCRIPT, endpoint.base_url, str(store), str(count)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def asked(requests):
    """How often each input was asked for."""
    return Counter(one.body["messages"][-1]["content"] for one in requests)


@pytest.mark.parametrize("kills", [1, 3])
def test_after_a_kill_nothing_finished_is_asked_again_and_nothing_is_lost(tmp_path, kills):
    store, count, given = tmp_path / "run.sqlite", 200, set()
    with FakeEndpoint(latency=0.002) as endpoint:
        finished = set()
        for _ in range(kills):
            before = len(endpoint.requests)
            with started(endpoint, store, count) as process:
                for line in process.stdout:
                    given.add(int(line))
                    if int(line) >= len(finished) + 30:
                        break
                process.send_signal(signal.SIGKILL)
            assert process.returncode == -signal.SIGKILL
            while endpoint.open_connections:  # until all is counted that the killed one had sent
                pass
            repeated = asked(endpoint.requests[before:]).keys() & {f"input {n}" for n in finished}
            assert not repeated, "what was given out before is asked again"
            finished = set(given)
        before = len(endpoint.requests)
        with started(endpoint, store, count) as process:
            out, err = process.communicate()
        assert process.returncode == 0, err
        assert [int(line) for line in out.split()] == list(range(count))
        last = asked(endpoint.requests[before:])
        assert not last.keys() & {f"input {n}" for n in given}
        times = asked(endpoint.requests)
        assert set(times) == {f"input {n}" for n in range(count)}
        # what was under way at a kill is asked again, which is as many as run at once at most
        assert sum(times.values()) <= count + 8 * kills
        assert set(last.values()) == {1}
        again = len(endpoint.requests)
        with started(endpoint, store, count) as process:
            process.communicate()
        assert len(endpoint.requests) == again


def test_an_interrupt_cancels_a_sync_map_and_the_next_call_goes_on(tmp_path):
    store = tmp_path / "run.sqlite"
    with FakeEndpoint(latency=0.05) as endpoint:
        with started(endpoint, store, 1000) as process:
            for line in process.stdout:
                if int(line) >= 10:
                    break
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=20)
        assert err.rstrip().endswith("KeyboardInterrupt")
        assert "never retrieved" not in err
        assert os.listdir(tmp_path) == ["run.sqlite"]  # noqa: PTH208 # names are wanted; it was closed in order
        before = len(endpoint.requests)
        assert before < 100
        with started(endpoint, store, 12) as process:
            out, _ = process.communicate()
        assert len(out.split()) == 12
        assert len(endpoint.requests) - before <= 1


def test_ten_thousand_inputs_are_a_script_of_their_own():
    """`soak.py` measures memory over sockets; here it is only seen to run."""
    soak = Path(__file__).parents[1] / "many" / "soak.py"
    done = subprocess.run([sys.executable, soak, "300"], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "300 requests" in done.stdout


def test_leaving_a_sync_map_closes_its_inputs_in_the_thread_that_reads_them():
    ended = []

    def inputs():
        try:
            yield from (str(number) for number in range(100))
        finally:
            ended.append(threading.current_thread())

    many = Agent(Echo()).map_sync(inputs(), concurrency=2)
    for _ in many:
        break
    assert ended == [threading.current_thread()]


def test_a_loop_that_is_held_to_the_end_of_the_program_ends_quietly():
    program = """
from agentkit import Agent
from agentkit.testing import ScriptedModel
held = iter(Agent(ScriptedModel(["a"] * 99)).map_sync([str(n) for n in range(99)]))
print(next(held).output)
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "a\n", "")


def test_what_a_cancelled_run_had_spent_is_in_the_summary():
    async def go():
        waiting = asyncio.Event()

        @tool
        async def wait() -> str:
            waiting.set()
            return await asyncio.Future()

        model = Echo(lambda request: call("wait") if said(request) == "long" else "done")
        async with Agent(model, tools=[wait]).map(["long", "short"], ordered=False, progress=False) as many:
            async for outcome in many:
                await waiting.wait()
                assert many.summary.usage == outcome.usage
                break
        return many.summary, outcome.usage

    summary, usage = asyncio.run(go())
    assert (summary.done, summary.failed) == (1, {})
    assert summary.usage.total_tokens > usage.total_tokens > 0
