"""Content parts from what a program has at hand: paths, bytes, URLs, open files; users put them into prompts.

Reading is plain and blocking; nothing is fetched from the network, a URL is sent as it is.
"""

from __future__ import annotations

import base64
import mimetypes
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from agentkit.errors import InvalidRequestError
from agentkit.wire.content import AudioPart, FilePart, FileSource, ImagePart, ImageUrl, TextPart
from agentkit.wire.mime import AUDIO_FORMATS, audio_part, file_part, image_part, media_type_of

__all__ = ["MOST_AUDIO", "MOST_FILE", "MOST_IMAGE", "Source", "audio", "file", "image", "part"]

Source = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO
"""A path, bytes, a file open for reading bytes, or as text: an http(s) URL, a `data:` URI, else a path."""

MOST_IMAGE = 20 * 2**20
"""Bytes of one image, as OpenAI's guide has it: https://openai-hd4n6.mintlify.app/docs/guides/images is a copy."""
MOST_AUDIO = 25 * 2**20
"""Bytes of audio: https://help.openai.com/en/articles/7031512-whisper-api-faq, for the chat's own page names none."""
MOST_FILE = 32 * 2**20
"""Bytes of one file, as OpenAI's guide has it: https://github.com/egoist/chatwise-releases/issues/383 quotes it."""

_IMAGES = ("image/gif", "image/jpeg", "image/png", "image/webp")  # what endpoints take, all known by their first bytes
_TEXTS = ("application/json", "application/xml", "application/yaml", "application/toml")


@dataclass(frozen=True, slots=True)
class _Material:
    """What was read, how errors call it, and what its source said of it."""

    data: bytes
    label: str
    name: str | None = None
    declared: str | None = None

    def media_type(self, given: str | None) -> str:
        """Take what was given, else what the bytes, the data URI or the name say."""
        guessed = _guess(self.name) if self.name else None
        found = given or media_type_of(self.data) or self.declared
        if found is None and guessed in _IMAGES:
            raise InvalidRequestError(
                f"{self.label}: named as {guessed}, which its bytes are not; they begin with {self.data[:8]!r}. "
                "Look at what the file is, or give media_type= to media.image if it is one all the same."
            )
        found = found or guessed
        if found is None:
            raise InvalidRequestError(
                f"{self.label}: the media type is unknown; no file name tells it, and it begins with "
                f"{self.data[:8]!r}. Use media.image or media.file with media_type=, or media.audio with format=; "
                "give text as text."
            )
        return found.lower()


def image(
    source: Source, *, detail: str | None = None, media_type: str | None = None, max_bytes: int = MOST_IMAGE
) -> ImagePart:
    """Make an image part; a URL is sent as it is, everything else as a `data:` URI.

    Args:
        source: A path, bytes, an open file (read once from where it stands, not closed), a URL or `data:` URI.
        detail: How closely it is looked at: auto, low, high (original).
        media_type: By default found from the bytes, else from the name.
        max_bytes: Raise it for an endpoint that takes more.

    Raises:
        InvalidRequestError: It cannot be read, is too large, or is no image.
    """
    if (address := _address(source)) is not None:
        return ImagePart(image_url=ImageUrl(url=address, detail=detail))
    material = _read(source, max_bytes)
    kind = material.media_type(media_type)
    if not kind.startswith("image/"):
        raise InvalidRequestError(
            f"{material.label}: an image is asked for, and this is {kind}. "
            "Use media.part, which chooses by the media type, or give media_type= if that one is wrong."
        )
    return image_part(material.data, kind, detail)


