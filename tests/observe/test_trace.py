"""Runs as spans and metrics of the real OpenTelemetry SDK."""

import asyncio
import builtins
import json

import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode

from agentkit import Agent, ChatModel, RunLimits, Settings, errors, tool
from agentkit.http import Retry
from agentkit.model import ModelFellBack, ProfileLearned, ReplyCached, RequestSent, report
from agentkit.observe import Trace
from agentkit.secret import remember_secret
from agentkit.session import SqliteStore
from agentkit.state import Give
from agentkit.testing import FakeEndpoint, Fault, ScriptedModel, call, calls


def get_weather(city: str) -> str:
    """Get the weather."""
    return f"sunny in {city}"


def fail() -> str:
    """Fail."""
    raise ValueError("no luck with sk-verysecret")


def test_a_run_is_a_span_with_its_requests_and_calls_inside(recorded):
    replies = [calls(call("get_weather", {"city": "Oslo"}), call("get_weather", {"city": "Rome"})), "Sunny."]
    agent = Agent(ScriptedModel(replies, name="m"), tools=[get_weather], middleware=[recorded.trace()], name="Forecast")

    result = agent.run_sync("Weather?")

    weather = "execute_tool get_weather"
    assert recorded.tree == [("invoke_agent Forecast", ["chat m", weather, weather, "chat m"])]
    whole = recorded.span("invoke_agent Forecast")
    assert dict(whole.attributes) == {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "Forecast",
        "gen_ai.provider.name": "chat_completions",
        "gen_ai.request.model": "m",
        "gen_ai.output.type": "text",
        "gen_ai.usage.input_tokens": result.usage.prompt_tokens,
        "gen_ai.usage.output_tokens": result.usage.completion_tokens,
        "gen_ai.usage.cache_read.input_tokens": 0,
        "gen_ai.usage.reasoning.output_tokens": 0,
        "gen_ai.response.finish_reasons": ("stop",),
        "agentkit.run.id": result.run_id,
        "agentkit.run.turns": 2,
        "agentkit.run.pending": 0,
    }
    assert whole.kind is SpanKind.INTERNAL
    assert whole.status.status_code is StatusCode.UNSET


def test_a_request_is_told_with_its_fields_tokens_cost_and_place(recorded):
    usage = {
        "prompt_tokens": 10,
        "completion_tokens": 4,
        "total_tokens": 14,
        "cost": 0.25,
        "prompt_tokens_details": {"cached_tokens": 8},
        "completion_tokens_details": {"reasoning_tokens": 3},
    }
    message = {"role": "assistant", "content": "Hi."}
    body = {
        "id": "chatcmpl-1",
        "model": "fake-2026",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": usage,
    }
    settings = Settings(temperature=0.5, max_completion_tokens=99, stop="END", seed=7, reasoning_effort="low", n=2)
    with FakeEndpoint(replies=[body]) as endpoint:
        model = ChatModel("fake", base_url=endpoint.base_url)
        Agent(model, settings=settings, middleware=[recorded.trace()]).run_sync("Hi.")
        port = int(endpoint.base_url.rpartition(":")[2].split("/")[0])

    span = recorded.span("chat fake")
    assert span.kind is SpanKind.CLIENT
    assert dict(span.attributes) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "chat_completions",
        "gen_ai.request.model": "fake",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.max_tokens": 99,
        "gen_ai.request.stop_sequences": ("END",),
        "gen_ai.request.seed": 7,
        "gen_ai.request.reasoning.level": "low",
        "gen_ai.request.choice.count": 2,
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.model": "fake-2026",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 4,
        "gen_ai.usage.cache_read.input_tokens": 8,
        "gen_ai.usage.reasoning.output_tokens": 3,
        "gen_ai.usage.cost.amount": 0.25,
        "server.address": "127.0.0.1",
        "server.port": port,
        "agentkit.request.attempts": 1,
    }


