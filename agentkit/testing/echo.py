"""The fake endpoint's own replies, where no script is given: calls, then a text that quotes their results."""

from __future__ import annotations

import re
from typing import Any, Final

from agentkit.kind import is_array, is_object
from agentkit.testing.answer import Json, encode
from agentkit.testing.example import example
from agentkit.testing.reply import words

__all__ = ["echo"]

_TURNS: Final = re.compile(r"\b(\d+) turns\b")
_WORDS: Final = re.compile(r"\b(\d+) words\b")
_ALL: Final = re.compile(r"\b(?:parallel|all tools|every tool|each tool)\b", re.IGNORECASE)


def echo(request: Json) -> Json:
    """Reply to a request by rule, the same every time.

    Offered tools are called while the last user message was not answered by a batch of calls. Which: the one that
    `tool_choice` names; else those that the user's text names, in its order; all when it says "parallel", "all tools"
    or "every tool"; else the first. With `parallel_tool_calls: false` they are called one a turn. "in 5 turns" repeats
    the batch in 5 turns. A forced `tool_choice` is obeyed every time, as the real API does: first by a tool not called
    yet, then by the last one offered. Arguments are examples of the tool's schema.

    Otherwise the reply is an example of the `response_format`, or a text: the tools' results, "N words" where the user
    asks for so many, or the user's text. `stop` and the token limits cut it; a token is one of `reply.words`.
    """
    asked, since = _asked(request["messages"])
    batch = _batch(request, asked, since)
    reply = (
        {"content": None, "tool_calls": [_call(tool, asked) for tool in batch]}
        if batch
        else _said(request, asked, since)
    )
    return _limited(reply, request)


def _asked(messages: list[Json]) -> tuple[str, list[Json]]:
    """Find the text of the last user message and the messages after it."""
    place = next((place for place in reversed(range(len(messages))) if messages[place]["role"] == "user"), -1)
    return (_text(messages[place].get("content")) if place >= 0 else ""), messages[place + 1 :]


def _text(content: Any) -> str:
    if is_array(content):
        return " ".join(part["text"] if part.get("type") == "text" else f"({part.get('type')})" for part in content)
    return content if isinstance(content, str) else ""


def _name(tool: Json) -> str:
    body: Json = tool.get("function") or tool.get("custom") or {}
    return str(body["name"])


def _batch(request: Json, asked: str, since: list[Json]) -> list[Json]:
    tools: list[Json] = request.get("tools") or []
    choice = request.get("tool_choice")
    if not tools or choice == "none":
        return []
    if is_object(choice) and choice["type"] == "allowed_tools":
        allowed = {_name(tool) for tool in choice["allowed_tools"]["tools"]}
        tools, choice = [tool for tool in tools if _name(tool) in allowed], choice["allowed_tools"]["mode"]
    if is_object(choice):
        return [tool for tool in tools if _name(tool) == _name(choice)]
    rounds = [message["tool_calls"] for message in since if message.get("tool_calls")]
    picked = _picked(tools, asked)
    if request.get("parallel_tool_calls") is False:
        several, picked = len(picked), [picked[len(rounds) % len(picked)]]
    else:
        several = 1
    wanted = _TURNS.search(asked)
    if len(rounds) < (int(wanted[1]) if wanted else several):
        return picked
    if choice != "required":
        return []
    known = {_name(one) for batch in rounds for one in batch}
    return [next((tool for tool in tools if _name(tool) not in known), tools[-1])]


def _picked(tools: list[Json], asked: str) -> list[Json]:
    places = ((re.search(rf"(?<!\w){re.escape(_name(tool))}(?!\w)", asked), tool) for tool in tools)
    named = sorted(((found.start(), tool) for found, tool in places if found), key=lambda pair: pair[0])
    if named:
        return [tool for _, tool in named]
    return tools if _ALL.search(asked) else tools[:1]


def _call(tool: Json, asked: str) -> Json:
    if tool["type"] == "custom":
        return {"type": "custom", "custom": {"name": _name(tool), "input": asked}}
    arguments = example(tool["function"].get("parameters") or {"type": "object"})
    return {"type": "function", "function": {"name": _name(tool), "arguments": encode(arguments).decode()}}


def _said(request: Json, asked: str, since: list[Json]) -> Json:
    shape: Json = request.get("response_format") or {}
    if shape.get("type") == "json_schema":
        return {"content": encode(example(shape["json_schema"].get("schema"))).decode()}
    results = [_text(message.get("content")) for message in since if message["role"] in {"tool", "function"}]
    wanted = _WORDS.search(asked)
    if wanted:
        text = " ".join(["word"] * int(wanted[1]))
    elif results:
        text = f"The tools say: {'; '.join(results)}"
    else:
        text = f"You said: {asked}"
    return {"content": encode({"answer": text}).decode() if shape.get("type") == "json_object" else text}


def _limited(reply: Json, request: Json) -> Json:
    """Cut text and arguments at `stop` and at the token limit, as the real API does."""
    stops: Any = request.get("stop") or []
    for stop in [stops] if isinstance(stops, str) else stops:
        reply["content"] = reply["content"] and reply["content"].split(stop)[0]
    left = request.get("max_completion_tokens") or request.get("max_tokens")
    if left is None:
        return reply
    inputs = [
        (one[one["type"]], "input" if one["type"] == "custom" else "arguments") for one in reply.get("tool_calls", ())
    ]
    for holder, key in [(reply, "content"), *inputs]:
        parts = words(holder[key] or "")
        if len(parts) > left:
            reply["finish_reason"] = "length"
            holder[key] = "".join(parts[:left])
        left = max(left - len(parts), 0)
    return reply
