"""What writes a run down is asked at every step, in order, and may be anything with the protocol's methods."""

import asyncio

import pytest

from agentkit import Agent, tool
from agentkit.agent.conversation import finish
from agentkit.agent.start import go_on, start
from agentkit.errors import ToolFailedError
from agentkit.state import Approve
from agentkit.testing import ScriptedModel, call, calls


@tool
def look(number: int) -> str:
    """Look."""
    if number == 13:
        raise ValueError("unlucky")
    return f"seen {number}"


class Listing:
    """Lets everything happen and notes what; says of some calls that they were begun."""

    def __init__(self, begun=None, known=""):
        self.seen, self.known = [], known
        self.calls = begun or {}

    async def open(self, run):
        self.seen.append(f"open {run.state.turns}")

    async def perform(self, run, effect, step):
        self.seen.append(type(effect).__name__)
        return await step(run, effect)

    async def gated(self, run):
        self.seen.append(f"gated, {len(run.state.held)} held")

    async def call(self, run, call, step):
        self.seen.append(f"call {call.id} {call.context.arguments}")
        return await step(call)

    def begun(self, run, call_id):
        return self.calls.get(call_id)

    def unknown(self, run, call_id, tool):
        return self.known if call_id in self.calls else None

    async def below(self, run, call_id, sub, step):
        self.seen.append(f"below {call_id}")
        return await step(sub)

    async def close(self, run, end):
        self.seen.append(f"close {type(end).__name__}")


def kept(run, keeper):
    run.keeper = keeper
    return asyncio.run(finish(run))


def test_every_step_is_kept_from_the_beginning_to_the_end():
    model = ScriptedModel([calls(call("look", {"number": 1}, id="a"), call("gone", id="b")), "done"])
    keeper = Listing()
    result = kept(start(Agent(model, tools=[look]).recipe_for(), "go", None, ()), keeper)
    assert result.output == "done"
    assert keeper.seen == [
        "open 0",
        "Prepare",
        "AskModel",
        "CallTools",
        "gated, 0 held",
        'call a {"number":1}',
        "Prepare",
        "AskModel",
        "CheckOutput",
        "close Finished",
    ]


def test_an_error_is_what_it_ends_with():
    model = ScriptedModel([call("look", {"number": 13}, id="a")])
    keeper = Listing()
    with pytest.raises(ToolFailedError):
        kept(start(Agent(model, tools=[look], on_tool_error="raise").recipe_for(), "go", None, ()), keeper)
    assert keeper.seen[-1] == "close ToolFailedError"


def test_the_run_of_an_agent_that_is_a_tool_is_carried_out_by_it():
    worker = Agent(ScriptedModel(["found"]), name="worker").as_tool()
    keeper = Listing()
    agent = Agent(ScriptedModel([call("worker", {"prompt": "go"}, id="w"), "done"]), tools=[worker])
    assert kept(start(agent.recipe_for(), "go", None, ()), keeper).output == "done"
    assert "below w" in keeper.seen


def waiting(known, begun='{"number": 2}', decisions=None, tools=(look,)):
    """Resume a run whose call it says was begun, with these arguments."""
    first = Agent(ScriptedModel([call("look", {"number": 1}, id="a")]), tools=[look.replace(approval=True)])
    state = first.run_sync("go").state
    agent = Agent(ScriptedModel(["done"]), tools=[one.replace(approval=True) for one in tools])
    keeper = Listing({"a": begun}, known)
    return kept(go_on(agent.recipe_for(), state, decisions, None), keeper), keeper


def test_a_call_that_was_begun_and_may_run_again_runs_as_it_was_begun_without_another_approval():
    result, keeper = waiting("")
    assert 'call a {"number": 2}' in keeper.seen
    assert result.answers[0].value == "seen 2"


def test_one_that_may_not_waits_as_the_model_wrote_it():
    result, keeper = waiting("It was begun.")
    assert (result.pending[0].arguments, result.pending[0].unknown) == ('{"number":1}', "It was begun.")
    assert not [one for one in keeper.seen if one.startswith("call")]


def test_one_without_a_tool_waits_too():
    result, _ = waiting("It was begun.", tools=())
    assert result.pending[0].unknown == "It was begun."


def test_a_denial_of_a_call_that_was_begun_says_that_it_is_not_run_again():
    result, _ = waiting("It was begun.", decisions={"a": False})
    assert result.answers[0].message.content == "Not run again: The user declined this call."


def test_an_approval_runs_it_as_it_was_begun_or_with_the_arguments_decided_on():
    result, keeper = waiting("It was begun.", decisions={"a": True})
    assert result.answers[0].value == "seen 2"
    result, keeper = waiting("It was begun.", decisions={"a": Approve({"number": 7})})
    assert result.answers[0].value == "seen 7"
    assert 'call a {"number":7}' in keeper.seen
