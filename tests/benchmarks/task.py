"""The workloads: what is asked, with which tools, and what must come out.

agentkit (`ours`) and the hand-written loop (`floor`) share them; neither is imported here.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["CHUNKS", "EIGHT", "FUNCTIONS", "MARKS", "TASKS", "TURNS", "WORDS", "Task", "get_weather", "look_up", "step"]

TURNS = 200
CHUNKS = 5000
FUNCTIONS = 200

WORDS = f"Please say {CHUNKS} words."
_WEATHER = "12 degrees in example"

MARKS: list[float] = []
"""The CPU time at each call of `step` in the last run, in seconds; growth is read from it."""


async def get_weather(location: str, unit: Literal["celsius", "fahrenheit"] = "celsius") -> str:
    """Get the current weather for a location.

    Args:
        location: City name, e.g. Beijing.
        unit: Temperature unit.
    """
    return f"12 degrees in {location}"


def look_up(location: str, unit: Literal["celsius", "fahrenheit"] = "celsius") -> str:
    """Get the current weather for a location.

    Args:
        location: City name, e.g. Beijing.
        unit: Temperature unit.
    """
    return f"12 degrees in {location}"


async def step(number: int) -> str:
    """Do one step.

    Args:
        number: Which one.
    """
    MARKS.append(time.process_time())
    return f"Step {number} is done, and its result is a text of about eighty characters, as results are."


def _eighth(place: int) -> Callable[..., Any]:
    async def read(location: str, days: int = 1) -> str:
        """Read one of eight sources.

        Args:
            location: City name.
            days: How many days.
        """
        await asyncio.sleep(0)  # as every tool that waits for something: the loop goes round once
        return f"{place}: {days} of {location}"

    read.__name__ = read.__qualname__ = f"read_{place}"
    return read


EIGHT = [_eighth(place) for place in range(8)]


@dataclass(frozen=True, slots=True)
class Task:
    """One workload.

    Attributes:
        name: As `--only` takes it.
        title: As the table shows it.
        unit: Of the numbers shown.
        scale: How many of the unit are in a second, divided by what one run holds of the counted thing.
        floor: What the ratio is to.
        runs: Measured runs in one process, after the warm-up.
        quick: The same with `--quick`.
        warmup: Runs before the measured ones.
        requests: Requests of one run; None where the workload asks no endpoint.
        prompt: What the user says.
        expected: What one run must give.
        aim: The most that agentkit should take, in the unit; None where nothing was agreed.
    """

    name: str
    title: str
    unit: str
    scale: float
    floor: str
    runs: int
    quick: int
    warmup: int = 0
    requests: int | None = None
    prompt: str = ""
    expected: Any = None
    aim: float | None = None


_LOOP = "loop on httpx.AsyncClient"
_EIGHT_SAY = "; ".join(f"{place}: 1 of example" for place in range(8))
_STEPS_SAY = "; ".join(["Step 1 is done, and its result is a text of about eighty characters, as results are."] * TURNS)
_INVOICE = {"number": "example", "issued": "2024-01-02", "total": 1.5, "paid": True, "currency": "EUR"}
_ADDRESS = {"street": "example", "city": "example", "zip_code": "example"}
_LINE = {"description": "example", "quantity": 1, "unit_price": 1.5}
_CUSTOMER = {"name": "example", "email": "example", "address": _ADDRESS}

_ALL = (
    Task(
        name="one_tool",
        title="one-tool run (2 requests), async tool",
        unit="ms",
        scale=1e3,
        floor=_LOOP,
        runs=150,
        quick=40,
        warmup=5,
        requests=2,
        prompt="What is the weather? Ask get_weather.",
        expected=f"The tools say: {_WEATHER}",
        aim=1.7,
    ),
    Task(
        name="thread_tool",
        title="one-tool run (2 requests), sync tool in a thread",
        unit="ms",
        scale=1e3,
        floor=f"{_LOOP}, called in place",
        runs=150,
        quick=40,
        warmup=5,
        requests=2,
        prompt="What is the weather? Ask look_up.",
        expected=f"The tools say: {_WEATHER}",
    ),
    Task(
        name="parallel",
        title="8 parallel tools (2 requests)",
        unit="ms",
        scale=1e3,
        floor=f"{_LOOP}, asyncio.gather",
        runs=100,
        quick=30,
        warmup=5,
        requests=2,
        prompt="Ask every tool.",
        expected=f"The tools say: {_EIGHT_SAY}",
        aim=2.8,
    ),
    Task(
        name="turns",
        title=f"one run of {TURNS} tool turns",
        unit="s",
        scale=1,
        floor=_LOOP,
        runs=2,
        quick=1,
        warmup=1,
        requests=TURNS + 1,
        prompt=f"Call step in {TURNS} turns.",
        expected=f"The tools say: {_STEPS_SAY}",
        aim=0.25,
    ),
    Task(
        name="stream",
        title=f"stream of {CHUNKS:,} chunks in a burst, a chunk",
        unit="us",
        scale=1e6 / CHUNKS,
        floor="httpx.AsyncClient.stream, aiter_lines, json.loads",
        runs=3,
        quick=2,
        warmup=1,
        requests=1,
        prompt=WORDS,
        expected=(CHUNKS, " ".join(["word"] * CHUNKS)),
        aim=22,
    ),
    Task(
        name="extraction",
        title="extraction of a nested model (1 request)",
        unit="ms",
        scale=1e3,
        floor="httpx.AsyncClient and model_validate_json",
        runs=200,
        quick=60,
        warmup=5,
        requests=1,
        prompt="Read the invoice.",
        expected={**_INVOICE, "customer": _CUSTOMER, "shipping": _ADDRESS, "lines": [_LINE]},
        aim=1.0,
    ),
    Task(
        name="import",
        title="import in a fresh interpreter",
        unit="ms",
        scale=1e3,
        floor="import httpx",
        runs=3,
        quick=2,
        warmup=1,
        aim=290,
    ),
    Task(
        name="functions",
        title=f"tools JSON of {FUNCTIONS} functions, once",
        unit="ms",
        scale=1e3,
        floor="pydantic.TypeAdapter(function).json_schema()",
        runs=1,
        quick=1,
        aim=60,
    ),
)

TASKS = {task.name: task for task in _ALL}
