"""The ten assistants, in the order of the table."""

import json
import time

from assistants.scenario import Json, Scenario, asked, called, filled, fits, results, told, tool

from agentkit.testing import Fault, call, calls
from agentkit.testing.answer import error_body
from agentkit.testing.reply import Reply

__all__ = ["TEN"]


class Memory(Scenario):
    name, task = "memory", "a chat kept in SQLite, in two processes"
    steps = (("My name is Ada.",), ("What is my name?",))

    def reply(self, request: Json) -> Reply:
        return "Your name is Ada." if "My name is Ada." in told(request)[:-1] else "Hello."

    def check(self) -> None:
        assert self.printed == [{"output": "Hello."}, {"output": "Your name is Ada."}]
        first, second = (told(request) for request in self.requests)
        assert first == ["Be brief.", "My name is Ada."]
        assert second == ["Be brief.", "My name is Ada.", "What is my name?"]


class Tools(Scenario):
    name, task = "tools", "a tool with typed arguments over own data; errors told to the model"
    steps = (("Where is my order?",),)

    def reply(self, request: Json) -> Reply:
        tried = ({"order_id": "seventeen"}, {"order_id": 7}, {"order_id": 17, "detail": "full"})
        done = results(request)
        full = {"detail": "short"} | tried[len(done)] if len(done) < len(tried) else None
        return call("order_status", full) if full else f"Your order is {done[-1]}."

    def check(self) -> None:
        assert self.printed == [{"output": "Your order is packed, leaves on Tuesday."}]
        schema = tool(self.requests[0], "order_status")["parameters"]["properties"]
        assert set(schema) == {"order_id", "detail"}
        assert schema["order_id"]["type"] == "integer"
        assert schema["detail"]["enum"] == ["short", "full"]
        wrong, unknown, right = results(self.requests[-1])
        assert wrong
        assert "packed" not in wrong
        assert "There is no order 7. There are: [17, 18]." in unknown
        assert right == "packed, leaves on Tuesday"


_LAMP = {"item": "lamp", "quantity": 2, "price": 20.5}
_INVOICE = {
    "number": "2026-17",
    "customer": {"name": "Ann", "city": "Oslo"},
    "lines": [_LAMP],
    "total": 41.0,
}


class Extraction(Scenario):
    name, task = "extraction", "a nested value with a validator that asks again"
    steps = (("Invoice 2026-17 to Ann in Oslo: 2 lamps at 20.50, 41 euros in all.",),)

    def reply(self, request: Json) -> Reply:
        return fits(request, {**_INVOICE, "total": 40.0} if len(self.requests) == 1 else _INVOICE)

    def check(self) -> None:
        assert self.printed == [_INVOICE]
        assert len(self.requests) == 2
        assert "the lines add up to 41.00, but the total is 40.00" in json.dumps(self.requests[1])


class Streaming(Scenario):
    name, task = "streaming", "text as it comes, with the tools' events"
    steps = (("What is the weather in Oslo?",),)

    def reply(self, request: Json) -> Reply:
        return "It snows in Oslo." if results(request) else call("get_weather", {"city": "Oslo"})

    def check(self) -> None:
        (printed,) = self.printed
        kinds = [kind for kind, _ in printed["seen"]]
        assert kinds[:3] == ["call", "result", "text"]
        assert kinds.count("text") > 2
        assert printed["seen"][:2] == [
            ["call", "get_weather Oslo"],
            ["result", "Oslo: 4 degrees, snow"],
        ]
        assert "".join(text for kind, text in printed["seen"] if kind == "text") == "It snows in Oslo."
        assert printed["output"] == "It snows in Oslo."
        assert all(request["stream"] for request in self.requests)


class Approval(Scenario):
    name, task = "approval", "dangerous calls wait in a JSON file for another process"
    steps = (("Clean up.",), ("ann",))

    def reply(self, request: Json) -> Reply:
        if results(request):
            return "Done."
        deletions = [call("delete_account", {"user": user}) for user in ("ann", "bob")]
        return calls(call("find_orders", {"user": "ann"}), *deletions)

    def check(self) -> None:
        waiting = [["delete_account", {"user": user}] for user in ("ann", "bob")]
        assert self.printed == [{"waiting": waiting}, {"output": "Done."}]
        begun, ended = ("\n".join(line for line in note.splitlines() if "ing " in line) for note in self.notes)
        assert "looking up ann" in begun
        assert "deleting" not in begun
        assert "deleting ann" in ended
        assert "looking" not in ended
        assert "bob" not in ended
        assert len(self.requests) == 2
        found, ann, bob = results(self.requests[1])
        assert (found, ann) == ("0", "deleted ann")
        assert "Keep it." in bob


