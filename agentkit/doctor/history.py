"""Probes of histories: tool results, ids of calls, empty texts, long results, reasoning sent back.

They are spelled by the profile that is known so far, but for what is tried; a call of the model's own is used where
it made one, for some endpoints know their calls again (Gemini by its signatures).
"""

from __future__ import annotations

from typing import Any

from pydantic_core import from_json

from agentkit.doctor.finding import Finding
from agentkit.doctor.patient import Answer, Patient
from agentkit.doctor.sample import BOTH, CALL_IDS, CALL_TOOL, TIME, WEATHER, history, long_text
from agentkit.doctor.verdict import judge, text_seen
from agentkit.errors import APIStatusError
from agentkit.http.dialect import spell
from agentkit.http.learn import learn
from agentkit.http.profile import Profile
from agentkit.wire.message import AssistantMessage
from agentkit.wire.request import ChatRequest

__all__ = [
    "ask_empty_content",
    "ask_long_result",
    "ask_odd_ids",
    "ask_reasoning",
    "ask_results",
    "ask_two_results",
    "called",
]

_NINE: dict[str, Any] = {"call_ids": "nine_alphanumeric"}


def called(patient: Patient, calls: int = 1, *, result: str = "4 degrees, rain", **changes: Any) -> list[Any]:
    """Give a history up to the results of calls: the model's own where it made so many at once, else invented ones.

    Args:
        patient: Who was asked before.
        calls: How many, 1 or 2.
        result: What each tool gave.
        changes: Fields of the assistant's message.
    """
    own = patient.called.get(calls)
    ids = [CALL_IDS[0], CALL_IDS[0].upper()][:calls]
    text = CALL_TOOL if calls == 1 else BOTH
    assistant = own or AssistantMessage.model_validate(history(ids)[1])
    results = [{"role": "tool", "tool_call_id": call.id, "content": result} for call in assistant.tool_calls]
    return [{"role": "user", "content": text}, assistant.replace(**changes), *results]


def _request(messages: list[Any]) -> ChatRequest:
    return ChatRequest.parse({"messages": messages, "tools": [WEATHER, TIME]})


async def _tell(patient: Patient, messages: list[Any], profile: Profile) -> Answer:
    spelled = spell(_request(messages), profile, stream=False)
    return await patient.ask(from_json(spelled.encode()))


async def _again(patient: Patient, messages: list[Any], refused: Answer, guess: dict[str, Any]) -> list[Finding]:
    """Tell it as its refusal says, or as a guess has it; give the finding where that is taken."""
    assert isinstance(refused.error, APIStatusError)
    lesson = learn(refused.error, _request(messages), patient.profile)
    changes = lesson.changes if lesson else guess
    answer = await _tell(patient, messages, patient.profile.replace(**changes))
    if answer.reply is None:
        return []
    done = _DONE.get(next(iter(changes)), "sends it as that says")
    seen = f"{text_seen(answer)}, but only otherwise: {refused.words}"
    return [Finding(verdict="deviates", seen=seen, done=done, profile=changes)]


_DONE = {
    "call_ids": "gives each call an id of nine letters and digits in what it sends",
    "echo": "sends the reasoning back, an empty one where there is none",
}


async def ask_results(patient: Patient) -> list[Finding]:
    """Send a call and its result."""
    messages = called(patient)
    answer = await _tell(patient, messages, patient.profile)
    if not answer.is_refused:
        whose = "" if 1 in patient.called else ", to a call of ours, for the model made none"
        return [judge(answer, f"{text_seen(answer)}{whose}")]
    found = await _again(patient, messages, answer, _NINE)
    return found or [judge(answer, "", otherwise="cannot give results of tools here")]


async def ask_odd_ids(patient: Patient) -> list[Finding]:
    """Send calls with ids in the forms that other endpoints give, as in a conversation that has moved."""
    if patient.profile.call_ids != "any":
        done = _DONE["call_ids"]
        return [Finding(verdict="skipped", seen="ids of nine letters and digits are known to be wanted", done=done)]
    messages: list[Any] = history(*CALL_IDS)
    answer = await _tell(patient, messages, patient.profile)
    if not answer.is_refused:
        return [judge(answer, f"taken: {', '.join(CALL_IDS)}")]
    found = await _again(patient, messages, answer, _NINE)
    return found or [judge(answer, "", otherwise="keeps ids as they are")]


async def ask_two_results(patient: Patient) -> list[Finding]:
    """Send two calls of one turn and their results."""
    answer = await _tell(patient, called(patient, 2), patient.profile)
    done = "sends them as they are, and raises this error: set Settings(parallel_tool_calls=False) if that is taken"
    return [judge(answer, text_seen(answer), otherwise=done)]


async def ask_empty_content(patient: Patient) -> list[Finding]:
    """Send a call with an empty text beside it."""
    answer = await _tell(patient, called(patient, content=""), patient.profile.replace(empty_content=True))
    return [
        judge(
            answer,
            "taken",
            otherwise="sends null in place of an empty text",
            taken={"empty_content": True},
            refused={"empty_content": False},
        )
    ]


async def ask_long_result(patient: Patient) -> list[Finding]:
    """Send a long result of a tool."""
    size = patient.bounds.result_bytes
    answer = await _tell(patient, called(patient, result=long_text(size)), patient.profile)
    done = "sends results whole: cut them in the tool, or keep less of the history"
    return [judge(answer, f"taken, {size:,} bytes: {text_seen(answer)}", otherwise=done)]


async def ask_reasoning(patient: Patient) -> list[Finding]:
    """Send reasoning back where any came; whether it is demanded was seen with the results of tools."""
    field = next(iter(patient.reasoning), None)
    known = patient.profile.echo
    came = f"it comes in `{field}`" if field else "none came in a field of its own"
    if known:
        return [Finding(verdict="works", seen=f"{came}; `{known[0]}` is wanted back", done="sends it back")]
    if field is None:
        return [Finding(verdict="skipped", seen=came)]
    messages: list[Any] = called(
        patient, **{("reasoning_text" if field == "reasoning" else field): patient.reasoning[field]}
    )
    answer = await _tell(patient, messages, patient.profile.replace(echo=(field,)))
    seen = f"{came}, and is taken back, though not demanded"
    return [judge(answer, seen, otherwise=f"{came}; it is read, and not sent back", refused={"echo": ()})]
