"""Logs of runs."""

import asyncio
import io
import subprocess
import sys

import pytest
import structlog

from agentkit.agent import Agent
from agentkit.around import Fallback
from agentkit.errors import APIConnectionError, ToolFailedError
from agentkit.model import (
    ModelFellBack,
    ProfileLearned,
    ReplyCached,
    RequestRetried,
    RequestSent,
    RequestWaited,
    listener,
    report,
)
from agentkit.observe import Log
from agentkit.secret import remember_secret
from agentkit.testing.reply import call
from agentkit.testing.scripted import ScriptedModel
from agentkit.tools import Context
from agentkit.wire.chunk import one_chunk


def get_weather(city: str) -> str:
    """Get the weather."""
    return f"sunny in {city}"


def fail() -> str:
    """Fail."""
    raise ValueError("no luck with sk-verysecret")


def captured(replies, tools, **options):
    logger = structlog.testing.CapturingLogger()
    wrapped = structlog.wrap_logger(logger, processors=[], wrapper_class=structlog.BoundLogger)
    Agent(ScriptedModel(replies), tools=tools, middleware=[Log(logger=wrapped, **options)]).run_sync("Go.")
    return logger.calls


def test_each_request_and_each_call_is_a_line():
    lines = captured([call("get_weather", {"city": "Oslo"}), "Sunny."], [get_weather])

    assert [(line.method_name, line.args) for line in lines] == [("info", ())] * 3
    assert [line.kwargs["event"] for line in lines] == ["reply", "call", "reply"]
    assert lines[0].kwargs["calls"] == 1
    assert lines[1].kwargs["tool"] == "get_weather"
    assert lines[1].kwargs["status"] == "ok"
    assert lines[2].kwargs["finish_reason"] == "stop"
    assert len({line.kwargs["run_id"] for line in lines}) == 1


def test_the_line_of_a_reply_names_the_model_that_gave_it_where_that_is_another():
    logger = structlog.testing.CapturingLogger()
    wrapped = structlog.wrap_logger(logger, processors=[], wrapper_class=structlog.BoundLogger)
    first = ScriptedModel([APIConnectionError("gone"), "from the first"], name="large")
    model = Fallback([first, ScriptedModel(["from the second"], name="small")])
    agent = Agent(model, middleware=[Log(logger=wrapped)])
    agent.run_sync("Go.")
    agent.replace(model=first).run_sync("Go.")
    replies = [line.kwargs for line in logger.calls if line.kwargs["event"] == "reply"]
    assert [(line["model"], line.get("reply_model")) for line in replies] == [
        ("fallback(large, small)", "small"),
        ("large", None),
    ]


def test_contents_are_logged_only_when_asked_for():
    replies = [call("get_weather", {"city": "Oslo"}), "Sunny."]

    quiet = captured(replies, [get_weather])
    told = captured(replies, [get_weather], contents=True)

    assert not any("Oslo" in str(line.kwargs) for line in quiet)
    assert told[1].kwargs["arguments"] == '{"city":"Oslo"}'
    assert told[1].kwargs["result"] == "sunny in Oslo"


def test_a_tool_that_raised_is_a_warning_with_its_exception():
    lines = captured([call("fail"), "Sorry."], [fail])

    assert lines[1].method_name == "warning"
    assert isinstance(lines[1].kwargs["exc_info"], ValueError)


def test_a_tool_that_ends_the_run_is_a_line_too():
    logger = structlog.testing.CapturingLogger()
    wrapped = structlog.wrap_logger(logger, processors=[], wrapper_class=structlog.BoundLogger)
    agent = Agent(ScriptedModel([call("fail")]), tools=[fail], middleware=[Log(logger=wrapped)], on_tool_error="raise")

    with pytest.raises(ToolFailedError):
        agent.run_sync("Go.")

    line = logger.calls[1]
    assert (line.method_name, line.kwargs["status"]) == ("warning", "raised")
    assert isinstance(line.kwargs["exc_info"], ToolFailedError)


def test_lines_go_to_stderr_with_traceback_and_without_keys(monkeypatch):
    remember_secret("sk-verysecret")
    stderr = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)

    Agent(ScriptedModel([call("fail"), "Sorry."]), tools=[fail], middleware=[Log()]).run_sync("Go.")

    text = stderr.getvalue()
    assert "Traceback" in text
    assert "sk-verysecret" not in text
    assert "[secret]" in text


