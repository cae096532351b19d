"""The parts that a message's content may be made of; `message` puts them together."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Tag

from agentkit.kind import is_object
from agentkit.wire.value import WireValue

__all__ = [
    "AudioPart",
    "Content",
    "FilePart",
    "FileSource",
    "ImagePart",
    "ImageUrl",
    "InputAudio",
    "OtherPart",
    "Part",
    "RefusalPart",
    "TextPart",
    "text_of",
]


class TextPart(WireValue):
    """A piece of text."""

    type: Literal["text"] = "text"
    text: str


class ImageUrl(WireValue):
    """Where an image is: an http(s) URL or a `data:` URI with base64; `detail` is auto, low, high or original."""

    url: str
    detail: str | None = None


class ImagePart(WireValue):
    """An image given to the model; some servers take the URL itself in the place of the object."""

    type: Literal["image_url"] = "image_url"
    image_url: ImageUrl | str


class InputAudio(WireValue):
    """Audio as base64 text; `format` is wav or mp3."""

    data: str
    format: str


class AudioPart(WireValue):
    """Audio given to the model."""

    type: Literal["input_audio"] = "input_audio"
    input_audio: InputAudio


class FileSource(WireValue):
    """A file by the id of an upload, or as a `data:` URI with its name."""

    file_id: str | None = None
    file_data: str | None = None
    filename: str | None = None


class FilePart(WireValue):
    """A file given to the model."""

    type: Literal["file"] = "file"
    file: FileSource


class RefusalPart(WireValue):
    """A refusal inside an assistant message's content."""

    type: Literal["refusal"] = "refusal"
    refusal: str


class OtherPart(WireValue):
    """A part of a kind that the contract does not list; kept and sent as it is."""

    type: str = ""


def _kind(part: Any) -> str:
    kind = part.get("type") if is_object(part) else getattr(part, "type", None)
    return kind if kind in _KINDS else "other"


_KINDS = frozenset(("text", "image_url", "input_audio", "file", "refusal"))

Part = Annotated[
    Annotated[TextPart, Tag("text")]
    | Annotated[ImagePart, Tag("image_url")]
    | Annotated[AudioPart, Tag("input_audio")]
    | Annotated[FilePart, Tag("file")]
    | Annotated[RefusalPart, Tag("refusal")]
    | Annotated[OtherPart, Tag("other")],
    Discriminator(_kind),
]
Content = str | tuple[Part, ...]


def text_of(content: Content | None) -> str:
    """Join the text of a content: of a string itself, of parts those that are text."""
    if content is None or isinstance(content, str):
        return content or ""
    return "".join(part.text for part in content if isinstance(part, TextPart))
