"""`agentkit schema`: the `tools` of a request, exactly as they would be sent."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Annotated

import typer

from agentkit.cli.reference import load_tools
from agentkit.cli.screen import Screen
from agentkit.cli.text import json_text, one_line
from agentkit.errors import ToolDefinitionError
from agentkit.tools.tool import Tool
from agentkit.tools.toolbox import Toolbox

__all__ = ["SchemaCommand"]

_REFUSED = 2  # the exit code of a configuration that cannot work


@dataclass(frozen=True)
class SchemaCommand:
    """What was asked for on the command line; `perform` does it."""

    tools: Annotated[
        list[str],
        typer.Argument(
            metavar="MODULE[:NAME]", help="A module or path/to/file.py, or one name in it.", show_default=False
        ),
    ]
    compact: Annotated[
        bool, typer.Option("--compact", help="On one line on a terminal too, byte for byte as it is sent.")
    ] = False
    strict: Annotated[bool, typer.Option("--strict", help="The strict form of every tool, or why it has none.")] = False

    def perform(self) -> int:
        """Print and give the exit code."""
        out, err = Screen(sys.stdout), Screen(sys.stderr)
        box, refusals = load_tools(self.tools), list[str]()
        if self.strict:
            box, refusals = _made_strict(box)
        if box:
            sent = box.encoded.decode()
            indented = out.terminal and not self.compact
            out.write(f"{json_text(json.loads(sent), indent=2) if indented else sent}\n")
        for refusal in refusals:
            err.line(f"error: {one_line(refusal, None)}")
        return _REFUSED if refusals else 0


def _made_strict(box: Toolbox) -> tuple[Toolbox, list[str]]:
    strict, refusals = list[Tool](), list[str]()
    for tool in box:
        try:
            strict.append(tool.replace(strict=True))
        except ToolDefinitionError as error:
            refusals.append(str(error))
    return Toolbox(strict), refusals
