"""An agent's fields: their types, how they are checked, and the model that one of them names; `Agent` asks."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any, Generic, TypedDict, TypeVar

from agentkit.agent.run import Instructions, Middleware
from agentkit.errors import ConfigurationError, UnknownModelError
from agentkit.model import Model
from agentkit.providers import resolve
from agentkit.state.limit import RunLimits
from agentkit.tools.execute import OnToolError
from agentkit.tools.tool import Function, Tool
from agentkit.wire.setting import Settings

__all__ = ["Options", "check_fields", "model_of"]

_Deps = TypeVar("_Deps")


class Options(TypedDict, Generic[_Deps], total=False):
    """What an agent may be made with beside its model and output, whatever that is; for type checkers."""

    tools: Iterable[Tool[_Deps] | Function]
    instructions: Instructions | Sequence[Instructions] | None
    settings: Settings | None
    limits: RunLimits | None
    middleware: Sequence[Middleware]
    on_tool_error: OnToolError
    name: str | None


def check_fields(on_tool_error: Any, middleware: Sequence[Any]) -> None:
    """Raise `ConfigurationError` for a way with errors that is unknown, or what is no middleware."""
    if on_tool_error not in ("report", "raise") and not callable(on_tool_error):
        raise ConfigurationError(
            f"on_tool_error is {on_tool_error!r}, which is unknown. "
            'Give "report", "raise", or a function of the call and the exception.'
        )
    for layer in middleware:
        if not isinstance(layer, Middleware):
            raise ConfigurationError(
                f"{layer!r} is no middleware. Give objects of subclasses of `agentkit.agent.Middleware`."
            )


def model_of(model: str | Model | None) -> Model:
    """Give the model that is meant: a name's, one as it is, or for None the one that AGENTKIT_MODEL names.

    Raises:
        UnknownModelError: None is named, no provider owns the name, or it is no model.
    """
    if model is None:
        model = os.environ.get("AGENTKIT_MODEL", "").strip()
        if not model:
            raise UnknownModelError(
                'No model is named. Write `Agent("provider:model")` or `agent.run(..., model="provider:model")`, '
                'or set AGENTKIT_MODEL=provider:model. Without a key and network: `Agent("local")`.'
            )
    if isinstance(model, str):
        return resolve(model)  # which knows the models that it made, and what the environment said then
    given: Any = model
    if not isinstance(given, Model):
        raise UnknownModelError(
            f"A model of type {type(given).__name__} lacks `name`, `complete` or `stream`. "
            'Give a name, `"provider:model"`, or a `ChatModel(...)`.'
        )
    return model
