"""A nested value out of a text; where it does not add up, the model is asked again."""

import sys
from typing import Self

from pydantic import BaseModel, model_validator

from agentkit import extract_sync


class Customer(BaseModel):
    name: str
    city: str


class Line(BaseModel):
    item: str
    quantity: int
    price: float


class Invoice(BaseModel):
    number: str
    customer: Customer
    lines: list[Line]
    total: float

    @model_validator(mode="after")
    def adds_up(self) -> Self:
        due = sum(line.quantity * line.price for line in self.lines)
        if abs(due - self.total) > 0.005:
            raise ValueError(f"the lines add up to {due:.2f}, but the total is {self.total:.2f}")
        return self


invoice = extract_sync(Invoice, sys.argv[1], model="openai:gpt-4o-mini")
print(invoice.model_dump_json())
