"""A person's decision on a call that waits, asked for on the terminal: whether it may run, or what its result is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TextIO

from agentkit.cli.screen import Screen
from agentkit.cli.text import call_text
from agentkit.state.decision import Decision, Deny, Give, PendingCall

__all__ = ["ask_decision", "waiting_text", "wanted_of"]


def ask_decision(call: PendingCall, screen: Screen, answers: TextIO) -> Decision:
    """Ask until there is an answer; no more input is no.

    Of a call that needs approval it is yes, no, or a reason not to, which the model is told; of an external one it is
    the result, or a minus and why there is none. One that was begun before a crash is shown with what is known of it;
    the answer may also be what it did, after an equals sign.
    """
    question = "its result? [text, or - and why there is none]" if call.external else "run it? [y, n, or why not]"
    if call.unknown:
        question = f"{call.unknown}\n   run it again? [y, n, = and its result, or why not]"
    while True:
        screen.end_line()
        screen.write(f"?? {call_text(call.name, call.arguments)}\n   {question} ")
        line = answers.readline()
        if not line:
            return False
        if answer := line.strip():
            if call.unknown and answer.startswith("="):
                return Give(answer.removeprefix("=").strip())
            return _result(answer) if call.external else _leave(answer)


def waiting_text(calls: Iterable[PendingCall], run_id: str | None = None, *, submitted: bool = True) -> str:
    """Say which calls wait, where nobody can be asked, and how to decide on them.

    Args:
        calls: Those that wait.
        run_id: Of a run that is kept somewhere.
        submitted: Whether that is at workers, and not in a journal.
    """
    several = tuple(calls)
    waiting = ", ".join(call_text(call.name, call.arguments) for call in several)
    kinds = dict.fromkeys(wanted_of(call) for call in several)
    head = f"{len(several)} {'call waits' if len(several) == 1 else 'calls wait'} for {' or '.join(kinds)}"
    if run_id is not None and submitted:
        return f"{head}: {waiting}. See them, and decide: agentkit decide MODULE:AGENT {run_id}."
    if run_id is not None:
        advice = f"The same command with --run-id {run_id} asks in a terminal; in Python `journal.resume` decides."
    else:
        advice = "Run it in a terminal, or resume it from Python: with --json the document holds the state."
    return f"{head} and there is no terminal to ask on: {waiting}. {advice}"


def wanted_of(call: PendingCall) -> str:
    """Say what a call waits for."""
    if call.unknown:
        return "a word on whether it was done"
    return "a result" if call.external else "approval"


def _leave(answer: str) -> Decision:
    if answer.lower() in ("y", "yes"):
        return True
    return False if answer.lower() in ("n", "no") else Deny(f"The user declined this call: {answer}")


def _result(answer: str) -> Decision:
    reason = answer.removeprefix("-").strip()
    if not answer.startswith("-") or _is_number(answer):
        return Give(answer)
    return Deny(reason) if reason else False


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
