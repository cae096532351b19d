"""The first thing that today's code does otherwise than a recorded run did: where, what was recorded, what is today.

`replay` finds it and people read it. The functions here compare plain JSON and know no run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from agentkit.kind import is_array, is_object

__all__ = ["Difference", "Divergence", "Where", "excerpts", "message_difference", "request_difference", "text_of_json"]

Where = Literal["instructions", "message", "tool", "settings", "output", "call", "arguments", "handoff", "end"]
"""The instructions; a message of the history; a tool's definition; a setting of the request; the output's schema, or
whether a reply is the output; whether a call runs; how its arguments are read; who goes on; whether the run ends."""

_BEFORE, _AFTER = 30, 90  # characters that are shown around the first one that differs
_NOTHING: Any = object()
_FORMAT = "response_format"
_PLAIN = (str, int, float, bool, type(None))


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs, as a sentence, with both texts whole; None where there is nothing to show."""

    where: Where
    what: str
    recorded: str | None = None
    today: str | None = None


@dataclass(frozen=True, slots=True)
class Divergence:
    """The first difference of a replay.

    Attributes:
        run_id: The run that it is in: the replayed one, or one of its sub-runs.
        turn: Its turn, that of the first reply being 1.
        where: What kind of thing differs.
        what: What differs, as a sentence.
        recorded: What was recorded, whole; None where that is nothing.
        today: What it is today, whole; None where that is nothing.
    """

    run_id: str
    turn: int
    where: Where
    what: str
    recorded: str | None = None
    today: str | None = None

    @property
    def text(self) -> str:
        """Tell it to a person: a sentence, and both texts cut around the first character that differs."""
        below = f" of the sub-run {self.run_id}" if "/" in self.run_id else ""
        head = f"Turn {self.turn}{below}: {self.what}"
        if self.recorded is None and self.today is None:
            return head
        recorded, today = excerpts(self.recorded, self.today)
        return f"{head}\n  recorded: {recorded}\n  today:    {today}"

    def __str__(self) -> str:
        return self.text


def excerpts(recorded: str | None, today: str | None) -> tuple[str, str]:
    """Cut two texts around the first character that differs; what no terminal shows is written as an escape."""
    one, other = recorded or "", today or ""
    pairs = enumerate(zip(one, other, strict=False))
    at = next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))
    begin = max(0, at - _BEFORE)
    return _cut(recorded, begin, at + _AFTER), _cut(today, begin, at + _AFTER)


def _cut(text: str | None, begin: int, end: int) -> str:
    if text is None:
        return "(nothing)"
    shown = "".join(one if one.isprintable() else _escape(one) for one in text[begin:end])
    return f"{'...' if begin else ''}{shown}{'...' if len(text) > end else ''}"


def _escape(one: str) -> str:
    return json.dumps(one)[1:-1] if ord(one) != 0x7F else "\\u007f"  # DEL, which JSON leaves as it is


def request_difference(recorded: Mapping[str, Any], today: Mapping[str, Any]) -> Difference | None:
    """Give the first difference of two requests without their histories: instructions, tools, output, settings.

    Args:
        recorded: The request's fields as JSON; `messages` are its instructions.
        today: The same of today.
    """
    said, says = _said(recorded.get("messages")), _said(today.get("messages"))
    if said != says:
        return Difference("instructions", "the instructions differ.", said or None, says or None)
    found = _tools_difference(recorded.get("tools") or (), today.get("tools") or ())
    return found or _format_difference(recorded, today) or _settings_difference(recorded, today)


def _said(messages: Any) -> str:
    given: Sequence[Any] = messages or ()
    return "\n\n".join(text_of_json(message.get("content")) for message in given)


