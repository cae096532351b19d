"""Names found in a text, each with the words that it was found in; what does not stand in the text is asked for again.

It needs a larger model than the embedded one, which reads one record out of a text, not lists of what it judges::

    python examples/entities.py --model openai:gpt-4o-mini
"""

import argparse
import os
from typing import Literal

from pydantic import BaseModel, Field

from agentkit import Agent, Context, OutputSpec, ToolRetry

TEXT = (
    "Ada Lovelace met Charles Babbage in London in 1833. She later wrote to the Royal Society from Ockham, "
    "where Babbage visited her twice."
)


class Entity(BaseModel):
    """A name in a text."""

    kind: Literal["person", "organization", "place"]
    name: str = Field(description="The full name")
    quote: str = Field(description="The words of the text that name it, letter by letter")


def stand_in_text(context: Context[str], entities: list[Entity]) -> list[Entity]:
    """Refuse quotes that the text does not hold: names that a model adds of its own knowledge are found so."""
    invented = [entity.quote for entity in entities if entity.quote not in context.deps]
    if invented:
        raise ToolRetry(f"These quotes do not stand in the text: {invented}. Quote letter by letter, or leave out.")
    return entities


def main() -> None:
    """Find the names while the answer still comes, and show where they stand."""
    parser = argparse.ArgumentParser(description="Names in a text, with proof.")
    named = os.environ.get("AGENTKIT_MODEL")
    parser.add_argument("--model", default=named, required=named is None)
    model = parser.parse_args().model

    agent = Agent[str, list[Entity]](
        model,
        output=OutputSpec(list[Entity], validators=[stand_in_text]),
        instructions="Find the persons, organizations and places that the text names, each once.",
    )
    with agent.stream_sync(TEXT, deps=TEXT) as stream:
        for entity in stream.items():  # each when it is finished; the validator sees the whole list at the end
            print(f"... {entity.name}")

    for entity in stream.result.output:
        start = TEXT.index(entity.quote)
        print(f"{entity.kind:12} {entity.name:20} {start:3}: {entity.quote!r}")
    print(f"{len(stream.result.attempts)} answers were refused")


if __name__ == "__main__":
    main()
