"""One type of the corpus with its samples, and what a model would write for each."""

import json
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from agentkit.output import OutputSpec

__all__ = ["Case"]


@dataclass(frozen=True, slots=True)
class Case:
    """A wanted output.

    Attributes:
        name: For the test's id.
        type: What is given as `output=`.
        samples: Values of it.
        replies: The JSON of each sample, where pydantic's dump by alias is not what a model writes.
        open: Whether its values may hold anything, so that damage cannot be told.
    """

    name: str
    type: Any
    samples: tuple[Any, ...]
    replies: tuple[Any, ...] = ()
    open: bool = False

    @property
    def is_raw(self) -> bool:
        return isinstance(self.type, dict)

    def pairs(self) -> list[tuple[Any, Any]]:
        """Give each sample with its JSON, decoded."""
        replies = self.replies or tuple(self.written(sample) for sample in self.samples)
        return [*zip(self.samples, replies, strict=True)]

    def written(self, sample: Any, **options: Any) -> Any:
        """Give the JSON of a sample, decoded."""
        if self.is_raw:
            return sample
        return json.loads(self.adapter().dump_json(sample, by_alias=True, round_trip=True, **options))

    def adapter(self) -> TypeAdapter[Any]:
        return TypeAdapter(self.type)

    def spec(self, mode: str, **options: Any) -> OutputSpec[Any]:
        return OutputSpec(self.type, mode, **options)
