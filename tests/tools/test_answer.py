"""What a tool's value becomes for the model: text, JSON, parts in a user message, or a clear error."""

import asyncio
import base64
import datetime as dt
import decimal
import enum
import uuid
from dataclasses import dataclass

import pytest
from pydantic import BaseModel

from agentkit.agent import Agent
from agentkit.errors import ToolDefinitionError
from agentkit.secret import remember_secret
from agentkit.testing.reply import call, calls
from agentkit.testing.scripted import ScriptedModel
from agentkit.tools import ToolResult, tool
from agentkit.tools.answer import answer_error, answer_value, content_of
from agentkit.wire.content import FilePart, FileSource, ImagePart, ImageUrl, TextPart

PNG = b"\x89PNG\r\n\x1a\n----"


class Point(BaseModel):
    x: int
    y: int


@dataclass
class Pair:
    left: str
    right: Point


class Colour(enum.Enum):
    RED = "red"


class Pandas:
    columns = ("a",)

    def to_dict(self, orient):
        assert orient == "records"
        return [{"a": 1}, {"a": 2}]


class Polars:
    columns = ("a",)

    def to_dicts(self):
        return [{"a": 1}]

    def to_dict(self, as_series=True):
        raise AssertionError("columns, not records")


class Array:
    def tolist(self):
        return [1, 2]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        ("", ""),
        ([], "[]"),
        ({}, "{}"),
        (None, "null"),
        (False, "false"),
        ("plain", "plain"),
        ("  spaces\n", "  spaces\n"),
        (1.5, "1.5"),
        (float("nan"), '"NaN"'),
        (b"text", "text"),
        (bytearray(b"text"), "text"),
        ([1, "a", None], '[1,"a",null]'),
        ((1, 2), "[1,2]"),
        ({3}, "[3]"),
        ({"a": {"b": 1}}, '{"a":{"b":1}}'),
        ({1: "one"}, '{"1":"one"}'),
        (Point(x=1, y=2), '{"x":1,"y":2}'),
        ([Point(x=1, y=2)], '[{"x":1,"y":2}]'),
        (Pair("l", Point(x=1, y=2)), '{"left":"l","right":{"x":1,"y":2}}'),
        (Colour.RED, '"red"'),
        (dt.date(2026, 1, 2), '"2026-01-02"'),
        (decimal.Decimal("1.10"), '"1.10"'),
        (uuid.UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        (Pandas(), '[{"a":1},{"a":2}]'),
        (Polars(), '[{"a":1}]'),
        (Array(), "[1,2]"),
        ({"frame": Pandas()}, '{"frame":[{"a":1},{"a":2}]}'),
        (range(3), "[0,1,2]"),
        ([ValueError("bad")], '["ValueError: bad"]'),
        ("half \ud83d of a pair", "half \ufffd of a pair"),
        ({"a": "half \ud83d"}, '{"a":"half \ufffd"}'),
    ],
    ids=[
        "0", "empty text", "empty list", "empty dict", "None", "False", "text", "text with spaces", "float", "NaN",
        "bytes", "bytearray", "list", "tuple", "set", "dict", "dict with numbers as keys", "model", "list of models",
        "dataclass", "enum", "date", "Decimal", "UUID", "pandas data frame", "polars data frame", "array",
        "data frame in a dict", "range", "exception in a list", "half a surrogate pair", "half a pair in a dict",
    ],
)  # fmt: skip
def test_results_of_every_kind_become_text(value, text):
    assert content_of(value, "get") == (text, ())


def test_an_exception_as_a_value_is_told_like_one_that_was_raised():
    answer = answer_value("c", "get", ValueError("no such city"))
    assert answer.message.content == "The tool failed. ValueError: no such city"
    assert answer.status == "error"
    assert isinstance(answer.error, ValueError)


def test_an_unserialisable_result_is_a_clear_error():
    with pytest.raises(ToolDefinitionError) as caught:
        content_of(object(), "get")
    assert str(caught.value) == (
        "Tool 'get' returned a value of type object, which has no JSON: it is or holds a object. "
        "Return text, numbers, lists, dicts, dataclasses or pydantic models."
    )


def test_a_result_that_holds_itself_is_a_clear_error():
    value = []
    value.append(value)
    with pytest.raises(ToolDefinitionError) as caught:
        content_of(value, "get")
    assert str(caught.value) == (
        "Tool 'get' returned a value of type list, which has no JSON: Circular reference detected (id repeated). "
        "Return text, numbers, lists, dicts, dataclasses or pydantic models."
    )


def test_bytes_that_are_neither_text_nor_a_part_are_a_clear_error():
    with pytest.raises(ToolDefinitionError) as caught:
        content_of(b"\xff\xfe\x00", "get")
    assert str(caught.value) == (
        "Tool 'get' returned 3 bytes that are neither UTF-8 nor begin like an image, a wav, an mp3 or a PDF. "
        "Return text, or a part that agentkit.media makes with its media type."
    )


