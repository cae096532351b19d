"""Content parts from paths, bytes, URLs and open files: what is sent, and what is refused in which words."""

import io
import os
from pathlib import Path

import pytest

from agentkit import media
from agentkit.errors import InvalidRequestError

PNG = b"\x89PNG\r\n\x1a\n----"
PNG_URI = "data:image/png;base64,iVBORw0KGgotLS0t"
WAV = b"RIFF\x04\x00\x00\x00WAVE"
WAV_TEXT = "UklGRgQAAABXQVZF"
PDF = b"%PDF-1.7"
PDF_URI = "data:application/pdf;base64,JVBERi0xLjc="


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder with a file of each kind, which is the present one."""
    monkeypatch.chdir(tmp_path)
    for name, data in {"cat.png": PNG, "hi.wav": WAV, "a.pdf": PDF, "notes.txt": b"\xef\xbb\xbfh\xc3\xa9"}.items():
        Path(name).write_bytes(data)


class Raw(io.RawIOBase):
    """A file that gives one byte at a time, as a socket may."""

    def __init__(self, data):
        self.data = data
        self.asked = []

    def readable(self):
        return True

    def read(self, size=-1):
        self.asked.append(size)
        given, self.data = self.data[:1], self.data[1:]
        return given


def refusal(make, *args, **options):
    with pytest.raises(InvalidRequestError) as caught:
        make(*args, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    "source",
    [
        "cat.png",
        Path("cat.png"),
        PNG,
        bytearray(PNG),
        memoryview(PNG),
        io.BytesIO(PNG),
        Raw(PNG),
        PNG_URI,
        PNG_URI.replace("image/png", "image/gif"),  # the bytes know better
        PNG_URI.replace("image/png", "image/png;charset=x"),
        PNG_URI.replace("image/png", ""),
    ],
    ids=["text", "path", "bytes", "bytearray", "view", "file", "raw file", "URI", "wrong URI", "parameter", "no type"],
)
def test_an_image_of_any_source_is_a_data_uri(source):
    part = media.image(source, detail="low")

    assert part.to_dict() == {"type": "image_url", "image_url": {"url": PNG_URI, "detail": "low"}}


@pytest.mark.parametrize("url", ["https://example.org/cat", "HTTP://example.org/a.png?size=1"])
def test_a_url_of_an_image_is_sent_as_it_is(url):
    assert media.image(url).to_dict() == {"type": "image_url", "image_url": {"url": url}}


def test_an_open_file_is_read_once_from_where_it_stands_and_not_closed():
    with Path("two.bin").open("wb+") as opened:
        opened.write(b"head" + PNG)
        opened.seek(4)
        assert media.image(opened).image_url.url == PNG_URI
        assert not opened.closed
        assert refusal(media.image, opened) == "'two.bin': empty, or nothing is left to read."


def test_a_media_type_that_is_given_wins_and_a_name_tells_what_bytes_do_not():
    Path("a.svg").write_text("<svg/>")

    assert media.image("a.svg").image_url.url == "data:image/svg+xml;base64,PHN2Zy8+"
    assert media.image(b"<svg/>", media_type="image/svg+xml") == media.image(Path("a.svg"))


@pytest.mark.parametrize(
    "source", ["hi.wav", Path("hi.wav"), WAV, io.BytesIO(WAV), f"data:audio/x-wav;base64,{WAV_TEXT}"]
)
def test_audio_is_base64_and_its_format(source):
    assert media.audio(source).to_dict() == {
        "type": "input_audio",
        "input_audio": {"data": WAV_TEXT, "format": "wav"},
    }


def test_audio_by_name_and_by_a_given_format():
    Path("a.mp3").write_bytes(b"\x00\x00frames")

    assert media.audio("a.mp3").input_audio.format == "mp3"
    assert media.audio(b"fLaC", format="flac").input_audio.format == "flac"


@pytest.mark.parametrize(
    ("source", "filename"), [("a.pdf", "a.pdf"), (Path("a.pdf"), "a.pdf"), (PDF, "file.pdf"), (PDF_URI, "file.pdf")]
)
def test_a_file_is_a_data_uri_and_its_name(source, filename):
    assert media.file(source).to_dict() == {"type": "file", "file": {"file_data": PDF_URI, "filename": filename}}
    assert media.file(source, filename="b.pdf").file.filename == "b.pdf"


def test_an_open_file_has_the_name_of_its_path():
    with Path("a.pdf").open("rb") as opened:
        assert media.file(opened).file.filename == "a.pdf"
    with os.fdopen(os.open("a.pdf", os.O_RDONLY), "rb") as opened:  # its name is a number
        assert media.file(opened).file.filename == "file.pdf"


def test_a_file_may_be_the_id_of_an_upload():
    assert media.file(file_id="file-1").to_dict() == {"type": "file", "file": {"file_id": "file-1"}}


def test_a_part_is_chosen_by_the_media_type():
    Path("table.csv").write_text("a,b")
    kinds = [media.part(source).type for source in ("cat.png", WAV, Path("a.pdf"), "table.csv", "https://x.org/a.webp")]

    assert kinds == ["image_url", "input_audio", "file", "text", "image_url"]
    assert media.part(Path("notes.txt")).to_dict() == {"type": "text", "text": "hé"}


def test_a_file_larger_than_the_limit_is_refused_before_it_is_read(monkeypatch):
    monkeypatch.setattr(Path, "open", None)

    assert refusal(media.image, "cat.png", max_bytes=11) == (
        "'cat.png': at least 12 bytes, and the limit is 11. "
        "Make it smaller, or raise max_bytes= for an endpoint that takes more."
    )


def test_of_an_open_file_no_more_is_read_than_the_limit_and_one_byte():
    raw = Raw(PNG)

    assert refusal(media.image, raw, max_bytes=3).startswith("open file: at least 4 bytes, and the limit is 3.")
    assert raw.asked == [4, 3, 2, 1]
    assert media.image(Raw(PNG), max_bytes=12).image_url.url == PNG_URI


def test_the_limits_are_those_of_the_kind(monkeypatch):
    for name in ("MOST_IMAGE", "MOST_AUDIO"):
        monkeypatch.setattr(media, name, 4)

    assert refusal(media.part, PNG).startswith("bytes: at least 12 bytes, and the limit is 4.")
    assert refusal(media.part, WAV).startswith("bytes: at least 12 bytes, and the limit is 4.")
    assert media.part(PDF).type == "file"


REFUSED = [
    (
        (media.image, "none.png"),
        (
            "'none.png': it cannot be read: No such file or directory. "
            "Give a path that exists, bytes, a file opened with 'rb', or a URL."
        ),
    ),
    (
        (media.image, "A" * 5000),
        (
            f"'{'A' * 200}': it cannot be read: File name too long. "
            "Give a path that exists, bytes, a file opened with 'rb', or a URL."
        ),
    ),
    (
        (media.image, Path()),
        ("'.': it cannot be read: Is a directory. Give a path that exists, bytes, a file opened with 'rb', or a URL."),
    ),
    (
        (media.image, PDF),
        (
            "bytes: an image is asked for, and this is application/pdf. "
            "Use media.part, which chooses by the media type, or give media_type= if that one is wrong."
        ),
    ),
    (
        (media.part, b"who knows what"),
        (
            "bytes: the media type is unknown; no file name tells it, and it begins with b'who know'. "
            "Use media.image or media.file with media_type=, or media.audio with format=; give text as text."
        ),
    ),
    ((media.image, b""), "bytes: empty, or nothing is left to read."),
    (
        (media.image, "data:image/png,abc"),
        ("This data URI cannot be read: 'data:image/png,abc'. Write data:image/png;base64,... with valid base64."),
    ),
    (
        (media.image, "data:image/png;base64,a"),
        ("This data URI cannot be read: 'data:image/png;base64,a'. Write data:image/png;base64,... with valid base64."),
    ),
    (
        (media.image, "gs://bucket/cat.png"),
        (
            "A URL begins with http:// or https://, and this is 'gs://bucket/cat.png'. For an endpoint that takes "
            "others write the part itself: ImagePart(image_url=ImageUrl(url=...)) of agentkit.wire."
        ),
    ),
    (
        (media.image, 5),
        "A part cannot be made of 5. Give a path, bytes, a file opened with 'rb', or a URL.",
    ),
    (
        (media.image, io.StringIO("text")),
        (
            "open file: it gives str in place of bytes. "
            "Open it with open(path, 'rb'), or read it yourself and give the bytes."
        ),
    ),
    (
        (media.audio, "https://example.org/a.wav"),
        (
            "Audio is sent by its bytes, and the contract takes no URL for it: 'https://example.org/a.wav'. "
            "Download it, and give its bytes or its path."
        ),
    ),
    (
        (media.audio, b"fLaC"),
        (
            "bytes: audio is wav or mp3 by the contract, and this is audio/flac. "
            "Convert it, or use media.audio with format= for an endpoint that takes it."
        ),
    ),
    (
        (media.file, "https://example.org/a.pdf"),
        (
            "A file is sent by its bytes, and the contract takes no URL for it: 'https://example.org/a.pdf'. Download "
            "it; for an endpoint that takes URLs write FilePart(file=FileSource(file_data=url, filename=...)) of "
            "agentkit.wire."
        ),
    ),
    ((media.file,), "A file is given by its source or by its file_id. Give one of them."),
    (
        (media.part, "https://example.org/a.pdf"),
        (
            "Only an image may be given by its URL, and the ending of 'https://example.org/a.pdf' says "
            "application/pdf. Use media.image if it is one; else download it."
        ),
    ),
    (
        (media.part, "https://example.org/cat"),
        (
            "Only an image may be given by its URL, and the ending of 'https://example.org/cat' says nothing. "
            "Use media.image if it is one; else download it."
        ),
    ),
]


@pytest.mark.parametrize(("call", "text"), REFUSED, ids=[text[:50] for _, text in REFUSED])
def test_what_cannot_be_a_part_is_refused_with_what_to_give(call, text):
    make, *args = call

    assert refusal(make, *args) == text


def test_a_pipe_is_refused_at_once():
    os.mkfifo("pipe.png")

    assert refusal(media.image, "pipe.png") == (
        "'pipe.png': no file but a pipe, socket or device, which may never begin or never end. "
        "If it is meant, open it with open(path, 'rb') and give that."
    )


@pytest.mark.parametrize("make", [media.image, media.file, media.part])
def test_an_image_by_its_name_that_is_none_is_refused(make):
    Path("page.png").write_bytes(b"<html>Not found</html>")

    assert refusal(make, "page.png") == (
        "'page.png': named as image/png, which its bytes are not; they begin with b'<html>No'. "
        "Look at what the file is, or give media_type= to media.image if it is one all the same."
    )
    assert media.image("page.png", media_type="image/png").image_url.url.startswith("data:image/png;base64,")


def test_a_data_uri_is_read_in_any_case_and_a_path_may_be_bytes():
    assert media.image(PNG_URI.replace("data:image/png;base64", "DATA:Image/PNG;Base64")) == media.image(PNG_URI)
    with os.scandir(b".") as entries:
        (entry,) = (entry for entry in entries if entry.name == b"cat.png")
    assert media.image(entry) == media.image("cat.png")


def test_a_file_that_cannot_be_read_is_refused():
    closed = io.BytesIO(PNG)
    closed.close()

    assert refusal(media.image, closed) == (
        "open file: it cannot be read: I/O operation on closed file. Open it with open(path, 'rb')."
    )


def test_a_name_that_no_file_can_have_is_refused():
    begin, words, rest = refusal(media.image, "a\0.png").partition("embedded null")  # Python's words, by its version
    assert begin.startswith("'a\\x00.png': it cannot be read: ")
    assert words
    assert rest.endswith(". Give a path that exists, bytes, a file opened with 'rb', or a URL.")


def test_text_by_its_name_that_is_none_is_refused():
    Path("bad.txt").write_bytes(b"\xff\xfe\x00")

    assert refusal(media.part, "bad.txt") == (
        "'bad.txt': text by its name, and not UTF-8. Decode it and give the text, or use media.file."
    )
