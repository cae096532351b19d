import pytest

from agentkit.errors import InvalidRequestError
from agentkit.wire import ChatRequest, check_request
from agentkit.wire.message import parse_messages

HI = {"role": "user", "content": "hi"}


def tool(name):
    return {"type": "function", "function": {"name": name}}


def allowed(mode, *tools):
    return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": [*tools]}}


def calls(*ids):
    return {"role": "assistant", "tool_calls": [{"id": one, "function": {"name": "f"}} for one in ids]}


def answer(call_id):
    return {"role": "tool", "tool_call_id": call_id, "content": "ok"}


WITHIN = [
    {"temperature": 0, "top_p": 1, "presence_penalty": -2, "frequency_penalty": 2},
    {"n": 1, "max_completion_tokens": 1, "stop": ["a"] * 4},
    {"logprobs": True, "top_logprobs": 20, "logit_bias": {"1": -100, "2": 100}},
    {"metadata": {f"{n:064}": "x" * 512 for n in range(16)}},
    {"tools": [tool("a" * 64), tool("A_b-9")] + [{"type": "web_search"}] * 126, "tool_choice": "A_b-9"},
    {"tools": [tool("f")], "tool_choice": allowed("auto")},
    {
        "tools": [tool("f"), {"type": "web_search"}],
        "tool_choice": allowed("required", tool("f"), {"type": "web_search"}),
    },
    {"tools": [tool("f"), {"type": "web_search"}], "tool_choice": {"type": "web_search"}},
    {"tools": [tool("f")], "tool_choice": "any"},
    {"tool_choice": "f"},  # without tools it is not sent
    {"seed": -(2**63), "stop": "x", "safety_identifier": "x" * 128, "modalities": ["text"]},
    {"response_format": {"type": "text"}},
    {"response_format": {"type": "regex", "pattern": "a+"}},  # some servers know more forms
    {"response_format": {"type": "json_schema", "json_schema": {"name": "A_b-9", "schema": {"type": "object"}}}},
    {"top_k": 1.5, "extra_body": {"min_p": 0.1}},
    {
        "tools": [{"type": "custom", "custom": {"name": "c"}}],
        "tool_choice": {"type": "custom", "custom": {"name": "c"}},
    },
    {"messages": [HI, calls("1", "2"), answer("2"), answer("1"), HI, calls("1"), answer("1")]},
    {"response_format": {"type": "json_object"}, "messages": [{"role": "user", "content": "Answer in json."}]},
    {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}},
    {"temperature": 9, "messages": [], "check_contract": False},
    {"tools": [tool(str(n)) for n in range(1000)], "check_contract": False},
]


@pytest.mark.parametrize("fields", WITHIN, ids=",".join)
def test_a_request_within_the_limits_passes(fields):
    check_request(ChatRequest.parse({"messages": [HI], **fields}))


