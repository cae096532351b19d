"""What each of the ten assistants must do: its processes, the model that it talks to, and what must have come of it.

The endpoint asks a scenario for replies; `lines.py` runs the programs and has it check what was sent and printed.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from agentkit.testing import call
from agentkit.testing.reply import Reply, completion

__all__ = ["Json", "Scenario", "asked", "called", "filled", "fits", "results", "told", "tool"]

Json = dict[str, Any]


class Scenario(ABC):
    """One assistant, for one program of one library; it holds what was seen.

    Attributes:
        name: The programs' file name.
        task: What it does, as the table shows it.
        steps: The arguments of each process, one after another in one folder.
        latency: Seconds before an answer of the endpoint.
        requests: What the endpoint was sent.
        tokens: What it said that this took.
        printed: The JSON line of each process.
        notes: What each wrote to stderr.
    """

    name: ClassVar[str]
    task: ClassVar[str]
    steps: ClassVar[Sequence[Sequence[str]]]
    latency: ClassVar[float] = 0

    def __init__(self) -> None:
        self.requests: list[Json] = []
        self.tokens = 0
        self.printed: list[Json] = []
        self.notes: list[str] = []

    def __call__(self, request: Json) -> Reply:
        """Answer the next request, and keep it."""
        self.requests.append(request)
        return self.reply(request)

    @abstractmethod
    def reply(self, request: Json) -> Reply:
        """Say what the model says."""

    @abstractmethod
    def check(self) -> None:
        """Raise an AssertionError unless the programs did what they must."""

    def costing(self, reply: str | Json, request: Json, output: int) -> Json:
        """Make a reply that takes so many tokens of output, and a quarter of the request's bytes of input."""
        size = len(json.dumps(request).encode())
        whole = completion(reply, request, number=len(self.requests), size=size)
        whole["usage"]["completion_tokens"] = output
        whole["usage"]["total_tokens"] = whole["usage"]["prompt_tokens"] + output
        self.tokens += whole["usage"]["total_tokens"]
        return whole


def told(request: Json) -> list[str]:
    """Give the texts of the system and user messages, in order."""
    return [_text(one) for one in request["messages"] if one["role"] not in ("assistant", "tool")]


def asked(request: Json) -> str:
    """Give what the user said last."""
    return [_text(one) for one in request["messages"] if one["role"] == "user"][-1]


def results(request: Json) -> list[str]:
    """Give the results of calls, in order."""
    return [_text(one) for one in request["messages"] if one["role"] == "tool"]


def called(request: Json) -> list[str]:
    """Give the names of the calls in the history, in order."""
    return [one["function"]["name"] for message in request["messages"] for one in message.get("tool_calls") or ()]


def tool(request: Json, word: str) -> Json:
    """Find the tool whose name has the word in it."""
    (found,) = [one["function"] for one in request["tools"] if word in one["function"]["name"].lower()]
    return found


def filled(request: Json, word: str, text: str) -> Json:
    """Call the tool whose name has the word in it, with the text for each argument that it must have."""
    function = tool(request, word)
    return call(function["name"], dict.fromkeys(function.get("parameters", {}).get("required", ()), text))


def fits(request: Json, value: Json) -> Json:
    """Give a value in the form that the request asks for: as the arguments of its tool, or as text."""
    if request.get("tools"):
        return call(request["tools"][0]["function"]["name"], value)
    return {"content": json.dumps(value)}


def _text(message: Json) -> str:
    content = message.get("content") or ""
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
