"""An agent as a tool: its run is one of the call's, and waits, fails and goes on with the run that makes the call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import Field

from agentkit.agent.conversation import finish
from agentkit.agent.current import run_of
from agentkit.agent.keeper import Origin
from agentkit.agent.run import Recipe, Run
from agentkit.agent.start import go_on, start
from agentkit.errors import JournalError, RunError, StateError, ToolDefinitionError, UnknownOutcomeError
from agentkit.state.subrun import with_sub
from agentkit.tools.context import Context
from agentkit.tools.decorator import tool
from agentkit.tools.execute import HeldError, running
from agentkit.tools.tool import Tool, check_name

__all__ = ["SubAgent", "describe", "tool_of"]

_MOST_TOLD = 500  # characters of instructions that describe their agent
_OURS = JournalError, UnknownOutcomeError  # no failures of a tool, but of what writes the run down
_DEEPEST = 16  # agents, one the tool of another; each adds some 20 frames to Python's stack


def tool_of(recipe: Callable[..., Recipe], name: str | None, description: str, **options: Any) -> Tool[Any]:
    """Make the tool that runs an agent; the options are those of `tool`.

    Raises:
        ToolDefinitionError: There is no name, or it is none for a tool.
    """
    if name is None:
        raise ToolDefinitionError(
            'An agent without a name is made a tool. Name the agent, `Agent(..., name="researcher")`, '
            'or the tool, `agent.as_tool("researcher")`.'
        )
    check_name(name, "agent.as_tool(..., name=...)")
    return tool(SubAgent(recipe), name=name, description=description, **options)


def describe(what: str, instructions: Any) -> str:
    """Describe a tool that leads to an agent for want of a description: by its instructions, if they are one text."""
    if not isinstance(instructions, str):
        return what
    cut = instructions if len(instructions) <= _MOST_TOLD else f"{instructions[: _MOST_TOLD - 1]}…"
    return f"{what} Its instructions: {cut}"


class SubAgent:
    """What an agent's tool calls.

    Attributes:
        recipe: Gives what a run is made of; with a model, it is asked in the place of the agent's own.
    """

    def __init__(self, recipe: Callable[..., Recipe]) -> None:
        self.recipe = recipe

    async def __call__(
        self,
        context: Context[Any],
        prompt: Annotated[str, Field(description="What to do, with all that it takes: nothing else is known.")],
    ) -> Any:
        """Run the agent, or let the run go on that this call began, and give its output.

        Raises:
            RunError: As every run does; with calls that wait it is a `HeldError`, and the call waits with them.
        """
        outer = run_of(context, self)
        if outer is None:  # called by a function, which has an outcome of its own
            return (await finish(start(self.recipe(), prompt, context.deps, ()))).output
        run = self._begin(outer, context, prompt)
        run.origin = Origin(getattr(self.recipe, "__self__", None))
        try:
            below = None if outer.keeper is None else outer.keeper.below
            result = await (finish(run) if below is None else below(outer, context.call_id, run, finish))
        except BaseException as error:
            outer.state = with_sub(outer.state, context.call_id, run.state)
            if isinstance(error, _OURS) or (isinstance(error, StateError) and run.resumed):
                _let_through(error)
            raise
        if result.pending:
            outer.state = with_sub(outer.state, context.call_id, result.state)
            names = ", ".join(call.name for call in result.pending)
            raise HeldError(f"calls of a run that this one began wait for decisions: {names}.")
        return result.output

    def _begin(self, outer: Run, context: Context[Any], prompt: str) -> Run:
        sub = outer.state.subs.get(context.call_id)
        if sub is not None:
            try:
                return go_on(self.recipe(), sub, outer.passed.pop(context.call_id, None), context.deps)
            except StateError as error:
                _let_through(error)
                raise
        if context.run_id.count("/") >= _DEEPEST:
            raise RunError(
                f"Agents call one another {_DEEPEST} deep here, each a tool of the one before. Does one call itself? "
                "Go on without this tool."
            )
        return start(self.recipe(), prompt, context.deps, ())


def _let_through(error: BaseException) -> None:
    """Mark an error that is no failure of the tool, as that of whoever resumes: it says what was decided wrongly."""
    call = running.get()
    if call is not None:
        call.through = error
