"""What differs between two states of one run, as plain JSON: of what grows only the new end; records of runs hold it.

Pure: it knows neither who writes it nor where.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from pydantic import ValidationError

from agentkit.errors import StateError
from agentkit.kind import is_array
from agentkit.state.run import RunState, state_adapter

__all__ = ["change_of", "changed"]

_NAMES = tuple(one.name for one in fields(RunState))
_GROWING = ("messages", "usages", "costs", "attempts")  # these are given as [how many stay, those that come after]
_PLAIN = (str, int, float, type(None))  # which are JSON as they are


def change_of(before: RunState, after: RunState) -> dict[str, Any]:
    """Give what to put in the place of what, by the state's fields; empty where nothing differs.

    Its size is that of what is new, however long the history is.
    """
    was, now = vars(before), vars(after)
    names = [name for name in _NAMES if now[name] is not was[name] and now[name] != was[name]]
    if not names:
        return {}
    change = {name: now[name] for name in names}
    if made := {name for name in names if not isinstance(now[name], _PLAIN)}:
        stay = {name: _common(was[name], now[name]) for name in names if name in _GROWING}
        new = after.replace(**{name: now[name][most:] for name, most in stay.items()})
        plain = state_adapter().dump_python(new, mode="json", include=made, exclude_none=True, by_alias=True)
        change |= {name: [stay[name], value] if name in stay else value for name, value in plain.items()}
    return change


def changed(state: RunState, change: Mapping[str, Any]) -> RunState:
    """Give the state after a change that `change_of` gave.

    Raises:
        StateError: It is none, or not of this state.
    """
    if not change:
        return state
    given, before = {**change}, dict[str, Any]()
    for name in _GROWING:
        if name in given:
            before[name], given[name] = _split(state, name, given[name])
    try:
        read = vars(state_adapter().validate_python(given))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "change"
        raise StateError(f"A change of the run {state.run_id!r} cannot be read: {where}: {first['msg']}.") from error
    return state.replace(
        **{name: before.get(name, ()) + read[name] if name in before else read[name] for name in given}
    )


def _split(state: RunState, name: str, given: Any) -> tuple[tuple[Any, ...], Any]:
    old = getattr(state, name)
    stay, new = given if is_array(given) and len(given) == 2 else (None, None)
    if isinstance(stay, int) and 0 <= stay <= len(old) and is_array(new):
        return old[:stay], new
    raise StateError(
        f"A change of the run {state.run_id!r} does not fit: of its {len(old)} {name} it keeps {str(given)[:20]}. "
        "Are there records missing, or of another run?"
    )


def _common(before: tuple[Any, ...], after: tuple[Any, ...]) -> int:
    if after[: len(before)] == before:  # the usual case, at the speed of C
        return len(before)
    pairs = enumerate(zip(before, after, strict=False))
    return next((place for place, (old, new) in pairs if old is not new and old != new), len(after))