def test_the_environment_variable_asks_for_logs():
    program = (
        "from agentkit import Agent\n"
        "from agentkit.testing import ScriptedModel\n"
        "Agent(ScriptedModel(['hi'])).run_sync('x')"
    )
    run = lambda env: subprocess.run(
        [sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True
    )

    assert run({"AGENTKIT_LOG": "0"}).stderr == ""
    assert "finish_reason" in run({"AGENTKIT_LOG": "1"}).stderr


def tell(context: Context[str], city: str) -> str:
    """Tell."""
    context.log.debug("detail")
    context.log.info("look for %s with %s", city, "sk-verysecret", extra={"shop": "Oslo", "turn": 9})
    context.log.warning("slow")
    try:
        raise ValueError("no luck with sk-verysecret")
    except ValueError:
        context.log.exception("failed")
    return "told"


def test_what_a_tool_logs_is_a_line_among_ours():
    remember_secret("sk-verysecret")

    lines = captured([call("tell", {"city": "Oslo"}, id="c"), "Done."], [tell])

    assert [line.kwargs["event"] for line in lines] == ["reply", "log", "log", "log", "call", "reply"]
    assert [line.method_name for line in lines] == ["info", "info", "warning", "error", "info", "info"]
    said = {name: value for name, value in lines[1].kwargs.items() if name != "run_id"}
    told = {"event": "log", "message": "look for Oslo with [secret]", "tool": "tell", "call_id": "c", "turn": 1}
    assert said == {**told, "shop": "Oslo"}
    assert {line.kwargs["run_id"] for line in lines} == {lines[0].kwargs["run_id"]}
    assert lines[3].kwargs["exc_info"] is True


def test_what_functions_of_the_context_and_sub_agents_log_is_shown_and_is_theirs():
    def choose(context: Context):
        context.log.info("choosing")
        return [ask]

    def told(context: Context):
        context.log.info("telling")

    inner = Agent(ScriptedModel(["inner"]), instructions=told)

    async def ask() -> str:
        """Ask."""
        return (await inner.run("y")).output

    logger = structlog.testing.CapturingLogger()
    wrapped = structlog.wrap_logger(logger, processors=[], wrapper_class=structlog.BoundLogger)
    result = Agent(ScriptedModel([call("ask", id="c"), "Done."]), tools=choose, middleware=[Log(logger=wrapped)])
    run_id = result.run_sync("Go.").run_id
    said = [line.kwargs for line in logger.calls if line.kwargs["event"] == "log"]
    assert [(line["message"], line["run_id"], line["turn"]) for line in said] == [
        ("choosing", run_id, 0),
        ("telling", f"{run_id}/c", 0),
        ("choosing", run_id, 1),
    ]
    assert not {"tool", "call_id"} & said[0].keys()


def test_after_a_run_nothing_is_shown_to_its_log_any_more():
    kept = []

    def keep(context: Context) -> str:
        """Keep."""
        kept.append(context)
        return "kept"

    lines = captured([call("keep"), "Done."], [keep])
    kept[0].log.info("late")
    assert "late" not in str(lines)
    assert not kept[0].log.isEnabledFor(20)


def test_lines_of_tools_go_to_stderr_without_keys(monkeypatch, caplog):
    remember_secret("sk-verysecret")
    stderr = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    replies = [call("tell", {"city": "Oslo"}), "Done."]

    Agent(ScriptedModel(replies), tools=[tell], middleware=[Log()]).run_sync("Go.")

    text = stderr.getvalue()
    assert "look for Oslo with [secret]" in text
    assert "Traceback" in text
    assert "sk-verysecret" not in text
    assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR"]  # the handlers have their own level


def test_the_structlog_configuration_of_the_process_is_left_alone():
    before = structlog.get_config()

    captured(["hi"], [])

    assert structlog.get_config() == before


class Eventful:
    """A model below which all kinds of things happen."""

    name = "eventful"
    happened = (
        RequestSent("https://x", "m"),
        RequestWaited("m", 0.25, "requests"),
        RequestRetried(1, "RateLimitError: sk-verysecret", 0.5),
        ModelFellBack("m", "n", "InternalServerError: no"),
        ReplyCached("m", "abc"),
        ProfileLearned("https://x", "strict", "False", "no"),
    )

    async def complete(self, request, /):
        for event in self.happened:
            report(event)
        return await ScriptedModel(["done"]).complete(request)

    async def stream(self, request, /):
        yield one_chunk(await self.complete(request))


def test_what_happens_below_a_request_is_logged_and_passed_on():
    remember_secret("sk-verysecret")
    logger = structlog.testing.CapturingLogger()
    wrapped = structlog.wrap_logger(logger, processors=[], wrapper_class=structlog.BoundLogger)
    heard = []
    before = listener.set(heard.append)
    try:
        asyncio.run(Agent(Eventful(), middleware=[Log(logger=wrapped)]).run("Go."))
    finally:
        listener.reset(before)

    told = [(line.method_name, {k: v for k, v in line.kwargs.items() if k in SHOWN}) for line in logger.calls]
    assert told[:-1] == [
        ("info", {"event": "wait", "seconds": 0.25, "reason": "requests"}),
        ("warning", {"event": "retry", "attempt": 1, "wait": 0.5, "error": "RateLimitError: [secret]"}),
        ("warning", {"event": "fall back", "next_model": "n", "error": "InternalServerError: no"}),
        ("info", {"event": "cached", "fingerprint": "abc"}),
    ]
    assert told[-1][1]["event"] == "reply"
    assert all(line.kwargs["run_id"] for line in logger.calls)
    assert [event for event in heard if event in Eventful.happened] == list(Eventful.happened)


SHOWN = ("event", "seconds", "reason", "attempt", "wait", "error", "next_model", "fingerprint")


def test_a_request_and_a_call_that_are_cancelled_are_lines_too():
    logger = structlog.testing.CapturingLogger()
    wrapped = structlog.wrap_logger(logger, processors=[], wrapper_class=structlog.BoundLogger)

    async def cancel(model, tools, started):
        task = asyncio.create_task(Agent(model, tools=tools, middleware=[Log(logger=wrapped)]).run("Go."))
        await started.wait()
        task.cancel()
        await asyncio.wait([task])

    async def both():
        asked, called = asyncio.Event(), asyncio.Event()

        class Waiting(ScriptedModel):
            async def complete(self, request, /):
                asked.set()
                await asyncio.Event().wait()

        async def wait() -> str:
            """Wait."""
            called.set()
            await asyncio.Event().wait()

        await cancel(Waiting([]), [], asked)
        await cancel(ScriptedModel([call("wait")]), [wait], called)

    asyncio.run(both())

    lines = [(line.kwargs["event"], line.kwargs.get("error")) for line in logger.calls]
    assert lines == [("request failed", "CancelledError"), ("reply", None), ("call", "CancelledError")]
    assert logger.calls[-1].kwargs["exc_info"] is None


def test_what_a_tool_adds_may_bear_any_name(monkeypatch):
    class Odd:
        def __ne__(self, other):
            raise ValueError("no")

        def __repr__(self):
            return "Odd()"

    def look(context: Context[None]) -> str:
        """Look."""
        context.log.info("seen", extra={"run": 1, 2: "two", "odd": Odd(), "event": "e", "level": "l"})
        return "done"

    monkeypatch.setattr(sys, "stderr", err := io.StringIO())
    result = Agent(ScriptedModel([call("look"), "x"]), tools=[look], middleware=[Log()]).run_sync("Go.")
    assert result.answers[0].status == "ok"
    assert "2=two" in err.getvalue()
    assert "odd=Odd()" in err.getvalue()
    assert "run=1" in err.getvalue()


def test_lines_go_to_what_is_stderr_then_and_a_run_survives_its_loss(monkeypatch):
    agent = Agent(ScriptedModel(["a", "b", "c"]), middleware=[Log()])
    monkeypatch.setattr(sys, "stderr", first := io.StringIO())
    agent.run_sync("Go.")
    assert "finish_reason" in first.getvalue()
    first.close()
    assert agent.run_sync("Go.").output == "b"
    monkeypatch.setattr(sys, "stderr", None)
    assert agent.run_sync("Go.").output == "c"
    assert Agent(ScriptedModel(["d"]), middleware=[Log()]).run_sync("Go.").output == "d"
