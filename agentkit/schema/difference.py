"""What of a JSON value differs from what was wanted, as paths and words; of a union's failures, the telling ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

__all__ = ["Difference", "closest"]

_TELLING: Final = ("const", "enum")
_SHOULD: Final = "should be "


@dataclass(frozen=True, slots=True)
class Difference:
    """One place of a value that does not fit.

    Attributes:
        path: The steps to it: names of properties and indexes.
        keyword: What of a JSON Schema says so.
        expected: In words, as `should be integer`, to stand after the place.
        seen: What stands there; None also where nothing does, as `required` says.
    """

    path: tuple[str | int, ...]
    keyword: str
    expected: str
    seen: Any = None

    @property
    def is_slight(self) -> bool:
        """Whether it may have one meaning only in a larger value: a null for nothing, JSON in a string."""
        if not self.path or self.is_absence:
            return False
        written = self.keyword == "type" and isinstance(self.seen, str) and self.seen.lstrip().startswith(("{", "["))
        return self.seen is None or written

    @property
    def is_telling(self) -> bool:
        """Whether a constant differs that tells the kind of a whole value."""
        return self.keyword in _TELLING and len(self.path) <= 1 and not self.is_slight

    @property
    def is_absence(self) -> bool:
        """Whether nothing stands there."""
        return self.keyword == "required"

    def below(self, *steps: str | int) -> Difference:
        """Say the same of a value that holds this one at `steps`."""
        return replace(self, path=(*steps, *self.path))


def closest(members: Sequence[Sequence[Difference]]) -> list[Difference]:
    """Choose what to say where a value fits no member of a union, each of which has its differences.

    Members of another type do not count beside one of the right type, and those whose kind is told by a constant not
    beside one whose constant fits; of the others the one with the fewest differences is said, slight ones counting
    last. Where all differ in the value itself, or all in the same constant, that is said of all at once.
    """
    near = [member for member in members if not any(one.keyword == "type" and not one.path for one in member)]
    if not near:
        return _together(members)
    told = [[one for one in member if one.is_telling] for member in near]
    fewest = min(len(one) for one in told)
    if fewest and len({one[0].path for one in told}) == 1:
        return _together([one[:1] for one in told])
    left = [member for member, one in zip(near, told, strict=True) if len(one) == fewest]
    return [*min(left, key=lambda member: (sum(not one.is_slight for one in member), len(member)))]


def _together(members: Sequence[Sequence[Difference]]) -> list[Difference]:
    firsts = [next((one for one in member if one.keyword == "type"), member[0]) for member in members]
    words = dict.fromkeys(one.expected.removeprefix(_SHOULD) for one in firsts)
    begin = _SHOULD if firsts[0].expected.startswith(_SHOULD) else ""
    return [replace(firsts[0], expected=begin + " or ".join(words))]
