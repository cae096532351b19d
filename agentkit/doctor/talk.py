"""Probes of plain talk: replies, streams, usage, token limits, where instructions may stand, images, errors."""

from __future__ import annotations

from typing import Any, Final

from agentkit.doctor.finding import Finding
from agentkit.doctor.patient import Answer, Patient
from agentkit.doctor.sample import COUNT, HELLO, picture, said, system
from agentkit.doctor.verdict import judge, text_seen
from agentkit.http.fault import clean

__all__ = [
    "ask_bad_request",
    "ask_developer",
    "ask_image",
    "ask_limit",
    "ask_plain",
    "ask_stream",
    "ask_systems",
    "ask_unknown_model",
    "ask_usage",
    "note_waits",
]

_LIMIT: Final = 16
_SLACK: Final = 4  # tokens that servers count beyond a limit: marks of the end, of a turn
_FIELDS: Final = ("max_tokens", "max_completion_tokens")
_NO_MODEL: Final = "agentkit-doctor-no-such-model"
_MERGES: Final = "joins all instructions into one message at the first place"


async def ask_plain(patient: Patient) -> list[Finding]:
    """Ask for a short text; where the token limit is refused by name, once more in its other spelling."""
    body: dict[str, Any] = {"messages": [said(HELLO)]}
    answer = await patient.ask(body)
    if answer.reply is not None:
        return [judge(answer, text_seen(answer))]
    advice = Finding(verdict="refused" if answer.is_refused else "failed", seen=clean(str(answer.error)))
    field = patient.profile.max_tokens_field
    if not answer.is_refused or "max_tokens" not in answer.words:
        return [advice]
    other = _other(field)
    again = await patient.ask({**body, other: _LIMIT})
    if again.reply is None:
        return [advice]
    patient.profile = patient.profile.replace(max_tokens_field=other)
    seen = f"{text_seen(again)}; `{field}` is refused: {answer.words}"
    return [Finding(verdict="works", seen=seen, done=f"sends `{other}`", profile={"max_tokens_field": other})]


async def ask_limit(patient: Patient) -> list[Finding]:
    """See which spelling of the token limit is obeyed."""
    field = patient.profile.max_tokens_field
    answer = await patient.ask({"messages": [said(COUNT)], field: _LIMIT})
    if answer.reply is None or _is_obeyed(answer):
        return [judge(answer, f"`{field}` is obeyed", taken={"max_tokens_field": field})]
    other = _other(field)
    again = await patient.ask({"messages": [said(COUNT)], other: _LIMIT})
    if again.reply is not None and _is_obeyed(again):
        seen = f"`{field}` is ignored, `{other}` is obeyed"
        return [Finding(verdict="deviates", seen=seen, done=f"sends `{other}`", profile={"max_tokens_field": other})]
    seen = f"a limit of {_LIMIT} tokens was not seen to be obeyed: the reply has {_spent(answer)}"
    return [Finding(verdict="deviates", seen=seen, done="sends the limit; it cannot bound what such a reply costs")]


def _is_obeyed(answer: Answer) -> bool:
    if answer.is_cut:
        return True
    usage = answer.reply.usage if answer.reply else None
    if usage is not None and usage.completion_tokens:
        return usage.completion_tokens <= _LIMIT + _SLACK
    return len(answer.text.split()) <= _LIMIT + _SLACK


def _spent(answer: Answer) -> str:
    usage = answer.reply.usage if answer.reply else None
    return f"{usage.completion_tokens} tokens" if usage else f"{len(answer.text.split())} words"


def _other(field: str) -> str:
    return _FIELDS[field == _FIELDS[0]]


async def ask_stream(patient: Patient) -> list[Finding]:
    """Ask for a short text in pieces."""
    answer = await patient.ask({"messages": [said(HELLO)]}, stream=True)
    return [judge(answer, f"{text_seen(answer)}, finish_reason {answer.finish_reason}")]


