"""Outputs in a file that is whole when it appears, failures beside it; or both as they come."""

import io
import json

import pytest

from agentkit.cli.screen import Screen
from agentkit.cli.target import FileTarget, StreamTarget
from agentkit.errors import ConfigurationError
from agentkit.secret import remember_secret


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out.jsonl"


def files(out):
    return {path.name: path.read_text() for path in out.parent.iterdir()}


def test_the_lines_appear_whole_at_the_end(out):
    target = FileTarget(out)
    target.done("a", {"city": "Oslo"})
    assert [*files(out)] == ["out.jsonl.part"]
    target.done(2, "x\ny\u2028\ud800")
    assert target.end(whole=True) == f"{out} has the outputs"
    assert files(out) == {
        "out.jsonl": '{"id":"a","output":{"city":"Oslo"}}\n{"id":2,"output":"x\\ny\\u2028\\ud800"}\n',
    }


def test_failures_stand_beside_with_their_reasons_and_without_keys(out):
    remember_secret("sk-very-secret")
    target = FileTarget(out)
    target.failed(3, "docs.jsonl, line 3", "OutputError", "no: sk-very-secret")
    assert (
        target.end(whole=True)
        == f"{out} has the outputs, {out.parent}/out.failed.jsonl the failures with their reasons"
    )
    found = files(out)
    assert found["out.jsonl"] == ""
    assert json.loads(found["out.failed.jsonl"]) == {
        "id": 3,
        "error": "OutputError",
        "reason": "no: [secret]",
        "place": "docs.jsonl, line 3",
    }


def test_failures_of_an_earlier_time_are_gone_when_there_are_none_now(out):
    (out.parent / "out.failed.jsonl").write_text("{}\n")
    target = FileTarget(out)
    target.done(1, 1)
    target.end(whole=True)
    assert [*files(out)] == ["out.jsonl"]


def test_a_longer_file_of_an_earlier_time_stays_where_the_work_broke_off(out):
    out.write_text("1\n2\n")
    target = FileTarget(out)
    target.done(1, 1)
    target.failed(2, "", "E", "r")
    assert target.end(whole=False) == f"{out} stays as it was: its 2 lines are more than these 1"
    assert files(out) == {"out.jsonl": "1\n2\n"}
    target = FileTarget(out)
    target.done(1, 1)
    target.done(2, 2)
    target.end(whole=False)
    assert len(out.read_text().splitlines()) == 2
    assert "output" in out.read_text()


def test_drop_leaves_everything_as_it_was(out):
    out.write_text("1\n")
    target = FileTarget(out)
    target.done(1, 1)
    target.drop()
    assert files(out) == {"out.jsonl": "1\n"}


def test_what_it_writes_is_known_beforehand(out):
    names = [path.name for path in FileTarget(out).own]
    assert names == [
        *("out.jsonl", "out.jsonl.part", "out.failed.jsonl", "out.failed.jsonl.part"),
        *("out.jsonl.sqlite", "out.jsonl.sqlite-wal", "out.jsonl.sqlite-shm", "out.jsonl.sqlite-journal"),
    ]


def test_a_folder_a_device_and_a_missing_folder_are_refused(tmp_path):
    for path, text in [
        (tmp_path, f"'{tmp_path}' is a folder. Name a file, such as --out {tmp_path}/out.jsonl."),
        (tmp_path / "no" / "x", f"There is no folder '{tmp_path}/no' for the outputs. Make it first."),
    ]:
        with pytest.raises(ConfigurationError) as caught:
            FileTarget(path)
        assert str(caught.value) == text


def test_a_device_is_not_replaced():
    from pathlib import Path

    if not Path("/dev/null").exists():
        pytest.skip("there is no /dev/null")
    with pytest.raises(ConfigurationError) as caught:
        FileTarget(Path("/dev/null"))
    assert str(caught.value) == "'/dev/null' is no file but a pipe or device. Write --out - for stdout."


def test_a_file_that_cannot_be_written_is_told(out):
    (out.parent / "out.jsonl.part").mkdir()
    with pytest.raises(ConfigurationError) as caught:
        FileTarget(out).done(1, 1)
    assert str(caught.value) == f"{out} cannot be written: Is a directory."


def test_a_stream_gets_lines_at_once_and_failures_beside():
    out, err = io.StringIO(), io.StringIO()
    target = StreamTarget(out, Screen(err))
    target.done("a", [1])
    target.failed(2, "stdin, line 2", "OutputError", "no\nway")
    assert out.getvalue() == '{"id":"a","output":[1]}\n'
    assert err.getvalue() == "stdin, line 2: OutputError: no way\n"
    assert (target.end(whole=True), target.store) == ("stdout has the outputs", None)
