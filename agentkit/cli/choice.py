"""The agent that a command line describes, and the options that the commands share."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from agentkit.agent.agent import Agent
from agentkit.cli.reference import load_tools, load_type
from agentkit.errors import UnknownModelError
from agentkit.providers import resolve
from agentkit.state.limit import RunLimits

__all__ = ["Choice", "InstructionsOption", "ModelOption", "ToolsOption", "TurnsOption"]

ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="PROVIDER:MODEL",
        help="The model, such as openai:gpt-4o-mini; `local` is the embedded one. Default: AGENTKIT_MODEL.",
        show_default=False,
    ),
]

ToolsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--tools",
        "-t",
        metavar="MODULE[:NAME]",
        help="Tools: a module or path/to/file.py, or one name in it. May be given several times.",
        show_default=False,
    ),
]

InstructionsOption = Annotated[
    str | None,
    typer.Option("--instructions", "-i", metavar="TEXT", help="What the model is told first.", show_default=False),
]

TurnsOption = Annotated[
    int | None,
    typer.Option(
        "--max-turns", metavar="N", min=1, help="How many replies a run may take. Default: 50.", show_default=False
    ),
]


@dataclass(frozen=True, slots=True)
class Choice:
    """What the options say of an agent.

    Attributes:
        model: Its name; None reads AGENTKIT_MODEL.
        tools: References to modules and names.
        instructions: Sent first.
        output: What `load_type` reads; None is text.
        turns: The limit of turns.
    """

    model: str | None = None
    tools: Sequence[str] | None = None
    instructions: str | None = None
    output: str | None = None
    turns: int | None = None

    def agent(self) -> Agent[Any, Any]:
        """Make the agent.

        Raises:
            ConfigurationError: No model is named, or its name, key, tools or type cannot be used.
        """
        model = self.model or os.environ.get("AGENTKIT_MODEL", "").strip()
        if not model:
            raise UnknownModelError(
                "No model is named. Write --model provider:model or set AGENTKIT_MODEL=provider:model; "
                "without a key and network: --model local."
            )
        return Agent[Any, Any](
            resolve(model),
            tools=load_tools(self.tools or ()),
            instructions=self.instructions,
            output=str if self.output is None else load_type(self.output),
            limits=RunLimits() if self.turns is None else RunLimits(turns=self.turns),
        )
