"""Spans that are on, and the metrics of their times."""

import pytest
from opentelemetry.trace import StatusCode

from agentkit.observe.span import Telemetry


def telemetry(recorded):
    return Telemetry(lambda text: text.replace("secret", "***"), recorded.tracer_provider, recorded.meter_provider)


def test_an_act_is_a_span_whose_last_word_counts(recorded):
    with telemetry(recorded).act("execute_tool", "f", {"gen_ai.tool.name": "f", "a": 1}) as act:
        act.tell({"a": 2})
        act.note("retry", {"error": "secret", "wait": 0.5})

    span = recorded.span("execute_tool f")
    assert span.attributes["a"] == 2
    assert [(event.name, dict(event.attributes)) for event in span.events] == [("retry", {"error": "***", "wait": 0.5})]
    assert recorded.points["gen_ai.execute_tool.duration"][0][0] == {"gen_ai.tool.name": "f"}


def test_an_error_that_leaves_an_act_is_told_without_its_secrets(recorded):
    with pytest.raises(ValueError), telemetry(recorded).act("invoke_agent", None, {}):
        raise ValueError("a secret")

    span = recorded.span("invoke_agent")
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "a ***")
    assert not span.events
    assert recorded.points["gen_ai.invoke_agent.duration"][0][0] == {"error.type": "ValueError"}


def test_tokens_are_counted_only_where_they_were_told(recorded):
    one = telemetry(recorded)
    with one.act("chat", "m", {}) as act:
        one.count(act)
        act.tell({"gen_ai.usage.output_tokens": 7})
        one.count(act)

    about = {"gen_ai.operation.name": "chat", "gen_ai.token.type": "output"}
    assert recorded.points["gen_ai.client.token.usage"] == [(about, 7, 1)]