NAMES = "names of 1 to 64 letters, digits, '_' and '-'"
SOFT = "Send fewer, or Settings(check_contract=False) where the endpoint takes more."
NO_SCHEMA = (
    "Response format 'json_schema' has no schema. "
    'Give json_schema={"name": "...", "schema": {"type": "object", ...}}.'
)
BROKEN = [
    ({"temperature": 2.1}, "Request field 'temperature' is 2.1; the contract allows 0 to 2."),
    ({"temperature": float("nan")}, "Request field 'temperature' is nan; the contract allows 0 to 2."),
    ({"top_p": -0.1}, "Request field 'top_p' is -0.1; the contract allows 0 to 1."),
    ({"presence_penalty": -3}, "Request field 'presence_penalty' is -3; the contract allows -2 to 2."),
    ({"frequency_penalty": 3}, "Request field 'frequency_penalty' is 3; the contract allows -2 to 2."),
    ({"logprobs": True, "top_logprobs": 21}, "Request field 'top_logprobs' is 21; the contract allows 0 to 20."),
    ({"n": 0}, "Request field 'n' is 0; the contract allows at least 1."),
    ({"max_tokens": 0}, "Request field 'max_tokens' is 0; the contract allows at least 1."),
    (
        {"max_tokens": 5, "max_completion_tokens": 5},
        "Request fields 'max_tokens' and 'max_completion_tokens' are both set. Set only 'max_completion_tokens'.",
    ),
    ({"top_logprobs": 1}, "Request field 'top_logprobs' needs 'logprobs': set logprobs=True too."),
    (
        {"audio": {"voice": "alloy", "format": "wav"}},
        "Request field 'audio' needs the modality: set modalities=('text', 'audio') too.",
    ),
    (
        {"response_format": {"type": "json_object"}},
        "Response format 'json_object' needs a message that asks for JSON. Say 'JSON' in the instructions.",
    ),
    ({"stop": list("abcde")}, f"Request field 'stop' is a list of 5; the contract allows at most 4. {SOFT}"),
    ({"logit_bias": {"7": 101}}, "Request field 'logit_bias.7' is 101; the contract allows -100 to 100."),
    (
        {"metadata": {str(n): "" for n in range(17)}},
        "Request field 'metadata' is a map of 17 pairs; the contract allows at most 16.",
    ),
    (
        {"metadata": {"k" * 65: ""}},
        "Request field 'metadata' is a key of 65 characters; the contract allows at most 64.",
    ),
    (
        {"metadata": {"k": "v" * 513}},
        "Request field 'metadata.k' is a text of 513 characters; the contract allows at most 512.",
    ),
    (
        {"tools": [tool(str(n)) for n in range(129)]},
        f"Request field 'tools' is a list of 129; the contract allows at most 128. {SOFT}",
    ),
    ({"tools": [tool("a b")]}, f"Request field 'tools' is a tool named 'a b'; the contract allows {NAMES}."),
    ({"tools": [tool("a\n")]}, f"Request field 'tools' is a tool named 'a\\n'; the contract allows {NAMES}."),
    (
        {"tools": [tool("f"), tool("f")]},
        "Request field 'tools' is two tools named 'f'; the contract allows unique names.",
    ),
    (
        {"tools": [tool("g"), tool("f")], "tool_choice": "h"},
        "Request field 'tool_choice' is 'h'; the contract allows the names of the tools sent: f, g.",
    ),
    (
        {"tools": [tool("f")], "tool_choice": {"type": "function", "function": {"name": "h"}}},
        "Request field 'tool_choice.function.name' is 'h'; the contract allows the names of the tools sent: f.",
    ),
    (
        {"tools": [tool("f")], "tool_choice": {"type": "custom"}},
        "Request field 'tool_choice.custom.name' is None; the contract allows the names of the tools sent: f.",
    ),
    (
        {"tools": [{"type": "web_search"}], "tool_choice": "f"},
        "Request field 'tool_choice' is 'f'; the contract allows the names of the tools sent: none has one.",
    ),
    (
        {"tools": [tool("f")], "tool_choice": allowed("auto", tool("f"), tool("h"))},
        (
            "Request field 'tool_choice.allowed_tools.tools.1.function.name' is 'h'; "
            "the contract allows the names of the tools sent: f."
        ),
    ),
    (
        {"tools": [tool("f")], "tool_choice": allowed("none")},
        "Request field 'tool_choice.allowed_tools.mode' is 'none'; the contract allows 'auto' or 'required'.",
    ),
    (
        {"tools": [tool("f")], "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto"}}},
        "Request field 'tool_choice.allowed_tools.tools' is None; the contract allows a list of tools.",
    ),
    (
        {"seed": 2**63},
        (
            "Request field 'seed' is 9223372036854775808; "
            "the contract allows -9223372036854775808 to 9223372036854775807."
        ),
    ),
    ({"logit_bias": {"7": float("inf")}}, "Request field 'logit_bias.7' is inf; the contract allows -100 to 100."),
    ({"stop": ""}, "Request field 'stop' is ''; the contract allows texts that are not empty."),
    ({"stop": []}, "Request field 'stop' is (); the contract allows texts that are not empty."),
    ({"stop": ["a", ""]}, "Request field 'stop' is ('a', ''); the contract allows texts that are not empty."),
    (
        {"modalities": []},
        "Request field 'modalities' is an empty list; the contract allows at least one, such as 'text'.",
    ),
    (
        {"modalities": ["text", "audio"]},
        (
            "Request field 'modalities' asks for audio, which needs 'audio': "
            'set audio={"voice": "alloy", "format": "wav"} too.'
        ),
    ),
    (
        {"safety_identifier": "x" * 129},
        "Request field 'safety_identifier' is a text of 129 characters; the contract allows at most 128.",
    ),
    ({"response_format": {"type": "json_schema"}}, NO_SCHEMA),
    ({"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}}, NO_SCHEMA),
    (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a b", "schema": {"type": "object"}}}},
        f"Request field 'response_format.json_schema.name' is 'a b'; the contract allows {NAMES}.",
    ),
    ({"top_k": float("nan")}, "Request field 'top_k' is nan; the contract allows numbers that JSON has."),
    (
        {"extra_body": {"min_p": float("inf")}},
        "Request field 'min_p' is inf; the contract allows numbers that JSON has.",
    ),
    ({"messages": []}, "Request field 'messages' is empty; the contract allows at least one message."),
    (
        {"messages": [HI, calls("1", "2"), answer("2")]},
        "The tool calls 1 have no result. Add a tool message for each call before the next message.",
    ),
    (
        {"messages": [calls("1", "2"), HI]},
        "The tool calls 1, 2 have no result. Add a tool message for each call before the next message.",
    ),
    (
        {"messages": [calls("1"), answer("1"), answer("1")]},
        (
            "messages[2] answers the tool call '1', which no assistant message just before it makes. "
            "Keep each call and its result together."
        ),
    ),
]


@pytest.mark.parametrize(("fields", "text"), BROKEN, ids=[text[:40] for _, text in BROKEN])
def test_a_request_that_breaks_a_limit_is_refused_by_field_value_and_limit(fields, text):
    with pytest.raises(InvalidRequestError) as caught:
        check_request(ChatRequest.parse({"messages": [HI], **fields}))

    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("temperature", "Request field 'temperature' is 'hot'; the contract allows 0 to 2."),
        ("n", "Request field 'n' is 'hot'; the contract allows at least 1."),
    ],
)
def test_a_value_that_was_replaced_without_a_look_is_refused_too(field, text):
    with pytest.raises(InvalidRequestError) as caught:
        check_request(ChatRequest.parse({"messages": [HI]}).replace(**{field: "hot"}))

    assert str(caught.value) == text


