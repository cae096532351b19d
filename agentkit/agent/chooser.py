"""The functions of the context: how they are asked, and the recipe for the tools and settings that they choose.

`Prepare` asks them in each turn; nothing here knows a run.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MethodType
from typing import Any, cast

from agentkit.agent.run import Recipe
from agentkit.errors import ConfigurationError
from agentkit.schema.argument import shorten
from agentkit.tools.context import Context
from agentkit.tools.execute import is_ending
from agentkit.tools.toolbox import Toolbox
from agentkit.wire.setting import Settings

__all__ = ["Chooser", "instruction_of", "named"]

_MOST_KEPT = 16  # recipes of one agent, by what its functions gave


class Chooser:
    """Gives the recipe of each turn of an agent whose tools or settings are functions of the context.

    Args:
        make: Makes the recipe for a toolbox and settings.
        tools: The function, or the toolbox of every turn.
        settings: The function, or the settings of every turn.
        over: The settings of the run, over those.
    """

    def __init__(self, make: Callable[..., Recipe], tools: Any, settings: Any, over: Settings | None) -> None:
        self._make, self._tools, self._settings, self._over = make, tools, settings, over
        self._kept: tuple[tuple[Sequence[Any] | Toolbox, Settings | None, Recipe], ...] = ()  # replaced as a whole

    async def __call__(self, context: Context[Any]) -> Recipe:
        """Ask the functions, and give the recipe for what they chose.

        Raises:
            ConfigurationError: That cannot be used; a note says whose it was.
        """
        tools, settings = self._tools, self._settings
        if callable(tools):
            tools = _several(tools, await _ask("tools", tools, context))
        if callable(settings):
            settings = await _ask("settings", settings, context)
        try:
            return self._recipe(tools, settings)
        except ConfigurationError as error:
            given = {"tools": self._tools, "settings": self._settings}
            what = " and ".join(f"{name} by {named(one)}" for name, one in given.items() if callable(one))
            error.add_note(f"Turn {context.turn + 1} was given its {what}.")
            raise

    def _recipe(self, tools: Sequence[Any] | Toolbox, settings: Settings | None) -> Recipe:
        """Give the recipe for these tools, by their identity, and settings, by their value; the last ones are kept."""
        for entry in self._kept:
            if _same_tools(entry[0], tools) and _same_settings(entry[1], settings):
                recipe = entry[2].renewed()
                if recipe is not entry[2]:
                    self._kept = ((tools, settings, recipe), *(one for one in self._kept if one is not entry))
                return recipe
        toolbox = tools if isinstance(tools, Toolbox) else Toolbox(tools)
        merged = Settings().merge(settings).merge(self._over)
        insists = callable(self._settings) and _chooses(settings) and not _chooses(self._over)
        recipe = self._make(toolbox=toolbox, settings=merged, choose=self, insists=insists)
        self._kept = ((tools, settings, recipe), *self._kept[: _MOST_KEPT - 1])
        return recipe


async def instruction_of(function: Callable[[Context[Any]], Any], context: Context[Any]) -> str | None:
    """Ask a function for its part of the instructions.

    Raises:
        ConfigurationError: It gave something else.
    """
    given = await _ask("instructions", function, context)
    if given is not None and not isinstance(given, str):
        raise ConfigurationError(
            f"{named(function)} is asked for instructions, and gave {shorten(repr(given))}. Give a text, or None."
        )
    return given


def named(function: Any) -> str:
    """Call a function as its author does, an object that is called by its class."""
    return str(getattr(function, "__qualname__", None) or type(function).__qualname__)


async def _ask(what: str, function: Callable[[Context[Any]], Any], context: Context[Any]) -> Any:
    try:
        try:
            given = function(context)
            given = await given if inspect.isawaitable(given) else given
            return tuple(given) if inspect.isgenerator(given) else given
        except asyncio.CancelledError as error:
            if is_ending():
                raise
            raise RuntimeError("It ended with CancelledError.") from error  # of what it waited for, not of the run
    except Exception as error:
        error.add_note(
            f"Raised by {named(function)}, which gives the {what} of turn {context.turn + 1}. "
            "`agent.resume(error.state)` asks it again."
        )
        raise


def _several(function: Callable[..., Any], given: Any) -> Sequence[Any] | Toolbox:
    if isinstance(given, Toolbox):
        return given
    if not isinstance(given, Iterable) or isinstance(given, str | bytes | Mapping):
        raise ConfigurationError(
            f"{named(function)} is asked for the tools of each turn, and gave {repr(cast('Any', given))[:200]}. Give "
            "a list of tools and functions, or a Toolbox; [] for none. If it is a tool itself, put it in a list: "
            f"Agent(tools=[{named(function)}])."
        )
    return tuple(cast("Any", given))


def _same_tools(one: Sequence[Any] | Toolbox, other: Sequence[Any] | Toolbox) -> bool:
    return one is other or (len(one) == len(other) and all(map(_same, one, other)))


def _same(one: Any, other: Any) -> bool:
    """Tell whether functions or tools are the same; a method is made anew each time that it is taken of its object."""
    return one is other or (isinstance(one, MethodType) and one == other)


def _same_settings(one: Settings | None, other: Settings | None) -> bool:
    """Tell whether settings are equal; a None that was given switches a field off, unlike one that was not."""
    if one is None or other is None or one is other:
        return one is other
    return one == other and one.model_fields_set == other.model_fields_set


def _chooses(settings: Settings | None) -> bool:
    return settings is not None and "tool_choice" in settings.model_fields_set
