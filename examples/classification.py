"""Mails sorted by topic, with several labels each; what the model is not sure of goes to a person.

It needs a larger model than the embedded one, which reads values out of texts but does not judge them::

    python examples/classification.py --model openai:gpt-4o-mini
"""

import argparse
import os
from enum import Enum
from typing import Literal

from pydantic import BaseModel, Field

from agentkit import Agent

MAILS = [
    "My parcel was due on Monday and it is still not here. Where is it?!",
    "You charged my card twice for order 5190. Please send one payment back, and cancel the rest of the order.",
    "Is the blue one more blue than the other blue one? Asking for my cat.",
]
SURE = 0.7


class Topic(Enum):
    """What a mail is about; one of these, and nothing else, can come out."""

    DELIVERY = "delivery"
    PAYMENT = "payment"
    PRODUCT = "product"
    OTHER = "other"


class Verdict(BaseModel):
    """How a mail is sorted."""

    topic: Topic = Field(description="What the mail is mostly about")
    labels: set[Literal["complaint", "question", "refund", "cancellation"]] = Field(
        description="All that apply; none if none does"
    )
    confidence: float = Field(ge=0, le=1, description="How sure you are of the topic; 1 where there is no doubt")


def main() -> None:
    """Sort the mails, all at once, and say who takes care of each."""
    parser = argparse.ArgumentParser(description="Mails sorted by topic and labels.")
    named = os.environ.get("AGENTKIT_MODEL")
    parser.add_argument("--model", default=named, required=named is None)
    model = parser.parse_args().model

    agent = Agent(model, output=Verdict, instructions="Sort the mail that a customer wrote to a shop.")
    for outcome in agent.map_sync(MAILS):
        print(f"| {outcome.input}")
        if outcome.error is not None:
            print(f"  -> a person, for it could not be sorted: {outcome.error}")
            continue
        verdict = outcome.output
        labels = ", ".join(sorted(verdict.labels)) or "no label"
        # how sure a model says it is, is its own word: good to sort by, no probability
        who = verdict.topic.value if verdict.confidence >= SURE else f"a person, perhaps {verdict.topic.value}"
        print(f"  -> {who} ({labels}, {verdict.confidence:.0%} sure)")


if __name__ == "__main__":
    main()
