"""What the next request is made of besides the history: instructions, tools, settings, the choice among tools."""

from __future__ import annotations

import inspect
from functools import lru_cache
from typing import Any, cast

from agentkit.agent.effect import Turn
from agentkit.agent.run import Run, context_of
from agentkit.kind import is_object
from agentkit.state.run import RunState
from agentkit.wire.message import AssistantMessage, SystemMessage

__all__ = ["prepare"]

_FREE = (None, "none", "auto")
_ANY = ("required", "any")


async def prepare(run: Run) -> Turn:
    """Find the instructions and fields of the next request."""
    recipe = run.recipe
    said = [text if isinstance(text, str) else await _told(text(context_of(run))) for text in recipe.instructions]
    text = "\n\n".join(part for part in said if part)
    if run.state.finishing and recipe.final is not None:
        blank = recipe.final
    else:
        blank, choice = recipe.blank, _choice(run)
        if choice != blank.tool_choice:
            blank = blank.replace(tool_choice=choice)
    return Turn((_instructions(text),) if text else (), recipe.toolbox, blank)


def _choice(run: Run) -> Any:
    """Give the choice that the settings force until it was obeyed, and then the output's own."""
    recipe, wanted = run.recipe, run.recipe.settings.tool_choice
    must = recipe.output_tool is not None and not recipe.plan.allows_text
    if wanted in _FREE or (must and (wanted in _ANY or not recipe.toolbox)):
        return recipe.blank.tool_choice
    if not _obeyed(run.state, wanted):
        return wanted
    return recipe.blank.tool_choice if must else _relaxed(wanted)


async def _told(said: Any) -> str | None:
    return cast("str | None", await said if inspect.isawaitable(said) else said)


@lru_cache(maxsize=256)
def _instructions(text: str) -> SystemMessage:
    """Keep the message, for its bytes are encoded once and sent with each request."""
    return SystemMessage(content=text)


def _relaxed(choice: Any) -> Any:
    """Free the choice, but only among the tools that it allows."""
    allowed: Any = choice.get("allowed_tools") if is_object(choice) else None
    return {**choice, "allowed_tools": {**allowed, "mode": "auto"}} if is_object(allowed) else "auto"


def _obeyed(state: RunState, choice: Any) -> bool:
    """A forced choice is relaxed once a reply followed it; the model could never end otherwise."""
    name: Any = choice["function"]["name"] if is_object(choice) and "function" in choice else choice
    called = {
        call.function.name
        for message in state.new_messages
        if isinstance(message, AssistantMessage)
        for call in message.tool_calls
    }
    return bool(called) if name in _ANY or not isinstance(name, str) else name in called
