"""Runs over a book in memory that can be cut anywhere, with the effects of their tools counted by idempotency key."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from pydantic import BaseModel

from agentkit import Agent, Context, RunLimits, ToolRetry, tool
from agentkit.agent import handoff
from agentkit.agent.conversation import finish
from agentkit.agent.current import current
from agentkit.agent.start import go_on, start
from agentkit.durable import Keeping, past_of
from agentkit.media import image
from agentkit.state import Approve
from agentkit.testing import ScriptedModel, call, calls
from agentkit.wire.message import AssistantMessage

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c63f8cfc0f01f0005000"
    "1ff89993d1d0000000049454e44ae426082"
)


class Memory:
    """A book that is a list; each record is written as JSON and read again."""

    def __init__(self, records=()):
        self.records = list(records)
        self.sure = []
        self.lives = []

    async def note(self, record, *, sure=False):
        run = current.get()
        self.records.append(type(record).from_json(record.to_json()))
        self.sure.append(sure)
        self.lives.append((run.state, run.steering.waiting))
        await asyncio.sleep(0)

    async def act(self, name, body):
        record = await body()
        await self.note(record)
        return record

    async def below(self, run_id, body):
        return await body()


class Receipt(BaseModel):
    """What was paid."""

    total: int


@dataclass
class World:
    """What the tools did, and the agents' models."""

    done: Counter = field(default_factory=Counter)
    models: list = field(default_factory=list)

    def model(self, *replies):
        """Answer by how many replies the request shows, so that it may be asked again anywhere."""

        def pick(request):
            return replies[sum(isinstance(message, AssistantMessage) for message in request.messages)]

        self.models.append(ScriptedModel([pick] * 1000))
        return self.models[-1]

    @property
    def asked(self):
        return sum(len(model.requests) for model in self.models)


def tools_of(world):
    """Make the tools, each of which counts its calls."""

    @tool
    async def look(ctx: Context, number: int) -> str:
        """Look."""
        world.done[ctx.idempotency_key] += 1
        await asyncio.sleep(0)
        if number == 13:
            raise ValueError("unlucky")
        if number == 14:
            raise ToolRetry("Take another one.")
        return f"seen {number}"

    @tool(idempotent=True, sequential=True)
    def fetch(ctx: Context, number: int) -> str:
        """Fetch."""
        world.done[ctx.idempotency_key] += 1
        return f"fetched {number}"

    @tool(approval=True, thread=False)
    def pay(ctx: Context, amount: int) -> str:
        """Pay."""
        world.done[ctx.idempotency_key] += 1
        return f"paid {amount}"

    @tool
    def draw(ctx: Context) -> list:
        """Draw."""
        world.done[ctx.idempotency_key] += 1
        return ["a dot", image(PIXEL)]

    @tool(thread=False)
    def hear(ctx: Context) -> str:
        """Hear what the user says meanwhile."""
        world.done[ctx.idempotency_key] += 1
        current.get().inject("And quickly.")
        return "heard"

    return {one.name: one for one in (look, fetch, pay, draw, hear)}


def parallel(world):
    """Calls at once, one by one, refused, failed, with images; then text."""
    model = world.model(
        calls(call("look", {"number": 1}, id="a"), call("fetch", {"number": 2}, id="b"), call("nothing", id="c")),
        calls(
            call("look", {"number": 13}, id="a"),
            call("draw", id="b"),
            call("look", {"number": "x"}, id="c"),
            call("look", {"number": 14}, id="d"),
        ),
        call("hear", id="a"),
        "done",
    )
    return Agent(model, tools=[*tools_of(world).values()], limits=RunLimits(tokens=10**6, tool_calls=100))


def typed(world):
    """An output that is corrected, beside calls first."""
    model = world.model(call("look", {"number": 1}, id="a"), "no JSON", '{"total": 3}')
    return Agent(model, tools=[tools_of(world)["look"]], output=Receipt)


def handed(world):
    """A handoff beside a call, then a call by who goes on."""
    tools = tools_of(world)
    model = world.model(
        calls(call("transfer_to_closer", id="a"), call("look", {"number": 1}, id="b")),
        call("fetch", {"number": 2}, id="c"),
        "closed",
    )
    closer = Agent(model, name="closer", tools=[tools["fetch"]])
    return Agent(model, name="opener", tools=[tools["look"], handoff(closer)])


def nested(world):
    """Agents as tools, two deep, two at once, with approvals at the bottom."""
    tools = tools_of(world)
    low = Agent(
        world.model(calls(call("pay", {"amount": 5}, id="p"), call("look", {"number": 1}, id="q")), "low is done"),
        name="low",
        tools=[tools["pay"], tools["look"]],
    )
    middle = Agent(
        world.model(call("low", {"prompt": "go"}, id="m"), call("fetch", {"number": 3}, id="n"), "middle is done"),
        name="middle",
        tools=[low.as_tool(), tools["fetch"]],
    )
    model = world.model(
        calls(
            call("middle", {"prompt": "one"}, id="x"),
            call("low", {"prompt": "two"}, id="y"),
            call("look", {"number": 9}, id="z"),
        ),
        "top is done",
    )
    return Agent(model, name="top", tools=[middle.as_tool(), low.as_tool(), tools["look"]])


def approved(world):
    """Approvals of several calls at once, and again in a later turn with the same ids."""
    tools = tools_of(world)
    model = world.model(
        calls(*(call("pay", {"amount": n}, id=f"p{n}") for n in (1, 2, 3)), call("look", {"number": 1}, id="q")),
        call("pay", {"amount": 9}, id="p1"),
        "paid",
    )
    return Agent(model, tools=[tools["pay"], tools["look"]])


SCENES = (parallel, typed, handed, nested, approved)


def decide(pending):
    """Approve, one with other arguments, deny one; of doubtful ones each is run again."""
    decisions = {}
    for held in pending:
        if held.unknown or held.id not in ("p2", "p3"):
            decisions[held.id] = held.approve()
        else:
            decisions[held.id] = Approve({"amount": 20}) if held.id == "p2" else False
    return decisions


def part(agent, book, decisions=None, *, on_unknown="ask"):
    """Make the next part of the run that the book holds."""
    recipe = agent.recipe_for()
    if book.records:
        past = past_of(book.records)
        run = go_on(recipe, past.state, decisions, None)
        run.keeper = Keeping(book, on_unknown, past)
    else:
        run = start(recipe, "go", None, ())
        run.state = run.state.replace(run_id="order-1")
        run.keeper = Keeping(book, on_unknown)
    return run


async def to_the_end(agent, book, *, on_unknown="ask", decide=decide):
    """Run, decide and resume until there is an output; give the result and all that waited."""
    asked = []
    result = await finish(part(agent, book, on_unknown=on_unknown))
    while result.pending:
        asked += result.pending
        result = await finish(part(agent, book, decide(result.pending), on_unknown=on_unknown))
    return result, asked
