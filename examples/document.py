"""A document that is too long for one request: read in overlapping pieces, all at once, and put together again.

It needs a larger model than the embedded one, which reads one record out of a text, not lists::

    python examples/document.py --model openai:gpt-4o-mini
    python examples/document.py --model openai:gpt-4o-mini --file minutes.txt --store minutes.sqlite
"""

import argparse
import os
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

from pydantic import BaseModel, Field

from agentkit import Agent

MINUTES = """\
12 January 2026. The board approved the purchase of a crane from Acme Tools for 12,400 euros.

20 January 2026. Ada reported on the harbour; nothing was decided.

3 February 2026. Northwind Traders will store the crane until spring, for 390 euros a month. The board agreed, and paid
the first month, 390 euros, at once.

9 February 2026. Grace asked who had paid for lunch. Nobody knew.

2 March 2026. The roof leaked. Bergen Roofing was paid 2,150 euros to mend it before the crane comes.
"""


class Payment(BaseModel, frozen=True):
    """A sum of money that was promised or paid."""

    day: date = Field(description="Day of the decision")
    payee: str = Field(description="Who gets the money")
    euros: Decimal = Field(gt=0, description="The sum, in euros")


def pieces(text: str, size: int, overlap: int) -> Iterator[str]:
    """Cut a text between paragraphs; what stands at a cut stands in both pieces, so that nothing is torn apart."""
    piece = ""
    for paragraph in text.split("\n\n"):
        if piece and len(piece) + len(paragraph) > size:
            yield piece
            kept = piece.split("\n\n")
            while kept and len("\n\n".join(kept)) > overlap:
                kept.pop(0)
            piece = "\n\n".join(kept)
        piece = f"{piece}\n\n{paragraph}".strip()
    if piece:
        yield piece


def merged(found: Iterable[list[Payment]]) -> list[Payment]:
    """Put lists together by date; what two pieces saw is there once, however they write the name."""
    known = {(one.day, one.payee.casefold(), one.euros): one for several in found for one in several}
    return sorted(known.values(), key=lambda one: (one.day, one.payee))


def main() -> None:
    """Read all pieces, add up the payments, and name the pieces that could not be read."""
    parser = argparse.ArgumentParser(description="Payments out of a long document.")
    named = os.environ.get("AGENTKIT_MODEL")
    parser.add_argument("--model", default=named, required=named is None)
    parser.add_argument("--file", type=Path, help="a text; by default the minutes in this file")
    parser.add_argument("--size", type=int, default=300, help="characters of a piece; some thousands for real ones")
    parser.add_argument("--store", type=Path, help="keeps what was read, so that the next call goes on from there")
    given = parser.parse_args()

    text = given.file.read_text(encoding="utf-8") if given.file else MINUTES
    agent = Agent(
        given.model,
        output=list[Payment],
        instructions="List the payments in this piece of a longer document. An empty list if there are none.",
    )
    read = agent.map_sync(pieces(text, given.size, given.size // 2), store=given.store).result()

    payments = merged(outcome.output for outcome in read.done)
    for payment in payments:
        print(f"{payment.day:%d %B %Y}: {payment.euros:>9,.2f} euros to {payment.payee}")
    print(f"{sum(payment.euros for payment in payments):,.2f} euros in {len(read)} pieces")
    for outcome in read.failed:
        print(f"not read: piece {outcome.index + 1}, {outcome.error}")


if __name__ == "__main__":
    main()
