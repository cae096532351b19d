"""What the crash test runs: agents with tools of all kinds, what an endpoint answers them, and who decides what waits.

`victim` runs the agents in processes that are killed; `kill` is the endpoint and judges. All that is here is the same
in each run: ids, arguments, results and replies, so that a run that was killed can be compared with one that was not.
"""

import asyncio
import hashlib
import json
from typing import Any, Protocol

from pydantic import BaseModel

from agentkit import Agent, ChatModel, Context, OutputSpec, Settings, ToolRetry, tool
from agentkit.agent.compose import handoff
from agentkit.testing import call, calls
from agentkit.testing.reply import completion

EXTERNAL = {"confirm"}
IDEMPOTENT = {"look", "fetch"}
AGENTS = {"dig", "deep", "transfer_to_closer"}  # their calls have no effect but those of their runs


class World(Protocol):
    """Where the effects of tools are counted, and where a process may be stopped."""

    def write(self, word: str, context: Context[Any], more: str = "") -> None:
        """Write a line to the ledger, onto the disk."""

    def point(self, name: str) -> None:
        """Come by a point at which the process may be stopped."""


class Receipt(BaseModel):
    """What was paid."""

    total: int


def said(name: str, number: int) -> str:
    """Give what a tool gives."""
    return f"{name} {number} is done."


def effect(context: Context[World], number: int) -> str:
    """Do what a sync tool does."""
    context.deps.point(f"{context.tool_name or 'output'} begins")
    context.deps.write("start", context)
    context.deps.point(f"{context.tool_name or 'output'} at work")
    context.deps.write("end", context)
    context.deps.point(f"{context.tool_name or 'output'} ends")
    return said(context.tool_name, number)


async def effect_async(context: Context[World], number: int) -> str:
    """Do what an async tool does, with others between its steps."""
    context.deps.point(f"{context.tool_name or 'output'} begins")
    context.deps.write("start", context)
    await asyncio.sleep(0)
    context.deps.point(f"{context.tool_name or 'output'} at work")
    await asyncio.sleep(0)
    context.deps.write("end", context)
    context.deps.point(f"{context.tool_name or 'output'} ends")
    return said(context.tool_name, number)


@tool(idempotent=True)
async def look(context: Context[World], number: int) -> str:
    """Look something up; again does no harm."""
    return await effect_async(context, number)


@tool(idempotent=True)
def fetch(context: Context[World], number: int) -> str:
    """Fetch something in a thread; again does no harm."""
    return effect(context, number)


@tool
async def pay(context: Context[World], number: int) -> str:
    """Pay."""
    return await effect_async(context, number)


@tool
def stamp(context: Context[World], number: int) -> str:
    """Stamp something, in a thread."""
    return effect(context, number)


@tool(thread=False)
def mark(context: Context[World], number: int) -> str:
    """Mark something, on the event loop."""
    return effect(context, number)


@tool(sequential=True)
async def step(context: Context[World], number: int) -> str:
    """Do something alone."""
    return await effect_async(context, number)


@tool(approval=True)
async def guarded(context: Context[World], number: int) -> str:
    """Do something that somebody must allow."""
    return await effect_async(context, number)


@tool(external=True)
def confirm(number: int) -> str:
    """Wait for what is done elsewhere."""
    raise AssertionError(number)


@tool(retries=5)
async def broken(context: Context[World], number: int) -> str:
    """Have an effect, and fail."""
    raise LookupError(await effect_async(context, number))


@tool(retries=5)
def picky(context: Context[World], number: int) -> str:
    """Have an effect, and ask for another call."""
    raise ToolRetry(effect(context, number))


async def sent(context: Context[World], total: int) -> str:
    """Give the output, with an effect."""
    await effect_async(context, total)
    return f"sent {total}"


async def instructed(context: Context[World]) -> str:
    """Instruct by the turn."""
    return f"dig in turn {context.turn}"


