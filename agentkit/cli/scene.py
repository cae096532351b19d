"""The demo's three jobs: what the model is asked, with which tools, and what must be so afterwards.

Each scene is made anew for a run and notes what its own tools saw; how it is shown is unknown here.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from agentkit.agent.result import Result
from agentkit.tools.context import ToolRetry
from agentkit.tools.decorator import tool
from agentkit.tools.tool import Tool
from agentkit.wire.content import text_of
from agentkit.wire.message import AssistantMessage, ToolCall, ToolMessage

__all__ = ["Check", "Invoice", "Scene", "make_scenes"]

_LOOKUP = 0.3  # seconds that a lookup takes, as one over a network would

_WEATHER = {"oslo": "4 degrees, snow", "nairobi": "24 degrees, sunny", "tokyo": "16 degrees, clear"}
_HOURS = {"nairobi": 3, "tokyo": 9, "singapore": 8}  # from UTC; places without summer time

# One is drawn for each run, so that the model can know it from the first tool's result only. The embedded model is sure
# of itself (0.75 and above) with these; with one number in twenty it is not and says so in place of going on.
_NUMBERS = (2077, 2468, 5190, 6038, 8422)

_MAIL = """\
FWD: bill??
hey, the invoice from Northwind Traders came in. total is 389.90 EUR, due 2026-04-02!!
can u take care of it? thx, sent from my phone"""


class Invoice(BaseModel):
    """An invoice that has to be paid."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    vendor: str = Field(description="Company that sent the invoice")
    total: Decimal = Field(description="Total amount to pay")
    due: date = Field(description="Date by which it must be paid")


@dataclass(frozen=True, slots=True)
class Check:
    """Something that the program itself looked at after the run.

    Attributes:
        text: What must be so.
        holds: Whether it is.
    """

    text: str
    holds: bool


@dataclass(frozen=True, slots=True)
class Scene:
    """One job.

    Attributes:
        title: What it shows.
        prompt: What the model is asked.
        tools: What it may call.
        check: Looks at the result.
        output: The wanted type.
    """

    title: str
    prompt: str
    check: Callable[[Result[Any]], Sequence[Check]]
    tools: Sequence[Tool] = ()
    output: type[Any] = str


def make_scenes() -> tuple[Scene, Scene, Scene]:
    """Make the three jobs: two tools at once, two steps, a typed value out of a messy text."""
    return _at_once(), _step_by_step(), _extraction()


def _at_once() -> Scene:
    spans: list[tuple[float, float]] = []

    def look_up(table: dict[str, Any], city: str) -> Any:
        start = time.perf_counter()
        time.sleep(_LOOKUP)
        spans.append((start, time.perf_counter()))
        if city.lower() not in table:
            raise ToolRetry(f"Nothing is known of {city!r}. Known: {', '.join(table)}.")
        return table[city.lower()]

    @tool
    def get_weather(city: str) -> str:
        """Get the current weather for a city.

        Args:
            city: City name, e.g. Beijing.
        """
        return f"{city}: {look_up(_WEATHER, city)}"

    @tool
    def get_time(city: str) -> str:
        """Get the current local time in a city.

        Args:
            city: City name, e.g. Beijing.
        """
        return f"{datetime.now(UTC) + timedelta(hours=look_up(_HOURS, city)):%H:%M} in {city}"

    return Scene(
        "Two tools at once",
        "What is the weather in Oslo and what time is it in Tokyo?",
        lambda result: _check_at_once(result, spans),
        (get_weather, get_time),
    )


def _check_at_once(result: Result[Any], spans: Sequence[tuple[float, float]]) -> list[Check]:
    calls = next(iter(_batches(result)), ())
    overlap = min(end for _, end in spans) - max(start for start, _ in spans) if len(spans) == 2 else 0.0
    answered = [message.tool_call_id for message in result.messages if isinstance(message, ToolMessage)]
    return [
        Check(
            "one reply of the model asked for get_weather and get_time",
            sorted(call.function.name for call in calls) == ["get_time", "get_weather"],
        ),
        Check(
            f"the two ran at the same time: each for {_LOOKUP:g} s, {max(overlap, 0):.2f} s of it together",
            overlap > 0,
        ),
        Check(
            "the history holds both results, in the order of the calls, under their ids",
            len(answered) == 2 and answered == [call.id for call in calls],
        ),
    ]


def _step_by_step() -> Scene:
    number = secrets.choice(_NUMBERS)
    place = "left Hamburg this morning, arrives on Friday"

    @tool
    def find_order(customer: str) -> int:
        """Find the number of a customer's last order.

        Args:
            customer: The customer's name.
        """
        return number if "lovelace" in customer.lower() else _nobody(customer)

    @tool
    def track_order(order_number: int) -> str:
        """Tell where an order is.

        Args:
            order_number: The order's number.
        """
        return place if order_number == number else _nobody(order_number)

    return Scene(
        "Two steps: the second call needs the first one's result",
        "Where is the last order of Ada Lovelace?",
        lambda result: _check_step_by_step(result, number, place),
        (find_order, track_order),
    )


def _nobody(given: object) -> Any:
    raise ToolRetry(f"There is no order of {given!r}. Find the order's number by the customer's name first.")


def _check_step_by_step(result: Result[Any], number: int, place: str) -> list[Check]:
    batches = [[call.function.name for call in batch] for batch in _batches(result)]
    told = [text_of(message.content) for message in result.messages if isinstance(message, ToolMessage)]
    return [
        Check(
            "the model asked for find_order, read its result, and then asked for track_order",
            batches == [["find_order"], ["track_order"]],
        ),
        Check(
            f"the second call has the order's number, {number}, from the first one's result; it was drawn by chance, "
            f"one of {len(_NUMBERS)}",
            told == [str(number), place],
        ),
    ]


def _extraction() -> Scene:
    return Scene("A typed value out of a messy text", _MAIL, _check_extraction, output=Invoice)


def _check_extraction(result: Result[Any]) -> list[Check]:
    value = result.output
    types = isinstance(value, Invoice) and (type(value.vendor), type(value.total), type(value.due)) == (
        str,
        Decimal,
        date,
    )
    wanted = ("Northwind Traders", Decimal("389.90"), date(2026, 4, 2))
    return [
        Check("the output is an Invoice with a str, a Decimal and a date", types),
        Check("its values are those of the text", types and (value.vendor, value.total, value.due) == wanted),
    ]


def _batches(result: Result[Any]) -> list[tuple[ToolCall, ...]]:
    return [m.tool_calls for m in result.messages if isinstance(m, AssistantMessage) and m.tool_calls]
