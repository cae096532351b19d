"""How a run stands, by what its database says."""

import pytest

from agentkit.durable.entry import Entry
from agentkit.durable.standing import error_of, owned, status_of
from agentkit.errors import ConfigurationError, LimitExceededError, OutputError, RunCancelledError, RunError
from agentkit.state.limit import over_limit

PART = '{"agent": "demo", "run_id": "order-1", "number": 2, "model": "openai:gpt-4o-mini"}'


def entry(status, outcome=""):
    return Entry("order-1/2", status, "q", "worker", PART, outcome, 1.0, 2.0)


@pytest.mark.parametrize(
    ("status", "outcome", "standing"),
    [
        ("ENQUEUED", "", "queued"),
        ("PENDING", "", "running"),
        ("SUCCESS", "paused", "paused"),
        ("SUCCESS", "finished", "finished"),
        ("CANCELLED", "", "cancelled"),
        ("ERROR", "ValueError: no", "failed"),
        ("MAX_RECOVERY_ATTEMPTS_EXCEEDED", "", "failed"),
    ],
)
def test_each_status_of_the_engine_has_a_word(status, outcome, standing):
    found = status_of(entry(status, outcome))
    assert (found.run_id, found.standing, found.part, found.worker) == ("order-1", standing, 2, "worker")
    assert found.model == "openai:gpt-4o-mini"


def test_a_run_is_that_of_the_agent_that_it_was_submitted_for():
    last = entry("ENQUEUED")
    assert owned(last, "demo") is last
    with pytest.raises(ConfigurationError) as caught:
        owned(last, "other")
    assert str(caught.value) == (
        "The run 'order-1' is of the agent 'demo', and 'other' is named. Name the one that it is of."
    )


def test_a_limit_that_was_reached_is_named():
    told = str(over_limit("tokens", 7, 5, "the next request was not sent"))
    error = error_of(entry("ERROR", f"LimitExceededError: {told}"), None)
    assert (type(error), error.limit) == (LimitExceededError, "tokens")
    assert str(error) == (
        "The run reached its limit tokens=5 (spent: 7); the next request was not sent. Go on with "
        "`durable.resume('order-1', limits=RunLimits(tokens=...))`."
    )


def test_an_error_is_of_its_class_where_a_text_makes_it():
    error = error_of(entry("ERROR", "OutputError: None in 3 replies."), None)
    assert type(error) is OutputError
    assert str(error) == "None in 3 replies."
    assert error.__notes__ == ["The run 'order-1' ended with it at its worker; `resume` goes on with it."]


@pytest.mark.parametrize(
    ("last", "kind", "text"),
    [
        (
            entry("ERROR", "ValueError: no"),
            RunError,
            "The run 'order-1' ended with an error at its worker: ValueError: no. `resume` goes on with it.",
        ),
        (
            entry("MAX_RECOVERY_ATTEMPTS_EXCEEDED"),
            RunError,
            (
                "The run 'order-1' ended with an error at its worker: it was begun too often without coming to an end. "
                "`resume` goes on with it."
            ),
        ),
        (entry("CANCELLED"), RunCancelledError, "The run 'order-1' was cancelled. `resume` goes on with it."),
    ],
)
def test_other_errors_are_shown(last, kind, text):
    error = error_of(last, None)
    assert type(error) is kind
    assert str(error) == text
