"""`ToolResult` is born here: what a tool returns where the model and the program are to get different things.

`answer` reads it; it knows no call and no message.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from agentkit.errors import ToolDefinitionError
from agentkit.wire.content import AudioPart, FilePart, ImagePart, ImageUrl
from agentkit.wire.mime import part_of

__all__ = ["ToolResult"]

_SAME: Any = object()
_ADDRESSES = ("http://", "https://", "data:")


class ToolResult:
    """What the model sees of a tool's result, apart from what the program keeps.

    The model is told the content, and shown images and files. The program finds the data on the call's answer,
    `result.answers[i].data`, as the very object; it is never sent, and no saved state has it.

    Args:
        content: What the model sees, of any kind that a tool may return.
        data: What the program keeps; by default the content.
        images: One or several: parts of `agentkit.media`, URLs, or bytes that begin like an image.
        files: The same: parts of `agentkit.media`, or bytes that begin like a PDF, a wav or an mp3.
        error: Whether the call did not do what was wanted: the answer's status is "error". The model is told the
            content as it is, so let it say so.

    Raises:
        ToolDefinitionError: An image or a file is none.
    """

    __slots__ = ("content", "data", "error", "parts")

    def __init__(
        self,
        content: Any = "",
        *,
        data: Any = _SAME,
        images: Iterable[ImagePart | bytes | str] | ImagePart | bytes = (),
        files: Iterable[FilePart | AudioPart | bytes] | FilePart | AudioPart | bytes = (),
        error: bool = False,
    ) -> None:
        self.content = content
        self.data = content if data is _SAME else data
        self.error = error
        self.parts = (*map(_image, _several(images)), *map(_file, _several(files)))

    def __repr__(self) -> str:
        return f"ToolResult({self.content!r}, {len(self.parts)} parts{', error=True' if self.error else ''})"


def _several(given: Any) -> Iterable[Any]:
    """Take one that stands alone as one; the bytes of a text would be read one by one."""
    return (given,) if isinstance(given, bytes | bytearray | str | ImagePart | FilePart | AudioPart) else given


def _image(given: Any) -> ImagePart:
    if isinstance(given, str) and given.lower().startswith(_ADDRESSES):
        return ImagePart(image_url=ImageUrl(url=given))
    part = part_of(bytes(given)) if isinstance(given, bytes | bytearray) else given
    if not isinstance(part, ImagePart):
        raise ToolDefinitionError(
            f"ToolResult(images=...) got {_shown(given)}, which is no image. "
            "Give media.image(path) of agentkit.media, a URL, or the bytes of an image."
        )
    return part


def _file(given: Any) -> FilePart | AudioPart:
    part = part_of(bytes(given)) if isinstance(given, bytes | bytearray) else given
    if not isinstance(part, FilePart | AudioPart):
        raise ToolDefinitionError(
            f"ToolResult(files=...) got {_shown(given)}, which is no file. "
            "Give media.file(path) or media.audio(path) of agentkit.media, or the bytes of a PDF, a wav or an mp3."
        )
    return part


def _shown(given: Any) -> str:
    return repr(given if not isinstance(given, bytes | bytearray) else bytes(given[:20]))[:100]
