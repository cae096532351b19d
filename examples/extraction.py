"""Typed values out of messy texts, and what to do with a text that has none.

Run it on the embedded model, without a key or network, or on any other::

    python examples/extraction.py
    python examples/extraction.py --model openai:gpt-4o-mini
"""

import argparse
import os
from datetime import date
from decimal import Decimal

from pydantic import BaseModel, Field

from agentkit import Agent, errors

MAILS = [
    "hey, the invoice from Northwind Traders came in. total is 389.90 EUR, due 2026-04-02!! thx",
    "FWD: Acme Tools sent their invoice today, total is 1284.50 EUR, due 2026-03-14. sorry for the mess",
    "are we still on for lunch tomorrow? i'll bring the cake :)",
]


class Invoice(BaseModel):
    """An invoice that has to be paid."""

    vendor: str = Field(description="Company that sent the invoice")
    total: Decimal = Field(gt=0, description="Total amount to pay")
    due: date = Field(description="Date by which it must be paid")


def main() -> None:
    """Read the invoices, add them up, and name the mails that have none."""
    parser = argparse.ArgumentParser(description="Typed values out of messy texts.")
    parser.add_argument("--model", default=os.environ.get("AGENTKIT_MODEL", "local"))
    model = parser.parse_args().model

    agent = Agent(model, output=Invoice, instructions="Read the invoice out of the mail; refuse if there is none.")
    sum_due = Decimal(0)
    for mail in MAILS:
        print(f"| {mail}")
        try:
            invoice = agent.run_sync(mail).output
        except errors.OutputError as error:  # refused, or not valid after several attempts
            print(f"  no invoice: {error}")
            continue
        sum_due += invoice.total
        print(f"  {invoice.vendor} gets {invoice.total:.2f} by {invoice.due:%d %B %Y}")
    print(f"To pay: {sum_due:.2f}")


if __name__ == "__main__":
    main()
