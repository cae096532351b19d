"""An agent's fields: their types, how they are checked, and the model that one of them names; `Agent` asks."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Generic, TypeAlias, TypedDict, TypeGuard, TypeVar, get_type_hints

from agentkit.agent.run import Instructions, Middleware
from agentkit.errors import ConfigurationError, UnknownModelError
from agentkit.model import Model
from agentkit.providers import resolve
from agentkit.schema.argument import shorten
from agentkit.schema.parameter import target_of
from agentkit.state.limit import RunLimits
from agentkit.tools.context import Context, is_context
from agentkit.tools.execute import OnToolError
from agentkit.tools.tool import Function, Tool
from agentkit.tools.toolbox import Toolbox
from agentkit.wire.setting import Settings

__all__ = ["Options", "SettingsOf", "ToolsOf", "check_fields", "model_of", "settings_of", "tools_of"]

_Deps = TypeVar("_Deps")

ToolsOf: TypeAlias = Callable[
    [Context[_Deps]], Iterable[Tool[_Deps] | Function] | Awaitable[Iterable[Tool[_Deps] | Function]]
]
"""A function (sync or async) of the context that gives the tools of a turn: a list, or a toolbox; [] for none."""

SettingsOf: TypeAlias = Callable[[Context[_Deps]], Settings | Awaitable[Settings | None] | None]
"""A function (sync or async) of the context that gives the settings of a turn; None sets nothing."""


class Options(TypedDict, Generic[_Deps], total=False):
    """What an agent may be made with beside its model and output, whatever that is; for type checkers."""

    tools: Iterable[Tool[_Deps] | Function] | ToolsOf[_Deps]
    instructions: Instructions[_Deps] | Sequence[Instructions[_Deps]] | None
    settings: Settings | SettingsOf[_Deps] | None
    limits: RunLimits | None
    middleware: Sequence[Middleware]
    on_tool_error: OnToolError
    name: str | None


def check_fields(on_tool_error: Any, middleware: Sequence[Any], instructions: Any = None) -> None:
    """Raise `ConfigurationError` for a way with errors that is unknown, or what is no middleware, or no instruction."""
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
    given = instructions if _are_several(instructions) else () if instructions is None else (instructions,)
    for one in given:
        if not isinstance(one, str) and not callable(one):
            raise ConfigurationError(
                f"The instructions are or hold {shorten(repr(one))}, which is neither a text nor a function. "
                "Give a text, a function of the context, or a list of these."
            )


def _are_several(given: object) -> TypeGuard[Sequence[object]]:
    return isinstance(given, Sequence) and not isinstance(given, str | bytes)


def tools_of(given: Any) -> Any:
    """Give an agent's tools as a toolbox; a function that chooses them for each turn is left as it is.

    Raises:
        ToolDefinitionError: One cannot be a tool, or stands alone where several are taken.
    """
    return given if isinstance(given, Toolbox) or _chooses(given) else Toolbox(given)


def settings_of(given: Any) -> Any:
    """Give an agent's settings; a function that gives them for each turn is left as it is.

    Raises:
        InvalidRequestError: They are neither.
    """
    if given is None or (callable(given) and not isinstance(given, type)):
        return given
    settings: Any = given  # which `merge` looks at
    return Settings().merge(settings)


def _chooses(given: Any) -> bool:
    """Tell a function that chooses tools from one that is a tool: its one parameter is the context, or has no hint."""
    if isinstance(given, Tool | type) or not callable(given) or inspect.isbuiltin(given):
        return False
    try:
        parameters = [*inspect.signature(given).parameters.values()]
    except (TypeError, ValueError):  # of an object whose call says nothing of itself
        return False
    placed = [one for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    bound = all(one.kind == one.KEYWORD_ONLY and one.default is not one.empty for one in parameters[len(placed) :])
    return len(placed) == 1 and bound and _may_be_context(placed[0], given)


def _may_be_context(parameter: inspect.Parameter, function: Any) -> bool:
    hint = parameter.annotation
    if isinstance(hint, str):
        try:
            hint = get_type_hints(target_of(function), include_extras=True)[parameter.name]
        except Exception:  # noqa: BLE001 # hints are code; a name in it may be imported for type checkers only
            return re.match(r"[\"'\s]*(\w+\.)*Context\b", hint) is not None
    return hint is parameter.empty or is_context(hint)


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
