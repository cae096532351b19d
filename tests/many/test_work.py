"""What a map asks of the work: the agent's meets it, as type checkers see too."""

import inspect

from agentkit.agent.many import AgentWork
from agentkit.many.work import Work


def test_the_agents_work_has_all_that_is_asked_for():
    wanted = [name for name, member in vars(Work).items() if inspect.isfunction(member) and not name.startswith("_")]
    assert wanted == ["open", "has", "due", "prepare", "run", "identity", "dump", "load"]
    assert all(inspect.signature(getattr(AgentWork, name)) for name in wanted)
    assert all(
        list(inspect.signature(getattr(AgentWork, name)).parameters)
        == list(inspect.signature(getattr(Work, name)).parameters)
        for name in wanted
    )
