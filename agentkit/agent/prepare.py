"""What the next request is made of besides the history: instructions, tools, settings, the choice among tools."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, cast

from agentkit.agent.effect import Turn
from agentkit.agent.run import Run, context_of
from agentkit.errors import ConfigurationError
from agentkit.kind import is_object
from agentkit.state.run import RunState
from agentkit.tools.context import Context
from agentkit.tools.toolbox import Toolbox
from agentkit.wire.message import AssistantMessage, SystemMessage

__all__ = ["equip", "named", "prepare"]

_FREE = (None, "none", "auto")
_ANY = ("required", "any")


async def prepare(run: Run) -> Turn:
    """Find the instructions, tools and fields of the next request.

    The functions of the context are asked once a turn: not again where the same request is asked in another way, for
    the endpoint refused the first one.

    Raises:
        ConfigurationError: What a function gave cannot be used.
    """
    at = run.state.turns, len(run.state.attempts)
    if run.asked_at != at:
        if run.recipe.fit is not None:
            await _choose(run, context_of(run))
        run.told = []
        for instruct in run.recipe.instructions:
            if not isinstance(instruct, str):
                run.told.append(await _ask("instructions", instruct, context_of(run)))
        run.asked_at = at
    recipe, told = run.recipe, iter(run.told)
    said = [text if isinstance(text, str) else next(told) for text in recipe.instructions]
    text = "\n\n".join(part for part in said if part)
    if run.state.finishing and recipe.final is not None:
        blank = recipe.final
    else:
        blank, choice = recipe.blank, _choice(run)
        if choice != blank.tool_choice:
            blank = blank.replace(tool_choice=choice)
    return Turn((_instructions(text),) if text else (), recipe.toolbox, blank, recipe.bounds.tool_retries)


async def equip(run: Run) -> None:
    """Find the tools and settings that the reply in hand was asked with, where this part of the run did not ask for it.

    Raises:
        ConfigurationError: What a function gave cannot be used.
    """
    before = run.state.turns - 1
    await _choose(run, replace(context_of(run), turn=max(0, before)))
    run.turn, run.asked_at = Turn(toolbox=run.recipe.toolbox), (before, len(run.state.attempts))


async def _choose(run: Run, context: Context[Any]) -> None:
    """Let the functions of the context choose tools and settings, and the run go on with the recipe for them."""
    recipe = run.recipe
    assert recipe.fit is not None
    tools: Sequence[Any] | Toolbox = recipe.toolbox
    if recipe.tools_of is not None:
        tools = _tools(recipe.tools_of, await _ask("tools", recipe.tools_of, context))
    settings = None if recipe.settings_of is None else await _ask("settings", recipe.settings_of, context)
    try:
        chosen = recipe.fit(tools, settings)
    except ConfigurationError as error:
        given = {"tools": recipe.tools_of, "settings": recipe.settings_of}
        what = " and ".join(f"{name} by {named(function)}" for name, function in given.items() if function)
        error.add_note(f"Turn {context.turn + 1} was given its {what}.")
        raise
    if chosen is not recipe:
        asked, kept = run.asked, recipe.middleware  # a run that was handed over keeps those that it began with
        run.recipe = chosen if chosen.middleware == kept else replace(chosen, middleware=kept)
        if run.asked != asked:
            run.emit(run.asked)


async def _ask(what: str, function: Callable[[Context[Any]], Any], context: Context[Any]) -> Any:
    try:
        given = function(context)
        return await given if inspect.isawaitable(given) else given
    except Exception as error:
        error.add_note(
            f"Raised by {named(function)}, which gives the {what} of turn {context.turn + 1}. "
            "`agent.resume(error.state)` asks it again."
        )
        raise


def _tools(function: Callable[..., Any], given: Any) -> Sequence[Any] | Toolbox:
    if isinstance(given, Toolbox):
        return given
    if not isinstance(given, Iterable) or isinstance(given, str | bytes | Mapping):
        raise ConfigurationError(
            f"{named(function)} is asked for the tools of each turn, and gave {repr(cast('Any', given))[:200]}. Give "
            "a list of tools and functions, or a Toolbox; [] for none. If it is a tool itself, put it in a list: "
            f"Agent(tools=[{named(function)}])."
        )
    return tuple(cast("Any", given))


def named(function: Any) -> str:
    """Call a function as its author does, an object that is called by its class."""
    return str(getattr(function, "__qualname__", None) or type(function).__qualname__)


def _choice(run: Run) -> Any:
    """Give the choice that the settings force until it was obeyed, and then the output's own."""
    recipe, wanted = run.recipe, run.recipe.settings.tool_choice
    must = recipe.output_tool is not None and not recipe.plan.allows_text
    if wanted in _FREE or (must and (wanted in _ANY or not recipe.toolbox)):
        return recipe.blank.tool_choice
    if recipe.insists or not _obeyed(run.state, wanted):
        return wanted
    return recipe.blank.tool_choice if must else _relaxed(wanted)


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
        for message in state.messages[max(state.start, state.since) :]
        if isinstance(message, AssistantMessage)
        for call in message.tool_calls
    }
    return bool(called) if name in _ANY or not isinstance(name, str) else name in called
