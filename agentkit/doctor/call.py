"""Probes of tool calls: in which forms of a choice tools are taken, several at once, streamed, with what schemas."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from agentkit.doctor.finding import Finding
from agentkit.doctor.patient import Answer, Patient
from agentkit.doctor.sample import BOTH, CALL_TOOL, HELLO, TIME, WEATHER, WORDED, referring, said, strict
from agentkit.doctor.verdict import among, calls_seen, judge
from agentkit.errors import APIStatusError
from agentkit.http.learn import learn
from agentkit.http.profile import Profile
from agentkit.schema.keyword import without_keywords
from agentkit.wire.request import ChatRequest

__all__ = [
    "FULL",
    "ROUNDS",
    "ask_allowed",
    "ask_keywords",
    "ask_named",
    "ask_no_tools",
    "ask_parallel",
    "ask_references",
    "ask_required",
    "ask_streamed_calls",
    "ask_strict_tool",
    "ask_tools",
    "offer",
]

FULL: Final = 100_000  # as many tokens as the bounds let a reply have
ROUNDS: Final = 4  # of leaving out keywords that a refusal names
_REQUIRED: Final = "names the tool where only one is offered; else refuses such a request before it is sent"
_NO_TOOLS: Final = "leaves the tools out"
_SAID_OTHERWISE: Final = "leaves them out of schemas, says what they say in the descriptions, and checks it itself"
_NAMED: Final[dict[str, Any]] = {"type": "function", "function": {"name": "get_weather"}}


def offer(*tools: dict[str, Any], text: str = CALL_TOOL, **fields: Any) -> dict[str, Any]:
    """Give a body that offers tools, by default that of the weather."""
    return {"messages": [said(text)], "tools": [*(tools or (WEATHER,))], **fields}


def _forms(patient: Patient, form: str, *, taken: bool) -> dict[str, Any]:
    return among(patient.profile, "tool_choices", form, taken=taken)


async def ask_tools(patient: Patient) -> list[Finding]:
    """Offer a tool."""
    answer = await patient.ask(offer(), tokens=FULL)
    _prove(patient, answer)
    patient.toolless = answer.is_refused
    done = "cannot call tools here; typed outputs are asked for in another way"
    return [judge(answer, calls_seen(answer), otherwise=done, taken={"tools": True}, refused={"tools": False})]


def _prove(patient: Patient, answer: Answer) -> None:
    if answer.calls:
        patient.proven.add("tool")


async def ask_required(patient: Patient) -> list[Finding]:
    """Ask for a call, in the contract's word, and where that is refused in Mistral's."""
    answer = await patient.ask(offer(tool_choice="required"), tokens=FULL)
    _prove(patient, answer)
    if not answer.is_refused:
        taken = _forms(patient, "required", taken=True) | {"required_word": "required"}
        return [_obeyed(answer, judge(answer, calls_seen(answer), taken=taken))]
    again = await patient.ask(offer(tool_choice="any"), tokens=FULL)
    _prove(patient, again)
    if again.reply is None:
        gone = _forms(patient, "required", taken=False)
        return [judge(answer, "", otherwise=_REQUIRED, refused=gone)]
    return [
        Finding(
            verdict="deviates",
            seen=f"the word is `any`: {calls_seen(again)}; `required` is refused: {answer.words}",
            done="sends `any`",
            profile=_forms(patient, "required", taken=True) | {"required_word": "any"},
        )
    ]


async def ask_named(patient: Patient) -> list[Finding]:
    """Ask for a call of one tool by its name."""
    answer = await patient.ask(offer(WEATHER, TIME, tool_choice=_NAMED), tokens=FULL)
    finding = _choice(
        patient,
        "function",
        answer,
        "requires a call where that tool is the only one; else refuses such a request before it is sent",
    )
    return [_obeyed(answer, finding)]


async def ask_no_tools(patient: Patient) -> list[Finding]:
    """Offer a tool and forbid to call it."""
    answer = await patient.ask(offer(tool_choice="none"))
    if answer.calls:
        seen = f"taken, but not obeyed: {calls_seen(answer)}"
        gone = _forms(patient, "none", taken=False)
        return [Finding(verdict="deviates", seen=seen, done=_NO_TOOLS, profile=gone)]
    return [_choice(patient, "none", answer, _NO_TOOLS, seen="obeyed: no call")]


async def ask_allowed(patient: Patient) -> list[Finding]:
    """Offer two tools and allow one of them."""
    allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [_NAMED]}}
    answer = await patient.ask(offer(WEATHER, TIME, tool_choice=allowed), tokens=FULL)
    return [_obeyed(answer, _choice(patient, "allowed_tools", answer, "offers only the tools that are allowed"))]


def _choice(patient: Patient, form: str, answer: Answer, otherwise: str, seen: str = "") -> Finding:
    return judge(
        answer,
        seen or calls_seen(answer),
        otherwise=otherwise,
        taken=_forms(patient, form, taken=True),
        refused=_forms(patient, form, taken=False),
    )


def _obeyed(answer: Answer, finding: Finding) -> Finding:
    """Tell where a call was required and a whole reply has none: that is the endpoint's part, not the model's."""
    if answer.reply is None or answer.calls or answer.is_cut:
        return finding
    seen = finding.seen.replace("taken, but", "taken, but not obeyed:")
    return replace(finding, verdict="deviates", seen=seen, done="takes the text as the answer")


async def ask_parallel(patient: Patient) -> list[Finding]:
    """Ask for two calls at once, and say that this is allowed."""
    answer = await patient.ask(offer(WEATHER, TIME, text=BOTH, parallel_tool_calls=True), tokens=FULL)
    return [
        judge(
            answer,
            calls_seen(answer),
            otherwise="leaves `parallel_tool_calls` out",
            taken={"parallel_tool_calls": True},
            refused={"parallel_tool_calls": False},
        )
    ]


async def ask_streamed_calls(patient: Patient) -> list[Finding]:
    """Ask for two calls in a stream, required where that is taken."""
    known = "required" in patient.profile.tool_choices
    choice = {"tool_choice": patient.profile.required_word} if known else {}
    answer = await patient.ask(offer(WEATHER, TIME, text=BOTH, **choice), stream=True, tokens=FULL)
    return [judge(answer, calls_seen(answer), otherwise="cannot stream turns with tools here")]


async def ask_strict_tool(patient: Patient) -> Answer:
    """Offer a tool in strict mode."""
    return await patient.ask(offer(strict(WEATHER)), tokens=FULL)


async def ask_references(patient: Patient) -> list[Finding]:
    """Offer a tool whose schema has a `$ref`."""
    answer = await patient.ask(offer(referring(), text=HELLO))
    return [
        judge(
            answer,
            "taken",
            otherwise="writes the schema that a `$ref` names in its place",
            taken={"inline_refs": False},
            refused={"inline_refs": True},
        )
    ]


async def ask_keywords(patient: Patient) -> list[Finding]:
    """Offer a tool whose schema has many keywords, and again without those that a refusal names."""
    refused, words, rounds = tuple[str, ...](), "", 1
    body = _worded(refused)
    answer = await patient.ask(body)
    while answer.is_refused and rounds < ROUNDS and (named := _named_in(answer, body, refused)) != refused:
        refused, words, rounds = named, answer.words, rounds + 1
        body = _worded(refused)
        answer = await patient.ask(body)
    known = {"unsupported_keywords": refused}
    if not refused or answer.reply is None:
        return [judge(answer, "taken", otherwise=_SAID_OTHERWISE if refused else "", taken=known, refused=known)]
    seen = f"taken without {', '.join(refused)}; refused before: {words}"
    return [Finding(verdict="deviates", seen=seen, done=_SAID_OTHERWISE, profile=known)]


def _worded(refused: tuple[str, ...]) -> dict[str, Any]:
    parameters = without_keywords(WORDED, refused)
    return offer({**WEATHER, "function": {**WEATHER["function"], "parameters": parameters}}, text=HELLO)


def _named_in(answer: Answer, body: dict[str, Any], known: tuple[str, ...]) -> tuple[str, ...]:
    """Give the keywords that are known to be refused after an answer, as a model would learn them."""
    assert isinstance(answer.error, APIStatusError)
    lesson = learn(answer.error, ChatRequest.parse(body), Profile(unsupported_keywords=known))
    return lesson.changes.get("unsupported_keywords", known) if lesson else known
