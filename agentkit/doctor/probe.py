"""The table of probes: what each asks, how much it may take, and the function that does it, in the order of asking."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from agentkit.doctor.call import (
    ROUNDS,
    ask_allowed,
    ask_keywords,
    ask_named,
    ask_no_tools,
    ask_parallel,
    ask_references,
    ask_required,
    ask_streamed_calls,
    ask_tools,
)
from agentkit.doctor.finding import Finding
from agentkit.doctor.history import (
    ask_empty_content,
    ask_long_result,
    ask_odd_ids,
    ask_reasoning,
    ask_results,
    ask_two_results,
)
from agentkit.doctor.output import ask_beside_tools, ask_json, ask_output, ask_schema, ask_strict
from agentkit.doctor.patient import Bounds, Patient
from agentkit.doctor.proof import ask_whole
from agentkit.doctor.talk import (
    ask_bad_request,
    ask_developer,
    ask_image,
    ask_limit,
    ask_plain,
    ask_stream,
    ask_systems,
    ask_unknown_model,
    ask_usage,
    note_waits,
)

__all__ = ["PROBES", "Probe", "chosen"]

_SHORT = 32  # tokens of a reply that need not say much
_BYTES_A_TOKEN = 3  # pessimistic, for the long result


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One probe.

    Attributes:
        name: What it is called in tables.
        asks: What it asks, in words.
        run: What does it; it names neither itself nor the deviations that the patient notes.
        requests: How many requests it sends at most.
        input_tokens: How many tokens each of them has at most, by estimate.
        is_full: Whether a reply may be as long as the bounds allow; else it has 32 tokens at most.
        is_tooled: Whether it offers tools.
        needed: Whether agents cannot do without what it asks for.
        is_long: Whether it sends the long result of a tool.
        extra: Whether it is left out unless it is wished for.
    """

    name: str
    asks: str
    run: Callable[[Patient], Awaitable[list[Finding]]]
    requests: int = 1
    input_tokens: int = 40
    is_full: bool = False
    is_tooled: bool = False
    needed: bool = False
    is_long: bool = False
    extra: bool = False

    def tokens(self, bounds: Bounds) -> int:
        """Estimate how many tokens it takes at most, in and out."""
        given = self.input_tokens + (bounds.result_bytes // _BYTES_A_TOKEN if self.is_long else 0)
        return self.requests * (given + (bounds.reply_tokens if self.is_full else min(_SHORT, bounds.reply_tokens)))


_tooled = partial(Probe, is_tooled=True, is_full=True, input_tokens=250)
_told = partial(Probe, is_tooled=True, input_tokens=400)  # a history with calls

PROBES: tuple[Probe, ...] = (
    Probe(name="plain", asks="a short text", run=ask_plain, requests=2, needed=True),
    Probe(name="stream", asks="a short text in pieces", run=ask_stream, needed=True),
    Probe(name="usage in stream", asks="`stream_options` with `include_usage`", run=ask_usage),
    Probe(name="token limit", asks="which spelling of the limit is obeyed", run=ask_limit, requests=2),
    _tooled(name="tools", asks="a tool, the choice left to the model", run=ask_tools, needed=True),
    _tooled(name="required choice", asks="`tool_choice` required", run=ask_required, requests=2),
    _tooled(name="named choice", asks="`tool_choice` with a tool's name", run=ask_named),
    _tooled(name="no choice", asks="`tool_choice` none", run=ask_no_tools),
    _tooled(name="allowed tools", asks="`tool_choice` with the tools that are allowed", run=ask_allowed),
    _tooled(name="parallel calls", asks="two calls at once, with `parallel_tool_calls`", run=ask_parallel),
    _tooled(name="streamed calls", asks="two calls in a stream", run=ask_streamed_calls, needed=True),
    _tooled(name="$ref in schemas", asks="a tool whose schema has `$defs` and `$ref`", run=ask_references),
    Probe(
        name="schema keywords",
        asks="a tool whose schema has bounds, formats and defaults",
        run=ask_keywords,
        requests=ROUNDS,
        input_tokens=450,
        is_tooled=True,
    ),
    _told(name="tool results", asks="a call and its result in the history", run=ask_results, requests=2, needed=True),
    _told(name="odd ids", asks="calls with ids as other endpoints give them", run=ask_odd_ids, requests=2),
    _told(name="two results", asks="two calls of one turn in the history", run=ask_two_results),
    _told(name="empty text", asks="a call with an empty text beside it", run=ask_empty_content),
    _told(name="long result", asks="a long result of a tool", run=ask_long_result, is_long=True),
    Probe(name="system position", asks="two system messages; one after others", run=ask_systems, requests=2),
    Probe(name="developer role", asks="instructions in the role `developer`", run=ask_developer),
    Probe(name="json object", asks="`response_format` json_object", run=ask_json, is_full=True),
    Probe(name="json schema", asks="`response_format` json_schema", run=ask_schema, input_tokens=150, is_full=True),
    _tooled(name="format beside tools", asks="JSON, and a tool to be called before", run=ask_beside_tools),
    Probe(
        name="strict",
        asks="`strict` of a tool and of a schema",
        run=ask_strict,
        requests=2,
        input_tokens=250,
        is_full=True,
    ),
    Probe(name="typed output", asks="the best way that works", run=ask_output, is_full=True),
    _told(name="reasoning", asks="reasoning sent back, where any came", run=ask_reasoning),
    Probe(name="images", asks="a small picture", run=ask_image, input_tokens=1200, extra=True),
    Probe(name="unknown model", asks="a model that does not exist", run=ask_unknown_model),
    Probe(name="bad request", asks="messages that are no list", run=ask_bad_request),
    Probe(name="Retry-After", asks="nothing: noted where it comes", run=note_waits, requests=0),
    Probe(
        name="agentkit",
        asks="a streamed turn by the profile found",
        run=ask_whole,
        requests=3,
        input_tokens=400,
        is_tooled=True,
        needed=True,
    ),
)
"""Every probe, in the order of asking."""


def chosen(bounds: Bounds, *, vision: bool) -> tuple[Probe, ...]:
    """Give the probes that are asked for."""
    return tuple(
        probe for probe in PROBES if (vision or not probe.extra) and (bounds.result_bytes > 0 or not probe.is_long)
    )
