"""What the next request is made of besides the history: instructions, tools, settings, the choice among tools."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

from agentkit.agent.chooser import instruction_of
from agentkit.agent.effect import Turn
from agentkit.agent.run import Recipe, Run, context_of
from agentkit.kind import is_object
from agentkit.state.run import RunState
from agentkit.tools.context import Context
from agentkit.wire.message import AssistantMessage, Message, SystemMessage

__all__ = ["equip", "prepare", "steady_turn"]

_FREE = (None, "none", "auto")
_ANY = ("required", "any")


async def prepare(run: Run) -> Turn:
    """Find the instructions, tools and fields of the next request.

    The functions of the context are asked once a turn: not again where the same request is asked in another way, for
    the endpoint refused the first one.

    Raises:
        ConfigurationError: What a function gave cannot be used.
    """
    if run.recipe.steady is not None:
        return run.recipe.steady
    at = run.state.turns, len(run.state.attempts)
    if run.asked_at != at:
        if run.recipe.choose is not None:
            await _choose(run, context_of(run))
        asked = [one for one in run.recipe.instructions if not isinstance(one, str)]
        run.told = [await instruction_of(one, context_of(run)) for one in asked] if asked else []
        run.asked_at = at
    recipe = run.recipe
    text = _text(recipe, run.told) if recipe.instructions else ""
    if run.state.finishing and recipe.final is not None:
        blank = recipe.final
    else:
        blank, choice = recipe.blank, _choice(run)
        if choice != blank.tool_choice:
            blank = blank.replace(tool_choice=choice)
    instructions, before = _instructions(run, text), run.turn
    if before.blank is blank and before.instructions is instructions and before.bounds is recipe.bounds:
        return before
    return Turn(instructions, recipe.toolbox, blank, recipe.bounds)


def steady_turn(recipe: Recipe) -> Turn | None:
    """Give what each request is made of besides the history; None where that may change from one to the next."""
    if recipe.choose is not None or recipe.final is not None or recipe.settings.tool_choice not in _FREE:
        return None
    if not all(isinstance(one, str) for one in recipe.instructions):
        return None
    text = _text(recipe, [])
    return Turn((_fixed(text),) if text else (), recipe.toolbox, recipe.blank, recipe.bounds)


async def equip(run: Run) -> None:
    """Find the tools and settings that the reply in hand was asked with, where this part of the run did not ask for it.

    Raises:
        ConfigurationError: What a function gave cannot be used.
    """
    if run.recipe.choose is None or run.asked_at is not None:
        return
    before = run.state.turns - 1
    await _choose(run, replace(context_of(run), turn=max(0, before)))
    run.turn, run.asked_at = Turn(toolbox=run.recipe.toolbox), (before, len(run.state.attempts))


async def _choose(run: Run, context: Context[Any]) -> None:
    """Let the functions of the context choose tools and settings, and the run go on with the recipe for them."""
    assert run.recipe.choose is not None
    chosen = await run.recipe.choose(context)
    if chosen is not run.recipe:
        asked, run.recipe = run.asked, chosen
        if run.asked != asked:
            run.emit(run.asked)


def _text(recipe: Recipe, told: list[str | None]) -> str:
    given = iter(told)
    said = [text if isinstance(text, str) else next(given) for text in recipe.instructions]
    return "\n\n".join([part for part in said if part])


def _choice(run: Run) -> Any:
    """Give the choice that the settings force until it was obeyed, and then the output's own."""
    recipe, wanted = run.recipe, run.recipe.settings.tool_choice
    must = recipe.output_tool is not None and not recipe.plan.allows_text
    if wanted in _FREE or (must and (wanted in _ANY or not recipe.toolbox)):
        return recipe.blank.tool_choice
    if recipe.insists or not _obeyed(run.state, wanted):
        return wanted
    return recipe.blank.tool_choice if must else _relaxed(wanted)


def _instructions(run: Run, text: str) -> tuple[Message, ...]:
    """Keep the message while its text is the same, for it is encoded once; what functions gave, only in the run."""
    before = run.turn.instructions
    if before and before[0].content == text:
        return before
    if not text:
        return ()
    return (SystemMessage(content=text) if run.told else _fixed(text),)


@lru_cache(maxsize=256)
def _fixed(text: str) -> SystemMessage:
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
        for message in state.messages[max(state.start, state.since) :]
        if isinstance(message, AssistantMessage)
        for call in message.tool_calls
    }
    return bool(called) if name in _ANY or not isinstance(name, str) else name in called
