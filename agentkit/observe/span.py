"""Spans and the metrics of their times, as OpenTelemetry takes them; `trace` says what is told in them.

The extra `otel` brings the library, which is loaded with the first `Telemetry`; where its data go is its own business.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from agentkit.errors import MissingExtraError
from agentkit.observe.attribute import Attributes

__all__ = ["Act", "Telemetry"]

_PLACE = ("gen_ai.provider.name", "server.address", "server.port")
_CHAT = ("gen_ai.operation.name", "gen_ai.request.model", "gen_ai.response.model", *_PLACE)
_TOOL = ("gen_ai.tool.name", "gen_ai.tool.type")
_QUICK = tuple(0.01 * 2**step for step in range(14))
_LONG = tuple(0.1 * 2**step for step in range(13))
_CLOCKS = {
    "chat": ("gen_ai.client.operation.duration", _QUICK, (*_CHAT, "error.type")),
    "execute_tool": ("gen_ai.execute_tool.duration", _QUICK, (*_TOOL, "gen_ai.agent.name", "error.type")),
    "invoke_agent": ("gen_ai.invoke_agent.duration", _LONG, ("gen_ai.agent.name", "error.type")),
}
"""Of each operation the metric of its time, its buckets in seconds, and those of the span's attributes that it has.

Source: docs/gen-ai/gen-ai-metrics.md of https://github.com/open-telemetry/semantic-conventions-genai.
"""


class Telemetry:
    """A tracer and the histograms beside it.

    Args:
        mask: What the text of an error goes through; None leaves it out, for it may be what a person or a model said.
        tracer_provider: None is the one that the process has set.
        meter_provider: The same for metrics.

    Raises:
        MissingExtraError: OpenTelemetry is not installed.
    """

    def __init__(self, mask: Callable[[str], str] | None, tracer_provider: Any, meter_provider: Any) -> None:
        try:
            from opentelemetry import metrics, trace  # noqa: PLC0415 # of an extra
        except ImportError as error:
            raise MissingExtraError(
                "Trace needs the package opentelemetry-api, and it is not installed. "
                'Install it: pip install "agentkit-chat[otel]".'
            ) from error
        self.mask, self._api = mask, trace
        self._tracer = trace.get_tracer("agentkit", tracer_provider=tracer_provider)
        histogram = metrics.get_meter("agentkit", meter_provider=meter_provider).create_histogram
        boundaries = [float(4**step) for step in range(14)]
        self._tokens = histogram("gen_ai.client.token.usage", "{token}", explicit_bucket_boundaries_advisory=boundaries)
        self._clocks = {
            operation: histogram(name, "s", explicit_bucket_boundaries_advisory=buckets)
            for operation, (name, buckets, _) in _CLOCKS.items()
        }

    @contextmanager
    def act(self, operation: str, name: str | None, about: Attributes) -> Generator[Act]:
        """Open a span, the current one until it ends; an error that leaves it is told, by its class at least."""
        kind = self._api.SpanKind.CLIENT if operation == "chat" else self._api.SpanKind.INTERNAL
        about = {"gen_ai.operation.name": operation, **about}
        title, started = f"{operation} {name}" if name else operation, time.perf_counter()
        with self._tracer.start_as_current_span(
            title, kind=kind, attributes=about, record_exception=False, set_status_on_exception=False
        ) as span:
            act = Act(self, span, about)
            try:
                yield act
            except BaseException as error:
                act.fail(type(error).__name__, str(error))
                raise
            finally:
                self._clocks[operation].record(time.perf_counter() - started, act.told_of(_CLOCKS[operation][2]))

    def count(self, act: Act) -> None:
        """Count the tokens that an act was told of."""
        for kind in ("input", "output"):
            if (tokens := act.told.get(f"gen_ai.usage.{kind}_tokens")) is not None:
                self._tokens.record(tokens, {**act.told_of(_CHAT), "gen_ai.token.type": kind})

    def set_failed(self, span: Any, text: str) -> None:
        """Mark a span as one that ended in an error."""
        span.set_status(self._api.StatusCode.ERROR, self.mask(text) if self.mask else None)


class Act:
    """One span that is on.

    Attributes:
        told: Its attributes so far.
    """

    def __init__(self, telemetry: Telemetry, span: Any, told: Attributes) -> None:
        self.told = told
        self._telemetry = telemetry
        self._span = span

    def tell(self, attributes: Attributes) -> None:
        """Add attributes, in the place of those of the same name."""
        self.told.update(attributes)
        self._span.set_attributes(attributes)

    def told_of(self, names: tuple[str, ...]) -> Attributes:
        """Give those of the attributes that were told."""
        return {name: self.told[name] for name in names if name in self.told}

    def note(self, event: str, attributes: Attributes) -> None:
        """Add an event at this moment; its texts are masked, or of its `error` the class is told."""
        mask = self._telemetry.mask
        if mask is not None:
            attributes = {name: mask(value) if isinstance(value, str) else value for name, value in attributes.items()}
        elif "error" in attributes:
            attributes = {**attributes, "error": _class_in(attributes["error"])}
        self._span.add_event(event, attributes)

    def fail(self, kind: str, text: str) -> None:
        """Say what it ended with: a class, which metrics have too, and a text, which is masked or left out."""
        self.tell({"error.type": kind})
        self._telemetry.set_failed(self._span, text)


def _class_in(error: str) -> str:
    name, colon, _ = error.partition(":")
    return name if colon and name.isidentifier() else "refused"  # else why a reply was not taken
