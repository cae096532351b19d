"""Functions by the hundred, each its own, for the schema workload."""

import inspect
import linecache
from collections.abc import Callable
from typing import Any

__all__ = ["make_functions", "names_of"]

_SHAPES = (
    "query: str, limit: int = 10, exact: bool = False",
    "path: str, lines: list[int], mode: Literal['read', 'write'] = 'read'",
    "name: str, tags: list[str] | None = None, weights: dict[str, float] | None = None",
    "start: date, end: datetime, zone: str = 'UTC'",
    "amount: Annotated[float, Field(ge=0)], currency: Literal['EUR', 'USD'], note: str | None = None",
)

_FUNCTION = '''
def function_{number}({shape}) -> str:
    """Do the thing with the number {number}.

    It is one of many, and this is the longer part of its description.

    Args:
{described}
    """
    return "done"
'''

_FILE = "<functions>"
_HEAD = "from datetime import date, datetime\nfrom typing import Annotated, Literal\nfrom pydantic import Field\n"


def make_functions(count: int) -> list[Callable[..., Any]]:
    """Define so many functions with hints, defaults and docstrings, in five shapes."""
    parts = [_HEAD]
    for number in range(count):
        shape = _SHAPES[number % len(_SHAPES)]
        names = [part.split(":")[0].strip() for part in shape.replace("[", "(").split(", ") if ":" in part]
        described = "\n".join(f"        {name}: The {name} of number {number}." for name in names)
        parts.append(_FUNCTION.format(number=number, shape=shape, described=described))
    source = "".join(parts)
    linecache.cache[_FILE] = (len(source), None, source.splitlines(keepends=True), _FILE)  # one library reads it
    made: dict[str, Any] = {}
    exec(compile(source, _FILE, "exec"), made)
    return [made[f"function_{number}"] for number in range(count)]


def names_of(function: Callable[..., Any]) -> list[str]:
    """Give a function's parameters, which its schema must have."""
    return list(inspect.signature(function).parameters)