def test_metrics_count_tokens_and_time_each_operation(recorded):
    model = ScriptedModel([call("get_weather", {"city": "Oslo"}), "Sunny."], name="m")
    agent = Agent(model, tools=[get_weather], middleware=[recorded.trace()], name="Forecast")

    result = agent.run_sync("Weather?")

    about = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "chat_completions", "gen_ai.request.model": "m"}
    about["gen_ai.response.model"] = "m"
    points = recorded.points
    assert points["gen_ai.client.token.usage"] == [
        ({**about, "gen_ai.token.type": "input"}, result.usage.prompt_tokens, 2),
        ({**about, "gen_ai.token.type": "output"}, result.usage.completion_tokens, 2),
    ]
    times = {name: [(point[0], point[2]) for point in points[name]] for name in points if name.endswith("duration")}
    assert times == {
        "gen_ai.client.operation.duration": [(about, 2)],
        "gen_ai.execute_tool.duration": [
            (
                {"gen_ai.tool.name": "get_weather", "gen_ai.tool.type": "function", "gen_ai.agent.name": "Forecast"},
                1,
            )
        ],
        "gen_ai.invoke_agent.duration": [({"gen_ai.agent.name": "Forecast"}, 1)],
    }


def test_a_sub_agent_stands_in_the_span_of_its_call(recorded):
    trace = recorded.trace()
    inner = Agent(ScriptedModel(["Deep."], name="inner"), middleware=[trace], name="Critic")

    @tool
    def critique() -> str:
        """Ask from a thread, by the sync face."""
        return inner.run_sync("Go.").output

    outer = Agent(
        ScriptedModel([call("critique"), "Done."], name="outer"), tools=[critique], middleware=[trace], name="Writer"
    )

    outer.run_sync("Go.")

    inside = ("execute_tool critique", [("invoke_agent Critic", ["chat inner"])])
    assert recorded.tree == [("invoke_agent Writer", ["chat outer", inside, "chat outer"])]
    assert len({span.context.trace_id for span in recorded.spans}) == 1


def test_a_run_stands_in_the_span_that_its_caller_opened(recorded):
    agent = Agent(ScriptedModel(["Hi."], name="m"), middleware=[recorded.trace()])

    with recorded.tracer_provider.get_tracer("mine").start_as_current_span("mine"):
        agent.run_sync("Hi.")

    assert recorded.tree == [("mine", [("invoke_agent", ["chat m"])])]


def test_streams_are_traced_alike(recorded):
    async def read():
        replies = [call("get_weather", {"city": "Oslo"}), "Sunny."]
        agent = Agent(ScriptedModel(replies, name="m"), tools=[get_weather], middleware=[recorded.trace()])
        async with agent.stream("Weather?") as stream:
            assert "".join([piece async for piece in stream.text()]) == "Sunny."

    asyncio.run(read())

    assert recorded.tree == [("invoke_agent", ["chat m", "execute_tool get_weather", "chat m"])]
    chats = [span for span in recorded.spans if span.name == "chat m"]
    assert all(span.attributes["gen_ai.request.stream"] is True for span in chats)
    assert all(span.attributes["gen_ai.usage.output_tokens"] > 0 for span in chats)


def test_a_stream_that_is_left_ends_its_spans(recorded):
    async def leave():
        agent = Agent(ScriptedModel(["one two three"], name="m"), middleware=[recorded.trace()])
        async with agent.stream("Go.") as stream:
            async for _ in stream.text():
                break

    asyncio.run(leave())

    assert {span.name for span in recorded.spans} <= {"invoke_agent", "chat m"}
    assert recorded.span("invoke_agent").end_time is not None


