"""What an endpoint's refusal says that it does not take at all, pure: tools, a format, both at once, a keyword.

`learn` asks here. A text counts only where the request had what it speaks of; one that finds fault with a schema, with
a name or a value in it, says nothing of these.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from agentkit.http.profile import Profile
from agentkit.schema.keyword import SPARABLE
from agentkit.wire.request import ChatRequest

__all__ = ["lacks", "without_format", "without_keywords"]

_JSON: Final = ("json_object", "json_schema")


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


def _gap(most: int) -> str:
    """Match so many characters of one sentence; a point within a name ends none."""
    return rf"(?:[^.]|\.(?=\w)){{0,{most}}}"


_NOT = r"(?:not (?:yet |currently )?(?:supported|permitted|allowed|available|enabled)|unsupported|unavailable|disabled)"
_NO = r"(?:does|do)(?: not|n't) (?:yet |currently )?support"
_SOMETIMES = (
    r"(?! (?:when|while|if|until|because|together|alongside|in (?:parallel|combination|stream|this region|thinking)"
    r"|with (?:stream|strict|this tool|vision|image|audio|thinking)|for (?:this|your|image|audio|stream)))"
)
# What passes, or is about a size, says nothing of what is taken at all.
_PASSING = _any(r"rate.?limit|quota|exceed|too (?:many|large|long|big)|try again|retry|\blimits? (?:is |was )?reached")

_TOOL = r"(?:tools?\b|tool[- _]?(?:use|call)\w*|function[- _]?call\w*)"
_ASKED = r"(?:response[_ ]format|formatted output|structured output|json mode)"
_FORMAT = r"(?:response[_ ]?format|json[_ ](?:mode|schema|object)|structured outputs?|grammar|guided decoding)"
_JOINED = (
    r"\b(?:combin\w+|together|at the same time|simultaneous\w*|alongside|mutually exclusive|incompatible|not both)"
)
_PAIR = _any(
    rf"{_FORMAT}{_gap(60)}{_JOINED}{_gap(60)}\b{_TOOL}",  # Groq
    rf"\b{_TOOL}{_gap(60)}{_JOINED}{_gap(60)}{_FORMAT}",
    rf"(?:{_FORMAT}{_gap(40)}\b{_TOOL}|\b{_TOOL}{_gap(40)}{_FORMAT}){_gap(60)}{_JOINED}",  # Fireworks
    r"(?:tool use|function calling)(?: \(\w+ mode\))? with a response mime type",  # Gemini
    r"instead of populating 'response_mime_type'",  # Vertex
    rf"(?:not|n't) \w+ (?:\w+ )?{_FORMAT}{_gap(20)}\bwith {_TOOL}",  # llama.cpp
    rf"{_FORMAT}{_gap(20)}(?:with {_TOOL} (?:is|are) {_NOT}|{_NOT} (?:with|when|while|if) {_gap(30)}\b{_TOOL})",
)

_KINDS = rf"[`'\"]?(?:{'|'.join(_JSON)})[`'\"]?"
_REFUSED_FORMAT = _any(
    # DeepSeek, OpenAI, xAI: "This response_format type is", "'response_format' of type 'json_schema' is"
    rf"response_format\W{{0,3}}(?:(?:of )?type |parameter )?(?:{_KINDS} )?(?:is )?{_NOT}{_SOMETIMES}",
    # Groq, LiteLLM, xAI
    rf"{_NO} (?:the )?(?:parameters?\W{{1,4}})?[`'\"]?{_ASKED}",
    rf"{_NO} (?:the )?{_KINDS}(?! with| containing)",
    rf"{_KINDS}(?: response[_ ]format)? (?:is|are) {_NOT}{_SOMETIMES}",
    rf"{_KINDS} (?:is )?(?:enabled|supported|available) only",  # Azure, by its dated versions
    r"json mode response is not supported",  # Alibaba
    rf"(?:json mode|structured outputs?) (?:is|are) {_NOT}{_SOMETIMES}",
)
# OpenAI, Azure, LM Studio, llama.cpp, Volcengine, servers with pydantic or in Rust list what may stand there. The text
# of a message is called "text", too, so that it must be said of the format.
_LISTED = _any(
    rf"(?:response_format|{_KINDS})[^;]{{0,80}}?(?:must be|should be|supported \w+ are|expected(?: tags)?|one of)"
    rf"\W(?P<kinds>{_gap(100)})"
)
_QUOTED = re.compile(r"[`'\"](\w+)[`'\"]")
_TYPES: Final = {"text", *_JSON, "grammar", "regex", "lark_grammar", "structural_tag"}
_IN_SCHEMA = _any(r"json_?schema(?:\.\w|\W+->)")  # a path into the schema: it was read as one

_TOOLS = r"(?:tools|tool[ -]?(?:use|calls?|calling)|function[ -]?call(?:s|ing)?)\b[`'\"]?"
_SOME = "".join(
    rf"(?<!{kind} )" for kind in ("parallel", "custom", "strict", "hosted", "streaming", "built-in", "with")
)
_REFUSED_TOOLS = _any(
    rf"{_NO} (?:the use of )?[`'\"]?{_TOOLS}(?! (?:of type|named|choice|that)){_SOMETIMES}",  # Ollama, DeepSeek
    rf"{_SOME}\b{_TOOLS} (?:is|are) {_NOT}{_SOMETIMES}(?! of type)",  # Groq, DeepInfra, Gemini
    r"no endpoints found that support tool use",  # OpenRouter, with 404
    r"unsupported param(?:eter)?: [`'\"]?tools\b|tools param requires --jinja",  # llama.cpp, with 500
    r"tool choice requires --enable-auto-tool-choice",  # vLLM
)

_PLAIN = "|".join(sorted(map(re.escape, SPARABLE), reverse=True))
_CLEAR = "|".join(sorted((re.escape(word) for word in SPARABLE if not word.islower()), reverse=True))
_ONE = rf"(?:[`'\"](?:{_PLAIN})[`'\"]|(?<![\w$])(?-i:{_CLEAR})\b)"  # no other use of "format" or "default"
_SEVERAL = rf"{_ONE}(?:(?:,| and| or|, and|, or) ?{_ONE})*"
_ANYHOW = rf"(?:{_PLAIN})(?:\W{{1,6}}(?:and |or )?[`'\"]?(?:{_PLAIN})\b)*"
_FIELDS = r"(?:keyword|field|property|propertie)s?"
_REFUSED_KEYWORDS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?P<words>{_SEVERAL})(?: keywords?| property| fields?)? (?:is|are) {_NOT}(?! to be)",  # OpenAI
        rf"{_FIELDS} (?P<words>{_ANYHOW}) (?:is|are) {_NOT}",  # Anthropic
        rf"un(?:supported|known) (?:json )?(?:schema )?{_FIELDS}[^\w$]{{1,6}}(?P<words>{_ANYHOW})",
        rf"{_NO} (?:the )?(?P<words>{_SEVERAL})(?! (?:at|in) the (?:top|root))",
        r"'[\w-]+' is not a valid (?P<words>format)\b",  # OpenAI
    )
)
_KEYWORD = re.compile(rf"(?<![\w$])(?:{_PLAIN})(?!\w)")


_LONGEST = tuple(
    re.compile(pattern, re.IGNORECASE | re.DOTALL)
    for pattern in (
        r"max_(?:completion_)?tokens is too large.{0,80}?supports at most (?P<most>\d+)",  # OpenAI
        r"max_tokens\W{1,4}\d+ > (?P<most>\d+), which is the maximum allowed",  # Anthropic
        r"max_(?:completion_)?tokens\W{1,3}must be less than or equal to\W{1,3}(?P<most>\d+)",  # Groq
        r"range of max_(?:completion_)?tokens (?:is|should be) \[1, (?P<most>\d+)\]",  # DeepSeek; Alibaba
        r"maxOutputTokens.{0,80}?from 1 \(inclusive\) to (?P<over>\d+) \(exclusive\)",  # Gemini
    )
)


def lacks(said: str, own: str, request: ChatRequest, profile: Profile) -> dict[str, Any]:
    """Give the changes of the profile that a refusal clearly asks for.

    Args:
        said: The endpoint's words, as `fault.bare` leaves them.
        own: The texts of the request, likewise: what only repeats them says nothing.
        request: What was asked.
        profile: What is known of the endpoint so far.
    """
    if shorter := _shorter(said, own, request):
        return shorter
    if _PASSING.search(said):
        return {}
    kind = request.response_format.type if request.response_format is not None else None
    if request.tools and kind in _JSON and _found(_PAIR, said, own):
        return {"formats_with_tools": False}
    changes: dict[str, Any] = {}
    if request.tools and _found(_REFUSED_TOOLS, said, own):
        changes["tools"] = False
    if kind in _JSON and (_found(_REFUSED_FORMAT, said, own) or _is_left_out(kind, said, own)):
        changes |= without_format(request, profile)
    named = (match["words"] for pattern in _REFUSED_KEYWORDS for match in pattern.finditer(said) if match[0] not in own)
    return changes | without_keywords([word for words in named for word in _KEYWORD.findall(words)], request, profile)


def without_format(request: ChatRequest, profile: Profile) -> dict[str, Any]:
    """Say that the type of `response_format` that was asked for is not taken; nothing where none was."""
    kind = request.response_format.type if request.response_format is not None else None
    left = tuple(one for one in profile.response_formats if one != kind)
    return {"response_formats": left} if kind in _JSON else {}


def without_keywords(words: list[str], request: ChatRequest, profile: Profile) -> dict[str, Any]:
    """Say that these keywords are not taken, those of them that a schema of the request has."""
    schemas = "".join(_schemas(request))
    news = tuple(word for word in words if f'"{word}"' in schemas)
    return {"unsupported_keywords": tuple(dict.fromkeys((*profile.unsupported_keywords, *news)))} if news else {}


def _shorter(said: str, own: str, request: ChatRequest) -> dict[str, Any]:
    """Say how long a reply can be at most, where a longer one was allowed: it could not have been that long anyway."""
    asked = request.max_completion_tokens or request.max_tokens or 0
    for match in (found for pattern in _LONGEST if (found := pattern.search(said)) and found[0] not in own):
        groups = match.groupdict()
        most = int(groups["most"]) if "most" in groups else int(groups["over"]) - 1
        if 0 < most < asked:
            return {"max_output_tokens": most}
    return {}


def _schemas(request: ChatRequest) -> Iterator[str]:
    yield from (tool.encoded.decode() for tool in request.tools or ())
    if request.response_format is not None:
        yield request.response_format.encoded.decode()


def _found(pattern: re.Pattern[str], said: str, own: str) -> bool:
    return any(match[0] not in own for match in pattern.finditer(said))


def _is_left_out(kind: str, said: str, own: str) -> bool:
    """Tell whether it lists what may stand there, without what was asked for."""
    if _IN_SCHEMA.search(said):
        return False
    lists = ({*_QUOTED.findall(match["kinds"])} for match in _LISTED.finditer(said) if match[0] not in own)
    return any(kinds and kind not in kinds and kinds <= _TYPES for kinds in lists)
