"""What becomes of a call's arguments, from the bytes on the wire to the tool: only what is whole is executed."""

import asyncio
import json

import pytest

from agentkit import Agent, tool
from agentkit.http import ChatModel, Retry

DONE = b"data: [DONE]\n\n"
CALL = {"index": 0, "id": "a", "type": "function", "function": {"name": "note", "arguments": "@"}}
SEVERAL = "You sent several JSON objects. Send one object in each call."
CUT = "Your arguments are cut off"
CASES = {
    "an object": ('{"text":"x"}', "x"),
    "fenced": ('```json\n{"text":"x"}\n```', "x"),
    "fenced without a language": ('```\n{"text":"x"}\n```', "x"),
    "doubly encoded": ('"{\\"text\\":\\"x\\"}"', "x"),
    "with white space": (' \n{"text":"x"}\n ', "x"),
    "nothing": ("", "nothing"),
    "null": ("null", "nothing"),
    "an empty object": ("{}", "nothing"),
    "a raw line break": ('{"text":"x\ny"}', "x\ny"),
    "cut in the text": ('{"text":"x', CUT),
    "cut before the brace": ('{"text":"x"', CUT),
    "cut in the name": ('{"te', CUT),
    "cut fence": ('```json\n{"text":"x"}', "Your arguments are no valid JSON"),
    "cut in two encodings": ('"{\\"text\\":\\"x', CUT),
    "an empty text after them": ('{}""', "Your arguments go on after their end"),
    "twice, differently": ('{"text":"x"}{"text":"y"}', SEVERAL),
    "a name twice": ('{"text":"x","text":"y"}', "Your arguments name 'text' twice"),
    "half a character": ('{"text":"\\ud83d"}', "Your arguments hold half of a surrogate pair"),
    "half a character on the wire": ('{"text":"%"}', "Your arguments hold half of a surrogate pair"),
    "NaN": ('{"text":NaN}', "NaN is no JSON number"),
    "a list": ("[]", "Your arguments are a JSON array"),
}


def event(delta, finish=None):
    chunk = {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def bodies(first):
    """Give a stream of one call, and the answer to its result."""
    return [[first, event({"content": "done"}, "stop") + DONE]]


async def act(serving, body, *, streamed):
    noted = []

    @tool
    def note(text: str = "nothing") -> str:
        """Note a text."""
        noted.append(text)
        return "noted"

    server = await serving(bodies(body))
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
    async with ChatModel("m", base_url=address, retry=Retry(attempts=1)) as model:
        agent = Agent(model, tools=[note])
        if streamed:
            async with agent.stream("hi") as stream:
                async for _ in stream:
                    pass
            result = stream.result
        else:
            result = await agent.run("hi")
    server.close()
    await server.wait_closed()
    return noted, result


@pytest.mark.parametrize("finish", ["tool_calls", "stop"])
@pytest.mark.parametrize("streamed", [False, True], ids=["run", "stream"])
@pytest.mark.parametrize(("arguments", "expected"), CASES.values(), ids=CASES)
def test_only_whole_arguments_are_executed(serving, arguments, expected, streamed, finish):
    call = json.loads(json.dumps(CALL).replace('"@"', json.dumps(arguments)))
    body = (event({"tool_calls": [call]}) + event({}, finish) + DONE).replace(b"%", b"\\ud83d")
    noted, result = asyncio.run(act(serving, body, streamed=streamed))

    answers = [message.content for message in result.messages if message.role == "tool"]
    refused = expected.startswith(("You", "NaN"))
    assert noted == ([] if refused else [expected])
    assert len(answers) == 1
    assert answers[0].startswith(expected) if refused else answers == ["noted"]
    assert (result.output, result.turns) == ("done", 2)


@pytest.mark.parametrize("streamed", [False, True], ids=["run", "stream"])
@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>{"name":"note","arguments":{"text":"x"}}</tool_call>',
        '{"name": "note", "parameters": {"text": "x"}}',
    ],
    ids=["Hermes", "Llama 3.1"],
)
def test_a_call_that_is_told_as_text_is_text(serving, text, streamed):
    noted, result = asyncio.run(act(serving, event({"content": text}, "stop") + DONE, streamed=streamed))

    assert (noted, result.output) == ([], text)


@pytest.mark.parametrize("streamed", [False, True], ids=["run", "stream"])
def test_the_reply_is_read_at_once_however_the_call_is_cut_in_chunks(serving, streamed):
    pieces = [{"index": 0, "function": {"arguments": letter}} for letter in '{"text":"x"}']
    body = event({"tool_calls": [{**CALL, "function": {"name": "note", "arguments": ""}}]})
    body += b"".join(event({"tool_calls": [piece]}) for piece in pieces) + event({}, "stop")

    assert asyncio.run(act(serving, body, streamed=streamed))[0] == ["x"]
