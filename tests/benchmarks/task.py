"""The workloads: what is asked, with which tools, what the endpoint replies, and what must come out.

The endpoint, our own program, the floors and the peers' programs share them; no library is imported here.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from function import make_functions

__all__ = [
    "CHUNKS",
    "EIGHT",
    "FUNCTIONS",
    "GATE",
    "MARKS",
    "TASKS",
    "TURNS",
    "Gate",
    "Task",
    "get_weather",
    "look_up",
    "read_page",
    "step",
    "wait",
]

TURNS = 200
CHUNKS = 5000
PACED = 2000
FUNCTIONS = 200
THOUSAND = 1000

PAGE = "A line of the page with some of its words. " * 23_256
"""A megabyte of plain text."""

MARKS: list[float] = []
"""The CPU time at each call of `step` in the last run, in seconds; growth is read from it."""


class Gate:
    """Where the runs of the workload `idle` stand still until all of them have come."""

    def __init__(self) -> None:
        self.came = 0
        self.open = asyncio.Event()
        self.arrival = asyncio.Event()

    async def wait(self) -> None:
        """Say that one more is here, and stand."""
        self.came += 1
        self.arrival.set()
        await self.open.wait()


GATE: list[Gate] = []
"""The one of the running event loop, which the worker makes."""


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


async def read_page(number: int) -> str:
    """Read one page.

    Args:
        number: Which one.
    """
    return PAGE


async def wait(number: int) -> str:
    """Wait until everyone is here.

    Args:
        number: Which one.
    """
    await GATE[-1].wait()
    return f"Number {number} waited."


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

Kind = Literal["tools", "stream", "extract", "import", "functions"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Task:
    """One workload.

    Attributes:
        name: As `--only` takes it; the endpoint serves the workload at `/NAME/v1`.
        title: As the table shows it.
        unit: Of the numbers shown.
        scale: How many of the unit are in a second, divided by what one run holds of the counted thing.
        kind: Which program it is measured by.
        runs: Measured runs in one process, after the warm-up.
        quick: The same with `--quick`.
        warmup: Runs before the measured ones.
        rounds: Processes of each way, where not told on the command line.
        at_once: How many runs are started together as one.
        requests: Requests of one run.
        prompt: What the user says.
        tools: The functions that the model may call.
        calls: What it calls in each turn: names, and arguments.
        results: What those calls must give.
        needed: How many characters of a result the endpoint must get at least; None for all.
        turns: How many turns it calls them in.
        expected: What one run must give.
        latency: Seconds before each reply.
        gap: Seconds between the chunks of a reply.
        peers: Whether it is measured with `--peers` too.
        without: Ways that are left out.
        added: Whether ours is measured beside a loop over its own connections, too.
        aim: The most that agentkit should take, in the unit, plain and with its extra `fast`.
    """

    name: str
    title: str
    unit: str
    scale: float = 1e3
    kind: Kind = "tools"
    runs: int = 1
    quick: int = 1
    warmup: int = 0
    rounds: int = 3
    at_once: int = 1
    requests: int = 2
    prompt: str = ""
    tools: Callable[[], Sequence[Callable[..., Any]]] = tuple
    calls: Sequence[tuple[str, dict[str, Any]]] = ()
    results: Sequence[str] = ()
    needed: int | None = None
    turns: int = 1
    expected: Any = None
    latency: float = 0
    gap: float = 0
    peers: bool = True
    without: Sequence[str] = ()
    added: bool = False
    aim: tuple[float, float] | None = None


def _say(*results: str) -> str:
    return f"The tools say: {'; '.join(results)}"


_WEATHER = "12 degrees in example"
_STEP = "Step 1 is done, and its result is a text of about eighty characters, as results are."
_READS = [f"{place}: 1 of example" for place in range(8)]
_INVOICE = {"number": "example", "issued": "2024-01-02", "total": 1.5, "paid": True, "currency": "EUR"}
_ADDRESS = {"street": "example", "city": "example", "zip_code": "example"}
_LINE = {"description": "example", "quantity": 1, "unit_price": 1.5}
_CUSTOMER = {"name": "example", "email": "example", "address": _ADDRESS}
_PLACE = {"location": "example"}

_ALL = (
    Task(
        name="one_tool",
        title="one-tool run (2 requests), async tool",
        unit="ms",
        runs=100,
        warmup=5,
        prompt="What is the weather? Ask get_weather.",
        tools=lambda: (get_weather,),
        calls=[("get_weather", _PLACE)],
        results=[_WEATHER],
        expected=_say(_WEATHER),
        added=True,
        aim=(1.7, 1.2),
    ),
    Task(
        name="thread_tool",
        title="one-tool run (2 requests), sync tool in a thread",
        unit="ms",
        runs=100,
        warmup=5,
        prompt="What is the weather? Ask look_up.",
        tools=lambda: (look_up,),
        calls=[("look_up", _PLACE)],
        results=[_WEATHER],
        expected=_say(_WEATHER),
        peers=False,
    ),
    Task(
        name="parallel",
        title="8 parallel tools (2 requests)",
        unit="ms",
        runs=60,
        warmup=5,
        prompt="Ask every tool.",
        tools=lambda: EIGHT,
        calls=[(one.__name__, {**_PLACE, "days": 1}) for one in EIGHT],
        results=_READS,
        expected=_say(*_READS),
        added=True,
        aim=(2.8, 2.2),
    ),
    Task(
        name="many",
        title="500 one-tool runs at once, 100 ms latency a request",
        unit="s",
        scale=1,
        rounds=2,
        warmup=2,
        at_once=500,
        prompt="What is the weather? Ask get_weather.",
        tools=lambda: (get_weather,),
        calls=[("get_weather", _PLACE)],
        results=[_WEATHER],
        expected=_say(_WEATHER),
        latency=0.1,
        aim=(1.5, 0.7),
    ),
    Task(
        name="crowd",
        title="10,000 one-tool runs at once, 100 ms latency a request",
        unit="s",
        scale=1,
        rounds=1,
        at_once=10_000,
        prompt="What is the weather? Ask get_weather.",
        tools=lambda: (get_weather,),
        calls=[("get_weather", _PLACE)],
        results=[_WEATHER],
        expected=_say(_WEATHER),
        latency=0.1,
        peers=False,
        without=("httpx",),  # whose pool walks all its connections at each request: many minutes
    ),
    Task(
        name="stream",
        title=f"stream of {CHUNKS:,} chunks in a burst, a chunk",
        unit="us",
        scale=1e6 / CHUNKS,
        kind="stream",
        runs=2,
        warmup=1,
        requests=1,
        prompt=f"Please say {CHUNKS} words.",
        expected=(CHUNKS, " ".join(["word"] * CHUNKS)),
        aim=(22, 15),
    ),
    Task(
        name="paced",
        title=f"stream of {PACED:,} chunks 1 ms apart, a chunk",
        unit="us",
        scale=1e6 / PACED,
        kind="stream",
        requests=1,
        prompt=f"Please say {PACED} words.",
        expected=(PACED, " ".join(["word"] * PACED)),
        gap=0.001,
        aim=(150, 45),
    ),
    Task(
        name="extraction",
        title="extraction of a nested model (1 request)",
        unit="ms",
        kind="extract",
        runs=100,
        warmup=5,
        requests=1,
        prompt="Read the invoice.",
        expected={**_INVOICE, "customer": _CUSTOMER, "shipping": _ADDRESS, "lines": [_LINE]},
        aim=(1.0, 0.7),
    ),
    Task(
        name="turns",
        title=f"one run of {TURNS} tool turns",
        unit="s",
        scale=1,
        rounds=2,
        requests=TURNS + 1,
        prompt=f"Call step in {TURNS} turns.",
        tools=lambda: (step,),
        calls=[("step", {"number": 1})],
        results=[_STEP],
        turns=TURNS,
        expected=_say(*[_STEP] * TURNS),
        aim=(0.25, 0.2),
    ),
    Task(
        name="import",
        title="import in a fresh interpreter",
        unit="ms",
        kind="import",
        runs=3,
        warmup=1,
        requests=0,
        aim=(290, 290),
    ),
    Task(
        name="functions",
        title=f"tools JSON of {FUNCTIONS} functions, once",
        unit="ms",
        kind="functions",
        requests=0,
        aim=(60, 60),
    ),
    Task(
        name="large",
        title="one-tool run with a result of 1 MB",
        unit="ms",
        runs=8,
        warmup=1,
        prompt="Read the page.",
        tools=lambda: (read_page,),
        calls=[("read_page", {"number": 1})],
        results=[PAGE],
        needed=100_000,  # some cut a longer one
        expected="The page was read.",
    ),
    Task(
        name="thousand",
        title=f"one-tool run with {THOUSAND:,} tools",
        unit="ms",
        runs=8,
        warmup=1,
        prompt="Call function_7.",
        tools=lambda: make_functions(THOUSAND),
        calls=[("function_7", {"name": "example"})],
        results=["done"],
        expected=_say("done"),
    ),
    Task(
        name="idle",
        title="1,000 runs that stand in a tool together, a run",
        unit="ms",
        scale=1,
        rounds=2,
        warmup=5,
        at_once=1000,
        prompt="Wait.",
        tools=lambda: (wait,),
        calls=[("wait", {"number": 1})],
        results=["Number 1 waited."],
        expected=_say("Number 1 waited."),
        peers=False,
    ),
)

TASKS = {task.name: task for task in _ALL}
