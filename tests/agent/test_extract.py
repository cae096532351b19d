"""A typed value out of a text in one call."""

import asyncio

import pytest
from pydantic import BaseModel

from agentkit.agent import extract, extract_sync
from agentkit.errors import OutputError
from agentkit.testing.scripted import ScriptedModel


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
