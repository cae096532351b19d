"""A request that is refused by the name of a field is sent again as the endpoint wants it, told, and remembered."""

import asyncio
import contextlib
import logging
import threading
from typing import Literal

import pytest
from pydantic import BaseModel

from agentkit import Agent, tool
from agentkit.errors import APIError, BadRequestError, InternalServerError, InvalidRequestError
from agentkit.http import ChatModel, Profile, Retry
from agentkit.model import ProfileLearned, RequestRetried, RequestSent, listener
from agentkit.testing.endpoint import FakeEndpoint
from agentkit.testing.fault import Fault
from agentkit.testing.reply import call
from agentkit.wire import ChatRequest, Settings

REQUEST = ChatRequest.parse({"messages": [{"role": "user", "content": "hello"}]})


def refusal(message, status=400, **fields):
    return Fault.status(status, body={"error": {"message": message, "type": "invalid_request_error", **fields}})


MAX_TOKENS = refusal(
    "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
    param="max_tokens",
    code="unsupported_parameter",
)
STREAM_OPTIONS = refusal("Unknown parameter: 'stream_options'.", param="stream_options", code="unknown_parameter")


def asked(model, *requests, stream=False):
    """Ask in order; give the events and the last outcome."""
    events, outcome = [], None

    async def main():
        nonlocal outcome
        listener.set(events.append)
        async with model:
            for request in requests:
                try:
                    if stream:
                        outcome = [chunk async for chunk in model.stream(request)]
                    else:
                        outcome = await model.complete(request)
                except APIError as error:
                    outcome = error

    asyncio.run(main())
    return events, outcome


@pytest.fixture
def log(caplog):
    with caplog.at_level(logging.WARNING, "agentkit"):
        yield caplog


def test_a_refused_spelling_is_corrected_told_and_remembered(log):
    limited = REQUEST.replace(max_tokens=5)
    with FakeEndpoint(faults=[MAX_TOKENS]) as endpoint:
        model = ChatModel("m", base_url=endpoint.base_url)
        events, outcome = asked(model, limited, limited)
    assert outcome.message.content
    assert [(body.get("max_tokens"), body.get("max_completion_tokens")) for body in bodies(endpoint)] == [
        (5, None),
        (None, 5),
        (None, 5),
    ]
    assert [type(event) for event in events] == [RequestSent, ProfileLearned, RequestSent, RequestSent]
    assert [event.attempt for event in events if isinstance(event, RequestSent)] == [1, 1, 1]
    assert model.profile == Profile(max_tokens_field="max_completion_tokens")
    assert repr(model).endswith("/v1', learned={'max_tokens_field': 'max_completion_tokens'})")
    assert len(log.records) == 1


def bodies(endpoint):
    return [request.body for request in endpoint.requests]


def test_a_stream_learns_before_its_first_chunk_and_complete_knows_it_too(log):
    with FakeEndpoint(faults=[STREAM_OPTIONS]) as endpoint:
        model = ChatModel("m", base_url=endpoint.base_url)
        events, chunks = asked(model, REQUEST, stream=True)
    assert chunks
    assert ["stream_options" in body for body in bodies(endpoint)] == [True, False]
    assert [event.field for event in events if isinstance(event, ProfileLearned)] == ["stream_usage"]
    assert not model.profile.stream_usage


def test_several_fields_are_learned_one_after_the_other(log):
    settings = Settings(store=True, user="u", max_tokens=5)
    faults = [refusal("Unknown parameter: 'store'."), refusal("Unknown parameter: 'user'."), MAX_TOKENS]
    with FakeEndpoint(faults=faults) as endpoint:
        model = ChatModel("m", base_url=endpoint.base_url, settings=settings)
        _, outcome = asked(model, REQUEST)
    assert outcome.message.content
    assert bodies(endpoint)[-1].keys() == {"model", "messages", "max_completion_tokens"}
    assert model.profile.unsupported == ("store", "user")