def test_texts_are_told_only_where_asked_for(recorded):
    replies = [call("get_weather", {"city": "Oslo"}, id="c1"), "Sunny."]
    agent = Agent(ScriptedModel(replies, name="m"), tools=[get_weather], instructions="Be brief.")

    agent.replace(middleware=[recorded.trace()]).run_sync("Weather?")
    assert "Oslo" not in str([dict(span.attributes) for span in recorded.spans])
    recorded.exporter.clear()
    agent.replace(model=ScriptedModel(replies, name="m"), middleware=[recorded.trace(contents=True)]).run_sync(
        "Weather?"
    )

    whole, _, run_call, last = recorded.spans
    asked = [
        {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
        {"role": "user", "parts": [{"type": "text", "content": "Weather?"}]},
        {
            "role": "assistant",
            "parts": [{"type": "tool_call", "id": "c1", "name": "get_weather", "arguments": {"city": "Oslo"}}],
        },
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "sunny in Oslo"}]},
    ]
    said = [{"role": "assistant", "parts": [{"type": "text", "content": "Sunny."}], "finish_reason": "stop"}]
    assert json.loads(last.attributes["gen_ai.input.messages"]) == asked
    assert json.loads(last.attributes["gen_ai.output.messages"]) == said
    assert json.loads(whole.attributes["gen_ai.input.messages"]) == asked[1:2]
    assert json.loads(whole.attributes["gen_ai.output.messages"]) == said
    assert run_call.attributes["gen_ai.tool.call.arguments"] == '{"city":"Oslo"}'
    assert run_call.attributes["gen_ai.tool.call.result"] == "sunny in Oslo"


def test_texts_go_through_the_mask(recorded):
    trace = recorded.trace(contents=True, mask=lambda text: text.replace("Ann", "[name]"))
    replies = [call("get_weather", {"city": "Ann"}), "Ann, hi."]

    Agent(ScriptedModel(replies), tools=[get_weather], middleware=[trace]).run_sync("I am Ann.")

    told = str([dict(span.attributes) for span in recorded.spans])
    assert "Ann" not in told
    assert "[name], hi." in told


def test_a_tool_that_raised_is_an_error_without_its_text(recorded):
    agent = Agent(ScriptedModel([call("fail"), "Sorry."]), tools=[fail], middleware=[recorded.trace()])

    agent.run_sync("Go.")

    span = recorded.span("execute_tool fail")
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, None)
    assert span.attributes["error.type"] == "ValueError"
    assert span.attributes["agentkit.tool.status"] == "error"
    assert recorded.span("invoke_agent").status.status_code is StatusCode.UNSET
    assert recorded.points["gen_ai.execute_tool.duration"][0][0]["error.type"] == "ValueError"


def test_with_contents_errors_have_their_texts_without_secrets(recorded):
    remember_secret("sk-verysecret")

    class Eventful(ScriptedModel):
        async def complete(self, request, /):
            report(ModelFellBack("m", "n", "InternalServerError: sk-verysecret"))
            return await super().complete(request)

    model = Eventful([call("fail"), "Sorry."], name="m")
    Agent(model, tools=[fail], middleware=[recorded.trace(contents=True)]).run_sync("Go.")

    assert recorded.span("execute_tool fail").status.description == "no luck with [secret]"
    (event,) = next(span for span in recorded.spans if span.name == "chat m").events
    assert event.attributes["error"] == "InternalServerError: [secret]"


@pytest.mark.parametrize("reply", [errors.BadRequestError("Bad: my prompt"), {"refusal": "my prompt"}, "my prompt"])
def test_nothing_that_was_said_is_told_by_default(recorded, reply):
    @tool
    def act(text: str) -> str:
        """Act."""
        raise ValueError(text)

    agent = Agent(
        ScriptedModel([call("act", {"text": "my prompt"}), reply, reply, reply]),
        tools=[act],
        output=int,
        middleware=[recorded.trace()],
    )
    with pytest.raises(errors.AgentkitError):
        agent.run_sync("my prompt")
    assert len(recorded.spans) > 3
    assert not [span.name for span in recorded.spans if "my prompt" in span.to_json()]


