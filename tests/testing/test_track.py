"""The file of a cassette: readable, exact, without secrets, whole or not at all."""

import json
import stat

import pytest

from agentkit.errors import RecordingError
from agentkit.testing.track import Sent, Track, load, save

BODY = b'{"model":"m","messages":[{"role":"user","content":"Hi"}]}'
URL = "https://api.example/v1/chat/completions"


def track(reply, **fields):
    return Track(url=URL, body=BODY, status=200, reply=bytearray(reply), **{"ending": "whole", **fields})


def test_a_track_is_written_for_people(tmp_path):
    path = tmp_path / "new" / "weather.json"
    reply = b'data: {"a": 1}\n\ndata: [DONE]\n\n'
    save(path, [track(reply, headers={"Content-Type": "text/event-stream", "Set-Cookie": "c", "X-Request-Id": "r"})])
    assert json.loads(path.read_text()) == {
        "agentkit_cassette": 1,
        "tracks": [
            {
                "request": {"method": "POST", "url": URL, "body": json.loads(BODY)},
                "reply": {
                    "status": 200,
                    "headers": {"content-type": "text/event-stream", "x-request-id": "r"},
                    "body": ['data: {"a": 1}\n', "\n", "data: [DONE]\n", "\n"],
                },
            }
        ],
    }


@pytest.mark.parametrize(
    "reply",
    [b"", b'{"a":"\xc3\xbc\xe2\x80\xa8"}', b"\xff\xfe\x00", b"data: 1\r\n\r\ndata: 2", b"\xef\xbb\xbfdata: 1\n\n"],
)
def test_a_reply_comes_back_byte_for_byte(tmp_path, reply):
    save(tmp_path / "c.json", [track(reply), track(reply, ending="broke", error="gone")])
    first, second = load(tmp_path / "c.json")
    assert (bytes(first.reply), first.ending, first.sent) == (reply, "whole", Sent.of(URL, BODY))
    assert (bytes(second.reply), second.ending, second.error) == (reply, "broke", "gone")


def test_a_file_is_its_owners_only_and_leaves_nothing_beside_it(tmp_path):
    save(tmp_path / "c.json", [track(b"1")])
    save(tmp_path / "c.json", [])
    assert stat.S_IMODE((tmp_path / "c.json").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["c.json"]


def test_a_file_that_cannot_be_written_stays_as_it_was(tmp_path):
    save(tmp_path / "c.json", [track(b"1")])
    before = (tmp_path / "c.json").read_bytes()
    (tmp_path / "folder").mkdir()
    with pytest.raises(RecordingError) as caught:
        save(tmp_path / "folder", [track(b"1")])
    assert str(caught.value) == (f"{tmp_path / 'folder'} cannot be written: Is a directory. What was recorded is lost.")
    with pytest.raises(RecordingError) as caught:
        load(tmp_path / "folder")
    assert str(caught.value) == f"{tmp_path / 'folder'} cannot be read: Is a directory."
    assert (tmp_path / "c.json").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.json", "folder"]


def test_order_of_keys_and_white_space_make_no_other_request():
    other = b'{ "messages" : [{"content": "Hi", "role": "user"}], "model": "m" }'
    assert Sent.of(URL, BODY).key == Sent.of(URL, other).key
    assert Sent.of(f"{URL}?api-key=a", BODY).key == Sent.of(f"{URL}?api-key=b", BODY).key
    assert Sent.of(URL, BODY).key != Sent.of(f"{URL}?x=1", BODY).key
    assert Sent.of(URL, b"no json").body == "no json"


def test_half_a_surrogate_pair_can_be_written(tmp_path):
    odd = Track(url=URL, body=b'"\\ud83d"', status=200, ending="whole")
    save(tmp_path / "c.json", [odd])
    assert load(tmp_path / "c.json")[0].sent == odd.sent


def test_a_cassette_that_is_not_there_is_empty(tmp_path):
    assert load(tmp_path / "none.json") == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "JSONDecodeError: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ("[]", "TypeError: list indices must be integers or slices, not str"),
        ("{}", "KeyError: 'agentkit_cassette'"),
        ('{"agentkit_cassette": 2}', "ValueError: its version is 2, not 1"),
        ('{"agentkit_cassette": 1, "tracks": [{"request": {}}]}', "KeyError: 'reply'"),
        (
            '{"agentkit_cassette": 1, "tracks": [{"request": {}, "reply": {"ending": "odd"}}]}',
            "ValueError: the ending 'odd' is unknown",
        ),
    ],
)
def test_a_file_that_is_no_cassette_is_refused(tmp_path, content, reason):
    (tmp_path / "c.json").write_text(content)
    with pytest.raises(RecordingError) as caught:
        load(tmp_path / "c.json")
    assert str(caught.value) == f"{tmp_path}/c.json is no cassette ({reason}). Delete it and record it again."
