"""Faults of servers and networks, each a change of one `Answer`; the fake endpoint plays them, one a request."""

from __future__ import annotations

import gzip
import inspect
import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from agentkit.testing.answer import Answer, encode, error_body
from agentkit.testing.name import unknown

__all__ = ["FAULTS", "ODD_ERRORS", "Fault"]

_STATUS_ERRORS: Final = {
    400: ("invalid_request_error", "bad_request", "The request is refused."),
    401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    403: ("invalid_request_error", "permission_denied", "The key may not do this."),
    404: ("invalid_request_error", "model_not_found", "The model does not exist or you do not have access to it."),
    429: ("requests", "rate_limit_exceeded", "Rate limit reached for requests."),
    503: ("server_error", "overloaded", "The server is overloaded."),
}

ODD_ERRORS: Final[dict[str, Any]] = {
    "detail": {"detail": "Invalid API Key"},
    "details": {"detail": [{"type": "missing", "loc": ["body", "model"], "msg": "Field required"}]},
    "flat": {"object": "error", "message": "The model does not exist.", "type": "NotFoundError", "code": 404},
    "code_number": {"error": {"message": "Provider returned error", "code": 502, "metadata": {"raw": "overloaded"}}},
    "no_type": {"error": {"code": "invalid_request", "message": "The request is refused."}},
    "string": {"error": "model 'm' not found"},
    "list": [{"error": {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT"}}],
    "error_code": {"error_code": "BAD_REQUEST", "message": "The request is refused."},
    "nested": {"error": {"error": {"message": "The request is refused.", "type": "invalid_request_error"}}},
    "empty": {"error": {}},
    "nothing": {"error": None},
}
"""Forms of errors other than OpenAI's: of Mistral and FastAPI, vLLM, OpenRouter, Azure, Ollama, Gemini, Databricks,
proxies; and errors that say nothing."""

_KINDS: Final[dict[str, Any]] = {"int": int, "float": int | float, "Mapping": dict, "None": type(None)}


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault and how many requests it meets.

    A fault spoils an attempt: the script does not move, so the next request gets the reply that this one should
    have had. Only `slow_first` and `gzip` let the reply through whole, and move it.

    Attributes:
        name: What it is called on a command line.
        spoil: Makes the spoilt answer of the good one.
        times: How many requests in a row meet it.
        whole: Whether the client gets all of the reply all the same.
    """

    name: str
    spoil: Callable[[Answer], Answer]
    times: int = 1
    whole: bool = False

    @classmethod
    def named(cls, words: str) -> Fault:
        """Read a fault from words such as `status:code=503,times=2`; values are JSON or plain text.

        Raises:
            ValueError: There is no such fault, it has no such option, or the option takes no such value.
        """
        name, _, options = words.partition(":")
        if name not in FAULTS:
            raise ValueError(unknown("fault", name, FAULTS))
        pairs = (option.partition("=") for option in options.split(",") if option)
        return FAULTS[name](**{key: _option(name, key, value) for key, _, value in pairs})

    @classmethod
    def status(
        cls,
        code: int = 500,
        *,
        body: Mapping[str, Any] | str | None = None,
        retry_after: float | str | None = None,
        headers: Mapping[str, str] | None = None,
        times: int = 1,
    ) -> Fault:
        """Answer with an error status; `retry_after` is seconds or an HTTP date, `body` by default OpenAI's."""
        kind, short, text = _STATUS_ERRORS.get(code, ("server_error", "internal_error", "The server had an error."))
        content = error_body(text, kind=kind, code=short) if body is None else body
        wanted = {"Content-Type": "text/plain" if isinstance(content, str) else "application/json"}
        wanted |= {} if retry_after is None else {"Retry-After": str(retry_after)}
        wanted |= headers or {}
        piece = content.encode() if isinstance(content, str) else encode(content)
        answer = Answer(status=code, headers=tuple(wanted.items()), pieces=(piece,))
        return cls("status", lambda _: answer, times)

    @classmethod
    def rate_limit(cls, retry_after: float | str = 1, *, times: int = 1) -> Fault:
        """Answer 429 with `Retry-After` and the headers that count what is left."""
        left = {"x-ratelimit-limit-requests": "10", "x-ratelimit-remaining-requests": "0"}
        return replace(cls.status(429, retry_after=retry_after, headers=left, times=times), name="rate_limit")

    @classmethod
    def redirect(cls, to: str = "http://127.0.0.1:9/v1/chat/completions", *, code: int = 307, times: int = 1) -> Fault:
        """Name another address."""
        return replace(cls.status(code, body="", headers={"Location": to}, times=times), name="redirect")

    @classmethod
    def html(cls, *, code: int = 200, times: int = 1) -> Fault:
        """Answer with a page, as proxies do."""
        page = "<!DOCTYPE html><html><body><h1>Welcome</h1></body></html>"
        return replace(cls.status(code, body=page, headers={"Content-Type": "text/html"}, times=times), name="html")

    @classmethod
    def text(cls, body: str = "Welcome to the model server.", *, code: int = 200, times: int = 1) -> Fault:
        """Answer with plain text."""
        return replace(cls.status(code, body=body, times=times), name="text")

    @classmethod
    def json_text(cls, body: str = "Something went wrong.", *, code: int = 200, times: int = 1) -> Fault:
        """Answer with a bare JSON string."""
        headers = {"Content-Type": "application/json"}
        return replace(cls.status(code, body=json.dumps(body), headers=headers, times=times), name="json_text")

    @classmethod
    def odd_error(cls, form: str = "detail", *, code: int = 400, times: int = 1) -> Fault:
        """Answer with an error that is not formed as OpenAI's: one of `ODD_ERRORS`, by name.

        Raises:
            ValueError: There is no such form.
        """
        if form not in ODD_ERRORS:
            raise ValueError(unknown("form", form, ODD_ERRORS))
        headers = {"Content-Type": "application/json"}
        body = json.dumps(ODD_ERRORS[form])
        return replace(cls.status(code, body=body, headers=headers, times=times), name="odd_error")

    @classmethod
    def empty(cls, *, code: int = 200, times: int = 1) -> Fault:
        """Answer with a status and no body."""
        return replace(cls.status(code, body="", times=times), name="empty")

    @classmethod
    def disconnect(cls, after: int | None = None, *, times: int = 1) -> Fault:
        """Close the connection before the answer, or after so many events of a stream (half of a JSON body)."""
        return cls("disconnect", lambda good: _cut(good, after, ending="cut"), times)

    @classmethod
    def stall(cls, seconds: float = 3600, after: int | None = None, *, times: int = 1) -> Fault:
        """Say nothing more, from the start or after so many events, until the client leaves or the time is over."""
        return cls("stall", lambda good: replace(_cut(good, after, ending="silent"), silence=seconds), times)

    @classmethod
    def slow_first(cls, seconds: float = 1, *, times: int = 1) -> Fault:
        """Send the good answer late."""
        return cls("slow_first", lambda good: replace(good, wait=seconds), times, whole=True)

    @classmethod
    def truncate(cls, after: int = 2, *, times: int = 1) -> Fault:
        """End the body cleanly after so many events (half of a JSON body): no finish_reason, no `[DONE]`."""
        return cls("truncate", lambda good: replace(good, pieces=_first(good, after)), times)

    @classmethod
    def malformed(cls, after: int = 1, *, times: int = 1) -> Fault:
        """Put an event of broken JSON after so many good ones; a JSON body is broken itself."""
        return cls("malformed", lambda good: _broken(good, after), times)

    @classmethod
    def huge(cls, size: int = 32_000_000, *, times: int = 1) -> Fault:
        """Answer with so many bytes of text, in one JSON document or one line of a stream."""
        return cls("huge", lambda good: _huge(good, size), times)

    @classmethod
    def gzip(cls, *, times: int = 1) -> Fault:
        """Compress the good answer, whether the client asked for that or not."""
        return cls("gzip", _gzipped, times, whole=True)


FAULTS: Final[dict[str, Callable[..., Fault]]] = {
    "disconnect": Fault.disconnect,
    "empty": Fault.empty,
    "gzip": Fault.gzip,
    "html": Fault.html,
    "huge": Fault.huge,
    "json_text": Fault.json_text,
    "malformed": Fault.malformed,
    "odd_error": Fault.odd_error,
    "rate_limit": Fault.rate_limit,
    "redirect": Fault.redirect,
    "slow_first": Fault.slow_first,
    "stall": Fault.stall,
    "status": Fault.status,
    "text": Fault.text,
    "truncate": Fault.truncate,
}
"""Every fault by its name, with what makes it."""


def _option(fault: str, name: str, written: str) -> Any:
    """Read an option's value as the fault takes it."""
    known = inspect.signature(FAULTS[fault]).parameters
    if name not in known:
        raise ValueError(
            f"FakeEndpoint: the fault {fault!r} has no option {name!r}; its options are {', '.join(known)}."
        )
    kinds = str(known[name].annotation)
    try:
        value = json.loads(written)
    except ValueError:
        value = written
    if any(isinstance(value, kind) and word in kinds for word, kind in _KINDS.items()):
        return value
    if "str" in kinds:
        return written
    raise ValueError(f"FakeEndpoint: the fault {fault!r} takes {name} as {kinds}, not {written!r}.")


def _first(good: Answer, after: int) -> tuple[bytes, ...]:
    return tuple(good.pieces[:after]) if good.chunked else (good.body[: len(good.body) // 2],)


def _cut(good: Answer, after: int | None, *, ending: Any) -> Answer:
    if after is None:
        return replace(good, status=0, pieces=(), chunked=False, ending=ending)
    return replace(good, pieces=_first(good, after), length=len(good.body), ending=ending)


def _broken(good: Answer, after: int) -> Answer:
    if not good.chunked:
        return replace(good, pieces=(good.body[:-2] + b',"',))
    pieces = list(good.pieces)
    pieces.insert(after, b'data: {"id": "chatcmpl-1", "choices": [{"ind\n\n')
    return replace(good, pieces=tuple(pieces))


def _huge(good: Answer, size: int) -> Answer:
    text = b"x" * size
    if good.chunked:
        event = b'data: {"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"%b"}}]}\n\n' % text
        return replace(good, pieces=(good.pieces[0], event, *good.pieces[1:]))
    message = b'{"role":"assistant","content":"%b"}' % text
    return replace(good, pieces=(b'{"choices":[{"index":0,"message":%b,"finish_reason":"stop"}]}' % message,))


def _gzipped(good: Answer) -> Answer:
    headers = (*good.headers, ("Content-Encoding", "gzip"))
    if not good.chunked:
        return replace(good, headers=headers, pieces=(gzip.compress(good.body, mtime=0),))
    press = zlib.compressobj(wbits=31)  # 31: with gzip's head and tail
    pieces = [press.compress(piece) + press.flush(zlib.Z_SYNC_FLUSH) for piece in good.pieces]
    return replace(good, headers=headers, pieces=(*pieces, press.flush()))