async def ask_usage(patient: Patient) -> list[Finding]:
    """Ask a stream to tell its usage."""
    body = {"messages": [said(HELLO)], "stream_options": {"include_usage": True}}
    answer = await patient.ask(body, stream=True)
    usage = answer.reply.usage if answer.reply else None
    told = f"{usage.prompt_tokens} tokens in, {usage.completion_tokens} out" if usage else "taken, but no usage came"
    return [
        judge(
            answer,
            told,
            otherwise="leaves `stream_options` out; usage is counted only where it comes unasked",
            taken={"stream_usage": True},
            refused={"stream_usage": False},
        )
    ]


async def ask_systems(patient: Patient) -> list[Finding]:
    """See whether instructions may come twice, and later than first."""
    two = await patient.ask({"messages": [system("Be brief."), system("Be kind."), said(HELLO)]})
    talk = [said(HELLO), {"role": "assistant", "content": "Hello."}]
    late = await patient.ask({"messages": [*talk, system("Be kind."), said(HELLO)]})
    first = {"system_messages": "first"}
    anywhere = {"system_messages": "anywhere"} if two.reply is not None and late.reply is not None else {}
    return [
        judge(two, "two system messages are taken", otherwise=_MERGES, refused=first),
        judge(late, "a system message after others is taken", otherwise=_MERGES, taken=anywhere, refused=first),
    ]


async def ask_developer(patient: Patient) -> list[Finding]:
    """Ask with the role that newer models have for instructions."""
    answer = await patient.ask({"messages": [system("Be brief.", "developer"), said(HELLO)]})
    return [
        judge(
            answer,
            "taken",
            otherwise="sends such messages as `system`",
            taken={"developer_role": True},
            refused={"developer_role": False},
        )
    ]


async def ask_image(patient: Patient) -> list[Finding]:
    """Show a small red square."""
    parts: list[dict[str, Any]] = [
        {"type": "text", "text": "Which colour is this square? One word."},
        {"type": "image_url", "image_url": {"url": picture()}},
    ]
    answer = await patient.ask({"messages": [said(parts)]})
    return [judge(answer, text_seen(answer), otherwise="sends images as they are given, and raises this error")]


async def ask_unknown_model(patient: Patient) -> list[Finding]:
    """Ask a model that does not exist."""
    answer = await patient.ask({"model": _NO_MODEL, "messages": [said("Hi")]})
    return [_refusal(answer, "a model that does not exist", "cannot tell you that a model's name is misspelt")]


async def ask_bad_request(patient: Patient) -> list[Finding]:
    """Send messages that are no list."""
    answer = await patient.ask({"messages": "Hi"})
    return [_refusal(answer, "messages that are no list", "checks requests before it sends them")]


def _refusal(answer: Answer, what: str, done: str) -> Finding:
    """Judge the error that must come."""
    if answer.reply is not None:
        return Finding(verdict="deviates", seen=f"{what}: answered as if all were well", done=done)
    if answer.status is None:
        return Finding(verdict="failed", seen=answer.words)
    if 400 <= answer.status < 500:
        return Finding(verdict="works", seen=answer.words)
    if answer.status == 200:
        seen = f"{what}: an error under the status {answer.words}"
        return Finding(verdict="deviates", seen=seen, done="raises the error that it is, by its code")
    return Finding(
        verdict="deviates",
        seen=f"{what}: {answer.words}",
        done="asks again, as for any fault of a server, before it raises the error",
    )


async def note_waits(patient: Patient) -> list[Finding]:
    """Tell whether it asked to wait; nothing is sent to provoke that."""
    if not patient.waits:
        return [Finding(verdict="skipped", seen="no 429 or 503 came, and none is provoked")]
    seen = f"asked for patience {len(patient.waits)} times, first {patient.waits[0]}"
    return [Finding(verdict="works", seen=seen, done="waits as long as it is asked to, within `Retry`, and asks again")]
