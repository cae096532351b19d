"""Media types are told by first bytes, and by nothing that text may begin with."""

import base64

import pytest

from agentkit.wire.mime import media_type_of, part_of

PNG = b"\x89PNG\r\n\x1a\n----"
BEGINNINGS = [
    (PNG, "image/png"),
    (b"\xff\xd8\xff\xe0", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"RIFF\x10\x00\x00\x00WEBPVP8 ", "image/webp"),
    (b"BM\x9a\x00\x00\x00\x00\x00\x00\x00\x36", "image/bmp"),
    (b"II*\x00\x08", "image/tiff"),
    (b"MM\x00*\x00", "image/tiff"),
    (b"\x00\x00\x00\x20ftypavif", "image/avif"),
    (b"\x00\x00\x00\x20ftypavis", "image/avif"),
    (b"\x00\x00\x00\x18ftypheic", "image/heic"),
    (b"\x00\x00\x00\x18ftypmif1", "image/heic"),
    (b"%PDF-1.7", "application/pdf"),
    (b"RIFF\x10\x00\x00\x00WAVEfmt ", "audio/wav"),
    (b"ID3\x04\x00", "audio/mpeg"),
    (b"\xff\xfb\x90\x00", "audio/mpeg"),
    (b"\xff\xf3\x44\xc4", "audio/mpeg"),
    (b"fLaC\x00", "audio/flac"),
    (b"OggS\x00", "audio/ogg"),
    (b"\x00\x00\x00\x20ftypM4A ", "audio/mp4"),
    (b"\x00\x00\x00\x20ftypisom", "video/mp4"),
    (b"\x1aE\xdf\xa3", "video/webm"),
]


@pytest.mark.parametrize(("data", "kind"), BEGINNINGS, ids=[f"{kind} {data[:4]!r}" for data, kind in BEGINNINGS])
def test_a_media_type_is_told_by_the_first_bytes(data, kind):
    assert media_type_of(data) == kind


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"GIF8 is no image",
        b"ID3 is a tree",
        b"the ftyp box",
        b"BMW makes cars and more",
        b"RIFF\x10\x00\x00\x00AVI ",
        b"\xff\xfe\x00h",  # UTF-16
        b"\xff\xfb\xf0\x00",  # no such bit rate
        b"\xff\xfb\x9c\x00",  # no such frequency
        b"\xff\xeb\x90\x00",  # no such version
        b"\xff\xf1\x50\x80",  # AAC
        b"PK\x03\x04",
        b"plain text",
    ],
)
def test_what_begins_like_nothing_known_has_no_media_type(data):
    assert media_type_of(data) is None
    assert part_of(data) is None


def test_bytes_become_the_part_of_their_kind():
    image, sound, paper = (part_of(data).to_dict() for data in (PNG, b"ID3\x04\x00", b"%PDF-1.7"))

    assert image == {
        "type": "image_url",
        "image_url": {"url": f"data:image/png;base64,{base64.b64encode(PNG).decode()}"},
    }
    assert sound == {"type": "input_audio", "input_audio": {"data": "SUQzBAA=", "format": "mp3"}}
    assert paper == {
        "type": "file",
        "file": {"file_data": "data:application/pdf;base64,JVBERi0xLjc=", "filename": "file.pdf"},
    }


def test_audio_and_video_that_the_contract_does_not_take_are_no_part():
    assert part_of(b"fLaC\x00") is None
    assert part_of(b"\x00\x00\x00\x20ftypisom") is None
