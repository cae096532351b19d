"""Trees of agents as tools, some hidden behind a handoff, decided on piece by piece in other processes, by chance."""

import random

import pytest

from agentkit.agent import Agent, handoff
from agentkit.errors import RateLimitError, ToolFailedError
from agentkit.state import RunState
from agentkit.testing.reply import call, calls
from agentkit.testing.scripted import ScriptedModel
from agentkit.tools import tool
from agentkit.wire.check import check_request
from agentkit.wire.request import ChatRequest

DEPTH = 3


class Tree:
    """An agent for each level, which calls tools and the agent below by chance; what was done is counted."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.count = 0
        self.done = []
        self.agent = self.make(DEPTH)

    def make(self, level):
        @tool(approval=True)
        def pay(number: int) -> str:
            self.done.append(number)
            return f"paid {number}"

        @tool(sequential=self.chance.random() < 0.3)
        def look(number: int) -> str:
            self.done.append(-number)
            return f"seen {number}"

        tools = [pay, look]
        if level:
            tools.append(self.make(level - 1).as_tool("below", approval=self.chance.random() < 0.3))

        def reply(request):
            if self.chance.random() < 0.05:
                return RateLimitError("slow down")
            if len([m for m in request.messages if m.role == "assistant"]) >= 2:
                return "done"
            names = ["pay", "look", *(["below"] * 2 if level else [])]
            return calls(*(self.write(self.chance.choice(names)) for _ in range(self.chance.randint(1, 3))))

        worker = Agent(ScriptedModel([reply] * 10_000), tools=tools, name=f"w{level}", on_tool_error="raise")
        if self.chance.random() < 0.5:
            return worker
        first = ScriptedModel([call(f"transfer_to_w{level}")] * 10_000)
        return Agent(first, tools=[handoff(worker)], name=f"f{level}", on_tool_error="raise")

    def write(self, name):
        self.count += 1
        arguments = {"prompt": "go"} if name == "below" else {"number": self.count}
        return call(name, arguments, id=f"c{self.count}")


def check(state):
    """Hold the contract's rules on all histories, once what waits is answered, and that what waits is shown."""
    check_request(ChatRequest(messages=state.with_closed_calls("later").messages))
    assert set(state.subs) <= {one.id for one in state.open_calls}
    for sub in state.subs.values():
        check(sub)


@pytest.mark.parametrize("seed", range(40))
def test_what_is_approved_is_done_once_whatever_waits_and_fails_beside_it(seed):
    tree = Tree(seed)
    wanted, state, decisions, parts = set(), None, {}, 0
    while True:
        parts += 1
        assert parts < 2000
        try:
            if state is None:
                result = tree.agent.run_sync("go")
            else:
                result = tree.agent.resume_sync(state.to_json(), decisions=decisions)
        except (RateLimitError, ToolFailedError) as error:
            state, decisions = RunState.from_json(error.state.to_json()), {}
            check(state)
            continue
        check(result.state)
        assert len(tree.done) == len(set(tree.done))
        if not result.pending:
            break
        state, decisions = result.state, {}
        assert len({one.id for one in result.pending}) == len(result.pending)
        for one in result.pending:
            if tree.chance.random() < 0.6:
                decisions[one.id] = tree.chance.random() < 0.7
                if one.name == "pay" and decisions[one.id]:
                    wanted.add(one.arguments)
        if tree.chance.random() < 0.5:
            decisions = [
                one.approve() if decisions[one.id] else one.deny() for one in result.pending if one.id in decisions
            ]
    assert {f'{{"number":{number}}}' for number in tree.done if number > 0} == wanted