def audio(source: Source, *, format: str | None = None, max_bytes: int = MOST_AUDIO) -> AudioPart:  # noqa: A002 # the contract's word
    """Make an audio part; the contract takes wav and mp3, by their bytes only.

    Args:
        source: A path, bytes, an open file (read once from where it stands, not closed) or a `data:` URI.
        format: By default wav or mp3 as the bytes, else the name say; another is sent as given.
        max_bytes: Raise it for an endpoint that takes more.

    Raises:
        InvalidRequestError: It cannot be read, is too large, a URL, or neither wav nor mp3.
    """
    if (address := _address(source)) is not None:
        raise InvalidRequestError(
            f"Audio is sent by its bytes, and the contract takes no URL for it: {address!r}. "
            "Download it, and give its bytes or its path."
        )
    material = _read(source, max_bytes)
    if format is None:
        format = _format(material, material.media_type(None))  # noqa: A001 # the contract's word
    return audio_part(material.data, format)


def file(
    source: Source | None = None,
    *,
    file_id: str | None = None,
    filename: str | None = None,
    media_type: str | None = None,
    max_bytes: int = MOST_FILE,
) -> FilePart:
    """Make a file part of a file's bytes or of the id of an upload; OpenAI's own endpoint takes PDF only.

    Args:
        source: A path, bytes, an open file (read once from where it stands, not closed) or a `data:` URI.
        file_id: The id that an upload gave, in place of `source`.
        filename: By default the name of the path or open file, else "file" with the ending of its type.
        media_type: By default found from the bytes, else from the name.
        max_bytes: Raise it for an endpoint that takes more.

    Raises:
        InvalidRequestError: Not one of source and file_id is given, or it cannot be read, is too large, or a URL.
    """
    if (source is None) == (file_id is None):
        raise InvalidRequestError("A file is given by its source or by its file_id. Give one of them.")
    if source is None:
        return FilePart(file=FileSource(file_id=file_id, filename=filename))
    if (address := _address(source)) is not None:
        raise InvalidRequestError(
            f"A file is sent by its bytes, and the contract takes no URL for it: {address!r}. Download it; for an "
            "endpoint that takes URLs write FilePart(file=FileSource(file_data=url, filename=...)) of agentkit.wire."
        )
    material = _read(source, max_bytes)
    return file_part(material.data, material.media_type(media_type), filename or material.name)


def part(source: Source) -> ImagePart | AudioPart | FilePart | TextPart:
    """Make the part that fits the media type: image, audio, text as text, everything else a file.

    The limits of size are those of the kind.

    Raises:
        InvalidRequestError: As `image`, `audio` and `file` say it; or nothing tells what it is.
    """
    if (address := _address(source)) is not None:
        kind = _guess(urlsplit(address).path)
        if kind is None or not kind.startswith("image/"):
            raise InvalidRequestError(
                f"Only an image may be given by its URL, and the ending of {address!r} says {kind or 'nothing'}. "
                "Use media.image if it is one; else download it."
            )
        return image(address)
    material = _read(source, max(MOST_IMAGE, MOST_AUDIO, MOST_FILE))
    kind = material.media_type(None)
    if kind.startswith("text/") or kind in _TEXTS:
        return _text(material)
    most = MOST_IMAGE if kind.startswith("image/") else MOST_AUDIO if kind.startswith("audio/") else MOST_FILE
    if len(material.data) > most:
        raise _too_large(material.label, len(material.data), most)
    if kind.startswith("image/"):
        return image_part(material.data, kind)
    if kind.startswith("audio/"):
        return audio_part(material.data, _format(material, kind))
    return file_part(material.data, kind, material.name)


def _guess(name: str) -> str | None:
    return mimetypes.guess_type(name, strict=False)[0]  # strictly, Python before 3.13 does not know webp


def _format(material: _Material, kind: str) -> str:
    if kind not in AUDIO_FORMATS:
        raise InvalidRequestError(
            f"{material.label}: audio is wav or mp3 by the contract, and this is {kind}. "
            "Convert it, or use media.audio with format= for an endpoint that takes it."
        )
    return AUDIO_FORMATS[kind]


