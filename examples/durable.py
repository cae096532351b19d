"""Orders that are paid and sent though the program is killed in the middle: nothing is done twice.

Run it without a key or network; it begins itself as a program of its own, which is killed while it pays::

    python examples/durable.py
"""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from agentkit import Agent, Context, tool
from agentkit.durable import Journal
from agentkit.testing import ScriptedModel, call, calls
from agentkit.wire import ChatRequest

PROMPT = "Pay and send order 42."


@tool
def pay(context: Context[Path], order: int) -> str:
    """Pay for an order; the program is killed here, before anybody knows that it was paid.

    Args:
        context: Knows the file that says that the program is to be killed.
        order: Its number.
    """
    print(f"  paid order {order}", flush=True)
    if context.deps.exists():
        context.deps.unlink()
        os.kill(os.getpid(), signal.SIGKILL)
    return "paid"


@tool(idempotent=True)
def pack(context: Context[Path], order: int) -> str:
    """Have an order packed; the warehouse knows the key of a call, and packs once.

    Args:
        context: Has the key.
        order: Its number.
    """
    print(f"  packed order {order}, key {context.idempotency_key[:6]}", flush=True)
    return "packed"


def answer(request: ChatRequest) -> object:
    """Play the model: pack first, then pay, then say so."""
    done = sum(message.role == "tool" for message in request.messages)
    print(f"  the model is asked, with {done} results", flush=True)
    steps = [calls(call("pack", {"order": 42})), calls(call("pay", {"order": 42}))]
    return steps[done] if done < len(steps) else "Order 42 is paid and on its way."


def work(folder: Path) -> None:
    """Do the order, from wherever it is; a person looks up what became of a call in doubt."""
    journal = Journal(folder / "runs.db")
    agent = Agent(ScriptedModel([answer] * 3), tools=[pack, pay])
    result = journal.run_sync(agent, PROMPT, run_id="order-42", deps=folder / "danger")
    while result.pending:
        for waiting in result.pending:
            print(f"  ? {waiting.name} {waiting.arguments}: the bank's list has it")
        decisions = [waiting.give("paid, by the bank's own list") for waiting in result.pending]
        result = journal.resume_sync(agent, "order-42", decisions=decisions, deps=folder / "danger")
    print(f"  {result.output}")


def main() -> None:
    """Begin a program that is killed, another one that goes on, and a third one that finds it done."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "danger").touch()
        for which in ("first", "second", "third"):
            print(f"the {which} program", flush=True)
            done = subprocess.run([sys.executable, __file__, name], check=False)  # noqa: S603 # it is this file
            if done.returncode:
                print("  killed", flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        work(Path(sys.argv[1]))
    else:
        main()