def test_a_field_is_learned_once_for_a_request(log):
    back = refusal("Unknown parameter: 'max_completion_tokens'.")
    with FakeEndpoint(faults=[MAX_TOKENS, back]) as endpoint:
        model = ChatModel("m", base_url=endpoint.base_url)
        events, outcome = asked(model, REQUEST.replace(max_tokens=5))
    assert isinstance(outcome, BadRequestError)
    assert len(endpoint.requests) == 2
    assert [event.value for event in events if isinstance(event, ProfileLearned)] == [
        "max_completion_tokens",
        "max_tokens",
    ]
    assert model.profile == Profile()


def test_an_endpoint_that_always_refuses_is_asked_a_bounded_number_of_times_and_teaches_nothing(log):
    def reply(request):
        return refusal(f"Unknown parameter: '{next(name for name in request if name not in ('model', 'messages'))}'.")

    request = REQUEST.replace(max_tokens=5, user="u", store=True, metadata={"a": "b"}, prompt_cache_key="k")
    with FakeEndpoint(replies=[reply] * 40) as endpoint:
        model = ChatModel("m", base_url=endpoint.base_url)
        _, outcome = asked(model, *[request] * 5)
    assert isinstance(outcome, BadRequestError)
    assert len(endpoint.requests) <= 5 * 7
    assert model.profile == Profile()
    assert len(log.records) <= 12


def test_a_failure_of_another_kind_does_not_undo_what_was_learned(log):
    with FakeEndpoint(faults=[MAX_TOKENS, "status:code=401"]) as endpoint:
        model = ChatModel("m", base_url=endpoint.base_url)
        asked(model, REQUEST.replace(max_tokens=5))
    assert model.profile == Profile(max_tokens_field="max_completion_tokens")


def test_a_refusal_that_repeats_the_prompt_teaches_nothing(log):
    prompt = "Why do I get Unsupported  parameter: 'max_tokens'?"
    request = ChatRequest.parse({"messages": [{"role": "user", "content": prompt}], "max_tokens": 5})
    with FakeEndpoint(faults=[refusal(f"Bad message: {prompt}")]) as endpoint:
        model = ChatModel("m", base_url=endpoint.base_url)
        _, outcome = asked(model, request)
    assert isinstance(outcome, BadRequestError)
    assert len(endpoint.requests) == 1
    assert model.profile == Profile()


def test_what_was_not_sent_is_not_learned(log):
    with FakeEndpoint(faults=[MAX_TOKENS]) as endpoint:
        model = ChatModel("m", base_url=endpoint.base_url)
        events, outcome = asked(model, REQUEST)
    assert isinstance(outcome, BadRequestError)
    assert [type(event) for event in events] == [RequestSent]
    assert model.profile == Profile()
    assert not log.records


def test_a_wish_for_the_reply_stays_an_error_that_says_what_to_do(log):
    fault = refusal("Unsupported parameter: 'temperature' is not supported with this model.", param="temperature")
    with FakeEndpoint(faults=[fault]) as endpoint:
        _, outcome = asked(ChatModel("m", base_url=endpoint.base_url), REQUEST.replace(temperature=1))
    assert str(outcome) == (
        f"{endpoint.base_url}/chat/completions answered 400 (invalid_request_error): Unsupported parameter: "
        "'temperature' is not supported with this model. Leave 'temperature' out where it was set (Settings, "
        "extra_body, a message, a tool). What this endpoint wants otherwise than most is told by the model's profile: "
        "ChatModel(..., profile=Profile(...))."
    )
    assert len(endpoint.requests) == 1


def function(name):
    return {"type": "function", "function": {"name": name}}


@pytest.mark.parametrize(("names", "sent"), [(["f"], ["required", function("f")]), (["f", "g"], ["required"])])
def test_a_tool_choice_is_said_again_only_where_another_means_the_same(names, sent, log):
    fields = {"tools": [function(name) for name in names], "tool_choice": "required"}
    request = ChatRequest.parse({"messages": [{"role": "user", "content": "hi"}], **fields})
    fault = refusal("Thinking mode does not support this tool_choice")
    with FakeEndpoint(faults=[fault]) as endpoint:
        model = ChatModel("m", base_url=endpoint.base_url)
        asked(model, request)
    assert [body["tool_choice"] for body in bodies(endpoint)] == sent
    assert "required" not in model.profile.tool_choices