def grand(model: ChatModel) -> Agent[World, Receipt]:
    """Make the agent of the long scene: agents two deep, approvals, a handoff, an output that is asked for again."""
    deep = Agent(model, name="deep", instructions="deep", tools=[stamp, guarded, fetch, pay])
    dig = Agent(model, name="dig", instructions=instructed, tools=[pay, look, deep.as_tool("deep", "Dig deeper.")])
    closer = Agent(model, name="closer", instructions="closer", tools=[pay, fetch], output=Receipt)
    tools = [look, fetch, pay, stamp, mark, step, guarded, confirm, broken, picky]
    leads = [dig.as_tool("dig", "Dig."), handoff(closer)]
    return Agent(model, name="lead", instructions="lead", tools=[*tools, *leads], output=Receipt)


def short(model: ChatModel) -> Agent[World, str]:
    """Make the agent of the short scene: one call after another, and an output that is a function with an effect."""
    return Agent(
        model,
        name="short",
        instructions="short",
        tools=[pay, fetch, stamp],
        output=OutputSpec(sent, "tool", name="sent"),
        settings=Settings(parallel_tool_calls=False),
    )


MAKE = {"grand": grand, "short": short}
PROMPTS = {"grand": "lead now", "short": "short now"}

SCRIPTS: dict[str, list[Any]] = {
    "lead": [
        calls(
            call("look", {"number": 1}, id="a"),
            call("pay", {"number": 2}, id="b"),
            call("stamp", {"number": 3}, id="c"),
            call("fetch", {"number": 4}, id="d"),
        ),
        calls(  # ids that were used before, two sub-agents at once, a barrier, and calls that are refused
            call("mark", {"number": 5}, id="e"),
            call("dig", {"prompt": "dig one"}, id="a"),
            call("nobody", {}, id="f"),
            call("dig", {"prompt": "dig two"}, id="b"),
            call("step", {"number": 6}, id="c"),
            call("pay", {"number": "many"}, id="d"),
            call("pay", {"number": 7}, id="g"),
        ),
        calls(
            call("guarded", {"number": 8}, id="a"),
            call("confirm", {"number": 9}, id="b"),
            call("broken", {"number": 10}, id="c"),
            call("picky", {"number": 11}, id="d"),
        ),
        calls(call("stamp", {"number": 12}, id="a"), call("transfer_to_closer", {}, id="b")),
        calls(call("pay", {"number": 13}, id="a"), call("fetch", {"number": 14}, id="b")),
        '{"total": "no"}',
        '{"total": 15}',
    ],
    "dig": [
        calls(
            call("pay", {"number": 21}, id="a"),
            call("look", {"number": 22}, id="b"),
            call("deep", {"prompt": "deep {}"}, id="c"),
        ),
        "Dug.",
    ],
    "deep": [
        calls(
            call("stamp", {"number": 31}, id="a"),
            call("guarded", {"number": 32}, id="b"),
            call("fetch", {"number": 33}),
        ),
        call("pay", {"number": 34}, id="a"),
        "Dug deeper.",
    ],
    "short": [
        calls(call("pay", {"number": 1}, id="a"), call("fetch", {"number": 2}, id="b")),
        calls(call("stamp", {"number": 3}, id="a"), call("sent", {"total": "no"}, id="b")),
        calls(call("pay", {"number": 4}, id="a"), call("sent", {"total": 5}, id="b")),
    ],
}


def fingerprint(request: dict[str, Any]) -> str:
    """Give what tells a request from all others of a run: 16 digits of the SHA-256 of its messages."""
    return hashlib.sha256(json.dumps(request["messages"], sort_keys=True).encode()).hexdigest()[:16]


def answer(request: dict[str, Any]) -> Any:
    """Answer a request by how far its history has come; the completion's id is the request's fingerprint."""
    messages = request["messages"]
    prompt = next(m["content"] for m in messages if m["role"] == "user")
    reply = SCRIPTS[prompt.split()[0]][sum(m["role"] == "assistant" for m in messages)]
    whole = completion(reply, request, number=0, size=len(json.dumps(messages)))
    for one in whole["choices"][0]["message"].get("tool_calls") or ():
        text = one["function"]["arguments"]
        one["function"]["arguments"] = text.replace("{}", prompt.split()[1]) if "deep {}" in text else text
    return whole | {"id": f"chatcmpl-{fingerprint(request)}"}
