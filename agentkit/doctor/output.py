"""Probes of typed outputs: JSON mode, schemas, strictness, and which way of asking is the best that works."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, cast

from agentkit.doctor.call import FULL, ask_strict_tool, offer
from agentkit.doctor.finding import Finding
from agentkit.doctor.patient import Answer, Patient
from agentkit.doctor.sample import CALL_AND_REPORT, JSON_WORDS, said, schema_format
from agentkit.doctor.verdict import among, calls_seen, judge, text_seen
from agentkit.kind import is_object

__all__ = ["ask_beside_tools", "ask_json", "ask_output", "ask_schema", "ask_strict"]

_MODES: Final = ("native", "tool", "json", "prompted")  # the best first
_ASKS_AGAIN: Final = "finds the JSON in the text, or asks again with what is wrong"
_FIRST_TOOLS: Final = "asks for the format only once no more tools are called, or for the output by a tool"
_NO_FIELD: Final = "asks for typed outputs in another way, and refuses requests with this format before they are sent"


async def _ask(patient: Patient, form: dict[str, Any] | None) -> Answer:
    body: dict[str, Any] = {"messages": [said(JSON_WORDS)]}
    return await patient.ask(body if form is None else {**body, "response_format": form}, tokens=FULL)


def _document(answer: Answer) -> Any:
    try:
        return json.loads(answer.text)
    except ValueError:
        return None


def _is_report(answer: Answer) -> bool:
    report = _document(answer)
    if not is_object(report) or set(report) != {"city", "degrees"}:
        return False
    degrees: object = report["degrees"]
    return isinstance(report["city"], str) and isinstance(degrees, int) and not isinstance(degrees, bool)


async def _try(
    patient: Patient, form: dict[str, Any], mode: str, what: str, is_obeyed: Callable[[Answer], bool]
) -> list[Finding]:
    """Say whether a format was taken, and whether it was obeyed, which is the endpoint's part and not the model's."""
    answer = await _ask(patient, form)
    taken = among(patient.profile, "response_formats", form["type"], taken=True)
    if is_obeyed(answer):
        patient.proven.add(mode)
    elif answer.reply is not None:
        seen = f"taken, but this is not {what}: {text_seen(answer)}"
        if answer.is_cut:
            return [Finding(verdict="works", seen=f"{seen}, cut at the token limit", profile=taken)]
        return [Finding(verdict="deviates", seen=seen, done=_ASKS_AGAIN, profile=taken)]
    refused = among(patient.profile, "response_formats", form["type"], taken=False)
    return [judge(answer, what, otherwise=_NO_FIELD, taken=taken, refused=refused)]


async def ask_json(patient: Patient) -> list[Finding]:
    """Ask for any JSON object."""

    def is_obeyed(answer: Answer) -> bool:
        return is_object(_document(answer))

    return await _try(patient, {"type": "json_object"}, "json", "one JSON object", is_obeyed)


async def ask_schema(patient: Patient) -> list[Finding]:
    """Ask for JSON by a schema."""
    return await _try(patient, schema_format(exact=False), "native", "JSON by the schema", _is_report)


async def ask_beside_tools(patient: Patient) -> list[Finding]:
    """Ask for JSON and offer a tool that is to be called first, if the model was seen to call one."""
    forms = {"json_schema": schema_format(exact=False), "json_object": {"type": "json_object"}}
    form = next((form for kind, form in forms.items() if kind in patient.profile.response_formats), None)
    if form is None:
        return [Finding(verdict="skipped", seen="no format is taken")]
    answer = await patient.ask(offer(text=CALL_AND_REPORT, response_format=form), tokens=FULL)
    if answer.reply is None:
        return [judge(answer, "", otherwise=_FIRST_TOOLS, refused={"formats_with_tools": False})]
    if answer.calls:
        return [Finding(verdict="works", seen=calls_seen(answer), profile={"formats_with_tools": True})]
    if "tool" not in patient.proven or answer.is_cut:
        return [Finding(verdict="works", seen=calls_seen(answer))]
    seen = f"taken, but then the model calls no tool: {text_seen(answer)}"
    return [Finding(verdict="deviates", seen=seen, done=_FIRST_TOOLS, profile={"formats_with_tools": False})]


async def ask_strict(patient: Patient) -> list[Finding]:
    """Ask for strictness, of a tool and of a schema, where each of them is taken."""
    findings: list[Finding] = []
    if not patient.toolless:
        answer = await ask_strict_tool(patient)
        called = f"; {calls_seen(answer)}" if answer.calls else ""
        findings.append(_strictness(answer, f"a strict tool is taken{called}"))
    if "json_schema" in patient.profile.response_formats:
        answer = await _ask(patient, schema_format(exact=True))
        obeyed = _is_report(answer)
        if obeyed:
            patient.proven.add("native")
        told = "it came by the schema" if obeyed else f"what came is not JSON by the schema: {text_seen(answer)}"
        finding = _strictness(answer, f"a strict schema is taken; {told}")
        ignored = finding.verdict == "works" and not obeyed and not answer.is_cut
        findings.append(replace(finding, verdict="deviates", done=_ASKS_AGAIN) if ignored else finding)
    if not findings:
        return [Finding(verdict="skipped", seen="neither tools nor schemas are taken")]
    if any(finding.verdict == "refused" for finding in findings):  # one field of the profile says it of both
        return [replace(finding, profile={"strict": False}) for finding in findings]
    return findings


def _strictness(answer: Answer, seen: str) -> Finding:
    done = "leaves `strict` out, and checks what comes all the same"
    return judge(answer, seen, otherwise=done, taken={"strict": True})


async def ask_output(patient: Patient) -> list[Finding]:
    """Choose the best way to ask for typed outputs; where none is proven yet, try it in words alone."""
    if not patient.proven and _is_report(await _ask(patient, None)):
        patient.proven.add("prompted")
    best = next((mode for mode in _MODES if mode in patient.proven), None)
    if best is None:
        seen = f"the model gave none in any way; the mode stays {patient.profile.output_mode!r}"
        done = "asks again with what is wrong, as often as the output's `retries` allow"
        return [Finding(verdict="skipped", seen=seen, done=done)]
    worked = ", ".join(mode for mode in _MODES if mode in patient.proven)
    profile = cast("dict[str, Any]", {"output_mode": best})
    return [Finding(verdict="works", seen=f"worked: {worked}", done=f"asks in the mode {best!r}", profile=profile)]