def test_a_refused_tool_choice_is_an_error_that_names_the_profile(log):
    fields = {"tools": [function("f"), function("g")], "tool_choice": "required"}
    request = ChatRequest.parse({"messages": [{"role": "user", "content": "hi"}], **fields})
    with FakeEndpoint(faults=[refusal("tool_choice is not supported")]) as endpoint:
        _, outcome = asked(ChatModel("m", base_url=endpoint.base_url), request)
    assert str(outcome).endswith(
        "tool_choice is not supported. Tell the model by its profile which ones this endpoint takes, "
        "Profile(tool_choices=(...))."
    )


def test_a_refusal_is_no_attempt_of_the_retries(log):
    with FakeEndpoint(faults=[MAX_TOKENS, "status:code=503"]) as endpoint:
        model = ChatModel("m", base_url=endpoint.base_url, retry=Retry(attempts=2, wait=0))
        events, outcome = asked(model, REQUEST.replace(max_tokens=5))
    assert outcome.message.content
    assert len(endpoint.requests) == 3
    assert [event.attempt for event in events if isinstance(event, RequestRetried)] == [1]


def test_a_template_that_refuses_with_a_500_is_not_asked_again_the_same(log):
    said = "Jinja Exception: System message must be at the beginning."
    request = ChatRequest.parse(
        {"messages": [{"role": "user", "content": "hi"}, {"role": "system", "content": "Be brief."}]}
    )
    with FakeEndpoint(faults=[refusal(said, 500)]) as endpoint:
        _, outcome = asked(ChatModel("m", base_url=endpoint.base_url), request)
    assert outcome.message.content
    assert [[message["role"] for message in body["messages"]] for body in bodies(endpoint)] == [
        ["user", "system"],
        ["system", "user"],
    ]
    with FakeEndpoint(faults=[refusal("Jinja Exception: no such filter", 500)]) as endpoint:
        _, outcome = asked(ChatModel("m", base_url=endpoint.base_url), request)
    assert isinstance(outcome, InternalServerError)
    assert len(endpoint.requests) == 1


def test_a_copy_keeps_what_was_learned_unless_it_goes_elsewhere_or_is_told(log):
    with FakeEndpoint(faults=[STREAM_OPTIONS]) as endpoint:
        model = ChatModel("m", base_url=endpoint.base_url, profile={"strict": False})
        asked(model, REQUEST, stream=True)
    learned = Profile(strict=False, stream_usage=False)
    assert model.profile == learned
    copy = model.replace(name="other")
    assert copy.profile == learned
    assert repr(copy) == f"ChatModel('other', base_url='{endpoint.base_url}', learned={{'stream_usage': False}})"
    assert copy.replace(base_url="http://127.0.0.1:9/v1").profile == Profile(strict=False)
    assert model.replace(base_url=f"{endpoint.base_url}/").profile == learned
    assert model.replace(base_url="http://127.0.0.1:9/v1").profile == Profile(strict=False)
    assert model.replace(profile=Profile()).profile == Profile()


def test_a_copy_does_not_read_the_profiles_file_again(tmp_path):
    file = tmp_path / "profile.json"
    file.write_text(Profile(strict=False).to_json())
    model = ChatModel("m", profile=file)
    file.unlink()
    assert model.replace(base_url="http://127.0.0.1:9/v1").profile == Profile(strict=False)


def test_a_key_that_the_refusal_repeats_is_neither_told_nor_logged(log):
    fault = refusal("Unknown parameter: 'stream_options'. Your key is sk-very-secret-77.")
    with FakeEndpoint(faults=[fault]) as endpoint:
        model = ChatModel("m", base_url=endpoint.base_url, api_key="sk-very-secret-77")
        events, _ = asked(model, REQUEST, stream=True)
    assert len(log.records) == 1
    assert "sk-very" not in f"{events} {log.text} {model!r}"


