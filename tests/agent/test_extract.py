"""A typed value out of a text in one call."""

import asyncio
import struct
import zlib
from typing import Literal

import pytest
from pydantic import BaseModel

from agentkit import ChatModel
from agentkit.agent import extract, extract_sync
from agentkit.errors import OutputError
from agentkit.output import OutputPlan, OutputSpec
from agentkit.testing import FakeEndpoint, ScriptedModel, swap_model
from agentkit.wire.setting import Settings


class Invoice(BaseModel):
    number: str
    total: float


def test_a_value_is_extracted_sync_and_async():
    model = ScriptedModel(['{"number": "A1", "total": 9.5}'] * 2)
    wanted = Invoice(number="A1", total=9.5)
    assert extract_sync(Invoice, "Invoice A1 over 9.50", model=model) == wanted
    assert asyncio.run(extract(Invoice, "Invoice A1 over 9.50", model=model)) == wanted
    assert model.requests[0].messages[0].content.startswith("Extract what is asked for from the text.")


def test_instructions_stand_in_the_place_of_the_built_in_ones():
    model = ScriptedModel(["3"])
    assert extract_sync(int, "three", model=model, instructions="Give the number.") == 3
    assert "Extract" not in model.requests[0].messages[0].content


def test_no_valid_value_is_an_error_with_the_attempts():
    with pytest.raises(OutputError) as caught:
        extract_sync(Invoice, "nothing", model=ScriptedModel(["no"] * 3))
    assert [attempt.text for attempt in caught.value.attempts] == ["no"] * 3


class Receipt(BaseModel):
    number: str


def test_a_model_that_is_named_keeps_its_connection_and_a_type_its_schema(monkeypatch):
    made = []
    original = OutputPlan.of
    monkeypatch.setattr(OutputPlan, "of", lambda output: made.append(output) or original(output))

    class Ticket(BaseModel):
        number: str

    with FakeEndpoint(replies=['{"number": "A1"}'] * 20) as endpoint:
        monkeypatch.setenv("OPENAI_BASE_URL", endpoint.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-tests")
        for _ in range(20):
            assert extract_sync(Ticket, "A1", model="openai:fake").number == "A1"
    assert (endpoint.connections, made) == (1, [Ticket])


def test_an_environment_that_changed_is_obeyed(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-tests")
    with FakeEndpoint(replies=["1"]) as first, FakeEndpoint(replies=["2"]) as second:
        seen = []
        for endpoint in (first, second):
            monkeypatch.setenv("OPENAI_BASE_URL", endpoint.base_url)
            monkeypatch.setenv("AGENTKIT_MODEL", "openai:fake")
            seen.append(extract_sync(int, "a number"))
    assert seen == [1, 2]


def test_a_model_that_was_swapped_needs_no_key(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with swap_model(ScriptedModel(["7"])):
        assert extract_sync(int, "a number", model="openai:fake") == 7


def test_types_that_are_equal_and_not_the_same_are_asked_for_each_in_its_own_way():
    model = ScriptedModel(['{"number": "A1", "total": 1}'] * 2 + ["1", "true"])
    extract_sync(OutputSpec(Invoice | Receipt, "native"), "x", model=model)
    extract_sync(OutputSpec(Receipt | Invoice, "native"), "x", model=model)
    schemas = [request.to_dict()["response_format"]["json_schema"]["schema"] for request in model.requests]
    first, second = ([one["$ref"] for one in schema["properties"]["response"]["anyOf"]] for schema in schemas)
    assert first == second[::-1] != second
    numbers = [extract_sync(type_, "x", model=model) for type_ in (Literal[1], Literal[True])]
    assert repr(numbers) == "[1, True]"


def test_what_has_no_hash_is_extracted_too():
    schema = {"type": "object", "properties": {"number": {"type": "string"}}, "required": ["number"]}
    model = ScriptedModel(['{"number": "A1"}'] * 2)
    assert [extract_sync(schema, "x", model=model) for _ in range(2)] == [{"number": "A1"}] * 2


def test_settings_are_of_the_call_alone():
    model = ScriptedModel(["1"] * 3)
    for settings in (Settings(temperature=0), None, Settings(temperature=None)):
        extract_sync(int, "x", model=model, settings=settings)
    assert [request.temperature for request in model.requests] == [0, None, None]


def png():
    """One white pixel."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0\xff")) + chunk(b"IEND", b"")
    )


def test_texts_an_image_and_a_pdf_are_read(tmp_path):
    image, document = tmp_path / "table.png", tmp_path / "invoice.pdf"
    image.write_bytes(png())
    document.write_bytes(b"%PDF-1.4\n%%EOF\n")
    with FakeEndpoint(replies=["3"] * 3) as endpoint:
        model = ChatModel("m", base_url=endpoint.base_url)
        for given in (["The first text.", "The second."], ["How many rows?", image], ["The total?", document]):
            assert extract_sync(int, given, model=model) == 3
    parts = [[part["type"] for part in request.body["messages"][-1]["content"]] for request in endpoint.requests]
    assert parts == [["text", "text"], ["text", "image_url"], ["text", "file"]]
