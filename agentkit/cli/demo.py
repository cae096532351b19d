"""`agentkit demo`: the main job on a real model, shown while it happens, and at the end what it proved."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from pydantic import BaseModel

from agentkit.agent.agent import Agent
from agentkit.agent.event import ReplyReceived
from agentkit.cli.fault import error_line
from agentkit.cli.scene import Check, Scene, make_scenes
from agentkit.cli.screen import Screen, event_line
from agentkit.errors import AgentkitError, ConfigurationError
from agentkit.model import Model
from agentkit.providers import resolve

__all__ = ["DemoCommand"]

_FAILED = 1

_LOCAL = """\
The model is the embedded one: 121M parameters, in a process beside this one, without a key and without network.
It calls tools and reads data out of text. It cannot chat and writes no prose: after tool results its answer is put
together by a template. Larger models: agentkit demo --model openai:gpt-4o-mini"""


@dataclass(frozen=True)
class DemoCommand:
    """What was asked for on the command line; `perform` does it."""

    model: Annotated[
        str,
        typer.Option("--model", "-m", metavar="PROVIDER:MODEL", help="The model; `local` is the embedded one."),
    ] = "local"

    def perform(self) -> int:
        """Play the scenes and give the exit code: 0 only when every check holds."""
        screen = Screen(sys.stdout)
        model = resolve(self.model)
        screen.line(_LOCAL if self.model == "local" else f"The model is {self.model}.", "dim")
        screen.line("The tools are functions of this program; what they tell is made up.", "dim")
        began = time.perf_counter()
        checks: list[Check] = []
        for place, scene in enumerate(make_scenes(), 1):
            screen.line(f"\n{place}. {scene.title}", "bold")
            for line in scene.prompt.splitlines():
                screen.line(f"   | {line}")
            checks += _play(scene, model, screen)
        return _conclude(checks, time.perf_counter() - began, screen)


def _play(scene: Scene, model: Model, screen: Screen) -> Sequence[Check]:
    """Run one scene and show its events; a run that fails is a check that does not hold."""
    agent = Agent[Any, Any](model, tools=scene.tools, output=scene.output)
    began = time.perf_counter()

    def show(text: str, style: str) -> None:
        screen.line(f"   {time.perf_counter() - began:6.2f} s  {text}", style)

    try:
        with agent.stream_sync(scene.prompt) as stream:
            for event in stream:
                if line := _line(event):
                    show(*line)
        result = stream.result
    except ConfigurationError:
        raise
    except AgentkitError as error:
        show(error_line(error), "red")
        return [Check(f"{scene.title}: the run ended with an output", holds=False)]
    show("the output:", "")
    for text in _output_lines(result.output):
        screen.line(f"               {text}", "bold")
    return scene.check(result)


def _line(event: Any) -> tuple[str, str] | None:
    if isinstance(event, ReplyReceived):
        calls = len(event.message.tool_calls)
        said = f"asks for {calls} {'call' if calls == 1 else 'calls'}" if calls else "is done"
        return f"the model {said}", "dim"
    return event_line(event)


def _output_lines(output: Any) -> list[str]:
    if not isinstance(output, BaseModel):
        return str(output).splitlines()
    return [f"{name} = {value!r}  ({type(value).__name__})" for name, value in output]


def _conclude(checks: Sequence[Check], seconds: float, screen: Screen) -> int:
    held = [check for check in checks if check.holds]
    proven = len(held) == len(checks)
    screen.line(
        f"\n{'Proved' if proven else 'Not proven'}: {len(held)} of {len(checks)} checks hold, in {seconds:.1f} s."
    )
    for check in checks:
        mark, style = ("ok  ", "green") if check.holds else ("FAIL", "red")
        screen.line(f"   {mark}  {check.text}", style)
    return 0 if proven else _FAILED
