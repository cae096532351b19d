import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.wire.think import ThinkSplitter, split_think

SPACE = " " * 64


@pytest.mark.parametrize(
    ("text", "said", "thought"),
    [
        ("plain", "plain", ""),
        ("", "", ""),
        ("<think>hm</think>\n\nYes.", "Yes.", "hm"),
        ("\n <think>hm</think>Yes.\n", "Yes.\n", "hm"),
        ("<think></think>Yes.", "Yes.", ""),
        ("<think>not closed", "", "not closed"),
        ("<think>a </thin b</think>c", "c", "a </thin b"),
        ("<thin", "<thin", ""),
        ("<thinking>hm", "<thinking>hm", ""),
        ("Write <think>hm</think>", "Write <think>hm</think>", ""),
        ("<think>a</think>b<think>c</think>", "b<think>c</think>", "a"),
        (SPACE + "<think>a</think>b", "b", "a"),
        (SPACE + " <think>a</think>b", SPACE + " <think>a</think>b", ""),
    ],
)
def test_only_a_tag_at_the_head_is_thought(text, said, thought):
    assert split_think(text) == (said, thought)


def test_what_may_become_a_tag_is_held_back_and_nothing_else():
    splitter = ThinkSplitter()

    assert splitter.feed(" <thi") == ("", "")
    assert splitter.feed("nk>a</th") == ("", "a")
    assert splitter.feed("x</think") == ("", "</thx")
    assert splitter.feed("> b") == ("b", "")
    assert splitter.feed(" c") == (" c", "")
    assert splitter.end() == ("", "")


PIECES = st.lists(st.sampled_from(["<think>", "</think>", "<", "think>", " ", "\n", "a", "/", SPACE]), max_size=8)


@given(PIECES, st.data())
def test_any_split_gives_the_same(pieces, data):
    text = "".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    splitter = ThinkSplitter()
    parts = [splitter.feed(text[start:end]) for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    parts.append(splitter.end())

    assert ("".join(said for said, _ in parts), "".join(thought for _, thought in parts)) == split_think(text)