def _text(material: _Material) -> TextPart:
    try:
        return TextPart(text=material.data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InvalidRequestError(
            f"{material.label}: text by its name, and not UTF-8. Decode it and give the text, or use media.file."
        ) from error


def _address(source: object) -> str | None:
    """Give the source if it is a URL; other schemes are no paths either."""
    if not isinstance(source, str):
        return None
    scheme, mark, _ = source[:40].partition("://")
    if not mark or not scheme.isalnum():
        return None
    if scheme.lower() not in ("http", "https"):
        raise InvalidRequestError(
            f"A URL begins with http:// or https://, and this is {source[:200]!r}. For an endpoint that takes others "
            "write the part itself: ImagePart(image_url=ImageUrl(url=...)) of agentkit.wire."
        )
    return source


def _read(source: Source, most: int) -> _Material:
    if isinstance(source, str) and source[:5].lower() == "data:":
        material = _data_uri(source)
    elif isinstance(source, str | os.PathLike):
        material = _read_path(Path(os.fsdecode(source)), most)
    elif isinstance(source, bytes | bytearray | memoryview):
        material = _Material(bytes(source), "bytes")
    elif callable(getattr(source, "read", None)):
        material = _read_file(source, most)
    else:
        raise InvalidRequestError(
            f"A part cannot be made of {repr(source)[:200]}. Give a path, bytes, a file opened with 'rb', or a URL."
        )
    if not material.data:
        raise InvalidRequestError(f"{material.label}: empty, or nothing is left to read.")
    if len(material.data) > most:
        raise _too_large(material.label, len(material.data), most)
    return material


def _data_uri(source: str) -> _Material:
    head, _, text = source[len("data:") :].partition(",")
    declared, *parameters = head.lower().split(";")
    try:
        data = base64.b64decode(text, validate=True) if "base64" in parameters else b""
    except ValueError:
        data = b""
    if not data:
        raise InvalidRequestError(
            f"This data URI cannot be read: {source[:60]!r}. Write data:image/png;base64,... with valid base64."
        )
    return _Material(data, "data URI", declared=declared or None)


def _read_path(path: Path, most: int) -> _Material:
    label = repr(str(path)[:200])  # base64 without its `data:` is taken for a path too
    try:
        found = path.stat()
        is_file = stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)
        if is_file and found.st_size <= most:
            with path.open("rb") as opened:
                return _Material(opened.read(most + 1), label, path.name)
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise InvalidRequestError(
            f"{label}: it cannot be read: {getattr(error, 'strerror', None) or error}. "
            "Give a path that exists, bytes, a file opened with 'rb', or a URL."
        ) from error
    if not is_file:
        raise InvalidRequestError(
            f"{label}: no file but a pipe, socket or device, which may never begin or never end. "
            "If it is meant, open it with open(path, 'rb') and give that."
        )
    raise _too_large(label, found.st_size, most)


def _read_file(source: BinaryIO, most: int) -> _Material:
    """Read from where the file stands, a byte more than is allowed at most; a raw one may give less at a time."""
    name: object = getattr(source, "name", None)  # of a file opened by its descriptor, a number
    path = Path(name) if isinstance(name, str) else None
    label = repr(str(path)) if path else "open file"
    data = bytearray()
    while len(data) <= most and (chunk := _read_chunk(source, most + 1 - len(data), label)):
        data += chunk
    return _Material(bytes(data), label, path.name if path else None)


def _read_chunk(source: BinaryIO, size: int, label: str) -> bytes:
    try:
        chunk: Any = source.read(size)
    except (OSError, ValueError) as error:  # closed, or not open for reading
        reason = str(error).rstrip(".")
        raise InvalidRequestError(f"{label}: it cannot be read: {reason}. Open it with open(path, 'rb').") from error
    if not isinstance(chunk, bytes):
        raise InvalidRequestError(
            f"{label}: it gives {type(chunk).__name__} in place of bytes. "
            "Open it with open(path, 'rb'), or read it yourself and give the bytes."
        )
    return chunk


def _too_large(label: str, size: int, most: int) -> InvalidRequestError:
    return InvalidRequestError(
        f"{label}: at least {size:,} bytes, and the limit is {most:,}. "
        "Make it smaller, or raise max_bytes= for an endpoint that takes more."
    )
