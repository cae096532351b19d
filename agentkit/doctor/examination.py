"""All probes in their order, within the bounds: `examine` gives an `Examination`, its findings and the profile."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from agentkit.doctor.deviation import DONE
from agentkit.doctor.finding import Finding
from agentkit.doctor.patient import Bounds, Patient
from agentkit.doctor.probe import Probe, chosen
from agentkit.http.chat import ChatModel
from agentkit.http.profile import Profile
from agentkit.secret import scrub

__all__ = ["Examination", "Plan", "examine"]

_SOURCE = "agentkit doctor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What an examination takes at most; shown before it begins.

    Attributes:
        probes: What is asked, in order.
        requests: How many requests.
        tokens: How many tokens in all, in and out, by estimate.
        seconds: How long.
    """

    probes: tuple[Probe, ...]
    requests: int
    tokens: int
    seconds: float

    @classmethod
    def of(cls, bounds: Bounds, *, vision: bool = False) -> Plan:
        """Reckon what the probes take within the bounds."""
        probes = chosen(bounds, vision=vision)
        requests = sum(probe.requests for probe in probes)
        tokens = sum(probe.tokens(bounds) for probe in probes)
        return cls(
            probes=probes,
            requests=requests if bounds.requests is None else min(requests, bounds.requests),
            tokens=tokens if bounds.tokens is None else min(tokens, bounds.tokens),
            seconds=bounds.seconds,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What was found.

    Attributes:
        endpoint: The base URL.
        model: The model's name.
        checked: The day, as YYYY-MM-DD (UTC).
        requests: How many requests were sent.
        input_tokens: Spent, as the endpoint counted or by estimate.
        output_tokens: The same.
        seconds: How long it took.
        findings: In the order of asking; each deviation once, after the probe that met it first.
        profile: What `ChatModel(profile=...)` takes; None where the endpoint could not be asked at all.
    """

    endpoint: str
    model: str
    checked: str
    requests: int
    input_tokens: int
    output_tokens: int
    seconds: float
    findings: tuple[Finding, ...]
    profile: Profile | None

    @property
    def is_well(self) -> bool:
        """Tell whether all that agents need was tried and works."""
        return self.profile is not None and not any(one.needed and not one.is_met for one in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Give all of it in the form of JSON."""
        return {
            "endpoint": self.endpoint,
            "model": self.model,
            "checked": self.checked,
            "requests": self.requests,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "seconds": round(self.seconds, 1),
            "is_well": self.is_well,
            "findings": [finding.to_dict() for finding in self.findings],
            "profile": None if self.profile is None else asdict(self.profile),
        }


async def examine(
    model: ChatModel,
    *,
    bounds: Bounds | None = None,
    vision: bool = False,
    tell: Callable[[Probe], None] | None = None,
) -> Examination:
    """Ask an endpoint everything, one request after the other.

    It ends after the first probe where that gets no reply: the address, the key or the model's name is wrong.

    Args:
        model: Where it is. Its profile says how it is addressed, and stays where nothing is found out.
        bounds: How much may be asked.
        vision: Whether an image is shown, too.
        tell: Called with each probe before it begins.
    """
    bounds = bounds or Bounds()
    plan = Plan.of(bounds, vision=vision)
    begun, today = time.monotonic(), datetime.now(UTC).date().isoformat()
    findings: list[Finding] = []
    async with Patient(model, bounds, plan.requests) as patient:
        for place, probe in enumerate(plan.probes):
            if tell is not None:
                tell(probe)
            findings += await _try(patient, probe, plan)
            if place == 0 and findings[0].verdict in ("refused", "failed"):
                break
        reached = any(one.is_met and one.deviation is None for one in findings)
        return Examination(
            endpoint=model.base_url,
            model=model.name,
            checked=today,
            requests=patient.tap.sent,
            input_tokens=patient.tokens[0],
            output_tokens=patient.tokens[1],
            seconds=time.monotonic() - begun,
            findings=tuple(findings),
            profile=patient.profile.replace(source=_SOURCE, checked=today) if reached else None,
        )


async def _try(patient: Patient, probe: Probe, plan: Plan) -> list[Finding]:
    """Run a probe where enough is left for it; note what deviated, and what follows for the profile."""
    reason = _lack(patient, probe, plan)
    if reason is not None:
        return [Finding(probe=probe.name, verdict="skipped", seen=reason, needed=probe.needed)]
    known = set(patient.deviations)
    findings = [
        replace(one, probe=probe.name, needed=probe.needed, seen=scrub(one.seen)) for one in await probe.run(patient)
    ]
    for finding in findings:
        patient.profile = patient.profile.replace(**finding.profile)
    for name, seen in patient.deviations.items():
        if name not in known:
            findings.append(Finding(probe=probe.name, verdict="deviates", seen=seen, done=DONE[name], deviation=name))
    return findings


def _lack(patient: Patient, probe: Probe, plan: Plan) -> str | None:
    """Say why a probe cannot be asked."""
    if patient.stopped is not None:
        return patient.stopped
    if patient.seconds_left <= 0:
        return f"the bound of {plan.seconds:g} s is reached"
    if patient.toolless and probe.is_tooled:
        return "tools are refused"
    if patient.tap.sent + probe.requests > plan.requests:
        return f"it may take {probe.requests} requests; {plan.requests - patient.tap.sent} of {plan.requests} are left"
    spent = sum(patient.tokens)
    if probe.requests and spent + probe.tokens(patient.bounds) > plan.tokens:
        return f"it may take {probe.tokens(patient.bounds):,} tokens; {spent:,} of {plan.tokens:,} are spent"
    return None
