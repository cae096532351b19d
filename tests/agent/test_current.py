"""The run that is on is found by what it calls as a tool, and by nothing else."""

import asyncio

from agentkit.agent import Agent
from agentkit.agent.current import current, run_of
from agentkit.testing.reply import call
from agentkit.testing.scripted import ScriptedModel
from agentkit.tools import Context, tool


class Finding:
    """A callable that looks for the run that calls it."""

    def __init__(self):
        self.found = []

    async def __call__(self, context: Context) -> str:
        run = run_of(context, self)
        self.found.append(None if run is None else run.state.run_id)
        return "looked"


def test_a_tool_finds_the_run_that_calls_it():
    finding = Finding()
    result = Agent(ScriptedModel([call("find"), "done"]), tools=[tool(finding, name="find")]).run_sync("x")
    assert finding.found == [result.run_id]
    assert current.get() is None


def test_what_a_function_of_a_tool_calls_finds_no_run():
    finding = Finding()

    @tool
    async def indirect(context: Context) -> str:
        return await finding(context)

    made = tool(finding, name="find")
    Agent(ScriptedModel([call("indirect"), "done"]), tools=[indirect, made]).run_sync("x")
    asyncio.run(made(Context(None, "another", "", "find", "", 1, None, 0, print)))
    assert finding.found == [None, None]


def test_a_run_inside_a_run_is_the_one_that_is_on():
    finding = Finding()
    inner = Agent(ScriptedModel([call("find"), "done"]), tools=[tool(finding, name="find")])

    @tool
    async def ask() -> str:
        return (await inner.run("y")).output

    result = Agent(ScriptedModel([call("ask", id="a"), "done"]), tools=[ask]).run_sync("x")
    assert finding.found == [f"{result.run_id}/a"]
