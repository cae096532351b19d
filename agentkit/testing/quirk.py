"""Quirks: known deviations of real servers from the contract, by name; the fake endpoint plays them on good replies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from agentkit.testing.answer import Json
from agentkit.testing.callquirk import CALL_QUIRKS
from agentkit.testing.deltaquirk import DELTA_QUIRKS
from agentkit.testing.envelopequirk import ENVELOPE_QUIRKS
from agentkit.testing.messagequirk import MESSAGE_QUIRKS
from agentkit.testing.name import unknown
from agentkit.testing.refusal import REFUSALS
from agentkit.testing.streamquirk import CHUNK_QUIRKS, PIECE_QUIRKS
from agentkit.testing.usagequirk import USAGE_QUIRKS

__all__ = ["QUIRKS", "Quirk", "named"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirk:
    """One deviation: a change on the way of a reply, another way of telling it or of hearing a request, or a refusal.

    Attributes:
        name: What it is called.
        summary: What it does, in a sentence.
        message: Changes the whole ChatCompletion in place, for plain and streamed replies alike.
        chunks: Changes a stream's chunks.
        pieces: Changes the bytes: a stream's events with the closing `[DONE]`, or one JSON document.
        swaps: Which requests get the other way of telling: streams get JSON, plain ones a stream.
        streams_only: Whether a plain JSON answer is left alone by `pieces`.
        kinds: The content types of a document and of a stream, in place of the right ones; "" sends none.
        hears: Gives a request as it is understood, where a reply by rule or by a function is made to it.
        refuses: Says what is wrong with a request that the contract allows; None where nothing is.
    """

    name: str
    summary: str = ""
    message: Callable[[Json], None] | None = None
    chunks: Callable[[list[Json]], list[Json]] | None = None
    pieces: Callable[[list[bytes]], list[bytes]] | None = None
    swaps: frozenset[bool] = frozenset()
    streams_only: bool = True
    kinds: tuple[str, str] | None = None
    hears: Callable[[Json], Json] | None = None
    refuses: Callable[[Json], str | None] | None = None


_GUIDED: Final = ("json_object", "json_schema")
_OF_TOOLS: Final = ("tools", "tool_choice", "parallel_tool_calls")
_ANYWHERE: Final = {"bom", "leading_whitespace", "split_utf8"}


def _said(change: Callable[..., object]) -> str:
    return change.__doc__ or ""


def _format_stops_tools(request: Json) -> Json:
    """Where a JSON `response_format` is asked for, no tool is ever called (guided decoding: vLLM, Ollama)."""
    shape: Json = request.get("response_format") or {}
    kind = shape.get("type")
    return {key: value for key, value in request.items() if kind not in _GUIDED or key not in _OF_TOOLS}


QUIRKS: Final[dict[str, Quirk]] = {
    quirk.name: quirk
    for quirk in (
        *(
            Quirk(name=name, summary=_said(change), message=change)
            for name, change in (MESSAGE_QUIRKS | CALL_QUIRKS | ENVELOPE_QUIRKS).items()
        ),
        *(
            Quirk(name=name, summary=_said(change), chunks=change)
            for name, change in (CHUNK_QUIRKS | USAGE_QUIRKS | DELTA_QUIRKS).items()
        ),
        *(
            Quirk(name=name, summary=_said(change), pieces=change, streams_only=name not in _ANYWHERE)
            for name, change in PIECE_QUIRKS.items()
        ),
        Quirk(name="json_for_stream", summary="A stream is answered with one JSON document.", swaps=frozenset({True})),
        Quirk(name="sse_for_plain", summary="A plain request is answered with a stream.", swaps=frozenset({False})),
        Quirk(
            name="other_content_type",
            summary="A document is labelled as plain text, a stream as a document.",
            kinds=("text/plain; charset=utf-8", "application/json"),
        ),
        Quirk(name="no_content_type", summary="Nothing says what the body is.", kinds=("", "")),
        Quirk(name="format_stops_tools", summary=_said(_format_stops_tools), hears=_format_stops_tools),
        *(Quirk(name=name, summary=_said(look), refuses=look) for name, look in REFUSALS.items()),
    )
}
"""Every quirk by its name."""


def named(quirks: Sequence[Quirk | str]) -> list[Quirk]:
    """Look quirks up by name; those of your own stay as they are, and are played first.

    Returns:
        The quirks in the order of `QUIRKS`, in which they can be played together.

    Raises:
        ValueError: There is no such quirk.
    """
    for quirk in quirks:
        if isinstance(quirk, str) and quirk not in QUIRKS:
            raise ValueError(unknown("quirk", quirk, QUIRKS))
    own = [quirk for quirk in quirks if isinstance(quirk, Quirk)]
    return [*own, *(quirk for name, quirk in QUIRKS.items() if name in quirks)]