def test_many_threads_learn_one_lesson_once(log):
    told = []
    barrier = threading.Barrier(4)

    def ask(model):
        async def main():
            listener.set(told.append)
            barrier.wait()
            await model.complete(REQUEST.replace(max_tokens=5))

        asyncio.run(main())

    def reply(request):
        return MAX_TOKENS if "max_tokens" in request else "hello"

    with FakeEndpoint(replies=[reply] * 8) as endpoint:
        model = ChatModel("m", base_url=endpoint.base_url)
        threads = [threading.Thread(target=ask, args=(model,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len([event for event in told if isinstance(event, ProfileLearned)]) == 1
    assert len(log.records) == 1


@tool
def add(a: int, b: int) -> int:
    """Add."""
    return a + b


def picky(request):
    """Answer as an endpoint that knows neither `stream_options` nor a call without its reasoning."""
    if "stream_options" in request:
        return STREAM_OPTIONS
    calls = [message for message in request["messages"] if message.get("tool_calls")]
    if any("reasoning_content" not in message for message in calls):
        return refusal("Missing `reasoning_content` field in the assistant message at message index 2.")
    return "Three." if calls else {**call("add", {"a": 1, "b": 2}), "reasoning_content": "Easy."}


def test_a_run_is_refused_once_and_the_next_is_right_at_first(log):
    with FakeEndpoint(replies=[picky] * 6) as endpoint:
        agent = Agent(ChatModel("m", base_url=endpoint.base_url), tools=[add])

        async def main():
            async with agent.stream("1 + 2?") as stream:
                events = [event async for event in stream]
            return events, stream.result

        events, result = asyncio.run(main())
        refused = len(endpoint.requests)
        assert agent.run_sync("1 + 2?").output == result.output == "Three."
    assert refused == 4
    assert len(endpoint.requests) == 6
    assert [(event.field, event.value) for event in events if event.type == "profile_learned"] == [
        ("stream_usage", "False"),
        ("echo", "('reasoning_content',)"),
        ("echo_empty", "True"),
    ]
    assert len(log.records) == 3
    echoed = bodies(endpoint)[-1]["messages"][1]
    assert echoed["reasoning_content"] == "Easy."
    assert result.messages[1].reasoning == "Easy."


class Kind(BaseModel):
    kind: Literal["a", "b"]


def test_a_typed_output_is_asked_for_without_force_where_no_force_is_taken():
    replies = ["Hm.", call("final_result", {"kind": "a"})]
    with FakeEndpoint(replies=replies) as endpoint:
        model = ChatModel("m", base_url=endpoint.base_url, profile=Profile(tool_choices=("none", "auto")))
        assert Agent(model, output=Kind).run_sync("Which?").output == Kind(kind="a")
    assert [body["tool_choice"] for body in bodies(endpoint)] == ["auto", "auto"]


SCHEMA = {
    "type": "object",
    "properties": {"at": {"type": "string", "format": "date"}, "title": {"type": "string", "minLength": 2}},
    "required": ["at", "title"],
    "additionalProperties": False,
}
OFFER = {"type": "function", "function": {"name": "f", "parameters": SCHEMA}}
BY_SCHEMA = {"type": "json_schema", "json_schema": {"name": "o", "schema": SCHEMA}}


def asking(text="as JSON, please", **fields):
    return ChatRequest.parse({"messages": [{"role": "user", "content": text}], **fields})


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("quirk", "fields", "profile"),
    [
        ("refuses_json_schema", {"response_format": BY_SCHEMA}, {"response_formats": ("text", "json_object")}),
        (
            "refuses_json_object",
            {"response_format": {"type": "json_object"}},
            {"response_formats": ("text", "json_schema")},
        ),
        ("refuses_response_format", {"response_format": BY_SCHEMA}, {"response_formats": ("text", "json_object")}),
        ("refuses_tools", {"tools": [OFFER]}, {"tools": False}),
        (
            "refuses_format_with_tools",
            {"tools": [OFFER], "response_format": BY_SCHEMA},
            {"formats_with_tools": False},
        ),
    ],
)
def test_what_is_not_taken_at_all_is_learned_and_the_error_raised(quirk, fields, profile, stream, log):
    with FakeEndpoint(quirks=[quirk]) as endpoint:
        given = Profile(stream_usage=False, formats_with_tools=True)
        model = ChatModel("m", base_url=endpoint.base_url, profile=given)
        events, outcome = asked(model, asking(**fields), stream=stream)
        assert isinstance(outcome, BadRequestError)
        assert [type(event) for event in events] == [RequestSent, ProfileLearned]
        assert model.profile == given.replace(**profile)
        assert len(log.records) == 1
        _, outcome = asked(model, asking(), stream=stream)
    assert outcome
    assert model.profile == given.replace(**profile)


def test_keywords_that_are_refused_one_by_one_are_said_otherwise_at_once(log):
    with FakeEndpoint(quirks=["refuses_keywords"]) as endpoint:
        model = ChatModel("m", base_url=endpoint.base_url)
        request = asking(tools=[OFFER], response_format=BY_SCHEMA)
        events, outcome = asked(model, request, request)
    assert outcome.message.tool_calls
    assert model.profile == Profile(unsupported_keywords=("format", "minLength", "additionalProperties"))
    assert [type(event) for event in events] == [RequestSent, ProfileLearned] * 3 + [RequestSent] * 2
    *_, last, again = endpoint.requests
    assert last.raw == again.raw
    assert last.body["tools"][0]["function"]["parameters"] == {
        "type": "object",
        "properties": {
            "at": {"type": "string", "description": "Format: date."},
            "title": {"type": "string", "description": "At least 2 characters."},
        },
        "required": ["at", "title"],
    }


def test_a_format_refused_for_its_schema_teaches_nothing(log):
    texts = [
        "Invalid schema for response_format 'o': In context=(), 'required' is required to be supplied.",
        "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
    ]
    with FakeEndpoint(faults=map(refusal, texts)) as endpoint:
        model = ChatModel("m", base_url=endpoint.base_url)
        asked(model, asking(response_format=BY_SCHEMA), asking(response_format={"type": "json_object"}))
    assert model.profile == Profile()
    assert not log.records


def test_a_conversation_that_is_refused_in_every_way_unlearns_each_of_them(log):
    ways = [{"response_format": BY_SCHEMA}, {"response_format": {"type": "json_object"}}, {"tools": [OFFER]}, {}]
    faults = [
        refusal("This response_format type is unavailable now"),
        refusal("This response_format type is unavailable now"),
        refusal("m does not support tools"),
        refusal("Your account is not allowed to ask."),
    ]
    with FakeEndpoint(faults=faults) as endpoint:
        model = ChatModel("m", base_url=endpoint.base_url)
        events, outcome = asked(model, *[asking(**fields) for fields in ways])
    assert isinstance(outcome, BadRequestError)
    assert [(event.field, event.value) for event in events if isinstance(event, ProfileLearned)] == [
        ("response_formats", "('text', 'json_object')"),
        ("response_formats", "('text',)"),
        ("tools", "False"),
        ("response_formats", "('text', 'json_object', 'json_schema')"),
        ("tools", "True"),
    ]
    assert model.profile == Profile()


def test_a_reply_in_another_way_proves_what_was_learned(log):
    faults = [refusal("This response_format type is unavailable now"), None, refusal("Bad image.")]
    with FakeEndpoint(faults=faults) as endpoint:
        model = ChatModel("m", base_url=endpoint.base_url)
        asked(model, asking(response_format=BY_SCHEMA), asking(), asking())
    assert model.profile.response_formats == ("text", "json_object")


def test_many_threads_meet_one_refusal_of_a_format_and_it_is_told_once(log):
    with FakeEndpoint(quirks=["refuses_json_schema"]) as endpoint:
        model = ChatModel("m", base_url=endpoint.base_url)
        events = []

        def ask(number):
            with contextlib.suppress(InvalidRequestError):  # of those that ask when it is known
                events.extend(asked(model, asking(f"json {number}", response_format=BY_SCHEMA))[0])

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [event.field for event in events if isinstance(event, ProfileLearned)] == ["response_formats"]
    assert model.profile == Profile(response_formats=("text", "json_object"))
    assert len(log.records) == 1
