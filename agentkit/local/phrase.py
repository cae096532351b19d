"""The texts that the embedded model answers with: templates, for it writes no prose, and they say so."""

from __future__ import annotations

from collections.abc import Sequence

from agentkit.local.story import Answered
from agentkit.local.verdict import ACT_AT, AGREE_AT, Verdict

__all__ = ["doubt", "no_call", "no_record", "results"]

_WORTH_SAYING = 0.1  # below it the engine itself withholds a call
_SELF = (
    "I am a small embedded model that calls tools and reads data out of text; I cannot chat or answer from knowledge."
)


def no_call(offered: bool) -> str:
    """Say that nothing can be done, with or without tools."""
    if offered:
        return f"None of the tools fits this request, as far as I can tell. {_SELF}"
    return f"{_SELF} Give me tools, or a response_format with a JSON Schema, or ask a larger model."


def doubt(verdict: Verdict) -> str:
    """Say which calls were not made and how sure the engine was of them."""
    calls = " and ".join(str(call) for call in verdict.calls)
    return (
        f"I am not sure enough to act. I would have called {calls}, with a confidence of {verdict.confidence:.2f}; "
        f"I act at {ACT_AT:.2f} and above. Name the values plainly, one step at a time, or ask a larger model."
    )


def no_record(name: str, verdict: Verdict) -> str:
    """Say why there is no record."""
    if not verdict.calls:
        return f"I found no {name} in the text that the text bears out. {_SELF}"
    found = str(verdict.calls[0])
    return (
        f"I am not sure enough of what I read: {found}, with a confidence of {verdict.confidence:.2f}; "
        f"I answer at {ACT_AT:.2f} and above, or at {AGREE_AT:.2f} where two ways of asking agree. "
        "A shorter text, described fields or a larger model may help."
    )


def results(answered: Sequence[Answered], verdict: Verdict) -> str:
    """Put the results together, line by line, and say that it was a template that did."""
    lines = [f"{given.call}: {given.text}" if given.call else given.text for given in answered]
    if verdict.calls and verdict.confidence >= _WORTH_SAYING:
        calls = " and ".join(str(call) for call in verdict.calls)
        lines.append(
            f"I was not sure whether to go on with {calls} (confidence {verdict.confidence:.2f}), so I did not."
        )
    lines.append("(Put together from the tools' results by a template; this model writes no prose.)")
    return "\n".join(lines)
