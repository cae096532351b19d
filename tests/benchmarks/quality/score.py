"""Answers compared with labels: exact matches, fields right, how sure the rates are; pure, it knows no model."""

import json
import math
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["Mark", "Tally", "mark", "wilson"]

_Z: Final = 1.959964  # of the normal distribution, for 95 %
_Also = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Mark:
    """What one answer is worth.

    Attributes:
        exact: Whether all of it is right and nothing is too much.
        answered: Whether there is a valid answer at all; a failure is none.
        named: Whether the keys on top are right; of calls these are the tools.
        wanted: The label's leaves that are not null, as path and value.
        given: The same of the answer.
        nulls: How many leaves the label wants to be null, of those that are no part of a list.
        kept: How many of these the answer left so.
    """

    exact: bool
    answered: bool
    named: bool
    wanted: Counter[tuple[str, str]]
    given: Counter[tuple[str, str]]
    nulls: int = 0
    kept: int = 0


def mark(label: Any, answer: Any, *, answered: bool, also: _Also | None = None) -> Mark:
    """Compare an answer with the label, both as JSON; the order of lists, case and outer punctuation do not count."""
    wanted, given = _canonical(label, also or {}), _canonical(answer, also or {}) if answered else None
    empty = [path for path, leaf in _leaves(wanted) if leaf is None]
    filled = {path for path, leaf in _leaves(given) if leaf is not None}
    return Mark(
        exact=answered and wanted == given,
        answered=answered,
        named=answered and _tops(wanted) == _tops(given),
        wanted=_filled(wanted),
        given=_filled(given) if answered else Counter(),
        nulls=len(empty) if answered else 0,
        kept=sum(path not in filled for path in empty) if answered else 0,
    )


def _filled(value: Any) -> Counter[tuple[str, str]]:
    return Counter((path, json.dumps(leaf)) for path, leaf in _leaves(value) if leaf is not None)


def _tops(value: Any) -> list[str]:
    return sorted(
        name for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict) for name in one
    )


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for inner in value:
            yield from (
                (where, leaf) for where, leaf in _leaves(inner, f"{path}[]" if path else "") if leaf is not None
            )
    else:
        yield path, value


def _canonical(value: Any, also: _Also, path: str = "") -> Any:
    """Write equal things alike: texts folded, lists in one order, other wordings as the label's."""
    if isinstance(value, dict):
        return {name: _canonical(inner, also, f"{path}.{name}" if path else name) for name, inner in value.items()}
    if isinstance(value, list):
        return sorted((_canonical(inner, also, f"{path}[]" if path else "") for inner in value), key=json.dumps)
    if isinstance(value, str):
        known = {_folded(other): _folded(meant) for other, meant in also.get(path, {}).items()}
        return known.get(_folded(value), _folded(value))
    return round(value, 6) if isinstance(value, float) else value


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split()).strip(" .,;:!?\"'")


def wilson(right: int, count: int) -> tuple[float, float]:
    """Give the 95 % interval of a rate after Wilson, which holds for few cases and for rates near 0 and 1 too."""
    if not count:
        return 0.0, 1.0
    rate, spread = right / count, _Z * _Z / count
    middle = (rate + spread / 2) / (1 + spread)
    half = _Z / (1 + spread) * math.sqrt(rate * (1 - rate) / count + spread / (4 * count))
    return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(slots=True)
class Tally:
    """Marks added up.

    Attributes:
        fields: By path: leaves wanted, given, and right.
    """

    count: int = 0
    exact: int = 0
    answered: int = 0
    named: int = 0
    nulls: int = 0
    kept: int = 0
    fields: dict[str, list[int]] = field(default_factory=dict)

    @classmethod
    def of(cls, marks: Iterable[Mark], names: Sequence[str] = ()) -> "Tally":
        """Add marks up; `names` stand before their paths."""
        tally = cls()
        prefixes = iter(names)
        for one in marks:
            tally.add(one, next(prefixes, ""))
        return tally

    def add(self, one: Mark, name: str = "") -> None:
        """Add a mark; `name` stands before its paths."""
        self.count += 1
        for part in ("exact", "answered", "named", "nulls", "kept"):
            setattr(self, part, getattr(self, part) + getattr(one, part))
        for place, leaves in enumerate((one.wanted, one.given, one.wanted & one.given)):
            for (path, _), times in leaves.items():
                full = ".".join(part for part in (name, path) if part)
                self.fields.setdefault(full, [0, 0, 0])[place] += times

    @property
    def interval(self) -> tuple[float, float]:
        """Give the interval of the rate of exact answers."""
        return wilson(self.exact, self.count)

    @property
    def total(self) -> tuple[int, int, int]:
        """Give leaves wanted, given, and right, of all fields."""
        sums = [sum(column) for column in zip(*self.fields.values(), strict=True)] or [0, 0, 0]
        return sums[0], sums[1], sums[2]

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data, with rates."""
        wanted, given, right = self.total
        return {
            "count": self.count,
            "exact": self.exact,
            "exact_interval": [round(bound, 4) for bound in self.interval],
            "answered": self.answered,
            "tools_right": self.named,
            "fields_wanted": wanted,
            "fields_given": given,
            "fields_right": right,
            "nulls": self.nulls,
            "nulls_kept": self.kept,
            "by_field": {
                path: dict(zip(("wanted", "given", "right"), sums, strict=True)) for path, sums in self.fields.items()
            },
        }
