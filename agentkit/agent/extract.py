"""A typed value out of a text in one call: an agent without tools, kept for the next call with the same type."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from typing import Any, Final, TypedDict, TypeVar, overload

from typing_extensions import TypeForm, Unpack

from agentkit.agent.agent import Agent
from agentkit.agent.prompt import Prompt
from agentkit.agent.run import Instructions
from agentkit.model import Model
from agentkit.output import OutputSpec
from agentkit.wire.setting import Settings

__all__ = ["INSTRUCTIONS", "extract", "extract_sync"]

O = TypeVar("O")  # noqa: E741 # as DESIGN names it

_KEPT: Final = 64
INSTRUCTIONS = "Extract what is asked for from the text. Take values as the text says them; invent nothing."


class _Options(TypedDict, total=False):
    model: str | Model | None
    instructions: Instructions
    settings: Settings | None


@overload
async def extract(output: type[O], text: Prompt, **options: Unpack[_Options]) -> O: ...
@overload
async def extract(output: TypeForm[O], text: Prompt, **options: Unpack[_Options]) -> O: ...
@overload
async def extract(output: Callable[..., Awaitable[O]], text: Prompt, **options: Unpack[_Options]) -> O: ...
@overload
async def extract(output: OutputSpec[O] | Callable[..., O], text: Prompt, **options: Unpack[_Options]) -> O: ...
@overload
async def extract(output: Mapping[str, Any], text: Prompt, **options: Unpack[_Options]) -> Any: ...
async def extract(
    output: Any,
    text: Prompt,
    *,
    model: str | Model | None = None,
    instructions: Instructions = INSTRUCTIONS,
    settings: Settings | None = None,
) -> Any:
    """Give the value of a type that a text (or content parts) holds.

    What is made of a type is kept for the next calls, and so are the connections of a model that is named: many calls
    cost about what those of one agent do. Many texts at once, a store and a budget: `Agent.map`.

    Args:
        output: What `Agent(output=)` takes.
        text: Where it is taken from: a text, or a list of texts, parts and paths of images, PDFs and other files.
        model: As for `Agent`.
        instructions: In the place of the built-in two sentences.
        settings: As for `Agent`.

    Raises:
        OutputError: No valid value came within the retries.
        APIError: The endpoint gave no usable reply.
    """
    return (await _agent(output, instructions).run(text, model=model, settings=settings)).output


@overload
def extract_sync(output: type[O], text: Prompt, **options: Unpack[_Options]) -> O: ...
@overload
def extract_sync(output: TypeForm[O], text: Prompt, **options: Unpack[_Options]) -> O: ...
@overload
def extract_sync(output: Callable[..., Awaitable[O]], text: Prompt, **options: Unpack[_Options]) -> O: ...
@overload
def extract_sync(output: OutputSpec[O] | Callable[..., O], text: Prompt, **options: Unpack[_Options]) -> O: ...
@overload
def extract_sync(output: Mapping[str, Any], text: Prompt, **options: Unpack[_Options]) -> Any: ...
def extract_sync(
    output: Any,
    text: Prompt,
    *,
    model: str | Model | None = None,
    instructions: Instructions = INSTRUCTIONS,
    settings: Settings | None = None,
) -> Any:
    """Give the value as `extract` does, from sync code."""
    return _agent(output, instructions).run_sync(text, model=model, settings=settings).output


def _agent(output: Any, instructions: Instructions) -> Agent[None, Any]:
    try:
        hash((output, instructions))
    except TypeError:  # a JSON Schema, say
        return Agent(output=output, instructions=instructions)
    return _kept(output, repr(output), instructions)


@lru_cache(_KEPT)
def _kept(output: Any, _order: str, instructions: Instructions) -> Agent[None, Any]:
    """Make an agent once; `A | B` equals `B | A`, but is not asked for alike, so that the order is part of the key."""
    return Agent(output=output, instructions=instructions)
