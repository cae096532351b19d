"""A person's decision on a call that waits, asked for on the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TextIO

from agentkit.cli.screen import Screen
from agentkit.cli.text import call_text
from agentkit.state.decision import Decision, Deny
from agentkit.state.run import PendingCall

__all__ = ["ask_decision", "waiting_text"]


def ask_decision(call: PendingCall, screen: Screen, answers: TextIO) -> Decision:
    """Ask until there is an answer: yes, no, or a reason not to, which the model is told; no more input is no."""
    while True:
        screen.end_line()
        screen.write(f"?? {call_text(call.name, call.arguments)}\n   run it? [y, n, or why not] ")
        line = answers.readline()
        answer = line.strip()
        if answer.lower() in ("y", "yes"):
            return True
        if answer.lower() in ("n", "no") or not line:
            return False
        if answer:
            return Deny(f"The user declined this call: {answer}")


def waiting_text(calls: Iterable[PendingCall]) -> str:
    """Say which calls wait, where nobody can be asked."""
    waiting = [call_text(call.name, call.arguments) for call in calls]
    return (
        f"{len(waiting)} {'call waits' if len(waiting) == 1 else 'calls wait'} for approval and there is no terminal "
        f"to ask on: {', '.join(waiting)}. Run it in a terminal, or resume it from Python: with --json the document "
        "holds the state."
    )
