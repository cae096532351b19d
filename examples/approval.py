"""Calls that wait: a run stops, its state goes through a file, somebody decides elsewhere, and another process goes on.

Run it without a key or network; the model is a script, and each part could be a program of its own::

    python examples/approval.py
"""

import json
import secrets
import tempfile
from pathlib import Path

from agentkit import Agent, Approve, Deny, Give, RunState, tool
from agentkit.state import PendingCall, decision_of
from agentkit.testing import ScriptedModel, call, calls

KEY = secrets.token_bytes(32)  # a service reads it from where its other secrets are
SMALL = 100


@tool
def invoices() -> list[str]:
    """List the invoices that are not paid."""
    print("  looked for invoices")
    return ["Acme Tools: 40 euros", "Northwind Traders: 900 euros", "Bergen Roofing: 5,000 euros"]


@tool(approval=lambda _context, arguments: arguments["euros"] > SMALL)
def pay(payee: str, euros: float) -> str:
    """Pay somebody.

    Args:
        payee: The name.
        euros: How much.
    """
    print(f"  paid {euros:.2f} to {payee}")
    return f"paid {euros:.2f} to {payee}"


@tool(external=True)
def count_stock(article: str) -> None:
    """Have somebody count an article in the warehouse.

    Args:
        article: Its name.
    """


def payment(payee: str, euros: float) -> dict[str, object]:
    """Make a call of the script."""
    return call("pay", {"payee": payee, "euros": euros})


FIRST = calls(
    payment("Acme Tools", 40),
    payment("Northwind Traders", 900),
    payment("Bergen Roofing", 5000),
    call("count_stock", {"article": "roof tiles"}),
)


def begin(saved: Path, inbox: Path) -> None:
    """Run until calls wait; keep the signed state, and put what waits where somebody sees it."""
    agent = Agent(ScriptedModel([call("invoices"), FIRST]), tools=[invoices, pay, count_stock])
    result = agent.run_sync("Pay what is due, and see whether the roof tiles have come.")
    saved.write_text(result.state.to_json(key=KEY), encoding="utf-8")
    inbox.write_text("\n".join(call.to_json() for call in result.pending), encoding="utf-8")


def decide(inbox: Path, outbox: Path) -> None:
    """Decide on each call; all that is known here is the call itself."""
    decisions: list[Approve | Deny | Give] = []
    for line in inbox.read_text(encoding="utf-8").splitlines():
        waiting = PendingCall.from_json(line)
        arguments = json.loads(waiting.arguments)
        if waiting.external:
            print(f"? {waiting.name} {arguments}: 1,200 pieces")
            decisions.append(waiting.give({"article": arguments["article"], "pieces": 1200}))
        elif arguments["payee"] == "Bergen Roofing":
            print(f"? {waiting.name} {arguments}: half of it")
            decisions.append(waiting.approve({**arguments, "euros": arguments["euros"] / 2}))
        else:
            print(f"? {waiting.name} {arguments}: no")
            decisions.append(waiting.deny("We have a credit note for it."))
    outbox.write_text("\n".join(decision.to_json() for decision in decisions), encoding="utf-8")


def go_on(saved: Path, outbox: Path) -> None:
    """Read the state back, which nobody has changed, and go on with the decisions; nothing that ran runs again."""
    state = RunState.from_json(saved.read_text(encoding="utf-8"), key=KEY)
    decisions = [decision_of(line) for line in outbox.read_text(encoding="utf-8").splitlines()]
    agent = Agent(ScriptedModel(["Two are paid, one is not."]), tools=[invoices, pay, count_stock])
    with agent.resume_stream_sync(state, decisions=decisions) as stream:
        for text in stream.text():
            print(text, end="")
        print()
    for message in stream.result.messages:
        if message.role == "tool":
            print(f"  the model was told: {message.content}")


def main() -> None:
    """Have the three parts one after another."""
    with tempfile.TemporaryDirectory() as folder:
        saved, inbox, outbox = (Path(folder) / name for name in ("state.json", "waiting.jsonl", "decisions.jsonl"))
        begin(saved, inbox)
        decide(inbox, outbox)
        go_on(saved, outbox)


if __name__ == "__main__":
    main()
