"""`agentkit extract`: values of one type out of one text, or out of many inputs so that the same command goes on."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from agentkit.agent.agent import Agent
from agentkit.agent.extract import INSTRUCTIONS
from agentkit.cli.choice import Choice, InstructionsOption, ModelOption
from agentkit.cli.extraction import Extraction
from agentkit.cli.output import dumper
from agentkit.cli.reference import load_type
from agentkit.cli.run import read_prompt
from agentkit.cli.screen import Screen
from agentkit.cli.source import Source
from agentkit.cli.target import FileTarget, StreamTarget, Target
from agentkit.cli.text import json_text
from agentkit.errors import ConfigurationError
from agentkit.many.store import forget_store
from agentkit.output import OutputSpec
from agentkit.state.limit import RunLimits

__all__ = ["ExtractCommand"]


@dataclass(frozen=True)
class ExtractCommand:
    """What was asked for on the command line; `perform` does it."""

    type: Annotated[
        str,
        typer.Argument(
            metavar="TYPE",
            help="module:Type, path/to/file.py:Type, a .json file of a JSON Schema, or int, str ...",
            show_default=False,
        ),
    ]
    text: Annotated[
        str | None, typer.Argument(metavar="TEXT", help="One text; - reads it from stdin.", show_default=False)
    ] = None
    inputs: Annotated[
        str | None,
        typer.Option(
            "--in",
            metavar="PATH",
            help="Many inputs: a .jsonl or .csv file, a folder, or - for lines on stdin; any other file is one.",
            show_default=False,
        ),
    ] = None
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="Where the lines of JSON go; - is stdout, the default with stdin.",
            show_default=False,
        ),
    ] = None
    model: ModelOption = None
    instructions: InstructionsOption = None
    field: Annotated[
        str, typer.Option("--field", metavar="NAME", help="Where the text of an object or a row is; dots reach inside.")
    ] = "text"
    mode: Annotated[
        str, typer.Option("--mode", metavar="MODE", help="How to ask: auto, native, tool, json, prompted.")
    ] = "auto"
    retries: Annotated[
        int | None,
        typer.Option("--retries", metavar="N", min=0, help="How often to ask again. Default: 2.", show_default=False),
    ] = None
    concurrency: Annotated[int, typer.Option("--concurrency", metavar="N", min=1, help="How many at once.")] = 16
    max_tokens_total: Annotated[
        int | None,
        typer.Option(
            "--max-tokens-total",
            metavar="N",
            min=1,
            help="Spend no more tokens than that, in and out; then begin no more inputs.",
            show_default=False,
        ),
    ] = None
    limit: Annotated[
        int | None,
        typer.Option("--limit", metavar="N", min=1, help="Only the first N inputs.", show_default=False),
    ] = None
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget what earlier calls finished, and begin anew.")] = False

    def perform(self) -> int:
        """Extract and give the exit code: 0 all done, 1 some failed."""
        if (self.text is None) == (self.inputs is None):
            raise ConfigurationError("Give one text behind the type, or many inputs with --in.")
        if self.text is not None:
            return self._one(self.text)
        assert self.inputs is not None
        err = Screen(sys.stderr)
        target = self._target(self.inputs, err)
        source = Source(self.inputs, self.field, target.own)
        spec = self._spec()
        dump = dumper(spec)
        agent = self._agent(spec)
        if self.fresh and target.store is not None and target.store.exists():
            forget_store(target.store)
        extraction = Extraction(agent, source, target, dump, err)
        return extraction.perform(concurrency=self.concurrency, limit=self.limit, tokens=self.max_tokens_total)

    def _one(self, text: str) -> int:
        if self.out not in (None, "-"):
            raise ConfigurationError("The JSON of one text goes to stdout. Leave --out out, or write > FILE.")
        if text != "-" and os.path.isfile(text):  # noqa: PTH113 # a long text has no stat
            raise ConfigurationError(
                f"{text!r} is a file, and TEXT is the text itself. Write --in {text!r} --out FILE; "
                f"or - < {text!r}, which takes all of it as one text."
            )
        prompt, spec = read_prompt(text, "extract TYPE"), self._spec()
        dump, agent = dumper(spec), self._agent(spec)
        result = agent.run_sync(prompt, limits=RunLimits(tokens=self.max_tokens_total))
        out = Screen(sys.stdout)
        out.write(json_text(dump(result.output), indent=2 if out.terminal else None) + "\n")
        return 0

    def _target(self, inputs: str, err: Screen) -> Target:
        if self.out is None and inputs != "-":
            raise ConfigurationError("Say where the outputs go: --out FILE, or --out - for stdout.")
        if self.out is None or self.out == "-":
            return StreamTarget(sys.stdout, err)
        return FileTarget(Path(self.out))

    def _spec(self) -> OutputSpec[Any]:
        wanted: Any = load_type(self.type)
        spec: OutputSpec[Any] = cast("Any", wanted) if isinstance(wanted, OutputSpec) else OutputSpec(wanted)
        mode: Any = spec.mode if self.mode == "auto" else self.mode
        return replace(spec, mode=mode, retries=spec.retries if self.retries is None else self.retries)

    def _agent(self, spec: OutputSpec[Any]) -> Agent[Any, Any]:
        return Choice(self.model, instructions=self.instructions or INSTRUCTIONS).agent().replace(output=spec)
