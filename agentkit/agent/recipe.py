"""An agent's fields made ready for runs, once: tools encoded, output mode chosen, settings merged."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agentkit.agent.loop import Bounds
from agentkit.agent.run import Instructions, Recipe, Told, outermost
from agentkit.errors import ConfigurationError
from agentkit.model import Model
from agentkit.output import Mode, OutputPlan
from agentkit.state.limit import RunLimits
from agentkit.tools.tool import Tool
from agentkit.tools.toolbox import Toolbox
from agentkit.wire.request import ChatRequest, ToolDefinition
from agentkit.wire.setting import Settings

__all__ = ["OUTPUT_RETRIES", "TOOL_RETRIES", "recipe_of"]

TOOL_RETRIES = 3
OUTPUT_RETRIES = 2
_NEEDS = {"native": "json_schema", "json": "json_object"}  # the type of response_format that an output mode sends


def recipe_of(
    model: Model, plan: OutputPlan[Any], fields: Mapping[str, Any], settings: Settings, limits: RunLimits
) -> Recipe:
    """Make what a run needs of an agent's fields; settings and limits are those of the run.

    Raises:
        ConfigurationError: A tool bears the name of the output's tool.
    """
    toolbox: Toolbox = fields["tools"]
    mode = _mode(plan, model)
    asked = plan.ask(mode)
    output_tool = asked.tools[0].name if asked.tools else None
    if output_tool in toolbox:
        raise ConfigurationError(
            f"Tool {output_tool!r} bears the name of the tool that gives the output. "
            "Rename it, or name the output: `OutputSpec(Type, name=...)`."
        )
    retries = {tool.name: tool.retries for tool in toolbox if tool.retries is not None}
    request = settings.set_fields()
    if tools := (*map(_definition, toolbox), *asked.tools):
        request["tools"] = tools
    if asked.response_format is not None:
        request["response_format"] = asked.response_format
    if asked.tool_choice is not None:
        request["tool_choice"] = asked.tool_choice if _can_force(model, request["tools"]) else "auto"
    output_retries = OUTPUT_RETRIES if plan.spec.retries is None else plan.spec.retries
    return Recipe(
        model=model,
        plan=plan,
        mode=mode,
        output_tool=output_tool,
        toolbox=toolbox,
        instructions=(*_instructions(fields["instructions"]), *((asked.instructions,) if asked.instructions else ())),
        settings=settings,
        blank=ChatRequest.model_construct(messages=(), **request),
        bounds=Bounds(limits, output_retries, retries, TOOL_RETRIES),
        on_tool_error=fields["on_tool_error"],
        middleware=(*outermost, *fields["middleware"]),
    )


def _mode(plan: OutputPlan[Any], model: Model) -> Mode:
    """Take the wanted mode, else the one that the endpoint's profile names, else the schema in response_format."""
    if plan.spec.mode != "auto":
        return plan.spec.mode
    profile = getattr(model, "profile", None)
    mode: Mode = getattr(profile, "output_mode", "native")
    formats: Sequence[str] | None = getattr(profile, "response_formats", None)
    if formats is not None and mode in _NEEDS and _NEEDS[mode] not in formats:
        return "tool" if mode == "native" else "prompted"
    return mode


def _can_force(model: Model, tools: Sequence[ToolDefinition]) -> bool:
    """Tell whether the endpoint takes it that a tool must be called; where not, the loop asks again by itself."""
    profile = getattr(model, "profile", None)
    forms: Sequence[str] = getattr(profile, "tool_choices", ("required",))
    return "required" in forms or ("function" in forms and len(tools) == 1)


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