def text_of_json(value: Any) -> str:
    """Show a text as it is, and anything else as compact JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _tools_difference(recorded: Sequence[Any], today: Sequence[Any]) -> Difference | None:
    old, new = {_name(one): one for one in recorded}, {_name(one): one for one in today}
    for name, tool in old.items():
        if name not in new:
            return Difference("tool", f"the tool '{name}' is offered no more.", ", ".join(old), ", ".join(new) or None)
        if (path := _path(tool, new[name])) is not None:
            return _tool_difference(name, tool, new[name], path)
    for name in new:
        if name not in old:
            return Difference("tool", f"the tool '{name}' is new.", ", ".join(old) or None, ", ".join(new))
    if [*old] != [*new]:
        return Difference("tool", "the tools come in another order.", ", ".join(old), ", ".join(new))
    return None


def _name(tool: Any) -> str:
    named: Any = tool.get("function") or tool.get("custom")
    return str(named["name"]) if named else ""


def _tool_difference(name: str, recorded: Any, today: Any, path: tuple[Any, ...]) -> Difference:
    one, other = _at(recorded, path), _at(today, path)
    place, inside = f"the tool '{name}'", path[1:] if path[:1] in (("function",), ("custom",)) else path
    if inside[:1] == ("parameters",):
        parameter, keyword = _parameter(inside[1:])
        place = f"the parameter '{parameter}' of {place}" if parameter else f"the schema of {place}"
        inside = keyword
    return _differs("tool", place, inside, one, other)


def _differs(where: Where, place: str, inside: tuple[Any, ...], one: Any, other: Any) -> Difference:
    """Say that something is new, gone, or another one."""
    if not inside and (one is _NOTHING or other is _NOTHING):
        what = f"{place} is new." if one is _NOTHING else f"{place} is gone."
    else:
        what = f"{place} differs in `{'.'.join(map(str, inside))}`." if inside else f"{place} differs."
    return Difference(where, what, _shown(one), _shown(other))


def _shown(value: Any) -> str | None:
    return None if value is _NOTHING else text_of_json(value)


def _parameter(path: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """Split a path in a schema: the property that it leads to, by names alone, and what of that."""
    names, place, named, end = list[str](), 0, 0, 0
    while place < len(path) - 1:
        is_property = path[place] == "properties"
        place += 2 if is_property else 1
        names.append(str(path[place - 1]))
        if is_property:
            named, end = len(names), place
    return ".".join(names[:named]), path[end:]


def _format_difference(recorded: Mapping[str, Any], today: Mapping[str, Any]) -> Difference | None:
    one, other = recorded.get(_FORMAT, _NOTHING), today.get(_FORMAT, _NOTHING)
    path = _path(one, other)
    if path is None:
        return None
    inside = path[2:] if path[:2] == ("json_schema", "schema") else ()
    if not inside:
        return _differs("output", "the form in which the output is asked for", path, _at(one, path), _at(other, path))
    field, keyword = _parameter(inside)
    place = f"the field '{field}' of the output" if field else "the schema of the output"
    return _differs("output", place, keyword, _at(one, path), _at(other, path))


def _settings_difference(recorded: Mapping[str, Any], today: Mapping[str, Any]) -> Difference | None:
    for name in dict.fromkeys((*recorded, *today)):
        if name in ("messages", "tools", _FORMAT):
            continue
        one, other = recorded.get(name, _NOTHING), today.get(name, _NOTHING)
        if _path(one, other) is not None:
            return Difference("settings", f"the setting '{name}' differs.", _shown(one), _shown(other))
    return None


def message_difference(
    recorded: Sequence[Mapping[str, Any]], today: Sequence[Mapping[str, Any]], begin: int = 0
) -> Difference | None:
    """Give the first message that differs, by its place and role.

    Args:
        recorded: Messages as JSON.
        today: The same of today.
        begin: How many messages stand before them.
    """
    for place in range(max(len(recorded), len(today))):
        one = recorded[place] if place < len(recorded) else _NOTHING
        other = today[place] if place < len(today) else _NOTHING
        path = _path(one, other)
        if path is None:
            continue
        role = (other if one is _NOTHING else one).get("role")
        named = f"message {begin + place + 1}, of the role {role},"
        if one is _NOTHING or other is _NOTHING:
            said = text_of_json((other if one is _NOTHING else one).get("content"))
            what = f"{named} is new." if one is _NOTHING else f"{named} is gone."
            return Difference("message", what, *((None, said) if one is _NOTHING else (said, None)))
        inside = () if path == ("content",) else path
        return _differs("message", named, inside, _at(one, path), _at(other, path))
    return None


def _path(one: Any, other: Any) -> tuple[Any, ...] | None:
    """Give the way to the first place at which two JSON values differ; None where they are equal."""
    if is_object(one) and is_object(other):
        for key in dict.fromkeys((*one, *other)):
            if (below := _path(one.get(key, _NOTHING), other.get(key, _NOTHING))) is not None:
                return (key, *below)
        return None
    if is_array(one) and is_array(other) and not (_is_flat(one) and _is_flat(other)):
        for place in range(max(len(one), len(other))):
            pair = (items[place] if place < len(items) else _NOTHING for items in (one, other))
            if (below := _path(*pair)) is not None:
                return (place, *below)
        return None
    return None if one == other and isinstance(one, bool) is isinstance(other, bool) else ()


def _is_flat(items: Sequence[Any]) -> bool:
    """Tell a list of plain values, which is shown whole: the names that are required, the values of an enum."""
    return all(isinstance(item, _PLAIN) for item in items)


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    """Follow a way in a JSON value, as far as it goes."""
    for step in path:
        if is_object(value):
            value = value.get(step, _NOTHING)
        elif is_array(value):
            value = value[step] if step < len(value) else _NOTHING
        else:
            return _NOTHING
    return value
