"""From an answer to a finding: what all probes judge alike, by the form of what came and never by the model's wit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from agentkit.doctor.finding import Finding
from agentkit.doctor.patient import Answer
from agentkit.http.fault import clean
from agentkit.http.profile import Profile
from agentkit.secret import scrub

__all__ = ["among", "calls_seen", "judge", "text_seen"]

_SHOWN: Final = 60
_WRITTEN_CALL: Final = re.compile(r'"name"\s*:\s*"get_\w+"')
_NOTHING: Final[Mapping[str, Any]] = {}


def judge(
    answer: Answer,
    seen: str,
    *,
    otherwise: str = "",
    taken: Mapping[str, Any] = _NOTHING,
    refused: Mapping[str, Any] = _NOTHING,
) -> Finding:
    """Say whether an endpoint took what was asked.

    Args:
        answer: What came.
        seen: What there is to see where it took it.
        otherwise: What agentkit does where it refused.
        taken: What follows for the profile where it took it.
        refused: What follows where it refused. Of a failure (no connection, 502) nothing follows.
    """
    if answer.reply is not None:
        return Finding(verdict="works", seen=seen, profile=taken)
    if answer.is_refused:
        return Finding(verdict="refused", seen=answer.words, done=otherwise, profile=refused)
    return Finding(verdict="failed", seen=answer.words)


def among(profile: Profile, field: str, name: str, *, taken: bool) -> dict[str, Any]:
    """Put a name among those that a field of the profile lists, or out of them."""
    known = {*getattr(profile, field)} - {name} | ({name} if taken else set[str]())
    return {field: tuple(one for one in getattr(Profile(), field) if one in known)}


def text_seen(answer: Answer) -> str:
    """Tell the text of a reply, shortened, or why there is none."""
    if answer.text.strip():
        return f"answered {_short(answer.text)}"
    if answer.calls:
        return calls_seen(answer)
    return "answered without text" + (", cut at the token limit" if answer.is_cut else "")


def calls_seen(answer: Answer) -> str:
    """Tell the calls of a reply; that a model made none says nothing of the endpoint."""
    if answer.calls:
        return "called " + ", ".join(
            f"{clean(call.function.name)}({_short(call.function.arguments, '')})" for call in answer.calls
        )
    if _WRITTEN_CALL.search(answer.text):
        return f"taken, but the call came as text, which agentkit does not run: {_short(answer.text)}"
    cut = ": it was cut at the token limit" if answer.is_cut else ""
    return f"taken, but the model made no call{cut}"


def _short(text: str, mark: str = '"') -> str:
    text = clean(scrub(text))  # before it is cut, so that no half of a key is left
    return f"{mark}{text if len(text) <= _SHOWN else text[:_SHOWN] + '...'}{mark}"
