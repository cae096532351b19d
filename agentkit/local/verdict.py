"""What is left of an engine's answer once it is weighed: the calls that the text bears out, and whether to act on them.

`dialogue` decides by it. The engine's own confidence is calibrated; 0.5 is where acting is right more often than not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast

from agentkit.local.offer import Offer
from agentkit.local.reading import Call, Response
from agentkit.local.story import Answered

__all__ = ["ACT_AT", "AGREE_AT", "Verdict", "fresh_calls", "weigh"]

ACT_AT = 0.5
AGREE_AT = 0.2

_NUMBER = re.compile(r"(?<![\w.,])[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?!\d)")
_ON_THE_MINUTE = re.compile(r"0?(\d{1,2}:\d\d):00")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Calls in terms of the tools as given, and how sure the engine is of them as a whole.

    Attributes:
        agreed: Whether another way of asking gave the same; then less confidence will do.
    """

    calls: tuple[Call, ...] = ()
    confidence: float = 0.0
    reasoning: str = ""
    agreed: bool = False

    @property
    def sure(self) -> bool:
        """Tell whether to act."""
        return bool(self.calls) and self.confidence >= (AGREE_AT if self.agreed else ACT_AT)


def weigh(response: Response, offers: Sequence[Offer], source: str, *, acts: bool = True) -> Verdict:
    """Keep the calls of offered tools, once each, whose doubted arguments stand in the source.

    Where a call `acts`, none is kept if the source says not to do it; what is only read out of it may be negated.
    """
    known = {offer.name.lower(): offer for offer in offers}  # the engine writes names of records in lower case
    calls: list[Call] = []
    for written in () if acts and response.negated else response.calls:
        offer = known.get(written.name.lower())
        if offer is None or not _grounded(written, response.ungrounded, source):
            continue
        call = offer.read(written)
        if call not in calls:
            calls.append(call)
    return Verdict(tuple(calls), response.confidence, response.reasoning)


def fresh_calls(calls: Sequence[Call], question: str, answered: Sequence[Answered]) -> tuple[Call, ...]:
    """Give the calls that go on from results: of tools not called yet, carrying a value that only the results brought.

    What the question alone could fill in was called at once, so a later call without such a value is no next step.
    Each tool going on once at most, a run always ends.
    """
    called = {given.call.name for given in answered if given.call}
    brought = "\n".join(given.text for given in answered)
    return tuple(
        call
        for call in calls
        if call.name not in called
        and any(_stands_in(leaf, brought) and not _stands_in(leaf, question) for _, leaf in _leaves(call.arguments))
    )


def _grounded(call: Call, ungrounded: Sequence[str], source: str) -> bool:
    doubted = {path.partition(".")[2] for path in ungrounded if path.partition(".")[0].lower() == call.name.lower()}
    return all(_stands_in(leaf, source) for path, leaf in _leaves(call.arguments) if path in doubted)


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, item in cast("Mapping[str, Any]", value).items():
            yield from _leaves(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, item in enumerate(cast("Sequence[Any]", value)):
            yield from _leaves(item, f"{path}[{index}]")
    elif value is not None and not isinstance(value, bool) and value != "":
        yield path, value


def _stands_in(value: Any, text: str) -> bool:
    if isinstance(value, str):
        if time := _ON_THE_MINUTE.fullmatch(value):  # texts leave the seconds out; in "9:30 pm" it is another hour
            shown = rf"(?<![\w:])0?{time[1]}(?::00)?(?!:?\w|\s*[ap]\.?m)"
            return re.search(shown, text, re.IGNORECASE) is not None
        return re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text, re.IGNORECASE) is not None
    wanted = Decimal(json.dumps(value))
    return any(Decimal(found.group().replace(",", "")) == wanted for found in _NUMBER.finditer(text))
