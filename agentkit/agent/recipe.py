"""An agent's fields made ready for runs, once: tools encoded, output mode chosen, settings merged."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial, wraps
from typing import Any, cast

from agentkit.agent.chooser import Chooser
from agentkit.agent.effect import Bounds
from agentkit.agent.prepare import steady_turn
from agentkit.agent.run import Instructions, Recipe, Told, outermost
from agentkit.errors import ConfigurationError
from agentkit.model import Model
from agentkit.output import Asked, Mode, OutputPlan
from agentkit.state.limit import RunLimits
from agentkit.tools.context import Context
from agentkit.tools.tool import Tool
from agentkit.tools.toolbox import Toolbox
from agentkit.wire.request import ChatRequest, ToolDefinition
from agentkit.wire.setting import Settings

__all__ = ["OUTPUT_RETRIES", "TOOL_RETRIES", "mode_of", "recipe_of"]

TOOL_RETRIES = 3
OUTPUT_RETRIES = 2
_ORDER: tuple[Mode, ...] = ("native", "tool", "json", "prompted")
_FORMATS: dict[Mode, str] = {"native": "json_schema", "json": "json_object"}  # the response_format that a mode sends
_OF_TOOLS = ("tools", "tool_choice", "parallel_tool_calls")


def recipe_of(
    model: Model, plan: OutputPlan[Any], fields: Mapping[str, Any], settings: Settings | None, limits: RunLimits
) -> Recipe:
    """Make what a run needs of an agent's fields.

    Where tools or settings are functions of the context, it is the ground that the recipe of each turn is made from.

    Args:
        model: That of the run.
        plan: The wanted output.
        fields: Those of the agent.
        settings: Of the run, over the agent's.
        limits: Of the run.

    Raises:
        ConfigurationError: A tool bears the name of the output's tool.
    """
    make = partial(_make, model, plan, fields, limits)
    tools, own = fields["tools"], fields["settings"]
    chooser = Chooser(make, tools, own, settings) if callable(tools) or callable(own) else None
    toolbox, ground = Toolbox() if callable(tools) else tools, Settings() if callable(own) or own is None else own
    return make(toolbox=toolbox, settings=ground.merge(settings), choose=chooser)


def _make(
    model: Model,
    plan: OutputPlan[Any],
    fields: Mapping[str, Any],
    limits: RunLimits,
    *,
    toolbox: Toolbox,
    settings: Settings,
    choose: Chooser | None,
    insists: bool = False,
) -> Recipe:
    profile = getattr(model, "profile", None)
    mode = mode_of(plan, profile, toolbox)
    asked = plan.ask(mode)
    blank, final = _blanks(asked, profile, toolbox, settings)
    again = partial(
        _make, model, plan, fields, limits, toolbox=toolbox, settings=settings, choose=choose, insists=insists
    )
    recipe = Recipe(
        model=model,
        plan=plan,
        mode=mode,
        output_tool=_output_tool(asked, toolbox),
        toolbox=toolbox,
        instructions=(*_instructions(fields["instructions"]), *((asked.instructions,) if asked.instructions else ())),
        settings=settings,
        blank=blank,
        final=final,
        bounds=_bounds(plan, toolbox, limits),
        on_tool_error=fields["on_tool_error"],
        middleware=(*outermost, *fields["middleware"]),
        profile=profile,
        renew=again,
        name=fields["name"],
        choose=choose,
        insists=insists,
    )
    return replace(recipe, steady=steady_turn(recipe))


def _output_tool(asked: Asked, toolbox: Toolbox) -> str | None:
    name = asked.tools[0].name if asked.tools else None
    if name in toolbox:
        raise ConfigurationError(
            f"Tool {name!r} bears the name of the tool that gives the output. "
            "Rename it, or name the output: `OutputSpec(Type, name=...)`."
        )
    return name


def _bounds(plan: OutputPlan[Any], toolbox: Toolbox, limits: RunLimits) -> Bounds:
    output_retries = OUTPUT_RETRIES if plan.spec.retries is None else plan.spec.retries
    retries = {tool.name: tool.retries for tool in toolbox if tool.retries is not None}
    return Bounds(limits, output_retries, retries, TOOL_RETRIES)


def mode_of(plan: OutputPlan[Any], profile: Any, tools: Toolbox) -> Mode:
    """Choose how the output is asked for: as was said, else as the endpoint's profile names it, if that can be had.

    What can be had is what the profile says that the endpoint takes. Where a schema may not stand beside tools, the
    output's tool is taken if the model can be made to call it, for that costs no request more.

    Args:
        plan: The wanted output.
        profile: Of the model; None where it has none, which is taken to need nothing special.
        tools: Those of the agent.
    """
    if plan.spec.mode != "auto":
        return plan.spec.mode
    formats: Sequence[str] = getattr(profile, "response_formats", tuple(_FORMATS.values()))
    can: dict[Mode, bool] = {mode: _FORMATS.get(mode) in (None, *formats) for mode in _ORDER}
    can["tool"] = getattr(profile, "tools", True)
    named = cast("Mode", getattr(profile, "output_mode", "native"))
    mode: Mode = named if can.get(named) else next(one for one in _ORDER if can[one])
    if _FORMATS.get(mode) and can["tool"] and tools and not _formats_beside(profile):
        return "tool" if plan.allows_text or _can_force(profile, len(tools) + 1) else mode
    return mode


def _formats_beside(profile: Any) -> bool:
    """Tell whether the endpoint takes a format beside tools; a model without a profile, like ours, does."""
    return getattr(profile, "formats_with_tools", profile is None)


def _can_force(profile: Any, tools: int) -> bool:
    """Tell whether the endpoint takes it that a tool must be called; where not, the loop asks again by itself."""
    forms: Sequence[str] = getattr(profile, "tool_choices", ("required",))
    return "required" in forms or ("function" in forms and tools == 1)


def _blanks(asked: Asked, profile: Any, toolbox: Toolbox, settings: Settings) -> tuple[ChatRequest, ChatRequest | None]:
    """Make the request of each turn without its messages, and the last one's where that is another."""
    request = settings.set_fields()
    final: dict[str, Any] | None = None
    if tools := (*map(_definition, toolbox), *asked.tools):
        request["tools"] = tools
    if asked.tool_choice is not None:
        request["tool_choice"] = asked.tool_choice if _can_force(profile, len(tools)) else "auto"
    if asked.response_format is not None:
        request["response_format"] = asked.response_format
        if toolbox and not _formats_beside(profile):
            final = {name: value for name, value in request.items() if name not in _OF_TOOLS}
            del request["response_format"]
    return _blank(request), None if final is None else _blank(final)


def _blank(fields: dict[str, Any]) -> ChatRequest:
    return ChatRequest.model_construct(messages=(), **fields)


def _definition(tool: Tool[Any]) -> ToolDefinition:
    return ToolDefinition.of_bytes(tool.definition, tool.encoded)


def _instructions(given: Instructions | Sequence[Instructions] | None) -> tuple[str | Told, ...]:
    if given is None:
        return ()
    several = (given,) if isinstance(given, str) or callable(given) else given
    return tuple(one if isinstance(one, str) else _of_context(one) for one in several)


def _of_context(function: Callable[..., Any]) -> Told:
    """Let a function without parameters be called like those of the context."""
    try:
        parameters = inspect.signature(function).parameters
    except ValueError:  # a builtin, which says nothing of itself
        return function
    if parameters:
        return function

    @wraps(function)
    def of_nothing(_context: Context[Any], /) -> Any:
        return function()

    return of_nothing