def test_a_tool_out_of_time_is_an_error_of_that_kind(recorded):
    @tool(timeout=0.01)
    async def wait() -> str:
        """Wait."""
        await asyncio.Event().wait()

    Agent(ScriptedModel([call("wait"), "Sorry."]), tools=[wait], middleware=[recorded.trace()]).run_sync("Go.")

    span = recorded.span("execute_tool wait")
    assert span.attributes["error.type"] == "timeout"
    assert span.status.description is None


def test_a_run_that_fails_ends_in_an_error_and_tells_what_it_spent(recorded):
    replies = [call("get_weather", {"city": "Oslo"}), errors.RateLimitError("Slow down.")]
    agent = Agent(ScriptedModel(replies, name="m"), tools=[get_weather], middleware=[recorded.trace()])

    with pytest.raises(errors.RateLimitError):
        agent.run_sync("Go.")

    whole, last = recorded.span("invoke_agent"), [span for span in recorded.spans if span.name == "chat m"][-1]
    for span in (whole, last):
        assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, None)
        assert span.attributes["error.type"] == "RateLimitError"
    assert whole.attributes["gen_ai.usage.output_tokens"] > 0
    failed = [point for point in recorded.points["gen_ai.client.operation.duration"] if "error.type" in point[0]]
    assert [(point[0]["error.type"], point[2]) for point in failed] == [("RateLimitError", 1)]


def test_a_run_that_is_cancelled_ends_its_spans(recorded):
    async def cancel():
        started = asyncio.Event()

        @tool
        async def wait() -> str:
            """Wait."""
            started.set()
            await asyncio.Event().wait()

        agent = Agent(ScriptedModel([call("wait")], name="m"), tools=[wait], middleware=[recorded.trace()])
        task = asyncio.create_task(agent.run("Go."))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())

    assert recorded.tree == [("invoke_agent", ["chat m", "execute_tool wait"])]
    assert recorded.span("execute_tool wait").attributes["error.type"] == "CancelledError"


def test_a_resumed_run_has_a_span_of_its_own_with_its_own_tokens(recorded):
    @tool(approval=True)
    def pay() -> str:
        """Pay."""
        return "paid"

    agent = Agent(ScriptedModel([call("pay", id="c1"), "Paid."], name="m"), tools=[pay], middleware=[recorded.trace()])

    paused = agent.run_sync("Pay.")
    done = agent.resume_sync(paused.state, decisions={"c1": Give("done elsewhere")})

    first, second = [span.attributes for span in recorded.spans if span.name == "invoke_agent"]
    assert (first["agentkit.run.pending"], second["agentkit.run.pending"]) == (1, 0)
    assert first["agentkit.run.id"] == second["agentkit.run.id"]
    assert first["gen_ai.usage.input_tokens"] == paused.usage.prompt_tokens
    assert second["gen_ai.usage.input_tokens"] == done.usage.prompt_tokens - paused.usage.prompt_tokens
    assert second["agentkit.run.turns"] == 1


def test_what_happens_below_a_request_is_told_as_events(recorded):
    class Eventful(ScriptedModel):
        async def complete(self, request, /):
            report(RequestSent("https://api.groq.com/openai/v1/chat/completions", "m"))
            report(ModelFellBack("m", "n", "InternalServerError: Ann is down"))
            report(ProfileLearned("https://x.org", "tools", "False", "Ann has no tools."))
            report(RequestSent("https://api.mistral.ai/v1/chat/completions", "n"))
            report(ReplyCached("m", "abc"))
            return await super().complete(request)

    Agent(Eventful(["Hi."], name="m"), middleware=[recorded.trace()]).run_sync("Go.")

    span = recorded.span("chat m")
    assert [(event.name, dict(event.attributes)) for event in span.events] == [
        ("model_fell_back", {"model": "m", "next_model": "n", "error": "InternalServerError"}),
        ("profile_learned", {"endpoint": "https://x.org", "field": "tools", "value": "False"}),
        ("reply_cached", {"model": "m", "fingerprint": "abc"}),
    ]
    assert span.attributes["gen_ai.provider.name"] == "mistral_ai"
    assert span.attributes["server.address"] == "api.mistral.ai"
    assert span.attributes["server.port"] == 443


