import json

from agentkit.local.reading import Call, Reading, Response, Turn


def test_a_reading_is_one_line_of_json():
    reading = Reading('[{"name": "f"}]', (Turn("a\nb", "[1]"), Turn("c")), "date: today")
    line = reading.encode()
    assert line.count(b"\n") == 1
    assert json.loads(line) == {
        "system": "date: today",
        "tools": '[{"name": "f"}]',
        "turns": [{"text": "a\nb", "results": "[1]"}, {"text": "c", "results": None}],
    }


def test_a_response_holds_withheld_calls_like_given_ones():
    response = Response.parse(
        {
            "function_calls": [],
            "suppressed_calls": [{"name": "f", "arguments": {"x": 1}}],
            "confidence": 0.04,
            "reasoning": "x from nowhere",
            "validation": {"ungrounded": ["f.x"], "negation": True},
        }
    )
    assert response == Response((Call("f", {"x": 1}),), 0.04, "x from nowhere", ("f.x",), negated=True)


def test_a_response_without_anything_is_no_call():
    assert Response.parse({"confidence": None, "validation": None, "reasoning": None}) == Response()


def test_a_call_reads_as_one_writes_it():
    assert str(Call("f", {"city": "Ålesund", "n": 1, "ok": True})) == 'f(city="Ålesund", n=1, ok=true)'
