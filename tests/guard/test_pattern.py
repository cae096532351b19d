"""What is private is found where it is, and little else."""

import json

import pytest

from agentkit.guard.pattern import PATTERNS, pieces_of

FOUND = {
    "email": ["ann@example.org", "ann.b+news@mail.example.co.uk", "jürgen@müller.de", "o_o@x-y.io"],
    "iban": [
        "NO9386011117947",
        "NO93 8601 1117 947",
        "DE89 3704 0044 0532 0130 00",
        "GB82WEST12345698765432",
        "mt84malt011000012345mtlcast001s",
    ],
    "card": [
        "4111111111111111",
        "4111 1111 1111 1111",
        "5555-5555-5555-4444",
        "378282246310005",
        "30569309025904",
        "4111\u202f1111\u202f1111\u202f1111",
    ],
    "phone": [
        "+47 22 12 34 56",
        "+1 (415) 555-2671",
        "+442079460958",
        "0047 22123456",
        "(+49) 30 1234567",
        "020 7946 0958",
        "06 12 34 56 78",
        "(415) 555-2671",
        "415-555-2671",
        "1-800-555-2671",
        "+47\u00a022\u00a012\u00a034\u00a056",
        "415\u2011555\u20112671",
        "030/1234567",
    ],
    "key": [
        "sk-proj-abcdefghijklmnop1234",
        "gsk_abcdefghijklmnop1234",
        "ghp_abcdefghijklmnopqrst1234",
        "AKIAIOSFODNN7EXAMPLE",
        "xoxb-123456789012-abcdef",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVPmB92K27uhbUJU1p1r",
        "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----",
    ],
}

ELSE = [
    "Meet on 2026-11-22 at 10:30, or 01.02.2026 at 9.",
    "Between 01-02-2026 10:30 and 22/11/2026 there were 1234567890 rows.",
    "Order 4111111111111112, invoice 2026-000123, version 10.20.30.40.",
    "At 1700000000000 ms the id was 550e8400-e29b-41d4-a716-446655440000.",
    "Pi is 3.14159265358979 and e is 2.718281828459045.",
    "NO93 8601 1117 948 has a wrong checksum; XX93 8601 1117 947 has no country, NO93 8601 1117 9 no end.",
    "ann@localhost, @handle, a@b, sk-short, task-management-of-the-year",
    "On 05-11-2026 14 came, on 01/02/2026 100 units; +10 000 000 euros by DFARS 252.227-7013.",
    "Article 4006381333931, draws 4 28 5 13 15 26 11 13 32, npm_config_allow_same_version, pk-spawn-polkit-agent.",
    "192.168.100.200:8080 and 2001:0db8:85a3:0000:0000:8a2e:0370:7334",
]


def hidden(text):
    return "".join(f"[{kind}]" if kind else piece for kind, piece in pieces_of(text, PATTERNS))


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in FOUND.items() for text in texts])
def test_each_kind_is_found_in_a_sentence_in_brackets_and_alone(kind, text):
    assert hidden(text) == f"[{kind}]"
    assert (
        hidden(f"It is {text}, I think. Call AND WAIT 12 days.") == f"It is [{kind}], I think. Call AND WAIT 12 days."
    )
    assert hidden(f'{{"value":"{text}"}}') == f'{{"value":"[{kind}]"}}'
    assert hidden(f"({text})") == f"([{kind}])"
    assert hidden(f"{text}: yes") == f"[{kind}]: yes"
    assert hidden(json.dumps(f"A\n{text}\tB", ensure_ascii=False)) == f'"A\\n[{kind}]\\tB"'.replace("\n", "\\n")
    assert hidden(f"{text}\n{text}") == f"[{kind}]\n[{kind}]"


@pytest.mark.parametrize("text", ELSE)
def test_what_looks_alike_stays(text):
    assert hidden(text) == text


def test_what_begins_like_one_does_not_cover_the_one_behind_it():
    assert hidden("ab12 is my account NO9386011117947 here") == "ab12 is my account [iban] here"
    assert hidden("NO93 8601 1117 947 AND MORE") == "[iban] AND MORE"


@pytest.mark.parametrize("text", ["a" * 200_000, "1" * 200_000, "a.b@" * 50_000, "1 " * 100_000, "ab12 " * 40_000])
def test_long_texts_without_any_are_read_in_one_go(text):
    assert hidden(text) == text


@pytest.mark.parametrize("card", ["4111 1111 1111 1111", "5555555555554444", "3782 822463 10005", "30569309025904"])
def test_a_card_is_found_before_its_date_and_code(card):
    assert hidden(f"{card} 123 12/27") == "[card] 123 12/27"
    assert hidden(f"{card} 12/27 1234") == "[card] 12/27 1234"
    assert hidden(f"{card} {card}") == "[card] [card]"


def test_the_pieces_make_up_the_text():
    text = "Mail a@b.co, call +47 22 12 34 56."
    pieces = pieces_of(text, PATTERNS)
    assert "".join(piece for _, piece in pieces) == text
    assert [piece for piece in pieces if piece[0]] == [("email", "a@b.co"), ("phone", "+47 22 12 34 56")]
