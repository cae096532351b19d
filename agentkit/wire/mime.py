"""Media types by a file's first bytes, and bytes as the part of their kind; `media` and tools' answers use it."""

from __future__ import annotations

import base64
import mimetypes

from agentkit.wire.content import AudioPart, FilePart, FileSource, ImagePart, ImageUrl, InputAudio

__all__ = ["AUDIO_FORMATS", "audio_part", "file_part", "image_part", "media_type_of", "part_of"]

AUDIO_FORMATS = {
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/vnd.wave": "wav",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
}
"""The formats that the contract takes for audio, by their media types in all spellings."""

# The marks are those of https://mimesniff.spec.whatwg.org/#matching-a-mime-type-pattern and of each format's own text.
_MARKS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"%PDF-", "application/pdf"),
    (b"ID3\x02\x00", "audio/mpeg"),
    (b"ID3\x03\x00", "audio/mpeg"),
    (b"ID3\x04\x00", "audio/mpeg"),
    (b"fLaC", "audio/flac"),
    (b"OggS", "audio/ogg"),
    (b"\x1aE\xdf\xa3", "video/webm"),
)
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav"}
_BRANDS = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"M4A ": "audio/mp4",
    b"M4B ": "audio/mp4",
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1"), "image/heic"),
}


def media_type_of(data: bytes) -> str | None:
    """Tell the media type from the first bytes; None where they say none, as those of text do."""
    if data[:4] == b"RIFF":
        return _RIFF.get(data[8:12])
    if data[:1] == b"\0" and data[4:8] == b"ftyp":  # ISO 14496-12: the box's size, its type, the brand
        return _BRANDS.get(data[8:12], "video/mp4")
    if data[:2] == b"BM" and data[6:10] == bytes(4):  # reserved, always zero; two letters alone may be text
        return "image/bmp"
    if _is_audio_frame(data):
        return "audio/mpeg"
    return next((kind for mark, kind in _MARKS if data.startswith(mark)), None)


def _is_audio_frame(data: bytes) -> bool:
    """Tell whether an MPEG layer III frame begins here: 11 bits of sync, no reserved version, rate or frequency."""
    if len(data) < 3 or data[0] != 0xFF or data[1] & 0xE6 != 0xE2:
        return False
    return data[1] & 0x18 != 0x08 and data[2] & 0xF0 != 0xF0 and data[2] & 0x0C != 0x0C


def image_part(data: bytes, media_type: str, detail: str | None = None) -> ImagePart:
    """Give an image as a `data:` URI."""
    return ImagePart(image_url=ImageUrl(url=_data_uri(data, media_type), detail=detail))


def audio_part(data: bytes, form: str) -> AudioPart:
    """Give audio as base64 text and its format."""
    return AudioPart(input_audio=InputAudio(data=base64.b64encode(data).decode(), format=form))


def file_part(data: bytes, media_type: str, filename: str | None = None) -> FilePart:
    """Give a file as a `data:` URI with its name, which endpoints demand; without one it is "file" and its ending."""
    filename = filename or f"file{mimetypes.guess_extension(media_type) or ''}"
    return FilePart(file=FileSource(file_data=_data_uri(data, media_type), filename=filename))


def part_of(data: bytes) -> ImagePart | AudioPart | FilePart | None:
    """Give bytes that begin like an image, a wav, an mp3 or a PDF as their part; None for others."""
    media_type = media_type_of(data) or ""
    if media_type.startswith("image/"):
        return image_part(data, media_type)
    if form := AUDIO_FORMATS.get(media_type):
        return audio_part(data, form)
    return file_part(data, media_type) if media_type == "application/pdf" else None


def _data_uri(data: bytes, media_type: str) -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"
