"""What the probes say: the bodies of requests as plain dicts, small, harmless and the same every time. Pure."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Sequence
from typing import Any, Final

__all__ = [
    "BOTH",
    "CALL_AND_REPORT",
    "CALL_IDS",
    "CALL_TOOL",
    "COUNT",
    "HELLO",
    "JSON_WORDS",
    "REPORT",
    "TIME",
    "WEATHER",
    "WORDED",
    "history",
    "long_text",
    "picture",
    "referring",
    "said",
    "schema_format",
    "strict",
    "system",
]

Body = dict[str, Any]

HELLO: Final = "Say hello in one short sentence."
COUNT: Final = "Count from 1 to 50, one number after the other."
CALL_TOOL: Final = "What is the weather in Oslo? Call the tool get_weather."
CALL_AND_REPORT: Final = (
    'What is the weather in Oslo? First call the tool get_weather. Answer with JSON, such as {"city": "Oslo", '
    '"degrees": 4}, once you know.'
)
BOTH: Final = "What are the weather and the time in Oslo? Call both tools, get_weather and get_time, in parallel."
JSON_WORDS: Final = (
    'Write a weather report of Oslo as one JSON object, such as {"city": "Oslo", "degrees": 4}, and nothing else.'
)
CALL_IDS: Final = (
    "call_abcdefghijklmnopqrstuvwx",  # OpenAI
    "5f0c1e0a-7a3c-4a55-9d8e-1f2b3c4d5e6f",  # vLLM's and others' UUIDs
    "functions.get_weather:0",  # Kimi
    "tool/call#1 a",
)

_CITY: Final[Body] = {"type": "string", "description": "The city's name."}


def _tool(name: str, description: str) -> Body:
    parameters = {"type": "object", "properties": {"city": _CITY}, "required": ["city"], "additionalProperties": False}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


WEATHER: Final = _tool("get_weather", "Get the weather of a city.")
TIME: Final = _tool("get_time", "Get the local time of a city.")

REPORT: Final[Body] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "degrees": {"type": "integer"}},
    "required": ["city", "degrees"],
    "additionalProperties": False,
}


WORDED: Final[Body] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Place",
    "type": "object",
    "properties": {
        "city": {**_CITY, "minLength": 1, "maxLength": 80, "pattern": "^[A-Z][a-z]*$", "examples": ["Oslo"]},
        "day": {"type": "string", "format": "date", "default": "2026-01-01"},
        "hours": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 23}, "maxItems": 24},
        "unit": {"oneOf": [{"const": "celsius"}, {"const": "fahrenheit"}]},
        "least": {"type": "number", "exclusiveMinimum": -300, "multipleOf": 0.5},
    },
    "required": ["city"],
    "additionalProperties": False,
}
"""A tool's schema with many keywords that some servers refuse."""


def strict(tool: Body) -> Body:
    """Give a tool in strict mode."""
    return {**tool, "function": {**tool["function"], "strict": True}}


def referring() -> Body:
    """Give a tool whose schema names a part by `$ref`."""
    place = {"type": "object", "properties": {"city": _CITY}, "required": ["city"], "additionalProperties": False}
    parameters = {
        "type": "object",
        "properties": {"place": {"$ref": "#/$defs/Place"}},
        "required": ["place"],
        "additionalProperties": False,
        "$defs": {"Place": place},
    }
    return {**WEATHER, "function": {**WEATHER["function"], "parameters": parameters}}


def schema_format(*, exact: bool) -> Body:
    """Give the response format of `REPORT`, strict or not."""
    schema: Body = {"name": "report", "schema": REPORT}
    return {"type": "json_schema", "json_schema": {**schema, "strict": True} if exact else schema}


def said(text: str | Sequence[Body]) -> Body:
    """Give a user's message."""
    return {"role": "user", "content": text}


def system(text: str, role: str = "system") -> Body:
    """Give instructions."""
    return {"role": role, "content": text}


def history(*turns: str | Sequence[str]) -> list[Body]:
    """Give a conversation in which tools were called, up to their results.

    Args:
        turns: The id of each turn's call, or the ids of its calls.
    """
    arguments = json.dumps({"city": "Oslo"})
    messages = [said("What is the weather in Oslo?")]
    for turn in turns:
        ids = (turn,) if isinstance(turn, str) else turn
        calls = [
            {"id": one, "type": "function", "function": {"name": "get_weather", "arguments": arguments}} for one in ids
        ]
        messages.append({"role": "assistant", "content": None, "tool_calls": calls})
        messages += [{"role": "tool", "tool_call_id": one, "content": "4 degrees, rain"} for one in ids]
    return messages


def long_text(size: int) -> str:
    """Give a tool's result of so many bytes, in lines as a tool would write them."""
    line = "2026-01-01 Oslo 4 degrees, rain, wind from the west;\n"
    return (line * (size // len(line) + 1))[:size]


def picture() -> str:
    """Give a red square of 32 by 32 as the data URI of a PNG (https://www.w3.org/TR/png-3/)."""
    side = 32
    rows = (b"\x00" + b"\xff\x00\x00" * side) * side
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows, 9)),
        (b"IEND", b""),
    )
    image = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    return f"data:image/png;base64,{base64.b64encode(image).decode()}"
