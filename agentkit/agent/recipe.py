"""An agent's fields made ready for runs, once: tools encoded, output mode chosen, settings merged."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, cast

from agentkit.agent.loop import Bounds
from agentkit.agent.run import Instructions, Recipe, Told, outermost
from agentkit.errors import ConfigurationError
from agentkit.model import Model
from agentkit.output import Asked, Mode, OutputPlan
from agentkit.state.limit import RunLimits
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
    model: Model, plan: OutputPlan[Any], fields: Mapping[str, Any], settings: Settings, limits: RunLimits
) -> Recipe:
    """Make what a run needs of an agent's fields; settings and limits are those of the run.

    Raises:
        ConfigurationError: A tool bears the name of the output's tool.
    """
    toolbox: Toolbox = fields["tools"]
    profile = getattr(model, "profile", None)
    mode = mode_of(plan, profile, toolbox)
    asked = plan.ask(mode)
    output_tool = asked.tools[0].name if asked.tools else None
    if output_tool in toolbox:
        raise ConfigurationError(
            f"Tool {output_tool!r} bears the name of the tool that gives the output. "
            "Rename it, or name the output: `OutputSpec(Type, name=...)`."
        )
    retries = {tool.name: tool.retries for tool in toolbox if tool.retries is not None}
    blank, final = _blanks(asked, profile, toolbox, settings)
    output_retries = OUTPUT_RETRIES if plan.spec.retries is None else plan.spec.retries
    return Recipe(
        model=model,
        plan=plan,
        mode=mode,
        output_tool=output_tool,
        toolbox=toolbox,
        instructions=(*_instructions(fields["instructions"]), *((asked.instructions,) if asked.instructions else ())),
        settings=settings,
        blank=blank,
        final=final,
        bounds=Bounds(limits, output_retries, retries, TOOL_RETRIES),
        on_tool_error=fields["on_tool_error"],
        middleware=(*outermost, *fields["middleware"]),
        profile=profile,
        renew=partial(recipe_of, model, plan, fields, settings, limits),
        name=fields["name"],
    )


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
    return function if parameters else lambda _context: function()
