"""The bar: where it is shown, what it shows on a terminal, and that it leaves nothing."""

import asyncio
import io
import sys
import threading

import pytest

from agentkit.errors import MissingExtraError
from agentkit.many import Many, Summary, Terms, bar
from agentkit.many.bar import Bar, has_bar


class Terminal(io.StringIO):
    def isatty(self):
        return True


def on_terminal(monkeypatch):
    """Put a terminal in the place of stderr; in the test itself, for pytest puts its own there after the fixtures."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(sys, "stderr", Terminal())
    return sys.stderr


def test_a_bar_is_shown_on_a_terminal_only(monkeypatch):
    on_terminal(monkeypatch)
    assert [has_bar(one) for one in (None, True, False, print)] == [True, True, False, False]
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert [has_bar(one) for one in (None, True, False, print)] == [False, True, False, False]
    monkeypatch.setattr(sys, "stderr", None)  # as under pythonw
    assert has_bar(None) is False


def test_a_bar_that_cannot_be_is_refused_only_where_it_is_demanded(monkeypatch):
    on_terminal(monkeypatch)
    monkeypatch.setattr(bar, "find_spec", lambda _: None)
    assert has_bar(None) is False
    with pytest.raises(MissingExtraError) as refused:
        has_bar(True)
    assert str(refused.value) == (
        "progress=True shows a bar, which needs the package rich, and it is not installed. "
        'Install it: pip install "agentkit-chat[cli]"; or give a function of the Summary.'
    )


def test_the_bar_shows_the_summary(monkeypatch):
    terminal = on_terminal(monkeypatch)
    summary = Summary(done=3, total=4, seconds=2)
    drawn = Bar(lambda: summary)

    async def go():
        drawn.show()

    asyncio.run(go())
    assert "3 of 4 done, 0 tokens, 2.0 s" in terminal.getvalue()
    summary = Summary(done=4, total=4, seconds=2.5)
    drawn.close()
    drawn.close()
    assert "4 done, 0 tokens, 2.5 s" in terminal.getvalue()


@pytest.mark.parametrize("inputs", [range(5), (number for number in range(5))], ids=["counted", "uncounted"])
def test_a_map_shows_a_bar_and_no_thread_of_it_is_left(monkeypatch, work_of, inputs):
    terminal = on_terminal(monkeypatch)
    threads = set(threading.enumerate())
    terms = Terms(concurrency=2, on_error="keep", ordered=True)
    asyncio.run(Many(work_of(), inputs, terms)._all())
    assert "5 done, 75 tokens, " in terminal.getvalue()
    assert set(threading.enumerate()) == threads
