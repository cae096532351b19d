"""What an endpoint's error body says, pure: `Fault` reads the shapes that servers give it; `status` decides by it.

The known words of overflow, filter and quota stand here, as servers were seen to write them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self, cast

__all__ = ["Fault", "bare", "clean"]

_SHOWN = 500
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\s]+")
_BREAK = re.compile(r"\\+[nrt]")
_HTTP_STATUS = re.compile(r"[45][0-9]{2}")
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>|<h1[^>]*>(.*?)</h1>", re.IGNORECASE | re.DOTALL)

# Codes and types that say the status, for errors inside a 200; the word is looked up without case and marks.
_STATUS_OF = {
    "ratelimitexceeded": 429,
    "ratelimitreached": 429,
    "ratelimiterror": 429,
    "toomanyrequests": 429,
    "insufficientquota": 429,
    "invalidapikey": 401,
    "authenticationerror": 401,
    "permissiondenied": 403,
    "permissionerror": 403,
    "modelnotfound": 404,
    "notfounderror": 404,
    "invalidrequesterror": 400,
    "badrequest": 400,
    "badrequesterror": 400,
    "contextlengthexceeded": 400,
    "contentfilter": 400,
    "toolusefailed": 400,
    "servererror": 500,
    "internalerror": 500,
    "internalservererror": 500,
    "apierror": 500,
    "overloaded": 503,
    "overloadederror": 503,
    "serviceunavailable": 503,
    "timeout": 504,
}
_TOO_LONG_CODES = {
    "contextlengthexceeded",  # OpenAI, Groq, vLLM's proxies
    "contextwindowexceeded",
    "toomanyprompttokens",  # Perplexity
    "exceedcontextsizeerror",  # llama.cpp
    "modelmaxprompttokensexceeded",
}
_TOO_LONG = re.compile(
    r"max(imum)? (context|prompt) (length|window|size)"  # OpenAI, DeepSeek, vLLM, xAI, Ollama
    r"|exceed\w* .{0,40}(context (length|window|size)|model token limit)"  # llama.cpp, Cloudflare, Moonshot
    r"|context (length|window|size) .{0,20}exceed"
    r"|prompt( is)? too long|input is too long|total length of all messages is too long"  # Ollama, Bedrock, Perplexity
    r"|prompt \(.{0,30}\) is (too long|longer than the maximum)|input tokens exceed the"  # vLLM; OpenAI
    r"|reduce the length of the (messages|prompt)|range of input length should be"  # Groq; Alibaba
    r"|context the overflows|greater than the context length"  # LM Studio
    r"|too many (input |prompt )?tokens|input length and .?max_tokens.? exceed"  # Cohere; Anthropic
    r"|too many total text bytes|exceeds (the model's )?maximum input length"  # Bedrock and Databricks; DeepInfra
    r"|context length is only|input token count .{0,30}exceeds"  # vLLM; Gemini
    r"|tokens \+ .?max_new_tokens.? must be",  # Together, Hugging Face
    re.IGNORECASE,
)
_FILTER_CODES = {"contentfilter", "contentpolicyviolation", "responsibleaipolicyviolation", "datainspectionfailed"}
_FILTER = re.compile(
    r"content management policy|content filter|content policy|requires moderation.{0,60}flagged", re.IGNORECASE
)
# A server's template refused messages or tools, and will do so however often it is asked (llama.cpp, LM Studio).
_TEMPLATE = re.compile(
    r"jinja exception|raise_exception\(|TemplateError|tools param requires --jinja|unsupported param: tools",
    re.IGNORECASE,
)

# How a field is called unknown or unsupported; its name, or the path to it, is what the group finds.
_PATH = r"[\[\s:=(]*[`'\"]*(?P<field>[A-Za-z_$][\w$.\[\]-]*)"
_CALLED = r"(?:unsupported|unknown|unrecognized) (?:request )?(?:parameter|argument|field|name)s?(?: supplied)?"
_NAMES = r"(?<![\w$])(?P<field>(?=\w*_)[A-Za-z]\w*|strict|\$ref|\$defs)[`'\"]*(?: parameter| field| argument| option)?"
_NOT = r"(?:not (?:yet |currently )?supported|unsupported|not permitted)(?! (?:value|when|for|to be))"
_REFUSED = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"{_CALLED}{_PATH}",  # OpenAI, Azure; servers in Go (Databricks, Cohere) and Rust (DeepSeek); Gemini
        rf"(?:extraneous key|unexpected keyword argument){_PATH}",  # Bedrock; servers in Python
        rf"does not support (?:the )?parameters?{_PATH}",  # LiteLLM
        rf"extra inputs are not permitted, field{_PATH}",  # Fireworks
        r"(?<![\w$.])(?P<field>[A-Za-z_$][\w$.\[\]-]*): extra inputs are not permitted",  # Anthropic's endpoint
        r"extra_forbidden'?\W+loc\W+(?P<field>[\w$', ]+)",  # vLLM, as Python shows a list
        r"property '(?P<field>[\w$.-]+)' is unsupported",  # Groq
        r"not allowed \('(?P<field>[\w$.-]+)' was unexpected\)",  # OpenAI before 2024, Azure
        rf"{_NAMES} (?:is|are) {_NOT}",
    )
)
_REFUSING_CODES = {"unsupportedparameter", "unknownparameter"}
_EXTRA_TYPES = ("extra_forbidden", "value_error.extra")
_QUOTA = {
    "insufficientquota",
    "insufficientbalance",
    "billinghardlimitreached",
    "exceededcurrentquotaerror",  # Moonshot
    "quotaexceeded",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One error as an endpoint wrote it.

    Attributes:
        message: Its words on one line, at most 500 characters, without control and direction characters.
        code: `error.code`, or `error.type` where the code is none or only the status again.
        words: Code and type without case and marks, for looking them up.
        status: The HTTP status that it stands for, by its code; 200 where it names none.
        body: The decoded body, or its text.
        failed_generation: What the model wrote, where the endpoint could not use that (Groq).
    """

    message: str
    code: str | None
    words: frozenset[str]
    status: int
    body: Any
    failed_generation: str | None

    @classmethod
    def read(cls, text: str) -> Self:
        """Read the body of an answer with an error status, whatever it is."""
        try:
            body = json.loads(text)
        except (ValueError, RecursionError):
            page = _TITLE.search(text) if "<" in text else None
            said = f"an HTML page: {page[1] or page[2]}" if page else text
            return cls(clean(said), None, frozenset(), 200, text[:100_000], None)
        return cls.of(body)

    @classmethod
    def of(cls, body: Any) -> Self:
        """Read a decoded body: an `error` object or text, `detail`, `message`, `errors`, a list of these, anything."""
        found = next(iter(_list(body)), body)  # Gemini wraps it in a list
        inner = _object(found).get("error") or _object(found).get("errors") or found
        found = next(iter(_list(inner)), inner)  # Cloudflare has several
        fields = _object(found)
        given = {
            name: str(value) for name in ("code", "type", "status") if isinstance(value := fields.get(name), str | int)
        }
        numbers = [int(name) for name in given.values() if _HTTP_STATUS.fullmatch(name)]
        told = [given[name] for name in ("code", "type") if given.get(name) and not _HTTP_STATUS.fullmatch(given[name])]
        words = frozenset(re.sub(r"[^a-z]", "", name.lower()) for name in given.values()) - {""}
        known = [_STATUS_OF[word] for word in words if word in _STATUS_OF]
        generation = fields.get("failed_generation")
        return cls(
            message=_message(found, body),
            code=next(iter(told), None) or (str(numbers[0]) if numbers else None),
            words=words,
            status=numbers[0] if numbers else max(known, default=200),
            body=body,
            failed_generation=generation if isinstance(generation, str) else None,
        )

    @property
    def too_long(self) -> bool:
        """Tell whether it says that the messages are longer than the context."""
        return bool(self.words & _TOO_LONG_CODES) or bool(_TOO_LONG.search(self.message))

    @property
    def content_filtered(self) -> bool:
        """Tell whether a content filter stopped the request."""
        return bool(self.words & _FILTER_CODES) or bool(_FILTER.search(self.message))

    @property
    def tool_use_failed(self) -> bool:
        """Tell whether the endpoint's own parser refused the model's tool call."""
        return "toolusefailed" in self.words or self.failed_generation is not None

    @property
    def quota_used_up(self) -> bool:
        """Tell whether there is no quota left, which waiting does not mend."""
        return self.status == 402 or bool(self.words & _QUOTA)

    @property
    def headers(self) -> dict[str, str]:
        """Give the headers that the body holds, by name in small letters: how long to wait stands only there at some.

        OpenRouter repeats those of the provider behind it; Google's `RetryInfo` says what `Retry-After` does.
        """
        found = next(iter(_list(self.body)), self.body)
        error = _object(_object(found).get("error")) or _object(found)
        repeated = _object(_object(error.get("metadata")).get("headers"))
        headers = {name.lower(): str(value) for name, value in repeated.items()}
        delays = (_object(detail).get("retryDelay") for detail in _list(error.get("details")))
        if delay := next(filter(None, delays), None):
            headers["retry-after"] = str(delay)
        return headers

    @property
    def template_refused(self) -> bool:
        """Tell whether the server's chat template refused messages or tools, which trying again does not mend."""
        return bool(_TEMPLATE.search(self.message))

    @property
    def refused(self) -> tuple[str, ...]:
        """Give the request's fields that it clearly calls unknown or unsupported, the last name of each path."""
        return self.refused_beside("")

    def refused_beside(self, own: str) -> tuple[str, ...]:
        """Give the same of what it says in words of its own: a server may repeat the messages that it was sent.

        Args:
            own: The text of these messages, as `bare` leaves it.
        """
        found = _object(self.body)
        inner = _object(found.get("error")) or found
        paths = [str(inner.get("param") or "")] if self.words & _REFUSING_CODES else []
        said: Any
        for said in (found.get("detail"), found.get("message"), inner.get("message"), inner.get("detail")):
            items = (_object(item) for item in (*_list(said), *_list(_object(said).get("detail"))))  # FastAPI, Mistral
            paths += [".".join(map(str, _list(item.get("loc")))) for item in items if item.get("type") in _EXTRA_TYPES]
        said = bare(self.message)
        prose = (match for pattern in _REFUSED for match in pattern.finditer(said))
        paths += [match["field"] for match in prose if match[0] not in own]
        names = (_last_name(path) for path in paths)
        return tuple(dict.fromkeys(name for name in names if name))