def test_a_request_that_is_sent_again_is_one_span(recorded):
    with FakeEndpoint(replies=[Fault("status", 503), "Hi."]) as endpoint:
        model = ChatModel("fake", base_url=endpoint.base_url, retry=Retry(wait=0.0))
        Agent(model, middleware=[recorded.trace()]).run_sync("Hi.")

    span = recorded.span("chat fake")
    assert [event.name for event in span.events] == ["request_retried"]
    assert span.attributes["agentkit.request.attempts"] == 2
    assert span.status.status_code is StatusCode.UNSET


def test_a_limit_that_is_reached_is_an_error_of_the_run_only(recorded):
    replies = [call("get_weather", {"city": "Oslo"})]
    agent = Agent(ScriptedModel(replies), tools=[get_weather], middleware=[recorded.trace()])

    with pytest.raises(errors.LimitExceededError):
        agent.run_sync("Go.", limits=RunLimits(turns=1))

    failed = [span.name for span in recorded.spans if span.status.status_code is StatusCode.ERROR]
    assert failed == ["invoke_agent"]


def test_spans_and_metrics_reach_a_receiver_over_http(receiver):
    resource = Resource.create({"service.name": "tests"})
    tracers = TracerProvider(resource=resource)
    tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{receiver.url}/v1/traces", timeout=10)))
    exporter = OTLPMetricExporter(f"{receiver.url}/v1/metrics", timeout=10, compression=Compression.NoCompression)
    meters = MeterProvider([PeriodicExportingMetricReader(exporter)], resource=resource)
    replies = [call("get_weather", {"city": "Oslo"}), "Sunny."]
    trace = Trace(tracer_provider=tracers, meter_provider=meters)

    Agent(ScriptedModel(replies, name="m"), tools=[get_weather], middleware=[trace], name="Forecast").run_sync("Go.")
    tracers.shutdown()
    meters.shutdown()

    spans = [
        span
        for request in receiver.received
        for resource_spans in getattr(request, "resource_spans", ())
        for scope in resource_spans.scope_spans
        for span in scope.spans
    ]
    (whole,) = [span for span in spans if not span.parent_span_id]
    assert whole.name == "invoke_agent Forecast"
    inside = {span.name for span in spans if span.parent_span_id == whole.span_id}
    assert inside == {"chat m", "execute_tool get_weather"}
    metrics = {
        metric.name
        for request in receiver.received
        for resource_metrics in getattr(request, "resource_metrics", ())
        for scope in resource_metrics.scope_metrics
        for metric in scope.metrics
    }
    assert metrics == {
        "gen_ai.client.operation.duration",
        "gen_ai.client.token.usage",
        "gen_ai.execute_tool.duration",
        "gen_ai.invoke_agent.duration",
    }


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    found = builtins.__import__

    def refuse(name, *rest):
        if name.split(".")[0] == "opentelemetry":
            raise ImportError(name)
        return found(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(errors.MissingExtraError) as caught:
        Trace()
    assert str(caught.value) == (
        "Trace needs the package opentelemetry-api, and it is not installed. "
        'Install it: pip install "agentkit-chat[otel]".'
    )


def test_without_a_provider_nothing_is_told_and_the_run_is_the_same():
    result = Agent(ScriptedModel(["Hi."]), middleware=[Trace(contents=True)]).run_sync("Hi.")
    assert result.output == "Hi."


def test_a_run_in_a_session_bears_its_id(recorded, tmp_path):
    session = SqliteStore(tmp_path / "chat.db").session("ann")
    Agent(ScriptedModel(["Hi."]), middleware=[recorded.trace()]).run_sync("Hi.", session=session)
    assert recorded.span("invoke_agent").attributes["gen_ai.conversation.id"] == "ann"
