"""What is wanted out of a model's text, how it is asked for, and how it is read without a guess."""

from agentkit.output.parse import Mistake, Rejected
from agentkit.output.partial import ElementReader, PartialReader
from agentkit.output.plan import Asked, OutputPlan
from agentkit.output.spec import Mode, OutputSpec

__all__ = [
    "Asked",
    "ElementReader",
    "Mistake",
    "Mode",
    "OutputPlan",
    "OutputSpec",
    "PartialReader",
    "Rejected",
]
