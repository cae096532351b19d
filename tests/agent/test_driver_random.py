"""Random scripts, errors, decisions and cancellations: the history stays valid and every run can be gone on from."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit.agent import Agent
from agentkit.errors import AgentkitError, RateLimitError, ScriptError, ToolUseFailedError
from agentkit.output import OutputSpec
from agentkit.state import Approve, Deny, Give, RunLimits, RunState
from agentkit.testing.reply import call, calls
from agentkit.testing.scripted import ScriptedModel
from agentkit.tools import ToolRetry, tool
from agentkit.wire.check import check_request
from agentkit.wire.request import ChatRequest


@tool
async def good(a: int = 0) -> int:
    await asyncio.sleep(0)
    return a


@tool(retries=1)
async def fail(a: int = 0) -> int:
    if a == 1:
        raise ToolRetry("Not so.")
    raise LookupError("no")


@tool(approval=True)
async def pay(a: int = 0) -> bytes:
    return b"\x89PNG\r\n\x1a\n"


@tool(sequential=True)
async def wall(a: int = 0) -> str:
    await asyncio.sleep(0)
    return "wall"


TOOLS = [good, fail, pay, wall]
ARGUMENTS = st.sampled_from(["{}", '{"a": 1}', '{"a": "x"}', '{"a"', "", "null"])
ONE = st.builds(
    lambda name, arguments, given: call(name, arguments, id=given),
    st.sampled_from(["good", "fail", "pay", "wall", "unknown", "final_result"]),
    ARGUMENTS,
    st.sampled_from([None, "1", "2"]),
)
REPLY = st.builds(
    lambda several, text, reason: {**calls(*several, content=text), **({"finish_reason": reason} if reason else {})},
    st.lists(ONE, max_size=4),
    st.sampled_from([None, "", "text", '{"a": 1}']),
    st.sampled_from([None, None, "length", "content_filter", "stop"]),
)
ERROR = st.sampled_from([RateLimitError, ToolUseFailedError]).map(lambda kind: kind("failed"))
SCRIPT = st.lists(st.one_of(REPLY, REPLY, REPLY, ERROR), min_size=1, max_size=10)
DECISIONS = st.lists(
    st.sampled_from([True, False, Approve({"a": 2}), Approve({"a": "x"}), Deny("no"), Give("given")]), min_size=1
)
OUTPUT = st.sampled_from([str, dict[str, int], OutputSpec(dict[str, int], mode="tool")])


def check(state):
    """Hold the contract's rules on the history, its open calls closed, and on the state's JSON."""
    check_request(ChatRequest(messages=state.with_closed_calls("closed").messages))
    assert RunState.from_json(state.to_json()) == state


async def go(agent, decisions):
    """Run and resume until there is an output, the script is used up, or ten parts were run."""
    state = None
    for _ in range(10):
        try:
            if state is None:
                result = await agent.run("x")
            else:
                waiting = {one.id: decisions[n % len(decisions)] for n, one in enumerate(state.held)}
                result = await agent.resume(state.to_json(), decisions=waiting, limits=RunLimits(turns=state.turns + 9))
        except ScriptError as error:
            return check(error.state)
        except AgentkitError as error:
            state = error.state
        else:
            state = result.state
            if not result.pending:
                assert not state.open_calls
                return check(state)
        check(state)
    return None


@settings(max_examples=120, deadline=None)
@given(SCRIPT, DECISIONS, OUTPUT)
def test_random_runs_keep_the_history_valid_at_every_step(script, decisions, output):
    agent = Agent(ScriptedModel(script), tools=TOOLS, output=output, limits=RunLimits(turns=6))
    asyncio.run(go(agent, decisions))


@settings(max_examples=120, deadline=None)
@given(SCRIPT, st.integers(0, 40), st.booleans())
def test_random_cancellations_keep_the_history_valid(script, steps, watched):
    async def main():
        agent = Agent(ScriptedModel(script), tools=TOOLS)
        stream = agent.stream("x")

        async def watch():
            async with stream:
                _ = [event async for event in stream]

        task = asyncio.create_task(watch() if watched else agent.run("x"))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert asyncio.all_tasks() == {asyncio.current_task()}
        if watched:
            return check(stream.state)
        try:
            return check(task.result().state)
        except (AgentkitError, asyncio.CancelledError) as error:
            return check(error.state) if hasattr(error, "state") else None  # cancelled before it began

    asyncio.run(main())