def messages(*given):
    return parse_messages([HI, *given])


def refused(history):
    with pytest.raises(InvalidRequestError) as caught:
        check_request(ChatRequest(messages=history))
    return str(caught.value)


def test_a_history_that_grew_is_looked_at_from_where_it_was_right():
    history = messages(calls("1"), answer("1"))
    check_request(ChatRequest(messages=history))
    assert [getattr(one, "_checked", None) is not None for one in history] == [False, False, True]
    grown = history + parse_messages([calls("2", "3"), answer("3"), answer("2"), HI])
    for _ in range(2):
        check_request(ChatRequest(messages=grown))
        assert [getattr(one, "_checked", None) is not None for one in grown] == [False] * 6 + [True]
    assert refused(grown + parse_messages([answer("2")])).startswith("messages[7] answers the tool call '2'")
    assert refused(grown + parse_messages([calls("4")])).startswith("The tool calls 4 have no result.")
    assert grown[:-1] == grown[-1]._checked


def test_a_history_that_is_no_longer_the_same_is_looked_at_from_its_head():
    history = messages(calls("1"), answer("1"), HI)
    check_request(ChatRequest(messages=history))
    first, asks, told, last = history
    assert refused((first, told, last)).startswith("messages[1] answers the tool call '1'")
    assert refused((first, asks, last)).startswith("The tool calls 1 have no result.")
    assert refused((asks, told.replace(tool_call_id="2"), last)).startswith("messages[1] answers the tool call '2'")
    assert refused((told, last)).startswith("messages[0] answers the tool call '1'")
    check_request(ChatRequest(messages=(asks, told, last)))
    check_request(ChatRequest(messages=history))


def test_a_history_that_went_back_or_grew_by_much_is_right_too():
    history = messages(calls("1"), answer("1"))
    long = history + parse_messages([HI] * 200)
    for given in (history, long, history, long[:100], long):
        check_request(ChatRequest(messages=given))
    assert refused((*long, history[2])).startswith("messages[203] answers the tool call '1'")


def test_a_copy_of_a_message_that_was_checked_is_not_taken_for_it():
    history = messages(calls("1"), answer("1"))
    check_request(ChatRequest(messages=history))
    copied = history[2].replace(tool_call_id="2")
    assert not hasattr(copied, "_checked")
    assert refused((*history[:2], copied)).startswith("messages[2] answers the tool call '2'")


def test_tools_that_were_checked_are_checked_again_beside_others():
    first, second = ChatRequest.parse({"messages": [HI], "tools": [tool("f"), tool("g")]}).tools
    request = ChatRequest.parse({"messages": [HI]})
    check_request(request.replace(tools=(first, second)))
    check_request(request.replace(tools=(first, second)))
    check_request(request.replace(tools=(second,)))
    message = "Request field 'tools' is two tools named 'g'; the contract allows unique names."
    with pytest.raises(InvalidRequestError, match=f"^{message}$"):
        check_request(request.replace(tools=(second, first, second)))
    with pytest.raises(InvalidRequestError, match="'tool_choice' is 'f'"):
        check_request(request.replace(tools=(second,), tool_choice="f"))
