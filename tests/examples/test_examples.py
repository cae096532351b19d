"""The examples run: against the fake endpoint, and on the embedded model."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from agentkit.testing import FakeEndpoint, call, calls

ROOT = Path(__file__).resolve().parents[2]
NAMES = sorted(path.stem for path in (ROOT / "examples").glob("*.py"))
NEEDS_MORE = [
    "classification",
    "conversation",
    "document",
    "entities",
    "patterns",
    "table",
    "team",
]  # than the embedded model can do, and they say so


def run(name, *arguments, **environment):
    """Run an example to its end and give what it printed."""
    taken = ("AGENTKIT_", "OPENAI_")
    kept = {variable: value for variable, value in os.environ.items() if not variable.startswith(taken)}
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / f"{name}.py"), *arguments],
        env={**kept, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=180,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def answered(name, replies, *arguments):
    """Run an example with a script for answers, and see that all of it was asked for."""
    with FakeEndpoint(replies=replies) as endpoint:
        key = {"OPENAI_BASE_URL": endpoint.base_url, "OPENAI_API_KEY": "sk-of-the-tests"}
        said = run(name, *arguments, "--model", "openai:fake", **key)
    endpoint.assert_complete()
    return said


def find(customer):
    return call("find_order", {"customer": customer})


def track(request):
    return call("track_order", {"order_number": int(request["messages"][-1]["content"])})


def invoice(vendor, total, due):
    return json.dumps({"vendor": vendor, "total": total, "due": due})


def test_tools_asks_both_at_once():
    both = calls(call("get_weather", {"city": "Oslo"}), call("get_time", {"city": "Tokyo"}))
    said = answered("tools", [both, "It snows in Oslo."]).splitlines()
    assert [line for line in said if "is called" in line] == PROOFS["tools"]
    assert said[-1] == "It snows in Oslo."


def test_assistant_keeps_its_history_and_goes_on_after_a_limit():
    ada, grace, alan = find("Ada Lovelace"), find("Grace Hopper"), find("Alan Turing")
    replies = [ada, track, "In Oslo.", grace, track, "Delivered.", alan, track, "Being packed."]
    said = answered("assistant", replies).splitlines()
    assert [line for line in said if line] == [
        "1. In Oslo.",
        "2. Delivered.",
        (
            "3. The run reached its limit tool_calls=1 (spent: 1); the reply asks for 1 more and none of them was run. "
            "Go on with `agent.resume(error.state, limits=RunLimits(tool_calls=...))`."
        ),
        "3. Being packed.",
        "18 messages; the last answer took 3 turns.",
    ]


def test_extraction_adds_up_what_is_there_and_says_what_is_not():
    refusal = {"content": None, "refusal": "There is no invoice."}
    first, second = invoice("Northwind Traders", 389.90, "2026-04-02"), invoice("Acme Tools", 1284.50, "2026-03-14")
    said = answered("extraction", [first, second, refusal]).splitlines()
    assert said[1] == "  Northwind Traders gets 389.90 by 02 April 2026"
    assert said[3] == "  Acme Tools gets 1284.50 by 14 March 2026"
    assert said[5] == "  no invoice: The model declined: There is no invoice."
    assert said[6] == "To pay: 1674.40"


def test_budget_spends_all_of_it_and_nothing_over_it():
    answers, bill, over, limit, on = run("budget").splitlines()
    cost = answers.rpartition("$")[2]
    assert bill.startswith(f"the endpoint's own bill: ${cost}; ")
    assert over == "over it: False; all but less than one request: True"
    assert limit == "The budget reached its limit cost=0.25"
    assert on.startswith("went on: Done. (")


def test_resilience_answers_though_both_endpoints_fail():
    said = run("resilience").splitlines()
    assert [line for line in said if not line.startswith("  request_retried: ")] == [
        "Where is Oslo?",
        "  In Norway. (34 tokens)",
        "Where is Nairobi?",
        "  model_fell_back: ReplyRefusedError: The reply of large was refused: it was cut",
        "  In Kenya. (69 tokens)",
        "Where is Tokyo?",
        "  In Japan. (35 tokens)",
        "Where is Tokyo?",
        "  reply_cached: nothing was sent or spent",
        "  In Japan. (0 tokens)",
        "5 requests to the first endpoint, 1 to the second",
    ]
    assert len(said) == 13


def verdict(request):
    mail = request["messages"][-1]["content"]
    topic, labels, confidence = next(
        given
        for word, given in {
            "parcel": ("delivery", ["complaint", "question"], 0.9),
            "card": ("payment", ["refund", "cancellation"], 1),
            "blue": ("product", [], 0.4),
        }.items()
        if word in mail
    )
    return json.dumps({"topic": topic, "labels": labels, "confidence": confidence})


def test_classification_sorts_mails_and_gives_what_is_not_sure_to_a_person():
    said = answered("classification", [verdict] * 3).splitlines()
    assert said[1::2] == [
        "  -> delivery (complaint, question, 90% sure)",
        "  -> payment (cancellation, refund, 100% sure)",
        "  -> a person, perhaps product (no label, 40% sure)",
    ]
    assert said[0] == "| My parcel was due on Monday and it is still not here. Where is it?!"


def test_classification_goes_on_after_a_mail_that_is_refused():
    refusal = {"content": None, "refusal": "No."}
    said = answered("classification", [refusal] * 3).splitlines()
    assert said[1::2] == ["  -> a person, for it could not be sorted: The model declined: No."] * 3


def entity(kind, name, quote):
    return {"kind": kind, "name": name, "quote": quote}


def test_entities_asks_again_for_a_quote_that_is_not_in_the_text():
    ada, london = entity("person", "Ada Lovelace", "Ada Lovelace"), entity("place", "London", "London")
    guessed = entity("person", "Lord Byron", "Byron, her father")
    told = []

    def again(request):
        told.append(request["messages"][-1]["content"])
        return json.dumps({"response": [ada, london]})

    said = answered("entities", [json.dumps({"response": [ada, guessed]}), again]).splitlines()
    assert said == [
        "... Ada Lovelace",
        "... Lord Byron",
        "... London",
        "person       Ada Lovelace           0: 'Ada Lovelace'",
        "place        London                36: 'London'",
        "1 answers were refused",
    ]
    assert told == [
        "These quotes do not stand in the text: ['Byron, her father']. Quote letter by letter, or leave out."
    ]


def test_table_reads_an_image_and_asks_again_for_a_row_that_does_not_fit(tmp_path):
    image = tmp_path / "receipt.png"
    image.write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 20)
    seen = []

    def read(request):
        seen.append([part["type"] for part in request["messages"][1]["content"]])
        rows = [["Lamp", "20.00"], ["Table, oak", "140.00"]]
        return json.dumps({"columns": ["item", "euros"], "rows": rows if len(seen) > 1 else [["Lamp"], rows[1]]})

    said = answered("table", [read, read], str(image))
    assert said.splitlines() == ["item,euros", "Lamp,20.00", '"Table, oak",140.00']
    assert seen == [["text", "image_url"]] * 2


def payments(request):
    known = {
        "crane from Acme": ("2026-01-12", "Acme Tools", 12400),
        "store the crane": ("2026-02-03", "Northwind Traders", 390),
        "roof leaked": ("2026-03-02", "Bergen Roofing", 2150),
    }
    text = request["messages"][-1]["content"]
    found = [given for words, given in known.items() if words in text]
    lists = [{"day": day, "payee": payee, "euros": euros} for day, payee, euros in found]
    return json.dumps({"response": lists})


def test_document_reads_overlapping_pieces_and_counts_nothing_twice(tmp_path):
    whole = [
        "12 January 2026: 12,400.00 euros to Acme Tools",
        "03 February 2026:    390.00 euros to Northwind Traders",
        "02 March 2026:  2,150.00 euros to Bergen Roofing",
        "14,940.00 euros in 3 pieces",
    ]
    store = str(tmp_path / "read.sqlite")
    assert answered("document", [payments] * 3, "--store", store).splitlines() == whole
    assert answered("document", [], "--store", store).splitlines() == whole  # all of it was kept


def test_approval_goes_on_with_what_was_decided_and_pays_nothing_twice():
    assert run("approval").splitlines() == [
        "  looked for invoices",
        "  paid 40.00 to Acme Tools",
        "? pay {'payee': 'Northwind Traders', 'euros': 900}: no",
        "? pay {'payee': 'Bergen Roofing', 'euros': 5000}: half of it",
        "? count_stock {'article': 'roof tiles'}: 1,200 pieces",
        "  paid 2500.00 to Bergen Roofing",
        "Two are paid, one is not.",
        '  the model was told: ["Acme Tools: 40 euros","Northwind Traders: 900 euros","Bergen Roofing: 5,000 euros"]',
        "  the model was told: paid 40.00 to Acme Tools",
        "  the model was told: Not run: We have a credit note for it.",
        "  the model was told: paid 2500.00 to Bergen Roofing",
        '  the model was told: {"article":"roof tiles","pieces":1200}',
    ]


def test_durable_goes_on_after_it_was_killed_and_does_nothing_twice():
    said = run("durable").splitlines()
    packed = said.pop(2)
    assert re.fullmatch(r"  packed order 42, key [0-9a-f]{6}", packed)
    assert said == [
        "the first program",
        "  the model is asked, with 0 results",
        "  the model is asked, with 1 results",
        "  paid order 42",
        "  killed",
        "the second program",
        '  ? pay {"order":42}: the bank\'s list has it',
        "  the model is asked, with 2 results",
        "  Order 42 is paid and on its way.",
        "the third program",
        "  Order 42 is paid and on its way.",
    ]


def test_context_gives_each_user_other_tools_and_keeps_the_record_from_the_model():
    asked = []

    def look(request):
        names = [one["function"]["name"] for one in request["tools"]]
        asked.append((request["messages"][0]["content"], names, request.get("tool_choice")))
        return call("look_up", {"order": 7})

    def answer(request):
        return f"It is {request['messages'][-1]['content']}"

    record = "{'article': 'a lamp', 'euros': 40, 'card': '4111 1111 1111 1111'}"
    assert answered("context", [look, answer, look, answer]).splitlines() == [
        f"{user}: {line}"
        for user in ("Ann", "Bob")
        for line in (
            "looking for order 7",
            f"the program has {record}",
            "It is Order 7: a lamp, 40 euros.",
        )
    ]
    chosen = {"type": "function", "function": {"name": "look_up"}}
    assert asked == [
        ("Answer in one sentence.\n\nYou help Ann.", ["look_up"], None),
        ("Answer in one sentence.\n\nYou help Bob.", ["look_up", "refund"], chosen),
    ]


def test_privacy_shows_what_the_model_saw_and_what_the_program_has():
    assert run("privacy").splitlines() == [
        "I am ann@example.org, and a lamp is broken.",
        "  the tool is called for ann@example.org",
        "  A person is asked: It promises money. ann@example.org has one order, for 3 lamps. I will refund 120 euros.",
        "  ann@example.org has one order, for 3 lamps. I will refund 120 euros.",
        "You idiot!",
        "  not sent: Please stay civil.",
        "the model saw: user: I am [email 1], and a lamp is broken.",
        "the model saw: assistant: None",
        "the model saw: tool: [email 1]: 3 lamps, paid with [card 1]",
        "the model saw: assistant: None",
        "the model saw: tool: [email 1]: 3 lamps, paid with [card 1]",
    ]


def test_conversation_goes_on_with_each_start_of_the_program(tmp_path):
    file = ("--file", str(tmp_path / "chat.db"))

    def recalled(request):
        return f"I know {len(request['messages']) - 1} messages."

    remind = call("remind", {"text": "lunch"})
    assert answered("conversation", ["Hello, Ada."], "My name is Ada.", *file) == "Hello, Ada.\n"
    asked = answered("conversation", [remind], "Remind me of lunch.", *file)
    assert asked == '\nMay I call remind({"text":"lunch"})? Say "yes" or "no".\n'
    assert answered("conversation", ["I will."], "yes", *file) == "I will.\n"
    assert answered("conversation", [recalled], "What is my name?", *file) == "I know 7 messages.\n"
    assert answered("conversation", [], "--list", *file).startswith("main: My name is Ada. (8 messages, ")


def test_team_asks_inside_waits_for_approval_and_hands_over():
    replies = [
        call("bookkeeper", {"prompt": "Pay order 7 back."}, id="ask"),
        call("find_payment", {"order": 7}),
        call("refund", {"order": 7, "euros": 40}, id="pay"),
        "40 euros were paid back.",
        call("transfer_to_sales"),
        call("find_articles", {"words": "lamp"}),
        "Take the lamp of brass.",
    ]
    assert answered("team", replies).splitlines() == [
        'approved: refund({"order":7,"euros":40}) of the call ask/pay',
        "sales: Take the lamp of brass.",
        "refunds: 40.00 euros for order 7; 4 turns of 3 calls",
    ]


def test_patterns_chain_choose_branch_and_look_again():
    seen = []

    def answer(request):
        system, said = request["messages"][0]["content"], request["messages"][-1]["content"]
        seen.append(said)
        if "one sentence" in system:
            return "Our books." if "books" in system else "Our parcels."
        if "Is this answer" in system:
            return '{"good": true}' if "sorry" in said else '{"good": false, "advice": "Say sorry."}'
        if "two sentences" in system:
            return "We are sorry." if said == "Write it again: Say sorry." else "Well."
        return {"List": "- a lamp", "Tran": "- en lampe", "Whic": '{"response": "payment"}'}[system[:4]]

    said = answered("patterns", [answer] * 10).splitlines()
    assert said == [
        "chain: - en lampe",
        "choice: payment: Our books.",
        "at once:",
        "  Our parcels.",
        "  Our books.",
        "second look: We are sorry.",
        "10 requests",
    ]
    assert seen[1] == "- a lamp"


def test_document_loses_no_word_and_repeats_what_stands_at_a_cut():
    spec = importlib.util.spec_from_file_location("document", ROOT / "examples" / "document.py")
    document = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(document)
    paragraphs = [f"{n}: {'word ' * (n % 7)}end" for n in range(50)]
    cut = [*document.pieces("\n\n".join(paragraphs), 200, 60)]
    assert len(cut) > 5
    assert all(len(piece) <= 260 for piece in cut)
    assert [*dict.fromkeys(one for piece in cut for one in piece.split("\n\n"))] == paragraphs
    assert all(before.split("\n\n")[-1] in after.split("\n\n") for before, after in pairwise(cut))


PROOFS = {
    "approval": ["no", "half of it", "paid 2500.00 to Bergen Roofing", "Two are paid, one is not."],
    "tools": ["get_weather is called with {'city': 'Oslo'}", "get_time is called with {'city': 'Tokyo'}"],
    "assistant": ["in Oslo, arrives on Friday", "delivered on Monday", "reached its limit", "still being packed"],
    "context": ["Ann: looking for order 7", "Ann: the program has", "Bob: the program has", "4111", "a lamp, 40"],
    "durable": ["paid order 42", "killed", "the bank's list has it", "Order 42 is paid and on its way."],
    "extraction": ["Northwind Traders gets 389.90", "Acme Tools gets 1284.50", "no invoice", "To pay: 1674.40"],
    "privacy": ["called for ann@example.org", "A person", "not sent: Please stay civil.", "I am [email 1]"],
    "budget": ["answers by 12 branches", "over it: False; all but less than one request: True", "went on: Done."],
    "resilience": ["request_retried", "model_fell_back", "reply_cached", "(0 tokens)"],
}


def test_each_example_runs_on_the_embedded_model_or_says_that_it_needs_a_larger_one():
    assert sorted([*PROOFS, *NEEDS_MORE]) == NAMES
    for name in NEEDS_MORE:
        assert "the embedded one" in (ROOT / "examples" / f"{name}.py").read_text(encoding="utf-8").split('"""')[1]


@pytest.mark.real
@pytest.mark.skipif(importlib.util.find_spec("needle") is None, reason="the extra `local` is not installed")
@pytest.mark.parametrize("name", sorted(PROOFS))
def test_an_example_runs_on_the_embedded_model(name):
    said = run(name)
    assert [proof for proof in PROOFS[name] if proof not in said] == []