class Budget(Scenario):
    name, task = "budget", "parallel runs share 3,000 tokens and never spend more"
    steps = (tuple(f"How many people live in country {number}?" for number in range(1, 6)),)
    latency = 0.1

    def __init__(self) -> None:
        super().__init__()
        self._answered = 0

    def reply(self, request: Json) -> Reply:
        limit = request.get("max_completion_tokens") or request["max_tokens"]
        if not results(request):
            return self.costing(call("population", {"country": asked(request)[-10:-1]}), request, 20)
        self._answered += 1
        return self.costing("There are 5 million.", request, min(limit, 400))

    def check(self) -> None:
        (printed,) = self.printed
        assert printed == {"answered": self._answered, "tokens": self.tokens}
        assert self.tokens <= 3000
        assert 2 <= self._answered < len(self.steps[0])


class Delegation(Scenario):
    name, task = "delegation", "an agent as a tool, its usage counted"
    steps = (("Write about Oslo.",),)

    def reply(self, request: Json) -> Reply:
        if told(request)[0] == "Find facts.":
            reply: str | Json = f"Fact: {asked(request)}"
        elif done := results(request):
            reply = f"It is written: {done[0]}"
        else:
            reply = filled(request, "research", "Oslo has a harbour.")
        return self.costing(reply, request, 20)

    def check(self) -> None:
        assert self.printed == [{"output": "It is written: Fact: Oslo has a harbour.", "tokens": self.tokens}]
        assert len(self.requests) == 3


class Handoff(Scenario):
    name, task = "handoff", "a desk hands the conversation over, and who took it goes on"
    steps = (("Hello.", "I want my money back for order 17.", "Thank you."),)

    def reply(self, request: Json) -> Reply:
        match asked(request), told(request)[0]:
            case "Hello.", _:
                return "How can I help?"
            case "Thank you.", _:
                return "You are welcome."
            case _, "You do the billing.":
                paid = "paid back order 17" in results(request)
                return "It is paid back." if paid else call("refund", {"order_id": 17})
            case _:
                return self._handed_over(request)

    def _handed_over(self, request: Json) -> Reply:
        """Call what hands over: a tool for billing, or one that is told whom."""
        if any("billing" in one["function"]["name"] for one in request["tools"]):
            return filled(request, "billing", "billing")
        return filled(request, "", "billing")

    def check(self) -> None:
        assert self.printed == [{"agent": "billing", "output": "You are welcome."}]
        desk, billing = self.requests[:2], self.requests[2:]
        assert [told(request)[0] for request in desk] == ["Greet, and hand over to who can help."] * 2
        assert [told(request)[0] for request in billing] == ["You do the billing."] * 3
        for request in billing:
            assert told(request)[1:3] == ["Hello.", "I want my money back for order 17."]
            assert [one["function"]["name"] for one in request["tools"]] == ["refund"]
        assert [asked(request) for request in billing[1:]] == [
            "I want my money back for order 17.",
            "Thank you.",
        ]


_MAILS = tuple(f"{name} is at {name.lower()}@example.org." for name in ("Ann", "Bob", "Cem", "Dan", "Eve"))


class Batch(Scenario):
    name, task = "batch", "many texts two at a time, failures kept, gone on with later"
    steps = (_MAILS, _MAILS)
    latency = 0.1

    def __init__(self) -> None:
        super().__init__()
        self._begun: list[float] = []

    def reply(self, request: Json) -> Reply:
        self._begun.append(time.monotonic())
        name, *_, mail = asked(request).removesuffix(".").split()
        if name == "Cem" and len(self.requests) <= len(_MAILS):
            return Fault.status(400, body=error_body("Cem cannot be read."))
        return fits(request, {"name": name, "mail": mail})

    def check(self) -> None:
        first, second = self.printed
        assert first["names"] == ["Ann", "Bob", "Dan", "Eve"]
        assert list(first["failed"]) == ["2"]
        assert "Cem cannot be read." in first["failed"]["2"]
        assert second == {"names": ["Ann", "Bob", "Cem", "Dan", "Eve"], "failed": {}}
        assert [asked(request) for request in self.requests[len(_MAILS) :]] == [_MAILS[2]]
        together = [sum(0 <= at - begun < self.latency for begun in self._begun) for at in self._begun]
        assert max(together) == 2


class Fallback(Scenario):
    name, task = (
        "fallback",
        "retries, then another model in the middle of a run; a log line per request",
    )
    steps = (("A table for two.",),)

    def reply(self, request: Json) -> Reply:
        done = results(request)
        if request["model"] == "gpt-4o" and done:
            return Fault.status(503, headers={"retry-after-ms": "1"})
        return f"It is {done[0]}." if done else call("book_table", {"guests": 2})

    def check(self) -> None:
        assert self.printed == [{"output": "It is booked for 2."}]
        models = [request["model"] for request in self.requests]
        assert models[:3] == ["gpt-4o"] * 3
        assert models[-1] == "gpt-4o-mini"
        assert models.count("gpt-4o-mini") == 1
        assert called(self.requests[-1]) == ["book_table"]
        (note,) = self.notes
        assert note.count("booking for 2") == 1
        assert len(note.splitlines()) >= len(self.requests)


TEN = (Memory, Tools, Extraction, Streaming, Approval, Budget, Delegation, Handoff, Batch, Fallback)
