import json

import pytest

from agentkit.wire import AudioPart, FilePart, ImagePart, OtherPart, RefusalPart, TextPart, UserMessage
from agentkit.wire.content import text_of

PARTS = [
    (TextPart, {"type": "text", "text": "look"}),
    (TextPart, {"type": "text", "text": "look", "cache_control": {"type": "ephemeral"}}),
    (ImagePart, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}}),
    (ImagePart, {"type": "image_url", "image_url": "https://example.org/a.png"}),
    (AudioPart, {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}),
    (FilePart, {"type": "file", "file": {"file_id": "file-1"}}),
    (FilePart, {"type": "file", "file": {"file_data": "data:application/pdf;base64,AA==", "filename": "a.pdf"}}),
    (RefusalPart, {"type": "refusal", "refusal": "no"}),
    (OtherPart, {"type": "video_url", "video_url": {"url": "https://example.org/a.mp4"}}),
]


@pytest.mark.parametrize(("kind", "part"), PARTS, ids=[part["type"] for _, part in PARTS])
def test_a_part_is_read_as_its_kind_and_sent_as_it_came(kind, part):
    message = UserMessage(content=[part])

    assert type(message.content[0]) is kind
    assert json.loads(message.encoded)["content"] == [part]


def test_a_part_that_is_a_value_already_is_taken_as_it_is():
    part = TextPart(text="look")

    assert UserMessage(content=(part,)).content[0] is part


def test_text_of_a_content_is_its_text_parts():
    assert text_of("plain") == "plain"
    assert text_of(None) == ""
    assert text_of((TextPart(text="a"), RefusalPart(refusal="x"), TextPart(text="b"))) == "ab"
