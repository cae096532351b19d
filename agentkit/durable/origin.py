"""Where a run comes from, as its records keep it: the place of its agent in the program, and what it was given besides.

`keeping` writes it; replay, and the command line, read it.
"""

from __future__ import annotations

import os
import sys
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json

from agentkit.agent.keeper import Origin
from agentkit.durable.record import line_of
from agentkit.errors import ConfigurationError, StateError
from agentkit.state.limit import RunLimits
from agentkit.wire.setting import Settings

__all__ = ["given_of", "source_of", "terms_of"]

_SCRIPTS = ("__main__", "__mp_main__")

_found: dict[int, tuple[weakref.ref[Any], str | None]] = {}  # by the identity of an agent, which is not always hashable


def source_of(origin: Origin | None) -> str | None:
    """Give where the agent stands, `shop:agent` or `jobs/shop.py:agent`, so that it can be imported another time.

    It is the name of a module that is the very agent; None where there is none, as of an agent that a function made, or
    only in a file that is not below the working directory. Nothing is imported by the search, and each agent is looked
    for once.
    """
    if origin is None or origin.agent is None:
        return None
    agent, key = origin.agent, id(origin.agent)
    known = _found.get(key)
    if known is None or known[0]() is not agent:
        known = weakref.ref(agent, lambda _: _found.pop(key, None)), _search(agent)
        _found[key] = known
    return known[1]


def given_of(origin: Origin | None) -> dict[str, Any]:
    """Give the settings and limits of a run's own as plain JSON, without headers, for they may hold secrets."""
    given: dict[str, Any] = {}
    if origin is None:
        return given
    if (settings := origin.settings) is not None:
        plain = settings.model_dump(mode="json", by_alias=True, exclude_unset=True)  # a None switches one off
        hidden = {"extra_body": settings.extra_body, "check_contract": settings.check_contract}
        given["settings"] = plain | {name: one for name, one in hidden.items() if one is not None}
    if (limits := origin.limits) is not None:
        given["limits"] = {one.name: getattr(limits, one.name) for one in fields(limits) if one.init}
    return from_json(line_of(given)) if given else given


def terms_of(given: Mapping[str, Any]) -> tuple[Settings | None, RunLimits | None]:
    """Read what `given_of` gave: settings and limits.

    Raises:
        StateError: It is not what that gave.
    """
    settings, limits = given.get("settings"), given.get("limits")
    known = {one.name for one in fields(RunLimits) if one.init}
    try:
        return (
            None if settings is None else Settings.model_validate(settings),
            None if limits is None else RunLimits(**{name: one for name, one in limits.items() if name in known}),
        )
    except (ValidationError, ConfigurationError, AttributeError, TypeError) as error:
        why = str(error).removesuffix(".")
        raise StateError(f"The settings and limits of a run cannot be read from its record: {why}.") from error


def _search(agent: Any) -> str | None:
    """Look among the names of the modules, the last imported first: who defines an agent comes after who imports it."""
    try:
        here = Path.cwd()
    except OSError:  # it was taken away
        return None
    found = (_place(key, module, name, here) for key, module, name in _names(agent))
    return next((place for place in found if place is not None), None)


def _names(agent: Any) -> Iterator[tuple[str, ModuleType, str]]:
    modules: list[tuple[str, Any]] = list(sys.modules.items())  # there may be anything among them
    for key, module in reversed(modules):
        if not issubclass(type(module), ModuleType) or key.partition(".")[0] in sys.stdlib_module_names:
            continue
        names: dict[str, Any] = object.__getattribute__(module, "__dict__")  # asking a lazy module would import it
        for name, value in names.copy().items():
            if value is agent and name.isidentifier():
                yield key, module, name


def _place(key: str, module: ModuleType, name: str, here: Path) -> str | None:
    """Name it as it is found from the working directory: by its module, or by the file of a script and those beside."""
    names: dict[str, Any] = object.__getattribute__(module, "__dict__")
    own, file = key, names.get("__file__")
    if key in _SCRIPTS:
        own = getattr(names.get("__spec__"), "name", "")  # of `python -m shop`
    if not all(part.isidentifier() for part in own.split(".")):
        own = ""
    if own and ("." in own or "__path__" in names):
        return f"{own}:{name}"
    if not isinstance(file, str):
        return None
    path = Path(os.path.normpath(here / file))
    if path.is_relative_to(here) and path.suffix == ".py" and "site-packages" not in path.parts:
        path = path.relative_to(here)
        return f"{path.as_posix()}:{name}" if path != Path(f"{own}.py") else f"{own}:{name}"
    return f"{own}:{name}" if own and path.name.partition(".")[0] == own else None
