"""How the embedded model answers a request: a pure generator that yields readings, is sent responses, returns a reply.

`model` plays it on a worker. Doubtful answers are asked for in another way, then given up honestly.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast

from agentkit.errors import UnsupportedRequestError
from agentkit.local import phrase
from agentkit.local.offer import Offer, make_offer, offer_tools, pick, to_engine
from agentkit.local.reading import Call, Reading, Response, Turn
from agentkit.local.story import Story, read_story
from agentkit.local.verdict import Verdict, fresh_calls, weigh
from agentkit.wire.request import ChatRequest

__all__ = ["Conversation", "Reply", "answer"]

_DAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_SPAN = rf"(?:{_DAY}|night|morning|afternoon|evening|day|week|weekend|month|quarter|year|summer|winter|spring|autumn)s?"
_RELATIVE = re.compile(
    rf"\b(today|tonight|tomorrow|yesterday|now|(?:next|this|last|coming) {_SPAN}|in \d+ {_SPAN}|\d+ {_SPAN} ago|"
    rf"{_DAY})\b",
    re.IGNORECASE,
)
_STEP = re.compile(r",? (?:and then|and|then) ", re.IGNORECASE)
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model says: calls, or a text, or a refusal of the wanted record.

    Attributes:
        calls: The calls to make.
        content: The text, or the JSON of the wanted record.
        refusal: Why there is no record.
        confidence: The engine's, 0 to 1; None where it was not asked.
        reasoning: The engine's derivation of the arguments.
    """

    calls: tuple[Call, ...] = ()
    content: str | None = None
    refusal: str | None = None
    confidence: float | None = None
    reasoning: str | None = None


Conversation = Generator[Reading, Response, Reply]
_Asking = Generator[Reading, Response, Verdict]


def answer(request: ChatRequest, now: datetime) -> Conversation:
    """Answer a request; `now` becomes a fact for the engine where the question counts from today.

    Raises:
        UnsupportedRequestError: The request wants what the model cannot do at all: images, custom tools, JSON without a
            schema, several choices.
        SchemaError: A schema recurs.
    """
    story = read_story(request.messages)
    record = _record(request)
    offers, must = _offers(request)
    asker = _Asker(story, pick(offers, f"{story.question}\n{story.results}"), now)
    verdict = Verdict()
    if offers:
        verdict = yield from (asker.go_on() if story.answered else asker.begin())
        if verdict.calls and (verdict.sure or must):
            calls = verdict.calls[:1] if request.parallel_tool_calls is False else verdict.calls
            return Reply(calls, confidence=verdict.confidence, reasoning=verdict.reasoning or None)
    if record is not None:
        return (yield from _extract(asker, record))
    if story.answered:
        content = phrase.results(story.answered, verdict)
    else:
        content = phrase.doubt(verdict) if verdict.calls else phrase.no_call(bool(offers))
    return Reply(
        content=content,
        confidence=verdict.confidence if verdict.reasoning else None,
        reasoning=verdict.reasoning or None,
    )


def _offers(request: ChatRequest) -> tuple[tuple[Offer, ...], bool]:
    """Give the tools that may be called and whether one must be."""
    choice: Any = request.tool_choice
    if choice == "none":
        return (), False
    offers = offer_tools(request.tools)
    if isinstance(choice, Mapping):
        return _chosen(offers, cast("Mapping[str, Any]", choice))
    if choice in (None, "auto", "required", "any"):
        return offers, choice in ("required", "any")
    return tuple(offer for offer in offers if offer.name == choice), True


def _chosen(offers: tuple[Offer, ...], choice: Mapping[str, Any]) -> tuple[tuple[Offer, ...], bool]:
    allowed: Any = choice.get("allowed_tools") or {"tools": [choice], "mode": "required"}
    names = [(tool.get("function") or tool).get("name") for tool in allowed["tools"]]
    return tuple(offer for offer in offers if offer.name in names), allowed.get("mode") == "required"


def _record(request: ChatRequest) -> Offer | None:
    """Give the wanted record as a tool, None where text is wanted."""
    if request.n is not None and request.n != 1:
        raise UnsupportedRequestError(
            f"The embedded model gives one choice, always the same for the same request; n={request.n} was asked for. "
            "Leave `n` out."
        )
    wanted = request.response_format
    if wanted is None or wanted.type == "text":
        return None
    if wanted.type != "json_schema" or wanted.json_schema is None:
        raise UnsupportedRequestError(
            f"The embedded model writes JSON only by a schema, and response_format is {wanted.type!r}. "
            "Use json_schema with the schema of what you want."
        )
    name, schema = wanted.json_schema.name, wanted.json_schema.definition or {}
    if schema.get("type") == "object" and "properties" not in schema and "$ref" not in schema:
        raise UnsupportedRequestError(
            f"The embedded model fills in named properties, and the schema of {name!r} names none: it is an open map. "
            "Give a type with fields, or a list of entries with a key and a value, or use another model."
        )
    return make_offer(name, wanted.json_schema.description, schema)


