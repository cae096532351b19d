"""The seam: what counts as a model, and how what happens below a run is told."""

import asyncio
import contextvars
import json

from agentkit.http import ChatModel
from agentkit.model import Model, RequestRetried, RequestSent, attempt_again, listener, meter, report
from agentkit.price import FREE
from agentkit.testing.scripted import ScriptedModel


def test_scripted_and_http_models_are_models():
    assert isinstance(ScriptedModel([]), Model)
    assert isinstance(ChatModel("m", base_url="http://127.0.0.1:1/v1"), Model)
    assert not isinstance("openai:gpt-4o-mini", Model)


def test_a_report_reaches_the_listener_of_its_context_only():
    seen = []

    def inside():
        listener.set(seen.append)
        report("event")

    contextvars.copy_context().run(inside)
    report("nobody hears")
    assert seen == ["event"]


def test_tasks_inherit_the_listener():
    seen = []

    async def main():
        listener.set(seen.append)
        await asyncio.create_task(asyncio.to_thread(report, "event"))

    asyncio.run(main())
    assert seen == ["event"]


def test_events_below_a_run_have_json():
    assert json.loads(RequestSent("http://e", "m", 2, 10).to_json()) == {
        "type": "request_sent",
        "endpoint": "http://e",
        "model": "m",
        "attempt": 2,
        "bytes_sent": 10,
    }
    assert json.loads(RequestRetried(1, "RateLimitError: slow", 0.5).to_json())["wait"] == 0.5


def test_another_attempt_is_reserved_by_whoever_meters_the_request():
    seen = []

    async def reserve(error):
        seen.append(error)

    async def main():
        failed = TimeoutError()
        await attempt_again(failed)
        assert seen == []
        meter.set(reserve)
        await asyncio.create_task(attempt_again(failed))
        assert seen == [failed]

    asyncio.run(main())


def test_a_given_price_is_on_the_event_and_not_in_its_json():
    event = RequestSent("http://e", "m", price=FREE)
    assert event.price is FREE
    assert "price" not in json.loads(event.to_json())
