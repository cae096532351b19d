"""A typed value out of a text in one call: an agent without tools, made, run and forgotten."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, overload

from typing_extensions import TypeForm

from agentkit.agent.agent import Agent
from agentkit.agent.run import Instructions
from agentkit.agent.start import Prompt
from agentkit.model import Model
from agentkit.output import OutputSpec
from agentkit.wire.setting import Settings

__all__ = ["extract", "extract_sync"]

O = TypeVar("O")  # noqa: E741 # as DESIGN names it

_INSTRUCTIONS = "Extract what is asked for from the text. Take values as the text says them; invent nothing."


@overload
async def extract(
    output: type[O],
    text: Prompt,
    *,
    model: str | Model | None = None,
    instructions: Instructions = _INSTRUCTIONS,
    settings: Settings | None = None,
) -> O: ...
@overload
async def extract(
    output: TypeForm[O],
    text: Prompt,
    *,
    model: str | Model | None = None,
    instructions: Instructions = _INSTRUCTIONS,
    settings: Settings | None = None,
) -> O: ...
@overload
async def extract(
    output: OutputSpec[O] | Callable[..., O],
    text: Prompt,
    *,
    model: str | Model | None = None,
    instructions: Instructions = _INSTRUCTIONS,
    settings: Settings | None = None,
) -> O: ...
async def extract(
    output: Any,
    text: Prompt,
    *,
    model: str | Model | None = None,
    instructions: Instructions = _INSTRUCTIONS,
    settings: Settings | None = None,
) -> Any:
    """Give the value of a type that a text (or content parts) holds.

    Args:
        output: What `Agent(output=)` takes.
        text: Where it is taken from.
        model: As for `Agent`.
        instructions: In the place of the built-in two sentences.
        settings: As for `Agent`.

    Raises:
        OutputError: No valid value came within the retries.
        APIError: The endpoint gave no usable reply.
    """
    agent: Agent[None, Any] = Agent(model, output=output, instructions=instructions, settings=settings)
    return (await agent.run(text)).output


@overload
def extract_sync(
    output: type[O],
    text: Prompt,
    *,
    model: str | Model | None = None,
    instructions: Instructions = _INSTRUCTIONS,
    settings: Settings | None = None,
) -> O: ...
@overload
def extract_sync(
    output: TypeForm[O],
    text: Prompt,
    *,
    model: str | Model | None = None,
    instructions: Instructions = _INSTRUCTIONS,
    settings: Settings | None = None,
) -> O: ...
@overload
def extract_sync(
    output: OutputSpec[O] | Callable[..., O],
    text: Prompt,
    *,
    model: str | Model | None = None,
    instructions: Instructions = _INSTRUCTIONS,
    settings: Settings | None = None,
) -> O: ...
def extract_sync(
    output: Any,
    text: Prompt,
    *,
    model: str | Model | None = None,
    instructions: Instructions = _INSTRUCTIONS,
    settings: Settings | None = None,
) -> Any:
    """Give the value as `extract` does, from sync code."""
    agent: Agent[None, Any] = Agent(model, output=output, instructions=instructions, settings=settings)
    return agent.run_sync(text).output
