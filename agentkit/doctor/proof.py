"""The last probe: one turn as agents send it, by `ChatModel` with the profile that was found."""

from __future__ import annotations

from dataclasses import asdict, replace

from agentkit.doctor.finding import Finding
from agentkit.doctor.history import called
from agentkit.doctor.patient import Patient
from agentkit.doctor.sample import WEATHER, strict, system
from agentkit.doctor.verdict import judge, text_seen
from agentkit.wire.request import ChatRequest

__all__ = ["ask_whole"]

_TOKENS = 32


async def ask_whole(patient: Patient) -> list[Finding]:
    """Send instructions in two places, a call with an empty text and its result, and a strict tool, streamed."""
    request = ChatRequest.parse(
        {
            "messages": [
                system("Be brief."),
                *called(patient, content=""),
                system("Answer in one sentence."),
            ],
            "tools": [strict(WEATHER)],
            "tool_choice": "auto",
            "max_completion_tokens": min(_TOKENS, patient.bounds.reply_tokens),
        }
    )
    model = patient.over(patient.profile)
    async with model:
        answer = await patient.send(model, request, stream=True)
    finding = judge(answer, text_seen(answer), otherwise="raises this error; the profile found is not the whole truth")
    known = asdict(patient.profile)
    learned = {name: value for name, value in asdict(model.profile).items() if value != known[name]}
    if not learned:
        return [finding]
    done = f"has learned more from refusals: {', '.join(learned)}"
    return [finding if answer.reply is None else replace(finding, verdict="deviates", done=done, profile=learned)]
