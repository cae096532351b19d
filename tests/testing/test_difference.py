"""The nearest request, and how another differs from it."""

from agentkit.testing.difference import difference, nearest
from agentkit.testing.track import Sent


def sent(text, model="m", url="https://h/v1"):
    return Sent(url=url, body={"model": model, "messages": [{"role": "user", "content": text}]})


def test_the_nearest_has_most_lines_in_common_and_then_most_letters():
    recorded = [sent("Bye", "other"), sent("Bye, Rome"), sent("Oslo!"), sent("Oslo!")]
    assert nearest(sent("Bye", "other one"), recorded) == 0
    assert nearest(sent("Oslo?"), recorded) == 2


def test_a_difference_is_told_in_a_few_lines():
    assert difference(sent("Hi"), sent("Hello", url="https://h/v2")) == (
        "@@ -1,7 +1,7 @@\n"
        "-POST https://h/v1\n"
        "+POST https://h/v2\n"
        " {\n"
        '  "messages": [\n'
        "   {\n"
        '-   "content": "Hi",\n'
        '+   "content": "Hello",\n'
        '    "role": "user"\n'
        "   }"
    )


def test_a_long_text_is_cut_at_its_line_ends_so_that_the_difference_shows():
    before, after = "word " * 30 + "\nThe old end.\n", "word " * 30 + "\nThe new end.\n"
    changed = [line for line in difference(sent(before), sent(after)).splitlines() if line[0] in "+-"]
    assert changed == ["-   The old end.\\n", "+   The new end.\\n"]


def test_a_difference_is_bounded():
    told = difference(sent("a\n" * 500), sent("b\n" * 500)).splitlines()
    assert len(told) == 41
    assert told[-1].startswith("... ")
    assert told[-1].endswith(" more lines")
    assert max(map(len, told)) <= 110