@pytest.mark.parametrize(
    ("data", "kind"),
    [(PNG, "png"), (b"\xff\xd8\xff--", "jpeg"), (b"GIF89a--", "gif"), (b"RIFF\x00\x00\x00\x00WEBP--", "webp")],
)
def test_bytes_that_begin_like_an_image_travel_as_one(data, kind):
    text, parts = content_of(data, "get")
    assert text == "[image 1: in the next user message]"
    assert parts[0].image_url.url.startswith(f"data:image/{kind};base64,")


@pytest.mark.parametrize(
    ("data", "kind", "word"),
    [(b"RIFF\x04\x00\x00\x00WAVE", "input_audio", "audio"), (b"%PDF-1.7", "file", "file")],
)
def test_bytes_that_begin_like_audio_or_a_pdf_travel_as_such(data, kind, word):
    text, parts = content_of(data, "get")
    assert text == f"[{word} 1: in the next user message]"
    assert [part.type for part in parts] == [kind]


def test_bytes_of_other_kinds_that_are_utf_8_are_text():
    assert content_of(b"fLaC", "get") == ("fLaC", ())


def test_parts_in_a_list_are_kept_apart_from_its_text():
    image = ImagePart(image_url=ImageUrl(url="https://example.org/a.png"))
    file = FilePart(file=FileSource(file_id="f"))
    text, parts = content_of([TextPart(text="See:"), image, file, {"a": 1}], "get")
    assert text == 'See:\n[image 1: in the next user message]\n[file 2: in the next user message]\n{"a":1}'
    assert parts == (image, file)


def test_a_result_longer_than_the_limit_is_cut_with_a_notice_and_kept_whole_on_the_answer():
    answer = answer_value("c", "get", "x" * 100_001)
    assert answer.message.content == (
        "x" * 100_000 + "\n[Cut: the result has 100001 characters, the first 100000 are shown.]"
    )
    assert len(answer.value) == 100_001


def test_an_error_is_told_by_class_and_text_of_at_most_500_characters_without_secrets():
    remember_secret("sk-very-secret")
    answer = answer_error("c", "get", ValueError(f"key sk-very-secret refused {'x' * 1000}"))
    text = answer.message.content.removeprefix("The tool failed. ")
    assert text.startswith("ValueError: key [secret] refused xxx")
    assert len(text) == 500
    assert answer_error("c", "get", ValueError()).message.content == "The tool failed. ValueError: no message"


def test_images_travel_in_one_user_message_after_the_batch():
    @tool
    def picture() -> bytes:
        return PNG

    @tool
    def word() -> str:
        return "w"

    model = ScriptedModel([calls(call("picture", id="a"), call("word", id="b"), call("picture", id="c")), "done"])
    result = Agent(model, tools=[picture, word]).run_sync("x")
    assert [message.role for message in result.messages] == [
        *("user", "assistant", "tool", "tool", "tool", "user", "assistant")
    ]
    carried = result.messages[5].content
    assert [part.type for part in carried] == ["text", "text", "image_url", "text", "image_url"]
    assert [part.text for part in carried if part.type == "text"] == [
        *("Returned by the tools:", "picture (a):", "picture (c):")
    ]


def test_images_stand_in_call_order_whichever_tool_ends_first():
    ended = asyncio.Event()

    @tool
    async def picture(place: int) -> bytes:
        await (ended.wait() if place == 0 else asyncio.sleep(0))
        ended.set()
        return PNG + bytes([place])

    async def go():
        both = calls(call("picture", {"place": 0}, id="a"), call("picture", {"place": 1}, id="b"))
        return await Agent(ScriptedModel([both, "done"]), tools=[picture]).run("x")

    _, *rest = asyncio.run(go()).messages[4].content
    urls = [part.image_url.url for part in rest if part.type == "image_url"]
    assert [base64.b64decode(url.partition(",")[2])[-1] for url in urls] == [0, 1]


def test_images_of_one_call_alone_need_no_name():
    model = ScriptedModel([call("picture"), "done"])
    result = Agent(model, tools=[tool(lambda: [PNG, PNG], name="picture")]).run_sync("x")
    assert [part.type for part in result.messages[3].content] == ["text", "image_url", "image_url"]


def test_a_cut_result_keeps_the_notes_of_its_images():
    text, parts = content_of(ToolResult("x" * 50, images=[PNG]), "t", 10)
    assert text == (
        "xxxxxxxxxx\n[Cut: the result has 86 characters, the first 10 are shown.]\n[image 1: in the next user message]"
    )
    assert len(parts) == 1


def test_an_exception_as_content_keeps_its_images():
    told = answer_value("a", "t", ToolResult(ValueError("No."), images=[PNG]))
    assert told.message.content == "The tool failed. ValueError: No.\n[image 1: in the next user message]"
    assert (told.status, len(told.parts)) == ("error", 1)


def test_bytes_of_images_are_images_in_a_list_too():
    text, parts = content_of(["Two:", PNG, {"a": 1}, PNG], "t")
    assert text == 'Two:\n[image 1: in the next user message]\n{"a":1}\n[image 2: in the next user message]'
    assert len(parts) == 2
    assert content_of([b"a", b"b"], "t") == ('["a","b"]', ())


def test_known_keys_are_hidden_in_exceptions_that_stand_in_a_list():
    remember_secret("sk-verysecret")
    assert content_of([ValueError("sk-verysecret")], "t") == ('["ValueError: [secret]"]', ())