def _extract(asker: _Asker, record: Offer) -> Conversation:
    """Read the wanted record out of the question and its results; if it is not there, out of what was said before too.

    What was said before is needed when the last words only ask to do it better.
    """
    source = "\n".join(part for part in (asker.story.question, asker.story.results) if part)
    verdict = yield from asker.extract(record, source)
    if not verdict.sure and asker.story.earlier:
        again = yield from asker.extract(record, "\n".join([*(turn.text for turn in asker.story.earlier), source]))
        verdict = again if again.sure or not verdict.calls else verdict
    content, refusal = None, None
    if verdict.sure:
        content = json.dumps(verdict.calls[0].arguments, ensure_ascii=False)
    else:
        refusal = phrase.no_record(record.name, verdict)
    return Reply(content=content, refusal=refusal, confidence=verdict.confidence, reasoning=verdict.reasoning or None)


@dataclass(frozen=True, slots=True)
class _Asker:
    """The ways to put one story to the engine."""

    story: Story
    offers: tuple[Offer, ...]
    now: datetime

    def ask(self, offers: Sequence[Offer], turns: tuple[Turn, ...], source: str, *, acts: bool = True) -> _Asking:
        """Put one reading and weigh the answer by the source."""
        facts = [self.story.system] if self.story.system else []
        if _RELATIVE.search(source) and "date:" not in self.story.system:
            facts.insert(0, f"date: {self.now:%Y-%m-%d} {_DAYS[self.now.weekday()]} {self.now:%H:%M}")
        response = yield Reading(to_engine(offers), turns, "; ".join(facts))
        return weigh(response, offers, "\n".join((source, *facts)), acts=acts)

    def begin(self) -> _Asking:
        """Ask for the first calls; where the engine doubts them, for a part of them."""
        question = self.story.question
        turns = (*self.story.earlier, Turn(question))
        source = "\n".join(f"{turn.text}\n{turn.results or ''}" for turn in turns)
        verdict = yield from self.ask(self.offers, turns, source)
        if verdict.sure:
            return (yield from self._apart(verdict, turns, source))
        if self.story.earlier and verdict.calls:
            alone = yield from self.ask(self.offers, (Turn(question),), question)
            if alone.sure:
                return alone
        for offers, text in self._smaller(verdict.calls):
            part = yield from self.ask(offers, (Turn(text),), text)
            if part.sure:
                return part
        return verdict

    def go_on(self) -> _Asking:
        """Ask for calls that need the results, which are told to the engine as if the user had said them."""
        told = f"{self.story.question}\n{self.story.results}"
        made = {answered.call.name for answered in self.story.answered if answered.call}
        unused = tuple(offer for offer in self.offers if offer.name not in made)
        doubtful = Verdict()
        if not unused:
            return doubtful
        for offers in (self.offers, unused) if unused != self.offers else (self.offers,):
            verdict = yield from self.ask(offers, (Turn(told),), told)
            calls = fresh_calls(verdict.calls, self.story.question, self.story.answered)
            verdict = replace(verdict, calls=calls)
            if verdict.sure:
                return verdict
            doubtful = doubtful if doubtful.calls else verdict
        return doubtful

    def extract(self, record: Offer, source: str) -> _Asking:
        """Ask for a record in two ways; where the engine is not sure of either, what both agree on will do.

        Records with every field right often have a low confidence; two ways of asking seldom make the same mistake.
        """
        first = yield from self.ask((record,), (Turn(source),), source, acts=False)
        if first.sure:
            return first
        if record.described:
            second = yield from self.ask((record.bare(),), (Turn(source),), source, acts=False)
        else:
            saving = replace(record, name=f"save_{record.name}")
            second = yield from self.ask((saving,), (Turn(f"Log this {record.name}: {source}"),), source, acts=False)
        best = max(first, second, key=lambda verdict: (bool(verdict.calls), verdict.confidence))
        same = [dict(call.arguments) for call in first.calls] == [dict(call.arguments) for call in second.calls]
        calls = tuple(replace(call, name=record.name) for call in best.calls)
        return replace(best, calls=calls, agreed=same)

    def _apart(self, verdict: Verdict, turns: tuple[Turn, ...], source: str) -> _Asking:
        """Ask again under other parameter names where the engine may have run two places into one argument."""
        first, offers = verdict.calls[0], {offer.name: offer for offer in self.offers}
        if len(verdict.calls) > 1 or not offers[first.name].widened(first):
            return verdict
        apart = yield from self.ask([replace(offer, aliased=True) for offer in self.offers], turns, source)
        return apart if apart.sure and len(apart.calls) > 1 else verdict

    def _smaller(self, doubted: Sequence[Call]) -> Iterator[tuple[tuple[Offer, ...], str]]:
        """Give smaller questions: the first of several steps, or what may find the value that a single one lacks."""
        question, names = self.story.question, list(dict.fromkeys(call.name for call in doubted))
        first = _STEP.split(question, maxsplit=1)[0]
        if len(names) > 1:
            yield tuple(offer for offer in self.offers if offer.name == names[0]), question
        if names and first != question:
            yield self.offers, first
        if len(names) == 1 and len(self.offers) > 1:
            yield tuple(offer for offer in self.offers if offer.name != names[0]), question