def clean(text: str, longest: int | None = _SHOWN) -> str:
    """Put a text on one line of at most 500 characters, without characters that could fool a terminal."""
    return _CONTROLS.sub(" ", text).strip()[:longest]


def bare(text: str) -> str:
    """Put a text on one line without backslashes: a server may repeat what it was sent as JSON, or as JSON in JSON."""
    return clean(_BREAK.sub(" ", text).replace("\\", ""), None)


def _last_name(path: str) -> str:
    """Give `strict` of `tools[0].function.strict`."""
    steps = re.split(r"[^\w$]+", path)
    return next((name for name in reversed(steps) if name and not name.isdecimal()), "")


def _object(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _list(value: Any) -> Sequence[Any]:
    return cast("Sequence[Any]", value) if isinstance(value, list) else ()


def _message(found: Any, body: Any) -> str:
    if isinstance(found, str):
        return clean(found)
    fields = _object(found)
    said = next((said for name in ("message", "detail", "msg", "error_message") if (said := fields.get(name))), None)
    if _list(said):  # FastAPI's list of what is wrong where
        said = "; ".join(_wrong(item) for item in _list(said))
    elif _object(said):
        said = _message(said, said)
    raw = _object(fields.get("metadata")).get("raw")
    if isinstance(raw, str):  # OpenRouter: what the provider behind it said
        said = f"{said}: {raw}"
    if isinstance(said, str):
        return clean(said)
    return clean(json.dumps(body, ensure_ascii=False) if body else "")


def _wrong(item: Any) -> str:
    fields = _object(item)
    if "msg" not in fields:
        return json.dumps(item, ensure_ascii=False)
    place = ".".join(map(str, _list(fields.get("loc"))))
    return f"{place}: {fields['msg']}" if place else str(fields["msg"])
