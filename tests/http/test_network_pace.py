"""Small pieces that come faster than anyone reads are let come together, for a moment that nobody sees."""

import asyncio

import pytest

from agentkit.http.network import _IN_A_ROW, _ONE_READ, _SMALL, _SOON, _TOGETHER, _Plain


class Line(asyncio.Transport):
    """What a stream pauses and resumes; the clock of its loop is moved by hand."""

    def __init__(self):
        super().__init__()
        loop = asyncio.get_running_loop()
        self.now, self.paused, self.pauses, self.timers, self.written = 100.0, False, 0, [], []
        loop.time = lambda: self.now
        loop.call_later = lambda seconds, act: self.timers.append((self.now + seconds, act))
        self.stream = _Plain()
        self.stream.connection_made(self)

    def pause_reading(self):
        assert not self.paused
        self.paused, self.pauses = True, self.pauses + 1

    def resume_reading(self):
        self.paused = False

    def is_closing(self):
        return False

    def writelines(self, pieces):
        self.written += pieces

    def come(self, seconds, data=b"piece"):
        """Let something come after some time, or when the pause is over."""
        self.now += seconds
        while self.timers and (self.paused or self.timers[0][0] <= self.now):
            due, act = self.timers.pop(0)
            self.now = max(self.now, due)
            act()
        assert not self.paused
        self.stream.data_received(data)


def paced(test):
    def run():
        async def main():
            loop = asyncio.get_running_loop()
            try:
                test(Line())
            finally:
                del loop.time, loop.call_later

        asyncio.run(main())

    run.__name__ = test.__name__
    return run


def quickly(line):
    """Let so much come so soon that the stream waits."""
    for _ in range(_IN_A_ROW + 2):
        line.come(_SOON / 2)
    assert line.paused


@paced
def test_what_comes_fast_and_in_small_pieces_is_waited_for(line):
    for _ in range(_IN_A_ROW + 1):
        line.come(_SOON / 2)
        assert not line.paused
    line.come(_SOON / 2)
    assert line.paused
    assert bytes(line.stream._came) == b"piece" * (_IN_A_ROW + 2)  # nothing of what came is held back
    assert line.timers[0][0] == pytest.approx(line.now + _TOGETHER)


@paced
def test_it_goes_on_so_while_several_pieces_come_each_time(line):
    quickly(line)
    for pauses in range(2, 6):
        line.come(0, b"piece" * 4)
        assert line.paused
        assert line.pauses == pauses


@paced
def test_where_so_much_came_meanwhile_that_it_is_a_burst_all_is_given_out_at_once(line):
    quickly(line)
    line.come(0, bytes(_ONE_READ))
    assert not line.paused


@paced
def test_where_one_piece_came_meanwhile_each_is_given_out_at_once_again(line):
    quickly(line)
    for _ in range(_IN_A_ROW):
        line.come(0)
        assert not line.paused


@paced
def test_what_comes_at_a_pace_to_be_read_is_given_out_at_once(line):
    for _ in range(5 * _IN_A_ROW):
        line.come(_SOON * 1.1)
    assert not line.pauses


@paced
def test_what_comes_in_large_pieces_is_given_out_at_once(line):
    for _ in range(5 * _IN_A_ROW):
        line.come(0, bytes(_SMALL))
        line.stream._came.clear()
    assert not line.pauses


@paced
def test_another_request_ends_the_pause(line):
    quickly(line)
    line.stream._unsent.append(b"request")
    line.stream._send()
    assert not line.paused
    assert line.written == [b"request"]
    line.come(0)
    assert not line.paused
