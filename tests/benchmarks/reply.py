"""The replies that a model gives to one and the same question, good and bad, in the order of its attempts.

The endpoint plays them; the clients, each in an environment of its own, know only the names.
"""

import json
from dataclasses import dataclass
from typing import Any

__all__ = ["CASES", "GOOD", "PROMPT", "Case"]

PROMPT = "Read the invoice. [{name}/{number}]"

_ADDRESS = {"street": "1 High Street", "city": "Oslo", "zip_code": "0150"}
_LINE = {"description": "Desk lamp", "quantity": 2, "unit_price": 20.5}

GOOD: dict[str, Any] = {
    "number": "2026-17",
    "issued": "2026-03-14",
    "customer": {"name": "Ann", "email": None, "address": _ADDRESS},
    "shipping": _ADDRESS,
    "lines": [_LINE],
    "currency": "EUR",
    "total": 41.0,
    "paid": False,
}
_LONG = {**GOOD, "lines": [{**_LINE, "description": f"Desk lamp, model {place}"} for place in range(40)]}


def _text(**changes: Any) -> str:
    return json.dumps({**GOOD, **changes})


def _without(name: str) -> str:
    return json.dumps({key: value for key, value in GOOD.items() if key != name})


@dataclass(frozen=True, slots=True)
class Case:
    """One behaviour of a model.

    Attributes:
        name: As the table shows it.
        replies: What it writes at each attempt; the last again and again.
        expected: The value that must come; None where every value would be a guess.
        finish_reason: How each reply ends.
    """

    name: str
    replies: tuple[str, ...]
    expected: Any = None
    finish_reason: str | None = None


_OK = _text()
_WRONG_LINE = json.dumps({**_LONG, "lines": [*_LONG["lines"][:20], {**_LINE, "quantity": "a few"}]})

CASES = {
    case.name: case
    for case in (
        Case("valid at once", (_OK,), GOOD),
        Case("in a code fence", (f"```json\n{_OK}\n```",), GOOD),
        Case("with words around", (f"Here is the invoice: {_OK} I hope {{this}} helps!",), GOOD),
        Case("written as a JSON string", (json.dumps(_OK),), GOOD),
        Case("a list in it written as text", (_text(lines=json.dumps([_LINE])),), GOOD),
        Case("bare line break in a string", (_OK.replace("Desk lamp", "Desk\nlamp"),), None),
        Case("a field is missing, then right", (_without("total"), _OK), GOOD),
        Case("a wrong word, then right", (_text(currency="Euro"), _OK), GOOD),
        Case("three things wrong, then right", (_text(total="?", issued="soon", paid="perhaps"), _OK), GOOD),
        Case("wrong twice, then right", (_text(currency="Euro"), _text(currency="euros"), _OK), GOOD),
        Case("a long one, wrong once", (_WRONG_LINE, json.dumps(_LONG)), _LONG),
        Case("a long one, wrong twice", (_WRONG_LINE, _WRONG_LINE, json.dumps(_LONG)), _LONG),
        Case("empty, then right", ("", _OK), GOOD),
        Case("words only, then right", ("I see an invoice of Ann.", _OK), GOOD),
        Case("cut in the middle of a number, as if whole", (_OK.removesuffix(', "paid": false}')[:-2],), None),
        Case("cut at the token limit", (_OK[:-20],), None, "length"),
        Case("two different invoices", (f"{_OK}\n{_text(number='2026-18')}",), None),
        Case("never right", (_text(currency="Euro"),), None),
    )
}
CASES["bare line break in a string"] = Case(
    "bare line break in a string",
    CASES["bare line break in a string"].replies,
    {**GOOD, "lines": [{**_LINE, "description": "Desk\nlamp"}]},
)
