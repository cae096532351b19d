"""`handoff` is born here: the tool by which an agent lets another one go on with the conversation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, overload

from typing_extensions import TypeVar

from agentkit.agent.agent import Agent
from agentkit.agent.handoff import Handoff
from agentkit.agent.subagent import describe
from agentkit.errors import ToolDefinitionError
from agentkit.session import Window
from agentkit.tools.decorator import tool
from agentkit.tools.tool import Tool, check_name

__all__ = ["handoff"]

_Deps = TypeVar("_Deps")


@overload
def handoff(
    to: Agent[None, Any] | Callable[[], Agent[None, Any]],
    *,
    name: str | None = None,
    description: str | None = None,
    filter: Window | None = None,
) -> Tool[Any]: ...
@overload
def handoff(
    to: Agent[_Deps, Any] | Callable[[], Agent[_Deps, Any]],
    *,
    name: str | None = None,
    description: str | None = None,
    filter: Window | None = None,
) -> Tool[_Deps]: ...
def handoff(
    to: Agent[_Deps, Any] | Callable[[], Agent[_Deps, Any]],
    *,
    name: str | None = None,
    description: str | None = None,
    filter: Window | None = None,  # noqa: A002 # as the builtin does
) -> Tool[Any]:
    """Make a tool that hands the run over to another agent, which goes on with the user.

    Its instructions, tools, model and settings take the place of those before; the run's limits, middleware, deps and
    kind of output stay. It goes on when all calls of the reply are answered.

    Args:
        to: The agent, which has a name; or a function of nothing that gives it, where two hand over to each other.
        name: The tool's: `transfer_to_` and the agent's name, unless given.
        description: When to hand over, for the model; the agent's name and instructions, unless given.
        filter: Chooses what the agent sees of the messages so far, as a window does: `LastTurns(1)`, or a function of
            the messages. The result has all of them.

    Raises:
        ToolDefinitionError: The name is none for a tool, or there is none beside a function.
        ConfigurationError: It is no agent, or one without a name.
    """
    what, made = "Hand the conversation over.", Handoff(to, filter)
    if not made.is_late:
        target = made.target
        name = name or f"transfer_to_{target.name}"
        what = describe(f"Hand the conversation over to the agent {target.name}.", target.instructions)
    if name is None:
        raise ToolDefinitionError(
            "A handoff to the agent that a function gives has no name. Give one, "
            '`handoff(lambda: billing, name="transfer_to_billing")`.'
        )
    check_name(name, "handoff(..., name=...)")
    return tool(made, name=name, description=what if description is None else description)
