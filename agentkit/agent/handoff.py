"""A run handed over to another agent: the tool that does it, who may be handed to, and how the run goes on.

The driver asks once the loop says so; agents are known here by what a run needs of them only.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Protocol, cast, get_origin

from agentkit.agent.current import run_of
from agentkit.agent.event import HandedOff
from agentkit.agent.prepare import equip
from agentkit.agent.run import Recipe, Run
from agentkit.errors import ConfigurationError, RunError, StateError
from agentkit.session import Window, repair
from agentkit.state.limit import RunLimits
from agentkit.state.run import RunState
from agentkit.tools.context import Context
from agentkit.tools.toolbox import Toolbox
from agentkit.wire.message import Message

__all__ = ["Handoff", "Target", "agents_of", "check_handoffs", "go_on_as", "hand_over"]

_TAKEN = "You take over here. Go on with what the user asked for."
_NOT_TAKEN = "Not done: another handoff of the same reply came first."


class Target(Protocol):
    """An agent that a run can be handed over to."""

    @property
    def name(self) -> str | None:
        """Its name."""
        ...

    @property
    def toolbox(self) -> Toolbox:
        """Its tools; none where a function chooses them: where they lead is known in its turn."""
        ...

    @property
    def instructions(self) -> Any:
        """What it is told."""
        ...

    @property
    def output_type(self) -> Any:
        """What it gives."""
        ...

    def recipe_within(self, limits: RunLimits, /) -> Recipe:
        """Give what a run with these limits goes on with."""
        ...


class Handoff:
    """What a handoff's tool calls.

    Attributes:
        to: An agent, or a function that gives it when it is needed.
        filter: Chooses what the agent sees of the messages so far; None is all of them.
    """

    def __init__(self, to: Target | Callable[[], Target], filter: Window | None) -> None:  # noqa: A002 # as of the builtin
        self.to: Any = to
        self.filter = filter

    @property
    def is_late(self) -> bool:
        """Tell whether a function gives the agent."""
        return callable(self.to) and not _is_target(self.to)

    @property
    def target(self) -> Target:
        """Give the agent.

        Raises:
            ConfigurationError: It is none, or has no name.
        """
        return _check_target(self.to() if self.is_late else self.to)

    async def __call__(self, context: Context[Any]) -> str:
        """Note that the run is handed over; it is when all calls of the reply are answered.

        Raises:
            RunError: A function called this.
        """
        run = run_of(context, self)
        if run is None:
            raise RunError("A handoff is called by a model, as one of the tools that it was given; no function can.")
        if run.state.handed is not None:
            return _NOT_TAKEN
        run.state = run.state.replace(handed=context.tool_name)
        return _TAKEN


def agents_of(toolbox: Toolbox, own: str | None, *, late: bool = True) -> dict[str, Target]:
    """Give the agents that can be handed to, by name: by these tools, those of the agents, and so on.

    Args:
        toolbox: The tools of the agent that a run begins with.
        own: Its name, which leads back to it.
        late: Whether functions are asked for theirs.

    Raises:
        ConfigurationError: Two have one name.
    """
    found: dict[str, Target] = {}
    toolboxes = [toolbox]
    while toolboxes:
        for handoff in _handoffs(toolboxes.pop(), late=late):
            target = handoff.target
            name = str(target.name)
            if name not in found:
                found[name] = target
                toolboxes += [target.toolbox] if name != own else []
            elif found[name] is not target and name != own:
                raise ConfigurationError(
                    f"Two agents that can be handed to are named {name!r}, and a saved run knows by the name who goes "
                    "on. Name them apart, or hand over to one and the same."
                )
    return found


def check_handoffs(toolbox: Any, name: str | None, output_type: Any) -> None:
    """See that an agent can hand over to those that its tools name already, if they are no function of the turn.

    Raises:
        ConfigurationError: One gives another kind of output, or two have one name.
    """
    if not isinstance(toolbox, Toolbox):
        return
    for handoff in _handoffs(toolbox, late=False):
        _check_output(handoff.target, name, output_type)
    agents_of(toolbox, name, late=False)


async def go_on_as(run: Run) -> None:
    """Let the agent go on that the state names, if it is not the one that the run was given to.

    Raises:
        StateError: No such agent can be handed to from that one.
    """
    name = run.state.agent
    if name is None or name == run.recipe.name:
        return
    await equip(run)  # a function may choose the tools, and among them those that lead there
    agents = agents_of(run.recipe.toolbox, run.recipe.name)
    if name not in agents:
        raise StateError(
            f"The run was handed over to the agent {name!r}, and the one that it is resumed with leads to "
            f"{', '.join(map(repr, sorted(agents))) or 'none'}. Resume it with the agent that it began with, or with "
            f"{name!r} itself."
        )
    run.change(agents[name].recipe_within(run.recipe.bounds.limits))


async def hand_over(run: Run) -> RunState:
    """Let the agent go on that the handoff of the reply in hand leads to, and give the state that it goes on in.

    Raises:
        StateError: The agent that made the reply has no such handoff any more.
        ConfigurationError: It leads to none that can go on.
    """
    await equip(run)
    state = run.state
    called = run.turn.toolbox.get(str(state.handed))
    handoff: Any = called.function if called is not None else None
    if not isinstance(handoff, Handoff):
        raise StateError(
            f"The run is handed over by the tool {state.handed!r}, which the agent has no more. "
            "Resume it with the agent as it was."
        )
    target, first, previous, asked = handoff.target, run.first or run.recipe, run.recipe.name, run.asked
    shown = await _shown(handoff, state)
    if target.name == first.name:
        recipe = first.renewed()
    else:
        _check_output(target, first.name, first.plan.spec.type)
        agents_of(first.toolbox, first.name)
        recipe = target.recipe_within(first.bounds.limits)
    run.state = _handed_to(state, str(target.name), shown)
    run.change(recipe)
    run.emit(HandedOff(str(target.name), previous))
    if run.asked != asked:
        run.emit(run.asked)
    return run.state


def _handed_to(state: RunState, agent: str, shown: tuple[Message, ...] | None) -> RunState:
    """Let another agent go on: what was spent stays spent, retries start anew."""
    forgiven, since = len(state.attempts), len(state.messages)
    given = state.replace(agent=agent, handed=None, since=since, shown=shown)
    return given.replace(refused={}, forgiven=forgiven, finishing=False)


async def _shown(handoff: Handoff, state: RunState) -> tuple[Message, ...] | None:
    if handoff.filter is None:
        return None
    given = handoff.filter(state.messages)
    shown = repair(await given if inspect.isawaitable(given) else given)
    if not shown:
        raise ConfigurationError(
            f"The filter of the handoff to {handoff.target.name!r} left no message. Leave one at least, what the user "
            "said."
        )
    return shown


def _check_target(given: Any) -> Target:
    """Give an agent that can be handed to as it is."""
    if not _is_target(given):
        raise ConfigurationError(
            f"A handoff is to {given!r}, which is no agent. Give one, or a function of nothing that gives one."
        )
    if not given.name:
        raise ConfigurationError(
            "A handoff is to an agent without a name, and a saved run knows by that who goes on. "
            'Name it: `Agent(..., name="billing")`.'
        )
    return cast("Target", given)


def _is_target(given: Any) -> bool:
    return hasattr(cast("Any", type(given)), "recipe_within")


def _handoffs(toolbox: Toolbox, *, late: bool) -> list[Handoff]:
    functions = (tool.function for tool in toolbox)
    return [function for function in functions if isinstance(function, Handoff) and (late or not function.is_late)]


def _check_output(target: Target, name: str | None, wanted: Any) -> None:
    given = target.output_type
    if given is not wanted and given != wanted:
        raise ConfigurationError(
            f"The agent {target.name!r} gives {_shown_type(given)}, and {_named(name)} that hands over to it gives "
            f"{_shown_type(wanted)}: a run has one kind of output. Give both the same `output`."
        )


def _named(name: str | None) -> str:
    return "the agent" if name is None else f"the agent {name!r}"


def _shown_type(given: Any) -> str:
    return str(given if get_origin(given) else getattr(given, "__name__", given))
