"""What a cassette holds: `Track` is one exchange, `load` and `save` read and write the file; it knows no network.

The file is JSON for people: requests as they were sent, replies line by line exactly as they came, no secret anywhere.
"""

from __future__ import annotations

import base64
import json
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, Self, get_args

from agentkit.errors import RecordingError
from agentkit.kind import is_object
from agentkit.testing.answer import Json
from agentkit.testing.mask import mask_body, mask_bytes, mask_json, mask_text

__all__ = ["Ending", "Sent", "Track", "load", "save"]

Ending = Literal["whole", "left", "broke", "timeout"]
"""How a recorded body ended: with its last byte, with a reader that left, with the connection, with a clock."""

_FORMAT: Final = "agentkit_cassette"
_VERSION: Final = 1
# The request ids of OpenAI and most, Anthropic, Azure, Bedrock, Cloudflare; organization names and cookies are no such.
_KEPT: Final = re.compile(
    r"(?i)content-type|location|retry-after(-ms)?|x-should-retry|x-ratelimit-.*"
    r"|(x-|apim-|x-ms-)?request-id|x-amzn-requestid|cf-ray"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A request without its secrets and headers, which are never kept.

    Attributes:
        url: The whole URL.
        body: The decoded JSON, or the text of what is none.
        method: Always POST in the contract.
    """

    url: str
    body: Any
    method: str = "POST"

    @classmethod
    def of(cls, url: str, body: bytes) -> Self:
        """Read a request as it goes out."""
        try:
            value = json.loads(body)
        except ValueError:
            value = body.decode("utf-8", "replace")
        return cls(url=mask_text(url), body=mask_json(value))

    @property
    def key(self) -> str:
        """Give the form in which two requests are the same: order of keys and white space do not count."""
        return json.dumps([self.method, self.url, self.body], sort_keys=True)


@dataclass(slots=True, kw_only=True)
class Track:
    """One exchange.

    Attributes:
        url: The URL asked, with its secrets until it is saved.
        body: The request's body, likewise.
        status: The reply's HTTP status; 0 while none has come.
        headers: The reply's headers that are kept.
        reply: The reply's body, its content coding undone.
        ending: How that ended.
        error: What was raised where it broke off.
    """

    url: str
    body: bytes
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    reply: bytearray = field(default_factory=bytearray)
    ending: Ending = "left"
    error: str = ""

    @property
    def sent(self) -> Sent:
        """Give the request without its secrets."""
        return Sent.of(self.url, self.body)

    def to_dict(self) -> Json:
        """Give what is written of it: nothing that is secret."""
        sent = self.sent
        reply: Json = {
            "status": self.status,
            "headers": {name.lower(): mask_text(text) for name, text in self.headers.items() if _KEPT.fullmatch(name)},
            "body": _written(bytes(self.reply)),
        }
        if self.ending != "whole":
            reply["ending"] = self.ending
        if self.error:
            reply["error"] = mask_text(self.error)
        return {"request": {"method": sent.method, "url": sent.url, "body": sent.body}, "reply": reply}

    @classmethod
    def from_dict(cls, given: Any) -> Self:
        """Read what `to_dict` gave.

        Raises:
            ValueError: It is not of that form.
            KeyError: A field is missing.
            TypeError: A field has another type.
        """
        request, reply = given["request"], given["reply"]
        ending = reply.get("ending", "whole")
        if ending not in get_args(Ending):
            raise ValueError(f"the ending {ending!r} is unknown")
        return cls(
            url=request["url"],
            body=json.dumps(request["body"]).encode(),
            status=int(reply["status"]),
            headers=dict(reply["headers"]),
            reply=bytearray(_read(reply["body"])),
            ending=ending,
            error=reply.get("error", ""),
        )


def _written(body: bytes) -> list[str] | dict[str, str]:
    """Give a body line by line, or in base64 where it is no text."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(mask_bytes(body)).decode()}
    return [line for line in re.split(r"(?<=\n)", mask_body(text)) if line]


def _read(body: Any) -> bytes:
    return base64.b64decode(body["base64"]) if is_object(body) else "".join(body).encode()


def load(path: Path) -> list[Track]:
    """Read a cassette; one that is not there is empty.

    Raises:
        RecordingError: The file is no cassette, or cannot be read.
    """
    try:
        return _tracks(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RecordingError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RecordingError(
            f"{path} is no cassette ({type(error).__name__}: {error}). Delete it and record it again."
        ) from error


def _tracks(content: Any) -> list[Track]:
    if content[_FORMAT] != _VERSION:
        raise ValueError(f"its version is {content[_FORMAT]!r}, not {_VERSION}")
    return [Track.from_dict(given) for given in content["tracks"]]


def save(path: Path, tracks: Sequence[Track]) -> None:
    """Write a cassette: whole or not at all, for its owner's eyes only.

    Raises:
        RecordingError: It cannot be written there.
    """
    content = {_FORMAT: _VERSION, "tracks": [track.to_dict() for track in tracks]}
    text = json.dumps(content, indent=2, ensure_ascii=False)
    try:
        encoded = text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON may hold escaped
        encoded = json.dumps(content, indent=2).encode()
    try:
        _replace(path, encoded + b"\n")
    except OSError as error:
        raise RecordingError(f"{path} cannot be written: {error.strerror}. What was recorded is lost.") from error


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # is made with 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
