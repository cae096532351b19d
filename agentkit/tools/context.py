"""What a running call knows of its run is born here as `Context`, handed to the functions that ask for it."""

from __future__ import annotations

import hashlib
import logging
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Generic, Union, get_args, get_origin

from typing_extensions import TypeVar

from agentkit.tools.line import CallLog

__all__ = ["Context", "ToolRetry", "is_context"]

Deps_co = TypeVar("Deps_co", covariant=True, default=Any)


class ToolRetry(Exception):  # noqa: N818 - advice to the model, not a failure
    """Advice from a tool to the model, which may call again: `raise ToolRetry("Ask for a city, not a country.")`."""


@dataclass(frozen=True, slots=True)
class Context(Generic[Deps_co]):
    """What a tool may know of its call; a parameter with this hint is filled in and hidden from the model.

    Functions that are asked before a request (instructions, tools, settings) get one too: there is no call yet, so
    `call_id`, `tool_name` and `arguments` are empty.

    Attributes:
        deps: What was given to `run(deps=...)`.
        run_id: The run.
        call_id: The call, as the model's reply names it.
        tool_name: The tool's name in this run's toolbox.
        arguments: The call's arguments as they are carried out, as JSON text.
        turn: The replies so far: for a call that of its own reply, from 1; before the first request 0.
        usage: What the run has used so far, before this call.
        retry: How often the model has called again after a refusal or advice; 0 at first.
        emit: Shows an event to whoever watches the run; may be called from any thread.
    """

    deps: Deps_co = field(repr=False)  # it may hold secrets
    run_id: str
    call_id: str
    tool_name: str
    arguments: str = field(repr=False)
    turn: int
    usage: Any
    retry: int
    emit: Callable[[object], None] = field(repr=False)

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        """The standard library's logger "agentkit.tool", whose records bear `run_id`, `turn`, `call_id`, `tool_name`.

        `Log`, and AGENTKIT_LOG in the environment, show its lines from INFO on among their own. Known keys are hidden.
        """
        return CallLog({"run_id": self.run_id, "turn": self.turn, "call_id": self.call_id, "tool_name": self.tool_name})

    @property
    def idempotency_key(self) -> str:
        """The same 64 hexadecimal digits whenever this call is carried out again, for services that take such a key.

        SHA-256 over the run's id, the turn, the call's id (which some endpoints use again) and the arguments.
        """
        parts = f"{self.run_id}\0{self.turn}\0{self.call_id}\0{self.arguments}"
        return hashlib.sha256(parts.encode(errors="surrogatepass")).hexdigest()


def is_context(annotation: Any) -> bool:
    """Tell whether a resolved hint asks for the context: `Context`, `Context[X]`, either one annotated or optional."""
    annotation = getattr(annotation, "__value__", annotation)  # what a type alias stands for
    origin = get_origin(annotation)
    if origin is Annotated:
        return is_context(annotation.__origin__)
    if origin in (Union, types.UnionType):
        members = [member for member in get_args(annotation) if member is not type(None)]
        return len(members) == 1 and is_context(members[0])
    found = origin or annotation
    return isinstance(found, type) and issubclass(found, Context)
