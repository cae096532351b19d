"""docs/contract.md lists every field of the request and of the reply, and no other."""

import re
import types
import typing
from pathlib import Path

import pytest
from typing_extensions import get_annotations, is_typeddict

from agentkit.wire.content import AudioPart, FilePart, ImagePart, RefusalPart, TextPart
from agentkit.wire.message import CustomCall
from agentkit.wire.request import ChatRequest
from agentkit.wire.response import ChatCompletion
from agentkit.wire.value import WireValue

PAGE = Path(__file__).resolve().parents[2] / "docs" / "contract.md"
WHOLE = (
    "messages",
    "messages[]",
    "tools[].custom",
    "web_search_options.user_location",
    "choices[].logprobs",
    "choices[].message.annotations",
    "choices[].message.audio",
    "choices[].message.reasoning_text",
)
"""Rows that tell an object whole: messages are a page of their own, the others name their members in the row."""


def rows(section):
    """The first cells of the section's first table."""
    text = PAGE.read_text(encoding="utf-8").split(f"\n## {section}\n")[1].split("\n#")[0]
    return {cell for line in text.splitlines() for cell in re.findall(r"^\| `([^`(]+)` \|", line)}


def addresses():
    """The marks of sources that rows use, and those that the end of the page explains."""
    text = PAGE.read_text(encoding="utf-8")
    explained = set(re.findall(r"^\[(\w+)\]: https://", text, re.MULTILINE))
    return set(re.findall(r"\[(\w+)\](?![(:])", text)), explained


def objects(annotation):
    """The objects that a field may hold, and whether they come in a list."""
    listed = typing.get_origin(annotation) is tuple
    if isinstance(annotation, type) and (is_typeddict(annotation) or issubclass(annotation, WireValue)):
        yield annotation, False
    for inner in typing.get_args(annotation):
        if not isinstance(inner, types.EllipsisType):
            yield from ((kind, listed or deeper) for kind, deeper in objects(inner))


def members(kind):
    if is_typeddict(kind):
        hints = typing.get_type_hints(kind)
        return {name: hints[name] for name in get_annotations(kind) if not name.startswith("__")}
    hints = typing.get_type_hints(kind)
    return {field.alias or name: hints[name] for name, field in kind.model_fields.items()}


def fields(kind, before=""):
    """The dotted names of all fields below, to the leaves."""
    found = set()
    for name, annotation in members(kind).items():
        here = before + name
        inner = [] if here in WHOLE or name in ("tool_choice", "content") else list(objects(annotation))
        found.add(here)
        for one, listed in inner:
            found |= fields(one, f"{here}[]." if listed else f"{here}.")
    return found


OBJECTS = {
    "tools[].function",
    *(f"choices[].message.{name}" for name in ("function_call", "tool_calls[].function", "tool_calls[].custom")),
}
"""Told by their members alone."""


def test_the_page_has_every_field_of_a_request_and_no_other():
    expected = fields(ChatRequest) | {"response_format.json_schema.schema"}  # pydantic keeps that word for itself
    assert rows("Request") == expected - {"tools[].function", "response_format.json_schema"}


def test_the_page_has_every_field_of_a_reply_and_no_other():
    expected = fields(ChatCompletion) - {"error", "choices[].error"} - OBJECTS
    details = {"usage.prompt_tokens_details", "usage.completion_tokens_details"}
    assert set(CustomCall.model_fields) == {"name", "input"}
    assert rows("Response") == expected - details


def test_the_page_has_every_content_part_and_no_other():
    kinds = (TextPart, ImagePart, AudioPart, FilePart, RefusalPart)
    assert rows("Content parts") == set().union(*map(fields, kinds)) - {"type"}


def test_every_source_has_an_address_that_is_used():
    used, explained = addresses()
    assert used == explained


@pytest.mark.parametrize("section", ["Request", "Content parts", "Response"])
def test_every_row_names_its_source(section):
    text = PAGE.read_text(encoding="utf-8").split(f"\n## {section}\n")[1].split("\n#")[0]
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    bare = [line for line in lines if not re.search(r"\| (\[\w+\]|ours) \|$", line)]
    assert lines
    assert not bare
