"""A nested value out of a text; where it does not add up, the model is asked again."""

import sys
from typing import Self

from pydantic import BaseModel, model_validator
from pydantic_ai import Agent


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


agent = Agent("openai-chat:gpt-4o-mini", output_type=Invoice)
print(agent.run_sync(sys.argv[1]).output.model_dump_json())
