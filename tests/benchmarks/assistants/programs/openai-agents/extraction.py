"""A nested value out of a text; where it does not add up, the model is asked again."""

import sys
from typing import Self

from agents import Agent, ItemHelpers, RunErrorHandlerInput, Runner, set_default_openai_api
from pydantic import BaseModel, ValidationError, model_validator

set_default_openai_api("chat_completions")


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


async def ask_again(failed: RunErrorHandlerInput) -> Invoice:
    """Ask once more, with the reason, which the error itself keeps to itself."""
    reason = str(failed.error)
    try:
        Invoice.model_validate_json(ItemHelpers.text_message_outputs(failed.run_data.new_items))
    except ValidationError as error:
        reason = str(error)
    message = {"role": "user", "content": f"This is not valid: {reason}"}
    return (await Runner.run(agent, [*failed.run_data.history, message])).final_output


agent = Agent(name="Reader", model="gpt-4o-mini", output_type=Invoice)
result = Runner.run_sync(agent, sys.argv[1], error_handlers={"invalid_final_output": ask_again})
print(result.final_output.model_dump_json())
