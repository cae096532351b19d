"""One input of `agentkit extract`, as a pure reading of a line, a cell or a file's text; `source` brings them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from agentkit.agent.prompt import Prompt
from agentkit.kind import is_array, is_object

__all__ = ["Item", "line_item", "text_item"]


@dataclass(frozen=True, slots=True)
class Item:
    """One input.

    Attributes:
        id: Its own id, else its file's name, else its line's number.
        place: Where it stands, for people.
        prompt: What the model is given.
        fault: Why there is no prompt, and what to do.
    """

    id: Any
    place: str
    prompt: Prompt = None
    fault: str | None = None


def line_item(line: bytes, number: int, name: str, field: str | None) -> Item:
    """Read a line: a JSON text, or a JSON object with the text in a field; without a field, plain text."""
    place = f"{name}, line {number}"
    try:
        text = line.decode().removesuffix("\r")
    except UnicodeDecodeError as error:
        return Item(number, place, fault=f"The line is not UTF-8 (byte {error.start + 1}). Convert the file to UTF-8.")
    if field is None:
        return text_item(number, place, text, "line")
    try:
        value: Any = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        where = "nested too deep" if isinstance(error, RecursionError) else str(error)
        if isinstance(error, json.JSONDecodeError):
            where = f"{error.msg} at column {error.colno}"
        return Item(
            number,
            place,
            fault=f"The line is no JSON: {where}. Write a JSON string or an object with {field!r} on each line; "
            "lines of plain text are read from stdin, --in -.",
        )
    if isinstance(value, str):
        return text_item(number, place, value, "line")
    if not is_object(value):
        what = _kind(value)
        return Item(number, place, fault=f"The line is {what}. Write a JSON string or an object with {field!r}.")
    own = value.get("id")
    found = _reach(value, field)
    own = number if own is None else own
    if not isinstance(found, str):
        seen = f"is {_kind(found)}" if found is not None else f"is missing; there is {', '.join(map(repr, value))}"
        return Item(own, place, fault=f"The field {field!r} {seen}. Name the field that holds a text: --field NAME.")
    return text_item(own, place, found, f"field {field!r}")


def text_item(own: Any, place: str, text: str, what: str) -> Item:
    """Make an input of a text, or a fault of one that is empty or cannot be sent."""
    if not text.strip():
        return Item(own, place, fault=f"The {what} has no text.")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:  # half of a surrogate pair, or a byte of another encoding in a table
            fault = f"The {what} is not Unicode (character {error.start + 1}). Convert it to UTF-8."
            return Item(own, place, fault=fault)
    return Item(own, place, text)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no value of JSON")


def _reach(value: dict[str, Any], field: str) -> Any:
    if field in value:
        return value[field]
    found: Any = value
    for name in field.split("."):
        found = found.get(name) if is_object(found) else None
    return found


def _kind(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return "an object" if is_object(value) else "a list" if is_array(value) else "a number"
